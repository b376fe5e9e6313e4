-- Questions about a music shop, from a count to a chain of common table expressions with windows.

-- How large is everything?
SELECT 'album' AS relation, count(*) FROM album UNION ALL SELECT 'artist', count(*) FROM artist UNION ALL SELECT 'customer', count(*) FROM customer UNION ALL SELECT 'employee', count(*) FROM employee UNION ALL SELECT 'genre', count(*) FROM genre UNION ALL SELECT 'invoice', count(*) FROM invoice UNION ALL SELECT 'invoice_line', count(*) FROM invoice_line UNION ALL SELECT 'media_type', count(*) FROM media_type UNION ALL SELECT 'playlist', count(*) FROM playlist UNION ALL SELECT 'playlist_track', count(*) FROM playlist_track UNION ALL SELECT 'track', count(*) FROM track ORDER BY relation;
-- Which are the five longest tracks?
SELECT track_id, milliseconds / 60000 AS minutes, (bytes / 1048576.0)::numeric(10,1) AS megabytes FROM track ORDER BY milliseconds DESC LIMIT 5;
-- How many customers has each country, where more than three live?
SELECT country, count(*) AS customers FROM customer GROUP BY country HAVING count(*) > 3 ORDER BY customers DESC, country;
-- What did each of the ten best customers spend?
SELECT c.customer_id, count(*) AS invoices, sum(i.total) AS spent, round(avg(i.total), 2) AS average, max(i.invoice_date)::date AS last FROM customer c JOIN invoice i USING (customer_id) GROUP BY c.customer_id ORDER BY spent DESC, c.customer_id LIMIT 10;
-- Which genres sell, by pieces and by revenue, and what is each one's share?
SELECT g.genre_id, count(l.track_id) AS sold, sum(l.unit_price * l.quantity) AS revenue, round(100 * sum(l.unit_price * l.quantity) / sum(sum(l.unit_price * l.quantity)) OVER (), 2) AS percent FROM genre g LEFT JOIN track t ON t.genre_id = g.genre_id LEFT JOIN invoice_line l ON l.track_id = t.track_id GROUP BY g.genre_id ORDER BY revenue DESC NULLS LAST, g.genre_id;
-- How many tracks were never sold, and how many albums have not one sold track?
SELECT (SELECT count(*) FROM track t WHERE NOT EXISTS (SELECT 1 FROM invoice_line l WHERE l.track_id = t.track_id)) AS tracks, (SELECT count(*) FROM album a WHERE a.album_id NOT IN (SELECT t.album_id FROM track t JOIN invoice_line l ON l.track_id = t.track_id)) AS albums;
-- Who reports to whom, how deep is the tree, and what did each branch's customers buy?
WITH RECURSIVE tree AS (SELECT employee_id, employee_id AS head, 0 AS depth FROM employee UNION ALL SELECT e.employee_id, t.head, t.depth + 1 FROM employee e JOIN tree t ON e.reports_to = t.employee_id) SELECT head, max(depth) AS depth, count(DISTINCT tree.employee_id) AS people, coalesce(sum(i.total), 0) AS sales FROM tree LEFT JOIN customer c ON c.support_rep_id = tree.employee_id LEFT JOIN invoice i ON i.customer_id = c.customer_id GROUP BY head ORDER BY sales DESC, head;
-- How did revenue develop, month by month, with a running total and the change to a year before?
SELECT month::date, revenue, sum(revenue) OVER (ORDER BY month) AS running, revenue - lag(revenue, 12) OVER (ORDER BY month) AS change FROM (SELECT date_trunc('month', invoice_date) AS month, sum(total) AS revenue FROM invoice GROUP BY 1) m ORDER BY month;
-- Which is the most bought genre of each country, ties included?
WITH bought AS (SELECT i.billing_country AS country, t.genre_id, sum(l.quantity) AS pieces FROM invoice i JOIN invoice_line l USING (invoice_id) JOIN track t USING (track_id) GROUP BY 1, 2), ranked AS (SELECT *, rank() OVER (PARTITION BY country ORDER BY pieces DESC) AS place FROM bought) SELECT country, string_agg(genre_id::text, ',' ORDER BY genre_id) AS genres, max(pieces) AS pieces FROM ranked WHERE place = 1 GROUP BY country ORDER BY country;
-- Which pairs of artists are bought together most often in one invoice?
WITH baskets AS (SELECT DISTINCT l.invoice_id, a.artist_id FROM invoice_line l JOIN track t ON t.track_id = l.track_id JOIN album a ON a.album_id = t.album_id) SELECT x.artist_id AS one, y.artist_id AS other, count(*) AS together FROM baskets x JOIN baskets y ON x.invoice_id = y.invoice_id AND x.artist_id < y.artist_id GROUP BY 1, 2 HAVING count(*) > 3 ORDER BY together DESC, one, other LIMIT 15;
-- Per customer: the first and the last purchase, days between purchases, and the quartile of spending.
WITH purchases AS (SELECT customer_id, invoice_date, total, invoice_date - lag(invoice_date) OVER (PARTITION BY customer_id ORDER BY invoice_date) AS gap FROM invoice), summary AS (SELECT customer_id, min(invoice_date)::date AS first, max(invoice_date)::date AS last, avg(extract(day FROM gap))::numeric(8,1) AS days, sum(total) AS spent FROM purchases GROUP BY customer_id) SELECT *, ntile(4) OVER (ORDER BY spent DESC, customer_id) AS quartile FROM summary ORDER BY spent DESC, customer_id LIMIT 12;
-- Which playlists overlap most, measured by shared tracks over all their tracks?
SELECT a.playlist_id AS one, b.playlist_id AS other, count(*) AS shared, round(count(*)::numeric / (SELECT count(DISTINCT track_id) FROM playlist_track WHERE playlist_id IN (a.playlist_id, b.playlist_id)), 4) AS jaccard FROM playlist_track a JOIN playlist_track b ON a.track_id = b.track_id AND a.playlist_id < b.playlist_id GROUP BY a.playlist_id, b.playlist_id ORDER BY jaccard DESC, one, other;
-- How long does each playlist play, and how much of it is longer than five minutes?
SELECT p.playlist_id, count(t.track_id) AS tracks, make_interval(secs => sum(t.milliseconds) / 1000) AS time, count(*) FILTER (WHERE t.milliseconds > 300000) AS long FROM playlist p LEFT JOIN playlist_track USING (playlist_id) LEFT JOIN track t USING (track_id) GROUP BY p.playlist_id ORDER BY p.playlist_id;
-- Which playlists have exactly the same tracks?
SELECT array_agg(playlist_id ORDER BY playlist_id) AS playlists, n FROM (SELECT playlist_id, array_agg(track_id ORDER BY track_id) AS tracks, count(*) AS n FROM playlist_track GROUP BY playlist_id) s GROUP BY tracks, n HAVING count(*) > 1 ORDER BY n;
-- Who looks after which customers, and when did each of these buy last?
SELECT e.employee_id, c.customer_id, last.invoice_date::date FROM employee e JOIN customer c ON c.support_rep_id = e.employee_id CROSS JOIN LATERAL (SELECT invoice_date FROM invoice i WHERE i.customer_id = c.customer_id ORDER BY invoice_date DESC LIMIT 1) last WHERE c.country IN ('Brazil', 'France') ORDER BY 1, 3, 2;
-- Totals by country and year, by country, by year, and of all.
SELECT billing_country, extract(year FROM invoice_date)::int AS year, sum(total), grouping(billing_country, extract(year FROM invoice_date)::int) AS level FROM invoice WHERE billing_country LIKE 'C%' GROUP BY CUBE (1, 2) ORDER BY 4, 1, 2;
-- Which albums does nobody own a second track of, among those that sold at all?
SELECT count(*) AS albums, sum(n) AS tracks FROM (SELECT t.album_id, count(DISTINCT l.track_id) AS n FROM track t JOIN invoice_line l USING (track_id) GROUP BY t.album_id HAVING count(DISTINCT l.track_id) = 1) x;
-- Which words begin the most titles of tracks?
SELECT lower((regexp_match(name, '^[A-Za-z]+'))[1]) AS word, count(*) FROM track GROUP BY 1 HAVING count(*) > 20 ORDER BY 2 DESC, 1;
-- Where are customers of one mail provider, by how often its name is used?
SELECT split_part(email, '@', 2) AS provider, count(*), count(DISTINCT country) AS countries, bool_and(company IS NULL) AS all_private FROM customer GROUP BY 1 HAVING count(*) > 2 ORDER BY 2 DESC, 1;
-- In which percentile of all invoices is each value that occurs?
SELECT total, count(*), round((100 * cume_dist() OVER (ORDER BY total))::numeric, 2) AS percentile, round((percent_rank() OVER (ORDER BY total))::numeric, 4) AS rank FROM invoice GROUP BY total ORDER BY total LIMIT 10;
-- Invoices and their lines agree.
SELECT count(*) FROM invoice i WHERE total <> (SELECT sum(unit_price * quantity) FROM invoice_line l WHERE l.invoice_id = i.invoice_id);
-- The constraints of the script hold.
DELETE FROM artist WHERE artist_id = 1;
INSERT INTO album VALUES (1, 'again', 1);
INSERT INTO invoice_line VALUES (99999, 99999, 1, 0.99, 1);
-- Raise the prices of what sells well, and take it back.
BEGIN;
UPDATE track SET unit_price = unit_price + 0.10 WHERE track_id IN (SELECT track_id FROM invoice_line GROUP BY track_id HAVING count(*) > 1);
SELECT unit_price, count(*) FROM track GROUP BY unit_price ORDER BY unit_price;
ROLLBACK;
SELECT unit_price, count(*) FROM track GROUP BY unit_price ORDER BY unit_price;
