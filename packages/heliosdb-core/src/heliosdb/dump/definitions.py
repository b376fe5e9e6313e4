"""The catalog as entries of a dump, in an order in which they can be made.

Sequences come before the types and tables whose defaults call them; what they are owned by is said behind the tables.
Foreign keys come last, so that tables may refer to each other in circles. Views come behind keys (a view that groups
by a key depends on it), unless a table or type needs their row type.

A view's query is kept as it was written, with the search_path under which it was: the dump sets that path around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.definitions import DataType, Extension, Relation, Schema
from heliosdb.dump.entry import Entry
from heliosdb.dump.order import in_order
from heliosdb.dump.roles import access_text, owner_text, role_entries
from heliosdb.dump.selection import DumpOptions, Selection
from heliosdb.dump.snapshot import is_stored, relation_name
from heliosdb.dump.tables import comment, constraint_entries, index_entries, option_list, table_entry
from heliosdb.dump.texts import DefinitionTexts
from heliosdb.errors import FeatureNotSupported, UndefinedTable
from heliosdb.sql.deparse import quote_identifier, quote_literal, quote_name

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import SequenceOptions
    from heliosdb.catalog.view import CatalogSnapshot
    from heliosdb.session import Session

__all__ = ["entries", "in_reference_order", "sequence_values"]

BUILT_IN_SCHEMAS = frozenset({"pg_catalog", "information_schema"})
RANK = {"sequence": 0, "type": 1, "table": 2, "view": 3}


def entries(session: Session, options: DumpOptions) -> list[Entry]:
    """Return the definitions that the options ask for. UndefinedTable where a pattern fits nothing."""
    return _Definitions(session, options).entries()


class _Definitions:
    def __init__(self, session: Session, options: DumpOptions) -> None:
        self.session = session
        self.catalog: CatalogSnapshot = session.catalog
        self.selection = Selection(options)
        self.texts = DefinitionTexts(session)
        self.made_by = _made_by(self.catalog)
        self.relations = [found for found in self.catalog.relations() if self._wants(found)]
        unmatched = self.selection.unmatched()
        if unmatched:
            raise UndefinedTable(f"no matching tables or schemas were found for {', '.join(map(repr, unmatched))}")

    def _wants(self, relation: Relation) -> bool:
        if relation.persistence == "temporary" or relation.schema in BUILT_IN_SCHEMAS:
            return False
        owner = relation.sequence.owned_by if relation.sequence is not None else None
        if owner is not None:
            # A sequence goes where its column's table goes.
            table = self.catalog.relation_by_oid(owner[0])
            if table is not None:
                return self.selection.takes(table.schema, table.name)
        return self.selection.takes(relation.schema, relation.name)

    def entries(self) -> list[Entry]:
        made: list[Entry] = []
        if self.selection.is_whole:
            made.extend(role_entries(self.session))
        if not self.selection.names_tables:
            made.extend(self._schemas())
            made.extend(self._extensions())
        views: list[Entry] = []
        needed_early = self._views_needed_early()
        for found in self._ordered():
            if isinstance(found, DataType):
                made.append(self._with_owner(self._type(found), found))
            elif found.kind == "sequence":
                if found.sequence is not None and not found.sequence.identity:
                    made.append(self._with_owner(self._sequence(found, found.sequence), found))
            elif found.kind == "table":
                made.append(self._with_owner(table_entry(found, self.catalog, self.texts), found))
            elif found.kind == "view":
                (made if found.oid in needed_early else views).append(self._with_owner(self._view(found), found))
            else:
                raise FeatureNotSupported(f'cannot dump {found.kind} "{found.name}"')
        made.extend(self._owned())
        tables = [found for found in self.relations if is_stored(found)]
        keys: list[Entry] = []
        references: list[Entry] = []
        for table in tables:
            for constraint, entry in constraint_entries(table, self.catalog, self.texts):
                (references if constraint.foreign is not None else keys).append(entry)
        indexes = [entry for table in tables for entry in index_entries(table, self.texts)]
        return [*made, *keys, *indexes, *references, *views]

    def _with_owner(self, entry: Entry, found: Relation | DataType | Schema) -> Entry:
        names = (found.name,) if isinstance(found, Schema) else (found.schema, found.name)
        text = owner_text(self.catalog, entry.kind, quote_name(names), found.owner)
        if not isinstance(found, DataType):
            kind = entry.kind if entry.kind in ("SEQUENCE", "SCHEMA") else "TABLE"
            text += access_text(self.catalog, kind, quote_name(names), found)
        if isinstance(found, Relation) and found.kind == "table":
            for other in self.catalog.sequences():
                options = other.sequence
                if options is not None and options.identity and (options.owned_by or (0, 0))[0] == found.oid:
                    text += access_text(self.catalog, "SEQUENCE", relation_name(other), other)
        return evolve(entry, sql=entry.sql + text) if text else entry

    # -- schemas and extensions ------------------------------------------------------------------------------------

    def _schemas(self) -> Iterator[Entry]:
        for name in self.catalog.schemas():
            schema = self.catalog.schema(name)
            if schema is None or name in BUILT_IN_SCHEMAS or name.startswith("pg_temp_"):
                continue
            if self.selection.takes_schema(name):
                yield self._with_owner(_schema(schema), schema)

    def _extensions(self) -> Iterator[Entry]:
        for extension in self.catalog.extensions.values():
            yield _extension(extension)

    # -- the rest, by what needs what ------------------------------------------------------------------------------

    def _ordered(self) -> list[Relation | DataType]:
        objects: dict[int, Relation | DataType] = {found.oid: found for found in self.relations}
        if not self.selection.names_tables:
            objects.update((t.oid, t) for t in self.catalog.types() if self.selection.takes_schema(t.schema))
        needs = {oid: self._needs(found) for oid, found in objects.items()}
        rank = {oid: (RANK[_kind(found)], oid) for oid, found in objects.items()}
        return [objects[oid] for oid in in_order(needs, rank)]

    def _needs(self, found: Relation | DataType) -> set[int]:
        if isinstance(found, DataType):
            names = [found.base] if found.base is not None else [a.type for a in found.attributes]
            return self._types(names)
        if found.kind == "sequence":
            return set()
        needs = self._types(column.type for column in found.columns if not column.dropped)
        needs.update(oid for oid, _ in found.dependencies)
        return needs

    def _types(self, names: Iterable[str]) -> set[int]:
        return {self.made_by[name] for name in names if name in self.made_by}

    def _views_needed_early(self) -> set[int]:
        """Return the views whose row type a table or type has, and what those views need in turn."""
        needed: set[int] = set()
        waiting = [oid for found in self.relations if found.kind == "table" for oid in self._needs(found)]
        waiting += [oid for found in self.catalog.types() for oid in self._needs(found)]
        while waiting:
            relation = self.catalog.relation_by_oid(waiting.pop())
            if relation is not None and relation.kind == "view" and relation.oid not in needed:
                needed.add(relation.oid)
                waiting.extend(self._needs(relation))
        return needed

    # -- objects -----------------------------------------------------------------------------------------------------

    def _sequence(self, relation: Relation, options: SequenceOptions) -> Entry:
        name = relation_name(relation)
        words = [f"CREATE SEQUENCE {name}"]
        if options.type != "int8":
            words.append(f"    AS {self.texts.type(options.type, -1)}")
        words.append(f"    START WITH {options.start}")
        words.append(f"    INCREMENT BY {options.increment}")
        words.append(f"    MINVALUE {options.minimum}")
        words.append(f"    MAXVALUE {options.maximum}")
        words.append(f"    CACHE {options.cache}")
        if options.cycle:
            words.append("    CYCLE")
        text = "\n".join(words) + ";\n" + comment("SEQUENCE", name, relation.comment)
        made = _entry("SEQUENCE", relation, text, name, table=self._owner(options))
        # One that a column owns goes with its table.
        return made if made.table is None else evolve(made, drop="", drop_existing="")

    def _owner(self, options: SequenceOptions) -> tuple[str, str] | None:
        table = None if options.owned_by is None else self.catalog.relation_by_oid(options.owned_by[0])
        return None if table is None else (table.schema, table.name)

    def _owned(self) -> Iterator[Entry]:
        for relation in self.relations:
            options = relation.sequence
            if options is None or options.owned_by is None or options.identity:
                continue
            table = self.catalog.relation_by_oid(options.owned_by[0])
            if table is None:
                continue
            column = table.columns[options.owned_by[1] - 1].name
            owner = f"{relation_name(table)}.{quote_identifier(column)}"
            sql = f"ALTER SEQUENCE {relation_name(relation)} OWNED BY {owner};\n"
            yield Entry(
                section="pre-data",
                kind="SEQUENCE OWNED BY",
                schema=relation.schema,
                name=relation.name,
                sql=sql,
                table=(table.schema, table.name),
            )

    def _type(self, found: DataType) -> Entry:
        name = quote_name((found.schema, found.name))
        kind = "DOMAIN" if found.kind == "domain" else "TYPE"
        if found.kind == "enum":
            labels = ",\n    ".join(map(quote_literal, found.labels))
            text = (
                f"CREATE TYPE {name} AS ENUM (\n    {labels}\n);\n" if labels else f"CREATE TYPE {name} AS ENUM ();\n"
            )
        elif found.kind == "composite":
            attributes = ",\n    ".join(
                f"{quote_identifier(a.name)} {self.texts.type(a.type, a.typmod)}{_collation(a.collation)}"
                for a in found.attributes
            )
            text = f"CREATE TYPE {name} AS (\n    {attributes}\n);\n" if attributes else f"CREATE TYPE {name} AS ();\n"
        else:
            text = self._domain(found, name)
        text += comment(kind, name, found.comment)
        return Entry(
            section="pre-data",
            kind=kind,
            schema=found.schema,
            name=found.name,
            sql=text,
            drop=f"DROP {kind} {name};\n",
            drop_existing=f"DROP {kind} IF EXISTS {name};\n",
        )

    def _domain(self, found: DataType, name: str) -> str:
        assert found.base is not None
        text = f"CREATE DOMAIN {name} AS {self.texts.type(found.base, found.typmod)}{_collation(found.collation)}"
        if found.not_null:
            text += " NOT NULL"
        if found.default is not None:
            text += f" DEFAULT {found.default}"
        later = ""
        for check in found.checks:
            condition = f"CONSTRAINT {quote_identifier(check.name)} CHECK ({check.expression})"
            if check.validated:
                text += f"\n    {condition}"
            else:
                later += f"ALTER DOMAIN {name} ADD {condition} NOT VALID;\n"
        return f"{text};\n{later}"

    def _view(self, relation: Relation) -> Entry:
        name = relation_name(relation)
        names = ", ".join(quote_identifier(column.name) for column in relation.columns if not column.dropped)
        columns = f" ({names})" if names else ""
        options = _options(relation)
        path = [found for found in relation.search_path if self.catalog.schema(found) is not None]
        path = [found for found in path if not found.startswith("pg_temp_")]
        text = ""
        if path and path != ["pg_catalog"]:
            text += f"SELECT pg_catalog.set_config('search_path', {quote_literal(_path(path))}, false);\n"
        text += f"CREATE VIEW {name}{columns}{options} AS\n{relation.query};\n"
        if path and path != ["pg_catalog"]:
            text += "SELECT pg_catalog.set_config('search_path', '', false);\n"
        for column in relation.columns:
            if not column.dropped:
                if column.default is not None:
                    default = self.texts.defaults.get((relation.oid, column.number), column.default)
                    text += f"ALTER VIEW {name} ALTER COLUMN {quote_identifier(column.name)} SET DEFAULT {default};\n"
                text += comment("COLUMN", f"{name}.{quote_identifier(column.name)}", column.comment)
        text += comment("VIEW", name, relation.comment)
        return _entry("VIEW", relation, text, name, section="post-data")


def _path(schemas: list[str]) -> str:
    # pg_catalog comes first by itself.
    return ", ".join(quote_identifier(name) for name in (schemas[1:] if schemas[0] == "pg_catalog" else schemas))


def _options(relation: Relation) -> str:
    return f" WITH ({option_list(relation.options)})" if relation.options else ""


def _collation(name: str | None) -> str:
    return "" if name is None else f" COLLATE pg_catalog.{quote_identifier(name)}"


def _made_by(catalog: CatalogSnapshot) -> dict[str, int]:
    """Return which object makes a type, by the type's internal name: row types and arrays included."""
    oids = [*(found.oid for found in catalog.types()), *(found.oid for found in catalog.relations())]
    return {name: oid for oid in oids for name in (f"#{oid}", f"_#{oid}")}


