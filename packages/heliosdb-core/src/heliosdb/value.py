"""What syntax trees, plan nodes, catalog definitions and registrations have in common: they are values.

Each is a frozen attrs class made with ``eq=False, repr=False``; comparing, hashing and printing work for all of them
by the same few lines here. Methods generated for each of some hundred classes would cost a process more at its start
than they ever save. Fields declared with ``eq=False`` take no part in comparison.

``field`` and ``frozen`` here are those of attrs, with the work put off until the class is used: of some two hundred
classes a process uses a few dozen, and attrs takes 0.2 ms to write one. At first a class has its slots and the
specifications of its fields; ``__init__`` is written when it is first called, and what attrs itself knows of a class
(``__attrs_attrs__``, for ``evolve`` and ``fields``) when somebody asks. A class that wants more of attrs than
defaults, validators for example, is left to attrs at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import attrs
from attrs import fields
from attrs.exceptions import FrozenInstanceError

__all__ = ["Shown", "Value", "field", "frozen", "names_of", "types_of"]

if TYPE_CHECKING:
    from attrs import field, frozen
else:

    def field(**options: Any) -> Any:
        """As ``attrs.field``."""
        return _Field(options)

    def frozen(cls: type | None = None, **options: Any) -> Any:
        """As ``attrs.frozen``."""
        if cls is None:
            return lambda decorated: _frozen(decorated, options)
        return _frozen(cls, options)


class _Field:
    """The options of a field as they were written."""

    __slots__ = ("options",)

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options


_SIMPLE = {"default", "factory", "eq", "repr", "kw_only"}
_SPECIFIED = "__field_options__"
Specified = dict[str, dict[str, Any]]


def _frozen(cls: type, options: dict[str, Any]) -> type:
    """Return the class with slots for its fields, to be written when it is used."""
    namespace = dict(cls.__dict__)
    own: Specified = {}
    types: dict[str, Any] = {}
    for name, annotation in namespace.get("__annotations__", {}).items():
        if not str(annotation).startswith("ClassVar"):
            value = namespace.get(name, _Field({}))
            own[name] = value.options if isinstance(value, _Field) else {"default": value}
            types[name] = annotation
    inherited = _inherited(cls)
    more = options.get("eq", True) or options.get("repr", True) or not {"eq", "repr", "kw_only"}.issuperset(options)
    if more or inherited is None or not all(_SIMPLE.issuperset(given) for given in own.values()):
        for name, given in own.items():
            if given or name in namespace:
                setattr(cls, name, attrs.field(**given))
        return attrs.frozen(cls, **options)
    own = {
        name: {"kw_only": options.get("kw_only", False), **given, "type": types[name]} for name, given in own.items()
    }
    for name in (*own, "__dict__", "__weakref__"):
        namespace.pop(name, None)
    slots = [name for name in own if name not in inherited]
    if not any(base.__weakrefoffset__ for base in cls.__bases__):
        slots.append("__weakref__")
    namespace |= {
        "__slots__": tuple(slots),
        _SPECIFIED: {**{name: given for name, given in inherited.items() if name not in own}, **own},
        "__init__": _Later("__init__", _write_init),
        "__attrs_attrs__": _Later("__attrs_attrs__", _write_attributes),
        "__setattr__": _refuse_change,
        "__delattr__": _refuse_change,
        "__getstate__": _state,
        "__setstate__": _restore,
    }
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    for function in namespace.values():
        # ``super()`` in a method means the class that was made, not the one it was made from.
        if isinstance(function, FunctionType) and "__class__" in function.__code__.co_freevars:
            cell = (function.__closure__ or ())[function.__code__.co_freevars.index("__class__")]
            cell.cell_contents = made
    return made


def _inherited(cls: type) -> Specified | None:
    """Return the fields that the bases give the class; None where attrs has to say."""
    found: Specified = {}
    for base in reversed(cls.__mro__[1:]):
        own = base.__dict__
        if _SPECIFIED in own:
            found |= own[_SPECIFIED]
        elif own.get("__attrs_attrs__"):
            return None
    return found


class _Later:
    """Stands for an attribute of a class until somebody looks at it."""

    __slots__ = ("name", "write")

    def __init__(self, name: str, write: Callable[[Any], Any]) -> None:
        self.name = name
        self.write = write

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        for made in owner.__mro__:
            if made.__dict__.get(self.name) is self:
                # Two threads may both do it: they do the same.
                setattr(made, self.name, self.write(made))
        return getattr(owner if instance is None else instance, self.name)


def _write_init(made: Any) -> Any:
    """Return ``__init__``: each slot is set by its own descriptor, since the class refuses assignment."""
    namespace: dict[str, Any] = {"_none": _NOTHING}
    positional = ["self"]
    named: list[str] = []
    lines: list[str] = []
    for name, options in made.__dict__[_SPECIFIED].items():
        namespace[f"_set_{name}"] = getattr(made, name).__set__
        value = parameter = name
        if "factory" in options:
            namespace[f"_new_{name}"] = options["factory"]
            parameter, value = f"{name}=_none", f"_new_{name}() if {name} is _none else {name}"
        elif "default" in options:
            namespace[f"_default_{name}"] = options["default"]
            parameter = f"{name}=_default_{name}"
        (named if options.get("kw_only") else positional).append(parameter)
        lines.append(f" _set_{name}(self, {value})")
    parameters = ", ".join([*positional, *(["*", *named] if named else [])])
    exec("\n".join([f"def __init__({parameters}):", *lines, " pass"]), namespace)  # noqa: S102 - names of fields only
    init = namespace["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


def _write_attributes(made: Any) -> Any:
    """Return what attrs knows of a class."""
    described = {name: attrs.field(**options) for name, options in made.__dict__[_SPECIFIED].items()}
    twin: Any = attrs.make_class(made.__name__, described, init=False, eq=False, repr=False)
    return twin.__attrs_attrs__


_NOTHING = object()


def _refuse_change(self: Any, *_: Any) -> None:
    raise FrozenInstanceError


def _state(self: Any) -> dict[str, Any]:
    return {name: getattr(self, name) for name in type(self).__dict__[_SPECIFIED]}


def _restore(self: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        object.__setattr__(self, name, value)


def names_of(kind: Any) -> tuple[str, ...]:
    """Return the names of a class's fields, in order."""
    specified = kind.__dict__.get(_SPECIFIED)
    return tuple(f.name for f in fields(kind)) if specified is None else tuple(specified)


class Shown:
    """Base of attrs classes made with ``repr=False``: shows the fields as attrs itself would."""

    __slots__ = ()

    def __repr__(self) -> str:
        kind: Any = type(self)
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(kind) if f.repr)
        return f"{kind.__name__}({', '.join(shown)})"


@frozen(eq=False, repr=False)
class Value(Shown):
    """Base of frozen attrs classes that are equal when their fields are."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in compared(type(self)))

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in compared(type(self)))))


def types_of(kind: Any) -> dict[str, str] | None:
    """Return the annotations of a class's fields by name, None for a class that attrs knows nothing of."""
    specified = kind.__dict__.get(_SPECIFIED)
    if specified is not None:
        return {name: str(options["type"]) for name, options in specified.items()}
    return {f.name: str(f.type) for f in fields(kind)} if attrs.has(kind) else None


def _compared(kind: Any) -> tuple[str, ...]:
    specified = kind.__dict__.get(_SPECIFIED)
    if specified is None:
        return tuple(f.name for f in fields(kind) if f.eq)
    return tuple(name for name, options in specified.items() if options.get("eq", True))


#: The names of the fields that tell two values of a class apart.
compared: Callable[[Any], tuple[str, ...]] = lru_cache(maxsize=1024)(_compared)
