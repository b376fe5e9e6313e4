-- = ANY and <> ALL over arrays: with and without an index, NULL elements, NULL and empty arrays, other types, parameters,
-- arrays from subqueries and of the row itself.

create table a (id int primary key, k bigint, n numeric, t text, c char(3), v varchar(5), s smallint, d date);
insert into a select i, nullif(i % 5, 0), case when i % 3 = 0 then 1.0 else 1.50 end, case when i%4=0 then null else 'x' || i % 3 end, 'a' || i%2, 'v' || i%3, i % 7, date '2024-01-01' + i from generate_series(1,30) i;
create index on a (k); create index on a (n, id); create index on a (t desc nulls last); create index on a (c); create index on a (v); create index on a (s, k desc); create index on a (d);
analyze a;
select id from a where id = any('{3,5,5,NULL,99}') order by id;
select id from a where id = any('{}'::int[]) order by id;
select id from a where id = any(null::int[]) order by id;
select id from a where id = any(array[3,5,6]::bigint[]) order by id;
select id from a where id = any(array[3,5,6.0]) order by id;
select id from a where k = any('{3,1}'::int[]) and id < 20 order by id;
select id from a where n = any('{1.00,7}') order by id;
select id from a where n = any('{1,7}'::int[]) and id = any('{3,6}') order by id;
select id from a where t = any(array['x1','x2']) and id < 9 order by id;
select id from a where c = any(array['a1 ','zz']::bpchar[]) and id < 5 order by id;
select id from a where c = any(array['a1 ','zz']) and id < 5 order by id;
select id from a where v = any(array['v1','zz']) and id < 8 order by id;
select id from a where s = 3 and k = any('{3,1}'::int[]) order by id;
select id from a where s = any('{1,2}'::int[]) and k > 2 order by id;
select id from a where d = any(array[date '2024-01-05', '2024-01-09', null]) order by id;
select id from a where id = any('{{3,4},{5,6}}') order by id;
select id from a where id <> all('{1,2,3}') and id < 8 order by id;
select id from a where id <> all('{1,2,null}') order by id;
select id from a where id <> all('{}') and id < 3 order by id;
select id, k = any('{1,2}') as x, k <> all('{1,2}') as y, k = any('{1,null}') as z, k = any('{}') as e, k <> all('{}') as f, k = any(null) as g from a where id < 11 order by id;
select id, id = any(array(select s from a)), id <> all(array(select s from a)), id = any((select array_agg(id) from a)) from a where id < 11 order by id;
select a.id, b.id from a join a b on b.id = any(array[a.id, a.id + 1]) where a.id < 4 order by 1, 2;
select id, (select count(*) from a b where b.id = any(array[a.s, a.k])) from a where id < 9 order by id;
select case id when 3 then id = any('{1,2}') else id <> all('{1,2}') end from a where id < 5 order by id;
prepare q (int[]) as select id from a where id = any($1) order by id;
execute q('{7,8}'); execute q('{9,NULL,7}'); execute q(null); execute q('{}');
prepare q2 (text[], int) as select id from a where t = any($1) and id = $2 order by id;
execute q2('{x1}', 1); execute q2('{x1,x2}', 2);
delete from a where id = any('{1,2,3}') returning id;
update a set k = 100 where id = any(array(select id from a where s = 4)) returning id;
select id from a where k = any('{100}') order by id desc limit 3;
select id, array[id, 5] = any(array[array[5, 5]]) from a where id = 5;
