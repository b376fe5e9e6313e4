-- Views with WITH CHECK OPTION and ON CONFLICT: what is left alone need not be shown by the view, what is inserted or
-- updated must be.

create table t (id int primary key, k int check (k < 100));
create view v as select * from t where k > 0 with check option;
insert into v values (1, 1), (2, 2);
insert into v values (1, -1) on conflict do nothing;
insert into v values (3, -1) on conflict do nothing;
insert into v values (1, 5) on conflict (id) do update set k = -excluded.k;
insert into v values (1, -5) on conflict (id) do update set k = -excluded.k;
insert into v values (1, 7) on conflict (id) do update set k = t.k + 1 where false returning *;
insert into v values (1, 7) on conflict (id) do update set k = excluded.k + 1 returning *;
insert into v values (1, -7) on conflict (id) do update set k = excluded.k + 1 where v.k < 0 returning *;
insert into v values (1, 700) on conflict (id) do nothing;
insert into v values (9, null) on conflict (id) do nothing;
update v set k = 0 where id = 2;
select * from t order by id;
