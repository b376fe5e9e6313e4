"""Point statements: those on one row by a unique key, or on the few nearest, run as one function of their parameters.

    text  ──second run──►  codegen.point makes a function  ──►  session.fast[text]

The functions stand for one state of affairs: the catalog, the settings and the role they were made under, and no open
transaction. When any of that changes they are dropped, or put aside while a block is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.result import Result

if TYPE_CHECKING:
    from heliosdb.codegen.point import FastStatement
    from heliosdb.session.environment import SessionEnvironment

__all__ = ["PointStatements"]

KEPT = 1_000
MOST_ROWS = 100
"""Of statements that answer with more rows no function is made: these take longer than all around them."""
REFUSED = 10_000


class PointStatements:
    """The point statements of one session. ``made`` holds their functions by exact text."""

    def __init__(self, session: SessionEnvironment) -> None:
        self._session = session
        self.made: dict[str, FastStatement] = {}
        self.answers: dict[str, Result] = {}
        """By text what each of them has answered, without rows."""
        self._refused: set[str] = set()
        self._met: set[str] = set()
        """Texts that were run once."""

    def forget(self) -> None:
        """Drop all functions: a setting, the role or the catalog has changed."""
        self._session.block.forget_usual()
        self.made.clear()
        self.answers.clear()
        self._refused.clear()

    def suspend(self) -> None:
        """Take the ordinary way while a transaction block is open."""
        self._session.fast = {}

    def resume(self) -> None:
        """Point statements may be short again."""
        self._session.fast = self.made

    def offer(self, text: str, result: Result, row_maker: Any = None, *, searches: bool = False) -> None:
        """Make the function of a statement that has just been run and answered this, where it is a point statement.

        Nothing is made on the first run: most texts are run once. ``row_maker`` makes the rows that the function
        returns; None: plain tuples. ``searches``: it may be one that has an index search for the nearest rows.
        """
        if len(result.rows) > MOST_ROWS:  # type: ignore[arg-type]
            return
        if text not in self._met:
            if len(self._met) >= REFUSED:
                self._met.clear()
            self._met.add(text)
            return
        session = self._session
        if text in self.made or text in self._refused or session.block.is_open or session.functions:
            return
        database = session.database
        plan = session.last_plan
        if plan is None or session.past is not None or not session.watch.allows_points:
            return
        from heliosdb.codegen.point import compile_point

        epoch = database.epoch
        statements = database.statements.texts(text)
        made = None
        if len(statements) == 1 and (plan.bound.read_only or not session.setting("default_transaction_read_only")):
            slots = plan.slots(statements[0].constants, session)
            author = session.block.author(*(() if plan.bound.read_only else (statements[0].text,)))
            made = compile_point(
                plan.bound, plan.explained, session.registries, session, slots, row_maker, author,
                hints=session.last_hints if searches else None,
            )  # fmt: skip
            if made is not None:
                made = session.watch.around(made, statements[0])
        with database.lock:
            if made is None:
                if len(self._refused) < REFUSED:
                    self._refused.add(text)
            elif epoch == database.epoch and len(self.made) < KEPT:
                self.answers[text] = evolve(result, rows=())
                self.made[text] = made
