"""Clauses of plugins at CREATE TABLE, at a column and at CREATE INDEX: their registrations change the definition
before it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from heliosdb.catalog.definitions import ColumnDefinition
from heliosdb.commands.binding import bind_expression
from heliosdb.commands.forms import check_form
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession
    from heliosdb.sql import statements as tree

__all__ = ["DefinitionContext", "bind_clauses"]

Definition = TypeVar("Definition")


class DefinitionContext:
    """What a clause's ``bind`` gets where a definition is made: expressions are bound on the definition's columns,
    if any."""

    def __init__(self, session: CommandSession) -> None:
        self.session = session
        self.registries = session.registries
        self.catalog = session.catalog

    def expression(self, expression: Any, node: Any = None) -> Any:
        """Bind a parsed expression on the columns of a relation's definition (None: on nothing)."""
        return bind_expression(self.session, expression, getattr(node, "columns", ()), getattr(node, "name", ""))


def bind_clauses(session: CommandSession, definition: Definition, clauses: Sequence[tree.Clause]) -> Definition:
    """Return the definition as the clauses' registrations make it."""
    for clause in clauses:
        bind = resolve_implementation(session.registries.clauses[clause.name].bind)
        definition = bind(DefinitionContext(session), definition, clause.payload)
        if isinstance(definition, ColumnDefinition) and definition.form is not None and not definition.form.id:
            form = evolve(definition.form, id=session.database.next_oid())
            form = evolve(form, package=session.registries.package_of("stored_forms", form.name))
            definition = evolve(definition, form=form)
            check_form(session, definition)
    return definition
