"""information_schema: the standard's views of tables, columns, constraints, sequences and routines (ISO 9075-11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb.catalog.access import NAMES, PUBLIC, access_list
from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Relation
from heliosdb.catalog.roles import has_privileges_of
from heliosdb.catalog.views.columns import INFORMATION_SCHEMA
from heliosdb.catalog.views.support import (
    describe,
    function_oid,
    information_schema_view,
    live_columns,
    no_rows,
    owner_name,
    row_maker,
    schema_oid,
    system_relations,
)
from heliosdb.types.definitions import Aggregate, ScalarFunction, TableFunction, Type, WindowFunction

__all__ = ["CATALOG_VIEWS"]

Row = tuple[Any, ...]

INTEGERS = {"int2": 16, "int4": 32, "int8": 64}
FLOATS = {"float4": 24, "float8": 53}
TIMES = ("time", "timetz", "timestamp", "timestamptz")
TABLE_TYPES = {"table": "BASE TABLE", "view": "VIEW"}
CONSTRAINT_TYPES = {"check": "CHECK", "foreign key": "FOREIGN KEY", "primary key": "PRIMARY KEY", "unique": "UNIQUE"}
MATCHES = {"simple": "NONE", "full": "FULL", "partial": "PARTIAL"}
UNLIMITED_OCTETS = 1 << 30
PRIVILEGES = ("INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

_column_row = row_maker(INFORMATION_SCHEMA["columns"])
_table_row = row_maker(INFORMATION_SCHEMA["tables"])
_routine_row = row_maker(INFORMATION_SCHEMA["routines"])
_parameter_row = row_maker(INFORMATION_SCHEMA["parameters"])


def yes(value: bool) -> str:
    """Return the standard's way to say yes or no."""
    return "YES" if value else "NO"


def tables_and_views(session: Any) -> Iterator[Relation]:
    """Yield relations that have columns of their own."""
    for relation in session.catalog.relations():
        if relation.kind in TABLE_TYPES:
            yield relation


def is_updatable(session: Any, relation: Relation) -> bool:
    """Return whether rows can be inserted into, changed in and deleted from a relation."""
    if relation.kind == "view":
        return bool(describe("is_updatable_view")(session, relation))
    return relation.kind == "table"


def schemata(session: Any) -> Iterator[Row]:
    """Schemas."""
    for name in session.catalog.schemas():
        yield (
            session.database.name,
            name,
            owner_name(session, session.catalog.schema(name).owner),
            None,
            None,
            None,
            None,
        )


def tables(session: Any) -> Iterator[Row]:
    """Tables and views."""
    for relation in tables_and_views(session):
        temporary = relation.persistence == "temporary" and relation.kind == "table"
        yield _table_row(
            table_catalog=session.database.name,
            table_schema=relation.schema,
            table_name=relation.name,
            table_type="LOCAL TEMPORARY" if temporary else TABLE_TYPES[relation.kind],
            is_insertable_into=yes(is_updatable(session, relation)),
            is_typed="NO",
        )
    for _, view in system_relations(session):
        yield _table_row(
            table_catalog=session.database.name,
            table_schema=view.schema,
            table_name=view.name,
            table_type="VIEW",
            is_insertable_into="NO",
            is_typed="NO",
        )


