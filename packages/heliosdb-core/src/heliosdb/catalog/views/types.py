"""pg_type, pg_proc, pg_operator and kin: virtual over the registries, which plugins fill as the core does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb.catalog.io_functions import RECORD, io_oids
from heliosdb.catalog.views.columns import PG_CATALOG
from heliosdb.catalog.views.relations import KINDS, access_method_oid
from heliosdb.catalog.views.support import (
    OWNER,
    ROW_TYPES,
    catalog_view,
    function_oid,
    no_rows,
    row_maker,
    schema_oid,
    storage_of,
    type_oid,
)
from heliosdb.types.definitions import Aggregate, ScalarFunction, TableFunction, WindowFunction
from heliosdb.types.oid import vector
from heliosdb.types.registry import stable_oid

__all__ = ["CATALOG_VIEWS"]

Row = tuple[Any, ...]

TYPE_KINDS = {"pseudo": "p", "enum": "e", "domain": "d", "composite": "c", "range": "r", "multirange": "m"}
IO = ("typinput", "typoutput", "typreceive", "typsend")
VOLATILITY = {"immutable": "i", "stable": "s", "volatile": "v"}
CAST_CONTEXTS = {"implicit": "i", "assignment": "a", "explicit": "e"}
LANGUAGES = {"internal": 12, "c": 13, "sql": 14}

_type_row = row_maker(PG_CATALOG["pg_type"])
_proc_row = row_maker(PG_CATALOG["pg_proc"])
_operator_row = row_maker(PG_CATALOG["pg_operator"])
_aggregate_row = row_maker(PG_CATALOG["pg_aggregate"])


def pg_type(session: Any) -> Iterator[Row]:
    """Data types: of the registries, and the row types of relations."""
    none = {
        "typsubscript": 0, "typinput": 0, "typoutput": 0, "typreceive": 0, "typsend": 0, "typmodin": 0, "typmodout": 0,
        "typanalyze": 0, "typnotnull": False, "typtypmod": -1, "typndims": 0, "typisdefined": True,
    }  # fmt: skip
    for type_ in session.types:
        length, by_value, alignment, storage = storage_of(type_)
        element = type_oid(session, type_.element) if type_.element is not None else 0
        is_domain = type_.kind == "domain"
        definition = session.types.definition(type_.name)
        yield _type_row(
            oid=type_.oid,
            typname=session.types.sql_name(type_.name),
            typnamespace=schema_oid(session, type_.schema),
            typowner=OWNER if definition is None else definition.owner,
            typlen=length,
            typbyval=by_value,
            typtype=TYPE_KINDS.get(type_.kind, "b"),
            typcategory=type_.category,
            typispreferred=type_.preferred,
            typdelim=type_.delimiter,
            typrelid=type_.oid if type_.kind == "composite" else 0,
            typelem=0 if is_domain else element,
            typarray=type_.array_oid or 0,
            typalign=alignment,
            typstorage=storage,
            typbasetype=element if is_domain else 0,
            typcollation=(950 if type_.name == "name" else 100) if type_.collatable else 0,
            **none | _domain_fields(session, type_.name) | dict(zip(IO, io_oids(type_, session.types))),
        )
    for relation in session.catalog.relations():
        if relation.kind in KINDS and relation.kind != "sequence":
            yield _type_row(
                oid=relation.oid + ROW_TYPES,
                typname=relation.name,
                typnamespace=schema_oid(session, relation.schema),
                typowner=relation.owner,
                typlen=-1,
                typbyval=False,
                typtype="c",
                typcategory="C",
                typispreferred=False,
                typdelim=",",
                typrelid=relation.oid,
                typelem=0,
                typarray=0,
                typalign="d",
                typstorage="x",
                typbasetype=0,
                typcollation=0,
                **none | dict(zip(IO, RECORD)),
            )


def _domain_fields(session: Any, name: str) -> dict[str, Any]:
    """Return what pg_type says of a domain alone."""
    definition = session.types.definition(name)
    if definition is None or definition.kind != "domain":
        return {}
    return {
        "typnotnull": definition.not_null, "typtypmod": definition.typmod, "typdefault": definition.default,
    }  # fmt: skip


def pg_enum(session: Any) -> Iterator[Row]:
    """Labels of enum types."""
    for definition in session.catalog.types():
        for place, label in enumerate(definition.labels, 1):
            yield stable_oid(f"enum {definition.oid} {label}"), definition.oid, float(place), label


def all_functions(session: Any) -> Iterator[Any]:
    """Yield every function of the registries."""
    for functions in session.registries.functions.values():
        yield from functions


def pg_proc(session: Any) -> Iterator[Row]:
    """Functions of all kinds."""
    for function in all_functions(session):
        yield _proc(session, function)


def _proc(session: Any, function: ScalarFunction | Aggregate | WindowFunction | TableFunction) -> Row:
    kind = "a" if isinstance(function, Aggregate) else "w" if isinstance(function, WindowFunction) else "f"
    is_set = isinstance(function, TableFunction)
    arguments = [type_oid(session, name) for name in function.arguments]
    columns = function.columns if isinstance(function, TableFunction) else ()
    names = getattr(function, "argument_names", ())
    variadic = getattr(function, "variadic", False)
    volatility = getattr(function, "volatility", None)
    element = session.types.element_of(function.arguments[-1]) if variadic and function.arguments else None
    return _proc_row(
        oid=function_oid(function.name, function.arguments),
        proname=function.name,
        pronamespace=schema_oid(session, function.schema),
        proowner=OWNER,
        prolang=LANGUAGES["internal"],
        procost=getattr(function, "cost", 1.0),
        prorows=function.rows if isinstance(function, TableFunction) else 0.0,
        provariadic=element.oid if element is not None else 0,
        prosupport=0,
        prokind=kind,
        prosecdef=False,
        proleakproof=False,
        proisstrict=kind == "f" and getattr(function, "strict", False),
        proretset=is_set,
        provolatile=VOLATILITY["immutable" if volatility is None else str(volatility)],
        proparallel="s",
        pronargs=len(arguments),
        pronargdefaults=len(getattr(function, "defaults", ())),
        prorettype=type_oid(session, function.returns),
        proargtypes=vector(arguments),
        proallargtypes=(*arguments, *[type_oid(session, type_) for _, type_ in columns]) if columns else None,
        proargmodes=("i",) * len(arguments) + ("o",) * len(columns) if columns else None,
        proargnames=(*(names or ("",) * len(arguments)), *[name for name, _ in columns]) if names or columns else None,
        prosrc=function.name,
    )


def pg_aggregate(session: Any) -> Iterator[Row]:
    """Aggregates."""
    kinds = {"normal": "n", "ordered_set": "o", "hypothetical": "h"}
    for function in all_functions(session):
        if isinstance(function, Aggregate):
            yield _aggregate_row(
                aggfnoid=function_oid(function.name, function.arguments),
                aggkind=kinds[function.kind],
                aggnumdirectargs=function.direct_arguments,
                aggtransfn=0,
                aggfinalfn=0,
                aggcombinefn=0,
                aggserialfn=0,
                aggdeserialfn=0,
                aggmtransfn=0,
                aggminvtransfn=0,
                aggmfinalfn=0,
                aggfinalextra=False,
                aggmfinalextra=False,
                aggfinalmodify="r",
                aggmfinalmodify="r",
                aggsortop=0,
                aggtranstype=type_oid(session, function.returns),
                aggtransspace=0,
                aggmtranstype=0,
                aggmtransspace=0,
            )


def operator_oid(name: str, left: str | None, right: str) -> int:
    """Return the OID of an operator."""
    return stable_oid(f"{name}({left},{right})")


def pg_operator(session: Any) -> Iterator[Row]:
    """Operators."""
    for operators in session.registries.operators.values():
        for operator in operators:
            arguments = (operator.right,) if operator.left is None else (operator.left, operator.right)
            yield _operator_row(
                oid=operator_oid(operator.name, operator.left, operator.right),
                oprname=operator.name,
                oprnamespace=schema_oid(session, operator.schema),
                oprowner=OWNER,
                oprkind="l" if operator.left is None else "b",
                oprcanmerge=operator.merges,
                oprcanhash=operator.hashes,
                oprleft=0 if operator.left is None else type_oid(session, operator.left),
                oprright=type_oid(session, operator.right),
                oprresult=type_oid(session, operator.returns),
                oprcom=0
                if operator.commutator is None or operator.left is None
                else operator_oid(operator.commutator, operator.right, operator.left),
                oprnegate=0
                if operator.negator is None
                else operator_oid(operator.negator, operator.left, operator.right),
                oprcode=function_oid(operator.function, arguments),
                oprrest=0,
                oprjoin=0,
            )


def pg_cast(session: Any) -> Iterator[Row]:
    """Casts."""
    for (source, target), cast in session.registries.casts.items():
        has_function = cast.implementation is not None
        yield (
            stable_oid(f"cast {source} {target}"),
            type_oid(session, source),
            type_oid(session, target),
            function_oid(target, (source,)) if has_function else 0,
            CAST_CONTEXTS[str(cast.context)],
            "f" if has_function else "b",
        )


def pg_am(session: Any) -> Iterator[Row]:
    """Access methods: the tables' one, and those of indexes."""
    yield 2, "heap", 0, "t"
    for name in session.registries.access_methods:
        yield access_method_oid(name), name, 0, "i"


