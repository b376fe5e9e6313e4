"""What the past and branches cost: the same statements on main now, at a past commit, and on branches.

    python benchmarks/past.py [--rows 1000000] [--rounds 7] [--only word]

Each figure is a ratio of medians of processor time; the two ways take turns in one process, so that a machine that gets
slower slows both. ``bar`` is what the ratio may be at most. ``changed``: a tenth of the rows, at random, has been
updated since the commit that is read. The history of everything is kept, but for the last case, which keeps none.

It needs heliosdb-temporal and heliosdb-branch.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from heliosdb import Config, EmbeddedDatabase

Run = Callable[[], object]
DEEP = 32
VERSIONS = 100_000
UPDATES = 100


class Report:
    """Times pairs of runs and prints their ratios."""

    def __init__(self, rounds: int, only: str) -> None:
        self.rounds = rounds
        self.only = only

    def ratio(self, name: str, bar: float, base: Run, other: Run, times: int = 1) -> None:
        """Print how many times longer ``other`` takes than ``base``; ``times``: runs that are timed as one."""
        if self.only not in name:
            return
        base(), other(), base(), other()
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(self.rounds):
            for run, list_ in zip((base, other), taken):
                start = time.thread_time()
                for _ in range(times):
                    run()
                list_.append((time.thread_time() - start) / times)
        first, second = map(statistics.median, taken)
        self.line(name, second / first, bar, f"{first * 1e6:12,.1f} us {second * 1e6:12,.1f} us")

    @staticmethod
    def line(name: str, figure: float, bar: float, text: str) -> None:
        """Print one figure."""
        print(f"{name:<58}{figure:8.2f}  bar {bar:4.1f} {'' if figure <= bar else 'MISSED':7}{text}", flush=True)


def database(*, keeps: bool = True) -> EmbeddedDatabase:
    """Return a database in memory that keeps all of its history, or none."""
    config = Config(retention_days=None if keeps else 0)
    return EmbeddedDatabase(":memory:", config=config, plugins=["temporal", "branch"])


def scn(db: EmbeddedDatabase) -> int:
    """Return the last commit."""
    return db.database.history.published


def fill(db: EmbeddedDatabase, rows: int) -> None:
    """Make a table of so many rows."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, grp int, amount int, name text)")
    db.execute(f"INSERT INTO t SELECT g, g % 1000, g % 977, 'name ' || g % 5000 FROM generate_series(1, {rows}) g")
    db.execute("CREATE INDEX t_grp ON t (grp); ANALYZE t")


def change(db: EmbeddedDatabase, chosen: list[int]) -> None:
    """Update rows by their keys, a thousand a commit."""
    for first in range(0, len(chosen), 1000):
        db.execute("UPDATE t SET amount = amount + 1 WHERE id = ANY($1)", [chosen[first : first + 1000]])


STATEMENTS = {
    "count": ("SELECT count(*), sum(amount) FROM {t}", 1),
    "filtered scan": ("SELECT sum(amount) FROM {t} WHERE amount % 7 = 3", 1),
    "groups": ("SELECT grp, sum(amount) FROM {t} GROUP BY grp", 1),
    "key range of 1,000": ("SELECT sum(amount) FROM {t} WHERE id BETWEEN 5000 AND 5999", 20),
    "rows of a key": ("SELECT sum(amount) FROM {t} WHERE grp = 77", 20),
    "order and limit": ("SELECT id, amount FROM {t} ORDER BY id DESC LIMIT 20", 50),
    "look-up in a join": ("SELECT count(*) FROM generate_series(1, 1000) g JOIN {t} ON id = g * 7", 5),
}


