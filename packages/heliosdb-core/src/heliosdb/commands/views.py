"""CREATE VIEW, and what keeps a view's text true while the relations under it change.

A view is kept as SQL text. Two things make that text mean the same for ever, whatever PostgreSQL would keep by number:

* every ``*`` is written out, so that a column added to a table later does not appear in the view;
* a table's column that is renamed keeps its old name inside the view, by an alias: ``FROM t AS t(a, old_name)``. So
  does a table that is renamed: ``FROM new_name AS t``.

Which columns of which relations a view needs is taken from its bound plan and kept in ``Relation.dependencies``.

What a view reads at another snapshot (``t AS OF ...``) is named by the definitions there: no change of a relation of
here touches it, and it holds up none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import ColumnDefinition, Relation
from heliosdb.catalog.registrations import RowsRequest
from heliosdb.catalog.result import Result
from heliosdb.commands.binding import spelled_type
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.names import creation_schema, find_relation, is_temporary_schema
from heliosdb.commands.privileges import require_owner
from heliosdb.commands.trees import map_tables, replaced, walk
from heliosdb.errors import (
    DuplicateColumn,
    DuplicateTable,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidTableDefinition,
    SqlSyntaxError,
    WrongObjectType,
)
from heliosdb.plan.expressions import Column
from heliosdb.plan.nodes import OutputColumn, Scan, SnapshotRequest
from heliosdb.plan.rewrite import walk as walk_bound
from heliosdb.sql import statements as tree
from heliosdb.sql.binder.binder import Binder
from heliosdb.sql.binder.extensions import ClauseBinder
from heliosdb.sql.binder.scope import JoinItem, RangeItem
from heliosdb.sql.binder.write_target import why_not_updatable
from heliosdb.sql.deparse import query_text
from heliosdb.sql.parser import parse_one
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession
    from heliosdb.plan.nodes import BoundStatement

__all__ = [
    "execute_create_view",
    "forget_column",
    "hide_added_column",
    "rename_column_in_views",
    "rename_relation_in_views",
    "stored_query",
]


class StarBinder(Binder):
    """A binder that notes what each ``*`` stands for."""

    def __init__(self, session: CommandSession) -> None:
        super().__init__(session.bind_context())
        self.stars: dict[int, tuple[tree.Target, ...]] = {}

    def note_star(self, node: tree.Expression, items: Sequence[RangeItem]) -> None:
        """Note the columns of a star of the statement itself, not of a view inside it."""
        if not self.slots.suspended:
            self.stars[id(node)] = tuple(
                tree.Target(_reference(item, number)) for item in items for number in range(len(item.columns))
            )


def _reference(item: RangeItem, number: int) -> tree.ColumnRef:
    while isinstance(item, JoinItem):
        joined = item.joined[number]
        if joined.right is not None or not joined.left[0].relation_visible:
            return tree.ColumnRef((joined.name,))
        item, number = joined.left
    return tree.ColumnRef((item.name, item.columns[number].name))


def stored_query(session: CommandSession, query: tree.Query) -> tuple[tree.Query, BoundStatement]:
    """Return the query with every star written out, and the query bound."""
    binder = StarBinder(session)
    bound = binder.bind(query)

    def expanded(node: tree.Node) -> tree.Node:
        if not isinstance(node, tree.Select):
            return node
        targets: list[tree.Target] = []
        for target in node.targets:
            targets.extend(binder.stars.get(id(target.expression), (target,)))
        return (
            evolve(node, targets=tuple(targets))
            if len(targets) != len(node.targets) or any(new is not old for new, old in zip(targets, node.targets))
            else node
        )

    return replaced(query, expanded), bound


def dependencies_of(session: CommandSession, query: tree.Query, bound: BoundStatement) -> tuple[tuple[int, int], ...]:
    """Return the (relation OID, attribute number or 0) pairs that a query's own FROM items need."""
    named: set[int] = set()
    elsewhere = _read_elsewhere(session, query)

    def note(item: tree.RangeTable) -> tree.RangeTable:
        relation = None if id(item) in elsewhere else find_relation(session, item.name)
        if relation is not None:
            named.add(relation.oid)
        return item

    map_tables(query, note)
    found: set[tuple[int, int]] = {(oid, 0) for oid in named}
    scans: dict[int, int] = {}
    columns: set[tuple[int, int]] = set()
    for node in walk_bound(bound.plan):
        if isinstance(node, Scan) and node.snapshot is None and node.relation.oid in named:
            scans[node.source] = node.relation.oid
        elif isinstance(node, Column):
            columns.add((node.source, node.index))
        type_name = getattr(node, "type", None)
        if isinstance(type_name, str) and "#" in type_name:
            found.add((int(type_name.lstrip("_#")), 0))
    for source, index in columns:
        if source in scans and index >= 0:
            found.add((scans[source], index + 1))
    return tuple(sorted(found))


