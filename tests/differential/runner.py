"""The runner: sends a script's statements through a door, several sessions at a time where the script says so.

A statement marked as blocking runs in a thread of its own; the runner waits until the session really waits for a lock
(or until the statement is over, which the recording then shows: the step lacks its ``waited``), and goes on. It is
joined at ``-- wait``, before the next statement of its session, or at the end of the script.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from .doors import Conversation, Door
from .recording import Answer, Failure, Step
from .script import Script, Statement

__all__ = ["run_script"]

PATIENCE = 10.0
"""Seconds after which a statement that neither waits nor ends, or a wait that does not end, is a failure."""


class _Running:
    """A statement in a thread of its own."""

    def __init__(self, conversation: Conversation, statement: Statement) -> None:
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.waited = False
        self._conversation = conversation
        self._statement = statement
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._conversation.send(self._statement.text, self._statement.bind)
        except BaseException as error:  # noqa: BLE001 - join() raises it again
            self.error = error

    def until_waiting(self) -> None:
        """Return when the session waits for a lock, or when the statement is over."""
        limit = time.monotonic() + PATIENCE
        while self._thread.is_alive():
            if self._conversation.is_waiting():
                self.waited = True
                return
            if time.monotonic() > limit:
                raise TimeoutError(f"neither waiting nor done: {self._statement.text}")
            self._thread.join(0.005)

    def join(self) -> Answer:
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise TimeoutError(f"still waiting: {self._statement.text}")
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return replace(self.answer, waited=self.waited)


def run_script(script: Script, door: Door, *, is_reference: bool = False) -> list[Step]:
    """Run a script and return its steps in the order of the script."""
    conversations: dict[str, Conversation] = {}
    running: dict[str, tuple[int, _Running]] = {}
    answers: list[Answer | None] = [None] * len(script.statements)

    def finish(session: str) -> None:
        if session in running:
            place, statement = running.pop(session)
            answers[place] = statement.join()

    try:
        for place, statement in enumerate(script.statements):
            for session in (*statement.wait, statement.session):
                finish(session)
            if statement.session not in conversations:
                conversations[statement.session] = door.open()
            conversation = conversations[statement.session]
            if is_reference:
                for text in statement.reference:
                    failure = conversation.send(text).failure
                    assert failure is None, failure
            if statement.blocks:
                run = _Running(conversation, statement)
                running[statement.session] = (place, run)
                run.until_waiting()
            else:
                answers[place] = conversation.send(statement.text, statement.bind)
        for session in list(running):
            finish(session)
    except TimeoutError as error:
        if is_reference:
            raise
        stuck = Answer(failure=Failure("-----", f"not run to its end: {error}"))
        answers = [stuck if answer is None else answer for answer in answers]
    finally:
        for conversation in conversations.values():
            conversation.close()
    return [Step(s, a) for s, a in zip(script.statements, answers, strict=True) if a is not None]
