-- Expressions of constants, parameters and stable functions only are computed once, where and if they are needed.

create table a (id int, ts timestamp, d date, t text);
insert into a select i, timestamp '2024-01-01' + i * interval '1 hour', date '2024-01-01' + i, 'x' || i from generate_series(1,30) i;
select id from a where ts > timestamp '2024-01-02' - interval '5 hours' and t <> md5('a') order by id;
select id, upper('abc') || lower('DEF'), (select max(b.id) from a b where b.id < a.id + length('abc')) from a where id < 5 order by id;
select id, case length('abc') when id then upper('y') else lower('N') end from a where id < 5 order by id;
select count(*), count(distinct now()) , count(distinct clock_timestamp() is null) from a;
select id from a where id = any(string_to_array('1,2,3', ',')::int[]) order by id;
select id, array(select upper('q') || b.t from a b where b.id = a.id) from a where id < 3 order by id;
select id from a where id < 3 and repeat('1', 3)::int / (length('a') - 1) > 0;
prepare p (text, int) as select id, upper($1), $2::text || 'a' from a where id < length($1) order by id;
execute p('abc', 3); execute p('abcd', 4); execute p(null, null);
update a set t = upper('q') || t where id = length('abc') returning t;
select sum(length('abc')) over (order by id rows between length('a') preceding and current row) from a where id < 4 order by id limit length('ab');
