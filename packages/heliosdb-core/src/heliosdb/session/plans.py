"""From a statement to a plan, and running a plan in the open transaction."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.access import require
from heliosdb.catalog.result import Result
from heliosdb.catalog.roles import is_superuser
from heliosdb.catalog.storage import OBJECTS_RELATION
from heliosdb.rows import full_collection_paused, loading
from heliosdb.session.definition_locks import have_changed
from heliosdb.session.environment import SessionEnvironment
from heliosdb.session.execution import Execution
from heliosdb.session.past import Moments
from heliosdb.session.recursion import deep_recursion, planning
from heliosdb.session.statements import (
    Plan,
    RecordingCatalog,
    StatementCache,
    StatementText,
    locks_of,
    no_parameter,
    written_command,
)

if TYPE_CHECKING:
    from heliosdb.plan.nodes import BoundStatement
    from heliosdb.sql.shape import Constant
    from heliosdb.sql.statements import Statement
    from heliosdb.store.snapshot import Snapshot

__all__ = ["SessionPlans"]

LOOKS = 64
LIVE = 1024
"""Rows of a result that is not read to its end, where the door sends rows on as they come."""

SMALL, GROWTH = 100, 4
"""A plan is made anew when a table of more than SMALL rows has GROWTH times as many rows as then, or as few."""

SlotReader = tuple[int, Callable[[str, Any], Any], bool]


class SessionPlans(SessionEnvironment):
    """See the module."""

    is_internal = False
    """Whether what is planned is the engine's own (checks of foreign keys), for which nobody needs a privilege."""

    _private: tuple[Any, StatementCache] | None = None
    """The transaction that has definitions of its own, and the plans over them."""
    snapshots: Mapping[int, Snapshot] | None = None
    """What the clauses of the plan found last lead to, by number, where it reads the past."""

    def tree(self, statement: StatementText) -> Statement:
        """Return a statement's syntax tree, parsed once a text."""
        if statement.tree is None:
            with loading():
                # As below: the first statement imports the parser.
                from heliosdb.sql.parser import parse_one

            if not statement.text:
                raise errors.SqlSyntaxError("the statement is empty")

            tree = parse_one(statement.text, self.registries.grammar)
            assert tree is not None
            statement.tree = tree
        return statement.tree

    def hint(self, parameter: Any) -> str | None:
        """Return the type that a Python object suggests for a parameter, or None."""
        return self.database.adapters.suggest(parameter)

    def _key(self, statement: StatementText, hints: tuple[str | None, ...], types: tuple[str | None, ...] = ()) -> Any:
        kinds = tuple(constant.kind for constant in statement.constants)
        return (
            statement.shape,
            kinds,
            hints,
            types,
            self.settings.plan_key,
            -1 if self.is_internal else self.role,
            self._temporary_schema,
            None if self.timeline is None else self.timeline.id,
        )

    def cached_plan(
        self,
        statement: StatementText,
        hints: tuple[str | None, ...],
        parameters: Sequence[Any] = (),
        types: tuple[str | None, ...] = (),
    ) -> Plan | None:
        """Return a plan from the cache that may run now with these Python parameters, or None."""
        if self.functions:
            # What a session's own functions mean is not in the key.
            return None
        return self._found(self._key(statement, hints, types), statement, parameters)

    @property
    def _reads_past(self) -> bool:
        """Whether the transaction reads a point of history: its plans use what indexes of now there are for it."""
        transaction = self.block.transaction
        return transaction is not None and transaction.is_past

    def _found(self, key: Any, statement: StatementText, parameters: Sequence[Any]) -> Plan | None:
        if self._reads_past:
            return None
        found = self.database.statements.find(key, statement.constants, self, parameters)
        if found is None and (private := self._private_plans()) is not None:
            found = private.find(key, statement.constants, self, parameters)
        if found is None or self._is_outgrown(found):
            return None
        return (
            found if found.moments is None or self._moments_hold(found, found.moments, statement, parameters) else None
        )

    def _moments_hold(self, plan: Plan, moments: Moments, statement: StatementText, parameters: Sequence[Any]) -> bool:
        """Whether a plan that reads the past was made for the definitions that these values lead to."""
        if len(parameters) != len(plan.bound.parameter_types):
            return True  # nobody runs it now
        self.snapshots = moments.hold(
            self, self.read_parameters(plan, parameters), plan.slots(statement.constants, self)
        )
        return self.snapshots is not None

    def _private_plans(self) -> StatementCache | None:
        """Return where plans are kept over definitions that are not committed: they are their transaction's."""
        transaction = self.block.transaction
        if transaction is None or OBJECTS_RELATION not in transaction.writes:
            self._private = None
            return None
        if self._private is None or self._private[0] is not transaction:
            self._private = (transaction, StatementCache(self.database.dialect))
        return self._private[1]

    def _is_outgrown(self, plan: Plan) -> bool:
        """Whether a table has become much larger or smaller than it was when the plan was chosen.

        Looked at seldom: after 1, 2, 4, ... runs, at last every ``LOOKS`` runs.
        """
        if plan.runs < plan.next_look:
            return False
        transaction = self.block.transaction
        if transaction is None:
            return False
        for oid, then in plan.sizes:
            now = transaction.view(oid).estimated_rows()
            if max(now, then) > SMALL and not then / GROWTH <= now <= then * GROWTH:
                return True
        plan.next_look = plan.runs + min(plan.runs + 1, LOOKS)
        return False

    def plan(
        self,
        statement: StatementText,
        hints: tuple[str | None, ...] = (),
        types: tuple[str | None, ...] = (),
        parameters: Sequence[Any] = (),
    ) -> Plan:
        """Return the plan of a query or data modification, from the cache or made now.

        ``parameters`` are the Python objects that it is about to run with, where they are known: for estimates.
        """
        kept = not self.functions and statement.is_lifted and not self._reads_past
        key = self._key(statement, hints, types)
        if kept:
            found = self._found(key, statement, parameters)
            if found is not None:
                return found
        with loading():
            # The first query imports the compiler: thousands of objects that stay.
            from heliosdb import codegen as _  # noqa: F401
            from heliosdb.sql import binder, optimizer, parser  # noqa: F401
        plan = self.make_plan(self.tree(statement), hints, types, statement, parameters)
        if kept and plan.bound.cacheable:
            (self._private_plans() or self.database.statements).add(key, plan, statement.constants, self, parameters)
        return plan

    def make_plan(
        self,
        tree: Statement,
        hints: tuple[str | None, ...] = (),
        types: tuple[str | None, ...] = (),
        statement: StatementText | None = None,
        parameters: Sequence[Any] = (),
        moments: Moments | None = None,
    ) -> Plan:
        """Bind, optimize and compile. ``moments`` where the past is read and ``parameters`` do not say which."""
        if moments is None:
            moments = Moments(self, parameters)
        with planning():
            try:
                return self._make_plan(tree, hints, types, statement, parameters, moments)
            except (RecursionError, errors.StatementTooComplex):
                deep_recursion()
                return self._make_plan(tree, hints, types, statement, parameters, moments)

    def _make_plan(
        self,
        tree: Statement,
        hints: tuple[str | None, ...],
        types: tuple[str | None, ...],
        statement: StatementText | None,
        parameters: Sequence[Any],
        moments: Moments,
    ) -> Plan:
        # Imported by the first query, not when a database opens.
        from heliosdb.codegen import compile_statement
        from heliosdb.codegen.bounded import is_bounded
        from heliosdb.sql.binder import bind
        from heliosdb.sql.optimizer import depends_on_constants, optimize

        catalog = self.catalog
        recorder = RecordingCatalog(catalog)
        lift = statement is not None and statement.is_lifted
        try:
            bound = bind(tree, self.bind_context_of(types, hints, recorder, lift=lift, moments=moments))
        except errors.Error:
            if not have_changed(self, recorder):
                raise
            catalog = self.catalog
            recorder = RecordingCatalog(catalog)
            bound = bind(tree, self.bind_context_of(types, hints, recorder, lift=lift, moments=moments))
        if bound.slots and depends_on_constants(bound.plan):
            bound = bind(tree, self.bind_context_of(types, hints, recorder, lift=False, moments=moments))
        if moments:
            moments.finish(bound.plan)
        constants = () if statement is None else statement.constants
        readers = tuple(
            (slot.slot, _slot_reader(self.types.input(slot.type), slot.typmod), slot.negated) for slot in bound.slots
        )
        known = _known(readers, constants, self)
        if len(parameters) == len(bound.parameter_types):
            known += self._estimated_parameters(bound.parameter_types, parameters)
        if not self.is_internal:
            self._check_access(bound, recorder)
        optimized = optimize(bound, self, known, len(constants))
        compiled = compile_statement(optimized.plan, self.registries)
        free = {slot.slot for slot in bound.slots}
        pinned = tuple((i, constant.value) for i, constant in enumerate(constants) if i not in free)
        locks = locks_of(bound.plan)
        transaction = self.block.transaction
        sizes = () if transaction is None else tuple((oid, transaction.view(oid).estimated_rows()) for oid, _ in locks)
        peeked = sorted({slot for peek in optimized.peeks for slot in peek.slots})
        return Plan(
            bound, compiled, pinned, len(constants), readers, recorder, catalog, optimized.plan, locks, sizes,
            is_bounded=is_bounded(optimized.plan), gathers=_gathers(optimized.plan), peeks=optimized.peeks,
            peeks_at_parameters=any(slot >= len(constants) for slot in peeked),
            peeked=tuple((slot, constants[slot].value) for slot in peeked if slot < len(constants)),
            moments=moments or None, role=self.role,
        )  # fmt: skip

    def _check_access(self, bound: BoundStatement, catalog: Any) -> None:
        """Raise InsufficientPrivilege for the first relation that a role may not do with what the statement does.

        What is read of the past counts as it is now, if it is still there. A plan that was checked needs no other
        check as long as it is valid: it is for one role, a relation's access list is part of its definition, and
        ``CatalogSnapshot.access_state`` stands for the rest."""
        for relation, letter, role in bound.access:
            if not is_superuser(catalog, role):
                require(catalog, role, catalog.relation_by_oid(relation.oid) or relation, letter)

    def _estimated_parameters(self, types: Sequence[str], parameters: Sequence[Any]) -> list[Any]:
        """Return parameters as datums; None for one that is no value of its type, as the run will say."""
        data: list[Any] = []
        for type_name, value in zip(types, parameters, strict=True):
            try:
                data.append(None if value is None else self.database.adapters.read(type_name, value, self))
            except errors.Error:
                data.append(None)
        return data

    def read_parameters(self, plan: Plan, parameters: Sequence[Any]) -> tuple[Any, ...]:
        """Return Python parameters as datums of the plan's parameter types."""
        expected = plan.bound.parameter_types
        if len(expected) != len(parameters):
            raise errors.ProtocolViolation(
                f"bind message supplies {len(parameters)} parameters, but prepared statement requires {len(expected)}"
            )
        if not expected:
            return ()
        read = self.database.adapters.read
        return tuple(
            [
                None if value is None else read(type_name, value, self)
                for type_name, value in zip(expected, parameters, strict=True)
            ]
        )

    def require_writable(self, plan: Plan) -> None:
        """Refuse a plan that changes more than temporary tables where the transaction is read-only."""
        transaction = self.transaction
        if plan.bound.read_only or not transaction.read_only:
            return
        command = plan.bound.tag if transaction.is_past else written_command(plan.bound)
        if command is not None:
            raise errors.ReadOnlySqlTransaction(f"cannot execute {command} in a read-only transaction")
        transaction.writes_temporary = True

    def run_plan(
        self,
        plan: Plan,
        constants: Sequence[Any],
        parameters: tuple[Any, ...],
        snapshots: Mapping[int, Snapshot] | None = None,
        *,
        live: bool = False,
    ) -> Result:
        """Run a plan in the open transaction and return its result with all rows. ``snapshots``: what its clauses are
        known to lead to. With ``live`` a query that gives more than a batch of rows is not read to its end
        (``session/live.py``)."""
        transaction = self.transaction
        self.require_writable(plan)
        plan.runs += 1
        execution = Execution(self, transaction, parameters, plan.slots(constants, self))
        if snapshots is not None:
            execution.snapshots = snapshots
        rows: list[tuple[Any, ...]] = []
        if live and plan.bound.read_only and plan.columns is not None:
            return self._run_live(plan, execution, rows)
        try:
            with full_collection_paused() if plan.gathers else nullcontext():
                for batch in plan.compiled.run(execution):
                    if execution.cancelled:
                        execution.raise_cancelled()
                    rows.extend(batch)
        finally:
            execution.close()
        count = len(rows) if plan.bound.tag == "SELECT" else execution.row_count
        return Result(plan.bound.tag, plan.columns, rows, count)

    def _run_live(self, plan: Plan, execution: Execution, rows: list[tuple[Any, ...]]) -> Result:
        from heliosdb.session.live import LiveRows

        if self.block.is_open:
            execution.fixed_views = {oid: self.transaction.view(oid) for oid, _ in plan.locks}
        batches = _batches(plan, execution)
        with full_collection_paused() if plan.gathers else nullcontext():
            for batch in batches:
                if execution.cancelled:
                    execution.raise_cancelled()
                rows.extend(batch)
                if len(rows) >= LIVE:
                    more = LiveRows(self, rows, batches, gathers=plan.gathers)  # type: ignore[arg-type]
                    return Result(plan.bound.tag, plan.columns, more)
        return Result(plan.bound.tag, plan.columns, rows, len(rows))

    def stream_plan(
        self, plan: Plan, constants: Sequence[Any], parameters: tuple[Any, ...]
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Run a plan in the open transaction and yield its batches as they come (cursors, COPY, the wire).

        What it shows is fixed now, however late the batches are asked for.
        """
        transaction = self.transaction
        execution = Execution(self, transaction, parameters, plan.slots(constants, self))
        execution.fixed_views = {oid: transaction.view(oid) for oid, _ in plan.locks}
        return _batches(plan, execution)

    def plan_query(self, query: Statement) -> Plan:
        """Return the plan of the query in the command that runs (EXPLAIN, CREATE TABLE AS, DECLARE)."""
        given = self.command_parameters or ()
        return self.make_plan(query, tuple(map(self.hint, given)), parameters=given)

    def query_parameters(self, plan: Plan) -> tuple[Any, ...]:
        """Return what the command's parameters are to the plan of its query, as datums."""
        if self.command_parameters is None and plan.bound.parameter_types:
            raise no_parameter(self.current_query)
        return self.read_parameters(plan, self.command_parameters or ())

    def run_query(self, query: Statement, *, alone: bool = False) -> Result:
        """Run the query in the command that runs (CREATE TABLE AS); ``alone``: it has none of its parameters."""
        plan = self.plan_query(query)
        return self.run_plan(plan, (), () if alone else self.query_parameters(plan))

    def run_internal(self, text: str, parameters: tuple[Any, ...], *, newest: bool = False) -> list[tuple[Any, ...]]:
        """Run a statement on datums inside the current statement and return its rows (foreign-key actions and checks).

        ``newest`` reads the newest committed state whatever the transaction's snapshot, own writes included.
        """
        (statement,) = self.database.statements.texts(text)
        before, self.is_internal = self.is_internal, True
        try:
            plan = self.plan(statement)
        finally:
            self.is_internal = before
        transaction = self.transaction
        for lock in plan.locks:
            # The statement's own plan has locked what it refers to; this is for what cascades go on to.
            if lock not in self.block.locked:
                transaction.lock_relation(*lock)
                self.block.locked.add(lock)
        transaction.advance_command()
        execution = Execution(self, transaction, parameters, plan.slots(statement.constants, self))
        rows: list[tuple[Any, ...]] = []
        with transaction.reading_newest() if newest else nullcontext():
            try:
                for batch in plan.compiled.run(execution):
                    rows.extend(batch)
            finally:
                execution.close()
        return rows


def _batches(plan: Plan, execution: Execution) -> Generator[list[tuple[Any, ...]], None, None]:
    try:
        yield from plan.compiled.run(execution)
    finally:
        execution.close()


def _gathers(plan: Any) -> bool:
    """Whether a plan may make many objects of its own before its first row: tables of groups or joins, runs to sort."""
    from heliosdb.plan import nodes as pn
    from heliosdb.plan.rewrite import contains

    return contains(plan, (pn.Aggregate, pn.Join, pn.Sort, pn.Distinct, pn.Window, pn.SetOperation, pn.With, pn.Kept))


def _known(readers: Sequence[SlotReader], constants: Sequence[Constant], session: Any) -> list[Any]:
    """Return the datums of a text's free constants; None for one that is no value of its type, as a run will say."""
    values: list[Any] = [None] * len(constants)
    for slot, read, negated in readers:
        try:
            values[slot] = read(f"-{constants[slot].value}" if negated else constants[slot].value, session)
        except errors.Error:
            continue
    return values


def _slot_reader(read: Callable[..., Any], typmod: int) -> Callable[[str, Any], Any]:
    return lambda text, session: read(text, typmod, session)
