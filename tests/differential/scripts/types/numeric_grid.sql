-- Arithmetic over pairs of numbers of different scale: the scale and rounding of every result.
CREATE TABLE n (x numeric);
INSERT INTO n VALUES (0), (1), (-1), (0.5), (-2.25), (3.000), (10), (99.99), (0.001), (123456789.123456789), (-0.0000005), (1e10), (7);
SELECT a.x, b.x, a.x + b.x AS plus, a.x - b.x AS minus, a.x * b.x AS times FROM n a, n b ORDER BY a.x, b.x;
SELECT a.x, b.x, a.x / b.x AS over, a.x % b.x AS mod, div(a.x, b.x) FROM n a, n b WHERE b.x <> 0 ORDER BY a.x, b.x;
SELECT a.x, b.x, a.x < b.x AS less, a.x = b.x AS equal, greatest(a.x, b.x), least(a.x, b.x) FROM n a, n b WHERE a.x <= b.x ORDER BY a.x, b.x;
SELECT x, round(x), round(x, 2), round(x, -1), trunc(x), trunc(x, 1), ceil(x), floor(x), sign(x), abs(x), -x, scale(x) FROM n ORDER BY n.x;
SELECT x, x::numeric(12,2), x::numeric(12,0), x::numeric(15,5), x::bigint, x::float8, x::text FROM n ORDER BY n.x;
SELECT x, sqrt(abs(x)), power(x, 2), power(abs(x), 0.5) FROM n ORDER BY n.x;
SELECT x, exp(x / 100000000), ln(abs(x)), log(abs(x)) FROM n WHERE x <> 0 ORDER BY x;
SELECT count(*), sum(x), avg(x), min(x), max(x), variance(x), stddev(x), var_pop(x) FROM n;
SELECT count(x), sum(x * 2), avg(x / 3), sum(DISTINCT round(x)) FROM n;
SELECT x FROM n WHERE x BETWEEN -1 AND 1 ORDER BY x;
SELECT x, x::int FROM n WHERE abs(x) < 1000 ORDER BY x;
SELECT 10.0 / g, 1 / g::numeric, 100 / (g * 1.000) FROM generate_series(1, 12) g ORDER BY g;
SELECT round(g / 8.0, 2), round(-g / 8.0, 2), round(g / 8.0, 1), (g / 8.0)::numeric(6,1) FROM generate_series(1, 16) g ORDER BY g;
SELECT g, (0.1 * g)::numeric(4,1), round(g * 2.5), trunc(g * 2.5), round(g * 0.25, 1) FROM generate_series(-5, 5) g ORDER BY g;
SELECT power(2.5, g), power(1.1, g), power(10.0, g) FROM generate_series(-4, 6) g ORDER BY g;
