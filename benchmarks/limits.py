"""Figures that stand for themselves, each with its bar: memory, version chains, definitions, compiling.

``python benchmarks/limits.py [--only WORD]``. Ratios here are between two states of HeliosDB, not with a peer. No past
is kept but where a figure is about it.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import heliosdb
from heliosdb.store import Retention

ROUNDS = 7
PEOPLE = (
    "CREATE TABLE people (id integer PRIMARY KEY, name text NOT NULL, email text, age integer, score double precision)"
)
LOAD = "INSERT INTO people VALUES ($1, $2, $3, $4, $5)"
LOOKUP = "SELECT id, name, email, age FROM people WHERE id = $1"
PEAK = """
def peak():
    try:
        # Not getrusage: on Linux a process inherits the greatest size of the one that started it.
        with open("/proc/self/status") as file:
            print(next(int(line.split()[1]) for line in file if line.startswith("VmHWM")))
    except OSError:
        try:
            import resource
        except ImportError:
            print(0)
        else:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
FIRST_QUERY = """
import heliosdb
heliosdb.connect(":memory:").execute("SELECT 1").fetchall()
peak()
"""
MILLION_UPDATES = """
import heliosdb
database = heliosdb.EmbeddedDatabase(":memory:", config=heliosdb.Config(retention_days=0))
database.execute("CREATE TABLE counters (id integer PRIMARY KEY, n bigint)")
database.execute("INSERT INTO counters VALUES (1, 0), (2, 0)")
def update(times):
    for _ in range(times):
        database.execute("UPDATE counters SET n = n + 1 WHERE id = $1", (1,))
update(200_000)
peak()
update(1_000_000)
peak()
assert database.query("SELECT n FROM counters WHERE id = 1") == [(1_200_000,)]
"""


class Limit(NamedTuple):
    """One figure; ``bar`` is the most that it may be, None where it is printed to explain another."""

    name: str
    figure: float
    unit: str
    bar: float | None


def people(count: int) -> heliosdb.EmbeddedDatabase:
    """Return a database with so many people."""
    database = heliosdb.EmbeddedDatabase(":memory:", config=heliosdb.Config(retention_days=0))
    database.execute(PEOPLE)
    statement = database.prepare(LOAD)
    for start in range(0, count, 100_000):
        rows = [
            (i, f"name {i}", f"m{i}@example.org", i % 90, i * 0.5) for i in range(start, min(start + 100_000, count))
        ]
        statement.execute_many(rows)
    return database


