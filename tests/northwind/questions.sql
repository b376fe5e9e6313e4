-- Questions about a trading company, from a count to MERGE and types of one's own.

-- How large is everything?
SELECT 'categories' AS relation, count(*) FROM categories UNION ALL SELECT 'customers', count(*) FROM customers UNION ALL SELECT 'employees', count(*) FROM employees UNION ALL SELECT 'employee_territories', count(*) FROM employee_territories UNION ALL SELECT 'order_details', count(*) FROM order_details UNION ALL SELECT 'orders', count(*) FROM orders UNION ALL SELECT 'products', count(*) FROM products UNION ALL SELECT 'region', count(*) FROM region UNION ALL SELECT 'shippers', count(*) FROM shippers UNION ALL SELECT 'suppliers', count(*) FROM suppliers UNION ALL SELECT 'territories', count(*) FROM territories UNION ALL SELECT 'us_states', count(*) FROM us_states ORDER BY relation;
-- What is each order worth, for the ten largest?
SELECT order_id, sum((unit_price * quantity * (1 - discount))::numeric(12,2)) AS worth, count(*) AS lines FROM order_details GROUP BY order_id ORDER BY worth DESC, order_id LIMIT 10;
-- Which products have to be ordered again?
SELECT product_id, units_in_stock, units_on_order, reorder_level FROM products WHERE discontinued = 0 AND units_in_stock + units_on_order <= reorder_level ORDER BY product_id;
-- How long do shipments take, by shipper, and how many came too late?
SELECT ship_via, count(*) AS shipped, round(avg(shipped_date - order_date), 2) AS days, max(shipped_date - order_date) AS longest, count(*) FILTER (WHERE shipped_date > required_date) AS late FROM orders WHERE shipped_date IS NOT NULL GROUP BY ship_via ORDER BY ship_via;
-- Which customers never ordered anything?
SELECT c.customer_id FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE o.order_id IS NULL ORDER BY 1;
-- The same, asked in two other ways, is the same number.
SELECT (SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.customer_id)), (SELECT count(*) FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM orders)), (SELECT count(*) FROM (SELECT customer_id FROM customers EXCEPT SELECT customer_id FROM orders) e);
-- Who reports to whom, with the whole path?
WITH RECURSIVE chain AS (SELECT employee_id, reports_to, ARRAY[employee_id] AS path FROM employees WHERE reports_to IS NULL UNION ALL SELECT e.employee_id, e.reports_to, path || e.employee_id FROM employees e JOIN chain c ON e.reports_to = c.employee_id) SELECT employee_id, reports_to, cardinality(path) AS level, path FROM chain ORDER BY path;
-- What did each category bring in each year, with totals?
SELECT p.category_id, extract(year FROM o.order_date)::int AS year, sum((d.unit_price * d.quantity * (1 - d.discount))::numeric(12,2)) AS revenue FROM order_details d JOIN orders o USING (order_id) JOIN products p USING (product_id) GROUP BY ROLLUP (1, 2) ORDER BY 1 NULLS LAST, 2 NULLS LAST;
-- Which three products sold most in each category?
SELECT category_id, product_id, sold, place FROM (SELECT p.category_id, p.product_id, sum(d.quantity) AS sold, rank() OVER (PARTITION BY p.category_id ORDER BY sum(d.quantity) DESC) AS place FROM products p JOIN order_details d USING (product_id) GROUP BY p.category_id, p.product_id) r WHERE place <= 3 ORDER BY category_id, place, product_id;
-- How did the number of orders develop, with a moving average of three months?
SELECT month::date, orders, round(avg(orders) OVER (ORDER BY month ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), 2) AS moving, orders - lag(orders) OVER (ORDER BY month) AS change FROM (SELECT date_trunc('month', order_date) AS month, count(*) AS orders FROM orders GROUP BY 1) m ORDER BY month;
-- Which employees look after which regions?
SELECT e.employee_id, array_agg(DISTINCT t.region_id ORDER BY t.region_id) AS regions, count(*) AS territories FROM employees e JOIN employee_territories USING (employee_id) JOIN territories t USING (territory_id) GROUP BY e.employee_id ORDER BY 1;
-- Which countries buy, and which sell?
SELECT country, bool_or(buys) AS buys, bool_or(sells) AS sells FROM (SELECT country, true AS buys, false AS sells FROM customers UNION SELECT country, false, true FROM suppliers) b GROUP BY country HAVING bool_or(buys) AND bool_or(sells) ORDER BY country;
-- What share of its orders did each employee sell with a discount?
SELECT o.employee_id, count(DISTINCT o.order_id) AS orders, round(100.0 * count(DISTINCT o.order_id) FILTER (WHERE d.discount > 0) / count(DISTINCT o.order_id), 1) AS percent FROM orders o JOIN order_details d ON d.order_id = o.order_id GROUP BY o.employee_id ORDER BY percent DESC, 1;
-- Which pairs of products are bought together most often?
SELECT a.product_id AS one, b.product_id AS other, count(*) AS together FROM order_details a JOIN order_details b ON a.order_id = b.order_id AND a.product_id < b.product_id GROUP BY 1, 2 HAVING count(*) >= 7 ORDER BY together DESC, one, other;
-- How old were employees when they were hired?
SELECT employee_id, age(hire_date, birth_date) AS age, extract(isodow FROM hire_date) AS day, to_char(hire_date, 'Day DD Mon YYYY') AS shown FROM employees ORDER BY hire_date, employee_id;
-- How do prices spread within each category?
SELECT category_id, count(*) AS products, min(unit_price), percentile_cont(0.5) WITHIN GROUP (ORDER BY unit_price) AS median, max(unit_price), mode() WITHIN GROUP (ORDER BY units_in_stock) AS common FROM products GROUP BY category_id ORDER BY category_id;
-- For each customer, what was the newest order that had more than four lines?
SELECT c.customer_id, n.order_id, n.order_date FROM customers c CROSS JOIN LATERAL (SELECT o.order_id, o.order_date FROM orders o WHERE o.customer_id = c.customer_id AND (SELECT count(*) FROM order_details d WHERE d.order_id = o.order_id) > 4 ORDER BY o.order_date DESC, o.order_id DESC LIMIT 1) n ORDER BY n.order_date DESC, 1 LIMIT 12;
-- Which orders came on the day of another order of the same customer, or within three days?
SELECT DISTINCT ON (customer_id) customer_id, order_id, gap FROM (SELECT customer_id, order_id, order_date - lag(order_date) OVER (PARTITION BY customer_id ORDER BY order_date, order_id) AS gap FROM orders) g WHERE gap <= 3 ORDER BY customer_id, gap, order_id;
-- One order as a document.
SELECT jsonb_build_object('order', o.order_id, 'date', o.order_date, 'lines', jsonb_agg(jsonb_build_object('product', d.product_id, 'pieces', d.quantity) ORDER BY d.product_id)) AS document FROM orders o JOIN order_details d USING (order_id) WHERE o.order_id = 10248 GROUP BY o.order_id, o.order_date;
-- In which months did every employee sell something?
SELECT date_trunc('month', order_date)::date AS month, count(DISTINCT employee_id) AS sellers FROM orders GROUP BY 1 HAVING count(DISTINCT employee_id) = (SELECT count(*) FROM employees) ORDER BY 1;
-- Postal codes and telephone numbers by their form.
SELECT regexp_replace(regexp_replace(postal_code, '[0-9]', '9', 'g'), '[A-Z]', 'A', 'g') AS form, count(*) FROM customers GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8;
-- Which customers make up the first half of all revenue?
WITH spent AS (SELECT o.customer_id, sum((d.unit_price * d.quantity * (1 - d.discount))::numeric(12,2)) AS total FROM orders o JOIN order_details d USING (order_id) GROUP BY 1), running AS (SELECT *, sum(total) OVER (ORDER BY total DESC, customer_id) AS so_far, sum(total) OVER () AS everything FROM spent) SELECT customer_id, total, round(100 * so_far / everything, 2) AS percent FROM running WHERE so_far - total < everything / 2 ORDER BY total DESC, customer_id;
-- The constraints of the script hold.
INSERT INTO orders (order_id, customer_id) VALUES (1, 'XXXXX');
DELETE FROM products WHERE product_id = 11;
INSERT INTO order_details VALUES (10248, 11, 1, 1, 0);
UPDATE products SET product_name = NULL WHERE product_id = 1;
-- Orders arrive: stock goes up for what was on order, and what is new is added, in one statement.
BEGIN;
MERGE INTO products p USING (SELECT product_id, units_on_order FROM products WHERE units_on_order > 0 UNION ALL SELECT 999, 5) a ON p.product_id = a.product_id WHEN MATCHED THEN UPDATE SET units_in_stock = units_in_stock + a.units_on_order, units_on_order = 0 WHEN NOT MATCHED THEN INSERT (product_id, product_name, units_in_stock, discontinued) VALUES (a.product_id, 'new', a.units_on_order, 0);
SELECT sum(units_in_stock), sum(units_on_order), count(*) FROM products;
-- Columns become what they mean.
CREATE DOMAIN pieces AS smallint CHECK (VALUE >= 0);
ALTER TABLE products ALTER COLUMN units_in_stock TYPE pieces;
UPDATE products SET units_in_stock = units_in_stock - 1000 WHERE product_id = 1;
ROLLBACK;
SELECT sum(units_in_stock), sum(units_on_order), count(*) FROM products;