def pg_opclass(session: Any) -> Iterator[Row]:
    """Operator classes."""
    for (method, type_name), classes in session.registries.operator_classes.items():
        for class_ in classes:
            yield (
                stable_oid(f"{method} {class_.name}"),
                access_method_oid(method),
                class_.name,
                schema_oid(session, class_.schema),
                OWNER,
                stable_oid(f"family {method} {class_.name}"),
                type_oid(session, type_name),
                class_.default,
                0,
            )


def pg_opfamily(session: Any) -> Iterator[Row]:
    """Operator families: each class is one of its own."""
    for (method, _), classes in session.registries.operator_classes.items():
        for class_ in classes:
            oid = stable_oid(f"family {method} {class_.name}")
            yield oid, access_method_oid(method), class_.name, schema_oid(session, class_.schema), OWNER


def pg_amop(session: Any) -> Iterator[Row]:
    """Operators of operator classes, by strategy number."""
    for (method, type_name), classes in session.registries.operator_classes.items():
        type_number = type_oid(session, type_name)
        for class_ in classes:
            family = stable_oid(f"family {method} {class_.name}")
            for strategy, name in class_.operators.items():
                oid = stable_oid(f"member {method} {class_.name} {strategy}")
                operator = operator_oid(name, type_name, type_name)
                yield oid, family, type_number, type_number, strategy, "s", operator, access_method_oid(method), 0


