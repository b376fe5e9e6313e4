-- Text functions over many arguments: every combination of lengths and positions.
SELECT s, p, n, substr(s, p, n) FROM (VALUES ('abc'), ('héé'), ('')) a(s), (VALUES (-1), (0), (1), (3), (5)) b(p), (VALUES (0), (1), (9)) c(n) ORDER BY s, p, n;
SELECT s, n, left(s, n), right(s, n), lpad(s, n), rpad(s, n, 'xy'), repeat(s, n) FROM (VALUES ('abcd'), ('é'), ('')) a(s), (VALUES (-2), (-1), (0), (1), (3), (6)) b(n) ORDER BY s, n;
SELECT s, f, position(f IN s), strpos(s, f), replace(s, f, '-'), split_part(s, f, 1), split_part(s, f, 2), starts_with(s, f), s LIKE '%' || f || '%' FROM (VALUES ('banana'), ('a.b.c'), (''), ('ééa')) a(s), (VALUES ('a'), ('an'), ('.'), ('é'), ('zz')) b(f) ORDER BY s, f;
SELECT s, upper(s), lower(s), initcap(s), length(s), octet_length(s), reverse(s), ascii(s), md5(s) FROM (VALUES ('Hello World'), ('ÀÉÎ x'), (''), ('123 abc-DEF_g'), (E'tab\tnew\nline')) a(s) ORDER BY s;
SELECT s, c, trim(both c from s), ltrim(s, c), rtrim(s, c), translate(s, c, '') FROM (VALUES ('xxaxbxx'), ('  pad  '), ('yxyx'), ('')) a(s), (VALUES ('x'), (' '), ('xy'), ('')) b(c) ORDER BY s, c;
SELECT s, p, s LIKE p AS "like", s ILIKE p AS "ilike", s NOT LIKE p AS "not" FROM (VALUES ('abc'), ('ABC'), ('a%c'), (''), ('a_c'), ('a\c')) a(s), (VALUES ('abc'), ('a%'), ('%C'), ('_b_'), ('%'), ('a\%c'), ('a\_c'), ('')) b(p) ORDER BY s, p;
SELECT s, p, s ~ p AS "match", s ~* p AS "imatch", regexp_replace(s, p, '<\&>', 'g') FROM (VALUES ('foo bar'), ('FOO'), ('a1b22'), ('')) a(s), (VALUES ('o+'), ('^f'), ('\d+'), ('[a-c]'), ('(o)(o)'), ('x*'), ('\s')) b(p) ORDER BY s, p;
SELECT a, b, a || b, concat(a, b), concat_ws('-', a, b), a < b, a = b, greatest(a, b), least(a, b), coalesce(a, b), nullif(a, b) FROM (VALUES ('x'), (NULL), (''), ('Y')) u(a), (VALUES ('x'), (NULL), ('y')) v(b) ORDER BY a, b;
SELECT n, chr(n), ascii(chr(n)), to_hex(n), length(chr(n)) FROM (VALUES (33), (65), (126), (233), (8364), (128512)) v(n) ORDER BY n;
SELECT s, overlay(s placing 'ZZ' from 2), overlay(s placing 'ZZ' from 2 for 1), overlay(s placing '' from 1 for 2) FROM (VALUES ('abcdef'), ('a'), ('')) v(s) ORDER BY s;
SELECT s, quote_ident(s), quote_literal(s), format('%I %L %s', s, s, s) FROM (VALUES ('plain'), ('With Space'), ('it''s'), ('back\slash'), ('select'), ('"quoted"'), ('é')) v(s) ORDER BY s;
SELECT s, string_to_array(s, ','), array_to_string(string_to_array(s, ',', ''), '|', '*'), cardinality(string_to_array(s, ',')) FROM (VALUES ('a,b,c'), (','), (''), ('abc'), ('a,,b')) v(s) ORDER BY s;
SELECT s, s::varchar(3), s::char(5) || '|', length(s::char(5)), s::varchar(3) = s FROM (VALUES ('abcdef'), ('ab'), (''), ('a  ')) v(s) ORDER BY v.s;
