"""Classes of values that are stored: by what name, taken apart into what, and put together again how.

A value of a class of its own (an interval, an object of jsonb, a plugin's version number) is stored as the name of its
class and a *plain* value: None, a number, a text, bytes, or a tuple of those or of values of other such classes. Which
classes there are is registered with the types that bring them; the name is part of the format of a database and is
never given to another class.

A table is made when a database opens. It imports nothing: a value that is written has its class already, and what puts
a value together is imported when the first one is read. A name that no installed type brings gives ``Opaque``: it
keeps the plain value, is written back as it was, and whoever looks into it is told what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, NoReturn

from attrs import frozen

from heliosdb.errors import DuplicateObject, FeatureNotSupported, HostSystemError
from heliosdb.value import Value

__all__ = ["KEY_CLASSES", "ClassTable", "Opaque", "StoredClass"]

Implementation = Callable[..., Any] | str


@frozen(eq=False, repr=False)
class StoredClass(Value):
    """A class whose values are stored.

    ``name`` stands in files, and mostly is the type's (``"interval"``). ``python_class`` is its import string, and so
    may be the two functions: ``to_plain(value)`` gives a plain value (None: a subclass of tuple, whose items it is),
    ``from_plain(plain)`` the value again. ``subclasses``: values of subclasses are stored as ones of this class.
    """

    name: str
    python_class: str
    from_plain: Implementation
    to_plain: Implementation | None = None
    subclasses: bool = False


class Opaque:
    """A value of a class that nothing installed knows: it can be kept and copied, and nothing else."""

    __slots__ = ("_name", "_plain")

    def __init__(self, name: str, plain: Any) -> None:
        self._name = name
        self._plain = plain

    @property
    def opaque_name(self) -> str:
        """The name of the class."""
        return self._name

    @property
    def opaque_plain(self) -> Any:
        """What the value was taken apart into."""
        return self._plain

    def __repr__(self) -> str:
        return f"Opaque({self._name!r})"

    def _refuse(self, *arguments: Any) -> NoReturn:
        raise FeatureNotSupported(
            f'values of type "{self._name}" need the plugin that brings the type',
            hint="Install the package that the database was written with.",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    __str__ = __bytes__ = __iter__ = __len__ = __getitem__ = __contains__ = __bool__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = _refuse


def _rank(value: Any) -> int:
    return value._rank  # type: ignore[no-any-return]


KEY_CLASSES = (
    StoredClass("key extreme", "heliosdb.encoding.keys:_Extreme", "heliosdb.encoding.keys:extreme_of_rank", _rank),
    StoredClass(
        "descending", "heliosdb.encoding.keys:Descending", "heliosdb.encoding.keys:Descending", lambda key: key.value
    ),
)
"""What keys of indexes hold besides data."""


class ClassTable:
    """Stored classes by class and by name; DuplicateObject where two have a name or a class in common."""

    def __init__(self, classes: Iterable[StoredClass] = ()) -> None:
        self._by_name: dict[str, StoredClass] = {}
        self._by_class: dict[str, StoredClass] = {}
        for stored in (*KEY_CLASSES, *classes):
            for key, known in ((stored.name, self._by_name), (stored.python_class, self._by_class)):
                if known.setdefault(key, stored) != stored:
                    raise DuplicateObject(f'stored class "{stored.name}" ({stored.python_class}) is registered twice')
        self._writers: dict[type, tuple[str, Callable[[Any], Any]]] = {}
        self._readers: dict[str, Callable[[Any], Any] | None] = {}

    def __iter__(self) -> Iterator[StoredClass]:
        return iter(self._by_name.values())

    def writer(self, kind: type) -> tuple[str, Callable[[Any], Any]]:
        """Return a class's name and what takes its values apart; FeatureNotSupported for a class of no name."""
        found = self._writers.get(kind)
        if found is None:
            stored = self._of_class(kind)
            if stored is None:
                raise FeatureNotSupported(
                    f"values of class {kind.__module__}.{kind.__qualname__} cannot be stored",
                    hint="The type that brings the class says how by its field stored.",
                )
            found = stored.name, tuple if stored.to_plain is None else _resolved(stored.to_plain)
            self._writers[kind] = found
        return found

    def _of_class(self, kind: type) -> StoredClass | None:
        for base in kind.__mro__:
            stored = self._by_class.get(f"{base.__module__}:{base.__qualname__}")
            if stored is not None and (base is kind or stored.subclasses):
                return stored
        return None

    def reader(self, name: str) -> Callable[[Any], Any] | None:
        """Return what puts together values of a class, or None where no installed type brings it."""
        try:
            return self._readers[name]
        except KeyError:
            stored = self._by_name.get(name)
            made = self._readers[name] = None if stored is None else _resolved(stored.from_plain)
            return made


def _resolved(implementation: Implementation) -> Callable[[Any], Any]:
    if not isinstance(implementation, str):
        return implementation
    module, _, attribute = implementation.partition(":")
    try:
        target: Any = import_module(module)
        for part in attribute.split("."):
            target = getattr(target, part)
    except (ImportError, AttributeError) as error:
        raise HostSystemError(f'could not import "{implementation}": {error}') from error
    return target  # type: ignore[no-any-return]
