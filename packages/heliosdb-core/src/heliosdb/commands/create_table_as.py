"""CREATE TABLE AS and SELECT INTO: a table with the columns of a query, filled with its rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.definitions import ColumnDefinition, Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.columns import check_column_name
from heliosdb.commands.create_table import checked_options
from heliosdb.commands.ddl import apply, done, edit_of
from heliosdb.commands.names import check_tablespace, creation_schema
from heliosdb.commands.trees import without_slots
from heliosdb.errors import DuplicateColumn, DuplicateTable, FeatureNotSupported, InvalidTableDefinition, SqlSyntaxError
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_create_table_as", "execute_select_into"]

BATCH = 4096


def execute_create_table_as(session: CommandSession, statement: tree.CreateTableAs) -> Result:
    """Execute CREATE TABLE AS."""
    tag = "CREATE TABLE AS"
    if statement.materialized:
        raise FeatureNotSupported("materialized views are not supported", hint="pip install heliosdb-mv")
    if statement.access_method not in (None, "heap"):
        raise FeatureNotSupported(f'table access method "{statement.access_method}" is not supported')
    check_tablespace(statement.tablespace)
    if statement.extensions:
        raise FeatureNotSupported(f"clause {statement.extensions[0].name} is not supported in CREATE TABLE AS")
    schema, persistence = creation_schema(session, statement.name, statement.persistence)
    if statement.on_commit is not None and persistence != "temporary":
        raise InvalidTableDefinition("ON COMMIT can only be used on temporary tables")
    name = statement.name.name
    query = without_slots(statement.query)
    # The query must be right, also where the name is taken.
    plan = session.plan_query(query)
    if session.catalog.is_name_taken(schema, name):
        if not statement.if_not_exists:
            raise DuplicateTable(f'relation "{name}" already exists')
        session.notice(f'relation "{name}" already exists, skipping', sqlstate="42P07")
        return done(tag)
    parameters = session.query_parameters(plan)
    if plan.columns is None:
        raise FeatureNotSupported("CREATE TABLE AS needs a query that returns rows")
    if len(statement.columns) > len(plan.columns):
        raise SqlSyntaxError("too many column names were specified")
    names = [*statement.columns, *[column.name for column in plan.columns[len(statement.columns) :]]]
    columns = []
    for number, (column_name, output) in enumerate(zip(names, plan.columns), 1):
        check_column_name(column_name)
        if column_name in names[: number - 1]:
            raise DuplicateColumn(f'column "{column_name}" specified more than once')
        type_name = "text" if output.type == "unknown" else output.type
        found = session.registries.types.by_name(type_name)
        if found.kind == "pseudo":
            raise InvalidTableDefinition(f'column "{column_name}" has pseudo-type {found.display}')
        columns.append(
            ColumnDefinition(
                number=number, name=column_name, type=type_name, typmod=output.typmod, collation=output.collation
            )
        )
    relation = Relation(
        oid=session.database.next_oid(),
        schema=schema,
        name=name,
        columns=tuple(columns),
        owner=session.role,
        persistence=persistence,
        options=checked_options(session.registries.relation_options, statement.options),
        on_commit=statement.on_commit if statement.on_commit != "preserve rows" else None,
    )
    rows = iter(session.run_plan(plan, (), parameters).rows if statement.with_data else ())
    edit = edit_of(session)
    edit.put(relation)
    apply(session, edit)
    count = 0
    if statement.with_data:
        while batch := list(islice(rows, BATCH)):
            session.transaction.insert_rows(relation.oid, batch)
            count += len(batch)
        return Result("SELECT", rows=[], row_count=count)
    return done(tag)


def execute_select_into(session: CommandSession, statement: tree.Select) -> Result:
    """Execute SELECT ... INTO table: the same by another name."""
    into = statement.into
    assert into is not None
    return execute_create_table_as(
        session,
        tree.CreateTableAs(
            into.name, evolve(statement, into=None), persistence=into.persistence, position=statement.position
        ),
    )
