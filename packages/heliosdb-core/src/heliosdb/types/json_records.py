"""From JSON objects to rows: ``json_populate_record``, ``json_to_record`` and their set-returning and jsonb kin.

The fields of an object become the columns of the same names: scalars by the text input of the column's type, arrays
and objects by element and field. A ``json`` document is read as its text, so that a column of type json gets the very
characters; a ``jsonb`` one as its tree. Both look alike through ``_Source``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from heliosdb import errors
from heliosdb.types.array import Array, build_array
from heliosdb.types.composite import as_element, record_class
from heliosdb.types.definitions import (
    CallTypes,
    RowShape,
    ScalarFunction,
    SessionContext,
    TableFunction,
    Type,
    TypeLookup,
    Volatility,
)
from heliosdb.types.json_text import JsonNode, escape_json, parse_json
from heliosdb.types.jsonb import as_text
from heliosdb.types.jsonb_tree import Json, JsonArray, JsonNull, JsonObject, kind_of, parse_jsonb, to_text

__all__ = ["FUNCTIONS", "TABLE_FUNCTIONS"]

Reader = Callable[[Any, str, SessionContext], Any]
"""(source, where it stands, session) -> datum."""


class _Source(Protocol):
    """A JSON value, of text or of a tree."""

    @property
    def kind(self) -> str:
        """ "object", "array", "string", "null", or anything else for other scalars."""
        ...

    def members(self) -> dict[str, _Source]:
        """Return an object's members; of equal keys the last."""
        ...

    def elements(self) -> list[_Source]:
        """Return an array's elements."""
        ...

    def text(self) -> str:
        """Return a string's characters, or the JSON text of anything else."""
        ...

    def json(self) -> str:
        """Return the JSON text."""
        ...

    def tree(self) -> Json:
        """Return the jsonb value."""
        ...


class _TextSource:
    def __init__(self, document: str, node: JsonNode) -> None:
        self.document = document
        self.node = node

    @property
    def kind(self) -> str:
        return self.node.kind

    def members(self) -> dict[str, _Source]:
        return {key: _TextSource(self.document, member) for key, member in self.node.value}

    def elements(self) -> list[_Source]:
        return [_TextSource(self.document, item) for item in self.node.value]

    def text(self) -> str:
        return str(self.node.value) if self.node.kind == "string" else self.json()

    def json(self) -> str:
        return self.document[self.node.start : self.node.end]

    def tree(self) -> Json:
        return parse_jsonb(self.json())


class _TreeSource:
    def __init__(self, value: Json) -> None:
        self.value = value

    @property
    def kind(self) -> str:
        return kind_of(self.value)

    def members(self) -> dict[str, _Source]:
        assert isinstance(self.value, JsonObject)
        return {key: _TreeSource(member) for key, member in self.value.members.items()}

    def elements(self) -> list[_Source]:
        assert isinstance(self.value, JsonArray)
        return [_TreeSource(item) for item in self.value]

    def text(self) -> str:
        return "null" if isinstance(self.value, JsonNull) else as_text(self.value) or ""

    def json(self) -> str:
        return escape_json(self.value) if isinstance(self.value, str) else to_text(self.value)

    def tree(self) -> Json:
        return self.value


def _source(document: Any, type_name: str) -> _Source:
    return _TextSource(document, parse_json(document)) if type_name == "json" else _TreeSource(document)


# -- values --------------------------------------------------------------------------------------------------------


def _reader(name: str, types: TypeLookup) -> Reader:
    """Return the function that makes a value of a type from a JSON value."""
    type_ = types.by_name(name)
    if type_.kind == "array" and type_.element is not None:
        read_element = _reader(type_.element, types)
        if types.by_name(type_.element).kind == "composite":
            return _array_reader(name, lambda *given: as_element(read_element(*given)), types)
        return _array_reader(name, read_element, types)
    if type_.kind == "composite":
        return _composite_reader(type_, types)
    if name == "json":
        return lambda source, where, session: None if source.kind == "null" else source.json()
    if name == "jsonb":
        return lambda source, where, session: None if source.kind == "null" else source.tree()
    read = types.input(name)

    def scalar(source: _Source, where: str, session: SessionContext) -> Any:
        return None if source.kind == "null" else read(source.text(), -1, session)

    return scalar