def _read_elsewhere(session: CommandSession, query: tree.Query) -> set[int]:
    """Return the ids of the FROM items that are read by the definitions of another snapshot than the statement's."""
    found: set[int] = set()
    of_now: set[int] = set()
    for node in walk(query):
        clauses = node.extensions if isinstance(node, tree.Query | tree.RangeTable) else ()
        requests = [_request(session, clause) for clause in clauses]
        if any(isinstance(request, SnapshotRequest) for request in requests):
            found.update(id(item) for item in walk(node) if isinstance(item, tree.RangeTable))
        elif any(isinstance(request, RowsRequest) for request in requests):
            of_now.update(id(item) for item in walk(node) if isinstance(item, tree.RangeTable))
    return found - of_now


def _request(session: CommandSession, clause: tree.Clause) -> SnapshotRequest | RowsRequest | None:
    """Return what a clause asks for that says when."""
    registration = session.registries.clauses.get(clause.name)
    if registration is None or registration.moment is None:
        return None
    context = ClauseBinder(Binder(session.bind_context()), clause)
    request: SnapshotRequest | RowsRequest = resolve_implementation(registration.moment)(context, clause.payload)
    return request


def execute_create_view(session: CommandSession, statement: tree.CreateView) -> Result:
    """Execute CREATE VIEW."""
    _refuse_unsupported(statement)
    written = _recursive(statement) if statement.recursive else statement.query
    query, bound = stored_query(session, written)
    assert bound.columns is not None
    dependencies = dependencies_of(session, written, bound)
    persistence: str = statement.persistence
    if persistence != "temporary" and statement.name.schema is None and _uses_temporary(session, dependencies):
        session.notice(f'view "{statement.name.name}" will be a temporary view')
        persistence = "temporary"
    schema, persistence = creation_schema(session, statement.name, persistence)
    columns = _columns(statement, bound.columns)
    edit = edit_of(session)
    name = statement.name.name
    old = session.catalog.lookup_relation(schema, name)
    if session.catalog.is_name_taken(schema, name) and not statement.replace:
        raise DuplicateTable(f'relation "{name}" already exists')
    if old is not None:
        if old.kind != "view":
            raise WrongObjectType(f'"{name}" is not a view')
        require_owner(session, old)
        lock_relation(session, old)
        edit = edit_of(session)
        _check_replacement(session, old, columns)
        columns = (
            tuple(
                evolve(new, comment=column.comment, default=column.default) for new, column in zip(columns, old.columns)
            )
            + columns[len(old.columns) :]
        )
        if any(oid == old.oid for oid, _ in dependencies):
            raise InvalidTableDefinition(f'infinite recursion detected in rules for relation "{name}"')
    elif session.catalog.is_name_taken(schema, name):
        raise WrongObjectType(f'"{name}" is not a view')
    relation = Relation(
        oid=session.database.next_oid() if old is None else old.oid,
        schema=schema,
        name=name,
        kind="view",
        columns=columns,
        owner=session.role if old is None else old.owner,
        persistence=persistence,
        query=_readable(session, query_text(query)),
        search_path=tuple(path for path in session.search_path),
        comment=None if old is None else old.comment,
        acl=None if old is None else old.acl,
        dependencies=dependencies,
        options=_check_option(session, statement, query),
    )
    edit.put(relation)
    apply(session, edit)
    return done("CREATE VIEW")


def _check_option(
    session: CommandSession, statement: tree.CreateView, query: tree.Query
) -> tuple[tuple[str, str], ...]:
    """Return WITH CHECK OPTION as an option of the view, which must be one that can be written through."""
    option: str | None = statement.check_option
    for given in statement.options:
        if given.name == "check_option":
            option = given.text
    if option is None:
        return ()
    reason = why_not_updatable(Binder(session.bind_context()), query)
    if reason is not None:
        raise FeatureNotSupported("WITH CHECK OPTION is supported only on automatically updatable views", hint=reason)
    return (("check_option", option),)


