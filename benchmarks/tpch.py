"""TPC-H: all 22 questions against sqlite3, and optionally the answers against PostgreSQL.

``python benchmarks/tpch.py [--scale 0.05] [--check DSN]``. The data comes from the generator on PyPI (``pip install
tpchgen-cli``), into a temporary folder. Amounts are double precision on both sides, as sqlite3 has nothing else;
``--numeric`` makes them exact on ours. DuckDB's times, on one thread, stand beside where it is installed. Indexes: the
primary keys and the foreign keys of lineitem, orders and partsupp, on both sides.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import heliosdb
from tpch_queries import QUERIES, TABLES

INDEXES = {
    "lineitem": ("l_partkey", "l_suppkey", "l_orderkey"),
    "orders": ("o_custkey",),
    "partsupp": ("ps_suppkey", "ps_partkey"),
    "customer": ("c_nationkey",),
    "supplier": ("s_nationkey",),
}


def generate(folder: Path, scale: float) -> None:
    """Write the tables as CSV files."""
    tool = shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent)) or shutil.which("tpchgen-cli")
    if tool is None:
        raise SystemExit("this needs the data generator: pip install tpchgen-cli")
    command = [tool, "csv", "--scale-factor", str(scale), "--output-dir", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def rows_of(folder: Path, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield a table's rows as Python values."""
    kinds = [part.split()[1] for part in columns.partition(", PRIMARY KEY")[0].split(", ")]
    read = [int if kind == "integer" else float if kind == "{money}" else str for kind in kinds]
    with (folder / f"{table}.csv").open(newline="") as file:
        lines = csv.reader(file)
        next(lines)
        for line in lines:
            yield tuple(convert(value) for convert, value in zip(read, line, strict=True))


def spelled(text: str, system: str, scale: float) -> str:
    """Return a query in a system's own words for the year of a date."""
    year = "CAST(strftime('%Y', {}) AS integer)" if system == "sqlite" else "extract(year FROM {})::integer"
    text = text.replace("FRACTION", f"{0.0001 / scale:.10f}")
    return re.sub(r"YEAR\((\w+)\)", lambda match: year.format(match[1]), text)


def main() -> None:
    """Load, run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--numeric", action="store_true", help="amounts as numeric(15, 2) on our side and PostgreSQL's")
    parser.add_argument("--check", metavar="DSN", help="compare all answers with this PostgreSQL database's")
    parser.add_argument("--only", type=int, nargs="*", default=sorted(QUERIES), help="numbers of queries")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "tpch.json")
    options = parser.parse_args()
    money = "numeric(15, 2)" if options.numeric else "double precision"
    ours = heliosdb.EmbeddedDatabase.new_in_memory(plugins=[])
    peer = sqlite3.connect(":memory:", isolation_level=None)
    referee = connect_referee(options.check)
    columnar = connect_duckdb()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, options.scale)
        for table, columns in TABLES.items():
            rows = list(rows_of(folder, table, columns))
            width = len(rows[0])
            ours.execute(f"CREATE TABLE {table} ({columns.format(money=money)})")
            marks = ", ".join(f"${n}" for n in range(1, width + 1))
            ours.prepare(f"INSERT INTO {table} VALUES ({marks})").execute_many(rows)
            peer.execute(f"CREATE TABLE {table} ({columns.format(money='real')})")
            peer.execute("BEGIN")
            peer.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)
            peer.execute("COMMIT")
            if columnar is not None:
                columnar.execute(f"CREATE TABLE {table} ({columns.format(money='double')})")
                columnar.execute(f"COPY {table} FROM '{folder / f'{table}.csv'}' (HEADER)")
            statements = [f"CREATE INDEX {table}_{column} ON {table} ({column})" for column in INDEXES.get(table, ())]
            if referee is not None:
                referee.execute(f"CREATE TEMP TABLE {table} ({columns.format(money=money)})")
                with referee.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            for statement in statements:
                ours.execute(statement)
                peer.execute(statement)
            ours.execute(f"ANALYZE {table}")
    peer.execute("ANALYZE")
    versions = f"heliosdb {heliosdb.__version__}, sqlite {sqlite3.sqlite_version}, Python {platform.python_version()}"
    print(f"TPC-H at scale {options.scale}, amounts {money}; {versions}; {platform.machine()}, {os.cpu_count()} cores")
    print(f"{'query':>5} {'heliosdb':>10} {'sqlite3':>10} {'times':>7} {'DuckDB':>10}  answer")
    ratios = []
    document = []
    for number in options.only:
        text = QUERIES[number]
        mine, theirs = spelled(text, "heliosdb", options.scale), spelled(text, "sqlite", options.scale)
        pairs = [(timed(ours.query, mine), timed(peer.execute, theirs)) for _ in range(options.rounds + 1)][1:]
        ratio = statistics.median(b / a for a, b in pairs)
        verdict = ""
        if referee is not None:
            expected = referee.execute(mine).fetchall()
            verdict = "equal" if same(ours.query(mine), expected) else "DIFFERENT"
        ratios.append(ratio)
        a, b = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        c = None
        if columnar is not None:
            c = statistics.median(
                timed(lambda text: columnar.execute(text).fetchall(), mine) for _ in range(options.rounds)
            )
        document.append({"query": number, "heliosdb": a, "sqlite3": b, "duckdb": c, "ratio": ratio, "answer": verdict})
        beside = "" if c is None else f"{c * 1e3:7.1f} ms"
        print(f"{number:>5} {a * 1e3:7.1f} ms {b * 1e3:7.1f} ms {ratio:7.2f} {beside:>10}  {verdict}", flush=True)
    mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
    print(f"geometric mean {mean:.2f} (bar 1.0{' missed' if mean < 1 else ''})")
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(
        json.dumps({"scale": options.scale, "geometric_mean": mean, "queries": document}, indent=2) + "\n"
    )


def connect_referee(dsn: str | None) -> Any:
    """Return a connection to PostgreSQL, or None where no check was asked for."""
    if dsn is None:
        return None
    import psycopg

    return psycopg.connect(dsn, autocommit=True)


def connect_duckdb() -> Any:
    """Return a DuckDB database in memory, on one thread as the others are, or None where it is not installed."""
    try:
        import duckdb
    except ImportError:
        return None
    return duckdb.connect(":memory:", config={"threads": 1})


def timed(run: Any, text: str) -> float:
    """Return how long a query takes, its rows fetched."""
    start = time.perf_counter()
    list(run(text))
    return time.perf_counter() - start


def same(mine: list[Any], theirs: list[Any]) -> bool:
    """Whether two answers agree; floating-point sums to nine digits, for they depend on the order of addition."""
    return len(mine) == len(theirs) and all(
        len(a) == len(b) and all(map(same_value, a, b)) for a, b in zip(mine, theirs, strict=True)
    )


def same_value(a: Any, b: Any) -> bool:
    """Whether two values agree."""
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(float(a), float(b), rel_tol=1e-9)
    return bool(a == b)


if __name__ == "__main__":
    main()
