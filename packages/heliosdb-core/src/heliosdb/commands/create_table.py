"""CREATE TABLE: columns, LIKE, constraints, and the sequences and indexes they bring.

Order matters where the statement does not say so: columns first, then keys (so that a reference finds them), checks
in order of writing, and references last, which may name the table itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.columns import ColumnDraft, add_sequence, draft_column, finish_expressions
from heliosdb.commands.constraints import add_check, add_foreign_key, add_key
from heliosdb.commands.ddl import apply, done, edit_of
from heliosdb.commands.forms import check_generated
from heliosdb.commands.like import add_like, copy_indexes
from heliosdb.commands.names import check_tablespace, creation_schema
from heliosdb.commands.storage_parameters import not_accepted
from heliosdb.errors import (
    DuplicateColumn,
    DuplicateTable,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidTableDefinition,
    SqlSyntaxError,
    TooManyColumns,
    UndefinedColumn,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from heliosdb.commands.context import CommandSession

__all__ = ["checked_options", "define_table", "execute_create_table", "without_options"]

MAX_COLUMNS = 1600


@define
class TableDraft:
    """A table on its way: columns with what was written at them, and the constraints of the table."""

    oid: int
    schema: str
    name: str
    persistence: str
    drafts: list[ColumnDraft] = field(factory=list)
    constraints: list[tuple[tree.Constraint, tuple[str, ...]]] = field(factory=list)
    """Each with the columns it is on: those written, or the column it was written at."""
    options: tuple[tuple[str, object], ...] = ()
    copied: list[tuple[Relation, dict[int, int]]] = field(factory=list)
    """Tables of LIKE ... INCLUDING INDEXES, each with {its attribute number: the new one}."""


def execute_create_table(session: CommandSession, statement: tree.CreateTable) -> Result:
    """Execute CREATE TABLE."""
    _refuse_unsupported(statement)
    schema, persistence = creation_schema(session, statement.name, statement.persistence)
    if statement.if_not_exists and session.catalog.is_name_taken(schema, statement.name.name):
        session.notice(f'relation "{statement.name.name}" already exists, skipping', sqlstate="42P07")
        return done("CREATE TABLE")
    mark = session.transaction.mark()
    edit = edit_of(session)
    define_table(session, edit, statement, schema, persistence)
    try:
        apply(session, edit)
    except DuplicateTable as error:
        # Somebody made it meanwhile; we have waited for him.
        if not statement.if_not_exists:
            raise
        session.transaction.rollback_to(mark)
        session.notice(f"{error.message}, skipping", sqlstate="42P07")
    return done("CREATE TABLE")


def _refuse_unsupported(statement: tree.CreateTable) -> None:
    if statement.inherits:
        raise FeatureNotSupported("table inheritance is not supported", position=statement.inherits[0].position or None)
    if statement.of_type is not None:
        raise FeatureNotSupported("typed tables are not supported", position=statement.of_type.position or None)
    if statement.partition_of is not None or statement.partition_by is not None:
        raise FeatureNotSupported("table partitioning is not supported", position=statement.position or None)
    if statement.access_method not in (None, "heap"):
        raise FeatureNotSupported(f'table access method "{statement.access_method}" is not supported')
    check_tablespace(statement.tablespace)
    if statement.server is not None:
        raise FeatureNotSupported("foreign tables are not supported")
    if statement.on_commit is not None and statement.persistence != "temporary":
        raise InvalidTableDefinition("ON COMMIT can only be used on temporary tables")


def checked_options(registered: Mapping[str, Any], options: tuple[tree.Option, ...]) -> tuple[tuple[str, object], ...]:
    """Return options of a table or a column as the plugins that registered them read them; all others are errors."""
    from heliosdb.types.definitions import resolve_implementation

    found: dict[str, object] = {}
    for option in options:
        if option.namespace is not None:
            raise InvalidParameterValue(f'unrecognized parameter namespace "{option.namespace}"')
        known = registered.get(option.name)
        if known is None:
            raise not_accepted("table", option.name)
        if option.name in found:
            raise InvalidParameterValue(f'parameter "{option.name}" specified more than once')
        found[option.name] = resolve_implementation(known.check)(option.text)
    return tuple(found.items())


def without_options(
    options: tuple[tuple[str, object], ...], reset: tuple[tree.Option, ...]
) -> tuple[tuple[str, object], ...]:
    """Return options without those that RESET (...) names; it may name what is not set."""
    if any(option.value is not None for option in reset):
        raise SqlSyntaxError("RESET must not include values for parameters")
    names = {option.name for option in reset}
    return tuple(item for item in options if item[0] not in names)


def define_table(
    session: CommandSession, edit: CatalogEdit, statement: tree.CreateTable, schema: str, persistence: str
) -> Relation:
    """Put a new table, with its sequences, into an edit."""
    draft = TableDraft(session.database.next_oid(), schema, statement.name.name, persistence)
    draft.options = checked_options(session.registries.relation_options, statement.options)
    for element in statement.elements:
        if isinstance(element, tree.ColumnDefinition):
            _add_column(session, draft, element)
        elif isinstance(element, tree.LikeClause):
            add_like(session, edit, draft, element)
        else:
            assert isinstance(element, tree.Constraint)
            draft.constraints.append((element, tuple(getattr(element, "columns", ()))))
    if len(draft.drafts) > MAX_COLUMNS:
        raise TooManyColumns(f"tables can have at most {MAX_COLUMNS} columns")
    _check_keys(draft)
    for item in draft.drafts:
        add_sequence(session, edit, item, schema=schema, table=draft.name, table_oid=draft.oid, persistence=persistence)
    _check_unique_names(draft)
    if session.catalog.is_name_taken(schema, draft.name):
        raise DuplicateTable(f'relation "{draft.name}" already exists')
    # A generated column must not use another: until its expression is read, that it has one is all that is known.
    bare = tuple(item.column if item.generated is None else evolve(item.column, generated="") for item in draft.drafts)
    columns = tuple(finish_expressions(session, item, bare, draft.name) for item in draft.drafts)
    relation = Relation(
        oid=draft.oid,
        schema=schema,
        name=draft.name,
        columns=columns,
        owner=session.role,
        persistence=persistence,
        options=draft.options,
        on_commit=statement.on_commit if statement.on_commit != "preserve rows" else None,
    )
    relation = _with_extensions(session, relation, statement)
    check_generated(session, relation)
    relation = add_constraints(session, edit, relation, draft.constraints)
    for source, numbers in draft.copied:
        relation = copy_indexes(session, edit, relation, source, numbers)
    edit.put(relation)
    return relation


def _with_extensions(session: CommandSession, relation: Relation, statement: tree.CreateTable) -> Relation:
    from heliosdb.commands.clauses import bind_clauses

    columns = list(relation.columns)
    for element in statement.elements:
        if isinstance(element, tree.ColumnDefinition) and element.extensions:
            for number, column in enumerate(columns):
                if column.name == element.name:
                    columns[number] = bind_clauses(session, column, element.extensions)
    return bind_clauses(session, evolve(relation, columns=tuple(columns)), statement.extensions)


def _add_column(session: CommandSession, draft: TableDraft, element: tree.ColumnDefinition) -> None:
    made = draft_column(session, element, number=len(draft.drafts) + 1, table=draft.name)
    draft.drafts.append(made)
    draft.constraints.extend((constraint, (element.name,)) for constraint in made.constraints)


def _check_keys(draft: TableDraft) -> None:
    """Check what keys name before anything else is looked at, as PostgreSQL does."""
    names = {item.column.name for item in draft.drafts}
    has_primary = False
    for written, columns in draft.constraints:
        if not isinstance(written, tree.PrimaryKeyConstraint | tree.UniqueConstraint):
            continue
        position = written.position or None
        if isinstance(written, tree.PrimaryKeyConstraint):
            if has_primary:
                raise InvalidTableDefinition(
                    f'multiple primary keys for table "{draft.name}" are not allowed', position=position
                )
            has_primary = True
        for place, name in enumerate(columns):
            if name not in names:
                raise UndefinedColumn(f'column "{name}" named in key does not exist', position=position)
            if name in columns[:place]:
                what = "primary key" if isinstance(written, tree.PrimaryKeyConstraint) else "unique"
                raise DuplicateColumn(f'column "{name}" appears twice in {what} constraint', position=position)


def _check_unique_names(draft: TableDraft) -> None:
    seen: set[str] = set()
    for item in draft.drafts:
        if item.column.name in seen:
            raise DuplicateColumn(f'column "{item.column.name}" specified more than once')
        seen.add(item.column.name)


def add_constraints(
    session: CommandSession,
    edit: CatalogEdit,
    relation: Relation,
    constraints: list[tuple[tree.Constraint, tuple[str, ...]]],
) -> Relation:
    """Add a new table's constraints in PostgreSQL's order: primary key, unique, checks, references."""
    for written, _ in constraints:
        if isinstance(written, tree.ExclusionConstraint):
            raise FeatureNotSupported("exclusion constraints are not supported", position=written.position or None)
        if isinstance(written, tree.PrimaryKeyConstraint | tree.UniqueConstraint) and written.index is not None:
            raise FeatureNotSupported("cannot use an existing index in CREATE TABLE", position=written.position or None)
    keys: list[tuple[tree.Constraint, tuple[str, ...]]] = [
        item for item in constraints if isinstance(item[0], tree.PrimaryKeyConstraint)
    ]
    keys += _without_repetition(keys, [item for item in constraints if isinstance(item[0], tree.UniqueConstraint)])
    for written, names in keys:
        assert isinstance(written, tree.PrimaryKeyConstraint | tree.UniqueConstraint)
        relation = add_key(session, edit, relation, written, names)
    for written, _ in constraints:
        if isinstance(written, tree.CheckConstraint):
            relation = add_check(session, edit, relation, evolve(written, not_valid=False))
    for written, names in constraints:
        if isinstance(written, tree.ForeignKeyConstraint):
            relation = add_foreign_key(session, edit, relation, evolve(written, not_valid=False), names)
    return relation


def _without_repetition(
    keys: list[tuple[tree.Constraint, tuple[str, ...]]], uniques: list[tuple[tree.Constraint, tuple[str, ...]]]
) -> list[tuple[tree.Constraint, tuple[str, ...]]]:
    """Leave out unnamed UNIQUE constraints on the columns of another key, as PostgreSQL does."""
    kept: list[tuple[tree.Constraint, tuple[str, ...]]] = []
    for written, names in uniques:
        same = [
            other
            for other, columns in (*keys, *kept)
            if columns == names and other.deferrable == written.deferrable and not _has_extras(other, written)
        ]
        if not same or written.name is not None:
            kept.append((written, names))
    return kept


def _has_extras(*constraints: tree.Constraint) -> bool:
    return any(getattr(item, "include", ()) or getattr(item, "nulls_not_distinct", False) for item in constraints)
