"""Names that PostgreSQL chooses: ``t_pkey``, ``t_a_key``, ``t_a_check``, ``t_a_fkey``, ``t_a_seq``, ``t_lower_idx``.

The rules are those of makeObjectName, ChooseRelationName, ChooseConstraintName and ChooseIndexName: the parts are
shortened to fit 63 bytes, and a number is added to the label until the name is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.sql import statements as tree

__all__ = [
    "MAX_NAME",
    "choose_constraint_name",
    "choose_relation_name",
    "figure_column_name",
    "index_name_parts",
    "object_name",
]

MAX_NAME = 63
"""Bytes of the longest identifier."""


def object_name(first: str, second: str, label: str) -> str:
    """Return ``first_second_label``, both shortened, the longer one first, so that the whole fits."""
    available = MAX_NAME - len(label.encode()) - 1 - (1 if second else 0)
    one, two = first.encode(), second.encode()
    while len(one) + len(two) > available:
        if len(one) > len(two):
            one = one[:-1]
        else:
            two = two[:-1]
    # A character cut in the middle is dropped, as pg_mbcliplen does.
    parts = [one.decode(errors="ignore")]
    if second:
        parts.append(two.decode(errors="ignore"))
    return "_".join([*parts, label])


def _choose(first: str, second: str, label: str, is_taken: Callable[[str], bool]) -> str:
    name = object_name(first, second, label)
    number = 0
    while is_taken(name):
        number += 1
        name = object_name(first, second, f"{label}{number}")
    return name


def choose_relation_name(
    edit: CatalogEdit, schema: str, first: str, second: str, label: str, taken: Iterable[str] = ()
) -> str:
    """Return a free name of a relation or index; ``taken`` are names that are about to be used."""
    names = set(taken)
    return _choose(first, second, label, lambda name: name in names or edit.is_name_taken(schema, name))


def choose_constraint_name(
    edit: CatalogEdit, schema: str, first: str, second: str, label: str, taken: Iterable[str] = ()
) -> str:
    """Return a name that no constraint of the schema has."""
    names = set(taken)
    return _choose(first, second, label, lambda name: name in names or edit.is_constraint_named(schema, name))


def figure_column_name(expression: tree.Expression) -> str:
    """Return the name that an expression gives a column of an index: a function's or a type's name, else ``expr``."""
    while True:
        if isinstance(expression, tree.TypeCast):
            # The operand's name if it has one, else the type's (FigureColnameInternal).
            inner = figure_column_name(expression.operand)
            return inner if inner != "expr" else expression.type.name
        if isinstance(expression, tree.Collate):
            expression = expression.operand
            continue
        if isinstance(expression, tree.ColumnRef):
            return expression.parts[-1]
        if isinstance(expression, tree.FieldSelection):
            return expression.name
        if isinstance(expression, tree.FunctionCall):
            return expression.name[-1]
        if isinstance(expression, tree.Coalesce | tree.NullIf | tree.Greatest | tree.Least):
            return type(expression).__name__.lower()
        if isinstance(expression, tree.Case):
            return figure_column_name(expression.default) if expression.default is not None else "case"
        return "expr"


def index_name_parts(elements: Iterable[tree.IndexElement]) -> str:
    """Return the middle part of an index's name: its column names joined, numbered where they repeat."""
    names: list[str] = []
    for element in elements:
        base = element.name
        if base is None:
            assert element.expression is not None
            base = figure_column_name(element.expression)
        name, number = base, 0
        while name in names:
            number += 1
            name = f"{base}{number}"
        names.append(name)
    return "_".join(names)
