-- int2vector and oidvector are arrays that begin at 0; what tools ask of pg_index with them; visibility of objects.
CREATE TABLE pair (a int, b text, c int, PRIMARY KEY (c, a));
CREATE INDEX pair_b ON pair (b, (a + 1));
SELECT indkey, indkey[0], indkey[1], indkey[5], array_length(indkey, 1), array_lower(indkey, 1), indkey::int2[], indkey::text FROM pg_index WHERE indrelid = 'pair'::regclass ORDER BY indexrelid;
SELECT unnest(indkey) AS number, generate_subscripts(indkey, 1) AS place FROM pg_index WHERE indrelid = 'pair'::regclass ORDER BY indexrelid, 2;
SELECT attname, attnum = ANY (indkey) AS in_key FROM pg_index JOIN pg_attribute ON attrelid = indrelid WHERE indrelid = 'pair'::regclass AND indisprimary AND attnum > 0 ORDER BY attnum;
SELECT '3 1 2'::int2vector, ('3 1 2'::int2vector)[0], '1 2'::oidvector::oid[], '1 2'::oidvector = '1 2'::oidvector, ''::int2vector, array_to_string('7 8'::int2vector, '-');
SELECT '1 x'::int2vector;
SELECT array_agg(n) FROM unnest('5 6'::oidvector) n;
SELECT pg_collation_is_visible(oid), pg_collation_is_visible(0) FROM pg_collation WHERE collname = 'C';
SELECT bool_and(pg_operator_is_visible(oid)), pg_operator_is_visible(0) FROM pg_operator WHERE oprname = '+';
SELECT bool_and(pg_opclass_is_visible(oid)), pg_opfamily_is_visible(0) FROM pg_opclass WHERE opcname = 'int4_ops';
