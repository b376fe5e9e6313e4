CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN shop.price AS numeric(8, 2) DEFAULT 0 CHECK (VALUE >= 0);
CREATE TYPE shop.size AS (width int, height int);
CREATE SEQUENCE shop.tickets START 10 INCREMENT 5;
CREATE TABLE shop.customer (
    id       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     varchar(40) NOT NULL,
    email    text UNIQUE,
    mood     shop.mood DEFAULT 'ok',
    tags     text[],
    data     jsonb NOT NULL DEFAULT '{}',
    since    timestamptz NOT NULL DEFAULT now(),
    initial  char(1) GENERATED ALWAYS AS (substr(name, 1, 1)) STORED
);
CREATE TABLE shop.item (
    code     text,
    variant  smallint,
    price    shop.price,
    size     shop.size,
    weight   double precision,
    CONSTRAINT item_pk PRIMARY KEY (code, variant),
    CONSTRAINT item_weight CHECK (weight > 0)
);
CREATE TABLE shop.orders (
    id       bigserial PRIMARY KEY,
    customer int NOT NULL REFERENCES shop.customer ON DELETE CASCADE,
    code     text,
    variant  smallint,
    placed   date NOT NULL DEFAULT current_date,
    note     text COLLATE "C",
    CONSTRAINT orders_item FOREIGN KEY (code, variant) REFERENCES shop.item ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX orders_by_day ON shop.orders (placed DESC, customer);
CREATE UNIQUE INDEX orders_note ON shop.orders (lower(note)) WHERE note IS NOT NULL;
CREATE VIEW shop.spending AS
    SELECT c.name, count(*) AS orders, sum(i.price) AS total
    FROM shop.customer c JOIN shop.orders o ON o.customer = c.id JOIN shop.item i USING (code, variant)
    GROUP BY c.name;
COMMENT ON TABLE shop.customer IS 'Who buys';
COMMENT ON COLUMN shop.customer.mood IS 'as of the last visit';
COMMENT ON INDEX shop.orders_by_day IS 'for reports';
COMMENT ON SCHEMA shop IS 'all of the shop';
INSERT INTO shop.customer (name, email, tags, data) VALUES
    ('Ann', 'ann@example.org', '{a,b}', '{"vip": true}'), ('Bob', NULL, NULL, '{}');
INSERT INTO shop.item VALUES ('lamp', 1, 12.50, '(3,4)', 0.8), ('lamp', 2, 14, NULL, NULL);
INSERT INTO shop.orders (customer, code, variant, placed, note) VALUES
    (1, 'lamp', 1, '2024-02-29', 'first'), (1, 'lamp', 2, '2024-03-01', NULL), (2, NULL, NULL, '2024-03-02', 'Third');
