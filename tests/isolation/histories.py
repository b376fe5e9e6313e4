"""Random transactions of several sessions, their history recorded and searched for cycles.

``run_round``: a scheduler decides which session does its next step, and every step is over when its session is done or
waits (``play.py``); a round is fixed by its seed. ``run_threads``: threads run as they like, each its own session, and
the history is put together afterwards from the SCNs of snapshots and commits.

``python -m tests.isolation.histories [--seconds 60] [--seed N]`` goes on for as long as it is asked to.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from heliosdb import errors
from tests.differential.recording import Answer

from .history import Edge, History, Row, Running, Violation
from .play import Player, settle
from .random_steps import INDEXES, SETUP, Rows, Step, initial_rows, random_step
from .schedule import Case
from .stages import OwnStage

__all__ = ["LEVELS", "Outcome", "Workshop", "main", "run_round", "run_threads"]

LEVELS = ("read committed", "repeatable read", "serializable")
CONFLICTS = ("40001", "40P01", "23505")


@dataclass
class Outcome:
    """What a round brought."""

    committed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    cycle: list[Edge] | None = None


class Workshop:
    """A database that rounds are run on, one after the other."""

    def __init__(self, path: Path | None = None) -> None:
        self.stage = OwnStage(Case("histories", SETUP, ()), path)
        self._speaker = self.stage.open()

    def renew(self, rows: dict[int, Row], index: str) -> None:
        """Have these rows, and this index."""
        values = ", ".join(f"({key}, {value}, {group}, NULL, NULL)" for key, (value, group) in rows.items())
        remade = ("DROP INDEX IF EXISTS i", "DELETE FROM kv WHERE k < 1000", f"INSERT INTO kv VALUES {values}", index)
        for text in filter(None, remade):
            failure = self._speaker.send(text).failure
            assert failure is None, failure

    def close(self) -> None:
        """Remove the database."""
        self._speaker.close()
        self.stage.close()


class _Round:
    def __init__(self, seed: int, level: str) -> None:
        self.random = random.Random(f"{level} {seed}")
        self.level = level
        self.values = count(100)
        self.log: list[str] = []
        self.outcome = Outcome()
        self.history = History(initial_rows(self.random))


class _Actor:
    """A session that goes through random transactions."""

    def __init__(self, player: Player, round_: _Round) -> None:
        self.player = player
        self._round = round_
        self._left = round_.random.randint(1, 3)
        self._steps = self._seen = 0
        self._running: Running | None = None
        self._step: Step | None = None
        self._text = ""

    @property
    def is_done(self) -> bool:
        """Whether it has nothing left to do."""
        return self._left == 0 and self._running is None

    @property
    def commits(self) -> bool:
        """Whether its step is a COMMIT."""
        return self._text == "COMMIT"

    def start(self) -> None:
        """Begin the next step."""
        r, history = self._round.random, self._round.history
        if self._running is None:
            self._left -= 1
            self._steps = r.randint(1, 5)
            self._running = history.begin(keeps_snapshot=self._round.level != "read committed")
            self._send(f"BEGIN ISOLATION LEVEL {self._round.level}")
        elif self._steps == 0:
            self._send("COMMIT" if r.random() < 0.95 else "ROLLBACK")
        else:
            self._steps -= 1
            self._seen = history.seen_by(self._running)
            self._step = random_step(r, self._round.values)
            self._send(self._step.text)

    def _send(self, text: str) -> None:
        self._text = text
        self.player.start(text)

    def finish(self, answer: Answer) -> None:
        """Take the answer to the step into account."""
        round_, running = self._round, self._running
        assert running is not None
        round_.log.append(f"T{running.number} {self._text} -> {_brief(answer)}")
        step, self._step = self._step, None
        if answer.failure is not None:
            state = answer.failure.sqlstate
            if state not in CONFLICTS:
                raise Violation(f"{answer.failure}")
            round_.outcome.failed[state] += 1
            if self.commits:
                self._running = None
            else:
                self._steps = 0
                self._send("ROLLBACK")
        elif step is not None:
            rows = [
                tuple(None if v is None else int(v) for v in row) for result in answer.results for row in result.rows
            ]
            step.record(round_.history, running, self._seen, rows)
        elif self.commits:
            round_.history.commit(running)
            round_.outcome.committed += 1
            self._running = None
        elif self._text == "ROLLBACK":
            self._running = None


def run_round(workshop: Workshop, seed: int, level: str) -> Outcome:
    """Run one round; raise Violation, with the log, where something was seen that could not be."""
    round_ = _Round(seed, level)
    workshop.renew(round_.history.now, round_.random.choice(INDEXES))
    done = threading.Condition()
    players = {name: Player(workshop.stage.open(), done) for name in "ABCDE"[: round_.random.randint(2, 5)]}
    actors = [_Actor(player, round_) for player in players.values()]
    try:
        while ready := [actor for actor in actors if not actor.player.is_busy and not actor.is_done]:
            round_.random.choice(ready).start()
            busy = True
            while busy:
                if not settle(players, None, done):
                    raise Violation("neither waiting nor done")
                answers = [(actor, answer) for actor in actors if (answer := actor.player.take()) is not None]
                # A commit comes before what it has let go.
                for actor, answer in sorted(answers, key=lambda pair: not pair[0].commits):
                    actor.finish(answer)
                busy = any(actor.player.is_busy for actor, _ in answers)
        if not all(actor.is_done for actor in actors):
            raise Violation("all are waiting")
        _look_for_cycle(round_.history, level, round_.outcome)
    except Violation as violation:
        message = "\n".join([f"seed {seed} at {level}: {violation}", *round_.log])
        raise Violation(message) from None
    finally:
        for player in players.values():
            player.stop()
    return round_.outcome


def _look_for_cycle(history: History, level: str, outcome: Outcome) -> None:
    outcome.cycle = history.cycle()
    if outcome.cycle and level == "serializable":
        raise Violation("a cycle: " + ", ".join(map(str, outcome.cycle)))


def _brief(answer: Answer) -> str:
    if answer.failure is not None:
        return f"{answer.failure.sqlstate} {answer.failure.message}"
    return "; ".join(f"{result.tag} {list(result.rows)}" if result.rows else result.tag for result in answer.results)


# -- threads


class _Worker:
    """A thread with its session; ``committed`` is what it has committed, as (SCN, snapshot's SCN, steps and rows)."""

    def __init__(self, session: Any, seed: str, level: str, number: int, transactions: int) -> None:
        self._session = session
        self._random = random.Random(seed)
        self._level = level
        self._values = count(1000 * 1000 * (number + 1))
        self._transactions = transactions
        self.committed: list[tuple[int, int, list[tuple[Step, Rows]]]] = []
        self.failed: Counter[str] = Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Run all transactions."""
        try:
            for _ in range(self._transactions):
                try:
                    self._transaction()
                except errors.Error as error:
                    self._session.execute("ROLLBACK")
                    if error.sqlstate not in CONFLICTS:
                        raise
                    self.failed[error.sqlstate] += 1
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.error = error
        finally:
            self._session.close()

    def _transaction(self) -> None:
        session = self._session
        session.execute(f"BEGIN ISOLATION LEVEL {self._level}")
        steps: list[tuple[Step, Rows]] = []
        for _ in range(self._random.randint(1, 5)):
            step = random_step(self._random, self._values)
            steps.append((step, session.execute(step.text)[0].rows or ()))
        transaction = session.block.transaction
        scn = seen = transaction.scn
        has_written = transaction.has_written
        session.execute("COMMIT")
        if has_written:
            scn = session.database.store.commits.scn_of_transaction(transaction.transaction_id)
        self.committed.append((scn, seen, steps))


def run_threads(workshop: Workshop, seed: int, level: str, threads: int = 6, transactions: int = 15) -> Outcome:
    """Run threads side by side at a level that keeps its snapshots, and look at what they have seen and done."""
    r = random.Random(seed)
    rows = initial_rows(r)
    workshop.renew(rows, r.choice(INDEXES))
    start = workshop.stage.published
    workers = [
        _Worker(workshop.stage.session(), f"{seed} {number}", level, number, transactions) for number in range(threads)
    ]
    running = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)  # a transaction is over in a millisecond: have them meet
    try:
        for thread in running:
            thread.start()
        for thread in running:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
    outcome = Outcome()
    for worker in workers:
        if worker.error is not None:
            raise worker.error
        outcome.failed += worker.failed
    history = History(rows)
    commits = {start: 0}
    # Who only reads takes no number: he comes behind the last one whom he sees.
    done = sorted((commit for worker in workers for commit in worker.committed), key=lambda commit: commit[:2])
    try:
        for scn, seen, steps in done:
            transaction = history.begin(keeps_snapshot=True)
            transaction.snapshot = commits[seen]
            for step, found in steps:
                step.record(history, transaction, transaction.snapshot, found)
            history.commit(transaction)
            commits[scn] = len(history.states) - 1
        _look_for_cycle(history, level, outcome)
    except Violation as violation:
        raise Violation(f"threads, seed {seed} at {level}: {violation}") from None
    outcome.committed = len(done)
    return outcome


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.isolation.histories", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9), help="the first round's")
    parser.add_argument("--level", choices=LEVELS, default="serializable")
    arguments = parser.parse_args()
    print(f"histories at {arguments.level} from seed {arguments.seed}", flush=True)
    end, seed = time.monotonic() + arguments.seconds, arguments.seed
    total, cycles = Outcome(), 0
    workshop = Workshop()
    try:
        while time.monotonic() < end:
            outcomes = [run_round(workshop, seed, arguments.level)]
            if arguments.level != "read committed" and seed % 10 == 0:
                outcomes.append(run_threads(workshop, seed, arguments.level))
            seed += 1
            for outcome in outcomes:
                total.committed += outcome.committed
                total.failed += outcome.failed
                cycles += outcome.cycle is not None
    finally:
        workshop.close()
        print(f"{seed - arguments.seed} rounds, {total.committed} commits, {cycles} cycles, {dict(total.failed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
