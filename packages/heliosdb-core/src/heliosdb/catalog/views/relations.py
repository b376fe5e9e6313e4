"""pg_class and what hangs on it: schemas, attributes, defaults, indexes, constraints, sequences, comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb.catalog.access import access_list, spelled_entry
from heliosdb.catalog.definitions import Constraint, DataType, DomainCheck, Index, IndexKey, Relation, Schema
from heliosdb.catalog.storage import FIRST_OID
from heliosdb.catalog.views.columns import PG_CATALOG
from heliosdb.catalog.views.support import (
    CATALOG_OIDS,
    OWNER,
    ROW_TYPES,
    catalog_view,
    collation_oid,
    describe,
    no_rows,
    row_maker,
    schema_oid,
    storage_of,
    system_relations,
    type_oid,
)
from heliosdb.types.oid import vector
from heliosdb.types.registry import stable_oid

__all__ = ["CATALOG_VIEWS"]

Row = tuple[Any, ...]

KINDS = {"table": "r", "view": "v", "materialized view": "m", "sequence": "S"}
PERSISTENCE = {"permanent": "p", "unlogged": "u", "temporary": "t"}
CONSTRAINT_KINDS = {"check": "c", "foreign key": "f", "primary key": "p", "unique": "u"}
ACTIONS = {"no action": "a", "restrict": "r", "cascade": "c", "set null": "n", "set default": "d"}
MATCHES = {"simple": "s", "full": "f", "partial": "p"}
PAGE = 8192

_class_row = row_maker(PG_CATALOG["pg_class"])
_attribute_row = row_maker(PG_CATALOG["pg_attribute"])
_index_row = row_maker(PG_CATALOG["pg_index"])
_constraint_row = row_maker(PG_CATALOG["pg_constraint"])


def pg_namespace(session: Any) -> Iterator[Row]:
    """Schemas."""
    for name in session.catalog.schemas():
        schema = session.catalog.schema(name)
        yield schema.oid, schema.name, schema.owner, _access_list(session, schema)
    temporary = {relation.schema for relation in session.catalog.relations() if relation.schema.startswith("pg_temp_")}
    for name in sorted(temporary):
        yield schema_oid(session, name), name, OWNER, None


def _estimate(session: Any, relation: Relation) -> float:
    if relation.kind != "table":
        return 0.0 if relation.kind != "sequence" else 1.0
    return float(session.transaction.view(relation.oid).estimated_rows())


def _access_list(session: Any, target: Relation | Schema) -> tuple[str, ...] | None:
    """Return an access list as PostgreSQL shows it; NULL where nothing was granted on what has no list at first."""
    if target.acl is None and not isinstance(target, Schema):
        return None
    if target.acl is None and target.oid >= FIRST_OID:
        return None
    return tuple([spelled_entry(session.catalog, entry) for entry in access_list(target)])


def pg_class(session: Any) -> Iterator[Row]:
    """Tables, views, sequences, indexes, and the system catalogs themselves."""
    common = {
        "reloftype": 0, "reltablespace": 0, "relallvisible": 0, "reltoastrelid": 0, "relisshared": False,
        "relhassubclass": False, "relrowsecurity": False, "relforcerowsecurity": False, "relispopulated": True,
        "relispartition": False, "relrewrite": 0, "relfrozenxid": 0, "relminmxid": 0,
    }  # fmt: skip
    for relation in session.catalog.relations():
        rows = _estimate(session, relation)
        is_table = relation.kind == "table"
        yield _class_row(
            oid=relation.oid,
            relname=relation.name,
            relnamespace=schema_oid(session, relation.schema),
            reltype=0 if relation.kind == "sequence" else relation.oid + ROW_TYPES,
            relowner=relation.owner,
            relam=2 if is_table else 0,
            relfilenode=0 if relation.kind == "view" else relation.oid,
            relpages=int(rows * 64) // PAGE + 1 if rows else 0,
            reltuples=rows,
            relhasindex=bool(relation.indexes),
            relpersistence=PERSISTENCE[relation.persistence],
            relkind=KINDS[relation.kind],
            relnatts=3 if relation.kind == "sequence" else len(relation.columns),
            relchecks=sum(1 for constraint in relation.constraints if constraint.kind == "check"),
            relhasrules=relation.kind == "view",
            relhastriggers=bool(
                session.catalog.relations_referencing(relation.oid)
                or any(constraint.foreign is not None for constraint in relation.constraints)
            ),
            relreplident="d" if is_table else "n",
            relacl=_access_list(session, relation),
            reloptions=tuple(f"{name}={value}" for name, value in relation.options) or None,
            **common,
        )
        for index in relation.indexes:
            yield _class_row(
                oid=index.oid,
                relname=index.name,
                relnamespace=schema_oid(session, index.schema),
                reltype=0,
                relowner=relation.owner,
                relam=access_method_oid(index.method),
                relfilenode=index.oid,
                relpages=1,
                reltuples=rows,
                relhasindex=False,
                relpersistence=PERSISTENCE[relation.persistence],
                relkind="i",
                relnatts=len(index.keys) + len(index.include),
                relchecks=0,
                relhasrules=False,
                relhastriggers=False,
                relreplident="n",
                reloptions=tuple(f"{name}={value}" for name, value in index.options) or None,
                **common,
            )
    for type_ in session.catalog.types():
        if type_.kind == "composite":
            yield _class_row(
                oid=type_.oid,
                relname=type_.name,
                relnamespace=schema_oid(session, type_.schema),
                reltype=type_.oid,
                relowner=type_.owner,
                relam=0,
                relfilenode=0,
                relpages=0,
                reltuples=-1.0,
                relhasindex=False,
                relpersistence="p",
                relkind="c",
                relnatts=len(type_.attributes),
                relchecks=0,
                relhasrules=False,
                relhastriggers=False,
                relreplident="n",
                **common,
            )
    for oid, view in system_relations(session):
        is_catalog = oid in CATALOG_OIDS.values()
        yield _class_row(
            oid=oid,
            relname=view.name,
            relnamespace=schema_oid(session, view.schema),
            reltype=oid + ROW_TYPES,
            relowner=OWNER,
            relam=2 if is_catalog else 0,
            relfilenode=0,
            relpages=0,
            reltuples=-1.0 if is_catalog else 0.0,
            relhasindex=False,
            relpersistence="p",
            relkind="r" if is_catalog else "v",
            relnatts=len(view.columns),
            relchecks=0,
            relhasrules=not is_catalog,
            relhastriggers=False,
            relreplident="n",
            **common,
        )


def access_method_oid(name: str) -> int:
    """Return the OID of an index access method."""
    return {"btree": 403, "hash": 405, "gist": 783, "gin": 2742, "spgist": 4000, "brin": 3580}.get(
        name, stable_oid(name)
    )


def pg_attribute(session: Any) -> Iterator[Row]:
    """Columns of everything that has columns, dropped ones included."""
    for relation in session.catalog.relations():
        if relation.kind == "sequence":
            for number, (name, type_name) in enumerate(
                (("last_value", "int8"), ("log_cnt", "int8"), ("is_called", "bool")), 1
            ):
                yield _attribute(session, relation.oid, number, name, type_name, not_null=True)
            continue
        for column in relation.columns:
            if column.dropped:
                yield _attribute(
                    session,
                    relation.oid,
                    column.number,
                    f"........pg.dropped.{column.number}........",
                    None,
                    dropped=True,
                )
                continue
            identity = {"always": "a", "by default": "d"}.get(column.identity or "", "")
            yield _attribute(
                session,
                relation.oid,
                column.number,
                column.name,
                column.type,
                typmod=column.typmod,
                not_null=column.not_null,
                has_default=column.default is not None or column.generated is not None,
                identity=identity,
                generated="s" if column.generated is not None else "",
                collation=collation_oid(session, column),
                options=tuple(f"{name}={value}" for name, value in column.options) or None,
            )
        for index in relation.indexes:
            for number, (name, type_name, typmod) in enumerate(index_columns(session, relation, index), 1):
                yield _attribute(session, index.oid, number, name, type_name, typmod=typmod)
    for type_ in session.catalog.types():
        for number, field in enumerate(type_.attributes, 1):
            yield _attribute(session, type_.oid, number, field.name, field.type, typmod=field.typmod)
    for oid, view in system_relations(session):
        for number, (name, type_name) in enumerate(view.columns, 1):
            yield _attribute(session, oid, number, name, type_name)


def index_columns(session: Any, relation: Relation, index: Index) -> Iterator[tuple[str, str, int]]:
    """Yield (name, type, typmod) of an index's columns: called as what it is over, with a number the second time."""
    taken: set[str] = set()
    for key in (*index.keys, *[IndexKey(column=number) for number in index.include]):
        if key.column is not None:
            column = relation.columns[key.column - 1]
            name, type_name, typmod = column.name, column.type, column.typmod
        else:
            name, type_name, typmod = describe("expression_name")(session, key.expression), key.type, -1
        base, count = name, 0
        while name in taken:
            count += 1
            name = f"{base}{count}"
        taken.add(name)
        yield name, type_name, typmod