def type_facts(session: Any, type_: Type, typmod: int) -> dict[str, Any]:
    """Return what the standard wants to know of a type: name, lengths, precisions."""
    types = session.types
    domain = types.definition(type_.name)
    if domain is not None and domain.kind == "domain":
        below = type_facts(session, types.by_name(domain.base), domain.typmod)
        return below | {
            "domain_catalog": session.database.name, "domain_schema": domain.schema, "domain_name": domain.name,
        }  # fmt: skip
    is_array = type_.kind == "array"
    name = "ARRAY" if is_array else types.format(type_.name) if type_.schema == "pg_catalog" else "USER-DEFINED"
    facts: dict[str, Any] = {
        "data_type": name,
        "udt_catalog": session.database.name,
        "udt_schema": type_.schema,
        "udt_name": types.sql_name(type_.name),
    }
    kind = type_.name
    if kind in ("varchar", "bpchar", "text"):
        length = typmod - 4 if typmod >= 4 and kind != "text" else None
        facts["character_maximum_length"] = length
        facts["character_octet_length"] = UNLIMITED_OCTETS if length is None else length * 4
    elif kind in ("bit", "varbit") and typmod >= 0:
        facts["character_maximum_length"] = typmod
    elif kind in INTEGERS:
        facts |= {"numeric_precision": INTEGERS[kind], "numeric_precision_radix": 2, "numeric_scale": 0}
    elif kind in FLOATS:
        facts |= {"numeric_precision": FLOATS[kind], "numeric_precision_radix": 2}
    elif kind == "numeric":
        facts["numeric_precision_radix"] = 10
        if typmod >= 4:
            facts["numeric_precision"] = (typmod - 4) >> 16 & 0xFFFF
            facts["numeric_scale"] = (typmod - 4) & 0x7FF
    elif kind == "date":
        facts["datetime_precision"] = 0
    elif kind in TIMES:
        facts["datetime_precision"] = 6 if typmod < 0 else typmod
    elif kind == "interval":
        precision = 6 if typmod < 0 or typmod & 0xFFFF == 0xFFFF else typmod & 0xFFFF
        facts["datetime_precision"] = precision
    return facts


def columns(session: Any) -> Iterator[Row]:
    """Columns of tables and views."""
    identities = {
        relation.sequence.owned_by: relation.sequence
        for relation in session.catalog.sequences()
        if relation.sequence.identity
    }
    for relation in tables_and_views(session):
        updatable = yes(is_updatable(session, relation))
        for column in live_columns(relation):
            yield _column(session, relation, column, identities.get((relation.oid, column.number)), updatable)
    for _, view in system_relations(session):
        for number, (name, type_name) in enumerate(view.columns, 1):
            found = session.types.find(type_name)
            if found is not None:
                yield _column_row(
                    table_catalog=session.database.name,
                    table_schema=view.schema,
                    table_name=view.name,
                    column_name=name,
                    ordinal_position=number,
                    is_nullable="YES",
                    dtd_identifier=str(number),
                    is_self_referencing="NO",
                    is_identity="NO",
                    identity_cycle="NO",
                    is_generated="NEVER",
                    is_updatable="NO",
                    **type_facts(session, found, -1),
                )


def _column(session: Any, relation: Relation, column: ColumnDefinition, sequence: Any, updatable: str) -> Row:
    found = session.types.find(column.type)
    facts = type_facts(session, found, column.typmod) if found is not None else {"data_type": column.type}
    if column.collation is not None:
        facts |= {
            "collation_catalog": session.database.name,
            "collation_schema": "pg_catalog",
            "collation_name": column.collation,
        }
    if sequence is not None:
        facts |= {
            "identity_start": str(sequence.start),
            "identity_increment": str(sequence.increment),
            "identity_maximum": str(sequence.maximum),
            "identity_minimum": str(sequence.minimum),
        }
    show = describe("column_default")
    generated = column.generated is not None
    return _column_row(
        table_catalog=session.database.name,
        table_schema=relation.schema,
        table_name=relation.name,
        column_name=column.name,
        ordinal_position=column.number,
        column_default=show(session, relation, column) if column.default is not None else None,
        is_nullable=yes(not column.not_null),
        dtd_identifier=str(column.number),
        is_self_referencing="NO",
        is_identity=yes(column.identity is not None),
        identity_generation=column.identity.upper() if column.identity is not None else None,
        identity_cycle=yes(sequence is not None and sequence.cycle),
        is_generated="ALWAYS" if generated else "NEVER",
        generation_expression=show(session, relation, column) if generated else None,
        is_updatable=updatable,
        **facts,
    )


def views(session: Any) -> Iterator[Row]:
    """Views with their definitions."""
    definition = describe("view_definition")
    for relation in session.catalog.relations():
        if relation.kind == "view":
            can = yes(is_updatable(session, relation))
            text = definition(session, relation)
            option = dict(relation.options).get("check_option", "none").upper()
            yield (
                session.database.name, relation.schema, relation.name, text, option, can, can, "NO", "NO", "NO",
            )  # fmt: skip
    for _, view in system_relations(session):
        yield session.database.name, view.schema, view.name, None, "NONE", "NO", "NO", "NO", "NO", "NO"


