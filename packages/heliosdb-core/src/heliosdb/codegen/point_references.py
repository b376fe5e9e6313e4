"""What a point statement has to know of foreign keys: the index to look into, and how its key is made of a row.

None is the answer where that is not all there is to it: constraints that may be deferred, keys of other types or
partly NULL under MATCH FULL, a referencing table without an index on its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.foreign_keys import referenced_index
from heliosdb.codegen.index_keys import key_shape
from heliosdb.transaction.point_references import PointReference

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Constraint, Index, Relation

__all__ = ["referenced_of", "references_of"]

Row = tuple[Any, ...]


def references_of(session: Any, relation: Relation, constraints: Sequence[Constraint]) -> list[PointReference] | None:
    """Return the foreign keys of a relation as lookups in the referenced ones."""
    found = []
    for constraint in constraints:
        foreign = constraint.foreign
        assert foreign is not None
        referenced = session.catalog.relation_by_oid(foreign.relation)
        if constraint.deferrable or (foreign.match != "simple" and len(constraint.columns) > 1):
            return None
        index = referenced_index(referenced, foreign.columns)
        pairs = dict(zip(foreign.columns, constraint.columns, strict=True))
        reference = _reference(session, referenced, index, relation, pairs)
        if reference is None:
            return None
        found.append(reference)
    return found


def referenced_of(
    session: Any, relation: Relation, referencing: Sequence[tuple[Relation, Constraint]]
) -> list[PointReference] | None:
    """Return the foreign keys that point at a relation as lookups in the referencing ones."""
    found = []
    for other, constraint in referencing:
        foreign = constraint.foreign
        assert foreign is not None
        index = _index_on(other, constraint.columns)
        pairs = dict(zip(constraint.columns, foreign.columns, strict=True))
        reference = None if index is None else _reference(session, other, index, relation, pairs)
        if reference is None:
            return None
        found.append(reference)
    return found


def _index_on(relation: Relation, columns: Sequence[int]) -> Index | None:
    """Return a btree index over all rows on just these columns."""
    for index in relation.indexes:
        if index.method == "btree" and index.predicate is None and index.valid:
            if {key.column for key in index.keys} == set(columns) and len(index.keys) == len(columns):
                return index
    return None


def _reference(
    session: Any, other: Relation, index: Index, relation: Relation, pairs: dict[int, int]
) -> PointReference | None:
    """Return the lookup in the other table's index; ``pairs`` are the columns of the two, by the other's number."""
    if other.persistence != "permanent":
        return None
    numbers: list[int] = []
    for key in index.keys:
        assert key.column is not None
        number = pairs[key.column]
        if relation.columns[number - 1].stored_type != other.columns[key.column - 1].stored_type:
            return None
        numbers.append(number - 1)
    store = session.database.store
    return PointReference(
        store.create_relation(session.timeline, other.oid),
        store.index(session.timeline, other.oid, index.oid),
        _key(key_shape(other, index, session.registries), numbers),
    )


def _key(shape: Any, slots: list[int]) -> Callable[[Row], Any]:
    if shape.width == 1 and shape.is_identity:
        return itemgetter(slots[0])
    read = shape.key

    def key(row: Row) -> Any:
        values = tuple([row[slot] for slot in slots])
        return None if None in values else read(values)

    return key
