select 1
SELECT
select all 1, 2 as two, 3 three
select distinct country, city from customers
select distinct on (country) country, name from customers order by country, name desc
select *, c.*, s.c.*, (c).name, (c).* from s.c as c
select -1, - 1, +1, -x, - -1, -(-x), @ -5, 5 - -3, a-1
select 1 + 2 * 3 ^ 4 % 5 - 6 / 7
select a || b || c, a @> b, a <-> b, a ~ 'x', a !~* 'y', a |/ b
select a operator(pg_catalog.+) b, operator(s.-) c, a operator(~) b
select not a, not not a, not a = b, not a is null, a = not b
select a and b or c and not d or (e and f)
select a < b, a > b, a <= b, a >= b, a = b, a <> b, a != b
select (a < b) < c, a = (b = c), a is null is null, a in (1) in (true)
select a is null, a is not null, a isnull, a notnull
select a is true, a is not true, a is false, a is not false, a is unknown, a is not unknown
select a is distinct from b, a is not distinct from b + 1
select a is normalized, a is nfc normalized, a is not nfkd normalized, normalize(a), normalize(a, nfd)
select a between 1 and 2, a not between 1 and 2, a between symmetric 2 and 1, a between asymmetric b + 1 and c * 2
select a in (1, 2, 3), a not in (1), a in (select b from t), (a, b) in (select c, d from t), (a, b) not in ((1, 2), (3, 4))
select a like 'x%', a not like 'x%', a ilike 'x', a not ilike 'x', a like 'a!%' escape '!', a similar to 'b+', a not similar to 'b' escape ''
select a like any (array['x', 'y']), a not like all (select b from t), a ilike some (array['z'])
select a = any (array[1, 2]), a <> all (b), a = some (select 1), a > all (select 2), a operator(pg_catalog.=) any (c)
select exists (select 1), not exists (select from t), array(select 1 order by 1), (select max(a) from t) + 1
select array[1, 2, 3], array[[1, 2], [3, 4]], array[]::int[], array[array[1], array[2]]
select row(1, 2), row(), (1, 2), row(t.*), (1, 2) = (3, 4), row(a, b) < row(c, d)
select (a, b) overlaps (c, d), row(date '2001-01-01', interval '1 day') overlaps (date '2001-01-01', date '2001-01-02')
select case when a then 1 end, case a when 1 then 'x' when 2 then 'y' else 'z' end, case when a is null then 1 else 2 end + 1
select coalesce(a, b, 0), nullif(a, b), greatest(1, 2, 3), least(a, b)
select a[1], a[1][2], a[1:2], a[:2], a[1:], a[:], a[1:2][3], (a)[1], (a.b).c[2], t.a[1].b
select (f(x)).y, (f(x)).*, ($1).a, $1[1], $1, $2::int
select a collate "C", a collate pg_catalog."default" < b
select a::int, a::varchar(10), a::numeric(10, 2)[], a::int[3][], a::timestamp with time zone, cast(a as double precision), cast(a as text) || b
select int '1', float8 '1.5', double precision '2', numeric(5, 2) '1.25', bit '101', bit varying(3) '1', char 'x', varchar(3) 'abc', national character varying(4) 'q'
select date '2001-02-03', time '10:00', time(3) with time zone '10:00+02', timestamp without time zone '2001-01-01', timestamp(0) with time zone 'now'
select interval '1' year, interval '1-2' year to month, interval '1 2' day to hour, interval '1' second(3), interval(2) '1.234 s', interval '5 min', interval '1' minute to second
select s.mytype 'x', mytype(3) 'x', point '(1,2)', pg_catalog.int4 '5'
select E'a\n\t\\b', e'\x41\101\u0041', U&'d\0061t\+000061', U&'d!0061' uescape '!', U&"d\0061t" from t
select $$dollar$$, $tag$with $$ inside$tag$, b'101', x'1f', n'national', B'', 'it''s'
select "Quoted", "with ""quotes""", "select", "AS OF" from "Table"."Name"
select 1.5, .5, 5., 1e10, 1.5e-3, 2147483648, 99999999999999999999
select count(*), count(distinct a), sum(all a), f(), f(variadic array[1]), f(a, variadic b), f(a => 1, b := 2)
select string_agg(a, ',' order by b desc nulls last), array_agg(distinct a order by a), percentile_cont(0.5) within group (order by x), count(*) filter (where a > 1)
select sum(a) over (), sum(a) over w, sum(a) over (w order by b), rank() over (partition by a, b order by c desc) from t window w as (partition by x), v as (w order by y)
select sum(a) over (rows unbounded preceding), sum(a) over (order by b rows between 1 preceding and 1 following exclude ties), sum(a) over (order by b range between interval '1 day' preceding and current row), sum(a) over (order by b groups between unbounded preceding and unbounded following exclude no others)
select extract(year from d), extract('month' from d), extract(epoch from now()), position('a' in b), substring(a from 2), substring(a from 2 for 3), substring(a for 3), substring(a similar 'x' escape '#'), substring(a, 2, 3)
select overlay(a placing b from 2), overlay(a placing b from 2 for 3), overlay(a, b, 2), trim(a), trim(both from a), trim(leading 'x' from a), trim(trailing from a), trim('x' from a), trim(a, 'x'), collation for (a), treat(a as int)
select current_date, current_time, current_time(3), current_timestamp, current_timestamp(0), localtime, localtimestamp(6), current_user, session_user, user, current_role, current_catalog, current_schema, current_schema()
select a at time zone 'utc', a at time zone b at time zone 'x', now() at time zone interval '1 hour'
select left(a, 1), right(a, 1), abs(-1), pg_catalog.lower('X'), s.f(1), "left"(a)
select value, name, type, key, language, position, values, row, int, time, interval, year from t
select a as select, b as from, c "select", d "over", e from t
select a days, b and, c or, d in, e like, f not from t
select * from t
select * from only t, only (s.t) x, t *, t as a (x, y), t b
select * from a join b on a.x = b.x left join c using (x, y) right outer join d using (z) as j full join e on true cross join f natural join g natural left join h inner join i on i.q
select * from a join b join c on b.x = c.x on a.x = b.x
select * from (a join b on true) as j, (a cross join b), ((a join b using (x)) left join c on true), (((a join b on true)))
select * from (select 1) s, (values (1, 2), (3, 4)) v(a, b), lateral (select 1) as l, (table t) x, ((select 1)) y
select * from f(1), lateral g(a.b) as h, s.f() with ordinality as o(a, b), rows from (f(1), g(2) as (x int, y text)) with ordinality r, f() as (a int, b text collate "C"), f() as t(a int)
select * from current_date, coalesce(1) as c, cast(1 as int), generate_series(1, 3) as i
select * from t tablesample bernoulli (10), t u tablesample system (5.5) repeatable (42)
select a, count(*) from t where b group by a having count(*) > 1 order by 2 desc nulls last, 1 using <, a asc nulls first
select a from t group by (), a, rollup (a, b), cube ((a, b), c), grouping sets ((a), (b, c), (), rollup (d), grouping sets (a)), distinct_column
select grouping(a, b) from t group by distinct rollup (a), rollup (b)
select 1 limit 1 offset 2
select 1 offset 2 limit 1
select 1 limit all offset 1 row
select 1 order by 1 fetch first 5 rows only
select 1 order by 1 offset 3 rows fetch next row with ties
select 1 fetch first (1 + 1) rows only
select 1 from t for update
select 1 from t, u for update of t nowait for share of u skip locked limit 1
select 1 from t limit 1 for no key update for key share
select 1 for read only
select 1 union select 2 union all select 3 intersect select 4 except all select 5 order by 1 limit 1
(select 1)
((select 1) union (select 2 order by 1 limit 1)) order by 1
(select 1 order by 1) limit 1
select (select 1) union select ((select 2)), ((select 1) + 1), ((select 1) union select 2)
values (1, 'a'), (2, default), (3 + 4, null) order by 1
table t
table only s.t order by 1 limit 3
with a as (select 1), b (x, y) as materialized (select 2, 3), c as not materialized (table b) select * from a, b, c
with recursive r (n) as (select 1 union all select n + 1 from r where n < 10) select * from r
with recursive r as (select 1 as n union all select n + 1 from r) search depth first by n set s cycle n set c to true default false using p select * from r
with t as (insert into u values (1) returning *), d as (delete from v returning id), m as (update w set a = 1 returning a) select * from t, d, m
with time as (select 1), ordinality as (select 2) select * from time, ordinality
select into new_table from t
select * into temporary table n from t
select * into unlogged n from t where a
insert into t values (1, 'x', default, null, -5, 1.5, true)
insert into s.t as x (a, b.c, d[1]) values (1, 2, 3), (4, 5, 6) returning x.a as id, *
insert into t default values
insert into t (a) select b from u order by b limit 1
insert into t (select 1)
insert into t (a) (select 1) union select 2
insert into t overriding system value values (1)
insert into t (a) overriding user value select 1
insert into t values (1) on conflict do nothing
insert into t values (1) on conflict (a, lower(b) collate "C" text_ops, (c + 1)) where d do update set a = excluded.a, (b, c) = (1, 2), d = default where t.a > 1 returning *
insert into t values (1) on conflict on constraint t_pkey do update set (b, c) = (select 1, 2)
with x as (select 1) insert into t select * from x
update t set a = 1
update only t as x set a = a + 1, b = default, (c, d) = (1, default), e.f = 2, g[1] = 3, (h) = row(1) from u, v where x.id = u.id returning *
update t set set = 1 where current of c
with x as (select 1) update t set a = (select * from x)
delete from t
delete from only s.t as x using u join v using (id) where x.id = u.id returning x.*
delete from t where current of cur
merge into t using u on t.id = u.id when matched then update set a = u.a, b = default when not matched then insert (id, a) values (u.id, u.a)
merge into only t as x using (select 1 as id) s on x.id = s.id when matched and x.a > 1 then delete when matched then do nothing when not matched and true then insert default values when not matched then insert overriding system value values (1)
create table t (id int primary key, name varchar(20) not null unique, price numeric(10, 2) default 0.0 check (price >= 0), created timestamp with time zone default now(), note text collate "C" null)
create table if not exists s.t (a int constraint pos check (a > 0) no inherit, b int references u, c int references s.u (id) match full on delete cascade on update set null deferrable initially deferred, d int generated always as (a * 2) stored, e int generated by default as identity (start with 10 increment by 5 no cycle), f int generated always as identity)
create table t (a int, b int, primary key (a, b), constraint u unique nulls not distinct (b) include (a) with (fillfactor = 70) using index tablespace ts, check (a > b) not valid no inherit, foreign key (a, b) references u (x, y) on delete set null (a) on update restrict not deferrable, exclude using gist (a with =, (b + 1) with &&) where (a > 0) deferrable)
create temporary table t (a int) on commit drop
create temp table t (like u including all excluding indexes, b int) on commit delete rows
create unlogged table t (a int) with (fillfactor = 50, autovacuum_enabled = false, toast.autovacuum_enabled) tablespace ts
create local temporary table t () inherits (a, s.b) using heap without oids on commit preserve rows
create table t (a int, b text) partition by range (a, lower(b) collate "C" text_ops, (a + 1))
create table p partition of t for values from (1, minvalue) to (10, maxvalue)
create table p partition of t (a with options not null, constraint c check (a > 0)) for values in (1, null, 'x') partition by hash (b)
create table p partition of t for values with (modulus 4, remainder 1)
create table p partition of t default
create table t of my_type (a with options primary key, check (b > 0))
create table t as select 1 as a with no data
create table if not exists t (a, b) with (fillfactor = 10) on commit drop as values (1, 2) with data
create table t as execute p (1, 2)
create foreign table f (a int options (x 'y') not null) server s options (table 'z')
create table t (a int compression pglz, b int[] not null default array[1], c char, d bit varying(5), e interval day to second(3), f setof int)
create index on t (a)
create unique index concurrently if not exists i on only s.t using btree (a, lower(b) collate "C" text_ops asc nulls first, (c + d) desc, e s.ops (siglen = 10) nulls last) include (f, g) nulls not distinct with (fillfactor = 70, fastupdate) tablespace ts where a > 0
create index i on t using gin (doc jsonb_path_ops)
create view v as select 1
create or replace temp view s.v (a, b) with (security_barrier, check_option = local) as select 1, 2 with cascaded check option
create recursive view v (n) as select 1 union all select n + 1 from v
create view v as select * from t with local check option
create materialized view if not exists m (a, b) using heap with (fillfactor = 90) tablespace ts as select 1, 2 with no data
create unlogged materialized view m as table t
create schema s
create schema if not exists s authorization bob
create schema authorization current_user create table t (a int) create view v as select 1 grant select on t to public create index on t (a) create sequence q
create sequence if not exists s.q as bigint increment by 2 minvalue -5 no maxvalue start with 1 cache 10 no cycle owned by t.a
create temp sequence q start 5 owned by none
create type mood as enum ('sad', 'ok', 'happy')
create type e as enum ()
create type pair as (a int, b text collate "C")
create type r as range (subtype = float8, subtype_diff = float8mi)
create type shell
create type base (input = f_in, output = s.f_out, internallength = variable, like = int4, passedbyvalue)
create domain d as text collate "C" default 'x' not null constraint c check (value ~ '^x') null
create domain s.d int check (value > 0)
create extension if not exists vector with schema public version '1.0' cascade
create database d with owner = bob encoding 'UTF8' template template0 connection limit 5 allow_connections true tablespace default
create statistics if not exists s.st (ndistinct, mcv) on a, lower(b), (c + d) from t
create function f(a int, in b text default 'x', out c int, inout d int = 5, variadic e int[]) returns int language sql immutable strict parallel safe cost 10 rows 5 as 'select 1'
create or replace function s.f(int, text) returns table (x int, y text) as $$ select 1, 'a' $$ language plpgsql set search_path = public, s security definer leakproof called on null input
create function f() returns setof t.a%type language c as 'lib', 'symbol' window support sup reset all
create function f(a int) returns int return a + 1
create function f() returns void begin atomic select 1; insert into t values (case when true then 1 end); return 5; end
create procedure p(inout a int) language plpgsql as 'begin end'
create or replace procedure p() begin atomic end
create trigger tr before insert or update of a, b or delete on s.t for each row when (new.a > 0) execute function f(1, 'x', y)
create or replace trigger tr after insert on t referencing new table as n old table as o for each statement execute procedure f()
create trigger tr instead of delete on v for row execute function s.f()
create constraint trigger tr after insert on t from u deferrable initially deferred for each row execute function f()
create rule r as on insert to t where a > 0 do instead nothing
create or replace rule r as on update to t do also (insert into l values (1); select 1; notify ch)
create rule r as on delete to t do (select 1)
create role bob with login superuser nocreatedb createrole noinherit connection limit 5 password 'x' valid until '2030-01-01' in role a, b role c admin d sysid 5
create user "Bob" encrypted password 'x'
create group g user a, b
create policy p on t as restrictive for select to bob, public, current_user using (a = 1) with check (b > 0)
create aggregate agg(int, text) (sfunc = f, stype = int, initcond = '0', sortop = >, parallel = safe)
create or replace aggregate agg(*) (sfunc = f, stype = int8)
create aggregate agg (basetype = int, sfunc = f, stype = int)
create aggregate agg(float8 order by int) (sfunc = f, stype = internal, hypothetical)
create operator s.=== (leftarg = int, rightarg = int, function = f, commutator = ===, negator = operator(pg_catalog.<>), hashes)
create collation if not exists c (locale = 'C', provider = icu, deterministic = false)
create collation c from pg_catalog."C"
create cast (int as text) with function f(int) as assignment
create cast (s.a as b) without function as implicit
create cast (a as b) with inout
create language l
create or replace trusted procedural language l handler s.h inline i validator v
create tablespace ts owner bob location '/x' with (seq_page_cost = 1.5)
create text search configuration s.c (copy = english)
alter table t add column a int not null default 5, add b text, add if not exists c int, drop column d, drop if exists e cascade, drop column f restrict
alter table if exists only s.t alter a type bigint using a::bigint, alter column b set data type text collate "C", alter c set default 1 + 1, alter c drop default, alter d set not null, alter d drop not null, alter e drop expression if exists
alter table t alter a set statistics -1, alter a set (n_distinct = 5), alter a reset (n_distinct), alter a set storage external, alter a set compression lz4, alter a add generated always as identity (start 5), alter a set generated by default set increment by 2 restart with 5, alter a drop identity if exists
alter table t add constraint c check (a > 0) not valid, add primary key (a), add unique using index i, add foreign key (a) references u, validate constraint c, drop constraint if exists c cascade, alter constraint c deferrable initially deferred
alter table t owner to bob, set (fillfactor = 10), reset (fillfactor), set tablespace ts, set logged, set unlogged, set access method heap, cluster on i, set without cluster, set without oids
alter table t enable trigger tr, disable trigger all, enable always trigger tr, enable replica trigger tr, disable trigger user, enable rule r, disable rule r, enable row level security, disable row level security, force row level security, no force row level security
alter table t inherit u, no inherit u, of ty, not of, replica identity full, replica identity using index i
alter table t attach partition p for values from (1) to (2)
alter table t detach partition p concurrently
alter table t rename to u
alter table if exists t rename column a to b
alter table t rename a to b
alter table t rename constraint a to b
alter table t set schema s
alter index i rename to j
alter index i attach partition p
alter index if exists i set (fillfactor = 5), alter column 1 set statistics 100
alter view v alter column a set default 5
alter view v rename column a to b
alter materialized view m set schema s
alter sequence if exists q restart with 5 increment 3 owned by none
alter sequence q owner to bob
alter foreign table f add column a int, options (set x 'y', drop z, add w 'v')
alter type e add value if not exists 'x' before 'y'
alter type e rename value 'a' to 'b'
alter type c add attribute x int cascade, drop attribute if exists y, alter attribute z set data type text
alter type c rename attribute a to b cascade
alter type c rename to d
alter type c owner to current_user
alter domain d set default 5
alter domain d drop constraint if exists c cascade
alter domain d add constraint c check (value > 0) not valid
alter domain d rename constraint a to b
alter function f(int, out text) rename to g
alter function f owner to bob
alter procedure p() set schema s
alter routine f(a int) depends on extension x
alter function f() stable cost 5 set a to 1 reset b restrict
alter aggregate agg(*) owner to bob
alter schema s rename to z
alter database d set timezone to 'UTC'
alter database d with connection limit 5
alter extension x update to '2.0'
alter extension x add function f(int)
alter statistics st set statistics 100
alter collation c refresh version
alter operator + (int, none) owner to bob
alter operator === (int, int) set (restrict = none)
alter trigger tr on t rename to u
alter policy p on t to bob using (true)
alter role bob with nologin password null
alter role bob in database d set work_mem = '1MB'
alter role all reset all
alter user bob rename to jim
alter group g add user a, b
alter default privileges for role bob in schema s grant select, insert on tables to public with grant option
alter default privileges revoke all on functions from bob cascade
alter system set work_mem = '4MB'
drop table t
drop table if exists s.t, u cascade
drop index concurrently if exists i restrict
drop view v
drop materialized view m
drop sequence q
drop schema s, z cascade
drop type if exists a, b
drop domain d
;
select 1; select 2;; commit;
drop function f(int, text), g, s.h() cascade
drop aggregate agg(*), agg2(int order by text)
drop operator + (int, int), - (none, int)
drop operator class if exists c using btree cascade
drop trigger if exists tr on s.t cascade
drop policy p on t
drop rule r on t
drop cast if exists (int as text)
drop role if exists a, b
drop user bob
drop owned by bob, current_user cascade
drop database if exists d with (force)
drop extension if exists x cascade
drop statistics st
drop collation c
drop text search configuration c
drop access method a
reassign owned by a, b to c
comment on table s.t is 'text'
comment on column t.a is null
comment on function f(int) is 'x'
comment on constraint c on t is 'x'
comment on constraint c on domain d is 'x'
comment on operator + (int, int) is 'x'
comment on cast (int as text) is 'x'
comment on database d is 'x'
comment on trigger tr on t is 'x'
comment on type s.ty is 'x'
security label for p on table t is 'x'
truncate t
truncate table only a, b * restart identity cascade
truncate a continue identity restrict
grant select, insert (a, b), update on table s.t, u to bob, public with grant option granted by current_user
grant all privileges on all tables in schema s, z to group g
grant execute on function f(int), s.g to bob
grant usage on schema s to bob
grant select on t to bob
grant all on database d to bob
grant usage on type ty to bob
grant a, b to c, d with admin option granted by e
revoke grant option for select on t from bob cascade
revoke all on sequence q from public
revoke admin option for a from b restrict
begin
begin work isolation level serializable, read only, deferrable
start transaction isolation level read committed read write not deferrable
commit and chain
end transaction and no chain
abort
rollback work
rollback to savepoint s
savepoint s
release savepoint s
release s
prepare transaction 'x'
commit prepared 'x'
rollback prepared 'x'
set a = 1
set s.a to 'x', on, true, 1.5, -1, word
set local a to default
set session a from current
set time zone 'UTC'
set time zone -5
set time zone local
set time zone interval '1:30' hour to minute
set transaction isolation level repeatable read
set session characteristics as transaction read only
set transaction snapshot 'x'
set local transaction read only
set constraints all deferred
set constraints a, s.b immediate
set role bob
set role 'none'
set session authorization default
set names 'utf8'
set schema 's'
reset a.b
reset all
reset time zone
show a
show all
show transaction isolation level
show session authorization
explain select 1
explain analyze verbose update t set a = 1
explain (analyze, costs off, format json, timing false, buffers 1) select 1
explain (select 1)
explain create table t as select 1
explain execute p(1)
explain declare c cursor for select 1
analyze
analyze verbose t (a, b), u
analyze (verbose, skip_locked) t
vacuum
vacuum full freeze verbose analyze t (a)
vacuum (full, parallel 4, index_cleanup auto) t, u
reindex table concurrently s.t
reindex (verbose, tablespace ts) index i
reindex database d
cluster
cluster verbose t using i
cluster i on t
checkpoint
discard all
discard temp
listen ch
unlisten *
notify ch, 'payload'
load 'lib'
lock table only a, b in share row exclusive mode nowait
lock t
refresh materialized view concurrently m with no data
prepare p (int, text[]) as select $1, $2
prepare p as insert into t values ($1)
execute p
execute p (1, 'x', null)
deallocate prepare p
deallocate all
declare c no scroll insensitive binary cursor with hold for select 1
declare c cursor for values (1)
fetch c
fetch next from c
fetch all in c
fetch backward 5 from c
fetch absolute -1 c
fetch relative 0 from c
fetch forward all c
move last in c
fetch 10 c
fetch -3 from c
fetch next
close c
close all
copy t from stdin
copy s.t (a, b) from '/x' with (format csv, header, delimiter ',', null '', force_not_null (a, b), force_quote *, encoding 'utf8') where a > 0
copy t to stdout csv header quote '"' escape as '\' force quote *
copy binary t to program 'cat'
copy (select 1) to stdout with csv
copy (insert into t values (1) returning *) to '/x' (format text)
copy t from stdin using delimiters '|' with null as 'x' force not null a, b
do 'begin end'
do language plpgsql $$begin end$$
call p(1, a => 2)
call s.p()
select 'AS OF' as "AS OF", 'FROM' "WHERE", $$select as of$$ as of from "for system_time" as of
select /* as of */ 1 -- as of
select of, "as", branch, version, at_time from branches where merge = 'MERGE BRANCH' and period = 'for system_time as of now'