def _composite_reader(type_: Type, types: TypeLookup) -> Reader:
    fields = [(name, _reader(field_type, types)) for name, field_type in type_.attributes]
    read = types.input(type_.name)

    def composite(source: _Source, where: str, session: SessionContext) -> Any:
        if source.kind == "null":
            return None
        if source.kind == "string":
            return read(source.text(), -1, session)
        return _row(source, fields, None, session)

    return composite


def _row(
    source: _Source, fields: Sequence[tuple[str, Reader]], base: Sequence[Any] | None, session: SessionContext
) -> tuple[Any, ...]:
    if source.kind != "object":
        what = "an array" if source.kind == "array" else "a scalar"
        raise errors.InvalidParameterValue(f"cannot call populate_composite on {what}")
    members = source.members()
    values = []
    for number, (name, read) in enumerate(fields):
        member = members.get(name)
        if member is None:
            values.append(None if base is None else base[number])
        else:
            values.append(read(member, name, session))
    return tuple(values)


def _array_reader(name: str, read_element: Reader, types: TypeLookup) -> Reader:
    read_text = types.input(name)

    def array(source: _Source, where: str, session: SessionContext) -> Array | None:
        if source.kind == "null":
            return None
        if source.kind == "string":
            return read_text(source.text(), -1, session)  # type: ignore[no-any-return]
        if source.kind != "array":
            raise errors.InvalidTextRepresentation("expected JSON array", hint=f'See the value of key "{where}".')
        sizes = _sizes(source)
        items: list[Any] = []
        _collect(source, sizes, 0, (), where, items, lambda item: read_element(item, where, session))
        return build_array(items, sizes)

    return array


def _sizes(source: _Source) -> list[int]:
    """Return the dimensions that the first elements show."""
    sizes = []
    while source.kind == "array":
        elements = source.elements()
        sizes.append(len(elements))
        if not elements:
            break
        source = elements[0]
    return sizes


def _collect(
    source: _Source,
    sizes: Sequence[int],
    level: int,
    place: tuple[int, ...],
    where: str,
    items: list[Any],
    read: Callable[[_Source], Any],
) -> None:
    if source.kind != "array":
        path = "".join(f"[{index}]" for index in place)
        raise errors.InvalidTextRepresentation(
            "expected JSON array", hint=f'See the array element {path} of key "{where}".'
        )
    elements = source.elements()
    if len(elements) != sizes[level]:
        raise errors.InvalidTextRepresentation(
            "malformed JSON array",
            detail="Multidimensional arrays must have sub-arrays with matching dimensions.",
        )
    for index, element in enumerate(elements):
        if level + 1 < len(sizes):
            _collect(element, sizes, level + 1, (*place, index), where, items, read)
        else:
            items.append(read(element))


# -- functions -----------------------------------------------------------------------------------------------------


def _fields(columns: Sequence[tuple[str, str]], types: TypeLookup) -> list[tuple[str, Reader]]:
    return [(name, _reader(type_name, types)) for name, type_name in columns]


def _target(call: CallTypes, function: str) -> tuple[Callable[[Any], Any], Sequence[tuple[str, str]]]:
    """Return how a row of the first argument's type is made, and its columns."""
    type_ = call.types.by_name(call.arguments[0])
    if type_.kind == "composite":
        return tuple, type_.attributes
    shape: RowShape | None = call.rows[0] if call.rows else None
    if shape is None:
        if type_.name != "record":
            raise errors.DatatypeMismatch(f"first argument of {function} must be a row type")
        raise errors.FeatureNotSupported(
            f"could not determine row type for result of {function}",
            hint=(
                "Provide a non-null record argument, "
                "or call the function in the FROM clause using a column definition list."
            ),
        )
    return record_class(shape, call.types), [(name, type_name) for name, type_name, _ in shape.fields]


def _populate_record(function: str, document_type: str) -> Callable[[CallTypes], Callable[..., Any]]:
    def specialize(call: CallTypes) -> Callable[..., Any]:
        make, columns = _target(call, function)
        fields = _fields(columns, call.types)

        def populate(base: Any, document: Any, *rest: Any) -> Any:
            if document is None:
                return base
            return make(_row(_source(document, document_type), fields, base, rest[-1]))

        return populate

    return specialize


