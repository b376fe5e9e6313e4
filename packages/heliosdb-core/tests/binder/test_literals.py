"""Literal slots and parameters: what stays free, what is pinned, and which types parameters get."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heliosdb.errors import AmbiguousParameter, IndeterminateDatatype, InvalidTextRepresentation
from heliosdb.plan.nodes import BoundStatement

Bound = Callable[..., BoundStatement]


def slots(statement: BoundStatement) -> dict[int, str]:
    return {slot.slot: ("-" if slot.negated else "") + slot.type for slot in statement.slots}


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("select id from t where id = 5 and name = 'x'", {0: "int4", 1: "text"}),
        ("select id from t where amount > 5 and id < -3", {0: "numeric", 1: "-int4"}),
        ("select 5, 5000000000, 1.5, 'x'", {0: "int4", 1: "int8", 2: "numeric", 3: "text"}),
        ("select * from many where i8 = 5 and d = '2020-01-01' and tz < '2020-01-01' and u = "
         "'00000000-0000-0000-0000-000000000000'", {0: "int4", 1: "date", 2: "timestamptz", 3: "uuid"}),
        ("select id from t limit 10 offset 5", {0: "int8", 1: "int8"}),
        ("insert into t values (1, 'a', 2, true)", {0: "int4", 1: "text", 2: "numeric"}),
        ("update t set amount = -1 where id = 5", {0: "-numeric", 1: "int4"}),
        ("select id from t where id in (1, 2)", {0: "int4", 1: "int4"}),
        ("select '1 day'::interval, 'a'::varchar(3)", {0: "interval", 1: "varchar"}),
        # Ordinals, modifiers of types and what GROUP BY compared are looked at.
        ("select id from t order by 1", {}),
        ("select b, 7 from t group by 1, 2", {0: "int4"}),
        ("select id + 1, count(*) from t group by id + 1", {}),
        ("select id % 2, 5 from t group by id % 2, 2", {1: "int4"}),
        ("select 1.5::numeric(5, 2)", {0: "numeric"}),
    ],
)  # fmt: skip
def test_slots_are_free_unless_their_value_was_looked_at(bound: Bound, text: str, free: dict[int, str]) -> None:
    assert slots(bound(text)) == free


def test_a_literal_that_is_wanted_with_two_types_is_pinned(bound: Bound) -> None:
    statement = bound("select * from many where '5' between i4 and n")
    assert statement.slots == ()
    assert statement.pinned == {0}


def test_pinned_literals_stand_in_the_plan_as_values(plan: Callable[..., str]) -> None:
    assert plan("select id + 1 from t group by id + 1") == ("project#3(aggregate#2(t#1 by [(1.id + 1:int4)]: ): 2.0)")


def test_a_literal_that_its_type_cannot_read_is_an_error_at_its_place(bound: Bound) -> None:
    with pytest.raises(InvalidTextRepresentation) as caught:
        bound("select id from t where id = 'five'")
    assert (caught.value.message, caught.value.position) == ('invalid input syntax for type integer: "five"', 29)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("select * from t where id = $1 and name like $2 and amount between $3 and $4",
         ("int4", "text", "numeric", "numeric")),
        ("insert into rich (code, price, small) values ($1, $2, $3)", ("varchar", "numeric", "int2")),
        ("update t set b = $2 where id = any ($1)", ("_int4", "bool")),
        ("select $1", ("text",)),
        ("select coalesce($1, 5), case when $2 then $3 end", ("int4", "bool", "text")),
        ("select $1::int + $1", ("int4",)),
        ("select * from t limit $1", ("int8",)),
        ("select $1 union select 2", ("int4",)),
    ],
)  # fmt: skip
def test_parameters_get_their_types_from_where_they_stand(bound: Bound, text: str, types: tuple[str, ...]) -> None:
    assert bound(text).parameter_types == types


def test_a_hint_decides_only_where_the_statement_does_not(bound: Bound) -> None:
    assert bound("select $1, $2 + id from t", parameter_hints=("float8", "text")).parameter_types == ("float8", "int4")
    assert bound("select $1 is null", parameter_hints=("uuid",)).parameter_types == ("uuid",)


def test_a_stated_type_is_taken(bound: Bound) -> None:
    statement = bound("select $1", parameter_types=("date",))
    assert statement.columns is not None
    assert statement.columns[0].type == "date"


def test_what_nothing_decides_and_what_is_decided_twice_are_errors(bound: Bound) -> None:
    with pytest.raises(IndeterminateDatatype, match=r"could not determine data type of parameter \$1"):
        bound("select $2::int")
    with pytest.raises(AmbiguousParameter, match=r"inconsistent types deduced for parameter \$1") as caught:
        bound("select ($1, $1) = (1, 'a'::text)")
    assert caught.value.detail == "integer versus text"
