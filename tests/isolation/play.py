"""Plays a schedule: every session has a thread, and a step is over when its session is done or really waits.

Nothing is timed. Whether a session waits for a lock is asked of the lock table, ours or PostgreSQL's; after each step
the stage is looked at until nobody is on the way: all are idle or waiting, and a second look finds the same. (A
session that was seen waiting may have been let go by one that was looked at later.)
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import Protocol

from tests.differential.recording import Answer

from .schedule import Case

__all__ = ["Player", "Speaker", "Stage", "play", "settle"]

PATIENCE = 20.0
"""Seconds after which a session that is neither done nor waiting is a failure."""

GLANCE = 0.002


class Speaker(Protocol):
    """One session."""

    def send(self, text: str) -> Answer:
        """Run a statement to its end; an error is part of the answer."""

    def is_waiting(self) -> bool:
        """Say, from another thread, whether the statement being run waits for a lock."""

    def close(self) -> None:
        """End the session."""


class Stage(Protocol):
    """Where schedules are played: an empty database for each."""

    def open(self) -> Speaker:
        """Open a session."""


class Player:
    """A session and its thread."""

    def __init__(self, speaker: Speaker, done: threading.Condition) -> None:
        self.speaker = speaker
        self.answer: Answer | None = None
        self.is_busy = False
        self._error: BaseException | None = None
        self._done = done
        self._texts: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def start(self, text: str) -> None:
        self.is_busy = True
        self._texts.put(text)

    def stop(self) -> None:
        self._texts.put(None)
        self._thread.join(PATIENCE)
        self.speaker.close()

    def take(self) -> Answer | None:
        """Return the answer that has come and was not taken yet."""
        if self._error is not None:
            raise self._error
        answer, self.answer = self.answer, None
        return answer

    def _run(self) -> None:
        while (text := self._texts.get()) is not None:
            answer = None
            try:
                answer = self.speaker.send(text)
            except BaseException as error:  # noqa: BLE001 - take() raises it again
                self._error = error
            with self._done:
                self.answer, self.is_busy = answer, False
                self._done.notify_all()


def settle(players: dict[str, Player], until_done: Player | None, done: threading.Condition) -> bool:
    """Return when every session is idle or waits; False if that takes too long."""
    limit = time.monotonic() + PATIENCE
    seen: list[str] = []
    while True:
        looks = [_look(player, player is until_done) for player in players.values()]
        settled = "busy" not in looks
        if settled and looks == seen:
            return True
        seen = looks
        if time.monotonic() > limit:
            return False
        if not settled:
            with done:
                done.wait(GLANCE)


def _look(player: Player, ends_by_itself: bool) -> str:
    if not player.is_busy:
        return "idle"
    # If the answer comes between these two questions, it is seen in the next round.
    return "waiting" if not ends_by_itself and player.speaker.is_waiting() else "busy"


def play(case: Case, stage: Stage) -> list[str]:
    """Play a case and return what happened, a line for each step and for each answer that came late."""
    done = threading.Condition()
    players: dict[str, Player] = {}
    lines: list[str] = []
    try:
        for step in case.steps:
            player = players.get(step.session)
            if player is None:
                player = players[step.session] = Player(stage.open(), done)
            if player.is_busy:
                raise ValueError(f"{case.title}: {step.session} still waits: {step.text}")
            player.start(step.text)
            if not settle(players, player if step.ends_by_itself else None, done):
                raise TimeoutError(f"{case.title}: neither waiting nor done after {lines} and {step}")
            answer = player.take()
            lines.append(f"{step.session} {step.text} -> {'waits' if answer is None else shown(step.text, answer)}")
            for name, other in players.items():
                late = other.take()
                if late is not None:
                    lines.append(f"  {name} -> {shown(_last_text(case, name, step), late)}")
        if any(player.is_busy for player in players.values()):
            raise ValueError(f"{case.title}: somebody still waits at the end: {lines}")
    finally:
        for player in players.values():
            player.stop()
    return lines


def _last_text(case: Case, session: str, until: object) -> str:
    text = ""
    for step in case.steps:
        if step.session == session:
            text = step.text
        if step is until:
            break
    return text


def shown(text: str, answer: Answer) -> str:
    """Return an answer in one line: tag and rows, or the error, notices before."""
    parts = [f"{notice.severity} {notice.message};" for notice in answer.notices]
    for result in answer.results:
        parts.append(result.tag)
        if result.columns is not None:
            rows = ["|".join("NULL" if value is None else value for value in row) for row in result.rows]
            parts.append("[" + ", ".join(rows if "ORDER BY" in text else sorted(rows)) + "]")
    if answer.failure is not None:
        parts.append(f"ERROR {answer.failure.sqlstate} {answer.failure.message}")
    return " ".join(parts)
