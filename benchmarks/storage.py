"""What tables take on disk, and how fast they are written and read: ``python benchmarks/storage.py [--rows N]``.

Segments are written to a volume in memory and compared with the file that sqlite3 makes of the same rows. Ratios of
columns are between what their values are (numbers of 8 bytes, texts in UTF-8, numerics as text) and what is stored.
Times are processor time, so that they can be compared on a machine that others use, too.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from heliosdb.encoding.classes import ClassTable
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.store.block import BLOCK_SIZE
from heliosdb.store.index_run import IndexRun, IndexRunWriter
from heliosdb.store.segment import BlockImage, SegmentReader, SegmentWriter
from heliosdb.store.volume import MemoryVolume

FRAMES = StoredFrames(ClassTable())
SIZE_BAR = 0.5
"""The most that a table may take of what sqlite3 takes."""
NUMERIC_BAR, TEXT_BAR = 2.0, 2.0
"""The least that numeric and text columns shrink to, all of them together."""

FIRST = "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara".split()  # noqa: SIM905
LAST = "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez".split()  # noqa: SIM905
WORDS = "please leave the parcel with our neighbour if nobody opens ring twice it is a gift fragile thank you".split()  # noqa: SIM905
CITIES = "London Paris Berlin Madrid Rome Vienna Prague Warsaw Lisbon Dublin Oslo Helsinki Athens Budapest".split()  # noqa: SIM905


class Table(NamedTuple):
    """Rows and what their columns are; ``kind`` is "number" or "text" where the column counts to a ratio."""

    name: str
    columns: Sequence[tuple[str, str, str]]
    """(name, sqlite3's type, kind)."""
    rows: list[tuple[Any, ...]]


def orders(count: int, chance: random.Random) -> Table:
    """Return orders as a shop has them."""
    created = 700_000_000_000_000
    rows: list[tuple[Any, ...]] = []
    for number in range(1, count + 1):
        created += int(chance.expovariate(1 / 5e6))
        customer = chance.randrange(max(10, count // 10))
        first, last = FIRST[customer % len(FIRST)], LAST[customer % len(LAST)]
        rows.append(
            (
                number,
                customer,
                f"{first} {last}",
                f"{first.lower()}.{last.lower()}{customer}@example.com",
                chance.choice(("new", "paid", "shipped", "returned")),
                Decimal(int(chance.lognormvariate(8, 1))).scaleb(-2),
                chance.randrange(1, 20),
                created,
                " ".join(chance.choices(WORDS, k=chance.randrange(3, 12))) if chance.random() < 0.5 else None,
                chance.random() < 0.1,
            )
        )
    columns = (
        ("id", "integer primary key", "number"),
        ("customer", "integer", "number"),
        ("name", "text", "text"),
        ("email", "text", "text"),
        ("status", "text", "text"),
        ("price", "real", "number"),
        ("quantity", "integer", "number"),
        ("created", "integer", "number"),
        ("note", "text", "text"),
        ("gift", "integer", ""),
    )
    return Table("orders", columns, rows)


def readings(count: int, chance: random.Random) -> Table:
    """Return what sensors say: mostly floats."""
    rows: list[tuple[Any, ...]] = []
    at, temperatures = 700_000_000_000_000, [15.0 + n for n in range(50)]
    for number in range(1, count + 1):
        sensor = number % 50
        at += 20_000 + chance.randrange(400)
        temperatures[sensor] += chance.gauss(0, 0.2)
        exact = chance.gauss(1013.25, 8)
        city = CITIES[sensor % len(CITIES)]
        rows.append((number, sensor, at, round(temperatures[sensor], 2), round(exact, 1), chance.random(), city))
    columns = (
        ("id", "integer primary key", "number"),
        ("sensor", "integer", "number"),
        ("at", "integer", "number"),
        ("temperature", "real", "number"),
        ("pressure", "real", "number"),
        ("noise", "real", ""),  # random bits: nothing makes them fewer
        ("city", "text", "text"),
    )
    return Table("readings", columns, rows)


def sqlite_size(table: Table) -> int:
    """Return the size of sqlite3's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.db"
        connection = sqlite3.connect(path)
        connection.execute(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind, _ in table.columns)})")
        marks = ", ".join("?" * len(table.columns))
        rows = (tuple(float(v) if isinstance(v, Decimal) else v for v in row) for row in table.rows)
        connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        connection.commit()
        connection.close()
        return path.stat().st_size


def seconds(work: Callable[[], Any]) -> float:
    """Return the processor time that work takes: the best of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def write(table: Table, codecs: FileCodecs) -> tuple[MemoryVolume, int]:
    """Write a table as one segment and return its size."""
    volume = MemoryVolume()
    writer = SegmentWriter(volume, "segment-1", 1, 1, codecs, FRAMES)
    for number, start in enumerate(range(0, len(table.rows), BLOCK_SIZE)):
        writer.add(BlockImage(number, list(table.rows[start : start + BLOCK_SIZE]), 1))
    return volume, writer.finish().size


def read(volume: MemoryVolume, codecs: FileCodecs) -> None:
    """Read all rows of a segment."""
    reader = SegmentReader(volume, "segment-1", codecs, FRAMES)
    for number in reader.numbers:
        reader.read(number)


def plain_size(values: Iterable[Any]) -> int:
    """Return how many bytes values are."""
    size = 0
    for value in values:
        if isinstance(value, str):
            size += len(value.encode())
        elif isinstance(value, Decimal):
            size += len(str(value))
        elif value is not None:
            size += 8
    return size


def stored_sizes(table: Table) -> list[int]:
    """Return what the chunks of each column take."""
    chain = FileCodecs().new()
    return [
        sum(
            len(chain.encode(FRAMES.encode([row[place] for row in table.rows[start : start + BLOCK_SIZE]]), b""))
            for start in range(0, len(table.rows), BLOCK_SIZE)
        )
        for place in range(len(table.columns))
    ]


def report_table(table: Table) -> None:
    """Print a table's figures."""
    count, peer = len(table.rows), sqlite_size(table)
    print(f"\n{table.name}, {count:,} rows; sqlite3: {peer / count:.1f} bytes a row")
    for codecs in (FileCodecs(("none",)), FileCodecs(("lz4",)), FileCodecs(("zstd",)), FileCodecs(("zstd",), level=9)):
        volume, size = write(table, codecs)
        writing, reading = seconds(partial(write, table, codecs)), seconds(partial(read, volume, codecs))
        missed = "   MISSED: at most 0.5" if codecs.names == ("zstd",) and size > SIZE_BAR * peer else ""
        name = f"{codecs.names[0]} {level}" if (level := codecs.level) else codecs.names[0]
        print(
            f"  {name:6} {size / count:6.1f} bytes a row, {size / peer:.2f} of sqlite3;"
            f" {count / writing / 1e6:.2f} M rows/s written, {count / reading / 1e6:.2f} M rows/s read{missed}"
        )
    totals = {"number": [0, 0], "text": [0, 0]}
    for place, ((name, _, kind), stored) in enumerate(zip(table.columns, stored_sizes(table))):
        plain = plain_size(row[place] for row in table.rows)
        if kind:
            totals[kind][0] += plain
            totals[kind][1] += stored
        print(
            f"    {name:12} {plain / count:6.2f} -> {stored / count:5.2f} bytes a row, {plain / stored:6.1f} times less"
        )
    for kind, bar in (("number", NUMERIC_BAR), ("text", TEXT_BAR)):
        plain, stored = totals[kind]
        missed = f"   MISSED: at least {bar}" if plain < bar * stored else ""
        print(f"    all {kind}s: {plain / stored:.1f} times less{missed}")


class Pages:
    """A cache without bounds."""

    def __init__(self) -> None:
        self._pages: dict[Any, Any] = {}

    def get(self, key: Any) -> Any:
        """Return a page."""
        return self._pages.get(key)

    def put(self, key: Any, value: Any, weight: int) -> None:
        """Keep a page."""
        self._pages[key] = value


def report_index(name: str, keys: list[Any], chance: random.Random) -> None:
    """Print the figures of an index run."""
    codecs, count = FileCodecs(), len(keys)
    keys.sort()
    row_ids = chance.sample(range(count), count)
    volumes: list[MemoryVolume] = []

    def build() -> None:
        volumes.append(MemoryVolume())
        writer = IndexRunWriter(volumes[-1], "run-1", 1, 1, codecs, FRAMES)
        writer.add_sorted(zip(keys, row_ids))
        writer.finish()

    def opened() -> IndexRun:
        return IndexRun(volumes[-1], "run-1", codecs, FRAMES, Pages())

    writing = seconds(build)
    some = [chance.choice(keys) for _ in range(300)]
    cold = seconds(lambda: [opened().row_ids(key) for key in some[:30]]) / 30
    run = opened()
    for key in keys[::512]:
        run.row_ids(key)
    warm = seconds(lambda: [run.row_ids(key) for key in some]) / len(some)
    print(
        f"  {name:18} {volumes[-1].size('run-1') / count:5.1f} bytes an entry, {count / writing / 1e6:.2f} M written a"
        f" second; a look-up {warm * 1e6:.1f} us, the first one after opening {cold * 1e6:.0f} us"
    )


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    count = parser.parse_args().rows
    chance = random.Random(1)
    for make in (orders, readings):
        report_table(make(count, chance))
    print(f"\nindex runs, {count:,} entries")
    report_index("integers in a row", list(range(count)), chance)
    report_index("random integers", chance.sample(range(10**9), count), chance)
    report_index("addresses", [f"user{number}@example.com" for number in range(count)], chance)
    report_index("uuids", [chance.randbytes(16) for _ in range(count)], chance)


if __name__ == "__main__":
    main()
