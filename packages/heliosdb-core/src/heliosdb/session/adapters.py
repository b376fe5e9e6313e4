"""The edge between Python objects and datums: parameters in, result values out.

The statement's context decides a parameter's type; a Python object is then read as that type. A str is read by the
type's text input, as a literal in quotes would be; anything else by the type's ``from_python``.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.types.array import flatten
from heliosdb.types.object_names import NAMES_OF_OBJECTS

if TYPE_CHECKING:
    from heliosdb.types.definitions import Type
    from heliosdb.types.registry import TypeRegistry

__all__ = ["Adapters", "check_text"]

_TEXT = frozenset({"text", "varchar", "bpchar", "name", "unknown"})
_FLOATS = {float}
"""The types in a list of floats: long ones are common, and all of one type is seen at a glance."""
_INTEGERS = {"int2": 1 << 15, "int4": 1 << 31, "int8": 1 << 63}
MAX_DIMENSIONS = 6
MAX_SHORT = 1 << 1024
_INTEGER_NAMES = {"int2": "smallint", "int4": "integer", "int8": "bigint"}


def check_text(value: str) -> str:
    """Return a str that text can hold; NUL and lone surrogates cannot be stored (22021)."""
    if "\x00" in value:
        raise errors.CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00')
    return check_surrogates(value)


def check_surrogates(value: str) -> str:
    """Return a str that UTF-8 can write; CharacterNotInRepertoire (22021) otherwise."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise errors.CharacterNotInRepertoire(
                f"lone surrogate U+{ord(value[error.start]):04X} at character {error.start + 1} is no text"
            ) from None
    return value


def _shape(array: tuple[Any, ...]) -> tuple[int, ...]:
    return (len(array), *(_shape(array[0]) if array and type(array[0]) is tuple else ()))


def _check_texts(value: Any, check: Callable[[str], str]) -> None:
    """Check every str in a list or dict, however deep. (It has been converted before, so it is no circle.)"""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            check(item)
        elif isinstance(item, dict):
            pending.extend((*item, *item.values()))
        elif isinstance(item, list | tuple):
            pending.extend(item)


