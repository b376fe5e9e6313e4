"""Application time: ``PERIOD FOR p (a, b)``, and ``UPDATE | DELETE ... FOR PORTION OF p FROM x TO y`` (SQL:2011).

A period is a constraint: ``CONSTRAINT p CHECK ((a < b) IS TRUE)``, from a, included, until b. So it is in every dump,
follows its columns when they are renamed, goes by DROP CONSTRAINT, and any constraint written so is one.

FOR PORTION OF changes what rows say of a part of their time; the rest of each row stays, as rows of their own:

    row             |---------------------|            what is true from a until b
    portion               |-------|                    from x until y
    becomes         |-----|-------|-------|            left over, changed or deleted, left over

Three statements of the ordinary kind do it: rows are read and locked, updated or deleted, and what is left over is
inserted. Defaults do not come in, identities and keys are copied. The second one is what was written, so RETURNING
gives its rows: an updated portion, a deleted row as it was. With FROM or USING a row is read if there is another one
for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve, frozen

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    NullValueNotAllowed,
    SerializationFailure,
    SqlSyntaxError,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.spi import ColumnDefinition, Cursor, Relation, RelationLock, Result, Session, parse
from heliosdb.spi import statements as tree

__all__ = [
    "CLAUSE",
    "Dropped",
    "Portion",
    "check_drop",
    "execute",
    "parse_as_of",
    "parse_drop",
    "parse_period",
    "parse_portion",
    "parse_statement",
    "refuse",
]

CLAUSE = "for portion of"
AT_ONCE = 500
"""Rows that are inserted by one statement."""

FALSE, TRUE = tree.Literal("boolean", "false"), tree.Literal("boolean", "true")


@frozen
class Portion:
    """What was written: an UPDATE or a DELETE whose target has the clause."""

    statement: Any


@frozen
class Dropped:
    """``ALTER TABLE t DROP PERIOD FOR p``: the DROP CONSTRAINT that it means, and the period's name."""

    statement: Any
    name: str


# -- what is written


def parse_period(cursor: Cursor) -> Any:
    """Read ``p (a, b)`` behind PERIOD FOR; return the constraint that it is."""
    position = cursor.position
    name = cursor.identifier()
    if name == "system_time":
        raise FeatureNotSupported(
            "a period of system time has no columns",
            hint="ALTER TABLE ... ADD SYSTEM VERSIONING keeps it.",
            position=position,
        )
    cursor.expect_mark("(")
    since = cursor.identifier()
    cursor.expect_mark(",")
    until = cursor.identifier()
    cursor.expect_mark(")")
    ordered = tree.Operator("<", tree.ColumnRef((since,)), tree.ColumnRef((until,)))
    return tree.CheckConstraint(tree.BooleanTest(ordered, "true"), name=name, position=position)


def parse_as_of(cursor: Cursor) -> None:
    """Refuse ``FOR p AS OF x`` of a period behind a table, which SQL has for system time only."""
    if cursor.peek(1).kind == "as" and cursor.peek(2).kind == "of":
        position, name = cursor.position, cursor.identifier()
        raise SqlSyntaxError(
            f'AS OF is of system time, and "{name}" is a period of application time',
            hint="A condition on the period's columns chooses: WHERE since <= x AND until > x.",
            position=position,
        )


def parse_drop(cursor: Cursor, table: Any, *, if_exists: bool) -> Dropped:
    """Read ``p [CASCADE | RESTRICT]`` behind DROP PERIOD FOR."""
    name = cursor.identifier()
    cascade = cursor.accept_keyword("cascade")
    if not cascade:
        cursor.accept_keyword("restrict")
    action = tree.DropConstraint(name, cascade=cascade)
    return Dropped(tree.AlterTable("table", table, (action,), if_exists=if_exists), name)


def parse_portion(cursor: Cursor) -> tuple[str, Any, Any]:
    """Read ``p FROM x TO y`` behind FOR PORTION OF."""
    name = cursor.identifier()
    cursor.expect_keyword("from")
    since = cursor.operand()
    cursor.expect_keyword("to")
    return name, since, cursor.operand()


def refuse(context: Any, node: Any, payload: object) -> Any:
    """Refuse the clause where nothing is changed."""
    raise FeatureNotSupported("FOR PORTION OF stands in UPDATE and DELETE only")


def parse_statement(cursor: Cursor) -> Portion | None:
    """Read an UPDATE or a DELETE that has the clause; None for all others."""
    behind = 2 if cursor.at_keyword("only") else 1
    while cursor.peek(behind).kind == ".":
        behind += 2
    if cursor.peek(behind).kind != "for":
        return None
    statement: Any = cursor.core_statement()
    return Portion(statement) if any(clause.name == CLAUSE for clause in statement.target.extensions) else None


# -- what it means