def _attribute(
    session: Any,
    relation: int,
    number: int,
    name: str,
    type_name: str | None,
    *,
    typmod: int = -1,
    not_null: bool = False,
    has_default: bool = False,
    identity: str = "",
    generated: str = "",
    collation: int = 0,
    dropped: bool = False,
    options: tuple[str, ...] | None = None,
) -> Row:
    found = None if type_name is None else session.types.find(type_name)
    length, by_value, alignment, storage = (-1, False, "i", "p") if found is None else storage_of(found)
    return _attribute_row(
        attrelid=relation,
        attname=name,
        atttypid=0 if found is None else found.oid,
        attstattarget=0 if dropped else -1,
        attlen=length,
        attnum=number,
        attndims=1 if found is not None and found.kind == "array" else 0,
        attcacheoff=-1,
        atttypmod=typmod,
        attbyval=by_value,
        attalign=alignment,
        attstorage=storage,
        attcompression="",
        attnotnull=not_null,
        atthasdef=has_default,
        atthasmissing=False,
        attidentity=identity,
        attgenerated=generated,
        attisdropped=dropped,
        attislocal=True,
        attinhcount=0,
        attcollation=collation,
        attoptions=options,
    )


def default_oid(relation: Relation, number: int) -> int:
    """Return the OID of a column's default, which the catalog does not number."""
    return stable_oid(f"default {relation.oid} {number}")


