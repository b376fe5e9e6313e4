"""CREATE TABLE (LIKE other INCLUDING ...): columns of another table, and what INCLUDING names of what stands on
them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import ColumnDefinition, Index, IndexKey, Relation
from heliosdb.commands.binding import parse_expression
from heliosdb.commands.columns import ColumnDraft, owned_sequence
from heliosdb.commands.names import relation_named
from heliosdb.commands.naming import choose_relation_name, figure_column_name
from heliosdb.commands.privileges import require_privilege
from heliosdb.errors import WrongObjectType
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["add_like", "copy_indexes"]

PARTS = (
    "comments",
    "compression",
    "constraints",
    "defaults",
    "generated",
    "identity",
    "indexes",
    "statistics",
    "storage",
)


def included(clause: tree.LikeClause) -> set[str]:
    """Return what the clause includes: later words win."""
    found: set[str] = set()
    for including, what in clause.options:
        named = set(PARTS) if what == "all" else {what}
        found = found | named if including else found - named
    return found


def add_like(session: CommandSession, edit: CatalogEdit, draft: Any, clause: tree.LikeClause) -> None:
    """Add another relation's columns to a table that is being made."""
    source = relation_named(session, clause.table)
    require_privilege(session, source, "select")
    if source.kind not in ("table", "view", "materialized view"):
        raise WrongObjectType(
            f'relation "{source.name}" is invalid in LIKE clause',
            detail=f"This operation is not supported for {source.kind}s.",
        )
    parts = included(clause)
    numbers: dict[int, int] = {}
    for column in source.columns:
        if column.dropped:
            continue
        numbers[column.number] = len(draft.drafts) + 1
        draft.drafts.append(_column(session, edit, draft, source, column, parts, numbers[column.number]))
    if "constraints" in parts:
        for constraint in source.constraints:
            if constraint.expression is not None:
                expression = parse_expression(session, constraint.expression)
                draft.constraints.append((tree.CheckConstraint(expression, name=constraint.name), ()))
    if "indexes" in parts:
        _keys(draft, source)
        draft.copied.append((source, numbers))


def _column(
    session: CommandSession,
    edit: CatalogEdit,
    draft: Any,
    source: Relation,
    column: ColumnDefinition,
    parts: set[str],
    number: int,
) -> ColumnDraft:
    copy = ColumnDefinition(
        number=number,
        name=column.name,
        type=column.type,
        typmod=column.typmod,
        collation=column.collation,
        not_null=column.not_null,
        comment=column.comment if "comments" in parts else None,
        form=column.form and evolve(column.form, id=session.database.next_oid()),
    )
    made = ColumnDraft(copy)
    if column.default is not None and "defaults" in parts:
        made.default = parse_expression(session, column.default)
    if column.generated is not None and "generated" in parts:
        made.generated = parse_expression(session, column.generated)
    if column.identity is not None and "identity" in parts:
        made.sequence = owned_sequence(
            session, edit, (), draft.schema, draft.name, draft.oid, copy, True, draft.persistence
        )
        options = next(
            (
                other.sequence
                for other in edit.relations()
                if other.sequence is not None and other.sequence.owned_by == (source.oid, column.number)
            ),
            None,
        )
        if options is not None and made.sequence.sequence is not None:
            same = evolve(
                options, owned_by=made.sequence.sequence.owned_by, storage=session.database.next_oid(), restart=None
            )
            edit.put(evolve(made.sequence, sequence=same))
        made.column = evolve(copy, identity=column.identity)
    return made


def _keys(draft: Any, source: Relation) -> None:
    """Keys come as constraints of the new table, under names of their own."""
    for constraint in source.constraints:
        if constraint.kind not in ("primary key", "unique"):
            continue
        index = next(index for index in source.indexes if index.oid == constraint.index)
        names = tuple(source.columns[number - 1].name for number in constraint.columns)
        include = tuple(source.columns[number - 1].name for number in index.include)
        written: tree.Constraint
        if constraint.kind == "primary key":
            written = tree.PrimaryKeyConstraint(
                names,
                include,
                deferrable=constraint.deferrable,
                initially_deferred=constraint.initially_deferred,
            )
        else:
            written = tree.UniqueConstraint(
                names,
                include,
                index.nulls_not_distinct,
                deferrable=constraint.deferrable,
                initially_deferred=constraint.initially_deferred,
            )
        draft.constraints.append((written, names))


def copy_indexes(
    session: CommandSession, edit: CatalogEdit, relation: Relation, source: Relation, numbers: dict[int, int]
) -> Relation:
    """Return the relation with copies of another's indexes that belong to no constraint."""
    for index in source.indexes:
        if index.constraint is not None:
            continue
        relation = evolve(
            relation, indexes=(*relation.indexes, _copied(session, edit, relation, source, index, numbers))
        )
    return relation


def _copied(
    session: CommandSession,
    edit: CatalogEdit,
    relation: Relation,
    source: Relation,
    index: Index,
    numbers: dict[int, int],
) -> Index:
    taken = [other.name for other in relation.indexes] + [relation.name]
    names = "_".join(_name_of(session, source, key) for key in index.keys)
    name = choose_relation_name(edit, relation.schema, relation.name, names, "idx", taken)
    return evolve(
        index,
        oid=session.database.next_oid(),
        schema=relation.schema,
        name=name,
        relation=relation.oid,
        keys=tuple(evolve(key, column=None if key.column is None else numbers[key.column]) for key in index.keys),
        include=tuple(numbers[number] for number in index.include),
    )


def _name_of(session: CommandSession, source: Relation, key: IndexKey) -> str:
    if key.column is not None:
        return source.columns[key.column - 1].name
    return figure_column_name(parse_expression(session, key.expression or ""))
