"""What is registered for the scalar types is what PostgreSQL 15's own catalog lists; nothing is missing silently.

``recorded/catalog/*.tsv`` are rows of pg_type, pg_cast, pg_operator, pg_opclass and pg_proc for these types. What
PostgreSQL has and we do not stands in the tables below, each group with its reason; a test fails when an entry there
becomes untrue, so that the tables stay short.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from heliosdb.types.builtin import FAMILIES
from heliosdb.types.definitions import Aggregate, ScalarFunction, TableFunction, WindowFunction
from recorded_calls import RECORDED, registry


def facts(name: str) -> list[list[str]]:
    text = (RECORDED / "catalog" / f"{name}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


def registered(table: str) -> list[Any]:
    return [value for family in FAMILIES for value in getattr(import_module(family), table, ())]


ELSEWHERE = {
    # Full-text search is not a scalar family's.
    ("@@", "text", "text"),
}

OTHER_CLASSES = {
    # Ours have the type varchar itself; PostgreSQL's are text's under another name.
    ("btree", "varchar_ops", "text"),
    ("btree", "varchar_pattern_ops", "text"),
    ("hash", "varchar_ops", "text"),
    # Hashing by code point is what text_ops does.
    ("hash", "bpchar_pattern_ops", "bpchar"),
    ("hash", "text_pattern_ops", "text"),
    ("hash", "varchar_pattern_ops", "text"),
}

MISSING_FUNCTIONS = {
    # Support functions of aggregates and operator classes, which statements do not call.
    *(
        (name, f"{name.removesuffix('cmp')} {name.removesuffix('cmp')}")
        for name in ("bpcharcmp", "byteacmp", "xid8cmp")
    ),
    *((f"float8_{name}", "_float8") for name in ("corr", "covar_pop", "covar_samp", "stddev_pop", "stddev_samp")),
    *((f"float8_regr_{name}", "_float8") for name in ("avgx", "avgy", "intercept", "r2", "slope", "sxx", "sxy", "syy")),
    *((f"float8_{name}", "_float8") for name in ("var_pop", "var_samp")),
    ("bitcmp", "bit bit"),
    ("varbitcmp", "varbit varbit"),
    # Length coercions are the types' own.
    ("bit", "bit int4 bool"),
    ("bit", "int4 int4"),
    ("bit", "int8 int4"),
    ("varbit", "varbit int4 bool"),
    ("bpchar", "bpchar int4 bool"),
    ("varchar", "varchar int4 bool"),
    ("numeric", "numeric int4"),
    # Of PostgreSQL's inside.
    ("currtid2", "text tid"),
    ("oidvectortypes", "oidvector"),
    ("plpgsql_validator", "oid"),
    ("postgresql_fdw_validator", "_text oid"),
    ("satisfies_hash_partition", "oid int4 int4 any"),
}


def test_types_have_their_oids_and_properties() -> None:
    known = {type_.name: type_ for type_ in registry()}
    rows = {row[0]: row for row in facts("types")}
    assert {name for name in rows if name not in known} == set()
    for name, (_, oid, array, category, preferred, length, display, collatable) in rows.items():
        if name not in known:
            continue
        ours = known[name]
        assert ours.oid == int(oid), name
        assert (ours.array_oid or 0) == int(array), name
        if ours.kind != "pseudo":
            assert (ours.category, ours.preferred, ours.length) == (category, preferred == "True", int(length)), name
        assert ours.display == display, name
        assert ours.collatable == (collatable == "True"), name


def test_casts_have_their_contexts() -> None:
    ours = {(cast.source, cast.target): str(cast.context) for cast in registered("CASTS")}
    theirs = {(source, target): context for source, target, context in facts("casts")}
    assert set(theirs) - set(ours) == set()
    names = {name for pair in theirs for name in pair}
    within = {pair: context for pair, context in ours.items() if set(pair) <= names}
    assert within == theirs


def test_operators_have_their_functions_commutators_and_negators() -> None:
    ours = {(op.name, op.left or "", op.right): op for op in registered("OPERATORS")}
    theirs = {(name, left, right): rest for name, left, right, *rest in facts("operators")}
    assert set(theirs) - set(ours) == ELSEWHERE
    for key in set(theirs) & set(ours):
        result, function, commutator, negator = theirs[key]
        operator = ours[key]
        assert (operator.returns, operator.function) == (result, function), key
        assert (operator.commutator or "", operator.negator or "") == (commutator, negator), key
    types = {type_ for _, left, right in theirs for type_ in (left, right)}
    extra = {key for key in ours if key[2] in types and (not key[1] or key[1] in types)} - set(theirs)
    assert extra == set()


def test_every_operator_has_its_function() -> None:
    functions = {(f.name, f.arguments) for f in registered("FUNCTIONS")}
    for operator in registered("OPERATORS"):
        arguments = (operator.right,) if operator.left is None else (operator.left, operator.right)
        assert (operator.function, arguments) in functions, operator


def test_operator_classes_are_there() -> None:
    ours = {(c.access_method, c.name, c.type): c.default for c in registered("OPERATOR_CLASSES")}
    theirs = {(method, name, type_): default == "True" for method, name, type_, default in facts("operator_classes")}
    assert set(theirs) - set(ours) == OTHER_CLASSES
    for key in set(theirs) & set(ours):
        assert ours[key] == theirs[key], key


def functions_by_signature() -> dict[tuple[str, str], Any]:
    tables = ("FUNCTIONS", "AGGREGATES", "WINDOW_FUNCTIONS", "TABLE_FUNCTIONS")
    return {(f.name, " ".join(f.arguments)): f for table in tables for f in registered(table)}


KINDS = {ScalarFunction: "function", Aggregate: "aggregate", WindowFunction: "window", TableFunction: "table"}


def test_functions_are_declared_as_in_postgresql() -> None:
    ours = functions_by_signature()
    theirs = {(name, arguments): rest for name, arguments, *rest in facts("functions")}
    assert {key for key in theirs if key not in ours} == MISSING_FUNCTIONS
    for key in set(theirs) & set(ours):
        result, kind, strict, volatility = theirs[key]
        function = ours[key]
        assert (function.returns, KINDS[type(function)]) == (result, kind), key
        if isinstance(function, ScalarFunction):
            assert function.strict == (strict == "strict"), key
            assert str(function.volatility) == volatility, key


def test_no_name_is_registered_twice() -> None:
    for table in ("FUNCTIONS", "AGGREGATES", "WINDOW_FUNCTIONS", "TABLE_FUNCTIONS"):
        keys = [(value.name, value.arguments) for value in registered(table)]
        assert len(keys) == len(set(keys)), table
