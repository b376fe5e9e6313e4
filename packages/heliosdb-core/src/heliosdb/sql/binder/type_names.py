"""Type names as written, to (internal name, typmod)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    SqlSyntaxError,
    UndefinedObject,
    UndefinedTable,
)
from heliosdb.sql.statements import ColumnRef, Literal, TypeName

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.types.definitions import Type

__all__ = ["bind_type_name", "warn_of_precision"]

INTERVAL_FIELDS = {
    "year": 1 << 2,
    "month": 1 << 1,
    "day": 1 << 3,
    "hour": 1 << 10,
    "minute": 1 << 11,
    "second": 1 << 12,
}
FULL_PRECISION = 0xFFFF
FULL_RANGE = 0x7FFF


def bind_type_name(binder: Binder, written: TypeName) -> tuple[str, int]:
    """Return the internal name and the typmod that a written type means."""
    position = written.position or None
    if written.setof:
        raise FeatureNotSupported("type modifier SETOF is not supported here", position=position)
    if written.percent_type:
        return _column_type(binder, written)
    names = written.names
    found = _found(binder, names)
    if found is None:
        known = {"pg_catalog", "information_schema", *binder.context.catalog.schemas()}
        if len(names) > 1 and names[-2] not in known:
            raise binder.undefined_schema(names[-2], position)
        raise UndefinedObject(f'type "{".".join(names)}" does not exist', position=position)
    typmod = _typmod(binder, found, written) if written.modifiers or written.interval_fields else -1
    if not written.dimensions:
        return found.name, typmod
    array = binder.types.array_of(found.name) if found.kind != "array" else found
    if array is None:
        raise UndefinedObject(f"could not find array type for data type {found.display}", position=position)
    return array.name, typmod


def _found(binder: Binder, names: tuple[str, ...]) -> Type | None:
    if len(names) == 1 and binder.other_texts:
        # In a view's text a name means what it meant when the view was made.
        for schema in binder.search_path:
            found = binder.types.resolve((schema, *names))
            if found is not None:
                return found
    return binder.types.resolve(names)


def _column_type(binder: Binder, written: TypeName) -> tuple[str, int]:
    *relation_name, column_name = written.names
    relation = binder.relation(tuple(relation_name))
    if relation is None:
        raise UndefinedTable(f'relation "{".".join(relation_name)}" does not exist', position=written.position or None)
    column = relation.column(column_name)
    if column is None:
        raise binder.undefined_column_of(relation, column_name, written.position or None)
    return column.type, column.typmod


def _typmod(binder: Binder, type_: Type, written: TypeName) -> int:
    position = written.position or None
    modifiers = [_modifier(binder, modifier) for modifier in written.modifiers]
    if type_.name == "interval":
        return _interval_typmod(binder, written.interval_fields, modifiers, position)
    typmod_in = binder.types.typmod_in(type_.name)
    if typmod_in is None:
        raise SqlSyntaxError(f'type modifier is not allowed for type "{type_.display}"', position=position)
    try:
        typmod: int = typmod_in(modifiers)
        if type_.name in TIMES:
            warn_of_precision(binder, type_.name, modifiers[0])
    except InvalidParameterValue as error:
        raise error.at(position) from None
    return typmod


TIMES = {
    "interval": ("INTERVAL", ""),
    "time": ("TIME", ""),
    "timetz": ("TIME", " WITH TIME ZONE"),
    "timestamp": ("TIMESTAMP", ""),
    "timestamptz": ("TIMESTAMP", " WITH TIME ZONE"),
}


def warn_of_precision(binder: Binder, type_: str, precision: int | str) -> None:
    """Warn of more digits after the second than there can be."""
    name, suffix = TIMES[type_]
    session = binder.context.session
    if session is not None and isinstance(precision, int) and precision > 6:
        message = f"{name}({precision}){suffix} precision reduced to maximum allowed, 6"
        session.notice(message, severity="WARNING", sqlstate="22023")


def _modifier(binder: Binder, modifier: Any) -> int | str:
    if isinstance(modifier, Literal):
        binder.pin(modifier.slot)
        if modifier.kind == "integer":
            return int(modifier.value)
        if modifier.kind in ("string", "numeric"):
            return modifier.value
    if isinstance(modifier, ColumnRef) and len(modifier.parts) == 1:
        return modifier.parts[0]
    raise SqlSyntaxError(
        "type modifiers must be simple constants or identifiers", position=getattr(modifier, "position", None) or None
    )


def _interval_typmod(binder: Binder, fields: str | None, modifiers: list[int | str], position: int | None) -> int:
    """Return PostgreSQL's packed form: the mask of the fields above the precision of the seconds."""
    fields_mask = FULL_RANGE
    if fields is not None:
        words = fields.split(" to ")
        order = list(INTERVAL_FIELDS)
        first, last = order.index(words[0]), order.index(words[-1])
        fields_mask = sum(INTERVAL_FIELDS[name] for name in order[first : last + 1])
    precision = FULL_PRECISION
    if modifiers:
        if not isinstance(modifiers[0], int) or len(modifiers) > 1:
            raise InvalidParameterValue("invalid INTERVAL type modifier", position=position)
        precision = min(modifiers[0], 6)
        warn_of_precision(binder, "interval", modifiers[0])
        if modifiers[0] < 0:
            raise InvalidParameterValue(f"INTERVAL({modifiers[0]}) precision must not be negative", position=position)
    elif fields is None:
        return -1
    return fields_mask << 16 | precision
