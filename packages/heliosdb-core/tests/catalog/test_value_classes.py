"""Classes whose writing is put off are attrs classes to everyone who looks."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
from typing import Any, ClassVar

import attrs
import pytest

from heliosdb.rows import loading
from heliosdb.value import Value, field, frozen, names_of, types_of


@frozen(eq=False, repr=False)
class Base(Value):
    first: int
    second: str = "two"


@frozen(kw_only=True, eq=False, repr=False)
class Derived(Base):
    third: list[int] = field(factory=list)
    fourth: int = field(default=4, eq=False)
    shared: ClassVar[int] = 7

    def total(self) -> int:
        return self.first + self.fourth

    def __repr__(self) -> str:
        return f"<{super().__repr__()}>"


@frozen(eq=False, repr=False)
class Checked(Value):
    kind: str = field(validator=attrs.validators.in_(("a", "b")))


@attrs.frozen
class Foreign(Derived):
    fifth: int = 5


def test_parameters_and_defaults_are_those_that_attrs_would_write() -> None:
    made = Derived(1, third=[3])
    assert (made.first, made.second, made.third, made.fourth, made.shared) == (1, "two", [3], 4, 7)
    assert made.total() == 5
    assert Derived(1).third is not Derived(1).third
    for arguments, named in (((), {}), ((1, "x", [2]), {}), ((1,), {"sixth": 6})):
        with pytest.raises(TypeError):
            Derived(*arguments, **named)  # type: ignore[arg-type]


def test_they_compare_hash_and_show_by_their_fields() -> None:
    assert Base(1) == Base(1, "two") != Base(2)
    assert hash(Base(1)) == hash(Base(1))
    assert Derived(1, fourth=9) == Derived(1)
    assert Base(1) != Derived(1)
    assert repr(Base(1)) == "Base(first=1, second='two')"
    assert repr(Derived(1, third=[])) == "<Derived(first=1, second='two', third=[], fourth=4)>"


def test_they_refuse_change_and_have_no_dict() -> None:
    made = Derived(1)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.first = 2  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del made.first
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.other = 2  # type: ignore[attr-defined]
    assert not hasattr(made, "__dict__")


def test_attrs_knows_them() -> None:
    assert attrs.has(Derived)
    assert [(f.name, f.kw_only, f.eq, f.type) for f in attrs.fields(Derived)] == [
        ("first", False, True, "int"),
        ("second", False, True, "str"),
        ("third", True, True, "list[int]"),
        ("fourth", True, False, "int"),
    ]
    assert attrs.evolve(Derived(1), first=3, fourth=8) == Derived(3)
    assert names_of(Derived) == ("first", "second", "third", "fourth")
    assert types_of(Derived) == {"first": "int", "second": "str", "third": "list[int]", "fourth": "int"}
    assert types_of(int) is None
    assert attrs.asdict(Base(1)) == {"first": 1, "second": "two"}


def test_attrs_classes_of_others_may_derive_from_them() -> None:
    made = Foreign(1, third=[])
    assert (made.first, made.fifth) == (1, 5)
    assert [f.name for f in attrs.fields(Foreign)] == ["first", "second", "third", "fourth", "fifth"]


def test_what_needs_more_than_defaults_is_left_to_attrs() -> None:
    assert Checked("a") == Checked("a")
    with pytest.raises(ValueError, match="kind"):
        Checked("c")


def test_they_are_copied_and_pickled() -> None:
    made = Derived(1, "x", third=[3], fourth=5)
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert other.fourth == 5


def test_threads_may_be_first_together() -> None:
    for _ in range(20):

        @frozen(eq=False, repr=False)
        class Fresh(Value):
            a: int
            b: int = 2

        made: list[Any] = []
        barrier = threading.Barrier(4)

        def make(kind: Any = Fresh, barrier: Any = barrier, made: list[Any] = made) -> None:
            barrier.wait()
            made.append(attrs.evolve(kind(1), b=3))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [(one.a, one.b) for one in made] == [(1, 3)] * 4


def test_loading_leaves_a_permanent_generation_alone() -> None:
    code = (
        "import gc; gc.freeze()\n"
        "import heliosdb; heliosdb.connect(':memory:').execute('SELECT 1').fetchall()\n"
        "assert gc.isenabled() and gc.get_freeze_count() > 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_loading_keeps_collection_as_it_was() -> None:
    gc.disable()
    try:
        with loading():
            import wave  # noqa: F401
        assert not gc.isenabled()
    finally:
        gc.enable()
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
