"""A small catalog, made by hand, and the registries of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from attrs import evolve

from heliosdb.catalog.definitions import (
    ColumnDefinition,
    Constraint,
    ForeignKey,
    Index,
    IndexKey,
    Relation,
    SequenceOptions,
)
from heliosdb.catalog.registries import Registries
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes
from heliosdb.plan.nodes import BoundStatement
from heliosdb.plugin import load_plugins
from heliosdb.sql.binder import BindContext, Resolutions, bind
from heliosdb.sql.parser import parse_one

Column = tuple[str, str] | tuple[str, str, dict[str, object]]


def table(oid: int, name: str, *columns: Column, schema: str = "public", **extra: object) -> Relation:
    """Make a table; a column is (name, type[, further fields of ColumnDefinition])."""
    definitions = tuple(
        ColumnDefinition(number=number, name=column[0], type=column[1], **(column[2] if len(column) > 2 else {}))  # type: ignore[arg-type]
        for number, column in enumerate(columns, 1)
    )
    return Relation(oid=oid, schema=schema, name=name, columns=definitions, **extra)  # type: ignore[arg-type]


def unique(oid: int, name: str, relation: int, *keys: int | str, primary: bool = False, **extra: object) -> Index:
    """Make a unique index; a key is an attribute number or an expression."""
    made = tuple(IndexKey(column=key) if isinstance(key, int) else IndexKey(expression=key) for key in keys)
    return Index(
        oid=oid,
        schema="public",
        name=name,
        relation=relation,
        keys=made,
        unique=True,
        primary=primary,
        **extra,  # type: ignore[arg-type]
    )


def sequence(oid: int, name: str, owner: tuple[int, int]) -> Relation:
    """Make the sequence of a column."""
    options = SequenceOptions(owned_by=owner)
    return Relation(oid=oid, schema="public", name=name, kind="sequence", sequence=options)


class SmallCatalog:
    """A catalog of given relations."""

    def __init__(self, relations: Iterable[Relation]) -> None:
        self.by_name = {(relation.schema, relation.name): relation for relation in relations}

    def lookup_relation(self, schema: str | None, name: str, search_path: Sequence[str]) -> Relation | None:
        for candidate in (schema,) if schema is not None else search_path:
            found = self.by_name.get((candidate, name))
            if found is not None:
                return found
        return None

    def relation_by_oid(self, oid: int) -> Relation | None:
        return next((relation for relation in self.by_name.values() if relation.oid == oid), None)

    def schemas(self) -> tuple[str, ...]:
        return tuple({schema for schema, _ in self.by_name} | {"public"})

    def sequences(self) -> Iterable[Relation]:
        return [relation for relation in self.by_name.values() if relation.kind == "sequence"]

    def relations_referencing(self, oid: int) -> Sequence[tuple[Relation, Constraint]]:
        return [
            (relation, constraint)
            for relation in self.by_name.values()
            for constraint in relation.constraints
            if constraint.foreign is not None and constraint.foreign.relation == oid
        ]


NOT_NULL = {"not_null": True}

TRACKS = table(
    101,
    "t",
    ("id", "int4", NOT_NULL),
    ("name", "text"),
    ("amount", "numeric", {"typmod": ((10 << 16) | 2) + 4}),
    ("b", "bool"),
    constraints=(Constraint(oid=201, name="t_pkey", kind="primary key", columns=(1,), index=301),),
    indexes=(unique(301, "t_pkey", 101, 1, primary=True, constraint=201),),
)
USES = table(
    102,
    "u",
    ("id", "int4"),
    ("t_id", "int4"),
    ("note", "varchar", {"typmod": 24}),
    constraints=(
        Constraint(
            oid=202,
            name="u_t_id_fkey",
            kind="foreign key",
            columns=(2,),
            foreign=ForeignKey(relation=101, columns=(1,)),
        ),
    ),
)
RICH = table(
    103,
    "rich",
    ("id", "int8", {"not_null": True, "default": "nextval('rich_id_seq'::regclass)"}),
    ("code", "varchar", {"typmod": 9, "not_null": True}),
    ("price", "numeric", {"typmod": ((6 << 16) | 2) + 4, "default": "0.5"}),
    ("gone", "text", {"dropped": True}),
    ("total", "numeric", {"generated": "price * 2"}),
    ("made", "timestamptz", {"default": "now()"}),
    ("small", "int2"),
    constraints=(
        Constraint(oid=203, name="rich_pkey", kind="primary key", columns=(1,), index=303),
        Constraint(oid=204, name="rich_price_check", kind="check", columns=(3,), expression="price > 0"),
    ),
    indexes=(
        unique(303, "rich_pkey", 103, 1, primary=True, constraint=203),
        unique(304, "rich_code_lower", 103, "lower(code)"),
        unique(305, "rich_code_small", 103, 2, predicate="small > 5"),
    ),
)
IDENTITY = table(
    104, "ident", ("id", "int4", {"not_null": True, "identity": "always"}), ("v", "int4", {"identity": "by default"})
)
SEQUENCES = (
    Relation(
        oid=110, schema="public", name="rich_id_seq", kind="sequence", sequence=SequenceOptions(owned_by=(103, 1))
    ),
    Relation(oid=111, schema="public", name="odd seq", kind="sequence", sequence=SequenceOptions(owned_by=(104, 1))),
    Relation(oid=112, schema="public", name="s2", kind="sequence", sequence=SequenceOptions(owned_by=(104, 2))),
)
VIEW = evolve(
    table(105, "v", ("key", "int4"), ("upper", "text")),
    kind="view",
    query="SELECT id, upper(name) FROM t WHERE id > 10",
    search_path=("public",),
)
OTHER = table(106, "o", ("x", "int4"), schema="other")
MANY = table(
    107, "many",
    ("i2", "int2"), ("i4", "int4"), ("i8", "int8"), ("f4", "float4"), ("f8", "float8"), ("n", "numeric"),
    ("tx", "text"), ("vc", "varchar", {"typmod": 14}), ("ch", "bpchar", {"typmod": 7}), ("d", "date"),
    ("ts", "timestamp"), ("tz", "timestamptz"), ("tm", "time"), ("iv", "interval"), ("u", "uuid"), ("by", "bytea"),
    ("j", "json"),     ("jb", "jsonb"), ("ia", "_int4"), ("ta", "_text"), ("bo", "bool"),
)  # fmt: skip
RELATIONS = (TRACKS, USES, RICH, IDENTITY, *SEQUENCES, VIEW, OTHER, MANY)


@pytest.fixture(scope="session")
def registries() -> Registries:
    return load_plugins([]).freeze()


@pytest.fixture(scope="session")
def resolutions() -> Resolutions:
    return Resolutions()


@pytest.fixture
def context(registries: Registries, resolutions: Resolutions) -> BindContext:
    return BindContext(registries=registries, catalog=SmallCatalog(RELATIONS), resolutions=resolutions)


def show(node: Any) -> str:
    """Write a plan or an expression as a line: what tests compare."""
    if node is None:
        return "none"
    if isinstance(node, tuple):
        return ", ".join(show(item) for item in node)
    write = SHOWN.get(type(node))
    if write is not None:
        return write(node)
    inputs = ", ".join(show(inner) for inner in node.inputs)
    return f"{type(node).__name__}({inputs})"


def _constant(node: ex.Constant) -> str:
    return f"{node.value!r}:{node.type}" + (f"@{node.slot}" if node.slot is not None else "")


def _call(node: ex.Call) -> str:
    if node.operator is not None and len(node.arguments) == 2:
        return f"({show(node.arguments[0])} {node.operator} {show(node.arguments[1])})"
    return f"{node.function.name}({show(node.arguments)})"


def _keys(keys: tuple[ex.SortKey, ...]) -> str:
    return ", ".join(
        show(key.expression) + (" desc" if key.descending else "") + (" nulls first" if key.nulls_first else "")
        for key in keys
    )


def _join(node: nodes.Join) -> str:
    kind = node.kind + (" lateral" if node.lateral else "")
    condition = f" on {show(node.condition)}" if node.condition is not None else ""
    return f"{kind}[{show(node.left)}, {show(node.right)}{condition}]"


def _subquery(node: ex.Subquery) -> str:
    outer = f" of {show(node.outer)}" if node.outer else ""
    left = f"{show(node.comparison)}: " if node.comparison is not None else ""
    return f"{node.kind.value}{outer}({left}{show(node.plan)})"


def _aggregate_call(node: ex.AggregateCall) -> str:
    parts = ("distinct " if node.distinct else "") + show(node.arguments)
    order = f" order by {_keys(node.order_by)}" if node.order_by else ""
    where = f" filter {show(node.filter)}" if node.filter is not None else ""
    return f"{node.aggregate.name}({parts}{order}){where}"


def _aggregate(node: nodes.Aggregate) -> str:
    sets = f" sets {node.grouping_sets}" if node.grouping_sets is not None else ""
    return f"aggregate#{node.source}({show(node.input)} by [{show(node.groups)}]{sets}: {show(node.calls)})"


def _window(node: nodes.Window) -> str:
    over = node.calls[0].specification
    order = f"partition by {_keys(over.partition_by)} order by {_keys(over.order_by)}"
    return f"window#{node.source}({show(node.input)} {order}: {show(node.calls)})"


def _assignments(assignments: tuple[nodes.Assignment, ...]) -> str:
    return ", ".join(f"{assignment.slot} = {show(assignment.value)}" for assignment in assignments)


def _returning(node: nodes.Modify) -> str:
    return "" if node.returning is None else f" returning {show(node.returning)}"


def _insert(node: nodes.Insert) -> str:
    parts = [f"{show(node.input)} -> {show(node.values)}"]
    if node.generated:
        parts.append(f"generated {_assignments(node.generated)}")
    parts += [f"check {check.constraint} {show(check.condition)}" for check in node.checks]
    if node.conflict is not None:
        parts.append(f"conflict {[index.name for index in node.conflict.arbiters]}")
        if node.conflict.assignments is not None:
            parts.append(f"set {_assignments(node.conflict.assignments)} where {show(node.conflict.condition)}")
    return f"insert {node.target}({'; '.join(parts)}){_returning(node)}"


SHOWN: dict[type, Callable[[Any], str]] = {
    ex.Constant: _constant,
    ex.Parameter: lambda node: f"${node.number}:{node.type}",
    ex.Column: lambda node: f"{node.source}.{node.name or node.index}",
    ex.Call: _call,
    ex.Convert: lambda node: f"{show(node.operand)}::{node.type}",
    ex.CoerceTypmod: lambda node: f"{show(node.operand)}::{node.type}[{node.typmod}]",
    ex.And: lambda node: "(" + " and ".join(show(item) for item in node.arguments) + ")",
    ex.Or: lambda node: "(" + " or ".join(show(item) for item in node.arguments) + ")",
    ex.Not: lambda node: f"not {show(node.operand)}",
    ex.Coalesce: lambda node: f"coalesce({show(node.arguments)})",
    ex.Element: lambda node: f"element{node.index}",
    ex.IsNull: lambda node: f"{show(node.operand)} is {'not ' if node.negated else ''}null",
    ex.RowConstructor: lambda node: f"row({show(node.fields)})",
    ex.FieldSelection: lambda node: f"({show(node.operand)}).{node.index}",
    ex.AggregateCall: _aggregate_call,
    ex.SetReturningCall: lambda node: f"{node.function.name}({show(node.arguments)})",
    ex.Subquery: _subquery,
    ex.Grouping: lambda node: f"grouping{node.groups}",
    ex.RowComparison: lambda node: f"[{show(node.equal)}] {node.operator} [{show(node.less)}]",
    ex.Case: lambda node: (
        "case "
        + "; ".join(f"{show(when)} -> {show(then)}" for when, then in node.branches)
        + f" else {show(node.default)}"
    ),
    ex.WindowCall: lambda node: f"{node.function.name}({show(node.arguments)})",
    nodes.OneRow: lambda node: "one row",
    nodes.Scan: lambda node: f"{node.alias}#{node.source}",
    nodes.CteScan: lambda node: f"cte {node.cte}#{node.source}",
    nodes.WorkTableScan: lambda node: f"work {node.cte}#{node.source}",
    nodes.Filter: lambda node: f"filter({show(node.input)} where {show(node.condition)})",
    nodes.Project: lambda node: f"project#{node.source}({show(node.input)}: {show(node.expressions)})",
    nodes.ProjectSet: lambda node: f"sets#{node.source}({show(node.input)}: {show(node.expressions)})",
    nodes.Sort: lambda node: f"sort({show(node.input)} by {_keys(node.keys)})",
    nodes.Limit: lambda node: f"limit({show(node.input)}, {show(node.limit)}, {show(node.offset)})",
    nodes.Distinct: lambda node: f"distinct({show(node.input)}{' on ' + show(node.on) if node.on else ''})",
    nodes.Join: _join,
    nodes.Aggregate: _aggregate,
    nodes.Values: lambda node: f"values#{node.source}({'; '.join(show(row) for row in node.table)})",
    nodes.FunctionScan: lambda node: f"function#{node.source}({show(node.calls)})",
    nodes.SetOperation: lambda node: (
        f"{node.kind}{' all' if node.all else ''}#{node.source}({show(node.left)}, {show(node.right)})"
    ),
    nodes.With: lambda node: f"with({'; '.join(f'{n} {show(plan)}' for n, _, plan in node.ctes)}: {show(node.input)})",
    nodes.RecursiveUnion: lambda node: f"recursive {node.cte}#{node.source}({show(node.start)}, {show(node.step)})",
    nodes.Window: _window,
    nodes.Insert: _insert,
    nodes.Update: lambda node: (
        f"update {node.scan}({show(node.input)}: {_assignments(node.assignments)}){_returning(node)}"
    ),
    nodes.Delete: lambda node: f"delete {node.scan}({show(node.input)}){_returning(node)}",
    nodes.LockRows: lambda node: f"lock({show(node.input)}, {node.locks})",
}


Bound = Callable[..., BoundStatement]


@pytest.fixture
def bound(context: BindContext) -> Bound:
    """Parse and bind a statement; keyword arguments change the context."""

    def bound(text: str, **changes: object) -> BoundStatement:
        statement = parse_one(text, context.registries.grammar)
        assert statement is not None
        return bind(statement, evolve(context, **changes) if changes else context)

    return bound


@pytest.fixture
def plan(bound: Bound) -> Callable[..., str]:
    """Bind a statement and write its plan as a line."""
    return lambda text, **changes: show(bound(text, **changes).plan)


@pytest.fixture
def changed() -> Callable[..., SmallCatalog]:
    """Return the catalog with one relation changed: ``changed("v", query="...")``."""

    def changed(name: str, **changes: Any) -> SmallCatalog:
        return SmallCatalog(
            evolve(relation, **changes) if relation.name == name else relation for relation in RELATIONS
        )

    return changed
