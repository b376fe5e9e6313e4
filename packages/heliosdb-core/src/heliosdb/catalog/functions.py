"""Functions over the catalog: what tools ask about types, definitions, comments, visibility, privileges and sizes."""

from __future__ import annotations

from typing import Any

from heliosdb.catalog.definitions import DataType, Relation
from heliosdb.catalog.storage import NAMES_RELATION, OBJECTS_RELATION
from heliosdb.catalog.types import is_of_catalog
from heliosdb.catalog.views.locks import pg_blocking_pids
from heliosdb.catalog.views.relations import rule_oid
from heliosdb.catalog.views.support import describe, function_oid, owner_name, schema_oid, system_relations
from heliosdb.errors import InvalidCatalogName, InvalidParameterValue, UndefinedColumn, UndefinedObject, UndefinedTable
from heliosdb.types.definitions import Implementation, ScalarFunction, Volatility
from heliosdb.types.identifiers import parse_identifiers, quote_identifier

__all__ = ["FUNCTIONS", "relation_oid", "stable"]


def pg_get_expr(text: str, relation: int, session: Any) -> str:
    """Return a stored expression; the views show it as text already."""
    return text


def pg_get_expr_pretty(text: str, relation: int, pretty: bool, session: Any) -> str:
    """Return a stored expression, on demand without the parentheses that nobody needs."""
    shown: str = describe("pretty_expression")(session, text) if pretty else text
    return shown


def _constraint(oid: int, session: Any) -> tuple[Relation, Any] | None:
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            if constraint.oid == oid:
                return relation, constraint
    return None


def pg_get_constraintdef(oid: int, session: Any) -> str | None:
    """Return a constraint as ADD CONSTRAINT writes it."""
    return pg_get_constraintdef_pretty(oid, False, session)


def pg_get_constraintdef_pretty(oid: int, pretty: bool, session: Any) -> str | None:
    """Return a constraint as ADD CONSTRAINT writes it."""
    found = _constraint(oid, session)
    text: str | None = None
    if found is not None:
        text = describe("constraint_definition")(session, *found, pretty=pretty)
        return text
    for kind in session.catalog.types():
        for check in kind.checks:
            if check.oid == oid:
                text = describe("domain_check_definition")(session, kind, check, pretty=pretty)
    return text


def pg_get_indexdef(oid: int, session: Any) -> str | None:
    """Return an index as CREATE INDEX."""
    return pg_get_indexdef_column(oid, 0, False, session)


def pg_get_indexdef_column(oid: int, column: int, pretty: bool, session: Any) -> str | None:
    """Return one key of an index, or with 0 the whole."""
    found = session.catalog.index_by_oid(oid)
    if found is None:
        return None
    relation, index = found
    text: str
    if column == 0:
        text = describe("index_definition")(session, relation, index, pretty=pretty)
        return text
    if column <= len(index.keys):
        text = describe("index_key")(session, relation, index.keys[column - 1], bare=True, pretty=pretty)
        return text
    included = index.include[column - len(index.keys) - 1 : column - len(index.keys)]
    return quote_identifier(relation.columns[included[0] - 1].name) if included else ""


def pg_get_viewdef(oid: int, session: Any) -> str | None:
    """Return a view's query."""
    return pg_get_viewdef_pretty(oid, False, session)


def pg_get_viewdef_pretty(oid: int, pretty: bool, session: Any) -> str | None:
    """Return a view's query."""
    found = session.catalog.relation_by_oid(oid)
    if found is None or found.kind != "view":
        return None
    text: str | None = describe("view_definition")(session, found, pretty=pretty)
    return text


def pg_get_viewdef_wrapped(oid: int, column: int, session: Any) -> str | None:
    """Return a view's query; lines are never wrapped at a column."""
    return pg_get_viewdef_pretty(oid, True, session)


def pg_get_viewdef_named_pretty(name: str, pretty: bool, session: Any) -> str | None:
    """Return a view's query."""
    return pg_get_viewdef_pretty(relation_oid(name, session), pretty, session)


def pg_get_viewdef_named(name: str, session: Any) -> str | None:
    """Return a view's query."""
    return pg_get_viewdef(relation_oid(name, session), session)


def pg_get_ruledef(oid: int, session: Any) -> str | None:
    """Return a rule as CREATE RULE: there are none but those of views."""
    return pg_get_ruledef_pretty(oid, False, session)


