"""Constraints of columns and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError
from heliosdb.sql.parser import expressions, indexes, options, sequences
from heliosdb.sql.statements import (
    CheckConstraint,
    Constraint,
    DefaultConstraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    GeneratedColumn,
    IdentityColumn,
    IndexElement,
    NotNullConstraint,
    NullConstraint,
    Option,
    PrimaryKeyConstraint,
    QualifiedName,
    UniqueConstraint,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "TABLE_CONSTRAINTS",
    "attributes",
    "column_constraint",
    "constraint_timing",
    "generated_when",
    "table_constraint",
]

#: Words that begin a table constraint, beside CONSTRAINT.
TABLE_CONSTRAINTS: Final = frozenset({"constraint", "check", "unique", "primary", "exclude", "foreign"})
_DEFERRABLE = (PrimaryKeyConstraint, UniqueConstraint, ExclusionConstraint, ForeignKeyConstraint)


def column_constraint(p: Parser) -> Constraint | None:
    """Read one constraint of a column; None when none begins here."""
    position = p.position
    if p.accept("constraint"):
        name = p.identifier()
        found = unnamed_column_constraint(p)
        if found is None:
            p.unexpected()
        return evolve(found, name=name, position=position)
    return unnamed_column_constraint(p)


def unnamed_column_constraint(p: Parser) -> Constraint | None:
    position = p.position
    kind = p.kind
    if kind == "not" and p.next_kind() != "deferrable":
        p.advance()
        p.expect("null")
        return NotNullConstraint(position=position)
    if kind == "null":
        p.advance()
        return NullConstraint(position=position)
    if kind == "unique":
        p.advance()
        distinct = nulls_not_distinct(p)
        return UniqueConstraint(
            nulls_not_distinct=distinct, options=with_definition(p), tablespace=index_tablespace(p), position=position
        )
    if kind == "primary":
        p.advance()
        p.expect("key")
        return PrimaryKeyConstraint(options=with_definition(p), tablespace=index_tablespace(p), position=position)
    if kind == "check":
        p.advance()
        p.expect("(")
        expression = expressions.expression(p)
        p.expect(")")
        no_inherit = p.accept("no")
        if no_inherit:
            p.expect("inherit")
        return CheckConstraint(expression, no_inherit, position=position)
    if kind == "default":
        p.advance()
        return DefaultConstraint(expressions.restricted_expression(p), position=position)
    if kind == "generated":
        return generated(p)
    if kind == "references":
        return references(p, (), position)
    return None


def generated_when(p: Parser) -> str:
    """Read ``ALWAYS`` or ``BY DEFAULT``."""
    if p.accept("always"):
        return "always"
    p.expect_all("by", "default")
    return "by default"


def generated(p: Parser) -> Constraint:
    position = p.position
    p.advance()
    at = p.position
    when = generated_when(p)
    p.expect("as")
    if p.accept("identity"):
        return IdentityColumn(when, sequences.parenthesized_options(p), position=position)  # type: ignore[arg-type]
    p.expect("(")
    expression = expressions.expression(p)
    p.expect_all(")", "stored")
    if when != "always":
        raise SqlSyntaxError("for a generated column, GENERATED ALWAYS must be specified", position=at)
    return GeneratedColumn(expression, position=position)


def constraint_timing(p: Parser, constraints: list[Constraint], said: set[str]) -> bool:
    """Read DEFERRABLE and INITIALLY, which belong to the column constraint before; False when none is here.

    ``said`` holds what was said of that constraint already; the caller empties it when the next one begins.
    """
    position = p.position
    if p.kind == "not" and p.next_kind() == "deferrable":
        p.advance()
        p.advance()
        word = "NOT DEFERRABLE"
    elif p.kind == "deferrable":
        p.advance()
        word = "DEFERRABLE"
    elif p.kind == "initially":
        p.advance()
        word = f"INITIALLY {p.one_of('immediate', 'deferred').upper()}"
    else:
        return False
    if not constraints or not isinstance(constraints[-1], _DEFERRABLE):
        raise SqlSyntaxError(f"misplaced {word} clause", position=position)
    initially = word.startswith("INITIALLY")
    if any(other.startswith("INITIALLY") == initially for other in said):
        both = "INITIALLY IMMEDIATE/DEFERRED" if initially else "DEFERRABLE/NOT DEFERRABLE"
        raise SqlSyntaxError(f"multiple {both} clauses not allowed", position=position)
    said.add(word)
    if {"NOT DEFERRABLE", "INITIALLY DEFERRED"} <= said:
        raise SqlSyntaxError("constraint declared INITIALLY DEFERRED must be DEFERRABLE", position=position)
    last: Constraint = constraints[-1]
    deferred = "INITIALLY DEFERRED" in said
    constraints[-1] = evolve(last, deferrable=deferred or "DEFERRABLE" in said, initially_deferred=deferred)
    return True


# -- of tables --------------------------------------------------------------------------------------------------------


def table_constraint(p: Parser) -> Constraint:
    """Read ``[CONSTRAINT name] constraint attributes``."""
    position = p.position
    if p.accept("constraint"):
        name = p.identifier()
        return evolve(unnamed_table_constraint(p), name=name, position=position)
    return unnamed_table_constraint(p)


def unnamed_table_constraint(p: Parser) -> Constraint:
    position = p.position
    kind = p.one_of("check", "unique", "primary", "exclude", "foreign")
    if kind == "check":
        p.expect("(")
        expression = expressions.expression(p)
        p.expect(")")
        found = attributes(p, "CHECK", not_valid=True, no_inherit=True)
        return CheckConstraint(expression, **found, position=position)
    if kind == "foreign":
        p.expect("key")
        columns = p.parenthesized_names()
        if p.kind != "references":
            p.unexpected()
        return references(p, columns, position, table_constraint=True)
    if kind == "exclude":
        return exclusion(p, position)
    primary = kind == "primary"
    if primary:
        p.expect("key")
    distinct = False if primary else nulls_not_distinct(p)
    fields: dict[str, Any] = {}
    if p.kind == "using" and not distinct:
        p.advance()
        p.expect("index")
        fields["index"] = p.identifier()
    else:
        fields["columns"] = key_columns(p)
        fields["include"] = p.parenthesized_names() if p.accept("include") else ()
        fields["options"] = with_definition(p)
        fields["tablespace"] = index_tablespace(p)
    fields |= attributes(p, "PRIMARY KEY" if primary else "UNIQUE", deferrable=True)
    if primary:
        return PrimaryKeyConstraint(**fields, position=position)
    return UniqueConstraint(nulls_not_distinct=distinct, **fields, position=position)


def key_columns(p: Parser) -> tuple[str, ...]:
    """Read the columns of a key."""
    p.expect("(")
    names = p.separated(p.identifier)
    if p.at_keyword("without", "overlaps"):
        raise p.unsupported("WITHOUT OVERLAPS")
    p.expect(")")
    return names


def exclusion(p: Parser, position: int) -> ExclusionConstraint:
    method = p.identifier() if p.accept("using") else None
    p.expect("(")
    elements = p.separated(lambda: exclusion_element(p))
    p.expect(")")
    include = p.parenthesized_names() if p.accept("include") else ()
    found = with_definition(p)
    tablespace = index_tablespace(p)
    where = None
    if p.accept("where"):
        p.expect("(")
        where = expressions.expression(p)
        p.expect(")")
    timing = attributes(p, "EXCLUDE", deferrable=True)
    return ExclusionConstraint(elements, method, include, found, tablespace, where, **timing, position=position)


def exclusion_element(p: Parser) -> tuple[IndexElement, QualifiedName]:
    element = indexes.index_element(p)
    p.expect("with")
    position = p.position
    if p.kind == "operator" and p.next_kind() == "(":
        return element, expressions.qualified_operator(p)
    return element, QualifiedName(expressions.dotted_operator(p), position=position)


def references(
    p: Parser, columns: tuple[str, ...], position: int, *, table_constraint: bool = False
) -> ForeignKeyConstraint:
    """Read ``REFERENCES table (columns) MATCH ... ON DELETE ... ON UPDATE ...``."""
    p.advance()
    table = p.qualified_name()
    referenced = p.parenthesized_names() if p.kind == "(" else ()
    match = "simple"
    at = p.position
    if p.accept("match"):
        match = p.one_of("full", "partial", "simple")
        if match == "partial":
            raise FeatureNotSupported("MATCH PARTIAL not yet implemented", position=at)
    actions: dict[str, str] = {}
    delete_columns: tuple[str, ...] = ()
    while p.kind == "on":
        at = p.position
        p.advance()
        event = p.kind
        if event not in ("delete", "update") or event in actions:
            p.unexpected()
        p.advance()
        actions[event], listed = key_action(p)
        if listed and event == "update":
            raise FeatureNotSupported(
                f"a column list with {actions[event].upper()} is only supported for ON DELETE actions", position=at
            )
        delete_columns = delete_columns or listed
    timing = attributes(p, "FOREIGN KEY", deferrable=True, not_valid=True) if table_constraint else {}
    return ForeignKeyConstraint(
        columns,
        table,
        referenced,
        match,  # type: ignore[arg-type]
        actions.get("delete", "no action"),  # type: ignore[arg-type]
        actions.get("update", "no action"),  # type: ignore[arg-type]
        delete_columns,
        **timing,
        position=position,
    )


def key_action(p: Parser) -> tuple[str, tuple[str, ...]]:
    kind = p.one_of("no", "restrict", "cascade", "set")
    if kind == "no":
        p.expect("action")
        return "no action", ()
    if kind != "set":
        return kind, ()
    kind = "set " + p.one_of("null", "default")
    return kind, p.parenthesized_names() if p.kind == "(" else ()


def nulls_not_distinct(p: Parser) -> bool:
    """Read ``NULLS [NOT] DISTINCT`` if it is there."""
    if not p.accept("nulls"):
        return False
    found = p.accept("not")
    p.expect("distinct")
    return found


def with_definition(p: Parser) -> tuple[Option, ...]:
    """Read ``WITH (options)`` if it is there."""
    if p.kind != "with":
        return ()
    p.advance()
    return options.relation_options(p)


def index_tablespace(p: Parser) -> str | None:
    """Read ``USING INDEX TABLESPACE name`` if it is there."""
    if not p.accept("using"):
        return None
    p.expect_all("index", "tablespace")
    return p.identifier()


def attributes(
    p: Parser, what: str, *, deferrable: bool = False, not_valid: bool = False, no_inherit: bool = False
) -> dict[str, Any]:
    """Read DEFERRABLE, INITIALLY ..., NOT VALID, NO INHERIT behind a table constraint, and check what it may have."""
    start = p.position
    found: set[str] = set()
    while True:
        position = p.position
        kind = p.kind
        if kind == "not":
            p.advance()
            found.add("not " + p.one_of("deferrable", "valid"))
        elif kind == "deferrable":
            p.advance()
            found.add("deferrable")
        elif kind == "initially":
            p.advance()
            found.add(p.one_of("immediate", "deferred"))
        elif kind == "no":
            p.advance()
            p.expect("inherit")
            found.add("no inherit")
        else:
            break
        if {"not deferrable", "deferred"} <= found:
            raise SqlSyntaxError("constraint declared INITIALLY DEFERRED must be DEFERRABLE", position=position)
        if {"not deferrable", "deferrable"} <= found or {"immediate", "deferred"} <= found:
            raise SqlSyntaxError("conflicting constraint properties", position=position)
    result: dict[str, Any] = {}
    for present, allowed, field, word in (
        ({"deferrable", "deferred"}, deferrable, "deferrable", "DEFERRABLE"),
        ({"deferred"}, deferrable, "initially_deferred", "DEFERRABLE"),
        ({"not valid"}, not_valid, "not_valid", "NOT VALID"),
        ({"no inherit"}, no_inherit, "no_inherit", "NO INHERIT"),
    ):
        if present & found:
            if not allowed:
                raise FeatureNotSupported(f"{what} constraints cannot be marked {word}", position=start)
            result[field] = True
    return result
