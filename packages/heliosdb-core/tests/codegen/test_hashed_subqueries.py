"""IN and NOT IN a subquery by hash keys: what the equalities say one by one, in the time of the rows."""

from __future__ import annotations

from itertools import product

import pytest

from heliosdb import EmbeddedDatabase

VALUES = {
    ("int8", "int4"): ["1", "2", "NULL", "2147483647", "-1"],
    ("int2", "int8"): ["1", "2", "NULL", "32767", "-1"],
    ("int4", "int4"): ["1", "2", "NULL", "-1"],
    ("numeric", "numeric"): ["1", "1.00", "'NaN'", "NULL", "'Infinity'", "2.50"],
    ("float8", "float8"): ["0", "'-0'", "'NaN'", "NULL", "1e300", "'-Infinity'"],
    ("char(3)", "char(5)"): ["'a'", "'a '", "'b'", "NULL", "''"],
    ("varchar(5)", "text"): ["'a'", "'a '", "NULL", "''"],
    ("interval", "interval"): ["'1 mon'", "'30 days'", "'720 hours'", "NULL", "'1 day'"],
    ("jsonb", "jsonb"): ["'1'", "'1.0'", "'[1, 2]'", "'{\"a\": 1}'", "'null'", "NULL"],
    ("timestamptz", "timestamptz"): ["'2020-01-01 00:00+00'", "'2020-01-01 01:00+01'", "NULL", "'infinity'"],
    ("numeric", "int4"): ["1", "2", "NULL"],
}


@pytest.mark.parametrize(("left", "right"), VALUES)
def test_in_and_not_in_are_what_the_equalities_say(left: str, right: str) -> None:
    values = VALUES[left, right]
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute(f"CREATE TABLE item (place int, v {right})")
        for place, value in enumerate(values):
            database.execute(f"INSERT INTO item VALUES ({place}, {value})")
        for value, chosen in product(values, range(1 << len(values))):
            places = [place for place in range(len(values)) if chosen >> place & 1]
            equalities = [f"({value}::{left}) = (SELECT v FROM item WHERE place = {place})" for place in places]
            listed = " OR ".join(equalities) or "false"
            among = ", ".join(map(str, places)) or "NULL"
            subquery = f"(SELECT v FROM item WHERE place IN ({among}))"
            tested, outer = f"({value}::{left})", f"SELECT x IN {subquery}, x NOT IN {subquery}"
            ((is_in, is_not_in),) = database.query(f"{outer} FROM (SELECT {tested} AS x OFFSET 0) q")
            ((expected,),) = database.query(f"SELECT {listed}")
            assert (is_in, is_not_in) == (expected, None if expected is None else not expected), (value, places)


@pytest.mark.parametrize("types", [("int8", "int4"), ("int2", "int8"), ("numeric", "numeric"), ("text", "text")])
@pytest.mark.parametrize("condition", ["x NOT IN (SELECT y FROM b)", "(x IN (SELECT y FROM b)) IS NOT TRUE"])
def test_many_rows_are_looked_up_among_many(types: tuple[str, str], condition: str) -> None:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute(f"CREATE TABLE a AS SELECT g::{types[0]} AS x FROM generate_series(1, 20000) g")
        database.execute(f"CREATE TABLE b AS SELECT g::{types[1]} AS y FROM generate_series(1, 20000, 2) g")
        # Pair by pair it would take a minute.
        database.execute("SET statement_timeout = '10s'")
        assert database.query(f"SELECT count(*) FROM a WHERE {condition}") == [(10_000,)]