def not_null_name(session: Any, relation: Relation, column: ColumnDefinition) -> str:
    """Return the name that PostgreSQL 15 shows for a NOT NULL, which has none."""
    return f"{schema_oid(session, relation.schema)}_{relation.oid}_{column.number}_not_null"


def table_constraints(session: Any) -> Iterator[Row]:
    """Constraints, NOT NULL among them."""
    name = session.database.name
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            index = next((index for index in relation.indexes if index.oid == constraint.index), None)
            distinct = None
            if constraint.kind == "unique":
                distinct = yes(index is None or not index.nulls_not_distinct)
            yield (
                name, relation.schema, constraint.name, name, relation.schema, relation.name,
                CONSTRAINT_TYPES[constraint.kind], yes(constraint.deferrable), yes(constraint.initially_deferred),
                "YES", distinct,
            )  # fmt: skip
        if relation.kind == "table":
            for column in live_columns(relation):
                if column.not_null:
                    yield (
                        name, relation.schema, not_null_name(session, relation, column), name, relation.schema,
                        relation.name, "CHECK", "NO", "NO", "YES", None,
                    )  # fmt: skip


def check_constraints(session: Any) -> Iterator[Row]:
    """Checks with their conditions, NOT NULL among them."""
    show = describe("check_expression")
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            if constraint.expression is not None:
                text = f"({show(session, relation, constraint)})"
                yield session.database.name, relation.schema, constraint.name, text
        if relation.kind == "table":
            for column in live_columns(relation):
                if column.not_null:
                    text = f"{column.name} IS NOT NULL"
                    name = not_null_name(session, relation, column)
                    yield session.database.name, relation.schema, name, text


def unique_constraint(session: Any, constraint: Constraint) -> tuple[Relation, Constraint] | None:
    """Return the key that a foreign key points to, None where it is a mere unique index."""
    assert constraint.foreign is not None
    referenced = session.catalog.relation_by_oid(constraint.foreign.relation)
    if referenced is None:
        return None
    found = next((item for item in referenced.constraints if item.index == constraint.index), None)
    return None if found is None else (referenced, found)


def key_column_usage(session: Any) -> Iterator[Row]:
    """Columns of keys and references."""
    name = session.database.name
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            if constraint.kind == "check":
                continue
            for position, number in enumerate(constraint.columns, 1):
                place = None
                if constraint.foreign is not None:
                    target = unique_constraint(session, constraint)
                    referenced = constraint.foreign.columns[position - 1]
                    place = None if target is None else target[1].columns.index(referenced) + 1
                column = relation.columns[number - 1].name
                yield (
                    name, relation.schema, constraint.name, name, relation.schema, relation.name, column, position,
                    place,
                )  # fmt: skip


def referential_constraints(session: Any) -> Iterator[Row]:
    """References with their rules."""
    name = session.database.name
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            foreign = constraint.foreign
            if foreign is None:
                continue
            target = unique_constraint(session, constraint)
            yield (
                name,
                relation.schema,
                constraint.name,
                None if target is None else name,
                None if target is None else target[0].schema,
                None if target is None else target[1].name,
                MATCHES[foreign.match],
                foreign.on_update.upper(),
                foreign.on_delete.upper(),
            )


def constraint_column_usage(session: Any) -> Iterator[Row]:
    """Columns that constraints use: of a reference those it points to."""
    name = session.database.name
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            used, numbers = relation, constraint.columns
            if constraint.foreign is not None:
                found = session.catalog.relation_by_oid(constraint.foreign.relation)
                if found is None:
                    continue
                used, numbers = found, constraint.foreign.columns
            for number in numbers:
                column = used.columns[number - 1].name
                yield name, used.schema, used.name, column, name, relation.schema, constraint.name


def constraint_table_usage(session: Any) -> Iterator[Row]:
    """Tables that keys are on and references point to."""
    name = session.database.name
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            used = relation
            if constraint.kind == "check":
                continue
            if constraint.foreign is not None:
                used = session.catalog.relation_by_oid(constraint.foreign.relation) or relation
            yield name, used.schema, used.name, name, relation.schema, constraint.name


def sequences(session: Any) -> Iterator[Row]:
    """Sequences; those of identity columns are not listed, as in PostgreSQL."""
    for relation in session.catalog.sequences():
        options = relation.sequence
        if options.identity:
            continue
        yield (
            session.database.name,
            relation.schema,
            relation.name,
            session.types.format(options.type),
            INTEGERS[options.type],
            2,
            0,
            str(options.start),
            str(options.minimum),
            str(options.maximum),
            str(options.increment),
            yes(options.cycle),
        )


