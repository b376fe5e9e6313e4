"""From an index's definition to what the store maintains: functions that make keys of rows, and print them.

    Index (catalog)  ── operator classes, compiled expressions ──►  KeyShape (encoding)  ──►  IndexSpec (store)

The one place where this is done: for CREATE INDEX and keys, and again when a database opens or a branch is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.definitions import Index, IndexKey, Relation
from heliosdb.codegen import compile_row_function
from heliosdb.codegen.index_keys import operator_class_of
from heliosdb.commands.binding import SOURCE, bind_condition, bind_expression, columns_used, parse_expression
from heliosdb.encoding.keys import KeyColumn, KeyShape
from heliosdb.plan.expressions import Expression
from heliosdb.plan.forms import spelled
from heliosdb.sql.deparse import quote_identifier
from heliosdb.store.access_method import IndexDefinition, IndexSpec
from heliosdb.types.definitions import OperatorClass, resolve_implementation
from heliosdb.types.interval import Interval

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["index_spec"]

Row = tuple[Any, ...]


class DefaultSession:
    """What an index's functions get for a session: they serve all sessions and outlive the one that made the index."""

    def __init__(self, session: CommandSession) -> None:
        self.registries = session.registries
        self.types = session.registries.types

    def setting(self, name: str) -> Any:
        """Return a setting's default."""
        return self.registries.settings[name.lower()].default


EXACT_CLASSES: Mapping[str, tuple[type, ...]] = {
    "int2": (int,),
    "int4": (int,),
    "int8": (int,),
    "oid": (int,),
    "date": (int,),
    "time": (int,),
    "timestamp": (int,),
    "timestamptz": (int,),
    "bool": (bool,),
    "float4": (float,),
    "float8": (float,),
    "numeric": (Decimal,),
    "interval": (Interval,),
    "text": (str,),
    "varchar": (str,),
    "bpchar": (str,),
    "name": (str,),
    "json": (str,),
    "bytea": (bytes,),
    "uuid": (bytes,),
}
"""The Python classes of types' datums, to tell a datum of a column's present type from one of its former type."""


def index_spec(session: CommandSession, relation: Relation, index: Index) -> IndexSpec:
    """Return what the store needs to maintain an index."""
    types = [key_type(relation, key) for key in index.keys]
    classes = [
        operator_class_of(type_name, key, index.method, session.registries) for type_name, key in zip(types, index.keys)
    ]
    expressions = [_expression(session, relation, key) for key in index.keys]
    readers = [_reader(session, key, expression) for key, expression in zip(index.keys, expressions)]
    shape = KeyShape(
        [_key_column(relation, key, reader, class_) for key, reader, class_ in zip(index.keys, readers, classes)]
    )
    key_column = index.keys[0].column
    is_btree = index.method == "btree"
    values = _values(readers)
    return IndexSpec(
        oid=index.oid,
        relation_oid=relation.oid,
        key=shape.row_key(),
        order_key=shape.row_order_key(),
        order_of=shape.key_order(),
        width=shape.width,
        method=index.method,
        unique=index.unique,
        nulls_not_distinct=index.nulls_not_distinct,
        predicate=_predicate(session, relation, index, expressions),
        deferrable=index.deferrable,
        initially_deferred=index.initially_deferred,
        constraint=index.name,
        table=relation.name,
        schema=relation.schema,
        describe_key=_describe(session, relation, index, types, values),
        values=None if is_btree else values,
        key_column=key_column - 1
        if key_column is not None and shape.width == 1 and shape.columns[0].hash_key is None
        else None,
        definition=IndexDefinition(
            oid=index.oid,
            columns=shape.width,
            unique=index.unique,
            operator_classes=tuple(class_.name for class_ in classes),
            options=dict(index.options),
            support=tuple(_support(class_) for class_ in classes),
            typmods=tuple(-1 if key.column is None else relation.columns[key.column - 1].typmod for key in index.keys),
        ),
    )


def key_type(relation: Relation, key: IndexKey) -> str:
    """Return the type of an index key."""
    return key.type if key.column is None else relation.columns[key.column - 1].stored_type


def _support(class_: OperatorClass) -> Mapping[str, Callable[..., Any]]:
    return {name: resolve_implementation(function) for name, function in class_.functions.items()}


