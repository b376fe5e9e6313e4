"""Random histories: sessions that read, write, lock, wait and deadlock, step by step the same as on the reference.

A history is a list of (session, statement). The steps run in order; a session whose statement waits for another is left
out until it goes on, so that both sides decide for themselves who waits for whom. What is compared: each statement's
answer, whether it waited, and after which step it went on.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.differential.doors import Conversation, Door
from tests.differential.recording import Answer, Failure, quote

__all__ = ["FINAL", "Divergence", "Event", "find_divergence", "history", "perform", "smallest"]

SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v int, u int UNIQUE, CHECK (v < 1000))",
    "CREATE TABLE c (id int PRIMARY KEY, tid int REFERENCES t ON DELETE CASCADE)",
    "INSERT INTO t VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3), (4, 40, NULL)",
    "INSERT INTO c VALUES (1, 1), (2, 2)",
)
FINAL = ("SELECT * FROM t ORDER BY id", "SELECT * FROM c ORDER BY id")
PATIENCE = 3.0
"""Seconds after which a statement that neither waits nor ends is stuck."""
DEADLOCK_CHECK = 0.01
"""Seconds that the reference is given to find out that a wait is a deadlock."""

STUCK = Answer(failure=Failure("-----", "stuck: neither waiting nor done"))
Step = tuple[str, str]


@dataclass(frozen=True)
class Event:
    """What became of a step: its answer, and the number of the step after which it came."""

    step: int
    session: str
    text: str
    outcome: str
    finished: int


@dataclass(frozen=True)
class Divergence:
    """A history on which the two sides differ, and where."""

    seed: int
    steps: tuple[Step, ...]
    reference: tuple[Event, ...]
    tested: tuple[Event, ...]

    def script(self) -> str:
        """Return the history as a script, with what each side answered."""
        lines = [f"-- Found by the fuzzer of histories, seed {self.seed}.", *(f"{text};" for text in SETUP)]
        left = {event.step: event for event in self.reference}
        right = {event.step: event for event in self.tested}
        current = ""
        for number, (session, text) in enumerate(self.steps):
            if session != current:
                lines.append(f"-- session {session}")
                current = session
            one, other = left.get(number), right.get(number)
            lines.append(f"{text};")
            if one != other:
                lines += [f"--   PostgreSQL: {_shown(one, number)}", f"--   HeliosDB:   {_shown(other, number)}"]
        for one, other in zip(self.reference, self.tested, strict=False):
            if one != other and one.step >= len(self.steps):
                lines += [f"-- {one.text}", f"--   PostgreSQL: {one.outcome}", f"--   HeliosDB:   {other.outcome}"]
        return "\n".join(lines) + "\n"


def _shown(event: Event | None, number: int) -> str:
    if event is None:
        return "left out: the session is waiting"
    return event.outcome + (f" (after step {event.finished + 1})" if event.finished != number else "")


def history(rng: random.Random) -> tuple[Step, ...]:
    """Return a random history of two or three sessions."""
    sessions = "AB" if rng.random() < 0.6 else "ABC"
    open_: dict[str, bool] = dict.fromkeys(sessions, False)
    steps: list[Step] = []
    for _ in range(rng.randint(6, 18)):
        session = rng.choice(sessions)
        if not open_[session] and rng.random() < 0.7:
            level = rng.choice(["READ COMMITTED", "REPEATABLE READ"])
            steps.append((session, f"BEGIN ISOLATION LEVEL {level}"))
            open_[session] = True
        elif open_[session] and rng.random() < 0.15:
            steps.append((session, rng.choice(["COMMIT", "COMMIT", "ROLLBACK"])))
            open_[session] = False
        elif open_[session] and rng.random() < 0.12:
            steps.append((session, rng.choice(["SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"])))
        else:
            steps.append((session, _statement(rng)))
    return tuple(steps)


def _statement(rng: random.Random) -> str:
    key, other = rng.randint(1, 5), rng.randint(1, 6)
    value = rng.choice(["v + 1", "v * 2", "0", "v + 100", "NULL", "999"])
    lock = rng.choice(["FOR UPDATE", "FOR SHARE", "FOR KEY SHARE", "FOR NO KEY UPDATE"])
    return rng.choice(
        [
            "SELECT * FROM t ORDER BY id",
            "SELECT count(*), sum(v) FROM t",
            f"SELECT v FROM t WHERE id = {key}",
            f"UPDATE t SET v = {value} WHERE id = {key}",
            f"UPDATE t SET v = {value} WHERE id = {key} RETURNING *",
            f"UPDATE t SET v = {value} WHERE v > {rng.choice([0, 15, 25])}",
            f"UPDATE t SET u = {other} WHERE id = {key}",
            f"UPDATE t SET id = {other} WHERE id = {key}",
            f"INSERT INTO t VALUES ({other}, {other}, {key})",
            f"INSERT INTO t VALUES ({key}, 1, NULL) ON CONFLICT DO NOTHING",
            f"INSERT INTO t VALUES ({key}, 5, NULL) ON CONFLICT (id) DO UPDATE SET v = t.v + 5 RETURNING *",
            f"DELETE FROM t WHERE id = {key}",
            f"DELETE FROM t WHERE v > {rng.choice([20, 35])} RETURNING id",
            f"SELECT id, v FROM t WHERE id = {key} {lock}",
            "SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED",
            f"SELECT v FROM t WHERE id = {key} {lock} NOWAIT",
            f"INSERT INTO c VALUES ({rng.randint(3, 5)}, {other})",
            f"UPDATE c SET tid = {other} WHERE id = {key}",
            "SELECT * FROM c ORDER BY id",
            f"DELETE FROM c WHERE tid = {key}",
        ]
    )


class _Stuck(Exception):
    """A statement does not end, or all sessions wait for each other."""


@dataclass
class _Pending:
    """A statement in a thread of its own."""

    step: int
    session: str
    text: str
    conversation: Conversation
    answer: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.answer.append(self.conversation.send(self.text))

    def settle(self, grace: float) -> bool:
        """Return whether the statement is over, once that or a wait is certain."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            self.thread.join(0.002)
            if not self.thread.is_alive():
                return True
            if self.conversation.is_waiting():
                # a deadlock shows itself within the grace; one more look for a lock that was granted meanwhile
                self.thread.join(grace)
                if self.thread.is_alive() and self.conversation.is_waiting():
                    return False
        self.answer.append(STUCK)
        return True


