-- Distances of vectors, half vectors, sparse vectors and bit strings. Numbers are small integers, or compared rounded.
-- compare: message, detail
CREATE EXTENSION IF NOT EXISTS vector;
SELECT '[1,2,3]'::vector <-> '[4,6,3]', '[1,2,3]'::vector <#> '[4,6,3]', '[1,2]'::vector <=> '[2,4]', '[1,2,3]'::vector <+> '[4,6,2]';
SELECT '[1,0]'::vector <=> '[0,1]', '[1,0]'::vector <=> '[-1,0]', '[0,0]'::vector <=> '[1,1]', '[0]'::vector <=> '[0]';
SELECT l2_distance('[0,0]'::vector, '[3,4]'), inner_product('[1,2]'::vector, '[3,4]'), cosine_distance('[1,1]'::vector, '[1,1]'), l1_distance('[0,0]'::vector, '[3,-4]');
SELECT round(('[0.1,0.2,0.3]'::vector <-> '[0.4,0.5,0.7]')::numeric, 5), round(('[0.1,0.2,0.3]'::vector <=> '[0.4,0.5,0.1]')::numeric, 5);
SELECT '[1,2]'::vector <-> '[1]';
SELECT '[1,2]'::vector <#> '[1]';
SELECT '[1,2]'::vector <=> '[1,2,3]';
SELECT '[1,2]'::vector <+> '[1,2,3]';
SELECT '[1,2]'::vector <-> NULL, NULL::vector <=> '[1]';
SELECT '[1,2]'::vector <-> 'x';
SELECT '[3e38,3e38]'::vector <-> '[-3e38,0]', '[3e38,3e38]'::vector <#> '[3e38,0]', '[3e38]'::vector <=> '[3e38]', '[3e38]'::vector <+> '[-3e38]';
SELECT l2_distance('[1]', '[2]');
SELECT '[1,2,3]'::halfvec <-> '[4,6,3]', '[1,2,3]'::halfvec <#> '[4,6,3]', '[1,2]'::halfvec <=> '[2,4]', '[1,2,3]'::halfvec <+> '[4,6,2]';
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), inner_product('[1,2]'::halfvec, '[3,4]'), cosine_distance('[1,1]'::halfvec, '[1,1]'), l1_distance('[0,0]'::halfvec, '[3,-4]');
SELECT '[0,0]'::halfvec <=> '[1,1]', '[60000,60000]'::halfvec <-> '[-60000,0]', '[1]'::halfvec <-> '[1,2]';
SELECT '[60000,60000]'::halfvec <-> '[-60000,0]', '[60000]'::halfvec <#> '[60000]';
SELECT '{1:1,3:2}/3'::sparsevec <-> '{2:2}/3', '{1:1,3:2}/3'::sparsevec <#> '{1:3,3:4}/3', '{1:1}/3'::sparsevec <=> '{2:1}/3', '{1:1,3:2}/3'::sparsevec <+> '{2:2,3:-1}/3';
SELECT l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2'), inner_product('{1:1,2:2}/2'::sparsevec, '{1:3,2:4}/2'), cosine_distance('{1:1}/2'::sparsevec, '{1:5}/2'), l1_distance('{}/2'::sparsevec, '{1:3,2:-4}/2');
SELECT '{}/2'::sparsevec <=> '{1:1}/2', '{}/1000000000'::sparsevec <-> '{1000000000:3}/1000000000';
SELECT '{1:1}/2'::sparsevec <-> '{1:1}/3';
SELECT '[1]'::vector <-> '[2]'::halfvec, '[1]'::vector <-> '{1:3}/1'::sparsevec, '[1]'::halfvec <-> '{}/1'::sparsevec;
SELECT B'10101' <~> B'11100', B'10101' <%> B'11100', B'000' <%> B'000', B'111' <%> B'111', B'' <~> B'';
SELECT hamming_distance(B'1010', B'0101'), jaccard_distance(B'1100', B'0011'), hamming_distance('101', '111');
SELECT B'101' <~> B'1010';
SELECT B'101' <%> B'1';
SELECT '101'::varbit <~> '111'::varbit;
SELECT 1 <~> 2;
CREATE TABLE t (id int, v vector(2), h halfvec(2), s sparsevec(2), b bit(3));
INSERT INTO t SELECT n, ARRAY[n, n % 3], ARRAY[n % 4, n], ARRAY[n % 2, n % 5], (n % 8)::bit(3) FROM generate_series(1, 20) n;
INSERT INTO t VALUES (21, NULL, NULL, NULL, NULL);
SELECT id, v <-> '[3,3]' FROM t ORDER BY v <-> '[3,3]', id LIMIT 5;
SELECT id FROM t ORDER BY v <-> '[3,3]' DESC, id LIMIT 5;
SELECT id FROM t ORDER BY v <#> '[1,1]', id LIMIT 3;
SELECT id FROM t ORDER BY h <-> '[1,2.5]', id LIMIT 3;
SELECT id FROM t ORDER BY s <+> '{2:3}/2', id LIMIT 3;
SELECT id FROM t ORDER BY b <~> B'101', id LIMIT 4;
SELECT id FROM t ORDER BY b <%> '101', id LIMIT 4;
SELECT id FROM t WHERE v <-> '[3,1]' < 1.5 ORDER BY id;
SELECT id FROM t ORDER BY v <-> '[3,3]', id OFFSET 18;
-- bind ["[5,2]"]
SELECT id, v <-> $1 FROM t ORDER BY v <-> $1, id LIMIT 2;
-- bind ["[5,2]", "2"]
SELECT id FROM t WHERE mod(id, $2::int) = 0 ORDER BY v <-> $1::vector, id LIMIT 2;
SELECT id FROM t ORDER BY v <-> (SELECT v FROM t WHERE id = 7), id LIMIT 2;
SELECT a.id, (SELECT b.id FROM t b WHERE b.id <> a.id ORDER BY a.v <-> b.v, b.id LIMIT 1) FROM t a ORDER BY a.id LIMIT 3;
SELECT id FROM t ORDER BY v <-> '[1,2,3]' LIMIT 2;
