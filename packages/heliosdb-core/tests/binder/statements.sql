-- One statement a line. facts.json holds what PostgreSQL 15 says about each (record_facts.py).
-- constants, names of columns
select 1
select 1, 1.5, 'a', true, null
select 2147483647, 2147483648, 9223372036854775807, 9223372036854775808, -2147483648, -9223372036854775808
select 'a'::text, cast('5' as int), int '5', '2020-01-01'::date, 1::int8, '1'::numeric(5,2), 'abc'::varchar(2), 'x'::char(4), 'y'::char
select id, t.name, public.t.b from t
select t.* from t
select t.*, * from t
select id as a, name b, amount "Amount" from t
select id+1, -id, not b, id is null, b is true, id between 1 and 2, id in (1,2) from t
select case when b then 1 end, case id when 1 then 'a' else 'b' end, coalesce(name, 'x'), nullif(id, 1), greatest(1, 2.5), least(id, 7) from t
select lower(name), upper(name) as u, length(name), abs(-1), round(1.5), round(1.234, 2) from t
select array[1,2,3], array['a','b'], array[1,2.5], array[[1,2],[3,4]], '{1,2}'::int[], array[]::text[]
select (array[1,2,3])[1], (array[1,2,3])[1:2], (array['a'])[1] from t
select row(1,'a'), (1,2), exists (select 1), (select 5), (select id from t), array(select id from t)
select current_date, current_timestamp, current_timestamp(2), localtime, localtimestamp, current_time, now()
select current_user, session_user, user, current_catalog, current_schema
select 1 as a, 2 as a
select id::text, id::int8, amount::int, amount::text, name::varchar, b::int, b::text from t
select 'a' || 'b', 'a' || 1, 1 || 'a', name || id from t
select name collate "C" from t
select extract(year from date '2020-01-01'), date_part('year', date '2020-01-01'), substring('abc' from 2 for 1), position('b' in 'abc'), trim(' a '), overlay('abc' placing 'x' from 2)
select (timestamp '2020-01-01') at time zone 'UTC'
select "t"."id" from t
select t.id as "T.Id" from t
-- operators and type resolution
select 1 + 1, 1 + 1.5, 1.5 + 1, 1 + '1', '1' + 1, 1::int2 + 1, 1::int8 + 1, 1::float8 + 1, 1::float4 + 1.5, 1.5 * 2
select 1 / 2, 1 % 2, 2 ^ 3, |/ 4, @ -5, 5 & 3, 5 | 3, 5 # 3, ~ 5, 1 << 2
select i2 + i4, i4 + i8, i2 * i2, i4 + f8, i4 + n, f4 + f4, f4 + f8, n + f8, i8 / i2, n % i4 from many
select i4 = i8, i4 = n, f8 = n, tx = vc, vc = vc, ch = ch, ch = tx, ch = 'a', vc = 'a', d = '2020-01-01', ts = d, tz = ts, i4 = '5' from many
select d + 1, d - d, d + iv, ts - ts, ts + iv, tz - iv, tm + iv, d + tm, iv * 2, iv / 2, ts - d, 1 + d from many
select d + '1' from many
select d - '2020-01-01' from many
select ts - '2020-01-01' from many
select ts + '1 day' from many
select tx || vc, tx || ch, vc || 1, by || by, ia || ia, ia || 1, 1 || ia, ta || 'x'::text, tx || null from many
select ta || '{x}' from many
select j -> 'a', j ->> 'a', jb -> 'a', jb ->> 0, jb #> '{a,b}', jb @> '{}', jb ? 'a', jb || '{}', jb - 'a' from many
select tx like 'a%', tx not like 'a', tx ilike 'a', vc like 'b', tx ~ 'a', tx !~* 'a', tx similar to 'a', tx like 'a' escape 'x' from many
select i4 in (1, 2.5), i4 in (1, i8), tx in ('a', vc), i4 not in (1,2) from many
select i4 = any (array[1,2]), i4 = any (ia), i4 <> all ('{1,2}'), tx = any ('{a}'), i8 = any (ia) from many
select (i4, tx) = (1, 'a'), (i4, i8) < (1, 2), row(i4, tx) is not distinct from row(1, 'a') from many
select i4 is distinct from 1, tx is not distinct from null from many
select i4 between 1 and 2, i4 between symmetric 2 and 1, d between '2020-01-01' and '2021-01-01' from many
select sum(i2), sum(i4), sum(i8), sum(f4), sum(f8), sum(n), sum(iv) from many
select avg(i2), avg(i4), avg(i8), avg(f4), avg(f8), avg(n), avg(iv) from many
select min(i2), max(tx), min(vc), max(d), min(ts), max(ch), count(*), count(i4), bool_and(bo), every(bo), min(ia) from many
select array_agg(i4), array_agg(tx), array_agg(ia), string_agg(tx, ','), string_agg(tx, ',' order by i4 desc) from many
select stddev(i4), variance(n), stddev(f8), var_pop(i4), corr(f8, f8), regr_count(f8, f8) from many
select percentile_cont(0.5) within group (order by i4), percentile_disc(0.5) within group (order by tx), mode() within group (order by d) from many
select percentile_cont(array[0.5]) within group (order by f8), rank(5) within group (order by i4) from many
select json_agg(i4), jsonb_agg(tx), json_object_agg(tx, i4), bit_and(i4), bit_or(i8) from many
select count(distinct i4), sum(distinct i4), count(*) filter (where bo) from many
select coalesce(i4, 1.5), coalesce(i2, i8), coalesce(tx, vc), coalesce(vc, 'a'), coalesce(null, null), coalesce(d, ts) from many
select case when bo then i4 else n end, case when bo then null else 'a' end, case when bo then vc else tx end, case when bo then 1 else null end from many
select greatest(i4, i8, n), least(d, ts), greatest('a', 'b'), greatest(i2, 1) from many
select array[i4, i8], array[tx, vc], array[i4, null], array[null] from many
select generate_series(1, 3), generate_series(1::int8, 3), generate_series(ts, ts, iv), unnest(ia), unnest(ta) from many
select abs(i2), abs(f4), round(f8), round(i4), ceil(n), floor(f8), mod(i4, i8), power(i4, 2), sqrt(n), sign(i4), trunc(n, 1) from many
select concat(i4, tx), concat_ws(',', i4, tx), format('%s', i4), replace(tx, 'a', 'b'), substr(tx, 1), left(tx, 1), repeat('a', i4), split_part(tx, ',', 1) from many
select to_char(d, 'YYYY'), to_char(n, '9'), to_date('x', 'y'), date_trunc('month', ts), date_trunc('month', d), age(ts), age(ts, ts), make_date(1,2,3) from many
select array_length(ia, 1), array_upper(ia, 1), cardinality(ia), array_to_string(ta, ','), string_to_array(tx, ','), array_append(ia, 1), array_position(ia, 1), array_cat(ia, ia) from many
select int4('5'), text(5), float8(1), numeric(5), date('2020-01-01'), int8(i4), varchar('a') from many
select pg_typeof(i4), pg_typeof(1.5), length('abc'), char_length(vc), octet_length(tx), lower(vc), upper('a') from many
select random(), now(), gen_random_uuid(), pi()
select jsonb_build_object('a', 1), json_build_array(1, 'a'), to_json(i4), to_jsonb(tx), row_to_json(row(1,2)) from many
-- parameters
select $1
select $1::int, $2
select * from t where id = $1
select * from t where id = $1 and name like $2 and amount > $3
select $1 + 1, $2 || 'a', $3 and true
select coalesce($1, 5), case when $2 then $3 else 1 end
insert into t values ($1, $2, $3, $4)
insert into t (name) values ($1), ($2) returning id
update t set name = $1, amount = amount + $2 where id = $3
select * from t limit $1 offset $2
select * from t where id in ($1, $2)
select * from t where id = any ($1)
select $1 = $2
select id from t where id between $1 and $2
select $2::int
select lower($1), length($2), abs($3::int)
select abs($1)
select $1::int + $1
select $1::int, $1::text
select $1 is null
select $1 union select 2
select array[$1, 2]
select date '2020-01-01' + $1
select * from t where $1
select * from unnest($1::int[])
select generate_series(1, $1)
insert into rich (code, price, small) values ($1, $2, $3)
select id from t order by $1
select max($1) from t
-- FROM and joins
select * from t, u
select * from t cross join u
select * from t join u on t.id = u.t_id
select * from t join u using (id)
select * from t left join u using (id)
select * from t right join u using (id)
select * from t full join u using (id)
select * from t natural join u
select * from t natural left join (select 1 as zz) s
select * from t join u using (id) as ju where ju.id = 1
select ju.name from t join u using (id) as ju
select id, t.id, u.id from t left join u using (id)
select j.* from (t join u using (id)) as j
select t.id from (t join u using (id)) as j
select j.id, j.t_id from (t join u on t.id = u.t_id) as j(id, nm, am, bb, uid, t_id, nt)
select id from (t join u on t.id = u.t_id) as j
select * from t a join t b on a.id = b.id join t c on b.id = c.id
select * from t as x(a, c)
select * from t as x(a, c, d, e, f)
select * from t as x(a) where x.id = 1
select * from (select 1) s
select * from (select 1 as a, 2 as b) s(x)
select * from (select 1 as a, 2 as b) s(x, y, z)
select * from (values (1, 'a'), (2, 'b')) v(n, s)
select * from (values (1), (2.5), (null)) v
select * from (values (1), ('a')) v
values (1, 2), (3)
values (1, 'a'), (2, null) order by 1 desc limit 1
values (default)
select * from lateral (select 1) s
select * from t, lateral (select t.id + 1 as n) s
select * from t left join lateral (select u.id from u where u.t_id = t.id limit 1) s on true
select * from t cross join lateral generate_series(1, t.id) g
select * from t, generate_series(1, t.id) as g(n)
select * from t join generate_series(1, 3) g on g = t.id
select g from generate_series(1, 3) g
select g.g from generate_series(1, 3) g
select * from generate_series(1, 3) with ordinality
select * from generate_series(1, 3) with ordinality as g(a, b)
select * from unnest(array[1,2], array['a','b']) as x(a, b)
select * from rows from (generate_series(1,2), generate_series(1,3)) as x(a, b)
select * from rows from (generate_series(1,2), generate_series(1,3)) with ordinality
select * from unnest(array['a','b'])
select * from lower('A')
select * from lower('A') as l
select * from jsonb_each('{}')
select * from jsonb_array_elements('[]')
select * from json_to_record('{}') as x(a int, b text)
select * from json_to_record('{}')
select * from generate_series(1, 3) as x(a int)
select * from current_date
select * from v
select key, upper from v where key = 1
select * from other.o
select o.x, other.o.x from other.o
select x from other.o, other.o p
select * from only t
select tableoid, id from t
select * from t, u where t.id = u.id and t.id in (select id from u where u.note = t.name)
-- subqueries
select * from t where exists (select from u where u.t_id = t.id)
select * from t where id = (select max(id) from u)
select * from t where id > all (select id from u)
select * from t where id = some (select t_id from u)
select * from t where (id, name) in (select id, note from u)
select * from t where (id, name) in (select id from u)
select * from t where id in (select id, note from u)
select * from t where id not in (select t_id from u where t_id is not null)
select (select count(*) from u where u.t_id = t.id) as n, t.name from t
select (select id, name from t)
select array(select name from t), array(select array[1])
select * from t where id = (select u.id from u where u.t_id = t.id and exists (select 1 from t t2 where t2.id = u.id and t2.name = t.name))
select (select sum(t.amount)) from t
select (select sum(t.amount) from u) from t
select sum((select id from u limit 1)) from t
select * from (select id from t) a where a.id in (select id from a)
select 1 where 'a' in (select 1)
select * from t where name in (select 1)
select (select 1 union select 2)
select (values (1))
select * from t where id = any (select '1')
-- grouping
select count(*) from t
select b, count(*) from t group by b
select b, count(*) from t group by 1
select b as x, count(*) from t group by x
select id % 2, count(*) from t group by id % 2
select id % 2 as m, count(*) from t group by m having count(*) > 1
select id, name, amount from t group by id
select t.name, u.note from t join u on t.id = u.t_id group by t.id, u.note
select name, count(*) from t
select name from t group by id % 2
select id + 1 from t group by id + 1
select id + 2 from t group by id + 1
select b, count(*) from t group by rollup (b)
select b, id, count(*), grouping(b, id) from t group by cube (b, id)
select b, id, sum(amount) from t group by grouping sets ((b), (id), ())
select b, name from t group by grouping sets ((b), (id))
select count(*) from t group by ()
select count(*) from t having count(*) > 0
select 1 from t having true
select id from t having true
select name from t having count(*) > 0
select count(*) from t where count(*) > 1
select count(count(*)) from t
select sum(id) from t group by sum(id)
select sum(id) from t group by 1
select id from t group by 2
select id from t group by 'a'
select * from t join u on count(*) = 1
select b, (select count(*) from u where u.id = t.id) from t group by b
select b, (select count(*) from u where u.id = t.id) from t group by b, t.id
select b, case when b then 1 else count(*) end from t group by b
select t.b, sum(u.id) from t, u group by t.b order by sum(u.id) desc
select b from t group by b order by name
select b from t group by b order by count(*)
select grouping(b) from t
select grouping(name) from t group by b
select max(id) filter (where b) from t group by b
select sum(id) filter (where count(*) > 1) from t
select array_agg(distinct name order by name) from t
select array_agg(distinct name order by id) from t
select count(distinct) from t
select count() from t
select sum(*) from t
select lower(*) from t
select lower(distinct name) from t
select lower(name) filter (where b) from t
select lower(name) over () from t
select lower(name order by id) from t
select percentile_cont(0.5) from t
select sum(id) within group (order by id) from t
select b, id from t group by (b, id)
select distinct b from t group by b
select max(generate_series(1, 3)) from t
-- DISTINCT, ORDER BY, LIMIT
select distinct name from t order by name
select distinct name from t order by id
select distinct name, id from t order by id, 1
select distinct on (b) b, name from t order by b, name
select distinct on (b) b, name from t order by name
select distinct on (id % 2) name from t
select distinct on (1) name from t
select distinct on (2) name from t
select distinct on (nosuch) name from t
select id from t order by 1
select id from t order by 2
select id from t order by 0
select id from t order by name
select id as name from t order by name
select id as x, name as x from t order by x
select id from t order by 'a'
select id from t order by 1.5
select id from t order by id + 1, b desc nulls last
select id as x from t order by x + 1
select id from t order by nosuch
select id from t order by id using >
select j from many order by j
select j from many group by j
select distinct j from many
select jb from many order by jb
select id from t order by count(*)
select id from t limit 1 offset 1
select id from t limit null
select id from t limit all
select id from t limit id
select id from t limit 'a'
select id from t limit 1.5
select id from t limit '5'
select id from t limit (select 5)
select id from t fetch first 2 rows only
select id from t order by id fetch first 2 rows with ties
select id from t fetch first 2 rows with ties
select id from t limit count(*)
select id from t offset true
-- windows
select rank() over () from t
select rank() over (order by id), row_number() over w, sum(id) over w from t window w as (partition by b order by id)
select lag(name) over (order by id), lag(id, 1, 0) over (order by id), first_value(amount) over (order by id), nth_value(name, 2) over (order by id), ntile(4) over (order by id) from t
select sum(id) over (order by id rows between 1 preceding and 1 following) from t
select sum(id) over (order by id range between 1 preceding and current row) from t
select sum(id) over (order by id groups between unbounded preceding and current row exclude ties) from t
select count(*) over (partition by b), sum(count(*)) over () from t group by b
select rank() from t
select rank() over (order by rank() over ()) from t
select id from t where rank() over () = 1
select id from t having rank() over () = 1
select count(*) from t group by rank() over ()
select sum(rank() over ()) from t
select rank() over nosuch from t
select rank() over (w partition by b) from t window w as (order by id)
select rank() over (w order by id) from t window w as (order by id)
select rank() over (w order by id) from t window w as (partition by b)
select sum(id) over (w) from t window w as (order by id rows unbounded preceding)
select sum(id) over w from t window w as (order by id rows unbounded preceding)
select rank() over w from t window w as (order by id), w as (order by name)
select sum(id) over (range between 1 preceding and current row) from t
select sum(id) over (order by name range between 1 preceding and current row) from t
select sum(id) over (groups current row) from t
select sum(id) over (order by id rows between id preceding and current row) from t
select count(distinct id) over () from t
select rank(1) over () from t
select lower(name) over () from t
select sum(id) filter (where b) over () from t
select rank() filter (where b) over () from t
select name, sum(id) over (partition by b) from t group by name
select id from t order by rank() over (order by id)
select id, rank() over (order by sum(id)) from t group by id
update t set id = rank() over ()
-- WITH
with a as (select 1 as x) select * from a
with a(y) as (select 1 as x) select y from a
with a as (select 1), b as (select * from a) select * from b, a
with a as (select * from b), b as (select 1) select * from a
with a as (select 1), a as (select 2) select 1
with a(x, y) as (select 1) select * from a
with t as (select 5 as five) select * from t
with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select * from r
with recursive r(n) as (values (1) union select n + 1 from r where n < 5) select sum(n) from r
with recursive r(n) as (select 1 union all select n + 1.5 from r) select * from r
with recursive r(n) as (select n from r) select * from r
with recursive r(n) as (select 1 union all select count(*) from r) select * from r
with recursive r(n) as (select 1 union all select r.n from t left join r on true) select * from r
with recursive r(n) as (select 1 union all select 1 from r a, r b) select * from r
with recursive r(n) as (select 1 union all select n from t where id in (select n from r)) select * from r
with recursive r(n) as (select 1 union all select n + 1 from r order by 1) select * from r
with recursive a as (select 1 as x union all select x from b), b as (select x from a) select * from a
with recursive r(n) as (select 'a' union all select n || 'b' from r) select n from r
with recursive r(n) as (select 'a'::varchar(5) union all select n || 'b' from r) select n from r
with d as (delete from t returning id, name) select * from d
with d as (update t set name = 'x' returning *) select id from d
with d as (insert into t (id) values (1)) select * from d
with d as (insert into t (id) values (1) returning id) insert into u (id) select id from d returning *
select * from (with d as (delete from t returning *) select * from d) s
with a as materialized (select 1 as x) select * from a, a b
with a as (select id from t) delete from u using a where a.id = u.id
with a as (select id from t) update u set note = 'x' from a where a.id = u.t_id returning u.*
-- set operations
select 1 union select 2
select 1 as a union all select 2 as b
select 1 union select 2.5 union select 3::float8
select 1 union select 'a'
select 1 union select '5'
select 'a' union select 'b'
select null union select 1
select null union select null union select 1
select id from t union select name from t
select id from t union select id, name from u, (select 1) s(name)
select id, name from t intersect select id, note from u
select id from t except all select id from u order by id limit 1
select id as x from t union select id from u order by x
select id as x from t union select id from u order by id
select id from t union select id from u order by id + 1
select note from u union select name from t
select note from u union select note from u
(select id from t order by name limit 1) union all select 5
select j from many union select j from many
select j from many union all select j from many
select 1 union (select 2 union all select 'x')
select amount from t union select price from rich
select 1 intersect select 2 union select 3
-- INSERT
insert into t values (1, 'a', 2.5, true)
insert into t values (1)
insert into t (id, name) values (1, 'a'), (2, default)
insert into t (id, name) values (1)
insert into t (id) values (1, 2)
insert into t values (1, 2, 3, true, 5)
insert into t (id, id) values (1, 2)
insert into t (nosuch) values (1)
insert into t (id) values ('a')
insert into t (id) values (1.6)
insert into t (id) values (true)
insert into t (b) values (1)
insert into t (name) values (1)
insert into t (amount) values ('1.5'), (2), (3.5::float8)
insert into t (id) values (id)
insert into t (id) values (t.id)
insert into t default values
insert into nosuch values (1)
insert into v values (1)
insert into t select * from t
insert into t (id, name) select id, note from u
insert into t (id, name) select id from u
insert into t (id) select id, note from u
insert into t (id) select '5'
insert into t (b) select 1
insert into t (name, id) select 1, '2'
insert into t select 1, 'a' union select 2, 'b'
insert into t as x (id) values (1) returning x.id, t.id
insert into t as x (id) values (1) returning x.id, id + 1, *
insert into rich (code) values ('abc') returning *
insert into rich (total, code) values (1, 'a')
insert into rich (total, code) values (default, 'a')
insert into rich (gone) values (1)
insert into ident values (1, 2)
insert into ident values (default, 2), (default, default)
insert into ident overriding system value values (1, 2)
insert into ident overriding user value values (1, 2)
insert into ident select 1, 2
insert into t values (1) on conflict do nothing
insert into t values (1) on conflict (id) do nothing
insert into t values (1) on conflict (name) do nothing
insert into t values (1) on conflict (nosuch) do nothing
insert into t values (1) on conflict on constraint t_pkey do update set name = excluded.name
insert into t values (1) on conflict on constraint nosuch do nothing
insert into t values (1) on conflict do update set name = 'a'
insert into t values (1) on conflict (id) do update set name = name || excluded.name, amount = default where t.id > 5 returning *
insert into t values (1) on conflict (id) do update set name = excluded.nosuch
insert into t values (1) on conflict (id) do update set (name, amount) = (excluded.name, 1)
insert into t values (1) on conflict (id) do update set (name, amount) = (select note, 5 from u)
insert into rich (code) values ('a') on conflict (lower(code)) do nothing
insert into rich (code) values ('a') on conflict (upper(code)) do nothing
insert into rich (code) values ('a') on conflict (code) where small > 5 do nothing
insert into rich (code) values ('a') on conflict (code) do nothing
insert into t values (1) returning nosuch
insert into t values (count(*))
insert into t values ((select max(id) from u), 'x')
insert into t (id) values (1) returning count(*)
-- UPDATE
update t set name = 'a'
update t set name = 'a' where id = 1 returning *
update t set name = default, amount = 1
update t set nosuch = 1
update t set t.name = 'a'
update t set name = 'a', name = 'b'
update t set id = 'a'
update t set b = 1
update t set name = 1
update t x set name = x.name || 'a' where t.id = 1
update t x set name = x.name || 'a' where x.id = 1 returning x.id
update t set (name, amount) = ('a', 1)
update t set (name, amount) = ('a', default)
update t set (name, amount) = (select note, id from u where u.t_id = t.id)
update t set (name, amount) = (select note from u)
update t set (name, amount) = ('a')
update t set name = u.note from u where u.t_id = t.id returning t.id, u.note, name
update t set name = u.note from u, t t2 where u.t_id = t2.id
update t set name = 'a' from t
update rich set total = 1
update rich set total = default
update rich set price = 3 returning total
update ident set id = 5
update ident set id = default
update ident set v = 5
update v set key = 1
update nosuch set a = 1
update t set id = count(*)
update t set name = 'a' where count(*) > 1
update t set name = 'a' where 1
update t set amount = amount * 1.1 where id in (select t_id from u)
-- DELETE
delete from t
delete from t where id = 1 returning id, name
delete from t x where x.id = 1
delete from t x where t.id = 1
delete from t using u where u.t_id = t.id returning t.*, u.id
delete from t using t where true
delete from v
delete from nosuch
delete from t where nosuch = 1
delete from t where 'x'
delete from t returning sum(id)
-- locking
select * from t for update
select * from t join u on true for share of u nowait
select * from t for update of u
select * from t x for update of t
select * from t x for update of x skip locked
select distinct id from t for update
select count(*) from t for update
select b from t group by b for share
select 1 union select 2 for update
select rank() over () from t for update
-- names that are wrong
select nam from t
select nme from t x
select x.nam from t x
select t.name from t x
select zz.name from t
select id from t, u
select t.nosuch, u.id from t, u
select idd from t, u
select a.name from t a, t a
select * from t, u join t v on t.id = v.id
select * from t, (select t.id) s
select * from t right join lateral (select t.id) s on true
select * from u, (select name from t) s where amount = 1
select nosuch(1)
select nosuch.lower('a')
select lower(1, 2)
select lower(1)
select 1 + 'a'::text
select 'a' + 'b'
select name + 1 from t
select - name from t
select name and b from t
select not 1
select case when 1 then 2 end
select * from nosuch
select * from nosuch.t
select t.* from u
select name.x from t
select (name).x from t
select id as idx from t where idx = 1
select other.t.id from t
select s.t.u.id from t
select t from t where t.nosuch = 1
select id.* from t
select *
select nosuch.*
select * from t where id
select * from t where name
select * from t where 'x'
select * from t where null
select id from t where id = 'a'
select id from t where b = 'maybe'
select id from t where name = 1
select id from t where b = 1
select id = b from t
select id || name, b || name from t
select coalesce(1, 'a')
select coalesce(id, name) from t
select case when b then 1 else name end from t
select array[1, 'a']
select array[id, name] from t
select array[]
select 1::nosuch
select cast(b as date) from t
select 'a'::int
select ''::numeric
select 1::numeric(5,2,1)
select '1'::int(4)
select id[1] from t
select (array[1])['a']
select (array[1])[b] from t
select name collate nosuch from t
select id collate "C" from t
select (1, 2) = (1, 2, 3)
select (1, 2) in ((1, 2), (3, 4))
select (1, 2) + (1, 2)
select generate_series(1, 3) from t where generate_series(1, 3) = 1
select * from t limit generate_series(1, 3)
select default
select 1 = any (1)
select 1 = any (array['a'])
select 1 + any (array[1])
select 'a' = any ('{a}')
select 1 is true
select b is unknown from t
select greatest(1, 'a'::text)
select greatest(id, name) from t
select nullif(1, 'a')
select nullif(id, name) from t
select round('1.5'), length(5)
select lower(x => 'a')
select make_interval(days => 5), make_interval(1, days => 5)
select make_interval(nosuch => 5)
select make_interval(days => 5, 1)
select make_interval(days => 5, days => 6)
select concat(variadic array['a', 'b']), format('%s', variadic array['a'])
select lower(variadic array['a'])
select substring('abc', 1, 2), substring('abc' from 'b'), substring('abc' similar 'a' escape '#')
select json_build_object('a', 1, 'b', null), jsonb_set('{}', '{a}', '1')
select date_part('year', '2020-01-01'::date), date_trunc('day', now()), extract(epoch from now())
select interval '1' year, interval '1-2' year to month, '1 day'::interval, interval '1 day' * 2, interval(3) '1.2345 s'
select timestamp '2020-01-01', timestamptz '2020-01-01 00:00:00+00', time '10:00', '10:00'::timetz, timestamp(3) '2020-01-01'
select b'101', x'ff', b'101'::int, e'a\nb'
select 'a' 'b'
select 1e10, 1.0, .5, 1_000
