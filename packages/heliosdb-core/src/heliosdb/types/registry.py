"""The frozen registry of types: look-up by name, OID, alias and Python class, and one calling convention for their
functions.

Families and plugins register base types only. From each this registry derives the array type ``_name`` (its I/O is
``types/array.py``'s, which asks the registry for the element's functions), and gives types without a fixed OID a
stable one.

    registered                derived
    semver  ─────────────►  semver     OID from the name (or the type's own)
                            _semver    element "semver", OID from the name (or ``array_oid``)

A registry never changes. ``extended`` gives a new one on top of it for types that live in the catalog (enums,
domains, composites): look-ups fall through to what is below.

*Stable OIDs.* OIDs end up in stored values (binary arrays) and in what clients cache, so a plugin's type must get the
same one in every process, whichever other plugins are there. Hence it is a function of the name alone, in
``PLUGIN_OIDS``, above anything that the catalog's counter hands out in practice; two names that collide are an error,
and either type can state an OID of its own.

*One calling convention.* Implementations may or may not take the session (``needs_session``); callers should not have
to know. ``input(name)`` always takes ``(text, typmod, session)``, ``output(name)`` always ``(datum, session)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from weakref import WeakKeyDictionary
from zlib import crc32

from attrs import evolve

from heliosdb.encoding.classes import ClassTable
from heliosdb.errors import DuplicateObject, FeatureNotSupported, UndefinedFunction, UndefinedObject
from heliosdb.types.definitions import Implementation, OperatorClass, Type, resolve_implementation

__all__ = ["PLUGIN_OIDS", "TypeRegistry", "array_name", "stable_oid"]

PLUGIN_OIDS = range(1 << 30, 1 << 31)
"""Where the OIDs of types without a fixed one lie; below 2**31, for clients that read OIDs as signed numbers."""

LENGTH_OF_ONE = {"bpchar": "bpchar", "bit": '"bit"'}
"""Types whose SQL name without a length means a length of one, and how they are written when they have none."""

WITHOUT_ARRAYS = frozenset({"pseudo", "array"})
"""Kinds of type that have no array type, as in PostgreSQL (``record`` and ``cstring`` register theirs by
``array_oid``)."""

Adapter = Callable[..., Any]


def stable_oid(name: str) -> int:
    """Return the OID of a type that states none: a function of its name alone."""
    return PLUGIN_OIDS.start + crc32(name.encode()) % len(PLUGIN_OIDS)


def array_name(element: str) -> str:
    """Return the internal name of the array type over a type, as PostgreSQL makes it."""
    return "_" + element


class TypeRegistry:
    """Types by internal name, OID, alias and Python class; implements ``TypeLookup``.

    ``classes`` are the operator classes by (access method, type name): ``ordering`` looks there.
    """

    def __init__(
        self,
        types: Iterable[Type] = (),
        classes: dict[tuple[str, str], tuple[OperatorClass, ...]] | None = None,
        below: TypeRegistry | None = None,
    ) -> None:
        self._classes = classes or {}
        self._below = below
        self._names: dict[str, Type] = {}
        self._oids: dict[int, Type] = {}
        self._aliases: dict[str, Type] = {}
        self._python: dict[str, Type] = {}
        self._met: WeakKeyDictionary[type, Type | None] = WeakKeyDictionary()
        """What was found for Python classes."""
        self._adapters: dict[tuple[str, str], Any] = {}
        self._stored: ClassTable | None = None
        for type_ in types:
            self._add(type_)

    def _add(self, type_: Type) -> None:
        if type_.oid is None:
            type_ = evolve(type_, oid=stable_oid(type_.name))
        has_array = type_.array_oid is not None or type_.kind not in WITHOUT_ARRAYS
        if has_array and type_.array_oid is None:
            type_ = evolve(type_, array_oid=stable_oid(array_name(type_.name)))
        self._enter(type_)
        for alias in type_.aliases:
            self._aliases[alias] = type_
        for python_class in type_.python_types:
            self._python.setdefault(python_class, type_)
        if has_array and array_name(type_.name) not in self._names:
            self._enter(
                Type(
                    array_name(type_.name),
                    f"{type_.display}[]",
                    oid=type_.array_oid,
                    category="A",
                    element=type_.name,
                    kind="array",
                    schema=type_.schema,
                    delimiter=type_.delimiter,
                    collatable=type_.collatable,
                    needs_session=type_.needs_session,
                )
            )

    def _enter(self, type_: Type) -> None:
        assert type_.oid is not None
        same_oid = self._oids.get(type_.oid)
        if same_oid is not None:
            raise DuplicateObject(
                f'types "{same_oid.name}" and "{type_.name}" have the same OID {type_.oid}',
                hint="Give one of the types an OID of its own.",
            )
        self._names[type_.name] = type_
        self._oids[type_.oid] = type_

    def extended(
        self, types: Iterable[Type], classes: dict[tuple[str, str], tuple[OperatorClass, ...]] | None = None
    ) -> TypeRegistry:
        """Return a registry that knows these types too, and their operator classes."""
        return TypeRegistry(types, classes, below=self)

    def definition(self, name: str) -> Any:
        """Return the catalog's definition of a type that SQL made; None for every registered type."""
        return None

    def sql_name(self, name: str) -> str:
        """Return a type's name as pg_type has it: the internal one, but for types of the catalog."""
        return name

    def field_typmods(self, name: str) -> tuple[int, ...]:
        """Return the type modifiers of a composite type's fields."""
        return (-1,) * len(self.by_name(name).attributes)

    def check(self, name: str) -> Callable[[Any, Any], Any] | None:
        """Return ``(value, session) -> value``, which raises for what a domain of the catalog does not allow, else
        None."""
        return None

    # -- look-up ---------------------------------------------------------------------------------------------------

    def by_name(self, name: str) -> Type:
        """Return the type with this internal name; UndefinedObject when there is none."""
        found = self.find(name)
        if found is None:
            raise UndefinedObject(f'type "{name}" does not exist')
        return found

    def by_oid(self, oid: int) -> Type:
        """Return the type with this OID; UndefinedObject when there is none."""
        found = self._oids.get(oid)
        if found is not None:
            return found
        if self._below is not None:
            return self._below.by_oid(oid)
        raise UndefinedObject(f"type with OID {oid} does not exist")

    def find(self, name: str) -> Type | None:
        """Return the type with this internal name, or None."""
        found = self._names.get(name)
        if found is None and self._below is not None:
            return self._below.find(name)
        return found

    def resolve(self, names: tuple[str, ...]) -> Type | None:
        """Return the type that a written name means (``("pg_catalog", "int4")``, ``("semver",)``, an alias), or None.

        A qualified name finds only a type of that schema and no alias. Types of the catalog that search_path decides
        about are the binder's to find first.
        """
        *qualification, name = names
        if qualification:
            found = self.find(name)
            return found if found is not None and found.schema == qualification[-1] else None
        return self.find(name) or self._alias(name)

    def _alias(self, name: str) -> Type | None:
        found = self._aliases.get(name)
        if found is None and self._below is not None:
            return self._below._alias(name)
        return found

    def array_of(self, name: str) -> Type | None:
        """Return the array type over a type, or None where it has none."""
        return self.find(array_name(name))

    def element_of(self, name: str) -> Type | None:
        """Return the element type of an array type, or None where it is none."""
        found = self.find(name)
        if found is None or found.kind != "array" or found.element is None:
            return None
        return self.find(found.element)

    def of_python(self, python_class: type) -> Type | None:
        """Return the type that values of a Python class become where nothing else decides, or None; the first base
        wins."""
        try:
            return self._met[python_class]
        except KeyError:
            pass
        found = None
        for base in python_class.__mro__:
            found = self._of_class(f"{base.__module__}:{base.__qualname__}")
            if found is not None:
                break
        self._met[python_class] = found
        return found

    def _of_class(self, spelled: str) -> Type | None:
        found = self._python.get(spelled)
        if found is None and self._below is not None:
            return self._below._of_class(spelled)
        return found

    def __iter__(self) -> Iterator[Type]:
        if self._below is not None:
            yield from (type_ for type_ in self._below if type_.name not in self._names)
        yield from self._names.values()

    def __len__(self) -> int:
        return len(self._names) + (len(self._below) if self._below is not None else 0)

    def format(self, name: str, typmod: int | None = None) -> str:
        """Return how SQL spells a type: ``character varying(10)``, ``numeric(5,2)[]``.

        A typmod of -1 says that there is no modifier, None that nothing is known about it. They differ for the types
        that SQL gives a length of one where none is written: ``character`` means ``character(1)``, so that without
        any length it is ``bpchar`` (``format_type_extended``).
        """
        found = self.by_name(name)
        if found.kind == "array" and found.element is not None:
            return self.format(found.element, typmod) + "[]"
        if typmod == -1 and name in LENGTH_OF_ONE:
            return LENGTH_OF_ONE[name]
        if typmod is None or typmod < 0 or found.typmod_out is None:
            return found.display
        spelled = str(self._resolved(name, "typmod_out", found.typmod_out)(typmod))
        # Time and interval types take their modifier in the middle: timestamp(3) without time zone.
        head, blank, tail = found.display.partition(" ")
        if blank and tail in {"without time zone", "with time zone"}:
            return f"{head}{spelled} {tail}"
        return found.display + spelled

    @property
    def stored_classes(self) -> ClassTable:
        """The classes of values that are stored; types of the catalog bring none."""
        if self._below is not None:
            return self._below.stored_classes
        if self._stored is None:
            # Marks that several types use are registered by each.
            classes = dict.fromkeys(stored for type_ in self._names.values() for stored in type_.stored)
            self._stored = ClassTable(classes)
        return self._stored

    # -- functions of a type ---------------------------------------------------------------------------------------

    def input(self, name: str) -> Callable[..., Any]:
        """Return the text input function of a type: ``(text, typmod, session) -> datum``."""
        return self._adapter(name, "input", _input_adapter)

    def output(self, name: str) -> Callable[..., str]:
        """Return the text output function of a type: ``(datum, session) -> str``."""
        return self._adapter(name, "output", _output_adapter)

    def receive(self, name: str) -> Callable[[bytes], Any]:
        """Return the binary input function of a type: ``(data) -> datum``."""
        return self._adapter(name, "receive", _plain_adapter)

    def send(self, name: str) -> Callable[[Any], bytes]:
        """Return the binary output function of a type: ``(datum) -> bytes``."""
        return self._adapter(name, "send", _plain_adapter)

    def typmod_in(self, name: str) -> Callable[..., int] | None:
        """Return ``(modifiers) -> typmod``, for an array its element's, or None where the type takes no modifier."""
        return self._of_element(name, "typmod_in")

    def coerce_typmod(self, name: str) -> Callable[..., Any] | None:
        """Return ``(datum, typmod, explicit) -> datum``, for an array element by element, or None."""
        found = self.by_name(name)
        coerce = self._of_element(name, "coerce_typmod")
        if coerce is None or found.kind != "array":
            return coerce

        from heliosdb.types.array import map_elements

        def of_array(datum: Any, typmod: int, explicit: bool) -> Any:
            return map_elements(lambda element: coerce(element, typmod, explicit), datum)

        return of_array

    def to_python(self, name: str) -> Callable[[Any], Any] | None:
        """Return ``(datum) -> object`` for the edges, or None where the datum is already the object; arrays become
        lists."""
        found = self.by_name(name)
        if found.kind == "composite" and found.to_python is None:
            converters = [self.to_python(type_name) for _, type_name in found.attributes]
            return lambda datum: _converted_fields(datum, converters)
        if found.kind != "array":
            return self._own(found, "to_python")
        element = self._of_element(name, "to_python")
        return lambda datum: _listed(datum, element)

    def from_python(self, name: str) -> Callable[[Any], Any] | None:
        """Return ``(object) -> datum`` for the edges, or None; arrays are made from lists and tuples."""
        found = self.by_name(name)
        if found.kind != "array":
            return self._own(found, "from_python")
        element = self._of_element(name, "from_python") or _unchanged
        return lambda value: _tupled(value, element)

    def ordering(self, name: str) -> OperatorClass | None:
        """Return the default btree operator class of a type; arrays and composites get one derived, None: no order."""
        from heliosdb.types import ordering
        from heliosdb.types.object_names import NAMES_OF_OBJECTS  # which needs this module

        found = self._class("btree", name)
        if found is not None:
            return found
        type_ = self.by_name(name)
        if type_.kind == "domain" and type_.element is not None:
            return self.ordering(type_.element)
        if name in NAMES_OF_OBJECTS:
            # What names objects is sorted and grouped as its numbers are, for which PostgreSQL needs no class either.
            return self.ordering("oid")
        key = (name, "ordering")
        if key not in self._adapters:
            self._adapters[key] = ordering.derived(type_, self)
        return self._adapters[key]  # type: ignore[no-any-return]

    def _class(self, method: str, name: str) -> OperatorClass | None:
        for operator_class in self._classes.get((method, name), ()):
            if operator_class.default:
                return operator_class
        return self._below._class(method, name) if self._below is not None else None

    # -- adapters --------------------------------------------------------------------------------------------------

    def _adapter(self, name: str, which: str, adapt: Callable[[Type, Adapter], Adapter]) -> Adapter:
        key = (name, which)
        found = self._adapters.get(key)
        if found is None:
            type_ = self.by_name(name)
            if type_.kind == "array" and getattr(type_, which) is None:
                found = self._of_array(type_, which)
            elif type_.kind == "enum" and getattr(type_, which) is None:
                found = resolve_implementation(f"heliosdb.types.enum:make_{which}")(type_)
            elif type_.kind == "composite" and getattr(type_, which) is None:
                found = resolve_implementation(f"heliosdb.types.composite:make_{which}")(type_.attributes, self)
            elif type_.kind == "domain" and type_.element is not None and getattr(type_, which) is None:
                found = self._adapter(type_.element, which, adapt)
            else:
                implementation: Implementation | None = getattr(type_, which)
                if implementation is None:
                    raise _no_function(type_, which)
                found = adapt(type_, resolve_implementation(implementation))
            self._adapters[key] = found
        return found

    def _of_array(self, type_: Type, which: str) -> Adapter:
        # types/array.py makes an array's function from its element's: make_input, make_output, make_receive,
        # make_send.
        make = resolve_implementation(f"heliosdb.types.array:make_{which}")
        assert type_.element is not None
        return make(self.by_name(type_.element), self)  # type: ignore[no-any-return]

    def _of_element(self, name: str, which: str) -> Adapter | None:
        type_ = self.by_name(name)
        while type_.kind in ("array", "domain") and type_.element is not None:
            type_ = self.by_name(type_.element)
        return self._own(type_, which)

    def _own(self, type_: Type, which: str) -> Adapter | None:
        if type_.kind == "domain" and type_.element is not None:
            return self._of_element(type_.name, which)
        implementation: Implementation | None = getattr(type_, which)
        return None if implementation is None else self._resolved(type_.name, which, implementation)

    def _resolved(self, name: str, which: str, implementation: Implementation) -> Adapter:
        key = (name, which)
        found = self._adapters.get(key)
        if found is None:
            found = self._adapters[key] = resolve_implementation(implementation)
        return found


