-- Names, literals and comments that look like code of some kind are only names, literals and comments.
CREATE TABLE "a'; import os" (id int PRIMARY KEY, "x""y" text, "{0}" int, "%s" int, "__class__" int, "def" int, "lambda: 0" int, "a
b" int, "#" int, "\" int, "é日" int, "None" int, "'''" int, "$1" int, "--" int, "/*" int);
INSERT INTO "a'; import os" VALUES (1, '''; DROP TABLE x; --', 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
INSERT INTO "a'; import os" (id, "x""y", "{0}") VALUES (2, E'\\n\n"""\t{}%s$1', NULL), (3, '{id}', -1);
SELECT * FROM "a'; import os" ORDER BY id;
SELECT "x""y", "{0}" + "%s" AS "sum of {0}", "__class__", "def", "lambda: 0", "a
b", "#", "\", "é日", "None", "'''", "$1", "--", "/*" FROM "a'; import os" WHERE id = 1;
SELECT t."x""y" FROM "a'; import os" AS t WHERE t."{0}" = -1 OR t."x""y" = '{id}';
SELECT "'''" FROM "a'; import os" AS "t'""'" WHERE "t'""'"."#" = 8;
SELECT count(*) AS "count(*)", max("{0}") AS "__builtins__" FROM "a'; import os" GROUP BY "x""y" ORDER BY "__builtins__";
SELECT 'exec("1")' AS "eval", '__import__(''os'')' || 'x', '"""' || '''''''', E'\'\\\'', '\', '\n', '{', '}', '%(a)s', '%d', '\x00'::bytea;
SELECT 1 /* """ ''' \" */ + 1 -- ''' exec
  AS "n";
SELECT '/* no comment */', '-- no comment', $$ ' " \ $$, $x$ $$ $x$;
UPDATE "a'; import os" SET "{0}" = "{0}" + 1, "x""y" = "x""y" || '}' WHERE "#" IS NULL RETURNING id, "x""y", "{0}";
CREATE INDEX "idx'""; x" ON "a'; import os" ("x""y", "{0}");
SELECT id FROM "a'; import os" WHERE "x""y" = '{id}}';
CREATE UNIQUE INDEX "uniq {0}" ON "a'; import os" ("{0}");
INSERT INTO "a'; import os" (id, "{0}") VALUES (9, 2);
ALTER TABLE "a'; import os" ADD CONSTRAINT "c'{}" CHECK ("%s" < 100);
INSERT INTO "a'; import os" (id, "%s") VALUES (9, 100);
CREATE VIEW "v'""" AS SELECT "x""y" AS "q'q", "{0}" FROM "a'; import os";
SELECT "q'q" FROM "v'""" ORDER BY 1;
WITH "c'" AS (SELECT 1 AS "a'") SELECT "c'"."a'" FROM "c'";
SELECT "nosuch'{}" FROM "a'; import os";
SELECT * FROM "nosuch'{}""";
SELECT "f'{}"(1);
SELECT 1::"t'{}";
SELECT sum("{0}") OVER "w'" FROM "a'; import os" WINDOW "w'" AS (ORDER BY "id") ORDER BY 1;
PREPARE "p'{}" AS SELECT $1::int + 1 AS "r'{}";
EXECUTE "p'{}" (1);
SAVEPOINT "s'{}";
SELECT (1).x;
SELECT row_number() OVER () AS "for", 1 AS "in", 2 AS "yield", 3 AS "True";
SELECT "T".* FROM (SELECT 1 AS "self", 2 AS "row", 3 AS "_") AS "T";
SELECT 'a' LIKE '%{%', '{' LIKE '{', 'a.b' LIKE 'a.b', '(?P<x>a)' LIKE '(?P<x>a)', 'a' ~ '{';
SELECT '\d' ~ '\\d', E'\\', 'x' ~ $$\$$;
SELECT chr(39) || chr(34) || chr(92) || chr(123), repeat('''', 3), quote_literal('''\'), format('%s%%%s', '{', '}');
DROP TABLE "a'; import os" CASCADE;
