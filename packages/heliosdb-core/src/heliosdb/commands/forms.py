"""Columns with a stored form: what may stand on them, and what may not.

Keys and references compare stored data, so they need a deterministic form; what is kept in the clear must not be made
of a value that is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heliosdb.commands.binding import bind_expression, parse_expression
from heliosdb.errors import FeatureNotSupported, InvalidTableDefinition
from heliosdb.plan.forms import read_form
from heliosdb.plan.rewrite import walk
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.commands.context import CommandSession
    from heliosdb.plan.expressions import Expression

__all__ = ["check_form", "check_generated", "refuse_forms", "refuse_values", "require_comparable", "require_equality"]


def check_form(session: CommandSession, column: ColumnDefinition) -> None:
    """Let the plugin refuse a column's type."""
    form = column.form
    registered = None if form is None else session.registries.stored_forms.get(form.name)
    if registered is not None and registered.check is not None:
        resolve_implementation(registered.check)(column, session)


def require_equality(session: CommandSession, column: ColumnDefinition, method: str = "btree") -> None:
    """Refuse an index on a column whose form says nothing about equality."""
    form = column.form
    if form is None:
        return
    if not form.deterministic:
        registered = session.registries.stored_forms.get(form.name)
        hint = None if registered is None or registered.equality_hint is None else registered.equality_hint
        raise FeatureNotSupported(
            f'column "{column.name}" cannot be indexed because it is stored {form.text}: equal values have different '
            "stored forms",
            hint=None if hint is None else resolve_implementation(hint)(column),
        )
    if method not in ("btree", "hash"):
        raise FeatureNotSupported(
            f'column "{column.name}" cannot be indexed by access method "{method}" because it is stored {form.text}'
        )


def require_comparable(column: ColumnDefinition, target: ColumnDefinition, constraint: str) -> None:
    """Refuse a reference between columns of which equal values are not stored alike."""
    form, other = column.form, target.form
    if form is None and other is None:
        return
    if form is None or not form.is_comparable(other) or column.type != target.type:
        raise FeatureNotSupported(
            f'foreign key constraint "{constraint}" cannot be implemented',
            detail=f'Key column "{column.name}" is stored {_named(column)}, "{target.name}" {_named(target)}.',
        )


def _named(column: ColumnDefinition) -> str:
    return "plain" if column.form is None else column.form.text


def check_generated(session: CommandSession, relation: Relation) -> None:
    """Refuse generated columns that are made of columns with a form: the value would be there for all to read."""
    if all(column.form is None for column in relation.columns):
        return
    for column in relation.columns:
        if column.generated and not column.dropped:
            expression = parse_expression(session, column.generated)
            bound = bind_expression(session, expression, relation.columns, relation.name)
            refuse_values(bound, f'the expression of generated column "{column.name}"')
        if column.form is not None and column.identity is not None:
            raise InvalidTableDefinition(f'identity column "{column.name}" cannot be stored {column.form.text}')


def refuse_values(bound: Expression, what: str) -> None:
    """Refuse an expression that outlives its statement and uses a column with a form."""
    for node in walk(bound):
        found = read_form(node)
        if found is not None:
            column, form = found
            raise FeatureNotSupported(f'cannot use column "{column.name}" in {what} because it is stored {form.text}')


def refuse_forms(relation: Relation, columns: Sequence[ColumnDefinition]) -> None:
    """Refuse to rewrite values inside of columns with a form."""
    for column in columns:
        if column.form is not None:
            raise FeatureNotSupported(
                f'values of column "{column.name}" of table "{relation.name}" cannot be changed because it is stored '
                f"{column.form.text}"
            )
