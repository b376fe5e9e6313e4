\pset format unaligned
create table t (a int primary key, b text, c numeric(5,2) check (c > 0));
insert into t values (1, 'x', 1.5), (2, E'a\nb', null);
select * from t order by a;
select 1 as "A b", null as n, true, 1.0/3, '{1,2,NULL}'::int[], interval '1 day 2 hours', '2020-01-01'::timestamptz;
select a, b from t where zz = 1;
select
  a,
  b +
from t;
insert into t values (1, 'dup', 1);
insert into t values (3, 'neg', -1);
insert into t values (4, 'big', 12345.6);
insert into t values ('x', 'y', 1);
select count(*) from t; select 5/0; select 'after';
\set x 10
select :x, :'x', :"x" from (select 1 as "10") q;
\echo :x ':x' ":x" :'x' :y
\x
select * from t order by a;
select 1 as one, 'abc' as longer_name;
\x
\t
select 1, 2;
\t
\g
select 42 as answer \gset
\echo :answer
\gx
select 'multi
line', $$a;b$$, 'it''s';
begin; select 1/0; select 2; commit;
values (1,2),(3,4);
select 1 where false;
delete from t;
\pset null '(null)'
select null;
\pset fieldsep ,
select 1,2,3;
update t set zz=1;
drop table nope;
drop table if exists nope;
create table t(a int);
select pg_sleep('x');
select '2020-13-01'::date;
select * from t where a = 'abc';
/* comment */ select 1 /* inner
 */ + nope;
copy t from stdin;
1	x	1.5
2	y	bad
\.
select count(*) from t;
copy t(a,b) from stdin with (format csv);
1,"a ""q"" b"
2,
\.
copy (select * from t order by a) to stdout;
\copy t(a,b) to stdout csv header
select 1
