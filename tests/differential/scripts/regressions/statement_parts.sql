-- Foreign keys among the parts of one statement: they hold when all parts are done, in the order of the changes.

create table p (id int primary key); create table c (id int primary key, pid int references p on delete cascade);
with x as (insert into c values (1, 5) returning id) insert into p values (5);
with x as (insert into c values (2, 6) returning id) select * from x;
with x as (delete from p where id = 5 returning id) insert into c select 10, id from x returning *;
select * from p; select * from c;
insert into p values (1), (2); insert into c values (1, 1), (2, 2);
with x as (update p set id = id + 10 where id = 1 returning id) update c set pid = 11 where pid = 1 returning *;
with x as (update c set pid = 13 where pid = 2 returning *), y as (update p set id = 13 where id = 2 returning *) select * from x, y;
select * from c order by 1;
with x as (delete from p returning id), y as (delete from c returning id) select count(*) from x;
with x as (insert into p values (20) returning id), y as (insert into c select 20, id from x returning *) select * from y;
with x as (insert into c values (21, 21)), y as (insert into p values (22)) select 1;
select * from p order by 1;
