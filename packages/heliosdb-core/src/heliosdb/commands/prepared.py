"""PREPARE, EXECUTE and DEALLOCATE: SQL's own prepared statements."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from heliosdb import errors
from heliosdb.catalog.result import Result
from heliosdb.session.past import Moments
from heliosdb.session.statements import forget_prepared
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.session import Session
    from heliosdb.session.statements import Plan


@frozen(eq=False)
class NamedStatement:
    """What PREPARE keeps: the statement's tree and the parameter types that were given. ``text`` is the whole
    PREPARE.
    """

    name: str
    tree: tree.Statement
    types: tuple[str | None, ...]
    text: str
    plan: list[Any]
    prepared_at: int = field(factory=time.time_ns)

    @property
    def parameter_types(self) -> tuple[str, ...]:
        """The types of its parameters, as the last plan has them."""
        return self.plan[0].bound.parameter_types  # type: ignore[no-any-return]

    def current_plan(self, session: Session) -> Plan:
        """Return the plan, made anew when the catalog, or the role, has changed under it."""
        if not self.plan or not self.plan[0].serves(session):
            self.plan[:] = [session.make_plan(self.tree, types=self.types)]
        return self.plan[0]  # type: ignore[no-any-return]

    def plan_of_past(self, session: Session, values: tuple[Any, ...]) -> Plan:
        """Return the plan of a statement that reads the past, for the definitions that these datums lead to."""
        plan: Plan = self.plan[0]
        if not plan.serves(session) or not plan.moments.hold(session, values, ()):  # type: ignore[union-attr]
            types = plan.bound.parameter_types
            self.plan[:] = [session.make_plan(self.tree, types=types, moments=Moments(session, values, are_data=True))]
        return self.plan[0]  # type: ignore[no-any-return]


def execute_prepare(session: Session, statement: tree.Prepare) -> Result:
    """PREPARE name (types) AS statement."""
    from heliosdb.sql.binder import bind_type

    if statement.name in session.prepared or statement.name in session.protocol_prepared:
        raise errors.DuplicatePreparedStatement(f'prepared statement "{statement.name}" already exists')
    types = tuple(bind_type(written, session.bind_context())[0] for written in statement.types)
    prepared = NamedStatement(statement.name, statement.statement, types, session.current_query, [])
    prepared.current_plan(session)
    session.prepared[statement.name] = prepared
    return Result("PREPARE")


def find_prepared(session: Session, name: str) -> NamedStatement:
    """Return a prepared statement, one of the protocol's too; 26000 when there is none of this name."""
    found = session.prepared.get(name)
    if found is None and name:
        found = _of_protocol(session, name)
    if found is None:
        raise _unknown(name)
    return found  # type: ignore[no-any-return]


def _unknown(name: str) -> errors.InvalidSqlStatementName:
    return errors.InvalidSqlStatementName(f'prepared statement "{name}" does not exist')


def _of_protocol(session: Session, name: str) -> NamedStatement | None:
    """Return what the client prepared by the protocol under a name, as EXECUTE runs it."""
    made = session.protocol_prepared.get(name)
    if made is None:
        return None
    if made.text is None or not session.is_query(made.text):
        raise errors.FeatureNotSupported(f'EXECUTE runs queries alone: prepared statement "{name}" is another command')
    found = NamedStatement(name, session.tree(made.text), made.types, made.text.text, [])
    found.current_plan(session)
    return found


def argument_values(
    session: Session, name: str, arguments: tuple[tree.Expression, ...], types: tuple[str, ...]
) -> tuple[Any, ...]:
    """Evaluate the arguments of EXECUTE as the parameters' types."""
    from heliosdb.codegen import compile_row_function
    from heliosdb.sql.binder import bind_expression

    if len(arguments) != len(types):
        raise errors.SqlSyntaxError(
            f'wrong number of parameters for prepared statement "{name}"',
            detail=f"Expected {len(types)} parameters but got {len(arguments)}.",
        )
    context = session.bind_context()
    bound = [
        bind_expression(argument, context, clause="EXECUTE parameters", type_=type_name, column=f"${number}")
        for number, (argument, type_name) in enumerate(zip(arguments, types, strict=True), 1)
    ]
    return compile_row_function(bound, 0, session.registries, session)(())


def execute_execute(session: Session, statement: tree.Execute) -> Result:
    """EXECUTE name (arguments)."""
    plan, values = plan_to_execute(session, statement)
    return session.run_plan(plan, (), values)


def plan_to_execute(session: Session, statement: tree.Execute) -> tuple[Plan, tuple[Any, ...]]:
    """Return the plan that EXECUTE runs, and the datums of its parameters."""
    prepared = find_prepared(session, statement.name)
    reads_past = prepared.plan[0].moments is not None
    plan = prepared.plan[0] if reads_past else prepared.current_plan(session)
    values = argument_values(session, statement.name, statement.arguments, plan.bound.parameter_types)
    return (prepared.plan_of_past(session, values) if reads_past else plan), values


def execute_deallocate(session: Session, statement: tree.Deallocate) -> Result:
    """DEALLOCATE name, DEALLOCATE ALL."""
    if statement.name is None:
        forget_prepared(session)
        return Result("DEALLOCATE ALL")
    if session.prepared.pop(statement.name, None) is None:
        if not statement.name or session.protocol_prepared.pop(statement.name, None) is None:
            raise _unknown(statement.name)
    return Result("DEALLOCATE")
