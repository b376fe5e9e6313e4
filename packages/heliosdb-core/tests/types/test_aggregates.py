"""Aggregates answer as PostgreSQL 15 does, over recorded lists of values.

A line of ``recorded/aggregates/*.jsonl`` has an aggregate's name, its argument types, the rows (texts or null) and the
answer: text, null, or SQLSTATE and message.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import errors
from heliosdb.types.builtin import FAMILIES
from heliosdb.types.definitions import Aggregate, CallTypes, resolve_implementation
from recorded_calls import RECORDED, RecordedSession, read, registry, show


def find(name: str, arguments: tuple[str, ...]) -> Aggregate:
    for family in FAMILIES:
        for aggregate in getattr(import_module(family), "AGGREGATES", ()):
            if (aggregate.name, aggregate.arguments) == (name, arguments):
                assert isinstance(aggregate, Aggregate)
                return aggregate
    raise LookupError(name)


def run(aggregate: Aggregate, types: list[str], rows: list[list[Any]], direct: list[Any]) -> Any:
    """Aggregate rows as the code generator would: the inline form by evaluating its templates."""
    if aggregate.specialize:
        factory = resolve_implementation(aggregate.implementation or "")
        result = types[-1] if aggregate.returns in ("anyelement", "anyarray") else aggregate.returns
        aggregate = factory(CallTypes(tuple(types), result, registry()))
    if aggregate.strict:
        rows = [row for row in rows if None not in row]
    if not aggregate.slots:
        state = None if aggregate.initial is None else resolve_implementation(aggregate.initial)()
        step = resolve_implementation(aggregate.step or "")
        for row in rows:
            state = step(state, *row)
        return state if aggregate.final is None else resolve_implementation(aggregate.final)(state, *direct)
    names = {f"s{i}": f"s{i}" for i in range(len(aggregate.slots))} | {"f": "f", "t": "t"}
    scope: dict[str, Any] = {"f": resolve_implementation(aggregate.implementation or "builtins:int")}
    for slot, text in enumerate(aggregate.slots):
        scope[f"s{slot}"] = eval(text, scope)
    arguments = [f"a{i}" for i in range(len(aggregate.arguments))]
    for row in rows:
        scope.update(zip(arguments, row))
        for slot, text in enumerate(aggregate.inline_step):
            scope[f"s{slot}"] = eval(text.format(*arguments, **names), scope)
    return eval((aggregate.inline_final or "").format(**names), scope)


def ours(record: dict[str, Any]) -> Any:
    session = RecordedSession(registry(), {})
    aggregate = find(record["aggregate"], tuple(record["arguments"]))
    types = record["types"]
    try:
        rows = [[read(t, text, session) for t, text in zip(types, row)] for row in record["rows"]]
        direct = [read(t, text, session) for t, text in record.get("direct", [])]
        result = run(aggregate, types, rows, direct)
        returns = types[-1] if aggregate.returns == "anyelement" else aggregate.returns
        returns = f"_{types[-1]}" if returns == "anyarray" and aggregate.kind == "ordered_set" else returns
        return show(returns, result, session)
    except errors.Error as error:
        return [error.sqlstate, error.message]


@pytest.mark.parametrize("recording", sorted(path.stem for path in (RECORDED / "aggregates").glob("*.jsonl")))
def test_every_recorded_aggregate_gives_the_recorded_answer(recording: str) -> None:
    lines = (RECORDED / "aggregates" / f"{recording}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert records
    wrong = [(record, ours(record)) for record in records if ours(record) != record["answer"]]
    assert not wrong, f"{len(wrong)} of {len(records)} differ, first: {wrong[:3]}"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=64)))
def test_min_and_max_of_floats_are_the_ends_of_the_sorted_list(values: list[float]) -> None:
    ordering = registry().ordering("float8")
    assert ordering is not None
    assert ordering.sort_key is not None
    ordered = sorted(values, key=resolve_implementation(ordering.sort_key))
    rows = [[value] for value in values]
    low = run(find("min", ("float8",)), ["float8"], rows, [])
    high = run(find("max", ("float8",)), ["float8"], rows, [])
    expected = [None, None] if not values else [ordered[0], ordered[-1]]
    assert [repr(abs(x)) if x == 0 else repr(x) for x in (low, high)] == [
        repr(abs(x)) if x == 0 else repr(x) for x in expected
    ]
