"""``TemporalEngine``: tables of texts with two times, without SQL.

    system time    when the database knew a row: from the commit that inserted it on
    valid time     when it was true in the world: ``valid_from`` until ``valid_to``, where a row says so

Below it is an ordinary database that keeps all versions, so that SQL reads the same tables (``engine.database``).
Timestamps are milliseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from typing import Any

from attrs import frozen

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue, UndefinedTable

__all__ = ["TemporalEngine", "TemporalRow"]

FROM, TO = "valid_from", "valid_to"
MOMENT = "timestamptz '1970-01-01 00:00:00+00' + {} * interval '1 millisecond'"


@frozen
class TemporalRow:
    """A row: (column, value) pairs, and when it is true; None: at any time before, or after."""

    values: tuple[tuple[str, str | None], ...]
    valid_from: int | None = None
    valid_to: int | None = None

    @classmethod
    def new(
        cls, values: Iterable[tuple[str, str | None]], valid_from: int | None = None, valid_to: int | None = None
    ) -> TemporalRow:
        """Return a row; InvalidParameterValue where it would be true at no time."""
        if valid_from is not None and valid_to is not None and valid_from >= valid_to:
            raise InvalidParameterValue(f"a row cannot be valid from {valid_from} until {valid_to}")
        return cls(tuple([(column, value) for column, value in values]), valid_from, valid_to)

    def get(self, column: str) -> str | None:
        """Return a column's value; KeyError where there is none."""
        return dict(self.values)[column]


class TemporalEngine:
    """See the module. Errors are those of the SQL that it runs."""

    def __init__(self, storage_path: str | PathLike[str], *, config: Config | None = None) -> None:
        """Open the engine's database, or make it; ``:memory:`` has one that is gone with the process.

        Without a ``config`` all versions are kept.
        """
        kept = Config(options={"temporal.time_travel_enabled": True}) if config is None else config
        self.database = EmbeddedDatabase(fspath(storage_path), config=kept)

    @classmethod
    def new(cls, storage_path: str | PathLike[str]) -> TemporalEngine:
        """Open the engine's database, or make it."""
        return cls(storage_path)

    def __enter__(self) -> TemporalEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def create_table(self, name: str, columns: Sequence[str]) -> None:
        """Make a table; DuplicateTable where there is one of this name, DuplicateColumn for a column named twice."""
        made = [*(f"{_quoted(column)} text" for column in columns), f"{FROM} timestamptz", f"{TO} timestamptz"]
        self.database.execute(f"CREATE TABLE {_quoted(name)} ({', '.join(made)})")

    def insert(self, table: str, row: TemporalRow) -> None:
        """Insert a row; columns that it does not name are NULL. UndefinedTable, UndefinedColumn."""
        names = [*(column for column, _ in row.values), FROM, TO]
        count = len(row.values)
        places = [*(f"${n}" for n in range(1, count + 1)), *(MOMENT.format(f"${count + n}::int8") for n in (1, 2))]
        self.database.execute(
            f"INSERT INTO {_quoted(table)} ({', '.join(map(_quoted, names))}) VALUES ({', '.join(places)})",
            [*(value for _, value in row.values), row.valid_from, row.valid_to],
        )

    def query_as_of(self, table: str, timestamp: int, valid_at: int | None = None) -> list[TemporalRow]:
        """Return the rows that the database knew at a time; with ``valid_at`` those that were true then.

        None, where the table is younger. Raises UndefinedTable where it has never been, InvalidParameterValue for the
        future, ObjectNotInPrerequisiteState before the horizon.
        """
        name = _quoted(table)
        self.database.query(f"SELECT FROM {name} LIMIT 0")
        condition = "true"
        parameters: list[Any] = [timestamp]
        if valid_at is not None:
            parameters.append(valid_at)
            moment = MOMENT.format("$2::int8")
            condition = f"({FROM} IS NULL OR {FROM} <= {moment}) AND ({TO} IS NULL OR {TO} > {moment})"
        text = f"SELECT * FROM {name} AS OF TIMESTAMP {MOMENT.format('$1::int8')} WHERE {condition}"
        try:
            found = self.database.query(text, parameters)
        except UndefinedTable:
            return []
        return [_row(dict(zip(row.keys(), row))) for row in found]


def _row(values: dict[str, Any]) -> TemporalRow:
    since, until = values.pop(FROM), values.pop(TO)
    return TemporalRow.new(values.items(), _milliseconds(since), _milliseconds(until))


def _milliseconds(time: Any) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