def pg_attrdef(session: Any) -> Iterator[Row]:
    """Defaults and generation expressions."""
    for relation in session.catalog.relations():
        for column in relation.columns:
            text = column.default if column.generated is None else column.generated
            if text is not None and not column.dropped:
                shown = describe("column_default")(session, relation, column)
                yield default_oid(relation, column.number), relation.oid, column.number, shown


def pg_index(session: Any) -> Iterator[Row]:
    """Indexes."""
    for relation in session.catalog.relations():
        for index in relation.indexes:
            yield _index(session, relation, index)


def _index(session: Any, relation: Relation, index: Index) -> Row:
    expressions = [key.expression for key in index.keys if key.expression is not None]
    collations, classes, options = [], [], []
    for key in index.keys:
        type_name = key.type if key.column is None else relation.columns[key.column - 1].type
        found = session.types.find(type_name)
        collations.append(100 if found is not None and found.collatable else 0)
        classes.append(stable_oid(f"{index.method} {key.operator_class or type_name}"))
        options.append((1 if key.descending else 0) | (2 if key.nulls_first else 0))
    shown = describe("index_expressions")(session, relation, index) if expressions else None
    return _index_row(
        indexrelid=index.oid,
        indrelid=relation.oid,
        indnatts=len(index.keys) + len(index.include),
        indnkeyatts=len(index.keys),
        indisunique=index.unique,
        indnullsnotdistinct=index.nulls_not_distinct,
        indisprimary=index.primary,
        indisexclusion=False,
        indimmediate=not index.deferrable,
        indisclustered=False,
        indisvalid=index.valid,
        indcheckxmin=False,
        indisready=True,
        indislive=True,
        indisreplident=False,
        indkey=vector((*[key.column or 0 for key in index.keys], *index.include)),
        indcollation=vector(collations),
        indclass=vector(classes),
        indoption=vector(options),
        indexprs=shown,
        indpred=describe("index_predicate")(session, relation, index) if index.predicate is not None else None,
    )


def pg_constraint(session: Any) -> Iterator[Row]:
    """Constraints."""
    for relation in session.catalog.relations():
        for constraint in relation.constraints:
            yield _constraint(session, relation, constraint)
    for kind in session.catalog.types():
        for check in kind.checks:
            yield _domain_check(session, kind, check)


def _domain_check(session: Any, domain: DataType, check: DomainCheck) -> Row:
    return _constraint_row(
        oid=check.oid,
        conname=check.name,
        connamespace=schema_oid(session, domain.schema),
        contype="c",
        condeferrable=False,
        condeferred=False,
        convalidated=check.validated,
        conrelid=0,
        contypid=domain.oid,
        conindid=0,
        conparentid=0,
        confrelid=0,
        confupdtype=" ",
        confdeltype=" ",
        confmatchtype=" ",
        conislocal=True,
        coninhcount=0,
        connoinherit=False,
        conkey=None,
        confkey=None,
        confdelsetcols=None,
        conbin=describe("domain_check")(session, domain, check),
    )


