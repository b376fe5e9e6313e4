"""Lists as parameters: which array a list is where the statement does not say, and what is in it then."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import Error


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        ([0.5, -1.25, 1e300], "double precision[]"),
        ((0.5,), "double precision[]"),
        ([0.5, None], "double precision[]"),
        ([True, False], "boolean[]"),
        ([1, 2], "integer[]"),
        ([1, 2**40], "bigint[]"),
        ([], "text[]"),
    ],
)
def test_a_list_keeps_all_of_its_elements(database: EmbeddedDatabase, value: Any, type_name: str) -> None:
    ((found, kind),) = database.query("SELECT $1, pg_typeof($1)::text", (value,))
    assert (found, kind) == (list(value), type_name)


def test_floats_are_read_for_the_type_that_the_statement_says(database: EmbeddedDatabase) -> None:
    ((halves, rounded),) = database.query("SELECT $1::float8[], $2::float4[]", ([0.1, 2], [0.1, 0.2]))
    assert halves == [0.1, 2.0]
    assert [repr(number) for number in halves] == ["0.1", "2.0"]
    assert database.query("SELECT $1::float8[] = ARRAY[0.1, 0.2]::float8[]", ([0.1, 0.2],))[0][0] is True
    assert rounded == pytest.approx([0.1, 0.2])
    with pytest.raises(Error):
        database.query("SELECT $1::float8[]", ([0.1, "a"],))


def test_nested_lists_of_floats_are_arrays_of_arrays(database: EmbeddedDatabase) -> None:
    assert database.query("SELECT $1::float8[]", ([[0.5, 1.5], [2.5, 3.5]],))[0][0] == [[0.5, 1.5], [2.5, 3.5]]