def _kind(found: Relation | DataType) -> str:
    if isinstance(found, DataType):
        return "type"
    return found.kind if found.kind in RANK else "view"


def _entry(
    kind: str,
    relation: Relation,
    sql: str,
    name: str,
    *,
    section: str = "pre-data",
    table: tuple[str, str] | None = None,
) -> Entry:
    return Entry(
        section="post-data" if section == "post-data" else "pre-data",
        kind=kind,
        schema=relation.schema,
        name=relation.name,
        sql=sql,
        drop=f"DROP {kind} {name};\n",
        drop_existing=f"DROP {kind} IF EXISTS {name};\n",
        table=table,
    )


def _schema(schema: Schema) -> Entry:
    name = quote_identifier(schema.name)
    text = comment("SCHEMA", name, schema.comment)
    if schema.name == "public":
        # Every database has it.
        return Entry(section="pre-data", kind="SCHEMA", schema="", name=schema.name, sql=text)
    return Entry(
        section="pre-data",
        kind="SCHEMA",
        schema="",
        name=schema.name,
        sql=f"CREATE SCHEMA {name};\n{text}",
        drop=f"DROP SCHEMA {name};\n",
        drop_existing=f"DROP SCHEMA IF EXISTS {name};\n",
    )


def _extension(extension: Extension) -> Entry:
    name = quote_identifier(extension.name)
    return Entry(
        section="pre-data",
        kind="EXTENSION",
        schema="",
        name=extension.name,
        sql=f"CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {quote_identifier(extension.schema)};\n",
        drop=f"DROP EXTENSION {name};\n",
        drop_existing=f"DROP EXTENSION IF EXISTS {name};\n",
    )