def routines(session: Any) -> Iterator[Row]:
    """Functions."""
    for functions in session.registries.functions.values():
        for function in functions:
            if isinstance(function, Aggregate | WindowFunction):
                kind = None
            else:
                kind = "FUNCTION"
            found = session.types.find(function.returns)
            facts = {}
            if found is not None:
                every = type_facts(session, found, -1)
                facts = {"data_type": every["data_type"], "type_udt_name": found.name}
                facts |= {"type_udt_catalog": session.database.name, "type_udt_schema": found.schema}
            volatility = getattr(function, "volatility", "immutable")
            yield _routine_row(
                specific_catalog=session.database.name,
                specific_schema=function.schema,
                specific_name=specific_name(function),
                routine_catalog=session.database.name,
                routine_schema=function.schema,
                routine_name=function.name,
                routine_type=kind,
                dtd_identifier="0",
                routine_body="EXTERNAL",
                external_language="INTERNAL",
                parameter_style="GENERAL",
                is_deterministic=yes(str(volatility) == "immutable"),
                sql_data_access="MODIFIES",
                is_null_call=yes(getattr(function, "strict", False)),
                schema_level_routine="YES",
                max_dynamic_result_sets=0,
                security_type="INVOKER",
                as_locator="NO",
                is_udt_dependent="NO",
                **facts,
            )


def specific_name(function: ScalarFunction | Aggregate | WindowFunction | TableFunction) -> str:
    """Return the name that tells a function from others of its name."""
    return f"{function.name}_{function_oid(function.name, function.arguments)}"


def parameters(session: Any) -> Iterator[Row]:
    """Parameters of functions."""
    for functions in session.registries.functions.values():
        for function in functions:
            names = getattr(function, "argument_names", ())
            for number, argument in enumerate(function.arguments, 1):
                found = session.types.find(argument)
                facts = {} if found is None else type_facts(session, found, -1)
                for inapplicable in ("character_octet_length", "numeric_precision", "numeric_precision_radix"):
                    facts.pop(inapplicable, None)
                for inapplicable in ("numeric_scale", "datetime_precision", "character_maximum_length"):
                    facts.pop(inapplicable, None)
                yield _parameter_row(
                    specific_catalog=session.database.name,
                    specific_schema=function.schema,
                    specific_name=specific_name(function),
                    ordinal_position=number,
                    parameter_mode="IN",
                    is_result="NO",
                    as_locator="NO",
                    parameter_name=names[number - 1] if number <= len(names) else None,
                    dtd_identifier=str(number),
                    **facts,
                )


def view_table_usage(session: Any) -> Iterator[Row]:
    """Tables that views use."""
    name = session.database.name
    for view in session.catalog.relations():
        for oid in sorted({oid for oid, _ in view.dependencies}):
            used = session.catalog.relation_by_oid(oid)
            if used is not None:
                yield name, view.schema, view.name, name, used.schema, used.name


def view_column_usage(session: Any) -> Iterator[Row]:
    """Columns that views use."""
    name = session.database.name
    for view in session.catalog.relations():
        for oid, number in view.dependencies:
            used = session.catalog.relation_by_oid(oid)
            if used is not None and number > 0:
                column = used.columns[number - 1].name
                yield name, view.schema, view.name, name, used.schema, used.name, column


def table_privileges(session: Any) -> Iterator[Row]:
    """Privileges on tables and views that the session's roles have or granted, and those of PUBLIC."""
    return _grants(session, public=True)


def role_table_grants(session: Any) -> Iterator[Row]:
    """Privileges on tables and views that the session's roles have or granted."""
    return _grants(session, public=False)


def _grants(session: Any, *, public: bool) -> Iterator[Row]:
    for relation in tables_and_views(session):
        for grantor, grantee, privilege, option in _shown(session, relation, public=public):
            hierarchy = yes(privilege == "SELECT")
            yield (
                grantor, grantee, session.database.name, relation.schema, relation.name, privilege, option, hierarchy,
            )  # fmt: skip


