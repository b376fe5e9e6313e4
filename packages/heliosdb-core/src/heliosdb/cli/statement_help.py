r"""How statements are written, for ``\h``: the forms that the engine takes, one synopsis each.

Capitals are words to be written as they are, lower case stands for something, brackets mean optional, dots more of the
same. Statements of plugins are listed by the words that introduce them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries

__all__ = ["STATEMENTS", "find_statements", "plugin_statements", "synopsis"]

STATEMENTS: Final[Mapping[str, str]] = {
    "SELECT": """[WITH [RECURSIVE] name [(column, ...)] AS (query), ...]
SELECT [DISTINCT [ON (expression, ...)]] expression [[AS] name], ...
    [FROM table [[AS] alias], ... [[INNER | LEFT | RIGHT | FULL | CROSS] JOIN table [ON condition | USING (column,
    ...)]]] [WHERE condition]
    [GROUP BY expression, ...] [HAVING condition]
    [WINDOW name AS (definition), ...]
    [UNION | INTERSECT | EXCEPT [ALL] query]
    [ORDER BY expression [ASC | DESC] [NULLS FIRST | LAST], ...]
    [LIMIT count] [OFFSET start]
    [FOR UPDATE | FOR SHARE [NOWAIT | SKIP LOCKED]]""",
    "VALUES": "VALUES (expression, ...), ... [ORDER BY ...] [LIMIT count] [OFFSET start]",
    "INSERT": """INSERT INTO table [(column, ...)]
    VALUES (expression | DEFAULT, ...), ... | query | DEFAULT VALUES
    [ON CONFLICT [(column, ...)] DO NOTHING | DO UPDATE SET column = expression, ... [WHERE condition]]
    [RETURNING expression, ...]""",
    "UPDATE": """UPDATE table [[AS] alias] SET column = expression, ...
    [FROM table, ...] [WHERE condition] [RETURNING expression, ...]""",
    "DELETE": "DELETE FROM table [[AS] alias] [USING table, ...] [WHERE condition] [RETURNING expression, ...]",
    "TRUNCATE": "TRUNCATE [TABLE] table, ... [RESTART IDENTITY | CONTINUE IDENTITY] [CASCADE | RESTRICT]",
    "CREATE TABLE": """CREATE [TEMPORARY] TABLE [IF NOT EXISTS] table (
    column type [NOT NULL] [DEFAULT expression] [PRIMARY KEY] [UNIQUE] [CHECK (condition)]
        [REFERENCES table [(column)] [ON DELETE action] [ON UPDATE action]]
        [GENERATED ALWAYS AS (expression) STORED] [GENERATED ALWAYS | BY DEFAULT AS IDENTITY], ...
    [CONSTRAINT name] PRIMARY KEY | UNIQUE (column, ...) | CHECK (condition)
        | FOREIGN KEY (column, ...) REFERENCES table [(column, ...)], ...
)""",
    "CREATE TABLE AS": "CREATE [TEMPORARY] TABLE [IF NOT EXISTS] table [(column, ...)] AS query [WITH [NO] DATA]",
    "CREATE INDEX": """CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name] ON table [USING method]
    (column | (expression) [ASC | DESC] [NULLS FIRST | LAST], ...) [INCLUDE (column, ...)] [WHERE condition]""",
    "CREATE VIEW": "CREATE [OR REPLACE] [TEMPORARY] VIEW name [(column, ...)] AS query",
    "CREATE SEQUENCE": """CREATE SEQUENCE [IF NOT EXISTS] name [AS type] [INCREMENT BY n] [MINVALUE n] [MAXVALUE n]
    [START WITH n] [CACHE n] [CYCLE] [OWNED BY table.column]""",
    "CREATE SCHEMA": "CREATE SCHEMA [IF NOT EXISTS] name",
    "CREATE EXTENSION": "CREATE EXTENSION [IF NOT EXISTS] name",
    "CREATE DATABASE": "CREATE DATABASE name\n(gives a notice: one embedded database holds no others)",
    "ALTER TABLE": """ALTER TABLE [IF EXISTS] table
    ADD [COLUMN] column type ... | DROP [COLUMN] column [CASCADE]
    | ALTER [COLUMN] column SET DATA TYPE type [USING expression] | SET DEFAULT expression | DROP DEFAULT
        | SET NOT NULL | DROP NOT NULL
    | ADD [CONSTRAINT name] constraint | DROP CONSTRAINT name
    | RENAME [COLUMN] column TO name | RENAME TO name | SET SCHEMA schema, ...""",
    "COMMENT": "COMMENT ON TABLE | COLUMN | INDEX | VIEW | ... name IS 'text' | NULL",
    "DROP": "DROP TABLE | INDEX | VIEW | SEQUENCE | SCHEMA | EXTENSION [IF EXISTS] name, ... [CASCADE | RESTRICT]",
    "BEGIN": """BEGIN [TRANSACTION] [ISOLATION LEVEL READ COMMITTED | REPEATABLE READ | SERIALIZABLE]
    [READ ONLY | READ WRITE]