class Adapters:
    """Readers and writers of all types of one database, made on first use."""

    def __init__(self, types: Any, catalog_types: Callable[[str], Any]) -> None:
        self._types: TypeRegistry = types
        self._catalog_types = catalog_types
        self._readers: dict[str, Callable[[Any, Any], Any]] = {}
        self._writers: dict[str, Callable[[Any], Any] | None] = {}

    def suggest(self, value: Any) -> str | None:
        """Return the type that a Python object suggests for a parameter whose context gives none, None where it is no
        value of a type.
        """
        kind = type(value)
        if value is None or kind is str:
            return "text"
        if kind is int:
            return "int4" if -(1 << 31) <= value < 1 << 31 else "int8" if -(1 << 63) <= value < 1 << 63 else "numeric"
        if kind in (list, tuple):
            return self._suggest_array(value)
        if getattr(value, "tzinfo", None) is not None:
            # An aware date or time is another type than one without a zone.
            return "timestamptz" if hasattr(value, "year") else "timetz"
        found = self._types.of_python(kind)
        if found is None and hasattr(value, "__index__"):
            return self.suggest(value.__index__())
        return None if found is None else found.name

    def _suggest_array(self, values: Any) -> str | None:
        """An array type by the elements: the widest of the integer types, else the first element's."""
        if set(map(type, values)) == _FLOATS:
            return "_float8"
        names = {self.suggest(value) for value in values if value is not None}
        if not names:
            return "_text"
        if None in names:
            return None
        if any(name is not None and name.startswith("_") for name in names):
            return names.pop() if len(names) == 1 else None
        for wide in ("numeric", "int8", "int4"):
            if wide in names and names <= {"numeric", "int8", "int4"}:
                return f"_{wide}"
        return f"_{names.pop()}" if len(names) == 1 else None

    def _name_writer(self, type_name: str, session: Any) -> Callable[[Any], Any]:
        output = self._types.output(type_name.removeprefix("_"))

        def write(datum: Any) -> Any:
            if type(datum) is tuple:
                return [None if item is None else write(item) for item in datum]
            return output(datum, session)

        return write

    def read(self, type_name: str, value: Any, session: Any) -> Any:
        """Return a Python object (not None) as a datum of the type."""
        if type(value) is str:
            check_text(value)
            if type_name in _TEXT:
                return value
            types = session.types if type_name.startswith(("#", "_#")) else self._types
            return types.input(type_name)(value, -1, session)
        limit = _INTEGERS.get(type_name)
        if limit is not None and isinstance(value, float | Decimal) and value == value // 1:
            # Arrays of floats hold integers, too; whoever can knows the parameter's type and casts.
            value = int(value)
        elif limit is not None and hasattr(value, "__index__") and not isinstance(value, int):
            # NumPy's integers.
            value = value.__index__()
        if limit is not None and type(value) is int:
            if -limit <= value < limit:
                return value
            raise errors.NumericValueOutOfRange(f'value "{value}" is out of range for type {_INTEGER_NAMES[type_name]}')
        if type_name.startswith(("#", "_#")):
            return self._make_reader(type_name, session.types)(value, session)
        reader = self._readers.get(type_name)
        if reader is None:
            reader = self._readers[type_name] = self._make_reader(type_name, self._types)
        return reader(value, session)

    def _make_reader(self, type_name: str, types: Any) -> Callable[[Any, Any], Any]:
        found = types.by_name(type_name)
        display = found.display
        if found.kind == "array":
            return self._array_reader(types.by_name(found.element), display)
        convert = types.from_python(type_name)
        text_input = types.input(type_name)
        # JSON writes NUL as an escape, which its types judge themselves.
        is_json = type_name in ("json", "jsonb")

        def read(value: Any, session: Any) -> Any:
            try:
                if type_name in _TEXT:
                    # As a literal would be: any object is taken by the text of its own type.
                    return check_text(value if isinstance(value, str) else self._as_text(value, session))
                if convert is None:
                    return text_input(self._as_text(value, session), -1, session)
                datum = convert(value)
                if isinstance(value, list | tuple | dict):
                    _check_texts(value, check_surrogates if is_json else check_text)
                return datum
            except errors.Error:
                raise
            except (TypeError, ValueError, AttributeError, OverflowError, ArithmeticError):
                raise errors.DatatypeMismatch(
                    f"cannot use a value of Python type {type(value).__name__} as {display}"
                ) from None

        return read

    def _array_reader(self, element: Type, display: str) -> Callable[[Any, Any], Any]:
        """Read each element as the element type's own parameter would be, and check that sub-arrays match."""
        # The tuple of a composite is an element, not a dimension.
        inner = list if element.kind == "composite" else (list, tuple)

        def read(value: Any, session: Any, level: int = 1) -> tuple[Any, ...]:
            if level > MAX_DIMENSIONS:
                raise errors.ProgramLimitExceeded(
                    f"number of array dimensions ({level}) exceeds the maximum allowed ({MAX_DIMENSIONS})"
                )
            if not any(isinstance(item, inner) for item in value):
                return tuple([None if item is None else self.read(element.name, item, session) for item in value])
            items = [read(item, session, level + 1) if isinstance(item, inner) else None for item in value]
            shapes = {None if item is None else _shape(item) for item in items}
            if len(shapes) > 1 or None in shapes:
                raise errors.ArraySubscriptError(
                    "multidimensional arrays must have array expressions with matching dimensions"
                )
            return tuple(items)

        def read_whole(value: Any, session: Any) -> Any:
            if hasattr(value, "tolist"):
                value = value.tolist()
            if element.name == "float8" and isinstance(value, list | tuple) and set(map(type, value)) == _FLOATS:
                return tuple(value)
            if not isinstance(value, list | tuple):
                raise errors.DatatypeMismatch(f"cannot use a value of Python type {type(value).__name__} as {display}")
            made = read(value, session)
            # An array of nothing but empty arrays is the empty array.
            return made if next(flatten(made), made) is not made else ()

        return read_whole

    def _as_text(self, value: Any, session: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if hasattr(value, "__index__"):
            value = value.__index__()
        if isinstance(value, int):
            # Through Decimal: str() refuses an int of more than a few thousand digits.
            return str(int(value)) if -MAX_SHORT < value < MAX_SHORT else f"{Decimal(value):f}"
        if isinstance(value, float):
            return self._types.output("float8")(float(value), session)
        if isinstance(value, Decimal):
            return str(value)
        name = self.suggest(value)
        if name is None:
            raise errors.DatatypeMismatch(
                f"cannot use a value of Python type {type(value).__name__} as a parameter",
                hint="Pass a value of a type that the database knows, or its text as a str.",
            )
        convert = self._types.from_python(name)
        return self._types.output(name)(value if convert is None else convert(value), session)

    def names_objects(self, type_name: str) -> bool:
        """Return whether a type's values are numbers of named objects (regclass and kin): Python gets their names."""
        return type_name.removeprefix("_") in NAMES_OF_OBJECTS

    def writer(self, type_name: str, session: Any = None) -> Callable[[Any], Any] | None:
        """Return the function from a datum (not NULL) to its Python object, or None where the datum is the object.

        What names objects is written as the session sees them.
        """
        if session is not None and self.names_objects(type_name):
            return self._name_writer(type_name, session)
        if type_name not in self._writers:
            types = self._catalog_types(type_name) if type_name.startswith(("#", "_#")) else self._types
            self._writers[type_name] = types.to_python(type_name)
        return self._writers[type_name]