def _constraint(session: Any, relation: Relation, constraint: Constraint) -> Row:
    foreign = constraint.foreign
    return _constraint_row(
        oid=constraint.oid,
        conname=constraint.name,
        connamespace=schema_oid(session, relation.schema),
        contype=CONSTRAINT_KINDS[constraint.kind],
        condeferrable=constraint.deferrable,
        condeferred=constraint.initially_deferred,
        convalidated=constraint.validated,
        conrelid=relation.oid,
        contypid=0,
        conindid=constraint.index or 0,
        conparentid=0,
        confrelid=0 if foreign is None else foreign.relation,
        confupdtype=" " if foreign is None else ACTIONS[foreign.on_update],
        confdeltype=" " if foreign is None else ACTIONS[foreign.on_delete],
        confmatchtype=" " if foreign is None else MATCHES[foreign.match],
        conislocal=True,
        coninhcount=0,
        connoinherit=constraint.kind != "check" or constraint.no_inherit,
        conkey=constraint.columns or None,
        confkey=None if foreign is None else foreign.columns,
        confdelsetcols=None if foreign is None else foreign.set_columns or None,
        conbin=None if constraint.expression is None else describe("check_expression")(session, relation, constraint),
    )


def pg_sequence(session: Any) -> Iterator[Row]:
    """Sequences' parameters."""
    for relation in session.catalog.sequences():
        options = relation.sequence
        yield (
            relation.oid,
            type_oid(session, options.type),
            options.start,
            options.increment,
            options.maximum,
            options.minimum,
            options.cache,
            options.cycle,
        )


def pg_description(session: Any) -> Iterator[Row]:
    """Comments."""
    classes = CATALOG_OIDS["pg_class"]
    for relation in session.catalog.relations():
        if relation.comment is not None:
            yield relation.oid, classes, 0, relation.comment
        for column in relation.columns:
            if column.comment is not None and not column.dropped:
                yield relation.oid, classes, column.number, column.comment
        for index in relation.indexes:
            if index.comment is not None:
                yield index.oid, classes, 0, index.comment
        for constraint in relation.constraints:
            if constraint.comment is not None:
                yield constraint.oid, CATALOG_OIDS["pg_constraint"], 0, constraint.comment
    for name in session.catalog.schemas():
        schema = session.catalog.schema(name)
        if schema.comment is not None:
            yield schema.oid, CATALOG_OIDS["pg_namespace"], 0, schema.comment


def pg_depend(session: Any) -> Iterator[Row]:
    """What depends on what, as it follows from the definitions."""
    classes, constraints = CATALOG_OIDS["pg_class"], CATALOG_OIDS["pg_constraint"]
    for relation in session.catalog.relations():
        yield classes, relation.oid, 0, CATALOG_OIDS["pg_namespace"], schema_oid(session, relation.schema), 0, "n"
        if relation.sequence is not None and relation.sequence.owned_by is not None:
            table, number = relation.sequence.owned_by
            yield classes, relation.oid, 0, classes, table, number, "i" if relation.sequence.identity else "a"
        for index in relation.indexes:
            if index.constraint is not None:
                yield classes, index.oid, 0, constraints, index.constraint, 0, "i"
                continue
            for key in index.keys:
                yield classes, index.oid, 0, classes, relation.oid, key.column or 0, "a"
        for constraint in relation.constraints:
            for number in constraint.columns or (0,):
                yield constraints, constraint.oid, 0, classes, relation.oid, number, "a"
            if constraint.foreign is not None:
                for number in constraint.foreign.columns:
                    yield constraints, constraint.oid, 0, classes, constraint.foreign.relation, number, "n"
                yield constraints, constraint.oid, 0, classes, constraint.index or 0, 0, "n"
        for oid, number in relation.dependencies:
            yield CATALOG_OIDS["pg_rewrite"], rule_oid(relation), 0, classes, oid, number, "n"


def rule_oid(relation: Relation) -> int:
    """Return the OID of a view's rule, which the catalog does not number."""
    return stable_oid(f"rule {relation.oid}")


def pg_rewrite(session: Any) -> Iterator[Row]:
    """Rules: one for each view."""
    for relation in session.catalog.relations():
        if relation.kind == "view":
            yield rule_oid(relation), "_RETURN", relation.oid, "1", "O", True, "<>", relation.query


CATALOG_VIEWS = (
    catalog_view("pg_attrdef", pg_attrdef, "Column defaults and generation expressions."),
    catalog_view("pg_attribute", pg_attribute, "Columns of relations."),
    catalog_view("pg_class", pg_class, "Tables, views, sequences and indexes."),
    catalog_view("pg_constraint", pg_constraint, "Check, key and foreign-key constraints."),
    catalog_view("pg_depend", pg_depend, "Dependencies between objects."),
    catalog_view("pg_description", pg_description, "Comments on objects."),
    catalog_view("pg_index", pg_index, "Indexes: keys and properties."),
    catalog_view("pg_inherits", no_rows, "Inheritance of tables; there is none."),
    catalog_view("pg_namespace", pg_namespace, "Schemas."),
    catalog_view("pg_rewrite", pg_rewrite, "Rules: those of views."),
    catalog_view("pg_sequence", pg_sequence, "Parameters of sequences."),
)