def pg_collation(session: Any) -> Iterator[Row]:
    """Collations."""
    for collation in session.registries.collations.values():
        oid = stable_oid(collation.name) if collation.oid is None else collation.oid
        provider = "d" if collation.name == "default" else "c"
        name = None if collation.name == "default" else collation.name
        yield (
            oid, collation.name, schema_oid(session, collation.schema), OWNER, provider, collation.deterministic, -1,
            name, name, None, None,
        )  # fmt: skip


def pg_language(session: Any) -> Iterator[Row]:
    """Languages of functions: those of the engine."""
    for name, oid in LANGUAGES.items():
        yield oid, name, OWNER, False, name == "sql", 0, 0, 0, None


CATALOG_VIEWS = (
    catalog_view("pg_aggregate", pg_aggregate, "Aggregate functions."),
    catalog_view("pg_am", pg_am, "Access methods."),
    catalog_view("pg_amop", pg_amop, "Operators of operator families."),
    catalog_view("pg_cast", pg_cast, "Casts between data types."),
    catalog_view("pg_collation", pg_collation, "Collations."),
    catalog_view("pg_enum", pg_enum, "Labels of enum types."),
    catalog_view("pg_language", pg_language, "Languages of functions."),
    catalog_view("pg_opclass", pg_opclass, "Operator classes."),
    catalog_view("pg_operator", pg_operator, "Operators."),
    catalog_view("pg_opfamily", pg_opfamily, "Operator families."),
    catalog_view("pg_proc", pg_proc, "Functions, aggregates and window functions."),
    catalog_view("pg_range", no_rows, "Range types; there are none."),
    catalog_view("pg_type", pg_type, "Data types."),
)
