"""Rounds of ``ERASE FROM``: the power fails while rows are erased, or right behind the answer.

    before the answer   all of it, or, once the database has been opened again, nothing: neither in a query of now or of
                        the past nor in a file; but nothing in between
    after it            nothing in any file, whatever the device has kept of what it was told

Everything else is at each commit what it was. An opening that goes on with an erasure may lose its power, too.
"""

from __future__ import annotations

from random import Random
from typing import Any

from heliosdb.database import Database
from heliosdb_testkit import FaultyVolume, PowerLoss

from .check import index_problems, rows_of
from .rounds import Violation, abandon, quiet_ends

__all__ = ["run_erased"]

ROWS = 300
SECRET = b"to be erased"
VICTIMS = "note LIKE '%to be erased%'"
RARE = ("sync", "sync names", "delete", "replace rename", "replace sync names", "append segment", "sync segment")


def run_erased(seed: int) -> str:
    """Run one round; return "answered", "finished" (by a later opening) or "undone". Violation where neither holds."""
    return _ErasedRound(seed).run()


class _ErasedRound:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.volume = FaultyVolume()
        self.history: list[str] = []
        self.points: dict[int, tuple[list[Any], list[Any]]] = {}
        """By SCN: the rows that stay, and those that are to go."""
        self.victims: list[int] = []

    def run(self) -> str:
        """See ``run_erased``."""
        with quiet_ends():
            database = self._open()
            self._fill(database)
            answered = self._erase(database)
            if answered:
                self._require_no_trace("after the answer")
            record = self._reopened(answered)
            if record:
                self._require_no_trace("after the next opening")
            return "answered" if answered else "finished" if record else "undone"

    # -- what is done

    def _open(self) -> Database:
        storage = {"cache_size": self.random.choice((300_000, 256 << 20)), "compression": "none"}
        if self.random.random() < 0.5:
            storage["large_commit"] = 64
        if self.random.random() < 0.3:
            storage["checkpoint_commits"] = 3
        self.history.append(f"-- open {storage}")
        return Database(volume=self.volume, plugins=["temporal"], storage=storage)

    def _say(self, session: Any, text: str) -> None:
        self.history.append(text)
        session.execute(text)

    def _fill(self, database: Database) -> None:
        """Make rows, change them, and remember what there was after each commit."""
        random, session = self.random, database.session()
        self._say(session, "CREATE TABLE t (id int PRIMARY KEY, note text)")
        if random.random() < 0.5:
            self._say(session, "CREATE INDEX by_note ON t (note)")
        self.victims = sorted(random.sample(range(ROWS), random.choice((1, 5, ROWS // 2))))
        places = ", ".join(map(str, self.victims))
        self._say(session, f"INSERT INTO t SELECT g, 'note ' || g FROM generate_series(0, {ROWS - 1}) g")
        changes = [
            f"UPDATE t SET note = 'to be erased ' || id WHERE id IN ({places})",
            f"UPDATE t SET note = 'harmless' WHERE id IN ({places})",
            f"DELETE FROM t WHERE id = {self.victims[0]}",
            f"UPDATE t SET note = note || ' again' WHERE id % {random.randint(1, 9)} = 0",
            "CHECKPOINT",
            "VACUUM",
        ]
        for text in [changes[0], *random.choices(changes, k=random.randint(1, 6))]:
            self._say(session, text)
            self.points[database.store.published] = self._state(session)
        session.close()

    def _state(self, session: Any, scn: int | None = None) -> tuple[list[Any], list[Any]]:
        found = sorted(rows_of(session, "SELECT * FROM t" + ("" if scn is None else f" AS OF SCN {scn}")))
        chosen = set(self.victims)
        return [row for row in found if row[0] not in chosen], [row for row in found if row[0] in chosen]

    def _erase(self, database: Database) -> bool:
        """Erase with a device that may fail; return whether it was answered."""
        random = self.random
        session = database.session()
        if random.random() < 0.7:
            if random.random() < 0.5:
                self.volume.crash_at(random.randint(1, random.choice((4, 100))))
            else:
                self.volume.crash_at(random.randint(1, 5), random.choice(RARE))
        answered = False
        try:
            self._say(session, f"ERASE FROM t WHERE {VICTIMS}")
            answered = True
        except PowerLoss:
            self.history.append("-- power loss")
        self._end(database)
        return answered

    def _end(self, database: Database) -> None:
        abandon(database)
        self.volume = self.volume.kill() if self.random.random() < 0.15 else self.volume.crash(self.random)

    # -- what is there

    def _reopened(self, answered: bool) -> bool:
        """Open, perhaps only when the power has failed once more; return whether the rows are erased."""
        if self.random.random() < 0.5:
            self.volume.crash_at(self.random.randint(1, 40))
            try:
                self._end(self._open())
            except PowerLoss:
                self.history.append("-- power loss while it is opened")
                self.volume = self.volume.crash(self.random)
        database = self._open()
        session = database.session()
        records = rows_of(session, "SELECT row_count, is_complete FROM heliosdb_erasures")
        erased = bool(records)
        if records not in ([], [(len(self.victims), True)]) or (answered and not erased):
            raise self._violation(f"erasures are {records}")
        for scn, (others, victims) in self.points.items():
            if self._state(session, scn) != (others, [] if erased else victims):
                raise self._violation(f"SCN {scn} is not what it was, or has rows that are erased")
        last = self.points[max(self.points)]
        if self._state(session) != (last[0], [] if erased else last[1]):
            raise self._violation("the table is not what it was, or has rows that are erased")
        versions = rows_of(session, f"SELECT count(*) FROM t FOR SYSTEM_TIME ALL WHERE {VICTIMS}")[0][0]
        if bool(versions) is erased:
            raise self._violation(f"the history has {versions} versions")
        problems = index_problems(database, session)
        if problems:
            raise self._violation("; ".join(problems[:3]))
        abandon(database)
        self.volume = self.volume.kill()
        return erased

    def _require_no_trace(self, when: str) -> None:
        for name in self.volume.names():
            if SECRET in self.volume.read(name):
                raise self._violation(f'{when} file "{name}" has what is erased')

    def _violation(self, message: str) -> Violation:
        return Violation(f"seed {self.seed}: {message}", self.history)
