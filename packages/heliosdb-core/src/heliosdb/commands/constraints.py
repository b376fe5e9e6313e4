"""Constraints of tables: keys, checks and references, from their syntax to their definition (parse_utilcmd.c,
tablecmds.c).

Each function takes the relation as it is so far and returns it with one constraint more. Whether the rows that are
there already satisfy it is the caller's to see (``validation``); a new table has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import ColumnDefinition, Constraint, ForeignKey, Index, IndexKey, Relation
from heliosdb.commands.binding import (
    bind_condition,
    check_constants,
    check_contents,
    columns_used,
    spelled_type,
    stored_text,
)
from heliosdb.commands.forms import require_comparable, require_equality
from heliosdb.commands.names import relation_named
from heliosdb.commands.naming import choose_constraint_name, choose_relation_name
from heliosdb.commands.privileges import require_privilege
from heliosdb.errors import (
    DatatypeMismatch,
    DuplicateColumn,
    DuplicateObject,
    DuplicateTable,
    FeatureNotSupported,
    InvalidForeignKey,
    InvalidTableDefinition,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from heliosdb.sql import statements as tree
from heliosdb.sql.binder.binder import Binder
from heliosdb.sql.binder.coercion import can_coerce
from heliosdb.transaction.locks import RelationLock
from heliosdb.types.definitions import CastContext

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = [
    "KeyConstraint", "add_check", "add_foreign_key", "add_key", "add_key_using_index", "require_implementable",
]  # fmt: skip

KeyConstraint = tree.PrimaryKeyConstraint | tree.UniqueConstraint


def check_constraint_name(relation: Relation, name: str) -> None:
    """Refuse a constraint name that the relation has already."""
    if any(constraint.name == name for constraint in relation.constraints):
        raise DuplicateObject(f'constraint "{name}" for relation "{relation.name}" already exists')


def key_column(relation: Relation, name: str, position: int | None) -> ColumnDefinition:
    """Return the column that a key names."""
    column = relation.column(name)
    if column is None:
        raise UndefinedColumn(f'column "{name}" named in key does not exist', position=position)
    return column


# -- keys ----------------------------------------------------------------------------------------------------------


def add_key(
    session: CommandSession, edit: CatalogEdit, relation: Relation, written: KeyConstraint, names: Sequence[str]
) -> Relation:
    """Add a primary key or unique constraint with its index; the columns of a primary key become NOT NULL."""
    primary = isinstance(written, tree.PrimaryKeyConstraint)
    position = written.position or None
    if written.options:
        raise FeatureNotSupported("storage parameters of a constraint's index are not supported", position=position)
    if written.tablespace is not None:
        raise FeatureNotSupported("tablespaces are not supported", position=position)
    if primary and any(constraint.kind == "primary key" for constraint in relation.constraints):
        raise InvalidTableDefinition(
            f'multiple primary keys for table "{relation.name}" are not allowed', position=position
        )
    columns: list[ColumnDefinition] = []
    for name in names:
        column = key_column(relation, name, position)
        if column in columns:
            what = "primary key" if primary else "unique"
            raise DuplicateColumn(f'column "{name}" appears twice in {what} constraint', position=position)
        columns.append(column)
    include = tuple(key_column(relation, name, position).number for name in written.include)
    check_key_types(session, columns)
    name = _key_name(edit, relation, written, columns, primary)
    index = Index(
        oid=session.database.next_oid(),
        schema=relation.schema,
        name=name,
        relation=relation.oid,
        keys=tuple(IndexKey(column=column.number, collation=column.collation) for column in columns),
        include=include,
        unique=True,
        deferrable=written.deferrable,
        initially_deferred=written.initially_deferred,
        primary=primary,
        nulls_not_distinct=isinstance(written, tree.UniqueConstraint) and written.nulls_not_distinct,
        constraint=session.database.next_oid(),
    )
    assert index.constraint is not None
    constraint = Constraint(
        oid=index.constraint,
        name=name,
        kind="primary key" if primary else "unique",
        columns=tuple(column.number for column in columns),
        index=index.oid,
        deferrable=written.deferrable,
        initially_deferred=written.initially_deferred,
    )
    if primary:
        relation = evolve(relation, columns=_not_null(relation.columns, constraint.columns))
    return evolve(relation, constraints=(*relation.constraints, constraint), indexes=(*relation.indexes, index))


def _not_null(columns: tuple[ColumnDefinition, ...], numbers: Sequence[int]) -> tuple[ColumnDefinition, ...]:
    return tuple(evolve(column, not_null=True) if column.number in numbers else column for column in columns)


def _key_name(
    edit: CatalogEdit,
    relation: Relation,
    written: KeyConstraint,
    columns: Sequence[ColumnDefinition],
    primary: bool,
) -> str:
    taken = [index.name for index in relation.indexes] + [relation.name]
    taken += [constraint.name for constraint in relation.constraints]
    if written.name is None:
        middle = "" if primary else "_".join(column.name for column in columns)
        label = "pkey" if primary else "key"
        return choose_relation_name(edit, relation.schema, relation.name, middle, label, taken)
    if edit.is_name_taken(relation.schema, written.name) or written.name in taken[: len(relation.indexes) + 1]:
        raise DuplicateTable(f'relation "{written.name}" already exists')
    check_constraint_name(relation, written.name)
    return written.name


def check_key_types(session: CommandSession, columns: Sequence[ColumnDefinition]) -> None:
    """Refuse columns whose type has no btree ordering."""
    from heliosdb.codegen.index_keys import operator_class_of

    for column in columns:
        require_equality(session, column)
        operator_class_of(column.stored_type, IndexKey(column=column.number), "btree", session.registries)


def add_key_using_index(
    session: CommandSession, edit: CatalogEdit, relation: Relation, written: KeyConstraint
) -> Relation:
    """Make a unique index of the table the index of a new constraint."""
    primary = isinstance(written, tree.PrimaryKeyConstraint)
    position = written.position or None
    index = next((index for index in relation.indexes if index.name == written.index), None)
    if index is None:
        if edit.catalog.lookup_index(relation.schema, written.index or "") is not None:
            raise WrongObjectType(f'"{written.index}" is not an index for table "{relation.name}"', position=position)
        raise UndefinedObject(f'index "{written.index}" does not exist', position=position)
    if index.constraint is not None:
        raise ObjectNotInPrerequisiteState(
            f'index "{index.name}" is already associated with a constraint', position=position
        )
    detail = "Cannot create a primary key or unique constraint using such an index."
    if not index.unique:
        raise WrongObjectType(f'"{index.name}" is not a unique index', detail=detail, position=position)
    if any(key.column is None for key in index.keys):
        raise WrongObjectType(f'index "{index.name}" contains expressions', detail=detail, position=position)
    if index.predicate is not None:
        raise WrongObjectType(f'"{index.name}" is a partial index', detail=detail, position=position)
    if any(key.descending or key.nulls_first or key.operator_class for key in index.keys):
        raise WrongObjectType(
            f'index "{index.name}" column number 1 does not have default sorting behavior',
            detail=detail,
            position=position,
        )
    if primary and any(constraint.kind == "primary key" for constraint in relation.constraints):
        raise InvalidTableDefinition(
            f'multiple primary keys for table "{relation.name}" are not allowed', position=position
        )
    name = written.name or index.name
    check_constraint_name(relation, name)
    if name != index.name:
        session.notice(
            f'ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "{index.name}" to "{name}"', severity="NOTICE"
        )
    columns = tuple(key.column for key in index.keys if key.column is not None)
    constraint = Constraint(
        oid=session.database.next_oid(),
        name=name,
        kind="primary key" if primary else "unique",
        columns=columns,
        index=index.oid,
        deferrable=written.deferrable,
        initially_deferred=written.initially_deferred,
    )
    changed = evolve(index, name=name, primary=primary, constraint=constraint.oid)
    return evolve(
        relation,
        columns=_not_null(relation.columns, columns) if primary else relation.columns,
        constraints=(*relation.constraints, constraint),
        indexes=tuple(changed if other.oid == index.oid else other for other in relation.indexes),
    )


# -- checks --------------------------------------------------------------------------------------------------------


def add_check(
    session: CommandSession, edit: CatalogEdit, relation: Relation, written: tree.CheckConstraint
) -> Relation:
    """Add a check."""
    check_contents(session, written.expression, "check constraint", "check constraints")
    bound = bind_condition(session, written.expression, relation.columns, relation.name, "CHECK")
    check_constants(session, bound)
    used = columns_used(bound)
    numbers = tuple(sorted(number for number in used if number > 0))
    if written.name is not None:
        check_constraint_name(relation, written.name)
        name = written.name
    else:
        # Named after the column only where the expression uses one alone.
        single = relation.columns[numbers[0] - 1].name if len(numbers) == 1 and len(used) == 1 else ""
        taken = [constraint.name for constraint in relation.constraints]
        name = choose_constraint_name(edit, relation.schema, relation.name, single, "check", taken)
    constraint = Constraint(
        oid=session.database.next_oid(),
        name=name,
        kind="check",
        columns=numbers,
        expression=stored_text(session, written.expression),
        validated=not written.not_valid,
        no_inherit=written.no_inherit,
    )
    return evolve(relation, constraints=(*relation.constraints, constraint))


# -- references ----------------------------------------------------------------------------------------------------


def add_foreign_key(
    session: CommandSession,
    edit: CatalogEdit,
    relation: Relation,
    written: tree.ForeignKeyConstraint,
    names: Sequence[str],
) -> Relation:
    """Add a reference to another table, or to the table itself."""
    position = written.position or None
    if written.match == "partial":
        raise FeatureNotSupported("MATCH PARTIAL not yet implemented", position=position)
    referenced = _referenced(session, relation, written)
    if referenced.kind != "table":
        raise WrongObjectType(f'referenced relation "{referenced.name}" is not a table')
    _check_persistence(relation, referenced)
    if referenced is not relation:
        require_privilege(session, referenced, "references")
    if referenced.oid != relation.oid:
        # Its rows must not go while they are looked for; DML waits for the end of this transaction, as in PostgreSQL.
        session.transaction.lock_relation(referenced.oid, RelationLock.SHARE_ROW_EXCLUSIVE)
    columns = [_foreign_column(relation, name) for name in names]
    if written.referenced_columns:
        targets = [_foreign_column(referenced, name) for name in written.referenced_columns]
        index = _matching_index(referenced, targets)
    else:
        primary = next((index for index in referenced.indexes if index.primary), None)
        if primary is None:
            raise UndefinedObject(f'there is no primary key for referenced table "{referenced.name}"')
        index = primary
        targets = [referenced.columns[key.column - 1] for key in index.keys if key.column is not None]
    if index.deferrable:
        what = "deferrable primary key" if index.primary else "deferrable unique constraint"
        raise ObjectNotInPrerequisiteState(f'cannot use a {what} for referenced table "{referenced.name}"')
    if len(columns) != len(targets):
        raise InvalidForeignKey("number of referencing and referenced columns for foreign key disagree")
    for action in (written.on_delete, written.on_update):
        if action in ("set null", "set default") or (action == "cascade" and action is written.on_update):
            _check_generated(columns, action, "DELETE" if action is written.on_delete else "UPDATE")
    taken = [constraint.name for constraint in relation.constraints]
    name = written.name
    if name is not None:
        check_constraint_name(relation, name)
    else:
        middle = "_".join(column.name for column in columns)
        name = choose_constraint_name(edit, relation.schema, relation.name, middle, "fkey", taken)
    require_implementable(session, name, columns, targets)
    set_columns = tuple(_foreign_column(relation, column).number for column in written.delete_columns)
    numbers = tuple(column.number for column in columns)
    for number in set_columns:
        if number not in numbers:
            column_name = relation.columns[number - 1].name
            raise InvalidForeignKey(
                f'column "{column_name}" referenced in ON DELETE SET action must be part of foreign key'
            )
    constraint = Constraint(
        oid=session.database.next_oid(),
        name=name,
        kind="foreign key",
        columns=numbers,
        index=index.oid,
        foreign=ForeignKey(
            relation=referenced.oid,
            columns=tuple(target.number for target in targets),
            match=written.match,
            on_update=written.on_update,
            on_delete=written.on_delete,
            set_columns=set_columns,
        ),
        deferrable=written.deferrable,
        initially_deferred=written.initially_deferred,
        validated=not written.not_valid,
    )
    return evolve(relation, constraints=(*relation.constraints, constraint))


def _referenced(session: CommandSession, relation: Relation, written: tree.ForeignKeyConstraint) -> Relation:
    name = written.table
    if name.name == relation.name:
        # The table itself, which the catalog may not have yet, where the name would find it.
        schema = name.schema
        found = session.catalog.lookup_relation(schema, name.name, session.search_path)
        if found is None or found.oid == relation.oid:
            if schema in (None, relation.schema, "pg_temp"):
                return relation
        elif schema is None and _comes_first(session, relation.schema, found.schema):
            return relation
    return relation_named(session, name)


def _comes_first(session: CommandSession, schema: str, other: str) -> bool:
    path = session.search_path
    return schema in path and other in path and path.index(schema) < path.index(other)


def _check_persistence(relation: Relation, referenced: Relation) -> None:
    allowed = {
        "permanent": (("permanent",), "permanent tables may reference only permanent tables"),
        "unlogged": (("permanent", "unlogged"), "unlogged tables may reference only permanent or unlogged tables"),
        "temporary": (("temporary",), "temporary tables may reference only temporary tables"),
    }
    kinds, words = allowed[relation.persistence]
    if referenced.persistence not in kinds:
        raise InvalidTableDefinition(f"constraints on {words}")


def _foreign_column(relation: Relation, name: str) -> ColumnDefinition:
    column = relation.column(name)
    if column is None:
        raise UndefinedColumn(f'column "{name}" referenced in foreign key constraint does not exist')
    return column


def _matching_index(referenced: Relation, targets: Sequence[ColumnDefinition]) -> Index:
    wanted = sorted(target.number for target in targets)
    if len(set(wanted)) != len(wanted):
        raise InvalidForeignKey("foreign key referenced-columns list must not contain duplicates")
    deferrable: Index | None = None
    for index in referenced.indexes:
        if not index.unique or index.predicate is not None or not index.valid:
            continue
        if sorted(key.column or 0 for key in index.keys) == wanted:
            if not index.deferrable:
                return index
            deferrable = index
    if deferrable is not None:
        return deferrable
    raise InvalidForeignKey(
        f'there is no unique constraint matching given keys for referenced table "{referenced.name}"'
    )


def _check_generated(columns: Sequence[ColumnDefinition], action: str, event: str) -> None:
    if any(column.generated is not None for column in columns):
        raise SqlSyntaxError(f"invalid ON {event} action for foreign key constraint containing generated column")


def require_implementable(
    session: CommandSession, name: str, columns: Sequence[ColumnDefinition], targets: Sequence[ColumnDefinition]
) -> None:
    """Refuse a foreign key whose columns cannot be compared with the key's, pair by pair."""
    for column, target in zip(columns, targets, strict=True):
        require_comparable(column, target, name)
        _check_comparable(session, column, target, name)


def _check_comparable(session: CommandSession, column: ColumnDefinition, target: ColumnDefinition, name: str) -> None:
    if column.type == target.type:
        return
    # The key's operator family must have an equality for the two, or the referring type must become the key's by
    # itself.
    wanted = "text" if target.type == "varchar" else target.type
    operators = session.registries.operators.get("=", ())
    if any((operator.left, operator.right) == (wanted, column.type) for operator in operators):
        return
    if not can_coerce(Binder(session.bind_context()), (column.type,), (wanted,), CastContext.IMPLICIT):
        first, second = spelled_type(session, column.type), spelled_type(session, target.type)
        raise DatatypeMismatch(
            f'foreign key constraint "{name}" cannot be implemented',
            detail=f'Key columns "{column.name}" and "{target.name}" are of incompatible types: {first} and {second}.',
        )