def _refuse_unsupported(statement: tree.CreateView) -> None:
    for option in statement.options:
        if option.name == "check_option":
            if option.text not in ("local", "cascaded"):
                raise InvalidParameterValue(
                    f'invalid value for enum option "check_option": {option.text}',
                    detail='Valid values are "local" and "cascaded".',
                )
            continue
        if option.name not in ("security_barrier", "security_invoker") or option.text not in (
            None,
            "false",
            "off",
            "0",
        ):
            raise FeatureNotSupported(f'view option "{option.name}" is not supported', position=option.position or None)
    if statement.persistence == "unlogged":
        raise SqlSyntaxError("views cannot be unlogged because they do not have storage")
    if isinstance(statement.query, tree.Select) and statement.query.into is not None:
        raise SqlSyntaxError("views must not contain SELECT INTO")
    for node in walk(statement.query):
        if isinstance(node, tree.Parameter):
            raise FeatureNotSupported("views must not contain parameters", position=node.position or None)
        if isinstance(node, tree.CommonTable) and not isinstance(node.query, tree.Query):
            raise FeatureNotSupported("views must not contain data-modifying statements in WITH")


def _recursive(statement: tree.CreateView) -> tree.Query:
    """Return ``WITH RECURSIVE name (columns) AS (query) SELECT columns FROM name``, what it stands for."""
    name = statement.name.name
    return tree.Select(
        tuple(tree.Target(tree.ColumnRef((column,))) for column in statement.columns),
        (tree.RangeTable(tree.QualifiedName((name,))),),
        with_clause=tree.With((tree.CommonTable(name, statement.columns, statement.query),), recursive=True),
    )


def _uses_temporary(session: CommandSession, dependencies: Sequence[tuple[int, int]]) -> bool:
    for oid, _ in dependencies:
        relation = session.catalog.relation_by_oid(oid)
        if relation is not None and is_temporary_schema(relation.schema):
            return True
    return False


def _columns(statement: tree.CreateView, outputs: Sequence[OutputColumn]) -> tuple[ColumnDefinition, ...]:
    if len(statement.columns) > len(outputs):
        raise SqlSyntaxError("CREATE VIEW specifies more column names than columns")
    names = [*statement.columns, *[output.name for output in outputs[len(statement.columns) :]]]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DuplicateColumn(f'column "{name}" specified more than once')
        seen.add(name)
    return tuple(
        ColumnDefinition(number=number, name=name, type=output.type, typmod=output.typmod, collation=output.collation)
        for number, (name, output) in enumerate(zip(names, outputs), 1)
    )


def _readable(session: CommandSession, text: str) -> str:
    """Return the text that a view is stored as; StatementTooComplex where nobody could read it again.

    It has more parentheses than what was written, and these may be nested too deeply.
    """
    parse_one(text, session.registries.grammar)
    return text


def _check_replacement(session: CommandSession, old: Relation, columns: Sequence[ColumnDefinition]) -> None:
    if len(columns) < len(old.columns):
        raise InvalidTableDefinition("cannot drop columns from view")
    for before, after in zip(old.columns, columns):
        if before.name != after.name:
            raise InvalidTableDefinition(
                f'cannot change name of view column "{before.name}" to "{after.name}"',
                hint="Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
            )
        if (before.type, before.typmod) != (after.type, after.typmod):
            raise InvalidTableDefinition(
                f'cannot change data type of view column "{before.name}" from '
                f"{spelled_type(session, before.type, before.typmod)} to "
                f"{spelled_type(session, after.type, after.typmod)}"
            )


# -- views over relations that change ------------------------------------------------------------------------------


