"""Random statements on the table of keys, each with how what it brings is entered into the history."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from .history import Condition, History, Row, Running

__all__ = ["FILLING", "INDEXES", "KEYS", "SETUP", "Rows", "Step", "initial_rows", "random_step"]

KEYS = range(6)
GROUPS = range(3)
FILLING = 200
"""Rows that nobody touches, so that indexes are worth using."""

SETUP = (
    "CREATE TABLE kv (k int PRIMARY KEY, v int, g int, p int, pg int)",
    f"INSERT INTO kv SELECT i, -i, 99, NULL, NULL FROM generate_series(1000, {999 + FILLING}) i",
)
INDEXES = ("", "CREATE INDEX i ON kv (g)", "CREATE INDEX i ON kv (g, k)", "CREATE INDEX i ON kv (v) WHERE g = 1")

Rows = Sequence[tuple[int | None, ...]]


@dataclass(frozen=True)
class Step:
    """A statement. ``record`` enters the rows that it returned; ``seen`` is the number of commits that it saw."""

    text: str
    record: Callable[[History, Running, int, Rows], None]


def initial_rows(r: random.Random) -> dict[int, Row]:
    """Return some of the keys with values and groups."""
    return {key: (key + 1, r.choice(GROUPS)) for key in KEYS if key == 0 or r.random() < 0.7}


def random_step(r: random.Random, values: count[int]) -> Step:
    """Return a random statement; what it writes is written nowhere else."""
    kind = r.choice((_read, _read, _find, _find_range, _update, _update_group, _insert, _delete, _upsert, _lock))
    return kind(r, values)


def _is(key: int) -> Condition:
    return lambda k, row: k == key


def _in(group: int) -> Condition:
    return lambda k, row: row[1] == group


def _row(value: int | None, group: int | None) -> Row | None:
    return None if value is None or group is None else (value, group)


def _query(text: str, condition: Condition) -> Step:
    def record(history: History, running: Running, seen: int, rows: Rows) -> None:
        history.read(running, seen, condition, [(k, (v, g)) for k, v, g in rows])  # type: ignore[misc]

    return Step(text, record)


def _change(text: str, condition: Condition | None = None) -> Step:
    """``text`` returns (key, value before, group before, value, group), NULL for what was or is not there."""

    def record(history: History, running: Running, seen: int, rows: Rows) -> None:
        if condition is not None and running.keeps_snapshot:
            history.read(running, seen, condition, [(row[0], row[1:3]) for row in rows])  # type: ignore[misc]
        for key, value_before, group_before, value, group in rows:
            assert key is not None
            history.write(running, seen, key, _row(value_before, group_before), _row(value, group))

    return Step(text, record)


def _read(r: random.Random, values: count[int]) -> Step:
    key = r.choice(KEYS)
    return _query(f"SELECT k, v, g FROM kv WHERE k = {key}", _is(key))


def _find(r: random.Random, values: count[int]) -> Step:
    group = r.choice(GROUPS)
    return _query(f"SELECT k, v, g FROM kv WHERE g = {group}", _in(group))


def _find_range(r: random.Random, values: count[int]) -> Step:
    low, high = sorted((r.choice(KEYS), r.choice(KEYS)))
    return _query(f"SELECT k, v, g FROM kv WHERE k BETWEEN {low} AND {high}", lambda k, row: low <= k <= high)


def _update(r: random.Random, values: count[int]) -> Step:
    key = r.choice(KEYS)
    return _change(
        f"UPDATE kv SET {_assigned(r, str(next(values)))} WHERE k = {key} RETURNING k, p, pg, v, g", _is(key)
    )


def _update_group(r: random.Random, values: count[int]) -> Step:
    group = r.choice(GROUPS)
    value = f"{next(values)} * 10 + k"
    return _change(f"UPDATE kv SET {_assigned(r, value)} WHERE g = {group} RETURNING k, p, pg, v, g", _in(group))


def _assigned(r: random.Random, value: str) -> str:
    return f"p = v, pg = g, v = {value}" + (f", g = {r.choice(GROUPS)}" if r.random() < 0.5 else "")


def _insert(r: random.Random, values: count[int]) -> Step:
    row = f"({r.choice(KEYS)}, {next(values)}, {r.choice(GROUPS)}, NULL, NULL)"
    return _change(f"INSERT INTO kv VALUES {row} RETURNING k, NULL::int, NULL::int, v, g")


def _upsert(r: random.Random, values: count[int]) -> Step:
    row = f"({r.choice(KEYS)}, {next(values)}, {r.choice(GROUPS)}, NULL, NULL)"
    return _change(
        f"INSERT INTO kv AS old VALUES {row} ON CONFLICT (k) DO UPDATE SET p = old.v, pg = old.g, v = excluded.v, "
        "g = excluded.g RETURNING k, p, pg, v, g"
    )


def _delete(r: random.Random, values: count[int]) -> Step:
    key = r.choice(KEYS)
    return _change(f"DELETE FROM kv WHERE k = {key} RETURNING k, v, g, NULL::int, NULL::int", _is(key))


def _lock(r: random.Random, values: count[int]) -> Step:
    key = r.choice(KEYS)

    def record(history: History, running: Running, seen: int, rows: Rows) -> None:
        # Read committed gives the newest version of what it found, which may be deleted by then.
        if rows or running.keeps_snapshot:
            at = seen if running.keeps_snapshot else len(history.states) - 1
            history.read(running, at, _is(key), [(k, (v, g)) for k, v, g in rows])  # type: ignore[misc]

    return Step(f"SELECT k, v, g FROM kv WHERE k = {key} FOR UPDATE", record)