START TRANSACTION ...""",
    "COMMIT": "COMMIT [AND [NO] CHAIN]",
    "ROLLBACK": "ROLLBACK [AND [NO] CHAIN]\nROLLBACK TO [SAVEPOINT] name",
    "SAVEPOINT": "SAVEPOINT name",
    "RELEASE": "RELEASE [SAVEPOINT] name",
    "SET": """SET [SESSION | LOCAL] setting TO | = value | DEFAULT
SET TRANSACTION ISOLATION LEVEL READ COMMITTED | REPEATABLE READ | SERIALIZABLE
SET CONSTRAINTS ALL | name, ... DEFERRED | IMMEDIATE""",
    "SHOW": "SHOW setting | ALL",
    "RESET": "RESET setting | ALL",
    "PREPARE": "PREPARE name [(type, ...)] AS statement",
    "EXECUTE": "EXECUTE name [(value, ...)]",
    "DEALLOCATE": "DEALLOCATE name | ALL",
    "DISCARD": "DISCARD ALL | PLANS | SEQUENCES | TEMP",
    "EXPLAIN": """EXPLAIN [ANALYZE] statement
EXPLAIN (ANALYZE, CODEGEN, COSTS OFF, FORMAT TEXT | JSON) statement""",
    "LOCK": "LOCK [TABLE] table, ... [IN mode MODE] [NOWAIT]",
    "ANALYZE": "ANALYZE [table, ...]",
    "VACUUM": "VACUUM [table, ...]",
    "BACKUP TO": """BACKUP TO 'path or URL'
    [WITH (format = sql | archive, compression = zstd | lz4 | none, level = n, overwrite,
    table = 'pattern' | ('pattern', ...), exclude_table = ..., schema = ..., schema_only, data_only,
    clean, if_exists, inserts, rows_per_insert = n)]""",
    "RESTORE FROM": """RESTORE FROM 'path or URL'
    [WITH (table = 'pattern' | ('pattern', ...), exclude_table = ..., schema = ..., schema_only,
    data_only, clean, if_exists, skip_unsupported)]""",
    "REINDEX": "REINDEX INDEX | TABLE name",
}
"""Synopses by the words that introduce the statement."""


def plugin_statements(registries: Registries) -> dict[str, str]:
    """Return the statements of plugins: their words, and what the plugin says of them."""
    return {
        " ".join(statement.words).upper(): statement.description or f"{' '.join(statement.words).upper()} ..."
        for statement in registries.extension_statements.values()
    }


def find_statements(wanted: str, more: Mapping[str, str]) -> list[str]:
    """Return the statements that begin with these words, an exact match alone."""
    names = sorted({*STATEMENTS, *more})
    text = " ".join(wanted.upper().split())
    exact = [name for name in names if name == text]
    return (
        exact
        or [name for name in names if name.startswith(text)]
        or [name for name in names if text.startswith(name + " ") and text]
    )


def synopsis(name: str, more: Mapping[str, str]) -> str:
    """Return how a statement is written."""
    return STATEMENTS.get(name) or more[name]
