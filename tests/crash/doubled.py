"""Faults behind faults: power lost while a database recovers, and again; while it is closed, salvaged or restored into.

recovery    what a crash left is opened, and loses power on the way, several times, before it is looked at
salvage     what it puts into the new database is as much as the old one has, or nobody takes it for whole;
            the old one stays as it was
RESTORE     all of it is there afterwards, or nothing
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from heliosdb.database import Database
from heliosdb.errors import DiskFull, Error, IoError
from heliosdb.store.salvage import salvage
from heliosdb_testkit import FaultyVolume, PowerLoss

from .check import contents, index_problems, rows_of
from .rounds import RARE, Round, abandon, quiet_ends

__all__ = ["DoubledRound", "run_doubled", "run_restore", "write_archive"]

MOST_OPENINGS = 4
STEPS = 12
"""Recovery and closing take about so many steps of the volume."""


class DoubledRound(Round):
    """A round in which no crash comes alone, and whose database can be salvaged in the end."""

    def run(self) -> int:
        """Go through all lives and return how many openings ended in a fault."""
        faults = 0
        for _ in range(2):
            self._life()
            faults += sum(self._half_opening() for _ in range(self.random.randint(1, MOST_OPENINGS)))
            self._verify()
        faults += self._salvage()
        return faults

    def _half_opening(self) -> bool:
        """Open the database, look at it and close it, and return whether a fault came in between."""
        random = self.random
        kind = random.choice((None, None, *RARE))
        if random.random() < 0.7:
            self.volume.crash_at(random.randint(1, STEPS if kind is None else 2), kind)
        else:
            error = random.choice((DiskFull("no space left"), IoError("input/output error")))
            self.history.append(f"-- {error} at {kind or 'any step'}")
            self.volume.fail(error, kind, random.randint(1, 4))
        database: Database | None = None
        fault = True
        try:
            database = self._open()
            # From here on a reader has seen it.
            self._found(contents(database.session()))
            database.close()
            fault = False
        except PowerLoss:
            self.history.append("-- power loss")
        except (DiskFull, IoError) as error:
            self.history.append(f"-- {error}")
        except Error as error:
            raise self._violation(f"does not open: {type(error).__name__}: {error}") from error
        if database is not None:
            abandon(database)
        kill = random.random() < 0.3
        self.history.append("-- kill" if kill else "-- crash")
        self.volume = self.volume.kill() if kill else self.volume.crash(random)
        return fault

    def _salvage(self) -> bool:
        """Salvage the database, with a crash of the new one on the way, and once more without; return whether there was
        a crash."""
        database = self._open()
        expected = contents(database.session())
        abandon(database)
        source = self.volume = self.volume.kill()
        before = files_of(source)
        target = FaultyVolume()
        target.crash_at(self.random.randint(1, 30))
        self.history.append("-- salvage")
        crashed = False
        try:
            salvage(source, target)
        except PowerLoss:
            crashed = True
        if not crashed:
            self._compare(target.kill(), expected)
        target = FaultyVolume()
        losses = salvage(source, target).losses
        if losses:
            raise self._violation(f"salvage has lost something of a whole database: {losses[0].message}")
        if files_of(source) != before:
            raise self._violation("salvage has changed what it salvages")
        # It is durable when salvage has returned.
        self._compare(target.crash(self.random), expected)
        return crashed

    def _compare(self, volume: FaultyVolume, expected: Any) -> None:
        database = Database(volume=volume, plugins=[])
        session = database.session()
        found = contents(session)
        problems = index_problems(database, session)
        abandon(database)
        if found != expected:
            raise self._violation(f"salvaged is {sorted(found)}, not {sorted(expected)}, or other rows of these")
        if problems:
            raise self._violation("; ".join(problems[:3]))


def files_of(volume: FaultyVolume) -> dict[str, bytes | None]:
    """Return all that a volume holds."""
    return {"manifest": volume.whole("manifest"), **{name: volume.read(name) for name in volume.names()}}


def run_doubled(seed: int) -> int:
    """Run one round and return how many openings ended in a fault; Violation when something is lost or half there."""
    with quiet_ends():
        return DoubledRound(seed).run()


def run_restore(seed: int, archive: Path) -> bool:
    """Restore an archive into a database that loses power on the way, and return whether it was restored."""
    random = Random(seed)
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[], storage={"large_commit": random.choice((512, 1 << 14))})
    session = database.session()
    session.execute("CREATE TABLE before AS SELECT g FROM generate_series(1, 100) g")
    with quiet_ends():
        volume.crash_at(random.randint(1, 14))
        answered = False
        try:
            session.execute(f"RESTORE FROM '{archive}'")
            answered = True
        except PowerLoss:
            pass
        abandon(database)
        volume = volume.crash(random)
        database = Database(volume=volume, plugins=[])
        session = database.session()
        names = {row[0] for row in rows_of(session, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        assert rows_of(session, "SELECT count(*) FROM before") == [(100,)]
        restored = names != {"before"}
        assert restored or not answered, f"seed {seed}: what was answered is not there"
        if restored:
            assert names == {"before", "first", "second"}, f"seed {seed}: {sorted(names)}"
            assert rows_of(session, "SELECT count(*), sum(a) FROM first") == [(3000, 4501500)]
            assert rows_of(session, "SELECT count(*), count(DISTINCT a) FROM second") == [(50, 50)]
        assert index_problems(database, session) == []
        abandon(database)
    return restored


def write_archive(place: Path) -> Path:
    """Write the archive that ``run_restore`` restores."""
    database = Database(plugins=[])
    session = database.session()
    session.execute("CREATE TABLE first (a int PRIMARY KEY, b text)")
    session.execute("CREATE TABLE second (a int UNIQUE REFERENCES first)")
    session.execute("INSERT INTO first SELECT g, md5(g::text) FROM generate_series(1, 3000) g")
    session.execute("INSERT INTO second SELECT g FROM generate_series(1, 50) g")
    session.execute(f"BACKUP TO '{place}'")
    database.close()
    return place
