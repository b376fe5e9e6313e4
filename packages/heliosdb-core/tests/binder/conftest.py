"""A small catalog, made by hand, and the registries of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

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
    ("tx", "text"), ("vc", "varchar", {"typmod": 14}), ("ch", "bpchar", {"typmod": 7}), ("d", "date"), ("ts", "timestamp"),
    ("tz", "timestamptz"), ("tm", "time"), ("iv", "interval"), ("u", "uuid"), ("by", "bytea"), ("j", "json"),
    ("jb", "jsonb"), ("ia", "_int4"), ("ta", "_text"), ("bo", "bool"),
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


Bound = Callable[..., BoundStatement]


@pytest.fixture
def bound(context: BindContext) -> Bound:
    """Parse and bind a statement; keyword arguments change the context."""

    def bound(text: str, **changes: object) -> BoundStatement:
        statement = parse_one(text, context.registries.grammar)
        assert statement is not None
        return bind(statement, evolve(context, **changes) if changes else context)

    return bound
