"""ALTER TABLE: the actions of one statement, in passes, and then one look at the rows for all of them (tablecmds.c).

    actions  ->  sorted by pass (drop, type, add column, constraints, attributes, the rest)
             ->  TableChange: the new definition, what new columns are computed from, what the rows have to satisfy
             ->  catalog written, old indexes out, rows rewritten and checked, new indexes built

So ``ADD COLUMN b int DEFAULT 5, ADD CHECK (b > 3)`` reads the rows once and checks the new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.alter_actions import ACTIONS
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.names import ARTICLES, check_schema, find_index, find_relation
from heliosdb.commands.privileges import require_owner
from heliosdb.commands.table_change import TableChange
from heliosdb.errors import FeatureNotSupported, UndefinedObject, UndefinedTable, WrongObjectType
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.catalog.changes import CatalogEdit
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_alter_table", "find_altered"]

PASSES: dict[str, int] = {
    "DropColumn": 0,
    "DropConstraint": 0,
    "AlterColumnType": 1,
    "AddColumn": 2,
    "ColumnAction": 3,
    "AddConstraint": 5,
    "SetDefault": 5,
}

COLUMN_PASSES = {"drop not null": 0, "drop expression": 0, "drop identity": 0}


def _refuse_stored_rows(edit: CatalogEdit, relation: Relation) -> None:
    """Refuse other columns for a table whose rows are values elsewhere."""
    names = (f"#{relation.oid}", f"_#{relation.oid}")
    for other in edit.relations():
        for column in other.columns:
            if column.type in names and not column.dropped and other.kind in ("table", "materialized view"):
                raise FeatureNotSupported(
                    f'cannot alter {relation.kind} "{relation.name}" because column "{other.name}.{column.name}" uses '
                    "its row type"
                )


def execute_alter_table(session: CommandSession, statement: tree.AlterTable) -> Result:
    """Execute ALTER TABLE, and ALTER INDEX, VIEW or SEQUENCE in its form."""
    tag = f"ALTER {statement.kind.upper()}"
    if statement.kind == "index":
        return _alter_index(session, statement)
    if statement.kind == "type":
        from heliosdb.commands.alter_composite import execute_alter_attributes

        return execute_alter_attributes(session, statement)
    relation = find_altered(session, statement.kind, statement.name, if_exists=statement.if_exists)
    if relation is None:
        return done(tag)
    lock_relation(session, relation, _lock_mode(statement.actions), action="ALTER TABLE")
    retyped = {action.name for action in statement.actions if isinstance(action, tree.AlterColumnType)}
    for other in _joined_by_foreign_keys(session, relation, retyped):
        lock_relation(session, other, "share row exclusive")
    edit = edit_of(session)
    if any(type(action).__name__ in ("AddColumn", "DropColumn", "AlterColumnType") for action in statement.actions):
        _refuse_stored_rows(edit, relation)
    change = TableChange(session, edit, edit.existing(relation.oid))
    for action in sorted(statement.actions, key=_pass):
        handler: Callable[[TableChange, tree.Node], None] | None = ACTIONS.get(type(action).__name__)
        if handler is None:
            raise FeatureNotSupported(
                f"ALTER TABLE {_words(action)} is not supported", position=action.position or None
            )
        handler(change, action)
    change.finish()
    apply(session, edit, change.rewrite if change.needs_rows else None)
    return done(tag)


def _lock_mode(actions: Sequence[tree.Node]) -> str:
    """Return how the table is locked: a new foreign key is in the way of writers, and of no readers."""
    if all(
        isinstance(action, tree.AddConstraint) and isinstance(action.constraint, tree.ForeignKeyConstraint)
        for action in actions
    ):
        return "share row exclusive"
    return "access exclusive"


def _joined_by_foreign_keys(session: CommandSession, relation: Relation, names: set[str]) -> list[Relation]:
    """Return the other tables that foreign keys join with columns of a table: their rows are looked at, and must
    neither come nor go meanwhile."""
    numbers = {column.number for column in relation.columns if column.name in names}
    found = {
        constraint.foreign.relation
        for constraint in relation.constraints
        if constraint.foreign is not None and numbers & set(constraint.columns)
    } | {
        other.oid
        for other, constraint in session.catalog.relations_referencing(relation.oid)
        if constraint.foreign is not None and numbers & set(constraint.foreign.columns)
    }
    others = [session.catalog.relation_by_oid(oid) for oid in sorted(found - {relation.oid})]
    return [other for other in others if other is not None]


def _pass(action: tree.Node) -> int:
    if isinstance(action, tree.SetDefault) and action.expression is None:
        return 0
    if isinstance(action, tree.ColumnAction):
        return COLUMN_PASSES.get(action.kind, 3)
    if isinstance(action, tree.AddConstraint) and isinstance(
        action.constraint, tree.PrimaryKeyConstraint | tree.UniqueConstraint
    ):
        return 4
    return PASSES.get(type(action).__name__, 6)


def _words(action: tree.Node) -> str:
    name = type(action).__name__
    return "".join(" " + letter.upper() if letter.isupper() else letter.upper() for letter in name).strip()


def find_altered(session: CommandSession, kind: str, name: tree.QualifiedName, *, if_exists: bool) -> Relation | None:
    """Return the relation that ALTER names, None where it does not exist and need not."""
    relation = find_relation(session, name)
    if relation is None:
        if kind != "index" and find_index(session, name) is not None and kind != "table":
            raise WrongObjectType(f'"{name.name}" is not {ARTICLES[kind]}')
        if if_exists:
            session.notice(f'relation "{name.name}" does not exist, skipping')
            return None
        check_schema(session, name)
        raise UndefinedTable(f'relation "{name}" does not exist', position=name.position or None)
    if kind != "table" and relation.kind != kind and kind in ARTICLES:
        raise WrongObjectType(f'"{relation.name}" is not {ARTICLES[kind]}')
    require_owner(session, relation)
    return relation


def _alter_index(session: CommandSession, statement: tree.AlterTable) -> Result:
    entry = find_index(session, statement.name)
    if entry is None:
        if statement.if_exists:
            session.notice(f'relation "{statement.name.name}" does not exist, skipping')
            return done("ALTER INDEX")
        raise UndefinedObject(f'index "{statement.name}" does not exist', position=statement.name.position or None)
    raise FeatureNotSupported("this form of ALTER INDEX is not supported", position=statement.position or None)
