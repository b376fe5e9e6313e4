"""Whatever is defined in whatever order: catalog, store and rows agree, and every refusal is an SQL error."""

from __future__ import annotations

import random
from typing import Any

import pytest

from heliosdb.catalog.changes import names_of
from heliosdb.catalog.storage import NAMES_RELATION, OBJECTS_RELATION, decode, decode_row, encode_row
from heliosdb.catalog.view import CatalogSnapshot
from heliosdb.errors import Error

Client = Any
"""``conftest.Client``; test folders are no packages."""

TABLES = ("t1", "t2", "t3")
COLUMNS = ("a", "b", "c", "d")
TYPES = ("int", "bigint", "text", "varchar(5)", "numeric(6,2)", "boolean", "date")
VALUES = ("1", "2", "'x'", "'2020-01-01'", "3.14", "true", "NULL", "-5", "'7'")


class Author:
    """Writes statements, most of them sensible, some not."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)

    def table(self) -> str:
        return self.choose.choice(TABLES)

    def name(self) -> str:
        return self.choose.choice(COLUMNS)

    def column(self) -> str:
        text = f"{self.name()} {self.choose.choice(TYPES)}"
        for chance, words in (
            (0.2, " PRIMARY KEY"),
            (0.15, " NOT NULL"),
            (0.2, f" DEFAULT {self.choose.choice(VALUES)}"),
            (0.15, " UNIQUE"),
            (0.1, f" CHECK ({self.name()} IS NOT NULL)"),
            (0.1, f" REFERENCES {self.table()}"),
            (0.05, f" GENERATED ALWAYS AS ({self.name()}) STORED"),
        ):
            if self.choose.random() < chance:
                text += words
        return text

    def statement(self) -> str:
        choice, table, name = self.choose.choice, self.table(), self.name()
        cascade = choice(("", " CASCADE"))
        columns = ", ".join(self.column() for _ in range(self.choose.randint(1, 3)))
        values = self.choose.sample(COLUMNS, self.choose.randint(1, 3))
        return choice(
            (
                f"CREATE TABLE {table} ({columns})",
                f"CREATE TABLE {table} ({columns}, UNIQUE ({name}, {self.name()}))",
                f"CREATE TABLE {table} ({name} serial PRIMARY KEY, {self.column()})",
                f"CREATE TABLE {table} (LIKE {self.table()} INCLUDING ALL)",
                f"DROP TABLE {table}{cascade}",
                f"ALTER TABLE {table} ADD {self.column()}",
                f"ALTER TABLE {table} DROP {name}{cascade}",
                f"ALTER TABLE {table} ALTER {name} TYPE {choice(TYPES)}",
                f"ALTER TABLE {table} ALTER {name} TYPE {choice(TYPES)} USING NULL",
                f"ALTER TABLE {table} ALTER {name} SET DEFAULT {choice(VALUES)}",
                f"ALTER TABLE {table} ALTER {name} {choice(('SET', 'DROP'))} NOT NULL",
                f"ALTER TABLE {table} RENAME {name} TO {self.name()}",
                f"ALTER TABLE {table} RENAME TO {self.table()}",
                f"ALTER TABLE {table} ADD {choice(('PRIMARY KEY', 'UNIQUE'))} ({name})",
                f"ALTER TABLE {table} ADD FOREIGN KEY ({name}) REFERENCES {self.table()} ({self.name()})",
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_{choice(('pkey', f'{name}_key'))}{cascade}",
                f"CREATE INDEX ON {table} ({name} DESC, {self.name()})",
                f"CREATE INDEX ON {table} (({name} IS NULL)) WHERE {self.name()} IS NOT NULL",
                f"CREATE OR REPLACE VIEW v AS SELECT * FROM {table}",
                f"CREATE OR REPLACE VIEW w AS SELECT {name} FROM {choice((*TABLES, 'v'))}",
                f"DROP VIEW {choice(('v', 'w'))}{cascade}",
                f"REINDEX TABLE {table}",
                f"TRUNCATE {table}{cascade}",
                *[f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(choice(VALUES) for _ in values)})"]
                * 6,
                f"UPDATE {table} SET {name} = {choice(VALUES)}",
                f"DELETE FROM {table} WHERE {name} IS NULL",
                "SAVEPOINT s",
                "ROLLBACK TO s",
                "BEGIN",
                choice(("COMMIT", "ROLLBACK")),
            )
        )


def check_agreement(client: Client) -> None:
    """Compare the catalog's rows with each other, with the store's indexes, and the indexes with the rows."""
    session = client.session
    database = session.database
    with database.store_transaction() as transaction:
        objects = [row for block in transaction.view(OBJECTS_RELATION).row_blocks() for row in block]
        stored_names = {tuple(row) for block in transaction.view(NAMES_RELATION).row_blocks() for row in block}
        definitions = [decode(row[1], row[5]) for row in objects]
        assert [encode_row(definition) for definition in definitions] == objects
        assert stored_names == {(*name, oid) for item in definitions for name, oid in names_of(item).items()}
        for definition in definitions:
            if getattr(definition, "kind", None) != "table":
                continue
            stored = transaction.relation(definition.oid)
            assert set(stored.indexes) == {index.oid for index in definition.indexes}
            items = [
                (row_id, row)
                for row_ids, rows in transaction.view(definition.oid).item_blocks()
                for row_id, row in zip(row_ids, rows, strict=True)
            ]
            for index in stored.indexes.values():
                view = transaction.view(definition.oid).index(index.spec.oid)
                found = sorted(row_id for batch in view.range_item_blocks() for row_id, _ in batch)
                predicate = index.spec.predicate
                assert found == [row_id for row_id, row in items if predicate is None or predicate(row)]
                for row_id, row in items:
                    if predicate is None or predicate(row):
                        assert row_id in [number for number, _ in view.items(index.spec.key(row))]


def check_catalog(client: Client) -> None:
    """Compare the catalog that commands have changed step by step with one made of the rows."""
    session = client.session
    session.block.transaction.begin_statement()
    seen = session.catalog
    made = CatalogSnapshot(
        decode_row(row) for block in session.transaction.view(OBJECTS_RELATION).row_blocks() for row in block
    )
    assert list(seen.objects()) == list(made.objects())
    assert seen.type_state == made.type_state
    for name in CatalogSnapshot.__slots__:
        if name not in ("type_state", "access_state", "_referencing"):
            assert dict(getattr(seen, name).items()) == dict(getattr(made, name).items()), name
            assert len(getattr(seen, name)) == len(getattr(made, name)), name
    assert set(seen._referencing) == set(made._referencing)
    for oid in made._referencing:
        assert sorted(map(repr, seen.relations_referencing(oid))) == sorted(map(repr, made.relations_referencing(oid)))


@pytest.mark.parametrize("seed", range(25))
def test_everything_agrees_after_random_definitions(client: Client, seed: int) -> None:
    author = Author(seed)
    for table in TABLES:
        client.run(f"CREATE TABLE {table} (a int, b text, c int)")
    done = 0
    for _ in range(80):
        statement = author.statement()
        failure: Error | None = None
        try:
            client.run(statement)
            done += 1
        except Error as error:
            failure = error
        assert failure is None or failure.sqlstate not in ("XX000", "XX001"), statement
        if client.session.block.status == "E":
            client.run("ROLLBACK")
        if client.session.block.is_open:
            check_catalog(client)
        else:
            client.run("BEGIN")
            check_catalog(client)
            client.run("COMMIT")
        if not client.session.block.is_open:
            check_agreement(client)
    if client.session.block.is_open:
        client.run("ROLLBACK")
    check_agreement(client)
    assert done > 10
    for view in ("v", "w"):
        if client.value(f"SELECT count(*) FROM pg_views WHERE viewname = '{view}'"):
            client.rows(f"SELECT * FROM {view}")
