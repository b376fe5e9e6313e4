"""Moments: clauses that say when, and what is bound under them.

    SELECT a, b FROM t AS OF SCN 7 JOIN u USING (a)          t as it was, u as it is
    SELECT a, b FROM t JOIN u USING (a) AS OF SCN 7          t and u as they were

Under a moment names mean what they meant then: relations are looked up in the catalog of then, and scans read the
snapshot of then. So a table has the columns that it had, a view the text that it had, and what has been renamed or
dropped since is found by the name of then. A view that was made later is bound as it is now: it holds no rows.

Which catalog that is depends on the value of the clause, so the session is asked to compute it (``catalog_at``) while
the statement is bound. Where that is not possible yet, because a parameter has no value, the catalog of now stands in;
before a plan runs, its session looks whether the catalog of the real value gives the same answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from heliosdb.catalog.registrations import RowsRequest
from heliosdb.errors import Error, FeatureNotSupported, SqlSyntaxError, UndefinedTable
from heliosdb.plan.expressions import Constant, Parameter, SetReturningCall
from heliosdb.plan.nodes import FunctionScan, OutputColumn, SnapshotRequest
from heliosdb.plan.rewrite import rewritten
from heliosdb.types.definitions import TableFunction, Volatility, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.catalog.protocol import Catalog
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import RangeItem
    from heliosdb.sql.statements import Clause

__all__ = ["Moment", "at_moments", "bind_rows", "check_readable", "relation_at", "settled", "undefined_relation_at"]


@define
class Moment:
    """What is bound now is read at the snapshot that this request leads to, by the names of this catalog."""

    request: SnapshotRequest | RowsRequest
    catalog: Catalog
    scn: int | None
    """Where the catalog is of; None: not known yet."""
    kind: Any
    """The registration's ``moment``: of two of one kind the inner one counts alone."""
    scans: int = 0
    """How many relations read it."""


@contextmanager
def at_moments(binder: Binder, clauses: Sequence[Clause]) -> Iterator[None]:
    """Bind under the moments of these clauses, each within the one before; other clauses are left alone."""
    before = binder.moment
    found = _moment_clauses(binder, clauses)
    for clause in found:
        _enter(binder, clause)
    try:
        yield
    finally:
        moment, binder.moment = binder.moment, before
    if moment is None or moment is before:
        return
    if before is not None and before.kind not in [binder.registries.clauses[clause.name].moment for clause in found]:
        before.scans += moment.scans
    if not moment.scans:
        words = " ".join(binder.registries.clauses[found[-1].name].words)
        raise FeatureNotSupported(
            f"{words} is for tables, and here is none without a point in time of its own",
            position=found[-1].position or None,
        )


def _moment_clauses(binder: Binder, clauses: Sequence[Clause]) -> list[Clause]:
    found: dict[str, Clause] = {}
    for clause in clauses:
        registration = binder.registries.clauses.get(clause.name)
        if registration is None or registration.moment is None:
            continue
        if registration.moment in found:
            raise SqlSyntaxError("there is more than one clause for a point in time", position=clause.position or None)
        found[registration.moment] = clause
    return list(found.values())


def _elsewhere(clause: Clause) -> FeatureNotSupported:
    return FeatureNotSupported(
        "a range of time of a table on another branch is not supported",
        hint="Work on the branch to ask for it, or read the table there at one point.",
        position=clause.position or None,
    )


def _enter(binder: Binder, clause: Clause) -> None:
    from heliosdb.sql.binder.extensions import ClauseBinder

    registration = binder.registries.clauses[clause.name]
    request = resolve_implementation(registration.moment)(ClauseBinder(binder, clause), clause.payload)
    if isinstance(request, RowsRequest):
        if binder.moment is not None and binder.moment.kind != registration.moment:
            raise _elsewhere(clause)
        binder.moment = Moment(request, binder.context.catalog, None, registration.moment)
        return
    base = None if binder.moment is None else binder.moment.request
    if isinstance(base, RowsRequest):
        if binder.moment.kind != registration.moment:  # type: ignore[union-attr]
            raise _elsewhere(clause)
        base = None
    binder.requests += 1
    request = evolve(request, number=binder.requests, base=base)
    try:
        catalog, scn = binder.context.catalog_at(binder.context, settled(binder, request))
    except Error as error:
        raise error.at(clause.position or None) from None
    binder.moment = Moment(request, catalog, scn, registration.moment)


