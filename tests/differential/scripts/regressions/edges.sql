-- Edges of functions over edge values: rounding far left of the point, instants out of range, path variables, arrays
-- without what is searched for.

select round(1.5, 3000), length(round(1.5, 3000)::text), round(1e300, -3000), trunc(1.5, -131073);
select to_timestamp(1e308), 1;
select to_timestamp('infinity'::float8), to_timestamp('-infinity'::float8);
select to_timestamp('nan'::float8);
select to_timestamp(1e15);
select jsonb_path_exists('{"a": 1}', '$.a', '[]', true);
select jsonb_path_exists('{"a": 1}', '$.a', 'null', true);
select array_position('{}'::int[], 0, null), array_position('{a,b}'::text[], null, null);
select array_position('{a,NULL}'::text[], null, null);
