"""Catalog objects as rows of the system relations, and back.

Two system relations hold the catalog. They are relations of the versioned store like any other, so that a change of
the catalog belongs to its transaction, the past has the schema of its time, and a branch has its own.

    objects   (oid, class, schema, name, parent, definition, version)     one row an object
    names     (namespace, schema, name, oid)                              one row a name, unique

``definition`` is canonical JSON: keys sorted, no blanks, what equals its default left out. It begins with the number
of the format; a definition of a format this program does not know is refused, never guessed at. Tables carry their
columns, constraints and indexes in their own definition: whoever has a relation has all that is needed to bind and
run a statement on it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

import attrs

from heliosdb.catalog.definitions import (
    OWNER,
    Attribute,
    ColumnDefinition,
    ColumnForm,
    Constraint,
    DataType,
    DomainCheck,
    Extension,
    ForeignKey,
    Index,
    IndexKey,
    Membership,
    Relation,
    Role,
    Schema,
    SequenceOptions,
)
from heliosdb.errors import DataCorrupted, FeatureNotSupported
from heliosdb.store.access_method import IndexSpec

__all__ = [
    "CLASSES",
    "FIRST_OID",
    "FORMAT",
    "NAMES_INDEX",
    "NAMES_RELATION",
    "OBJECTS_INDEX",
    "OBJECTS_RELATION",
    "SYSTEM_INDEXES",
    "CatalogObject",
    "class_name",
    "decode",
    "decode_row",
    "encode",
    "encode_row",
]

FIRST_OID: Final = 16384
"""OIDs of user objects start here, as in PostgreSQL."""

OBJECTS_RELATION: Final = 9001
NAMES_RELATION: Final = 9002
OBJECTS_INDEX: Final = 9003
NAMES_INDEX: Final = 9004
"""OIDs of the system relations and of their unique indexes; PostgreSQL assigns none of these."""

SYSTEM_INDEXES: Final = (
    IndexSpec(
        oid=OBJECTS_INDEX,
        relation_oid=OBJECTS_RELATION,
        key=itemgetter(0),
        unique=True,
        constraint="heliosdb_objects_pkey",
        table="heliosdb_objects",
        key_column=0,
    ),
    IndexSpec(
        oid=NAMES_INDEX,
        relation_oid=NAMES_RELATION,
        key=itemgetter(0, 1, 2),
        width=3,
        unique=True,
        constraint="heliosdb_names_pkey",
        table="heliosdb_names",
    ),
)
"""The indexes that the store is told of when a database is made, before anything is written."""

FORMAT: Final = 1

CatalogObject = Relation | Schema | Role | Extension | DataType

CLASSES: Final[dict[str, type[CatalogObject]]] = {
    "relation": Relation,
    "schema": Schema,
    "role": Role,
    "extension": Extension,
    "datatype": DataType,
}

_PARTS: Final[dict[tuple[type, str], tuple[type, bool]]] = {
    (Relation, "columns"): (ColumnDefinition, True),
    (Relation, "constraints"): (Constraint, True),
    (Relation, "indexes"): (Index, True),
    (Relation, "sequence"): (SequenceOptions, False),
    (ColumnDefinition, "form"): (ColumnForm, False),
    (Constraint, "foreign"): (ForeignKey, False),
    (Index, "keys"): (IndexKey, True),
    (Role, "memberships"): (Membership, True),
    (DataType, "attributes"): (Attribute, True),
    (DataType, "checks"): (DomainCheck, True),
}
"""Which fields hold catalog values themselves: their class, and whether there are many."""


def class_name(definition: CatalogObject) -> str:
    """Return the ``class`` column of an object's row."""
    return type(definition).__name__.lower()


def encode_row(definition: CatalogObject) -> tuple[Any, ...]:
    """Return the row of ``objects`` that stores an object."""
    schema = getattr(definition, "schema", None)
    parent = None
    version = 0
    if isinstance(definition, DataType):
        version = definition.version
    elif isinstance(definition, Relation):
        version = definition.version
        if definition.sequence is not None and definition.sequence.owned_by is not None:
            parent = definition.sequence.owned_by[0]
    return (definition.oid, class_name(definition), schema, definition.name, parent, encode(definition), version)


def decode_row(row: tuple[Any, ...]) -> CatalogObject:
    """Return the object that a row of ``objects`` stores."""
    return decode(row[1], row[5])


def encode(definition: CatalogObject) -> str:
    """Return an object's definition as canonical JSON text."""
    fields = _fields_of(definition)
    fields["format"] = FORMAT
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def decode(class_: str, text: str) -> CatalogObject:
    """Return the object of a class from its JSON text; DataCorrupted where it is none, 0A000 where the format is
    not known."""
    definition_class = CLASSES.get(class_)
    if definition_class is None:
        raise FeatureNotSupported(f'catalog objects of class "{class_}" are not supported by this version')
    try:
        fields = json.loads(text)
        number = fields.pop("format")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataCorrupted(
            f'definition of a catalog object of class "{class_}" is not readable', detail=str(error)
        ) from error
    if number != FORMAT:
        raise FeatureNotSupported(
            f"catalog format {number} is not supported by this version",
            hint="The database was written by a newer version; upgrade heliosdb-core.",
        )
    if isinstance(fields.get("owner"), str):
        # The name of a session's user, which was no role yet.
        fields["owner"] = OWNER
    found = _object_of(definition_class, fields)
    assert isinstance(found, Relation | Schema | Role | Extension | DataType)
    return found


def _fields_of(value: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for attribute in attrs.fields(type(value)):
        content = getattr(value, attribute.name)
        default = attribute.default
        # Equal is not enough: 1 == True == 1.0, and the difference must come back.
        if type(content) is type(default) and content == default and not isinstance(content, float | Decimal):
            continue
        fields[attribute.name] = _encoded(content)
    return fields


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, tuple | list):
        return [_encoded(item) for item in value]
    if attrs.has(type(value)):
        return _fields_of(value)
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, Decimal):
        return {"numeric": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise FeatureNotSupported(f"a value of Python class {type(value).__name__} cannot be stored in the catalog")


def _object_of(class_: type, fields: dict[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, content in fields.items():
        part = _PARTS.get((class_, name))
        if part is None or content is None:
            values[name] = _decoded(content)
        elif part[1]:
            values[name] = tuple([_object_of(part[0], item) for item in content])
        else:
            values[name] = _object_of(part[0], content)
    try:
        return class_(**values)
    except TypeError as error:
        raise DataCorrupted(f"definition of a catalog object is not readable: {error}") from error


def _decoded(content: Any) -> Any:
    if isinstance(content, list):
        return tuple([_decoded(item) for item in content])
    if isinstance(content, dict):
        ((kind, text),) = content.items()
        if kind == "float":
            return float(text)
        if kind == "numeric":
            return Decimal(text)
        if kind == "bytes":
            return bytes.fromhex(text)
        raise DataCorrupted(f'unknown kind of value "{kind}" in the catalog')
    return content
