-- Orders that an index gives where a condition bounds its keys: equalities before them, ranges, backwards, NULLs first
-- and last, in correlated subqueries, and over rows that the transaction itself has changed.

create table o (u int, ts int, id int, t text);
insert into o select i%5, (i*7)%50, i, case when i%7=0 then null else 'x'||(i%9) end from generate_series(1,300) i;
create index o1 on o(u, ts desc, id);
create index o2 on o(t desc nulls last, id);
select * from o where u=3 order by ts desc, id limit 5;
select * from o where u=3 order by u, ts desc, id limit 5;
select * from o where u=3 order by ts desc, u desc, id limit 5;
select * from o where u=3 order by ts, id desc limit 5;
select * from o where u=3 and ts between 10 and 30 order by ts desc, id limit 5;
select * from o where u=3 and ts between 10 and 30 order by ts, id desc limit 5 offset 2;
select * from o where u=3 and ts < 30 and id > 100 order by ts, id desc limit 5 offset 2;
select * from o where u=3 and ts = 21 order by id desc limit 5;
select * from o where u>2 order by u, ts desc, id limit 70;
select * from o where u>2 order by u desc, ts, id desc limit 70;
select * from o where u>2 order by u desc, ts desc, id desc limit 7;
select * from o where t = 'x3' order by t, id limit 3;
select * from o where t >= 'x3' order by t, id desc limit 3;
select * from o where t >= 'x3' order by t desc nulls last, id limit 3;
select * from o where t >= 'x3' order by t desc, id limit 3;
select * from o where t is null order by t desc, id limit 3;
select * from o order by t desc nulls last, id limit 3;
select * from o order by t, id limit 3;
select * from o order by t nulls first, id desc limit 3;
select x.*, l.id from (select distinct u from o) x, lateral (select id from o where o.u = x.u order by ts desc, id limit 2) l order by 1,2;
select a.id, (select b.id from o b where b.u = a.u and b.ts < a.ts order by b.ts desc, b.id limit 1) from o a where id < 30 order by 1;
begin; delete from o where ts = 49; insert into o values (3, 49, 1000, 'x'), (3,100,1001,null); update o set ts = 47 where id = 3;
select * from o where u=3 order by ts desc, id limit 5;
select * from o where u=3 order by ts, id desc limit 5;
rollback;