def past(report: Report, rows: int) -> None:
    """A table of which a tenth was changed since, then and now."""
    db = database()
    fill(db, rows)
    then = scn(db)
    chance = random.Random(1)
    change(db, chance.sample(range(1, rows + 1), rows // 10))
    as_of = f"t AS OF SCN {then}"
    for name, (text, times) in STATEMENTS.items():
        now, old = text.replace("{t}", "t"), text.replace("{t}", as_of)
        report.ratio(
            f"AS OF, changed: {name}", 1.3, lambda now=now: db.query(now), lambda old=old: db.query(old), times
        )
    chosen = db.query(f"SELECT count(*) FROM t JOIN {as_of} past USING (id) WHERE t.amount <> past.amount")[0][0]
    assert chosen == rows // 10, chosen
    db.close()


def versions(report: Report) -> None:
    """One row with many versions beside one with two."""
    db = database()
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0), (2, 0)")
    points = []
    for number in range(VERSIONS):
        db.execute("UPDATE t SET n = $1 WHERE id = 1", [number])
        if number % (VERSIONS // 10) == 5:
            points.append(scn(db))
    db.execute("UPDATE t SET n = 1 WHERE id = 2")
    text = "SELECT n FROM t AS OF SCN $1 WHERE id = $2"
    assert [db.query(text, [point, 1])[0][0] for point in points[:2]] == [5, VERSIONS // 10 + 5]

    def read(key: int) -> Run:
        return lambda: [db.query(text, [point, key]) for point in points]

    report.ratio(f"AS OF, a row of {VERSIONS:,} versions beside one of 2", 2.0, read(2), read(1), 20)
    db.close()


def updated(report: Report, rows: int) -> None:
    """A range of an index over rows that were updated often, in what it is over and in what not."""
    for column, name in (("n", "another column"), ("k", "its column")):
        db = database()
        for table in ("t", "calm"):
            db.execute(
                f"CREATE TABLE {table} (id int PRIMARY KEY, k int, n int); CREATE INDEX {table}_k ON {table} (k)"
            )
            db.execute(f"INSERT INTO {table} SELECT g, g * 10, 0 FROM generate_series(1, {rows}) g")
        points = []
        for _ in range(UPDATES):
            db.execute(f"UPDATE t SET {column} = {column} + 1")
            points.append(scn(db))
        low, high = rows * 10 // 2, rows * 10 // 2 + 10_000
        text = f"SELECT sum(n), count(*) FROM {{t}} WHERE k BETWEEN {low} AND {high}"
        for when, clause in (("now", ""), ("AS OF", f" AS OF SCN {points[UPDATES // 2]}")):
            base, other = text.replace("{t}", f"calm{clause}"), text.replace("{t}", f"t{clause}")
            report.ratio(
                f"index range, rows updated {UPDATES} times in {name}, {when}",
                1.5,
                partial(db.query, base),
                partial(db.query, other),
                20,
            )
        db.close()


def on(db: EmbeddedDatabase, name: str, run: Run) -> Run:
    """Return a run on a branch."""

    def switched() -> object:
        db.execute(f'USE BRANCH "{name}"')
        return run()

    return switched


def branches(report: Report, rows: int) -> None:
    """Look-ups and scans on branches beside main."""
    db = database(keeps=False)
    fill(db, rows)
    chance = random.Random(2)

    for name, part in (("few", rows // 100), ("many", rows // 10)):
        db.execute(f"CREATE BRANCH {name} FROM main")
        db.execute(f"USE BRANCH {name}")
        change(db, list(range(1, part + 1)) if name == "few" else chance.sample(range(1, rows + 1), part))
    for name, bar, text in (
        ("few", 1.2, "1 % changed there"),
        ("many", 1.5, "10 % changed there at random"),
        ("many", 1.5, "10 % at random, VACUUM"),
    ):
        if "VACUUM" in text:
            on(db, name, partial(db.execute, "VACUUM t"))()
        for kind in ("count", "filtered scan", "groups"):
            query = STATEMENTS[kind][0].replace("{t}", "t")
            run = partial(db.query, query)
            report.ratio(f"branch, {text}: {kind}", bar, on(db, "main", run), on(db, name, run))
    for is_new in (False, True):
        deep(report, db, rows, chance, is_new=is_new)
    db.close()


def deep(report: Report, db: EmbeddedDatabase, rows: int, chance: random.Random, *, is_new: bool) -> None:
    """Look-ups on a branch of a branch of a branch, each of which has changed rows, and added some where ``is_new``."""
    above, name = "main", "new" if is_new else "deep"
    for number in range(DEEP):
        db.execute(f"CREATE BRANCH {name}{number} FROM {above}")
        above = f"{name}{number}"
        db.execute(f"USE BRANCH {above}")
        change(db, chance.sample(range(1, rows + 1), 100))
        if is_new:
            db.execute(
                f"INSERT INTO t SELECT g, 1, 1, '' FROM generate_series({-10 * number}, {-10 * number - 9}, -1) g"
            )
    keys = chance.sample(range(1, rows + 1), 10_000)
    turn = [0]

    def some(query: str) -> Run:
        def run() -> None:
            turn[0] += 1
            first = turn[0] * 100 % 10_000
            for key in keys[first : first + 100]:
                db.query(query, [key])

        return run

    short, long = "SELECT amount FROM t WHERE id = $1", "SELECT amount, random() FROM t WHERE id = $1"
    for text, query in (("short", short), ("ordinary", long)):
        run = some(query)
        report.ratio(f"look-up on a branch {DEEP} deep, {name}, {text}", 2.0, on(db, "main", run), on(db, above, run))
    text = STATEMENTS["look-up in a join"][0].replace("{t}", "t")
    report.ratio(
        f"look-ups on a branch {DEEP} deep, {name}, in a join",
        2.0,
        on(db, "main", partial(db.query, text)),
        on(db, above, partial(db.query, text)),
    )


def memory(report: Report) -> None:
    """A million updates of one row without history."""
    name = "memory after 1,000,000 updates of a row beside 100,000"
    if report.only not in name:
        return
    db = database(keeps=False)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)")
    update = db.prepare("UPDATE t SET n = n + 1 WHERE id = $1")
    sizes = []
    for _ in range(10):
        for _ in range(100_000):
            update.execute([1])
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    report.line(name, sizes[-1] / sizes[0], 1.1, f"{sizes[0] >> 10:10,} MiB {sizes[-1] >> 10:10,} MiB")
    db.close()


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose names contain this")
    given = parser.parse_args()
    print(f"{given.rows:,} rows, {given.rounds} rounds, Python {sys.version.split()[0]}")
    report = Report(given.rounds, given.only)
    memory(report)
    past(report, given.rows)
    versions(report)
    updated(report, min(given.rows, 20_000))
    branches(report, given.rows)


if __name__ == "__main__":
    main()
