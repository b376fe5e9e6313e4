-- Frames that move: rows enter and leave, by ROWS, RANGE and GROUPS, with NULLs, NaN, filters, empty frames, and values
-- of different scales, over aggregates that can be undone, that can be merged, and that can be neither.

create table w (id int, k int, i2 smallint, n numeric, m numeric, f float8, iv interval, b boolean);
insert into w select i, i % 4, (i*7)%30 - 10, case when i%5=0 then null else (i%7)/4.0 end, case when i%6=0 then 'NaN' when i % 7 = 0 then 1.50 else i%3 end, i/3.0, case when i%4=1 then null else make_interval(days => i, hours => i%5) end, i%3=0 from generate_series(1,60) i;
select id, sum(i2) over z, count(i2) over z, count(*) over z, avg(i2) over z, sum(n) over z, avg(n) over z, sum(iv) over z, avg(iv) over z from w window z as (order by id rows between 2 preceding and 1 following) order by id;
select id, sum(i2) over z, count(n) over z, count(*) filter (where b) over z, sum(n) filter (where b) over z, sum(m) over z, avg(m) over z from w window z as (order by id rows between current row and unbounded following) order by id;
select id, sum(i2) over z, count(n) over z, stddev(n) over z, var_pop(i2) over z, sum(iv) over z, avg(n) over z from w window z as (partition by k order by id range between 7 preceding and 3 following) order by id;
select id, n, sum(i2) over z, count(n) over z, max(i2) over z from w window z as (order by n nulls first groups between 1 preceding and 1 following) order by id;
select id, n, sum(i2) over z, count(n) over z, sum(n) over z from w window z as (order by n desc nulls last range between 0.5 preceding and 0.25 preceding) order by id;
select id, sum(i2) over z, count(n) over z, sum(n) over z, string_agg(k::text, '') over z from w window z as (order by id rows between 3 following and 5 following) order by id;
select id, sum(i2) over z, count(n) over z, sum(n) over z, string_agg(k::text, '') over z from w window z as (order by id rows between 3 preceding and 5 preceding) order by id;
select id, sum(i2) over z, sum(n) over z, sum(i2::bigint) over z from w window z as (partition by k order by id rows between 1 preceding and 1 following exclude current row) order by id;
select id, max(i2) over z, min(n) over z, max(iv) over z, bool_and(b) over z, bit_or(i2) over z, sum(m) over z, min(m) over z from w window z as (order by id rows between 3 preceding and 2 following) order by id;
select id, max(i2) filter (where b) over z, min(n) over z, max(iv) over z, bool_or(b) over z, bit_xor(i2) over z, sum(m) over z, max(m) over z, max(k::text) over z from w window z as (order by id rows between current row and unbounded following) order by id;
select id, max(i2) filter (where not b) over z, min(n) over z, max(iv) over z, min(n::text) over z from w window z as (partition by k order by id range between 2 following and 13 following) order by id;
select id, max(i2) over z, min(n) over z, max(array[i2]) over z, max(date '2024-01-01' + i2) over z from w window z as (order by i2 groups between 3 preceding and 2 preceding) order by id;
