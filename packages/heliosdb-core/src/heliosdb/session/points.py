"""Point statements: those on one row by a unique key, or on the few nearest, run as one function of their parameters.

    text  ──second run──►  codegen.point makes a function  ──►  session.fast[text]
                                                           ──►  session.lifted[pieces of the text]

A text with constants in it serves every text that differs in them only (``sql/lifting.py``): it is found by its
pieces, and its function takes the constants as they are written.

The functions stand for one state of affairs: the catalog, the settings and the role they were made under, and no open
transaction. When any of that changes they are dropped, or put aside while a block is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.result import Result
from heliosdb.catalog.storage import OBJECTS_RELATION
from heliosdb.sql.lifting import LONGEST, cut

if TYPE_CHECKING:
    from heliosdb.codegen.point import FastStatement, LiftedConstant
    from heliosdb.session.environment import SessionEnvironment
    from heliosdb.session.statements import Plan, StatementText

__all__ = ["LiftedStatement", "PointStatements"]

KEPT = 1_000
MOST_ROWS = 100
"""Of statements that answer with more rows no function is made: these take longer than all around them."""
REFUSED = 10_000

Key = str | tuple[str, ...]
"""A text, or the pieces of one between its constants."""


class LiftedStatement:
    """The function of texts with constants, what the first of them answered (without rows), and what the door keeps
    with both.
    """

    __slots__ = ("answer", "kept", "run")

    def __init__(self, run: FastStatement, answer: Result) -> None:
        self.run = run
        self.answer = answer
        self.kept: Any = None


class PointStatements:
    """The point statements of one session. ``made`` holds their functions by exact text, ``lifted`` by pieces."""

    def __init__(self, session: SessionEnvironment) -> None:
        self._session = session
        self.made: dict[str, FastStatement] = {}
        self.lifted: dict[tuple[str, ...], LiftedStatement] = {}
        self.answers: dict[Key, Result] = {}
        """What each of them has answered, without rows."""
        self._refused: set[Key] = set()
        self.definitions: tuple[Any, int] | None = None
        """What holds the catalog, and when it had last changed as the latest function was made: who writes by one asks
        whether it has since, for a function may be under way while it is dropped."""
        self._met: set[Key] = set()
        """What was run once."""

    def forget(self) -> None:
        """Drop all functions: a setting, the role or the catalog has changed."""
        self._session.block.forget_usual()
        self.made.clear()
        self.lifted.clear()
        self.answers.clear()
        self._refused.clear()

    def suspend(self) -> None:
        """Take the ordinary way while a transaction block is open."""
        self._session.fast = {}
        self._session.lifted = {}

    def resume(self) -> None:
        """Point statements may be short again."""
        self._session.fast = self.made
        self._session.lifted = self.lifted

    def find_lifted(self, text: str) -> tuple[LiftedStatement, list[str]] | None:
        """Return what runs a text without parameters, and its constants, which that takes; None where nothing does."""
        lifted = self._session.lifted
        if not lifted or text.__class__ is not str or len(text) > LONGEST:
            return None
        parts = cut(text)
        found = lifted.get(tuple(parts[::2]))
        return None if found is None else (found, parts[1::2])

    def find(self, text: str, parameters: Sequence[Any]) -> tuple[FastStatement, Result, Sequence[Any]] | None:
        """Return what runs a text with parameters, if any, what it answered, and what it takes; None: nothing does."""
        fast, answer = self._session.fast.get(text), self.answers.get(text)
        if fast is not None:
            return None if answer is None else (fast, answer, parameters)
        found = None if parameters else self.find_lifted(text)
        return None if found is None else (found[0].run, found[0].answer, found[1])

    def offer(
        self,
        text: str,
        result: Result,
        row_maker: Any = None,
        *,
        has_parameters: bool = True,
        as_data: bool = False,
        searches: bool = False,
    ) -> None:
        """Make the function of a statement that has just been run and answered this, where it is a point statement.

        Nothing is made on the first run: most texts are run once. ``row_maker`` makes the rows that the function
        returns; None: plain tuples, of Python objects or ``as_data``. ``searches``: it may be one that has an index
        search for the nearest rows.
        """
        if (result.row_count or 0) > MOST_ROWS:
            return
        key: Key = text
        parts: list[str] = []
        if not has_parameters and len(text) <= LONGEST:
            parts = cut(text)
            pieces = tuple(parts[::2])
            if len(pieces) > 1 and pieces not in self._refused:
                key = pieces
        if key not in self._met:
            if len(self._met) >= REFUSED:
                self._met.clear()
            self._met.add(key)
            return
        session = self._session
        if key in self.answers or key in self._refused or session.block.is_open or session.functions:
            return
        database = session.database
        plan = session.last_plan
        if plan is None or session.past is not None or not session.watch.allows_points:
            return
        from heliosdb.codegen.point import compile_point

        epoch = database.epoch
        definitions = database.store.create_relation(session.timeline or database.store.main, OBJECTS_RELATION)
        self.definitions = definitions, definitions.changed
        if definitions.changed > database.store.published or not plan.is_valid(session.catalog):
            return  # a change of the catalog is under way, or has come after the plan
        statements = database.statements.texts(text)
        made = None
        if len(statements) == 1 and (plan.bound.read_only or not session.setting("default_transaction_read_only")):
            constants = () if key is text else _constants(plan, statements[0], parts)
            if constants is not None:
                slots = plan.slots(statements[0].constants, session)
                # What is kept of a text has no constants: it is the same for all that the function serves.
                author = session.block.author(*(() if plan.bound.read_only else (statements[0].text,)))
                made = compile_point(
                    plan.bound, plan.explained, session.registries, session, slots, row_maker, author,
                    constants=constants, as_data=as_data, hints=session.last_hints if searches else None,
                )  # fmt: skip
            if made is not None:
                made = session.watch.around(made, statements[0], plan)
        with database.lock:
            if made is None:
                if len(self._refused) < REFUSED:
                    self._refused.add(key)
            elif epoch == database.epoch and len(self.answers) < KEPT:
                answer = self.answers[key] = evolve(result, rows=())
                if isinstance(key, str):
                    self.made[key] = made
                else:
                    self.lifted[key] = LiftedStatement(made, answer)


def _constants(plan: Plan, statement: StatementText, parts: Sequence[str]) -> tuple[LiftedConstant, ...] | None:
    """Return how a text's constants are read, in their order; None where one may not be lifted."""
    from heliosdb.codegen.point import LiftedConstant

    if statement.cut_names or not statement.is_lifted:
        return None
    numbers = {constant.position: number for number, constant in enumerate(statement.constants)}
    slots = {slot.slot: (slot, read) for slot, (_, read, _) in zip(plan.bound.slots, plan.slot_readers, strict=True)}
    found: list[LiftedConstant] = []
    position = 1 - statement.offset
    for place, part in enumerate(parts):
        if place % 2:
            number = numbers.get(position)
            if number is None:
                return None
            is_string = part.startswith("'")
            if statement.constants[number].value != (part[1:-1] if is_string else part):
                return None
            if number in slots:
                slot, read = slots[number]
                found.append(LiftedConstant(slot, read, is_string=is_string))
            elif (number, statement.constants[number].value) in plan.pinned:
                found.append(LiftedConstant(None, None, is_string=is_string, pinned=part))
            else:
                return None
        position += len(part)
    return tuple(found)
