-- Subqueries that name what is outside, evaluated for many rows: equalities with NULLs, numerics of other scale, padded
-- text, rows, in every clause, beside joins, groups, common table expressions and recursion.

create table a (id int, k int, n numeric, t text, c char(3), u int);
create table b (id int primary key, k int, n numeric, t text, c char(3), u int);
insert into a select i, nullif(i % 5, 0), case when i % 3 = 0 then 1.0 else 1.50 end, case when i%4=0 then null else 'x' || i % 3 end, 'a', i % 2 from generate_series(1,25) i;
insert into b select i, nullif(i % 4, 0), case when i % 3 = 0 then 1.00 else 2 end, case when i%5=0 then null else 'x' || i % 4 end, 'a ', i % 3 from generate_series(1,20) i;
select id, (select max(id) from b where b.n = a.n), (select count(*) from b where b.t = a.t and b.k > a.u), (select sum(b.id) from b where b.k = a.k and b.u = a.u) from a order by id;
select id, exists (select 1 from b where b.k = a.k and b.id > 10), exists (select 1 from b where b.c = a.c), not exists (select 1 from b where b.k = a.k) from a order by id;
select id from a where k = 3 or exists (select 1 from b where b.t = a.t and b.u <> a.u) order by id;
select id, k in (select k from b where b.t = a.t), k not in (select k from b where b.t = a.t) from a order by id;
select id, (select string_agg(b.id::text, ',' order by b.id) from b join a x on x.id = b.id where b.k = a.k and x.u = a.u) from a order by id;
select id, array(select b.id from b where b.k = a.k order by 1) from a order by id;
select a.id, l.* from a left join lateral (select count(*) as c, max(b.id) as m from b where b.k = a.k) l on true order by a.id;
select a.id, l.* from a, lateral (select b.id as bid, x.id as xid from b left join a x on x.t = b.t and x.k = a.k where b.u = a.u and b.id < 6) l order by 1,2,3;
select id, (select count(*) from (select k, count(*) as n from b group by k) g where g.k = a.k), (select max(n) from (select k, count(*) as n from b group by k having count(*) > 2) g where g.n > a.u) from a order by id;
select id, (with w as (select k, id from b) select count(*) from w x join w y on x.k = y.k where x.k = a.k) from a order by id;
with w as materialized (select k, id from b) select id, (select count(*) from w where w.k = a.k), (select max(w.id) from w where w.id < a.id) from a order by id;
with recursive r (id, up, d) as (select id, k, 0 from a where id < 6 union all select b.id, b.u, d + 1 from b join r on b.k = r.up and r.d < 3) select * from r order by 1, 2, 3;
with recursive r (id, d) as (select 1, 0 union select x.id, d + 1 from r join (select distinct b.id, a.id as aid from a join b on a.k = b.k) x on x.aid = r.id where d < 4) select * from r order by 1, 2;
select id, case k when (select max(k) from b where b.u = a.u) then 'max' when (select min(k) from b) then 'min' end from a order by id;
select id, (select (select count(*) from b y where y.k = x.k and y.u = a.u) from b x where x.id = a.id) from a order by id;
select id, (select count(*) from b where (b.k, b.u) = (a.k, a.u)), (a.k, a.u) in (select b.k, b.u from b) from a order by id;
select id from a where (k, u) in (select k, u from b where b.id > 3) order by id;
select id from a where (k, t) = any (select k, t from b) and (k, u) not in (select k, u from b where k is not null and id < 4) order by id;
update a set u = (select count(*) from b where b.k = a.k) where exists (select 1 from b where b.t = a.t) returning id, u;
delete from a where (select count(*) from b where b.k = a.k) > 5 or k is null;
insert into a (id, k) select id + 100, (select max(x.id) from a x where x.k = b.k) from b;
select * from a order by id;
begin; insert into b values (30, 1, 1, 'x1', 'a', 1); delete from b where id < 5;
select id, (select count(*) from b where b.k = a.k) from a order by id;
rollback;
prepare p (int) as select id, (select count(*) from b where b.k = a.k and b.id > $1) from a where id < 110 order by id;
execute p(3); execute p(12); insert into b values (31, 1); execute p(12);
