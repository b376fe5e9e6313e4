"""Random transactions, each with what it must leave behind.

The model of a database is a dict of tables, a table a dict of rows by primary key. A change is SQL text and a function
that does the same to the model.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["Change", "Model", "Table", "Workload"]

Row = tuple[Any, ...]
Change = tuple[str, Callable[["Model", list[Row]], None]]
"""SQL, and what is to be done to the model, given the rows that it returned."""


class Table:
    """Rows by primary key. Columns: id, grp, note, and perhaps extra."""

    def __init__(self, rows: dict[int, Row], indexes: frozenset[str], columns: tuple[str, ...], serial: bool) -> None:
        self.rows = rows
        self.indexes = indexes
        self.columns = columns
        self.serial = serial

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and vars(self) == vars(other)

    def copy(self) -> Table:
        """Return a copy that can be changed."""
        return Table(dict(self.rows), self.indexes, self.columns, self.serial)


Model = dict[str, Table]


class Workload:
    """Makes changes that fit a model."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._ids = 0
        self._names = 0

    def change(self, model: Model) -> Change:
        """Return a change of a model."""
        random = self.random
        if not model or (len(model) < 4 and random.random() < 0.05):
            return self._create_table()
        name = random.choice(sorted(model))
        table = model[name]
        kinds: list[tuple[float, Callable[[str, Table], Change]]] = [
            (6, self._insert),
            (6, self._update_row),
            (3, self._delete_row),
            (2, self._update_group),
            (1, self._delete_group),
            (1, self._upsert),
            (1, self._move_key),
            (0.7, self._bulk_insert),
            (0.3, self._update_all),
            (0.2, self._delete_all),
            (0.15, self._truncate),
            (0.3, self._create_index if len(table.indexes) < 3 else self._drop_index),
            (0.1, self._add_column if len(table.columns) < 5 else self._drop_column),
            (0.1, self._drop_table),
        ]
        (chosen,) = random.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])
        return chosen(name, table)

    # -- rows

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _group(self) -> int:
        return self.random.randrange(8)

    def _note(self) -> str | None:
        length = self.random.choice((0, 3, 3, 20, 20, 200, 9000))
        if length == 3 and self.random.random() < 0.3:
            return None
        if length == 9000:
            # More than a page, however it is compressed: a part of it can be lost.
            return self.random.randbytes(length).hex()
        return "".join(self.random.choices("abc'é\\ ", k=min(length, 40))) * (length // 40 + 1)

    def _insert(self, name: str, table: Table) -> Change:
        if table.serial:
            group, note = self._group(), self._note()

            def apply_serial(model: Model, returned: list[Row]) -> None:
                ((number,),) = returned
                assert number not in model[name].rows, f"{name} was given {number} again"
                model[name].rows[number] = _padded((number, group, note), model[name])

            text = f"INSERT INTO {name} (grp, note) VALUES ({group}, {_literal(note)}) RETURNING id"
            return text, apply_serial
        rows = [(self._id(), self._group(), self._note()) for _ in range(self.random.choice((1, 1, 2, 5)))]

        def apply(model: Model, returned: list[Row]) -> None:
            for row in rows:
                model[name].rows[row[0]] = _padded(row, model[name])

        values = ", ".join(f"({number}, {group}, {_literal(note)})" for number, group, note in rows)
        return f"INSERT INTO {name} (id, grp, note) VALUES {values}", apply

    def _bulk_insert(self, name: str, table: Table) -> Change:
        if table.serial:
            return self._insert(name, table)
        size = self.random.choice((20, 600, 600, 1500))
        first = self._ids + 1
        self._ids += size

        def apply(model: Model, returned: list[Row]) -> None:
            for number in range(first, first + size):
                model[name].rows[number] = _padded((number, number % 8, f"n{number}"), model[name])

        source = f"SELECT g, g % 8, 'n' || g FROM generate_series({first}, {first + size - 1}) AS g"
        return f"INSERT INTO {name} (id, grp, note) {source}", apply

    def _row(self, name: str, table: Table) -> int:
        """Return a row's key: mostly one that is there."""
        if not table.rows or self.random.random() < 0.05:
            return -1
        return self.random.choice(list(table.rows))

    def _update_row(self, name: str, table: Table) -> Change:
        number, group, note = self._row(name, table), self._group(), self._note()
        return (
            f"UPDATE {name} SET grp = {group}, note = {_literal(note)} WHERE id = {number}",
            _changing(name, lambda row: row[0] == number, lambda row: (row[0], group, note, *row[3:])),
        )

    def _update_group(self, name: str, table: Table) -> Change:
        group = self._group()
        return (
            f"UPDATE {name} SET grp = (grp + 1) % 8 WHERE grp = {group}",
            _changing(name, lambda row: row[1] == group, lambda row: (row[0], (row[1] + 1) % 8, *row[2:])),
        )

    def _update_all(self, name: str, table: Table) -> Change:
        return (
            f"UPDATE {name} SET note = 'all ' || id",
            _changing(name, lambda row: True, lambda row: (*row[:2], f"all {row[0]}", *row[3:])),
        )

    def _move_key(self, name: str, table: Table) -> Change:
        if table.serial:
            return self._update_row(name, table)
        number, new = self._row(name, table), self._id()

        def apply(model: Model, returned: list[Row]) -> None:
            row = model[name].rows.pop(number, None)
            if row is not None:
                model[name].rows[new] = (new, *row[1:])

        return f"UPDATE {name} SET id = {new} WHERE id = {number}", apply

    def _upsert(self, name: str, table: Table) -> Change:
        number = self._row(name, table)
        if number < 0 or table.serial:
            return self._insert(name, table)
        return (
            f"INSERT INTO {name} (id, grp, note) VALUES ({number}, 0, 'x') "
            "ON CONFLICT (id) DO UPDATE SET note = 'upserted'",
            _changing(name, lambda row: row[0] == number, lambda row: (*row[:2], "upserted", *row[3:])),
        )

    def _delete_row(self, name: str, table: Table) -> Change:
        number = self._row(name, table)
        return f"DELETE FROM {name} WHERE id = {number}", _deleting(name, lambda row: row[0] == number)

    def _delete_group(self, name: str, table: Table) -> Change:
        group = self._group()
        return f"DELETE FROM {name} WHERE grp = {group}", _deleting(name, lambda row: row[1] == group)

    def _delete_all(self, name: str, table: Table) -> Change:
        return f"DELETE FROM {name}", _deleting(name, lambda row: True)

    def _truncate(self, name: str, table: Table) -> Change:
        return f"TRUNCATE {name}", _deleting(name, lambda row: True)

    # -- definitions

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def _create_table(self) -> Change:
        name = self._name("t")
        serial = self.random.random() < 0.3

        def apply(model: Model, returned: list[Row]) -> None:
            model[name] = Table({}, frozenset(), ("id", "grp", "note"), serial)

        key = "serial" if serial else "int"
        return f"CREATE TABLE {name} (id {key} PRIMARY KEY, grp int NOT NULL, note text)", apply

    def _drop_table(self, name: str, table: Table) -> Change:
        def apply(model: Model, returned: list[Row]) -> None:
            del model[name]

        return f"DROP TABLE {name}", apply

    def _create_index(self, name: str, table: Table) -> Change:
        index = self._name("i")
        columns = self.random.choice(("grp", "grp, id", "note", "(grp + id)", "grp) WHERE (grp > 3"))

        def apply(model: Model, returned: list[Row]) -> None:
            model[name].indexes |= {index}

        return f"CREATE INDEX {index} ON {name} ({columns})", apply

    def _drop_index(self, name: str, table: Table) -> Change:
        index = self.random.choice(sorted(table.indexes))

        def apply(model: Model, returned: list[Row]) -> None:
            model[name].indexes -= {index}

        return f"DROP INDEX {index}", apply

    def _add_column(self, name: str, table: Table) -> Change:
        column, default = self._name("c"), self.random.randrange(100)

        def apply(model: Model, returned: list[Row]) -> None:
            found = model[name]
            found.columns = (*found.columns, column)
            found.rows = {number: (*row, default) for number, row in found.rows.items()}

        # New rows get the default, too: see _padded.
        return f"ALTER TABLE {name} ADD COLUMN {column} int DEFAULT {default}", _with_default(apply, name, default)

    def _drop_column(self, name: str, table: Table) -> Change:
        column = table.columns[-1].partition("=")[0]

        def apply(model: Model, returned: list[Row]) -> None:
            found = model[name]
            found.columns = found.columns[:-1]
            found.rows = {number: row[:-1] for number, row in found.rows.items()}

        return f"ALTER TABLE {name} DROP COLUMN {column}", apply


def _with_default(
    apply: Callable[[Model, list[Row]], None], name: str, default: int
) -> Callable[[Model, list[Row]], None]:
    def applied(model: Model, returned: list[Row]) -> None:
        apply(model, returned)
        table = model[name]
        table.columns = (*table.columns[:-1], f"{table.columns[-1]}={default}")

    return applied


def _padded(row: Row, table: Table) -> Row:
    """Return a new row with the defaults of columns that were added."""
    return (*row, *(int(column.partition("=")[2]) for column in table.columns[3:]))


def _changing(
    name: str, meant: Callable[[Row], bool], change: Callable[[Row], Row]
) -> Callable[[Model, list[Row]], None]:
    def apply(model: Model, returned: list[Row]) -> None:
        table = model[name]
        table.rows = {number: change(row) if meant(row) else row for number, row in table.rows.items()}

    return apply


def _deleting(name: str, meant: Callable[[Row], bool]) -> Callable[[Model, list[Row]], None]:
    def apply(model: Model, returned: list[Row]) -> None:
        table = model[name]
        table.rows = {number: row for number, row in table.rows.items() if not meant(row)}

    return apply


def _literal(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