def _expression(session: CommandSession, relation: Relation, key: IndexKey) -> Expression | None:
    if key.expression is None:
        return None
    return bind_expression(session, parse_expression(session, key.expression), relation.columns, relation.name)


def _reader(session: CommandSession, key: IndexKey, expression: Expression | None) -> int | Callable[[Row], Any]:
    if key.column is not None:
        return key.column - 1
    assert expression is not None
    compute = compile_row_function([expression], SOURCE, session.registries, DefaultSession(session))
    return lambda row: compute(row)[0]


def _key_column(
    relation: Relation, key: IndexKey, reader: int | Callable[[Row], Any], class_: OperatorClass
) -> KeyColumn:
    column = None if key.column is None else relation.columns[key.column - 1]
    hash_key = sort_key = None
    if not class_.identity:
        hash_key = None if class_.hash_key is None else resolve_implementation(class_.hash_key)
        sort_key = None if class_.sort_key is None else resolve_implementation(class_.sort_key)
    return KeyColumn(
        source=reader,
        hash_key=hash_key,
        sort_key=sort_key,
        descending=key.descending,
        nulls_first=key.nulls_first,
        not_null=column is not None and column.not_null and not column.was_nullable,
    )


def _values(readers: list[int | Callable[[Row], Any]]) -> Callable[[Row], Row]:
    first = readers[0]
    if len(readers) == 1 and isinstance(first, int):
        return lambda row: (row[first],)
    functions = [itemgetter(reader) if isinstance(reader, int) else reader for reader in readers]
    return lambda row: tuple([function(row) for function in functions])


def _predicate(
    session: CommandSession, relation: Relation, index: Index, expressions: Sequence[Expression | None]
) -> Callable[[Row], Any] | None:
    condition = None
    if index.predicate is not None:
        condition = bind_condition(
            session, parse_expression(session, index.predicate), relation.columns, relation.name, "WHERE"
        )
    used = {key.column for key in index.keys if key.column is not None}
    used.update(*[columns_used(bound) for bound in (*expressions, condition) if bound is not None])
    fits = _fits(relation, used)
    if condition is None:
        return fits
    compute = compile_row_function([condition], SOURCE, session.registries, DefaultSession(session))
    if fits is None:
        return lambda row: compute(row)[0]
    return lambda row: fits(row) and compute(row)[0]


def _fits(relation: Relation, used: Set[int]) -> Callable[[Row], bool] | None:
    """Return whether a row has the columns that an index uses as they are now, None where every version does.

    Versions from before a column was added are shorter, and those from before its type changed hold another class of
    datum. Readers of the past see them through the catalog of their time, which knows this index if it uses other
    columns: those versions must be in it then. ``used`` are attribute numbers, 0 is the whole row.
    """
    altered = [
        column
        for column in relation.columns
        if column.altered and not column.dropped and (column.number in used or 0 in used)
    ]
    if not altered:
        return None
    width = max(column.number for column in altered)
    checks = [
        (column.number - 1, EXACT_CLASSES[column.stored_type])
        for column in altered
        if column.stored_type in EXACT_CLASSES
    ]

    def fits(row: Row) -> bool:
        return len(row) >= width and all(row[slot] is None or type(row[slot]) in classes for slot, classes in checks)

    return fits


def _describe(
    session: CommandSession,
    relation: Relation,
    index: Index,
    types: list[str],
    values: Callable[[Row], Row],
) -> Callable[[Row], str]:
    # Printed by the types' output functions when an error needs it, so nothing is looked up before.
    registries = session.registries
    reader = DefaultSession(session)
    columns = [None if key.column is None else relation.columns[key.column - 1] for key in index.keys]

    def describe(row: Row) -> str:
        names = ", ".join([_key_name(relation, key) for key in index.keys])
        shown = [
            spelled(registries, column, datum, reader)
            if column is not None
            else "null"
            if datum is None
            else registries.types.output(type_name)(datum, reader)
            for column, type_name, datum in zip(columns, types, values(row))
        ]
        return f"({names})=({', '.join(shown)})"

    return describe


def _key_name(relation: Relation, key: IndexKey) -> str:
    if key.column is not None:
        return quote_identifier(relation.columns[key.column - 1].name)
    assert key.expression is not None
    return key.expression