def _change_items(
    session: CommandSession,
    edit: CatalogEdit,
    relation: Relation,
    change: Callable[[tree.RangeTable], tree.RangeTable],
    only: Relation | None = None,
) -> None:
    """Apply a change to the places where views, or one of them, name a relation in FROM."""
    for view in list(edit.relations()) if only is None else [only]:
        if view.query is None or not any(oid == relation.oid for oid, _ in view.dependencies):
            continue
        query = parse_one(view.query, session.registries.grammar)
        assert isinstance(query, tree.Query)
        elsewhere = _read_elsewhere(session, query)

        def changed(
            node: tree.RangeTable, path: tuple[str, ...] = view.search_path, elsewhere: set[int] = elsewhere
        ) -> tree.RangeTable:
            if id(node) in elsewhere:
                return node
            found = session.catalog.lookup_relation(node.name.schema, node.name.name, path)
            return change(node) if found is not None and found.oid == relation.oid else node

        edit.put(evolve(view, query=query_text(map_tables(query, changed))))


def rename_column_in_views(
    session: CommandSession, edit: CatalogEdit, relation: Relation, column: ColumnDefinition, new_name: str
) -> None:
    """Let views over a relation go on calling a column by its old name."""
    live = [other for other in relation.columns if not other.dropped]
    place = next(number for number, other in enumerate(live) if other.number == column.number)

    def with_alias(item: tree.RangeTable) -> tree.RangeTable:
        alias = item.alias or tree.Alias(item.name.name)
        if len(alias.columns) > place:
            return item
        names = (*alias.columns, *[other.name for other in live[len(alias.columns) : place + 1]])
        return evolve(item, alias=evolve(alias, columns=names))

    _change_items(session, edit, relation, with_alias)


def rename_relation_in_views(
    session: CommandSession, edit: CatalogEdit, relation: Relation, schema: str, name: str
) -> None:
    """Let views over a relation name it as it is called now, and go on calling it by its old name inside."""

    def renamed(item: tree.RangeTable) -> tree.RangeTable:
        alias = item.alias or tree.Alias(item.name.name)
        if alias.name == name and not alias.columns:
            return evolve(item, name=tree.QualifiedName((schema, name)), alias=None)
        return evolve(item, name=tree.QualifiedName((schema, name)), alias=alias)

    _change_items(session, edit, relation, renamed)


def hide_added_column(session: CommandSession, edit: CatalogEdit, relation: Relation, name: str) -> None:
    """Keep a column that is about to be added out of views in which its name means something else already.

    There the relation's columns are listed in its alias, the new one under a name that nothing uses.
    """
    live = [column.name for column in relation.columns if not column.dropped]

    for view in list(edit.relations()):
        if view.query is None or not any(oid == relation.oid for oid, _ in view.dependencies):
            continue
        query = parse_one(view.query, session.registries.grammar)
        assert query is not None
        used, is_natural = _names_used(query)
        if name not in used and not is_natural:
            continue

        def hidden(item: tree.RangeTable, used: set[str] = used) -> tree.RangeTable:
            alias = item.alias or tree.Alias(item.name.name)
            known = (*alias.columns, *live[len(alias.columns) :])
            number = 1
            while f"{name}_{number}" in used or f"{name}_{number}" in known:
                number += 1
            return evolve(item, alias=evolve(alias, columns=(*known, f"{name}_{number}")))

        _change_items(session, edit, relation, hidden, view)


def _names_used(query: tree.Node) -> tuple[set[str], bool]:
    """Return the column names that a query uses without saying whose, and whether it has a natural join."""
    used: set[str] = set()
    is_natural = False
    for node in walk(query):
        if isinstance(node, tree.ColumnRef) and len(node.parts) == 1:
            used.add(node.parts[0])
        elif isinstance(node, tree.Join):
            used.update(node.using)
            is_natural = is_natural or node.natural
        elif isinstance(node, tree.RangeTable) and node.alias is not None:
            used.update(node.alias.columns)
    return used, is_natural


def forget_column(session: CommandSession, edit: CatalogEdit, relation: Relation, column: ColumnDefinition) -> None:
    """Take a column that is dropped out of the alias lists of views, which count columns."""
    live = [other for other in relation.columns if not other.dropped]
    place = next(number for number, other in enumerate(live) if other.number == column.number)

    def shortened(item: tree.RangeTable) -> tree.RangeTable:
        if item.alias is None or len(item.alias.columns) <= place:
            return item
        columns = item.alias.columns[:place] + item.alias.columns[place + 1 :]
        return evolve(item, alias=evolve(item.alias, columns=columns))

    _change_items(session, edit, relation, shortened)