def _shown(session: Any, relation: Relation, *, public: bool) -> Iterator[tuple[str, str, str, str]]:
    """Yield (grantor, grantee, privilege, may grant) of an access list, as far as it concerns the session's roles."""
    catalog = session.catalog
    for to, by, privileges, options in access_list(relation):
        known = any(role != PUBLIC and has_privileges_of(catalog, session.role, role) for role in (to, by))
        if known or (public and to == PUBLIC):
            grantee = "PUBLIC" if to == PUBLIC else owner_name(session, to)
            for letter in privileges:
                may_grant = yes(letter in options or to == relation.owner)
                yield owner_name(session, by), grantee, NAMES[letter], may_grant


def column_privileges(session: Any) -> Iterator[Row]:
    """Privileges on columns: those on their tables."""
    for relation in tables_and_views(session):
        for grantor, grantee, privilege, option in _shown(session, relation, public=True):
            if privilege in ("INSERT", "REFERENCES", "SELECT", "UPDATE"):
                for column in live_columns(relation):
                    yield (
                        grantor, grantee, session.database.name, relation.schema, relation.name, column.name,
                        privilege, option,
                    )  # fmt: skip


def applicable_roles(session: Any) -> Iterator[Row]:
    """Roles that the session may use, and by which membership."""
    catalog = session.catalog
    for member in catalog.roles.values():
        if has_privileges_of(catalog, session.role, member.oid):
            for found in member.memberships:
                yield member.name, owner_name(session, found.role), yes(found.admin)


def enabled_roles(session: Any) -> Iterator[Row]:
    """Roles that the session may act as."""
    for role in session.catalog.roles.values():
        if has_privileges_of(session.catalog, session.role, role.oid):
            yield (role.name,)


def information_schema_catalog_name(session: Any) -> Iterator[Row]:
    """The database's name."""
    yield (session.database.name,)


def character_sets(session: Any) -> Iterator[Row]:
    """The one character set."""
    name = session.database.name
    yield None, None, "UTF8", "UCS", "UTF8", name, "pg_catalog", "C"


def collations(session: Any) -> Iterator[Row]:
    """Collations."""
    for collation in session.registries.collations.values():
        yield session.database.name, collation.schema, collation.name, "NO PAD"


CATALOG_VIEWS = (
    information_schema_view("applicable_roles", applicable_roles, "Roles granted to the session's roles."),
    information_schema_view("character_sets", character_sets, "The character set."),
    information_schema_view("check_constraints", check_constraints, "Checks and NOT NULL with their conditions."),
    information_schema_view("collations", collations, "Collations."),
    information_schema_view("column_privileges", column_privileges, "Privileges on columns."),
    information_schema_view("columns", columns, "Columns of tables and views."),
    information_schema_view("constraint_column_usage", constraint_column_usage, "Columns that constraints use."),
    information_schema_view("constraint_table_usage", constraint_table_usage, "Tables that constraints use."),
    information_schema_view("domain_constraints", no_rows, "Constraints of domains; there are none."),
    information_schema_view("domains", no_rows, "Domains; there are none."),
    information_schema_view("enabled_roles", enabled_roles, "Roles that the session may act as."),
    information_schema_view("information_schema_catalog_name", information_schema_catalog_name, "The database's name."),
    information_schema_view("key_column_usage", key_column_usage, "Columns of keys and references."),
    information_schema_view("parameters", parameters, "Parameters of functions."),
    information_schema_view("referential_constraints", referential_constraints, "References with their rules."),
    information_schema_view("role_table_grants", role_table_grants, "Privileges on tables and views."),
    information_schema_view("routines", routines, "Functions."),
    information_schema_view("schemata", schemata, "Schemas."),
    information_schema_view("sequences", sequences, "Sequences."),
    information_schema_view("table_constraints", table_constraints, "Constraints of tables."),
    information_schema_view("table_privileges", table_privileges, "Privileges on tables and views."),
    information_schema_view("tables", tables, "Tables and views."),
    information_schema_view("triggers", no_rows, "Triggers; there are none."),
    information_schema_view("user_defined_types", no_rows, "Composite types; there are none."),
    information_schema_view("view_column_usage", view_column_usage, "Columns that views use."),
    information_schema_view("view_table_usage", view_table_usage, "Tables that views use."),
    information_schema_view("views", views, "Views with their definitions."),
)