def _populate_recordset(function: str, document_type: str) -> Callable[[CallTypes], Callable[..., Any]]:
    def specialize(call: CallTypes) -> Callable[..., Any]:
        make, columns = _target(call, function)
        fields = _fields(columns, call.types)

        def populate(base: Any, document: Any, *rest: Any) -> Iterator[Any]:
            if document is None:
                return
            for element in _objects(_source(document, document_type), function):
                yield make(_row(element, fields, base, rest[-1]))

        return populate

    return specialize


def _objects(source: _Source, function: str) -> Iterator[_Source]:
    if source.kind != "array":
        what = "a non-array" if function.startswith("jsonb") else "an object" if source.kind == "object" else "a scalar"
        raise errors.InvalidParameterValue(f"cannot call {function} on {what}")
    for element in source.elements():
        if element.kind != "object":
            raise errors.InvalidParameterValue(f"argument of {function} must be an array of objects")
        yield element


def _columns(call: CallTypes) -> list[tuple[str, Reader]]:
    if call.result_row is None:
        raise errors.FeatureNotSupported(
            "could not determine row type for result of a function returning record",
            hint="Provide a non-null record argument, or call the function in the FROM clause using a column "
            "definition list.",
        )
    return _fields([(name, type_name) for name, type_name, _ in call.result_row.fields], call.types)


def _to_record(document_type: str) -> Callable[[CallTypes], Callable[..., Any]]:
    def specialize(call: CallTypes) -> Callable[..., Any]:
        fields = _columns(call)

        def rows(document: Any, session: SessionContext) -> Iterator[tuple[Any, ...]]:
            if document is None:
                yield (None,) * len(fields)
            else:
                yield _row(_source(document, document_type), fields, None, session)

        return rows

    return specialize


def _to_recordset(function: str, document_type: str) -> Callable[[CallTypes], Callable[..., Any]]:
    def specialize(call: CallTypes) -> Callable[..., Any]:
        fields = _columns(call)

        def rows(document: Any, session: SessionContext) -> Iterator[tuple[Any, ...]]:
            for element in _objects(_source(document, document_type), function):
                yield _row(element, fields, None, session)

        return rows

    return specialize


def _scalar(name: str, arguments: tuple[str, ...], implementation: Any, defaults: tuple[str, ...]) -> ScalarFunction:
    return ScalarFunction(
        name,
        arguments,
        "anyelement",
        implementation,
        strict=False,
        volatility=Volatility.STABLE,
        needs_session=True,
        specialize=True,
        argument_names=("base", "from_json", "use_json_as_text")[: len(arguments)],
        defaults=defaults,
    )


def _table(
    name: str,
    arguments: tuple[str, ...],
    returns: str,
    implementation: Any,
    *,
    strict: bool,
    defaults: tuple[str, ...] = (),
) -> TableFunction:
    return TableFunction(
        name,
        arguments,
        returns,
        implementation,
        strict=strict,
        volatility=Volatility.STABLE,
        needs_session=True,
        specialize=True,
        defaults=defaults,
        argument_names=("base", "from_json", "use_json_as_text")[: len(arguments)] if len(arguments) > 1 else (),
        rows=1.0 if name.endswith("record") else 100.0,
    )


_JSON = ("anyelement", "json", "bool")
_JSONB = ("anyelement", "jsonb")

FUNCTIONS: tuple[ScalarFunction, ...] = (
    _scalar("json_populate_record", _JSON, _populate_record("json_populate_record", "json"), ("false",)),
    _scalar("jsonb_populate_record", _JSONB, _populate_record("jsonb_populate_record", "jsonb"), ()),
)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    _table(
        "json_populate_recordset",
        _JSON,
        "anyelement",
        _populate_recordset("json_populate_recordset", "json"),
        strict=False,
        defaults=("false",),
    ),
    _table(
        "jsonb_populate_recordset",
        _JSONB,
        "anyelement",
        _populate_recordset("jsonb_populate_recordset", "jsonb"),
        strict=False,
    ),
    _table("json_to_record", ("json",), "record", _to_record("json"), strict=False),
    _table("jsonb_to_record", ("jsonb",), "record", _to_record("jsonb"), strict=False),
    _table("json_to_recordset", ("json",), "record", _to_recordset("json_to_recordset", "json"), strict=True),
    _table("jsonb_to_recordset", ("jsonb",), "record", _to_recordset("jsonb_to_recordset", "jsonb"), strict=True),
)
