"""The cache lets go of blocks of what was dropped: their segments are not there any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heliosdb.database import Database
from heliosdb.session import Session
from heliosdb_testkit import FaultyVolume

ROWS = "SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 20000) AS g"


def drop_timeline(session: Session) -> None:
    session.database.history.create_timeline("b")
    session.use_timeline("b")
    session.execute("UPDATE t SET x = md5(x)")
    session.execute("CHECKPOINT")
    session.use_timeline("main")
    session.database.history.drop_timeline("b")


def drop_table(session: Session) -> None:
    session.execute(f"CREATE TABLE gone AS {ROWS}")
    session.execute("CHECKPOINT")
    session.execute("DROP TABLE gone")


@pytest.mark.parametrize("drop", [drop_timeline, drop_table])
def test_a_cache_that_is_full_forgets_what_was_dropped(drop: Callable[[Session], None]) -> None:
    database = Database(volume=FaultyVolume(), plugins=[], storage={"cache_size": 8 << 20})
    session = database.session()
    session.execute(f"CREATE TABLE t AS {ROWS}")
    session.execute("CHECKPOINT")
    drop(session)
    session.execute("CHECKPOINT")
    for number in range(4):
        session.execute(f"CREATE TABLE more{number} AS {ROWS}")
        session.execute("CHECKPOINT")
    assert list(session.execute("SELECT count(*) FROM t JOIN more3 USING (id, x)")[-1].rows) == [(20000,)]
    database.close()
