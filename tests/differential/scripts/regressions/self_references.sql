-- Foreign keys of a table to itself under MERGE and UPDATE: a key that stays what it was is not looked up again.

create table t (id int primary key, k int references t on delete cascade, v int);
insert into t values (0, 2, 1), (1, 0, 1), (2, null, 1), (3, 2, 1);
create table s (id int primary key, f boolean);
insert into s values (0, true), (1, false), (7, true);
merge into t using s on t.id = s.id when matched and s.f then delete when matched then update set v = 5 when not matched then insert values (s.id, 7, 9);
select * from t order by id;
update t set v = v + 1, k = k returning *;
update t set k = 99 where id = 3;
update t set k = 7 where id = 3;
merge into t using s on t.id = s.id when matched then update set k = 98;
merge into t using s on t.id = s.id when matched then update set k = 3 when not matched then insert values (s.id, 97, 9);
merge into t using s on t.id = s.id when matched then update set k = 3 when not matched then insert values (s.id + 100, s.id + 100, 9);
select * from t order by id;
begin; set constraints all deferred; update t set v = 0; rollback;