def pg_get_ruledef_pretty(oid: int, pretty: bool, session: Any) -> str | None:
    """Return a rule as CREATE RULE."""
    for relation in session.catalog.relations():
        if relation.kind == "view" and rule_oid(relation) == oid:
            seen = pretty and pg_table_is_visible(relation.oid, session)
            schema = "" if seen else f"{quote_identifier(relation.schema)}."
            query = describe("view_definition")(session, relation, pretty=pretty)
            name = f"{schema}{quote_identifier(relation.name)}"
            return f'CREATE RULE "_RETURN" AS\n    ON SELECT TO {name} DO INSTEAD {query}'
    return None


def pg_get_nothing(oid: int, session: Any) -> None:
    """Return NULL: what it would describe there is none of (extended statistics, functions with an SQL body)."""


def pg_relation_is_publishable(relation: int, session: Any) -> bool:
    """Return whether a relation could be of a publication: none can, for there are none."""
    return False


def pg_get_userbyid(oid: int, session: Any) -> str:
    """Return a role's name."""
    return owner_name(session, oid)


def relation_oid(name: str, session: Any) -> int:
    oid: int | None = session.relation_oid(name)
    if oid is None:
        raise UndefinedTable(f'relation "{".".join(parse_identifiers(name))}" does not exist')
    return oid


def pg_get_serial_sequence(table: str, column: str, session: Any) -> str | None:
    """Return the sequence that a column owns, as text that nextval takes."""
    relation = session.catalog.relation_by_oid(relation_oid(table, session))
    found = None if relation is None else relation.column(column)
    if relation is None or found is None:
        raise UndefinedColumn(f'column "{column}" of relation "{table}" does not exist')
    for sequence in session.catalog.sequences():
        if sequence.sequence.owned_by == (relation.oid, found.number):
            return f"{quote_identifier(sequence.schema)}.{quote_identifier(sequence.name)}"
    return None


def pg_table_is_visible(oid: int, session: Any) -> bool | None:
    """Return whether search_path finds a relation by its name alone."""
    catalog = session.catalog
    found: Any = catalog.relation_by_oid(oid)
    if found is None and (entry := catalog.index_by_oid(oid)) is not None:
        found = entry[1]
    if found is None and is_composite(made := catalog.object_by_oid(oid)):
        found = made
    if found is None:
        schemas = (view.schema for number, view in system_relations(session) if number == oid)
        return next((schema in session.search_path for schema in schemas), None)
    for schema in session.search_path:
        # A composite type is a relation without rows: the names are of one namespace.
        if catalog.is_name_taken(schema, found.name) or is_composite(catalog.lookup_type(schema, found.name)):
            return bool(schema == found.schema)
    return False


def is_composite(found: Any) -> bool:
    """Return whether an object of the catalog is a composite type."""
    return isinstance(found, DataType) and found.kind == "composite"


def pg_type_is_visible(oid: int, session: Any) -> bool | None:
    """Return whether search_path finds a type by its name alone, an array by its elements'. What is built in, and
    what plugins bring, is found in every path.
    """
    types = session.types
    try:
        found = types.by_oid(oid)
    except UndefinedObject:
        return None
    name = found.element if found.kind == "array" else found.name
    return not is_of_catalog(name) or types.resolve((types.sql_name(name),)) is types.find(name)


def pg_function_is_visible(oid: int, session: Any) -> bool | None:
    """Return whether search_path finds a function by its name alone."""
    return True


def _visible(view: str, schema_position: int) -> Implementation:
    """Return the function that says whether search_path finds an object of a catalog view by its name alone."""

    def is_visible(oid: int, session: Any) -> bool | None:
        schemas = {schema_oid(session, name) for name in (*session.search_path, "pg_catalog")}
        for row in session.registries.catalog_views["pg_catalog", view].rows(session):
            if row[0] == oid:
                return row[schema_position] in schemas
        return None

    return is_visible


def obj_description(oid: int, session: Any) -> str | None:
    """Return an object's comment."""
    catalog = session.catalog
    found: Any = catalog.object_by_oid(oid)
    if found is None:
        entry = catalog.index_by_oid(oid) or _constraint(oid, session)
        found = None if entry is None else entry[1]
    comment: str | None = getattr(found, "comment", None)
    return comment


def obj_description_in(oid: int, catalog_name: str, session: Any) -> str | None:
    """Return an object's comment; the second argument says in which catalog the object is."""
    return obj_description(oid, session)


