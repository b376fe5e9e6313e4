"""What encryption costs: ``python benchmarks/encryption.py [--rows N] [--rounds N] [--json FILE]``.

Two databases, one of them encrypted, do the same in turn, in pieces of a tenth of a second, in one run; a piece's time
is divided by that of the plain database's piece beside it, and the median of all quotients is printed. So a machine
that is busy now and then, as most are, slows both down alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cryptography

import heliosdb
from heliosdb import Config, EmbeddedDatabase
from heliosdb_crypto import EncryptionKey

MIXED_BAR = 1.03


class Figure(NamedTuple):
    """``ratio`` is time with encryption to time without; ``bar`` the most it may be."""

    name: str
    ratio: float
    bar: float | None = None


def config(*, encrypted: bool) -> Config:
    return Config(encryption_key=EncryptionKey.generate() if encrypted else None)


def mixed(folder: Path, rows: int, rounds: int) -> Figure:
    """Look-ups, ranges, updates and inserts in autocommit on a table that is in memory; 80 % are reads."""
    databases = [
        EmbeddedDatabase(str(folder / f"mixed{encrypted}"), config=config(encrypted=encrypted))
        for encrypted in (False, True)
    ]
    for database in databases:
        database.execute("CREATE TABLE account (id int PRIMARY KEY, owner text, balance numeric(12,2), seen timestamp)")
        database.execute(
            "INSERT INTO account SELECT g, 'owner ' || g, g % 1000, '2026-01-01'::timestamp + g * interval '1 s' "
            "FROM generate_series(1, $1::int) g",
            (rows,),
        )
        database.execute("CHECKPOINT")
        database.query("SELECT count(*) FROM account WHERE balance > 1")
    next_id = rows

    def piece(database: EmbeddedDatabase, seed: int, first: int) -> float:
        chance = random.Random(seed)
        started = time.perf_counter()
        for number in range(100):
            draw, key = chance.random(), chance.randrange(1, rows)
            if draw < 0.7:
                database.query("SELECT owner, balance FROM account WHERE id = $1", (key,))
            elif draw < 0.8:
                database.query("SELECT sum(balance) FROM account WHERE id BETWEEN $1 AND $1 + 100", (key,))
            elif draw < 0.95:
                database.execute("UPDATE account SET balance = balance + 1 WHERE id = $1", (key,))
            else:
                database.execute("INSERT INTO account VALUES ($1, 'new', 0, now())", (first + number,))
        return time.perf_counter() - started

    ratios = []
    for number in range(rounds):
        next_id += 100
        order = (0, 1) if number % 2 else (1, 0)
        seconds = {which: piece(databases[which], number, next_id) for which in order}
        ratios.append(seconds[1] / seconds[0])
    for database in databases:
        database.close()
    return Figure("mixed work, warm", statistics.median(ratios), MIXED_BAR)


def in_turn(name: str, rounds: int, work: Callable[[bool, int], float]) -> Figure:
    """Time some work without and with encryption in turn."""
    ratios = []
    for number in range(rounds):
        order = (False, True) if number % 2 else (True, False)
        seconds = {encrypted: work(encrypted, number) for encrypted in order}
        ratios.append(seconds[True] / seconds[False])
    return Figure(name, statistics.median(ratios))


def figures(folder: Path, rows: int, rounds: int) -> list[Figure]:
    keys = {False: config(encrypted=False), True: config(encrypted=True)}
    values = [(number, f"name {number}", number % 100, number / 7) for number in range(rows)]

    def load(encrypted: bool, number: int) -> float:
        path = str(folder / f"load{encrypted}{number}")
        with EmbeddedDatabase(path, config=keys[encrypted]) as database:
            database.execute("CREATE TABLE people (id int PRIMARY KEY, name text, age int, score float8)")
            insert = database.prepare("INSERT INTO people VALUES ($1, $2, $3, $4)")
            started = time.perf_counter()
            insert.execute_many(values)
            database.execute("CHECKPOINT")
            return time.perf_counter() - started

    def scan(encrypted: bool, number: int) -> float:
        started = time.perf_counter()
        with EmbeddedDatabase(str(folder / f"load{encrypted}0"), config=keys[encrypted]) as database:
            found: Any = database.query("SELECT count(*), sum(score), max(name) FROM people")
        assert found[0][0] == rows
        return time.perf_counter() - started

    def commit(encrypted: bool, number: int) -> float:
        with EmbeddedDatabase(str(folder / f"commit{encrypted}"), config=keys[encrypted]) as database:
            database.execute("CREATE TABLE IF NOT EXISTS event (id serial PRIMARY KEY, note text)")
            started = time.perf_counter()
            for _ in range(300):
                database.execute("INSERT INTO event (note) VALUES ('something happened')")
            return time.perf_counter() - started

    some = max(3, rounds // 40)
    return [
        mixed(folder, rows, rounds),
        in_turn("durable commits of one row", some, commit),
        in_turn("bulk load, with a checkpoint", some, load),
        in_turn("opening and a cold scan", some, scan),
    ]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(
        f"heliosdb {heliosdb.__version__}, cryptography {cryptography.__version__}, Python {platform.python_version()},"
    )
    print(f"{platform.platform()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as name:
        found = figures(Path(name), arguments.rows, arguments.rounds)
    for figure in found:
        bar = "" if figure.bar is None else f"{figure.bar:>8.2f}  {'' if figure.ratio <= figure.bar else 'missed'}"
        print(f"{figure.name:32}{figure.ratio:>8.3f}{bar}")
    if arguments.json:
        arguments.json.write_text(json.dumps([figure._asdict() for figure in found], indent=2))


if __name__ == "__main__":
    main()