def _input_adapter(type_: Type, read: Adapter) -> Adapter:
    if type_.needs_session:
        return read
    return lambda text, typmod=-1, session=None: read(text, typmod)


def _output_adapter(type_: Type, write: Adapter) -> Adapter:
    if type_.needs_session:
        return write
    return lambda datum, session=None: write(datum)


def _plain_adapter(type_: Type, function: Adapter) -> Adapter:
    return function


def _no_function(type_: Type, which: str) -> Exception:
    if type_.kind == "pseudo":
        verb = "accept" if which in ("input", "receive") else "display"
        return FeatureNotSupported(f"cannot {verb} a value of type {type_.display}")
    # PostgreSQL's words for a type that has text I/O only.
    wanted = {"receive": "binary input", "send": "binary output"}.get(which, which)
    return UndefinedFunction(f"no {wanted} function available for type {type_.display}")


def _converted_fields(datum: Any, converters: list[Callable[[Any], Any] | None]) -> tuple[Any, ...]:
    return tuple(
        field if field is None or convert is None else convert(field)
        for field, convert in zip(datum, converters, strict=True)
    )


def _unchanged(value: Any) -> Any:
    return value


def _listed(datum: Any, function: Callable[[Any], Any] | None) -> list[Any]:
    return [
        _listed(item, function) if type(item) is tuple else item if item is None or function is None else function(item)
        for item in datum
    ]


def _tupled(value: Any, function: Callable[[Any], Any]) -> tuple[Any, ...]:
    return tuple(
        _tupled(item, function) if isinstance(item, list | tuple) else None if item is None else function(item)
        for item in value
    )