def col_description(oid: int, number: int, session: Any) -> str | None:
    """Return a column's comment."""
    relation = session.catalog.relation_by_oid(oid)
    if relation is None or not 1 <= number <= len(relation.columns):
        return None
    comment: str | None = relation.columns[number - 1].comment
    return comment


def heliosdb_stored_form(oid: int, number: int, session: Any) -> str | None:
    """Return how SQL writes the form in which a column is stored, NULL where that is its values."""
    relation = session.catalog.relation_by_oid(oid)
    if relation is None or not 1 <= number <= len(relation.columns):
        return None
    form = relation.columns[number - 1].form
    return None if form is None else str(form.text)


def shobj_description(oid: int, catalog_name: str, session: Any) -> str | None:
    """Return a shared object's comment: a role's."""
    found = session.catalog.role_by_oid(oid) if catalog_name == "pg_authid" else None
    return None if found is None else found.comment


# -- sizes ---------------------------------------------------------------------------------------------------------


def _indexes_size(session: Any, relation: Relation) -> int:
    stored = session.transaction.relation(relation.oid)
    return sum(index.method.size_bytes() for index in stored.indexes.values())


def _rows_size(session: Any, relation: Relation) -> int:
    return _stored_size(session, relation.oid)


def _stored_size(session: Any, oid: int) -> int:
    """Return about the memory that a relation's rows take: a sample of them, times their number."""
    view = session.transaction.view(oid)
    count = view.estimated_rows()
    for block in view.row_blocks():
        sample = block[:100]
        if sample:
            from sys import getsizeof

            size = sum(getsizeof(row) + sum(map(getsizeof, row)) for row in sample)
            return int(size * count // len(sample))
    return 0


def pg_relation_size(oid: int, session: Any) -> int | None:
    """Return the bytes of a table's rows, or of an index."""
    relation = session.catalog.relation_by_oid(oid)
    if relation is not None:
        return _rows_size(session, relation) if relation.kind == "table" else 0
    entry = session.catalog.index_by_oid(oid)
    if entry is None:
        return None
    index = session.transaction.relation(entry[0].oid).indexes.get(oid)
    return 0 if index is None else int(index.method.size_bytes())


def pg_relation_size_fork(oid: int, fork: str, session: Any) -> int | None:
    """Return the bytes of a relation's main fork; others do not exist."""
    if fork not in ("main", "fsm", "vm", "init"):
        raise InvalidParameterValue("invalid fork name", hint='Valid fork names are "main", "fsm", "vm", and "init".')
    return pg_relation_size(oid, session) if fork == "main" else 0


def pg_table_size(oid: int, session: Any) -> int | None:
    """Return the bytes of a table without its indexes."""
    return pg_relation_size(oid, session)


def pg_indexes_size(oid: int, session: Any) -> int | None:
    """Return the bytes of a table's indexes."""
    relation = session.catalog.relation_by_oid(oid)
    return None if relation is None else _indexes_size(session, relation)


def pg_total_relation_size(oid: int, session: Any) -> int | None:
    """Return the bytes of a table with its indexes."""
    relation = session.catalog.relation_by_oid(oid)
    if relation is None:
        return pg_relation_size(oid, session)
    return _rows_size(session, relation) + _indexes_size(session, relation)


def pg_database_size(name: str, session: Any) -> int:
    """Return the bytes of the database."""
    if name != session.database.name:
        raise InvalidCatalogName(f'database "{name}" does not exist')
    everything = sum(pg_total_relation_size(relation.oid, session) or 0 for relation in session.catalog.relations())
    return everything + sum(_stored_size(session, oid) for oid in (OBJECTS_RELATION, NAMES_RELATION))


def pg_database_size_oid(oid: int, session: Any) -> int:
    """Return the bytes of the database."""
    return pg_database_size(session.database.name, session)


# -- routines ------------------------------------------------------------------------------------------------------


def _function(oid: int, session: Any) -> Any:
    for functions in session.registries.functions.values():
        for function in functions:
            if function_oid(function.name, function.arguments) == oid:
                return function
    return None


def pg_get_function_arguments(oid: int, session: Any) -> str | None:
    """Return a function's arguments as CREATE FUNCTION writes them."""
    function = _function(oid, session)
    if function is None:
        return None
    names = getattr(function, "argument_names", ())
    parts = []
    for number, argument in enumerate(function.arguments):
        spelled = session.types.format(argument)
        parts.append(f"{names[number]} {spelled}" if number < len(names) and names[number] else spelled)
    return ", ".join(parts)


def pg_get_function_result(oid: int, session: Any) -> str | None:
    """Return a function's result type."""
    function = _function(oid, session)
    spelled: str | None = None if function is None else session.types.format(function.returns)
    return spelled


def stable(
    name: str, arguments: tuple[str, ...], returns: str, implementation: Implementation, *, strict: bool = True
) -> ScalarFunction:
    return ScalarFunction(
        name, arguments, returns, implementation, strict=strict, volatility=Volatility.STABLE, needs_session=True
    )


FUNCTIONS = (
    stable("pg_get_expr", ("text", "oid"), "text", pg_get_expr),
    stable("pg_get_expr", ("text", "oid", "bool"), "text", pg_get_expr_pretty),
    stable("pg_get_constraintdef", ("oid",), "text", pg_get_constraintdef),
    stable("pg_get_constraintdef", ("oid", "bool"), "text", pg_get_constraintdef_pretty),
    stable("pg_get_indexdef", ("oid",), "text", pg_get_indexdef),
    stable("pg_get_indexdef", ("oid", "int4", "bool"), "text", pg_get_indexdef_column),
    stable("pg_get_viewdef", ("oid",), "text", pg_get_viewdef),
    stable("pg_get_viewdef", ("oid", "bool"), "text", pg_get_viewdef_pretty),
    stable("pg_get_viewdef", ("oid", "int4"), "text", pg_get_viewdef_wrapped),
    stable("pg_get_viewdef", ("text",), "text", pg_get_viewdef_named),
    stable("pg_get_viewdef", ("text", "bool"), "text", pg_get_viewdef_named_pretty),
    stable("pg_get_ruledef", ("oid",), "text", pg_get_ruledef),
    stable("pg_get_ruledef", ("oid", "bool"), "text", pg_get_ruledef_pretty),
    stable("pg_get_userbyid", ("oid",), "name", pg_get_userbyid),
    stable("pg_relation_is_publishable", ("regclass",), "bool", pg_relation_is_publishable),
    stable("pg_get_statisticsobjdef_columns", ("oid",), "text", pg_get_nothing),
    stable("pg_get_function_sqlbody", ("oid",), "text", pg_get_nothing),
    ScalarFunction(
        "pg_blocking_pids", ("int4",), "_int4", pg_blocking_pids, volatility=Volatility.VOLATILE, needs_session=True
    ),
    stable("pg_get_serial_sequence", ("text", "text"), "text", pg_get_serial_sequence),
    stable("pg_table_is_visible", ("oid",), "bool", pg_table_is_visible),
    stable("pg_type_is_visible", ("oid",), "bool", pg_type_is_visible),
    stable("pg_function_is_visible", ("oid",), "bool", pg_function_is_visible),
    stable("pg_collation_is_visible", ("oid",), "bool", _visible("pg_collation", 2)),
    stable("pg_operator_is_visible", ("oid",), "bool", _visible("pg_operator", 2)),
    stable("pg_opclass_is_visible", ("oid",), "bool", _visible("pg_opclass", 3)),
    stable("pg_opfamily_is_visible", ("oid",), "bool", _visible("pg_opfamily", 3)),
    stable("obj_description", ("oid",), "text", obj_description),
    stable("obj_description", ("oid", "name"), "text", obj_description_in),
    stable("col_description", ("oid", "int4"), "text", col_description),
    stable("heliosdb_stored_form", ("oid", "int4"), "text", heliosdb_stored_form),
    stable("shobj_description", ("oid", "name"), "text", shobj_description),
    stable("pg_relation_size", ("regclass",), "int8", pg_relation_size),
    stable("pg_relation_size", ("regclass", "text"), "int8", pg_relation_size_fork),
    stable("pg_table_size", ("regclass",), "int8", pg_table_size),
    stable("pg_indexes_size", ("regclass",), "int8", pg_indexes_size),
    stable("pg_total_relation_size", ("regclass",), "int8", pg_total_relation_size),
    stable("pg_database_size", ("name",), "int8", pg_database_size),
    stable("pg_database_size", ("oid",), "int8", pg_database_size_oid),
    stable("pg_get_function_arguments", ("oid",), "text", pg_get_function_arguments),
    stable("pg_get_function_identity_arguments", ("oid",), "text", pg_get_function_arguments),
    stable("pg_get_function_result", ("oid",), "text", pg_get_function_result),
)
