"""Tables, their constraints and their indexes as entries of a dump."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from heliosdb.dump.entry import Entry
from heliosdb.dump.snapshot import relation_name
from heliosdb.sql.deparse import quote_identifier, quote_literal, quote_name

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Relation
    from heliosdb.catalog.view import CatalogSnapshot
    from heliosdb.dump.texts import DefinitionTexts

__all__ = ["comment", "constraint_entries", "index_entries", "option_list", "table_entry"]


def comment(kind: str, name: str, text: str | None) -> str:
    """Return COMMENT ON an object, nothing where it has none."""
    return "" if text is None else f"COMMENT ON {kind} {name} IS {quote_literal(text)};\n"


def table_entry(relation: Relation, catalog: CatalogSnapshot, texts: DefinitionTexts) -> Entry:
    """Return a table with its columns, defaults and checks; keys and references come later."""
    name = relation_name(relation)
    identities = _identities(relation, catalog)
    lines = [_column(relation, column, identities, texts) for column in relation.columns if not column.dropped]
    checks = [found for found in relation.constraints if found.kind == "check" and found.validated]
    lines += [f"CONSTRAINT {quote_identifier(found.name)} {texts.constraints[found.oid]}" for found in checks]
    unlogged = "UNLOGGED " if relation.persistence == "unlogged" else ""
    body = "\n    " + ",\n    ".join(lines) + "\n" if lines else "\n"
    options = ""
    if relation.options:
        options = f"\nWITH ({option_list(relation.options)})"
    text = f"CREATE {unlogged}TABLE {name} ({body}){options};\n"
    for column in relation.columns:
        if not column.dropped and column.options:
            text += f"ALTER TABLE ONLY {name} ALTER COLUMN {quote_identifier(column.name)} "
            text += f"SET ({option_list(column.options)});\n"
    text += comment("TABLE", name, relation.comment)
    for column in relation.columns:
        if not column.dropped:
            text += comment("COLUMN", f"{name}.{quote_identifier(column.name)}", column.comment)
    for found in checks:
        text += comment("CONSTRAINT", f"{quote_identifier(found.name)} ON {name}", found.comment)
    for sequence in identities.values():
        text += comment("SEQUENCE", relation_name(sequence), sequence.comment)
    return Entry(
        section="pre-data",
        kind="TABLE",
        schema=relation.schema,
        name=relation.name,
        sql=text,
        drop=f"DROP TABLE {name};\n",
        drop_existing=f"DROP TABLE IF EXISTS {name};\n",
        table=(relation.schema, relation.name),
    )


def option_list(options: tuple[tuple[str, object], ...]) -> str:
    """Return options as WITH (...) has them."""
    return ", ".join(f"{quote_identifier(name)}={quote_literal(_option(value))}" for name, value in options)


def _option(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _identities(relation: Relation, catalog: CatalogSnapshot) -> dict[int, Relation]:
    """Return the sequences of the identity columns by attribute number."""
    return {
        found.sequence.owned_by[1]: found
        for found in catalog.sequences()
        if found.sequence is not None
        and found.sequence.identity
        and found.sequence.owned_by is not None
        and found.sequence.owned_by[0] == relation.oid
    }


def _column(
    relation: Relation, column: ColumnDefinition, identities: dict[int, Relation], texts: DefinitionTexts
) -> str:
    text = f"{quote_identifier(column.name)} {texts.type(column.type, column.typmod)}"
    if column.collation is not None:
        text += f" COLLATE pg_catalog.{quote_identifier(column.collation)}"
    if column.identity is not None:
        word = "ALWAYS" if column.identity.lower().startswith("a") else "BY DEFAULT"
        text += f" GENERATED {word} AS IDENTITY{_identity(identities.get(column.number))}"
    elif column.generated is not None:
        expression = texts.defaults.get((relation.oid, column.number), column.generated)
        text += f" GENERATED ALWAYS AS ({expression}) STORED"
    elif column.default is not None:
        text += f" DEFAULT {texts.defaults.get((relation.oid, column.number), column.default)}"
    if column.not_null and column.identity is None:
        text += " NOT NULL"
    if column.form is not None:
        text += f" {column.form.text}"
    return text


def _identity(sequence: Relation | None) -> str:
    if sequence is None or sequence.sequence is None:
        return ""
    options = sequence.sequence
    words = [
        f"SEQUENCE NAME {relation_name(sequence)}",
        f"START WITH {options.start}",
        f"INCREMENT BY {options.increment}",
        f"MINVALUE {options.minimum}",
        f"MAXVALUE {options.maximum}",
        f"CACHE {options.cache}",
    ]
    if options.cycle:
        words.append("CYCLE")
    return f" ({' '.join(words)})"


def constraint_entries(
    relation: Relation, catalog: CatalogSnapshot, texts: DefinitionTexts
) -> Iterator[tuple[Constraint, Entry]]:
    """Yield the constraints that are added when the rows are there."""
    table = relation_name(relation)
    for found in relation.constraints:
        if found.kind == "check" and found.validated:
            continue
        name = quote_identifier(found.name)
        text = f"ALTER TABLE ONLY {table}\n    ADD CONSTRAINT {name} {texts.constraints[found.oid]};\n"
        text += comment("CONSTRAINT", f"{name} ON {table}", found.comment)
        kind = (
            "FK CONSTRAINT" if found.foreign is not None else f"{'CHECK ' if found.kind == 'check' else ''}CONSTRAINT"
        )
        referenced = None if found.foreign is None else catalog.relation_by_oid(found.foreign.relation)
        yield (
            found,
            Entry(
                section="post-data",
                kind=kind,
                schema=relation.schema,
                name=f"{relation.name} {found.name}",
                sql=text,
                drop=f"ALTER TABLE ONLY {table} DROP CONSTRAINT {name};\n",
                drop_existing=f"ALTER TABLE IF EXISTS ONLY {table} DROP CONSTRAINT IF EXISTS {name};\n",
                table=(relation.schema, relation.name),
                references=None if referenced is None else (referenced.schema, referenced.name),
            ),
        )


def index_entries(relation: Relation, texts: DefinitionTexts) -> Iterator[Entry]:
    """Yield the indexes that no constraint makes."""
    for index in relation.indexes:
        name = quote_name((index.schema, index.name))
        if index.constraint is not None:
            if index.comment is not None:
                yield Entry(
                    section="post-data",
                    kind="COMMENT",
                    schema=index.schema,
                    name=f"INDEX {index.name}",
                    sql=comment("INDEX", name, index.comment),
                    table=(relation.schema, relation.name),
                )
            continue
        yield Entry(
            section="post-data",
            kind="INDEX",
            schema=index.schema,
            name=index.name,
            sql=f"{texts.indexes[index.oid]};\n{comment('INDEX', name, index.comment)}",
            drop=f"DROP INDEX {name};\n",
            drop_existing=f"DROP INDEX IF EXISTS {name};\n",
            table=(relation.schema, relation.name),
        )
