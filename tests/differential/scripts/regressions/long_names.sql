-- Names of more than 63 bytes are cut, with a notice for each.
CREATE TABLE a_very_long_table_name_that_goes_on_and_on_past_the_limit_of_sixty_three_bytes (id int, "Quoted ""name"" that is much longer than what fits into sixty three bytes of it" int);
SELECT a_very_long_table_name_that_goes_on_and_on_past_the_limit_of_sixty_three_bytes.id FROM a_very_long_table_name_that_goes_on_and_on_past_the_limit_of_six;
SELECT relname FROM pg_class WHERE relname LIKE 'a\_very%';
SELECT 'a_very_long_table_name_that_goes_on_and_on_past_the_limit_of_sixty_three_bytes' AS short;
SELECT 1 AS "äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü";
SELECT 1 AS ABCDEFGHIJKLMNOPQRSTUVWXYZ_ABCDEFGHIJKLMNOPQRSTUVWXYZ_ABCDEFGHIJKLMNOPQRSTUVWXYZ;
SELECT 1 AS x123456789x123456789x123456789x123456789x123456789x123456789xyz;
SELECT 1 AS x123456789x123456789x123456789x123456789x123456789x123456789xyzz; SELECT 2 AS y;
PREPARE a_very_long_statement_name_that_goes_on_and_on_past_the_limit_of_sixty_three_bytes AS SELECT 1;
EXECUTE a_very_long_statement_name_that_goes_on_and_on_past_the_limit_of_sixty_three_bytes;