def perform(steps: tuple[Step, ...], door: Door, grace: float = 0.0, prepare: str | None = None) -> tuple[Event, ...]:
    """Run a history on new tables and return its events in the order of the steps."""
    setup = door.open()
    for text in ("DROP TABLE IF EXISTS c, t", *SETUP):
        assert setup.send(text).failure is None, text
    setup.close()
    conversations: dict[str, Conversation] = {}
    running: dict[str, _Pending] = {}
    events: dict[int, Event] = {}

    def collect(now: int) -> None:
        # whoever is woken may wake others
        moved = True
        while moved:
            moved = False
            for session, pending in list(running.items()):
                if pending.settle(grace):
                    del running[session]
                    waited = "waited: " if pending.step != now else ""
                    outcome = waited + _outcome(pending.answer[0])
                    events[pending.step] = Event(pending.step, session, pending.text, outcome, now)
                    if pending.answer[0] is STUCK:
                        raise _Stuck
                    moved = True

    try:
        plan = list(steps)
        number = 0
        while number < len(plan) or running:
            if number >= len(plan):
                # end what is open so that those who wait go on
                free = [session for session in conversations if session not in running]
                if not free:
                    raise _Stuck
                plan += [(session, "ROLLBACK") for session in sorted(free)]
            session, text = plan[number]
            if session not in conversations:
                conversations[session] = door.open()
                if prepare is not None:
                    conversations[session].send(prepare)
            if session not in running:
                running[session] = _Pending(number, session, text, conversations[session])
                collect(number)
            number += 1
        for session in sorted(conversations):
            conversations[session].send("ROLLBACK")
        last = door.open()
        for offset, text in enumerate(FINAL):
            step = 1000 + offset
            events[step] = Event(step, "", text, _outcome(last.send(text)), step)
        last.close()
    except _Stuck:
        pass
    finally:
        for session, conversation in conversations.items():
            if session not in running:
                conversation.close()
    return tuple(events[step] for step in sorted(events))


def _outcome(answer: Answer) -> str:
    if answer.failure is not None:
        return answer.failure.sqlstate if answer.failure.sqlstate != "-----" else answer.failure.message
    rows = [" | ".join(map(quote, row)) for result in answer.results for row in sorted(result.rows, key=repr)]
    return "; ".join([*(result.tag for result in answer.results), *rows])


def find_divergence(
    seed: int, reference: Door, make_tested: Callable[[], Door], steps: tuple[Step, ...] | None = None
) -> Divergence | None:
    """Run the history of a seed on both sides and return where they differ, if they do."""
    plan = history(random.Random(seed)) if steps is None else steps
    left = perform(plan, reference, DEADLOCK_CHECK, "SET deadlock_timeout = '1ms'")
    tested = make_tested()
    right = perform(plan, tested)
    if not any(STUCK.failure is not None and event.outcome == STUCK.failure.message for event in right):
        tested.close()
    return None if left == right else Divergence(seed, plan, left, right)


def smallest(found: Divergence, reference: Door, make_tested: Callable[[], Door]) -> Divergence:
    """Leave out steps as long as the two sides differ."""
    for index in reversed(range(len(found.steps))):
        steps = found.steps[:index] + found.steps[index + 1 :]
        less = find_divergence(found.seed, reference, make_tested, steps)
        if less is not None:
            return smallest(less, reference, make_tested)
    return found
