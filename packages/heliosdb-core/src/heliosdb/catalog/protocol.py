"""What the binder asks of the catalog: relations by name and by OID, as one statement's snapshot sees them.

An implementation is a view of the catalog at one snapshot: equal questions get equal answers for as long as it is used,
and what it gives are the frozen values of ``catalog/definitions.py``, with indexes and constraints on the relation
itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from heliosdb.catalog.definitions import Constraint, Relation, Role, Schema

__all__ = ["Catalog"]


class Catalog(Protocol):
    """Relations as one snapshot sees them."""

    def lookup_relation(self, schema: str | None, name: str, search_path: Sequence[str]) -> Relation | None:
        """Return the table, view or sequence with this name, or None.

        Without a schema the first schema of ``search_path`` that has it decides; temporary relations come before all
        others.
        """
        ...

    def relation_by_oid(self, oid: int) -> Relation | None:
        """Return the relation with this OID, or None."""
        ...

    @property
    def roles(self) -> Mapping[str, Role]:
        """Roles by name."""
        ...

    def role_by_oid(self, oid: int) -> Role | None:
        """Return the role with this OID, or None."""
        ...

    def schema(self, name: str) -> Schema | None:
        """Return the schema with this name, or None."""
        ...

    def schemas(self) -> Iterable[str]:
        """Return the names of all schemas."""
        ...

    def sequences(self) -> Iterable[Relation]:
        """Return all sequences, in no promised order."""
        ...

    def relations_referencing(self, oid: int) -> Sequence[tuple[Relation, Constraint]]:
        """Return (relation, foreign-key constraint) for every foreign key that points at the relation with this OID."""
        ...
