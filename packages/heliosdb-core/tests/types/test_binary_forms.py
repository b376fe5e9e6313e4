"""The binary form of every scalar type is PostgreSQL's, byte for byte, and reads back; damaged bytes are refused."""

from __future__ import annotations

from ast import literal_eval
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import errors
from recorded_calls import RECORDED, RecordedSession, registry, show

SESSION = RecordedSession(registry(), {})


def recorded() -> list[tuple[str, str, bytes]]:
    """Return (type, text, what PostgreSQL's send function gives)."""
    lines = (RECORDED / "catalog" / "binary_forms.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return [(name, literal_eval(text), bytes.fromhex(data)) for name, text, data in rows]


def test_values_are_sent_as_postgresql_sends_them() -> None:
    for name, text, data in recorded():
        datum = registry().input(name)(text, -1, SESSION)
        assert registry().send(name)(datum) == data, (name, text)


def test_what_postgresql_sends_reads_as_the_same_value() -> None:
    for name, text, data in recorded():
        datum = registry().input(name)(text, -1, SESSION)
        received = registry().receive(name)(data)
        assert show(name, received, SESSION) == show(name, datum, SESSION), (name, text)
        assert type(received) is type(datum), (name, text)


@pytest.mark.parametrize("name", ["bool", "int2", "int4", "int8", "float4", "float8", "uuid", "oid", "xid8", "tid"])
def test_a_fixed_length_type_refuses_other_lengths(name: str) -> None:
    length = registry().by_name(name).length
    for wrong in (b"", b"\0" * (length - 1), b"\0" * (length + 1)):
        with pytest.raises(errors.InvalidBinaryRepresentation):
            registry().receive(name)(wrong)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "0001",
        "0001000000000000",
        "000100000000000027",
        "0001000000000000ffff",
        "0001000012340000000a",
        "000000000000ffff",
        "00010000000000000001ff",
    ],
)
def test_damaged_numerics_are_refused(data: str) -> None:
    with pytest.raises(errors.InvalidBinaryRepresentation):
        registry().receive("numeric")(bytes.fromhex(data))


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a\0b"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    for name in ("text", "varchar", "bpchar", "name"):
        with pytest.raises(errors.CharacterNotInRepertoire):
            registry().receive(name)(data)


finite = st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.integers(-(10**60), 10**60).map(Decimal)


@settings(max_examples=200, deadline=None)
@given(finite)
def test_numerics_survive_binary_and_text_with_their_scale(value: Decimal) -> None:
    datum = registry().input("numeric")(format(value, "f"), -1, SESSION)
    received: Any = registry().receive("numeric")(registry().send("numeric")(datum))
    assert received.as_tuple() == datum.as_tuple()
    assert show("numeric", received, SESSION) == show("numeric", datum, SESSION)


@settings(max_examples=200, deadline=None)
@given(st.floats())
def test_floats_survive_text(value: float) -> None:
    back = registry().input("float8")(show("float8", value, SESSION), -1, SESSION)
    assert back == value or (back != back and value != value)


@settings(max_examples=200, deadline=None)
@given(st.floats(width=32))
def test_singles_survive_text(value: float) -> None:
    text = show("float4", value, SESSION)
    back = registry().input("float4")(text, -1, SESSION)
    assert back == value or (back != back and value != value)