def check_drop(session: Session, payload: Dropped) -> None:
    """Raise UndefinedObject where a table has no such period, be it that it has another constraint of the name."""
    name = payload.statement.name
    relation = session.catalog.lookup_relation(name.schema, name.name, session.search_path)
    if relation is not None:
        _columns(session, relation, payload.name)


def execute(session: Session, payload: Portion) -> Result:
    """Change the portion; see the module."""
    statement = payload.statement
    is_update = isinstance(statement, tree.Update)
    _refuse_unsupported(statement)
    name, since, until = statement.target.extensions[0].payload
    relation = _table(session, statement.target.name)
    low, high = _columns(session, relation, name)
    for assigned in statement.assignments if is_update else ():
        if assigned.target.name in (low.name, high.name):
            raise SqlSyntaxError(
                f'column "{assigned.target.name}" cannot be assigned: it is part of period "{name}"',
                position=assigned.position or None,
            )
    session.transaction.lock_relation(relation.oid, RelationLock.ROW_EXCLUSIVE)
    work = _Work(session, relation, statement, low, high, (since, until))
    rows = work.read()
    done = work.change()
    if done.row_count != len(rows):
        raise SerializationFailure(
            f'rows of table "{relation.name}" were changed while FOR PORTION OF read them',
            detail=f"{len(rows)} rows were read, and {done.row_count} changed; the condition may be volatile.",
        )
    if rows:
        session.transaction.advance_command()
        work.insert(rows)
    return Result("UPDATE" if is_update else "DELETE", done.columns, done.rows, row_count=len(rows))


def _refuse_unsupported(statement: Any) -> None:
    parts = {
        "WITH": statement.with_clause,
        "WHERE CURRENT OF": isinstance(statement.where, tree.CurrentOf),
        "more than one clause": len(statement.target.extensions) > 1,
        "SET (a, b) = ...": any(isinstance(a, tree.MultiAssignment) for a in getattr(statement, "assignments", ())),
    }
    for what, present in parts.items():
        if present:
            raise FeatureNotSupported(f"FOR PORTION OF is not supported with {what}")


def _table(session: Session, name: Any) -> Relation:
    relation = session.catalog.lookup_relation(name.schema, name.name, session.search_path)
    if relation is None:
        raise UndefinedTable(f'relation "{".".join(name.parts)}" does not exist', position=name.position or None)
    if relation.kind != "table":
        raise WrongObjectType(f'"{relation.name}" is not a table')
    return relation


def _columns(session: Session, relation: Relation, name: str) -> tuple[ColumnDefinition, ColumnDefinition]:
    """Return where a period begins and where it ends."""
    for constraint in relation.constraints:
        if constraint.name == name and constraint.kind == "check" and constraint.expression is not None:
            query: Any = parse(f"SELECT {constraint.expression}")[0]
            found = query.targets[0].expression
            if isinstance(found, tree.BooleanTest) and found.test == "true" and not found.negated:
                ordered = found.operand
                if isinstance(ordered, tree.Operator) and ordered.name == "<":
                    sides = (ordered.left, ordered.right)
                    columns = [relation.column(s.parts[-1]) for s in sides if isinstance(s, tree.ColumnRef)]
                    if len(columns) == 2 and columns[0] is not None and columns[1] is not None:
                        return columns[0], columns[1]
    raise UndefinedObject(
        f'period "{name}" of table "{relation.name}" does not exist',
        hint=f"ALTER TABLE ... ADD PERIOD FOR {name} (from, to) makes it.",
    )


