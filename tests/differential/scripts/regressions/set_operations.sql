-- What the literals of VALUES are under a set operation.

(VALUES (1, 'a', 'a')) INTERSECT ALL (VALUES (1, ('a')::varchar(2), 'a'));
select 'a' union select 'b'::varchar(2);
values ('a'), ('b'::varchar(2));
select 'a'::text union select 'b'::varchar(2);
select 'a'::varchar(3) union select 'b'::varchar(2);
(values ('a')) union all (values ('b'::varchar(2)));
select 'a' intersect select 'a'::char(3);
select * from (values ('a')) x(c) union select 'b'::varchar;
select null union select 'b'::varchar(2);
(values (null)) union all (values ('b'::varchar(2)));
(values (null)) union all (values (1));
(select null) union all (select 1);
(select null union select null) union all (select 1);
