-- Definitions of tables whose rows are still to be checked at the end of the transaction (deferred foreign keys) stay as
-- they are until then.

create table p (id int primary key, k int);
create table c (id int, pid int references p deferrable initially deferred);
insert into p values (1,1),(2,2);
begin; insert into c values (1,1); create index on c (id); rollback;
begin; insert into c values (1,1); create index on p (k); rollback;
begin; insert into c values (1,1); drop table c; rollback;
begin; insert into c values (1,1); drop table p cascade; rollback;
begin; insert into c values (1,1); alter table c rename to d; rollback;
begin; insert into c values (1,1); alter table c rename column id to x; rollback;
begin; insert into c values (1,1); alter table p add column z int; rollback;
begin; insert into c values (1,1); alter table c add column z int; rollback;
begin; insert into c values (1,1); truncate c; rollback;
begin; insert into c values (1,1); truncate p, c; rollback;
begin; delete from p where id = 1; truncate p, c; rollback;
begin; delete from p where id = 1; alter table p add column z int; rollback;
begin; delete from p where id = 1; alter table c add column z int; rollback;
begin; update p set k = 3; alter table p add column z int; rollback;
begin; insert into c values (1, null); alter table c add column z int; rollback;
begin; update c set id = 3; alter table c add column z int; rollback;
begin; insert into c values (1,1); set constraints all immediate; alter table c add column z int; rollback;
begin; savepoint s; insert into c values (1,1); rollback to s; alter table c add column z int; rollback;
begin; insert into c values (1,1); comment on table c is 'x'; drop schema public cascade; rollback;
begin; delete from p where id = 1; truncate p; rollback;
begin; truncate p cascade; rollback;