def settled(binder: Binder, request: SnapshotRequest) -> SnapshotRequest:
    """Return a request whose values can be computed by themselves, before the statement is bound to its end."""

    def settle(node: Any) -> Any:
        if node.__class__ is Constant and node.slot is not None:
            return binder.slots.fixed(node, binder)
        if node.__class__ is Parameter and node.type == "unknown":
            return binder.parameters.settle(node)
        return None

    base = None if request.base is None else settled(binder, request.base)
    return evolve(request, arguments=tuple(rewritten(node, settle) for node in request.arguments), base=base)


def relation_at(binder: Binder, moment: Moment, schema: str | None, name: str) -> Relation | None:
    """Return the relation that a name meant at a moment, or the view that it means now."""
    found = moment.catalog.lookup_relation(schema, name, binder.search_path)
    if found is not None:
        # A plan may use indexes of now: when they change it is made anew.
        binder.context.catalog.relation_by_oid(found.oid)
        return found
    now = binder.context.catalog.lookup_relation(schema, name, binder.search_path)
    return now if now is not None and now.kind == "view" else None


def check_readable(binder: Binder, relation: Relation, position: int | None) -> None:
    """Raise FeatureNotSupported for a relation of then with a column of a type that is no more."""
    for column in relation.columns:
        if not column.dropped and binder.types.find(column.type) is None:
            raise FeatureNotSupported(
                f'column "{column.name}" of relation "{relation.name}" had a type that has been dropped since',
                position=position,
            )


def bind_rows(
    binder: Binder, request: RowsRequest, relation: Relation, alias: str | None
) -> tuple[FunctionScan, RangeItem]:
    """Return the plan of the rows that take a table's place."""
    source = binder.new_source()
    entry = binder.scan_item(relation, alias, source)
    entry.columns = [evolve(column, nullable=True) for column in entry.columns]
    stored = [evolve(column, nullable=True) for column in binder.scan_columns(relation)]
    added = [OutputColumn(name=name, type=type_) for name, type_ in request.columns]
    entry.hidden = {column.name: (len(stored) + place, column) for place, column in enumerate(added)}
    entry.kind = "function"
    function = TableFunction(
        request.clause,
        tuple(argument.type for argument in request.arguments),
        "record",
        partial(resolve_implementation(request.rows), relation),
        strict=False,
        volatility=Volatility.VOLATILE,
        needs_session=True,
    )
    columns = (*stored, *added)
    call = SetReturningCall(
        type="record",
        function=function,
        arguments=request.arguments,
        argument_types=function.arguments,
        columns=tuple((column.name, column.type) for column in columns),
    )
    plan = FunctionScan(source=source, columns=columns, calls=(call,), alias=alias or relation.name)
    return plan, entry


def undefined_relation_at(binder: Binder, moment: Moment, parts: tuple[str, ...], position: int | None) -> Error:
    """Return the error for a relation that did not exist at a moment; a hint says what it was called, if it did."""
    at = "" if moment.scn is None else f" at SCN {moment.scn}"
    error = UndefinedTable(f'relation "{".".join(parts[-2:])}" does not exist{at}', position=position)
    schema = parts[-2] if len(parts) > 1 else None
    now = binder.context.catalog.lookup_relation(schema, parts[-1], binder.search_path)
    then = None if now is None else moment.catalog.relation_by_oid(now.oid)
    if then is not None:
        error.hint = f'It was called "{then.schema}.{then.name}" then.'
    return error