def in_reference_order(tables: list[Relation]) -> list[Relation]:
    """Return tables so that those which others refer to come before them, as far as there are no circles."""
    by_oid = {table.oid: table for table in tables}
    needs = {table.oid: {c.foreign.relation for c in table.constraints if c.foreign is not None} for table in tables}
    return [by_oid[oid] for oid in in_order(needs, {oid: oid for oid in by_oid})]


def sequence_values(session: Session, options: DumpOptions) -> Iterator[Entry]:
    """Yield where the sequences stand, identity columns' included."""
    selection = Selection(options)
    catalog = session.catalog
    for relation in sorted(catalog.sequences(), key=lambda found: (found.schema, found.name)):
        sequence = relation.sequence
        if sequence is None or relation.persistence == "temporary":
            continue
        table = None if sequence.owned_by is None else catalog.relation_by_oid(sequence.owned_by[0])
        owner = relation if table is None else table
        if not selection.takes(owner.schema, owner.name):
            continue
        last, called = session.database.sequences.state(sequence)
        name = quote_literal(relation_name(relation))
        yield Entry(
            section="data",
            kind="SEQUENCE SET",
            schema=relation.schema,
            name=relation.name,
            sql=f"SELECT pg_catalog.setval({name}, {last}, {'true' if called else 'false'});\n",
            table=None if table is None else (table.schema, table.name),
        )
