"""Rounds on a simulated device: work, lose power, reopen, compare; several times on one database.

What may be found after a crash is a state that some transaction left behind: not older than the last one that was
answered as durable, not newer than the one that was being committed.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from heliosdb.database import Database
from heliosdb.errors import DiskFull, Error, IoError
from heliosdb_testkit import FaultyVolume, PowerLoss
from heliosdb_testkit.faulty_volume import STEPS as STEP_KINDS

from .check import contents, difference, index_problems, rows_of
from .workload import Change, Model, Workload

__all__ = ["Round", "Violation", "run_round"]

LIVES = 3
STEPS = 120
"""A life ends within so many steps of the volume."""

MOST_TRANSACTIONS = 60

RARE = (*(kind for kind in STEP_KINDS if kind not in ("append", "sync")), "append segment", "sync segment")


class Violation(AssertionError):
    """The database holds what it may not hold. ``history`` is what was done to it."""

    def __init__(self, message: str, history: list[str]) -> None:
        super().__init__(message + "\n" + "\n".join(history[-40:]))


class Round:
    """One database through several lives."""

    def __init__(self, seed: int, skip: Container[str] = (), focus: Sequence[str] = ()) -> None:
        """``skip`` holds steps that the device does not take; at steps of ``focus`` the power mostly fails."""
        self.random = Random(seed)
        self.seed = seed
        self.focus = focus
        self.volume = FaultyVolume(skip=skip)
        self.workload = Workload(self.random)
        self.states: list[Model] = [{}]
        """What may be found after a crash now, oldest first."""
        self.visible: Model = {}
        """What is there now."""
        self.history: list[str] = []
        self.relaxed = self.random.random() < 0.3
        """Whether some commits do not wait for the device; a thread then syncs when it likes."""

    def run(self) -> int:
        """Go through all lives and return how many transactions were answered."""
        answered = 0
        for _ in range(LIVES):
            answered += self._life()
            self._verify()
        return answered

    def _plan_end(self) -> None:
        """Decide when the power fails, and whether a step fails before."""
        random = self.random
        if random.random() < (0.8 if self.focus else 0.4):
            # At a step of a checkpoint or of a recovery, of which there are few.
            self.volume.crash_at(random.randint(1, 3), random.choice(self.focus or RARE))
        else:
            self.volume.crash_at(random.randint(1, random.choice((30, STEPS))))
        if not self.focus and random.random() < 0.3:
            kind = random.choice((None, "append log", "sync log", *RARE))
            full = random.random() < 0.5 and (kind or "").startswith(("append", "reserve", "replace write"))
            error = DiskFull("no space left") if full else IoError("input/output error")
            self.history.append(f"-- {error} at {kind or 'any step'}")
            self.volume.fail(error, kind, random.randint(1, 10))

    def _life(self) -> int:
        """Open, work until the power fails (or the process is killed, or the database is closed), and return how many
        transactions were answered."""
        answered = 0
        self._plan_end()
        database: Database | None = None
        try:
            database = self._open()
            session = database.session()
            for _ in range(self.random.randrange(MOST_TRANSACTIONS)):
                try:
                    self._transaction(session)
                    answered += 1
                    self._maintain(database)
                except (DiskFull, IoError) as error:
                    self._endure(session, error)
            if self.random.random() < 0.5:
                self.history.append("-- close")
                database.close()
                journal = database.store.journal
                if journal is not None and not journal.is_sealed:
                    self._settled(self.visible)
        except PowerLoss:
            self.history.append("-- power loss")
        except (DiskFull, IoError) as error:
            # At opening, or closing a database that takes no more changes.
            self.history.append(f"-- {error}")
        except Exception as error:
            raise self._violation(f"an error without a cause: {type(error).__name__}: {error}") from error
        end = self.random.random()
        if database is not None:
            abandon(database)
        if end < 0.15:
            self.history.append("-- kill")
            self.volume = self.volume.kill()
        else:
            self.history.append("-- crash")
            self.volume = self.volume.crash(self.random)
        return answered

    def _open(self, least_cache: int = 1) -> Database:
        random = self.random
        # With hardly any cache blocks and keys are read from files again and again.
        storage = {
            "cache_size": random.choice((least_cache, 1_000_000, 256 << 20)),
            "compression": random.choice(("zstd", "none", "lz4")),
        }
        if random.random() < 0.5:
            storage["large_commit"] = 512
        if self.relaxed:
            storage["checkpoint_commits"] = random.choice((3, 20_000))
        self.history.append(f"-- open {storage}")
        return self._database(storage)

    def _database(self, storage: Mapping[str, Any]) -> Database:
        return Database(volume=self.volume, plugins=[], storage=storage)

    def _verify(self) -> None:
        """Open again and compare; what is found is what is there from now on."""
        try:
            # What is looked at row by row would be decoded for each row.
            database = self._open(300_000)
            session = database.session()
            found = contents(session)
        except Exception as error:
            raise self._violation(f"does not open: {type(error).__name__}: {error}") from error
        state = self._found(found)
        problems = index_problems(database, session)
        if problems:
            raise self._violation("; ".join(problems[:3]))
        for name, table in state.items():
            if table.rows:
                group = self.random.randrange(8)
                expected = sorted(row for row in table.rows.values() if row[1] == group)
                if sorted(rows_of(session, f"SELECT * FROM {name} WHERE grp = {group}")) != expected:
                    raise self._violation(f"{name} does not give the rows of group {group}")
        self.history.append("-- verified")
        abandon(database)
        self.volume = self.volume.kill()

    def _found(self, found: Model) -> Model:
        """Return the state that was found, which a reader must not see vanish with the next crash."""
        differences = [difference(found, state) for state in self.states]
        if None not in differences:
            raise self._violation(
                f"none of {len(self.states)} states was found; compared with the oldest: {differences[0]}; "
                f"with the newest: {differences[-1]}"
            )
        self.visible = self.states[len(differences) - 1 - differences[::-1].index(None)]
        self.states = [self.visible]
        return self.visible

    def _transaction(self, session: Any) -> None:
        """Run a transaction, and note what may be found from now on."""
        random = self.random
        draft = {name: table.copy() for name, table in self.visible.items()}
        changes = 1 if random.random() < 0.5 else random.randint(2, 6)
        synchronous = not self.relaxed or random.random() < 0.5
        self._say(session, f"SET synchronous_commit = {'on' if synchronous else 'off'}")
        if changes == 1:
            change = self.workload.change(draft)
            after = {name: table.copy() for name, table in draft.items()}
            if "RETURNING" not in change[0]:
                change[1](after, [])
                self._commit(session, change[0], after, synchronous)
            else:
                self._serial_insert(session, change, after, synchronous)
            return
        self._say(session, "BEGIN")
        for _ in range(changes):
            if random.random() < 0.15:
                self._say(session, "SAVEPOINT s")
                self._apply(session, self.workload.change(draft), {k: t.copy() for k, t in draft.items()})
                self._say(session, "ROLLBACK TO s")
            else:
                self._apply(session, self.workload.change(draft), draft)
        if random.random() < 0.15:
            self._say(session, "ROLLBACK")
        else:
            self._commit(session, "COMMIT", draft, synchronous)

    def _serial_insert(self, session: Any, change: Change, after: Model, synchronous: bool) -> None:
        """Insert where the database gives the key: what it is, is known only when it was answered."""
        before = self.visible
        text, apply = change
        name = text.split()[2]
        self._say(session, "BEGIN")
        apply(after, self._say(session, text))
        assert name in before
        self._commit(session, "COMMIT", after, synchronous)

    def _apply(self, session: Any, change: Change, model: Model) -> None:
        text, apply = change
        apply(model, self._say(session, text))

    def _say(self, session: Any, text: str) -> list[tuple[Any, ...]]:
        self.history.append(text if len(text) < 200 else text[:200] + "...")
        return rows_of(session, text)

    def _commit(self, session: Any, text: str, after: Model, synchronous: bool) -> None:
        """Run what commits. From the call on the new state may be found, from the answer on it must be."""
        self.states.append(after)
        try:
            self._say(session, text)
        except (DiskFull, IoError):
            if self.volume.steps[-1][0] == "append":
                # What could not be written is not there. What could not be synced may be.
                self.states.pop()
            raise
        wrote = after != self.visible
        self.visible = after
        if synchronous and wrote:
            # Who wrote nothing waits for nobody.
            self._settled(after)

    def _settled(self, state: Model) -> None:
        self.states = [state]

    def _endure(self, session: Any, error: Error) -> None:
        """After an error of the device: nothing of the transaction is seen, all that was before is there."""
        self.history.append(f"-- {type(error).__name__}: {error}")
        session.execute("ROLLBACK")
        problem = difference(contents(session), self.visible)
        if problem is not None:
            raise self._violation(f"after an error: {problem}")

    def _maintain(self, database: Database) -> None:
        """Do what happens in the background now and then, here and now, so that a seed says what happens."""
        draw = self.random.random()
        if draw < (0.3 if self.focus else 0.1):
            self.history.append("-- checkpoint")
            assert database.store.maintenance is not None
            database.store.maintenance.checkpoint()
            self._settled(self.visible)
        elif draw > 0.97:
            self.history.append("-- vacuum")
            database.store.vacuum()

    def _violation(self, message: str) -> Violation:
        return Violation(f"seed {self.seed}: {message}", self.history)


def abandon(database: Database) -> None:
    """Stop what a database does in the background, as the end of its process would."""
    database.volume.lose_power()  # type: ignore[attr-defined]
    for stop in database.registries.lifecycle.get("database_closing", ()):
        stop(database)
    database.workers.stop()
    if database.store.maintenance is not None:
        try:
            database.store.maintenance.stop()
        except PowerLoss:
            pass


@contextmanager
def quiet_ends() -> Iterator[None]:
    """Let background threads end silently when the power fails."""
    before = threading.excepthook

    def ended(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not PowerLoss:
            before(arguments)

    threading.excepthook = ended
    try:
        yield
    finally:
        threading.excepthook = before


def run_round(seed: int, skip: Container[str] = (), focus: Sequence[str] = (), kind: type[Round] = Round) -> int:
    """Run one round and return how many transactions were answered; Violation when something is lost or half there."""
    with quiet_ends():
        return kind(seed, skip, focus).run()
