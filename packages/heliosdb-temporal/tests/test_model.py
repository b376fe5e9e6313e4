"""A random history against a model: every SCN gives what was there then, also after checkpoints and reopening."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from heliosdb import Config, EmbeddedDatabase

KEPT = Config(options={"temporal.time_travel_enabled": True})


def check(db: EmbeddedDatabase, seen: dict[int, dict[int, str]]) -> None:
    for scn, rows in seen.items():
        assert dict(map(tuple, db.query("SELECT id, state FROM t AS OF SCN $1", [scn]))) == rows
        for number in (0, 3, 7):
            by_key = db.query("SELECT state FROM t AS OF SCN $1 WHERE id = $2", [scn, number])
            assert [row[0] for row in by_key] == ([rows[number]] if number in rows else [])
        for state in ("a", "b"):
            by_state = db.query("SELECT id FROM t AS OF SCN $1 WHERE state = $2", [scn, state])
            assert sorted(row[0] for row in by_state) == sorted(n for n, text in rows.items() if text == state)


@pytest.mark.parametrize("seed", range(4))
def test_every_scn_gives_what_was_there(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    path = str(tmp_path / "history.helio")
    rows: dict[int, str] = {}
    seen: dict[int, dict[int, str]] = {}
    db = EmbeddedDatabase(path, config=KEPT)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
    db.execute("CREATE INDEX ON t (state)")
    for step in range(60):
        number, state = random.randrange(10), random.choice("abc")
        if number not in rows:
            db.execute("INSERT INTO t VALUES ($1, $2)", [number, state])
            rows[number] = state
        elif random.random() < 0.4:
            db.execute("DELETE FROM t WHERE id = $1", [number])
            del rows[number]
        else:
            db.execute("UPDATE t SET state = $2 WHERE id = $1", [number, state])
            rows[number] = state
        seen[db.query("SELECT heliosdb_current_scn()")[0][0]] = dict(rows)
        if step == 30:
            # An index that is younger than the rows it must find.
            db.execute("CREATE INDEX ON t (state, id)")
        chance = random.random()
        if chance < 0.1:
            db.execute("CHECKPOINT")
        elif chance < 0.15:
            db.execute("VACUUM t")
        elif chance < 0.25:
            db.close()
            db = EmbeddedDatabase(path)  # what was asked for once holds
    assert len(seen) == 60
    check(db, seen)
    db.execute("CHECKPOINT")
    db.close()
    with EmbeddedDatabase(path) as reopened:
        check(reopened, seen)
        times = [reopened.query("SELECT heliosdb_scn_timestamp($1)", [scn])[0][0] for scn in seen]
        for time, expected in zip(times, seen.values(), strict=True):
            found = reopened.query("SELECT id, state FROM t AS OF TIMESTAMP $1", [time])
            assert dict(map(tuple, found)) == expected
