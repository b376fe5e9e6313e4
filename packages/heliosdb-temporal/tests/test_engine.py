"""TemporalEngine: rows with system time and valid time, without SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliosdb.errors import DuplicateColumn, DuplicateTable, InvalidParameterValue, UndefinedColumn, UndefinedTable
from heliosdb_temporal import TemporalEngine, TemporalRow

PAST = 1635724800000
"""2021-11-01, in milliseconds."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[TemporalEngine]:
    with TemporalEngine.new(tmp_path / "temporal") as made:
        made.create_table("employees", ["id", "name", "salary"])
        yield made


def now(engine: TemporalEngine) -> int:
    return int(engine.database.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8")[0][0])


def committed(engine: TemporalEngine) -> int:
    """Return the first millisecond that is not before the last commit."""
    text = "SELECT ceil(extract(epoch FROM heliosdb_scn_timestamp(heliosdb_current_scn())) * 1000)::int8"
    found = int(engine.database.query(text)[0][0])
    while now(engine) <= found:
        pass
    return found


def test_the_example_of_the_documentation(engine: TemporalEngine) -> None:
    row = TemporalRow.new([("id", "123"), ("name", "Alice"), ("salary", "75000")])
    engine.insert("employees", row)
    assert engine.query_as_of("employees", PAST) == []
    assert engine.query_as_of("employees", committed(engine)) == [row]
    assert row.get("name") == "Alice"


def test_each_time_has_its_rows(engine: TemporalEngine) -> None:
    empty = committed(engine)
    engine.insert("employees", TemporalRow.new([("id", "1")]))
    first = committed(engine)
    engine.database.execute("UPDATE employees SET salary = '1' WHERE id = '1'")
    second = committed(engine)
    assert engine.query_as_of("employees", empty) == []
    assert [row.values for row in engine.query_as_of("employees", first)] == [
        (("id", "1"), ("name", None), ("salary", None))
    ]
    assert [row.get("salary") for row in engine.query_as_of("employees", second)] == ["1"]


def test_valid_time_is_from_included_until_excluded(engine: TemporalEngine) -> None:
    engine.insert("employees", TemporalRow.new([("id", "old")], valid_to=PAST))
    engine.insert("employees", TemporalRow.new([("id", "then")], PAST, PAST + 10))
    engine.insert("employees", TemporalRow.new([("id", "since")], PAST + 10))
    engine.insert("employees", TemporalRow.new([("id", "ever")]))
    known = committed(engine)

    def ids(valid_at: int | None) -> list[str | None]:
        return [row.get("id") for row in engine.query_as_of("employees", known, valid_at)]

    assert ids(None) == ["old", "then", "since", "ever"]
    assert ids(PAST - 1) == ["old", "ever"]
    assert ids(PAST) == ids(PAST + 9) == ["then", "ever"]
    assert ids(PAST + 10) == ["since", "ever"]
    (then,) = [row for row in engine.query_as_of("employees", known, PAST) if row.get("id") == "then"]
    assert (then.valid_from, then.valid_to) == (PAST, PAST + 10)


def test_it_outlives_the_process(tmp_path: Path) -> None:
    with TemporalEngine(tmp_path / "t") as engine:
        engine.create_table('odd "name"', ['a "b"'])
        engine.insert('odd "name"', TemporalRow.new([('a "b"', "'x'; --")]))
        known = committed(engine)
        engine.database.execute('DELETE FROM "odd ""name"""')
    with TemporalEngine(tmp_path / "t") as engine:
        assert [row.get('a "b"') for row in engine.query_as_of('odd "name"', known)] == ["'x'; --"]
        assert engine.query_as_of('odd "name"', now(engine)) == []


def test_what_makes_no_sense_is_refused(engine: TemporalEngine) -> None:
    with pytest.raises(DuplicateTable):
        engine.create_table("employees", ["id"])
    with pytest.raises(DuplicateColumn):
        engine.create_table("twice", ["id", "valid_from"])
    with pytest.raises(UndefinedTable):
        engine.insert("nobody", TemporalRow.new([("id", "1")]))
    with pytest.raises(UndefinedTable):
        engine.query_as_of("nobody", PAST)
    with pytest.raises(UndefinedColumn):
        engine.insert("employees", TemporalRow.new([("shoe size", "1")]))
    with pytest.raises(InvalidParameterValue, match="future"):
        engine.query_as_of("employees", now(engine) + 60_000)
    with pytest.raises(InvalidParameterValue, match="cannot be valid"):
        TemporalRow.new([("id", "1")], PAST, PAST)
    with pytest.raises(KeyError):
        TemporalRow.new([("id", "1")]).get("name")
