"""What the engine relies on in a data type: text, binary and Python forms that agree, and an order that is one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any, ClassVar

import pytest

from heliosdb.errors import DataError, Error
from heliosdb.spi import OperatorClass, Registries, StoredFrames, Type, resolve_implementation
from heliosdb_testkit.surroundings import RestingSession, registries_of

__all__ = ["TypeSuite"]

Key = Callable[[Any], Any]


class TypeSuite:
    """Subclass it and give the type's name and examples.

    ``ordered``: texts in ascending order, those that are equal to each other together in a tuple. ``canonical``:
    texts as they may be written, with the text that comes out. ``invalid``: texts that are no value of the type.
    ``beyond_python``: texts that the type's Python class cannot hold.
    """

    plugin: ClassVar[Any] = None
    type_name: ClassVar[str]
    ordered: ClassVar[tuple[tuple[str, ...], ...]] = ()
    canonical: ClassVar[dict[str, str]] = {}
    invalid: ClassVar[tuple[str, ...]] = ()
    beyond_python: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def registries(self) -> Registries:
        """The core's registrations and the plugin's."""
        return registries_of(self.plugin)

    @pytest.fixture
    def type_(self, registries: Registries) -> Type:
        """The type under test."""
        return registries.types.by_name(self.type_name)

    @pytest.fixture
    def read(self, registries: Registries) -> Callable[[str], Any]:
        """Text input."""
        read, session = registries.types.input(self.type_name), RestingSession(registries)
        return lambda text: read(text, -1, session)

    @pytest.fixture
    def write(self, registries: Registries) -> Callable[[Any], str]:
        """Text output."""
        write, session = registries.types.output(self.type_name), RestingSession(registries)
        return lambda datum: write(datum, session)

    def texts(self) -> list[str]:
        """Return every text that is a value."""
        return [*self.canonical, *(text for group in self.ordered for text in group)]

    def test_there_are_examples(self) -> None:
        """A suite without examples would prove nothing."""
        assert self.texts()
        assert self.invalid

    def test_text_that_came_out_goes_in_again_unchanged(
        self, read: Callable[[str], Any], write: Callable[[Any], str]
    ) -> None:
        """A dump reads back as what it was."""
        for text in self.texts():
            once = write(read(text))
            assert write(read(once)) == once, text

    def test_values_come_out_as_expected(self, read: Callable[[str], Any], write: Callable[[Any], str]) -> None:
        """Each ``canonical`` text gives its counterpart."""
        assert {text: write(read(text)) for text in self.canonical} == self.canonical

    def test_what_is_no_value_is_a_data_error(self, read: Callable[[str], Any]) -> None:
        """Wrong text is the user's error, with a SQLSTATE; no other exception may escape."""
        for text in self.invalid:
            with pytest.raises(DataError) as raised:
                read(text)
            assert raised.value.sqlstate[:2] == "22", text
            assert raised.value.message

    def test_datums_are_immutable_and_hashable(self, read: Callable[[str], Any]) -> None:
        """Datums are shared between rows, versions and threads, and are keys of dicts."""
        for text in self.texts():
            assert hash(read(text)) == hash(read(text)), text
            assert type(read(text)) is not tuple, "exactly a tuple is an array's row: use a subclass"

    def test_the_binary_form_gives_the_same_value(
        self, registries: Registries, read: Callable[[str], Any], write: Callable[[Any], str]
    ) -> None:
        """``receive`` undoes ``send``."""
        send, receive = registries.types.send(self.type_name), registries.types.receive(self.type_name)
        for text in self.texts():
            data = send(read(text))
            assert isinstance(data, bytes)
            assert write(receive(data)) == write(read(text)), text

    def test_binary_rubbish_is_an_error_with_a_sqlstate(self, registries: Registries) -> None:
        """Bytes come from clients and files: nothing but our own errors may come of them."""
        receive = registries.types.receive(self.type_name)
        for data in (b"", b"\xff", b"\x00" * 3, b"\x01\xff\xfe", bytes(range(64))):
            with suppress(Error):
                receive(data)

    def test_python_objects_give_the_same_value(
        self, type_: Type, read: Callable[[str], Any], write: Callable[[Any], str]
    ) -> None:
        """``from_python`` undoes ``to_python``."""
        to_python = _unchanged if type_.to_python is None else resolve_implementation(type_.to_python)
        from_python = _unchanged if type_.from_python is None else resolve_implementation(type_.from_python)
        for text in self.texts():
            if text not in self.beyond_python:
                assert write(from_python(to_python(read(text)))) == write(read(text)), text

    def test_data_and_keys_come_back_from_storage(
        self, registries: Registries, read: Callable[[str], Any], write: Callable[[Any], str]
    ) -> None:
        """Every class is in the field ``stored``, and what was written is there again, whoever reads it."""
        frames = StoredFrames(registries.types.stored_classes)
        data = [read(text) for text in self.texts()]
        stored = frames.encode([*data, None])
        again = StoredFrames(registries.types.stored_classes).decode(stored)
        assert again.pop() is None
        assert [write(item) for item in again] == [write(item) for item in data]
        assert list(map(type, again)) == list(map(type, data))
        assert frames.encode([*again, None]) == stored
        ordering = registries.types.ordering(self.type_name)
        for which in () if ordering is None else ("hash_key", "sort_key"):
            key = _key(ordering, which)
            keys = list(map(key, data))
            assert frames.decode(frames.encode(keys)) == keys, which

    def test_arrays_of_the_type_are_read_and_written(
        self, registries: Registries, read: Callable[[str], Any], write: Callable[[Any], str]
    ) -> None:
        """The array type is there without having been registered, and survives what its elements look like."""
        array = registries.types.by_name(f"_{self.type_name}")
        session = RestingSession(registries)
        datum = (*(read(text) for text in self.texts()), None)
        spelled = registries.types.output(array.name)(datum, session)
        back = registries.types.input(array.name)(spelled, -1, session)
        assert [None if item is None else write(item) for item in back] == [
            None if item is None else write(item) for item in datum
        ]

    # -- order -----------------------------------------------------------------------------------------------------

    @pytest.fixture
    def ordering(self, registries: Registries) -> OperatorClass:
        """The default btree operator class."""
        if not self.ordered:
            pytest.skip("the type has no order")
        ordering = registries.types.ordering(self.type_name)
        assert ordering is not None, f"type {self.type_name} has no default btree operator class"
        return ordering

    def test_sort_keys_order_the_examples(self, ordering: OperatorClass, read: Callable[[str], Any]) -> None:
        """Keys compare as the examples stand: equal within a group, less than every later group."""
        key = _key(ordering, "sort_key")
        for (i, first), (j, second) in product(enumerate(self.ordered), repeat=2):
            for left, right in product(first, second):
                assert (key(read(left)) < key(read(right))) == (i < j), (left, right)
                assert (key(read(left)) == key(read(right))) == (i == j), (left, right)

    def test_hash_keys_agree_with_the_order(self, ordering: OperatorClass, read: Callable[[str], Any]) -> None:
        """Values that are equal in the order are one group in GROUP BY, and others are not."""
        key = _key(ordering, "hash_key")
        for (i, first), (j, second) in product(enumerate(self.ordered), repeat=2):
            for left, right in product(first, second):
                assert (key(read(left)) == key(read(right))) == (i == j), (left, right)
                if i == j:
                    assert hash(key(read(left))) == hash(key(read(right))), (left, right)

    def test_the_operators_agree_with_the_order(
        self, registries: Registries, ordering: OperatorClass, read: Callable[[str], Any]
    ) -> None:
        """``<``, ``<=``, ``=``, ``>=``, ``>`` of the operator class say the same as its keys."""
        expected: dict[int, Callable[[int, int], bool]] = {
            1: lambda i, j: i < j,
            2: lambda i, j: i <= j,
            3: lambda i, j: i == j,
            4: lambda i, j: i >= j,
            5: lambda i, j: i > j,
        }
        for strategy, symbol in ordering.operators.items():
            function = _function_of(registries, symbol, self.type_name)
            for (i, first), (j, second) in product(enumerate(self.ordered), repeat=2):
                for left, right in product(first, second):
                    assert bool(function(read(left), read(right))) == expected[strategy](i, j), (left, symbol, right)


def _unchanged(value: Any) -> Any:
    return value


def _key(ordering: OperatorClass, which: str) -> Key:
    if ordering.identity:
        return _unchanged
    implementation = getattr(ordering, which)
    return _unchanged if implementation is None else resolve_implementation(implementation)


def _function_of(registries: Registries, symbol: str, type_name: str) -> Callable[..., Any]:
    (operator,) = [o for o in registries.operators[symbol] if (o.left, o.right) == (type_name, type_name)]
    (function,) = [
        function for function in registries.functions[operator.function] if function.arguments == (type_name, type_name)
    ]
    implementation = getattr(function, "implementation", None)
    assert implementation is not None
    return resolve_implementation(implementation)
