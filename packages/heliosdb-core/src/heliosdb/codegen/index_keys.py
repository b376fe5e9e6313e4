"""The key columns of an index, from its definition: what a scan needs to make keys and bounds of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb import errors
from heliosdb.encoding.keys import KeyColumn, KeyShape
from heliosdb.types.definitions import OperatorClass, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index, IndexKey, Relation
    from heliosdb.catalog.registries import Registries


def operator_class_of(type_name: str, key: IndexKey, method: str, registries: Registries) -> OperatorClass:
    """Return the operator class of an index key: the one it names, or its type's default for the method."""
    candidates = registries.operator_classes.get((method, type_name), ())
    for candidate in candidates:
        if candidate.name == key.operator_class or (key.operator_class is None and candidate.default):
            return candidate
    if method == "btree" and key.operator_class is None:
        derived = registries.types.ordering(type_name)
        if derived is not None:
            return derived
    raise errors.UndefinedObject(
        f"data type {registries.types.by_name(type_name).display} has no default operator class for access method "
        f'"{method}"',
        hint="You must specify an operator class for the index or define a default operator class for the data type.",
    )


def key_shape(relation: Relation, index: Index, registries: Registries) -> KeyShape:
    """Return the shape of the index's keys; the sources of expression keys are left out (slot 0)."""
    columns = []
    for key in index.keys:
        column = None if key.column is None else relation.columns[key.column - 1]
        type_name = column.stored_type if column is not None else key.type
        ordering = operator_class_of(type_name, key, index.method, registries)
        columns.append(
            KeyColumn(
                source=0 if column is None else column.number - 1,
                hash_key=None
                if ordering.identity or ordering.hash_key is None
                else resolve_implementation(ordering.hash_key),
                sort_key=None
                if ordering.identity or ordering.sort_key is None
                else resolve_implementation(ordering.sort_key),
                descending=key.descending,
                nulls_first=key.nulls_first,
                not_null=column is not None and column.not_null,
            )
        )
    return KeyShape(columns)
