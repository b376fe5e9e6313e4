"""CREATE INDEX: keys that are columns or expressions, the method and its options, and the name where none is given
(indexcmds.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import Index, IndexKey, Relation
from heliosdb.catalog.result import Result
from heliosdb.codegen.index_keys import operator_class_of
from heliosdb.commands.binding import (
    bind_condition,
    bind_expression,
    check_constants,
    check_contents,
    is_immutable,
    not_immutable,
)
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.forms import refuse_values, require_equality
from heliosdb.commands.index_specs import key_type
from heliosdb.commands.names import check_tablespace, relation_named
from heliosdb.commands.naming import choose_relation_name, index_name_parts
from heliosdb.commands.privileges import require_owner
from heliosdb.commands.storage_parameters import not_accepted
from heliosdb.errors import (
    DatatypeMismatch,
    DuplicateTable,
    FeatureNotSupported,
    InvalidParameterValue,
    TooManyColumns,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import expression_text

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_create_index", "index_definition"]

MAX_KEYS = 32


def execute_create_index(session: CommandSession, statement: tree.CreateIndex) -> Result:
    """Execute CREATE INDEX."""
    check_tablespace(statement.tablespace)
    relation = relation_named(session, statement.table)
    require_owner(session, relation)
    if relation.kind not in ("table", "materialized view"):
        raise WrongObjectType(
            f'cannot create index on relation "{relation.name}"',
            detail=f"This operation is not supported for {relation.kind}s.",
        )
    lock_relation(session, relation, "share", action="CREATE INDEX")
    # Who waited for the lock looks at the table again: it may have changed meanwhile.
    edit = edit_of(session)
    relation = edit.existing(relation.oid)
    index = index_definition(session, edit, relation, statement)
    name = statement.name
    if name is not None and session.catalog.is_name_taken(relation.schema, name):
        if not statement.if_not_exists:
            raise DuplicateTable(f'relation "{name}" already exists')
        session.notice(f'relation "{name}" already exists, skipping', sqlstate="42P07")
        return done("CREATE INDEX")
    edit.put(evolve(relation, indexes=(*relation.indexes, index)))
    apply(session, edit)
    return done("CREATE INDEX")


def access_method(session: CommandSession, name: str) -> Any:
    """Return a registered access method by name."""
    found = session.registries.access_methods.get(name)
    if found is None:
        raise UndefinedObject(f'access method "{name}" does not exist')
    return found


def index_definition(
    session: CommandSession, edit: CatalogEdit, relation: Relation, statement: tree.CreateIndex
) -> Index:
    """Return the definition of a new index on a relation."""
    method_name = statement.method or "btree"
    method = access_method(session, method_name)
    if statement.unique and not getattr(method, "unique", False):
        raise FeatureNotSupported(f'access method "{method_name}" does not support unique indexes')
    if len(statement.elements) + len(statement.include) > MAX_KEYS:
        raise TooManyColumns(f"cannot use more than {MAX_KEYS} columns in an index")
    if statement.include and method_name != "btree":
        raise FeatureNotSupported(f'access method "{method_name}" does not support included columns')
    if len(statement.elements) > 1 and not getattr(method, "many_columns", method_name == "btree"):
        raise FeatureNotSupported(f'access method "{method_name}" does not support multicolumn indexes')
    predicate = _predicate(session, relation, statement.where)
    for element in statement.elements:
        # Expressions are looked at before plain columns are.
        if element.expression is not None:
            check_contents(session, element.expression, "index expression", "index expressions")
            bind_expression(session, element.expression, relation.columns, relation.name)
    ordered = getattr(method, "ordered", True)
    keys = tuple(_key(session, relation, element, method_name, ordered=ordered) for element in statement.elements)
    name = statement.name or choose_relation_name(
        edit, relation.schema, relation.name, index_name_parts([*statement.elements, *statement.include]), "idx"
    )
    options = method_options(method, statement.options)
    settle = getattr(method, "settle", None)
    if settle is not None:
        classes = tuple(
            operator_class_of(key_type(relation, key), key, method_name, session.registries).name for key in keys
        )
        options = tuple(settle(dict(options), classes, session.database.attached).items())
    index = Index(
        oid=session.database.next_oid(),
        schema=relation.schema,
        name=name,
        relation=relation.oid,
        method=method_name,
        keys=keys,
        include=tuple(_included(relation, element) for element in statement.include),
        unique=statement.unique,
        nulls_not_distinct=statement.nulls_not_distinct,
        predicate=predicate,
        options=options,
        owner_package=session.registries.package_of("access_methods", method_name),
    )
    from heliosdb.commands.clauses import bind_clauses

    return bind_clauses(session, index, statement.extensions)


def method_options(method: Any, options: Sequence[tree.Option]) -> tuple[tuple[str, Any], ...]:
    """Return the options of WITH (...) as the access method reads them; unknown ones are errors."""
    parsers = getattr(method, "options", {})
    found: dict[str, Any] = {}
    for option in options:
        parser = parsers.get(option.name) if option.namespace is None else None
        if parser is None:
            raise not_accepted("index", option.name)
        if option.name in found:
            raise InvalidParameterValue(f'parameter "{option.name}" specified more than once')
        try:
            found[option.name] = parser(option.text)
        except ValueError:
            raise InvalidParameterValue(f'invalid value for option "{option.name}": {option.text}') from None
    return tuple(found.items())


def _included(relation: Relation, element: tree.IndexElement) -> int:
    position = element.position or None
    if element.name is None:
        raise FeatureNotSupported("expressions are not supported in included columns", position=position)
    if element.collation or element.operator_class or element.direction or element.nulls:
        raise FeatureNotSupported("including column does not support ASC/DESC, NULLS, collation or operator class")
    return _column(relation, element.name, position)


def _column(relation: Relation, name: str, position: int | None) -> int:
    column = relation.column(name)
    if column is None:
        raise UndefinedColumn(f'column "{name}" does not exist')
    return column.number


def _key(
    session: CommandSession, relation: Relation, element: tree.IndexElement, method: str, *, ordered: bool
) -> IndexKey:
    position = element.position or None
    if not ordered and element.direction is not None:
        raise FeatureNotSupported(f'access method "{method}" does not support ASC/DESC options')
    if not ordered and element.nulls is not None:
        raise FeatureNotSupported(f'access method "{method}" does not support NULLS FIRST/LAST options')
    if element.operator_class_options:
        raise FeatureNotSupported("operator class parameters are not supported", position=position)
    expression = element.expression
    if isinstance(expression, tree.ColumnRef) and len(expression.parts) == 1 and not expression.star:
        element = evolve(element, name=expression.parts[0], expression=None)
        expression = None
    text = None
    number: int | None = None
    if element.name is not None:
        number = _column(relation, element.name, position)
        require_equality(session, relation.columns[number - 1], method)
        type_name = relation.columns[number - 1].stored_type
    else:
        assert expression is not None
        check_contents(session, expression, "index expression", "index expressions")
        bound = bind_expression(session, expression, relation.columns, relation.name)
        check_constants(session, bound)
        refuse_values(bound, "an index expression")
        if not is_immutable(bound):
            raise not_immutable("index expression")
        type_name = "text" if bound.type == "unknown" else bound.type
        text = expression_text(expression)
    descending = element.direction == "desc"
    key = IndexKey(
        column=number,
        expression=text,
        type=type_name,
        operator_class=_operator_class(session, element, method, type_name),
        collation=_collation(session, element, type_name),
        descending=descending,
        nulls_first=descending if element.nulls is None else element.nulls == "first",
    )
    operator_class_of(type_name, key, method, session.registries)
    return key


def _operator_class(session: CommandSession, element: tree.IndexElement, method: str, type_name: str) -> str | None:
    if not element.operator_class:
        return None
    name = element.operator_class[-1]
    known = session.registries.operator_classes
    if any(class_.name == name for class_ in known.get((method, type_name), ())):
        return name
    for (other_method, _), classes in known.items():
        if other_method == method and any(class_.name == name for class_ in classes):
            display = session.registries.types.by_name(type_name).display
            raise DatatypeMismatch(f'operator class "{name}" does not accept data type {display}')
    raise UndefinedObject(f'operator class "{name}" does not exist for access method "{method}"')


def _collation(session: CommandSession, element: tree.IndexElement, type_name: str) -> str | None:
    if not element.collation:
        return None
    name = element.collation[-1]
    if name not in session.registries.collations:
        raise UndefinedObject(f'collation "{name}" for encoding "UTF8" does not exist')
    found = session.registries.types.by_name(type_name)
    if found.kind not in ("domain", "array") and not found.collatable:
        raise DatatypeMismatch(f"collations are not supported by type {found.display}")
    return name


def _predicate(session: CommandSession, relation: Relation, where: tree.Expression | None) -> str | None:
    if where is None:
        return None
    check_contents(session, where, "index predicate", "index predicates")
    bound = bind_condition(session, where, relation.columns, relation.name, "WHERE")
    check_constants(session, bound)
    refuse_values(bound, "an index predicate")
    if not is_immutable(bound):
        raise not_immutable("index predicate")
    return expression_text(where)