def seconds(work: Callable[[], Any]) -> float:
    """Return how long the work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def lookups(database: heliosdb.EmbeddedDatabase, ids: list[int]) -> float:
    """Return the seconds that a look-up takes."""
    query = database.query
    return seconds(lambda: [query(LOOKUP, (i,)) for i in ids]) / len(ids)


def in_turn(one: Callable[[], float], other: Callable[[], float]) -> tuple[float, float, float]:
    """Return the medians of two figures taken in turn, and of their ratio other / one, after a round to warm up."""
    one()
    other()
    gc.collect()
    pairs = [(one(), other()) for _ in range(ROUNDS)]
    ratio = statistics.median(second / first for first, second in pairs)
    return statistics.median(first for first, _ in pairs), statistics.median(second for _, second in pairs), ratio


def memory_of_rows() -> Iterator[Limit]:
    """What a row of five columns costs, its values and its key in the index included."""
    count = 200_000
    with people(1):
        pass
    gc.collect()
    tracemalloc.start()
    database = people(count)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    database.close()
    yield Limit(f"memory a row, 5 columns, primary key, {count:,} rows", used / count, "bytes", 450)


def memory_of_updates() -> Iterator[Limit]:
    """By how much the peak of a process grows in a million updates of one row where nobody reads the past."""
    before, after = in_a_process(MILLION_UPDATES)
    yield Limit("peak memory of the process before a million updates", before, "MB", None)
    yield Limit("1,000,000 updates of one row add", after - before, "MB", 4)


def many_versions() -> Iterator[Limit]:
    """Whether the current version of a row is found as fast when it has a hundred thousand older ones."""
    database = people(1_000)
    update = "UPDATE people SET age = age + 1 WHERE id = $1"
    # What keeps history has no statement yet in the core.
    database.database.history.retain(Retention())
    for _ in range(100_000):
        database.execute(update, (3,))
    database.execute(update, (4,))
    two, many, ratio = in_turn(lambda: lookups(database, [4] * 20_000), lambda: lookups(database, [3] * 20_000))
    database.close()
    yield Limit("look-up of a row with two versions", two * 1e6, "us", None)
    yield Limit("look-up of a row with 100,000 versions", many * 1e6, "us", None)
    yield Limit("... times that of two", ratio, "times", 1.2)


def the_past_on_disk() -> Iterator[Limit]:
    """What it costs to read a million rows, of which 100,000 were superseded, as they were; first look-ups on disk.

    By key, and by a range of a column without an index, whose blocks are left out by their zones.
    """
    with TemporaryDirectory(prefix="heliosdb-limits-") as directory:
        path = str(Path(directory) / "db")
        with heliosdb.EmbeddedDatabase(path) as database:
            database.execute("CREATE TABLE t (id int PRIMARY KEY, a int, note text)")
            database.execute("INSERT INTO t SELECT g, g * 2, 'note ' || g FROM generate_series(0, 999999) AS g")
            before = database.database.history.published
            database.execute("UPDATE t SET a = a + 1 WHERE id % 10 = 0")
        chooser = random.Random(5)

        def cold(scn: int, read: Callable[[Any, int], int]) -> float:
            with heliosdb.EmbeddedDatabase(path) as database:
                oid = database.query("SELECT 't'::regclass::oid")[0][0]
                transaction = database.database.store.begin(snapshot=scn)
                transaction.begin_statement()
                view = transaction.view(oid)
                rows = [chooser.randrange(100_000) * 10 for _ in range(20)]
                taken = seconds(lambda: [read(view, row) for row in rows]) / len(rows)
                transaction.rollback()
            return taken

        def by_key(view: Any, row: int) -> int:
            (index,) = view.relation.indexes
            return int(view.index(index).get(row)[1]) - 2 * row

        def by_range(view: Any, row: int) -> int:
            blocks = view.candidate_blocks([(1, 2 * row, 2 * row + 1)], [0, 1, 2])
            return len([found for part in blocks for found in part if found[0] == row])

        for name, read in (("a row by its key", by_key), ("two rows by a range over zones", by_range)):
            now, then, ratio = in_turn(lambda read=read: cold(before + 1, read), lambda read=read: cold(before, read))
            yield Limit(f"on disk, 1,000,000 rows, 100,000 superseded: {name}, now", now * 1e3, "ms", None)
            yield Limit("as it was before", then * 1e3, "ms", None)
            yield Limit("... times that of now", ratio, "times", 4)


def large_table() -> Iterator[Limit]:
    """Whether a look-up costs the same in a table a hundred times as large."""
    small, large = people(20_000), people(2_000_000)
    chooser = random.Random(3)
    few = [chooser.randrange(20_000) for _ in range(20_000)]
    many = [chooser.randrange(2_000_000) for _ in range(20_000)]
    little, much, ratio = in_turn(lambda: lookups(small, few), lambda: lookups(large, many))
    small.close()
    large.close()
    yield Limit("look-up, 20,000 rows, random keys", little * 1e6, "us", None)
    yield Limit("look-up, 2,000,000 rows, random keys", much * 1e6, "us", None)
    yield Limit("... times that of 20,000", ratio, "times", 1.5)


def beside_a_writer() -> Iterator[Limit]:
    """What a scan costs while another thread commits all the time.

    Threads of one interpreter take turns, whatever they do, and take the processor's cache from each other. So the bar
    is for the scan's own processor time beside a writer to this table, compared with beside a writer to another; what
    it is compared with no writer at all, and by the clock, is printed too. So is a condition that the blocks' knowledge
    of their columns answers: it is twenty times as fast, so that the changed rows, which it has to look at, weigh more.
    """
    database = people(200_000)
    database.execute(PEOPLE.replace("people", "others"))
    database.execute("INSERT INTO others SELECT * FROM people")
    query = "SELECT id, score FROM people WHERE age + 0 = 17"

    def scan() -> tuple[float, float]:
        start, own = time.perf_counter(), time.thread_time()
        found = database.query(query)
        taken = time.perf_counter() - start, time.thread_time() - own
        assert len(found) == len(range(17, 200_000, 90)), "a scan lost rows"
        return taken

    def scans(table: str | None) -> tuple[float, float]:
        """Return the medians of a scan by the clock and in processor time, while somebody writes to a table."""
        stop = threading.Event()

        def write() -> None:
            update = f"UPDATE {table} SET score = score + 1 WHERE id = $1"
            chooser = random.Random(4)
            while not stop.is_set():
                database.execute(update, (chooser.randrange(200_000),))

        writer = threading.Thread(target=write)
        if table is not None:
            writer.start()
        taken = [scan() for _ in range(3 * ROUNDS)]
        stop.set()
        if table is not None:
            writer.join()
        return statistics.median(clock for clock, _ in taken), statistics.median(own for _, own in taken)

    scans(None)
    rounds = [(scans(None), scans("others"), scans("people")) for _ in range(3)]
    query = "SELECT id, score FROM people WHERE age = 17"
    scans(None)
    known = [(scans("others"), scans("people")) for _ in range(3)]
    database.close()
    clock = statistics.median(here[0] / alone[0] for alone, _, here in rounds)
    own = statistics.median(here[1] / alone[1] for alone, _, here in rounds)
    beside = statistics.median(here[1] / elsewhere[1] for _, elsewhere, here in rounds)
    yield Limit("scan beside a writer, times alone, by the clock", clock, "times", None)
    yield Limit("scan beside a writer, times alone, own processor time", own, "times", None)
    yield Limit("... times beside a writer to another table", beside, "times", 1.3)
    yield Limit("scan by what blocks know, no writer here", known[0][0][1] * 1e3, "ms", None)
    beside = statistics.median(here[1] / elsewhere[1] for elsewhere, here in known)
    yield Limit("... beside a writer, times one to another table", beside, "times", None)


def definitions() -> Iterator[Limit]:
    """Three hundred tables, and many: each is to take as long as those before it, in a transaction or alone."""
    text = "CREATE TABLE t{} (id integer PRIMARY KEY, a text, b integer)"
    for block in (False, True):
        database = heliosdb.EmbeddedDatabase.new_in_memory()

        def create(first: int, last: int, database: heliosdb.EmbeddedDatabase = database) -> float:
            return seconds(lambda: [database.execute(text.format(n)) for n in range(first, last)])

        if block:
            database.execute("BEGIN")
        first = create(0, 300)
        early = create(300, 1300)
        create(1300, 3000)
        late = create(3000, 4000)
        database.close()
        if not block:
            yield Limit("300 CREATE TABLE", first, "s", 3)
        where = "in one transaction" if block else "each alone"
        yield Limit(f"CREATE TABLE beside 4,000, times beside 1,000, {where}", late / early, "times", 2)


def compiling() -> Iterator[Limit]:
    """Texts that were never seen, and known texts with new constants."""
    database = people(1_000)
    names = "abcdef"
    for name in names:
        database.execute(f"CREATE TABLE j{name} (i integer PRIMARY KEY, k integer, v text)")
        database.execute(f"INSERT INTO j{name} SELECT g, g % 10, 'x' FROM generate_series(1, 1000) g")
    fresh = []
    for n in range(200):
        text = f"SELECT name, email AS e{n} FROM people WHERE id = {n} AND age > {n % 7}"
        fresh.append(seconds(partial(database.query, text)))
    yield Limit("never-seen point SELECT", statistics.median(fresh) * 1e3, "ms", 1)
    joins = " ".join(f"JOIN j{b} ON j{a}.k = j{b}.i" for a, b in pairwise(names))
    fresh = []
    for n in range(20):
        text = f"SELECT ja.v, count(*) AS c{n} FROM ja {joins} WHERE ja.k > {n} GROUP BY ja.v"
        fresh.append(seconds(partial(database.prepare, text)))
    yield Limit("never-seen join of six tables", statistics.median(fresh) * 1e3, "ms", 15)
    text = "SELECT name, email FROM people WHERE age > {} AND score < 3"
    same, new, ratio = in_turn(
        lambda: seconds(lambda: [database.query(text.format(7)) for _ in range(500)]) / 500,
        lambda: seconds(lambda: [database.query(text.format(random.randrange(10**6))) for _ in range(500)]) / 500,
    )
    database.close()
    yield Limit("the same text again", same * 1e6, "us", None)
    yield Limit("the same shape with another constant", new * 1e6, "us", None)
    yield Limit("... times the same text", ratio, "times", 1.5)


def scattered_rows() -> Iterator[Limit]:
    """How much slower scans are when most rows have been changed one by one in any order, and after VACUUM."""
    database, fresh = people(300_000), people(300_000)
    order = random.Random(1).sample(range(300_000), 240_000)
    for number in order:
        database.execute("UPDATE people SET age = age + 1000 WHERE id = $1", (number,))
    scan = "SELECT sum(age), count(*) FROM people WHERE score > -1"

    def ratio() -> float:
        return in_turn(lambda: seconds(lambda: fresh.query(scan)), lambda: seconds(lambda: database.query(scan)))[2]

    before = ratio()
    database.execute("VACUUM people")
    after = ratio()
    database.close()
    fresh.close()
    yield Limit("scan after 240,000 updates of 300,000 rows, times fresh", before, "times", None)
    yield Limit("... after VACUUM, times fresh", after, "times", 3)


def base_memory() -> Iterator[Limit]:
    """The whole process after its first query."""
    yield Limit("memory of the process after the first query", in_a_process(FIRST_QUERY)[0], "MB", 60)


def in_a_process(code: str) -> list[float]:
    """Return what ``peak()`` printed in another interpreter, in MB (zeros on Windows, which has no such count)."""
    out = subprocess.run([sys.executable, "-c", PEAK + code], check=True, capture_output=True, text=True).stdout
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return [int(line) / unit for line in out.split()]


LIMITS = (
    base_memory,
    definitions,
    compiling,
    many_versions,
    the_past_on_disk,
    beside_a_writer,
    large_table,
    memory_of_rows,
    memory_of_updates,
    scattered_rows,
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the functions whose names contain this")
    options = parser.parse_args()
    print(f"{'limit':58} {'figure':>12}       {'at most':>8}")
    for measured in LIMITS:
        if options.only in measured.__name__:
            for limit in measured():
                bar = "" if limit.bar is None else f"{limit.bar:8g}"
                mark = " missed" if limit.bar is not None and limit.figure > limit.bar else ""
                print(f"{limit.name:58} {limit.figure:12.2f} {limit.unit:5} {bar}{mark}", flush=True)


if __name__ == "__main__":
    main()