class _Work:
    """The statements that change a portion. Each has all parameters of the one that was written, so that they get
    their types; where one has no use for some, they stand in a branch that is not taken."""

    def __init__(
        self, session: Session, relation: Relation, statement: Any, low: Any, high: Any, bounds: tuple[Any, Any]
    ) -> None:
        self._session = session
        self._statement = statement
        self._low, self._high = low, high
        self._kept = [c for c in relation.columns if not c.dropped and c.generated is None]
        self._target = evolve(statement.target, extensions=())
        self._name = self._target.name.name if self._target.alias is None else self._target.alias.name
        self._others = statement.from_items if isinstance(statement, tree.Update) else statement.using
        self._bounds = [
            tree.TypeCast(bound, tree.TypeName((column.type,))) for bound, column in zip(bounds, (low, high))
        ]
        self._constants = self._evaluated()

    def read(self) -> list[tuple[Any, ...]]:
        """Lock the rows and return them: the columns that are kept, and whether something is left before and after."""
        since, until = self._constants
        columns = [self._column(column) for column in self._kept]
        over = [tree.Operator("<", self._column(self._low), since), tree.Operator(">", self._column(self._high), until)]
        unused = () if self._others else self._unused_values()
        query = tree.Select(
            targets=tuple([tree.Target(item) for item in (*columns, *over, *unused)]),
            from_items=(self._target,),
            where=self._condition(self._with_others()),
            locking=(tree.Locking("update"),),
        )
        return [tuple(row) for row in self._session.run_query(query).rows]

    def change(self) -> Any:
        """Update the rows to what the portion is to be, or delete them; return the result."""
        since, until = self._constants
        where = self._condition(self._statement.where)
        statement = self._statement
        if isinstance(statement, tree.Update):
            bounds = [
                tree.Assignment(tree.AssignmentTarget(column.name), self._either(operator, column, bound))
                for operator, column, bound in (("<", self._low, since), (">", self._high, until))
            ]
            changed = evolve(statement, target=self._target, assignments=(*statement.assignments, *bounds), where=where)
        else:
            changed = evolve(statement, target=self._target, where=where)
        done = self._session.run_query(changed)
        return done if done.columns is None else evolve(done, rows=list(done.rows))

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Insert what is left over of rows."""
        columns = tuple([tree.AssignmentTarget(column.name) for column in self._kept])
        left = list(self._left_over(rows))
        for first in range(0, len(left), AT_ONCE):
            values = tree.Values(tuple(left[first : first + AT_ONCE]))
            target = tree.RangeTable(self._target.name)
            self._session.run_query(tree.Insert(target, columns, values, overriding="system"), alone=True)

    def _left_over(self, rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        since, until = self._constants
        count = len(self._kept)
        places = {column.name: place for place, column in enumerate(self._kept)}
        for row in rows:
            values = [self._constant(column, value) for column, value in zip(self._kept, row)]
            if row[count]:
                before = values.copy()
                before[places[self._high.name]] = since
                yield tuple(before)
            if row[count + 1]:
                values[places[self._low.name]] = until
                yield tuple(values)

    # -- parts of them

    def _evaluated(self) -> list[Any]:
        """Return the bounds as constants. Raises for NULL and for a portion that ends before it begins."""
        unused = tree.Select(
            targets=tuple([tree.Target(item) for item in (TRUE, *self._unused_values())]),
            from_items=(self._target, *self._others),
            where=_all(self._statement.where, FALSE),
        )
        since, until = self._bounds
        targets = (since, until, tree.Operator("<", since, until), tree.Exists(unused))
        query = tree.Select(targets=tuple(map(tree.Target, targets)))
        ((low, high, is_ordered, _),) = self._session.run_query(query).rows
        if low is None or high is None:
            raise NullValueNotAllowed("a bound of FOR PORTION OF must not be null")
        if not is_ordered:
            raise InvalidParameterValue("the portion does not begin before it ends")
        return [self._constant(self._low, low), self._constant(self._high, high)]

    def _with_others(self) -> Any:
        """Return the condition on a row of the target alone: that there are others for it."""
        where = self._statement.where
        if not self._others:
            return where
        targets = tuple(map(tree.Target, (TRUE, *self._unused_values())))
        return tree.Exists(tree.Select(targets=targets, from_items=self._others, where=where))

    def _condition(self, where: Any) -> Any:
        since, until = self._constants
        unused = tree.Case(None, (tree.When(FALSE, tree.Operator("<", self._bounds[0], self._bounds[1])),), TRUE)
        low, high = self._column(self._low), self._column(self._high)
        overlaps = (tree.Operator("<", low, until), tree.Operator(">", high, since))
        return _all(where, *overlaps, unused)

    def _unused_values(self) -> list[Any]:
        """Return what is assigned and returned, as values that are never computed."""
        assigned = [
            tree.Case(None, (tree.When(FALSE, item.value),), tree.ColumnRef((self._name, item.target.name)))
            for item in getattr(self._statement, "assignments", ())
            if not isinstance(item.value, tree.Default) and not item.target.path
        ]
        stars = (tree.ColumnRef, tree.FieldStar)  # and columns, which have no parameters, either
        returned = [item.expression for item in self._statement.returning if not isinstance(item.expression, stars)]
        return [*assigned, *(tree.Case(None, (tree.When(FALSE, expression),)) for expression in returned)]

    def _column(self, column: ColumnDefinition) -> Any:
        return tree.ColumnRef((self._name, column.name))

    def _either(self, operator: str, column: ColumnDefinition, bound: Any) -> Any:
        """Return the bound where the column lies beyond it, else the column."""
        value = self._column(column)
        return tree.Case(None, (tree.When(tree.Operator(operator, value, bound), bound),), value)

    def _constant(self, column: ColumnDefinition, datum: Any) -> Any:
        if datum is None:
            return tree.Literal("null", "")
        text = self._session.registries.types.output(column.type)(datum, self._session)
        return tree.TypeCast(tree.Literal("string", text), tree.TypeName((column.type,)))


def _all(*conditions: Any) -> Any:
    return tree.And(tuple([condition for condition in conditions if condition is not None]))
