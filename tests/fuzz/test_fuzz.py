"""A bounded run of the fuzzer where a reference server is at hand, and its parts where none is."""

from __future__ import annotations

import random

import pytest

from tests.differential.doors import EmbeddedDoor
from tests.differential.recording import Answer, Failure, Rows
from tests.differential.reference import ReferenceDoor, reachable

from .campaign import Campaign, Finding
from .changes import Changes
from .compare import HARD, SAME, SOFT, difference
from .histories import FINAL, find_divergence, history, perform, smallest
from .queries import Queries
from .tree import Node, listing, smaller
from .world import make_world

WORLDS = 12
HISTORIES = 20
UNWATCHED = 150


def test_a_seed_gives_the_same_statements() -> None:
    def texts(seed: int) -> list[str]:
        rng = random.Random(seed)
        world = make_world(rng)
        queries = Queries(rng, world)
        changes = Changes(rng, world, queries)
        return [*world.statements(), *(str(queries.statement()) for _ in range(20)), str(changes.series())]

    assert texts(5) == texts(5)
    assert texts(5) != texts(6)


def test_smaller_texts_drop_options_elements_and_levels() -> None:
    inner = Node("integer", ("a",))
    sum_ = Node("integer", ("(", inner, " + ", Node("integer", ("b",)), ")"))
    query = Node(
        "query", ("SELECT ", listing("items", [sum_, Node("text", ("t",))]), Node("where", (" WHERE x",), True))
    )
    texts = {str(less) for less in smaller(query)}
    assert texts == {
        "SELECT (a + b), t",
        "SELECT t WHERE x",
        "SELECT (a + b) WHERE x",
        "SELECT a, t WHERE x",
        "SELECT b, t WHERE x",
    }


def rows(*values: str | None, kind: str = "integer") -> Answer:
    return Answer((Rows(f"SELECT {len(values)}", (("a", kind),), tuple((v,) for v in values)),))


def error(sqlstate: str) -> Answer:
    return Answer(failure=Failure(sqlstate, "no"))


def test_answers_are_compared_as_strictly_as_the_statement_allows() -> None:
    assert difference("SELECT", rows("1", "2"), rows("2", "1")) == SAME
    assert difference("SELECT ORDER BY 1", rows("1", "2"), rows("2", "1")) == HARD
    assert difference("SELECT", rows("1"), rows("1", "1")) == HARD
    assert difference("SELECT", rows(None), rows("")) == HARD
    assert difference("SELECT", rows("1"), rows("1", kind="bigint")) == HARD
    assert difference("SELECT", rows("1.0", kind="numeric"), rows("1.00", kind="numeric")) == HARD
    assert difference("SELECT DISTINCT", rows("1.0", kind="numeric"), rows("1.00", kind="numeric")) == SOFT
    assert difference("SELECT max(a)", rows("1 mon", kind="interval"), rows("30 days", kind="interval")) == SOFT
    assert difference("SELECT max(a)", rows("1 mon", kind="interval"), rows("31 days", kind="interval")) == HARD
    month, days = rows("1 mon", "30 days", kind="interval"), rows("30 days", "1 mon", kind="interval")
    assert difference("SELECT ORDER BY 1", month, days) == SAME
    assert difference("SELECT", error("22012"), rows("1")) == SOFT
    assert difference("SELECT", error("42601"), rows("1")) == HARD
    assert difference("SELECT", error("42601"), error("42601")) == SAME
    assert difference("SELECT", rows("1"), error("XX000")) == HARD


def test_random_statements_have_the_same_answers_as_on_the_reference() -> None:
    conninfo = reachable()
    if conninfo is None:
        pytest.skip("no reference server: POSTGRESQL_REFERENCE names none that answers")
    door, tested = ReferenceDoor(conninfo, "fuzz_test"), EmbeddedDoor()
    findings: list[Finding] = []
    try:
        sides = (door.open(), tested.open())
        for side in sides:
            side.send("SET statement_timeout = '5s'")
        findings = list(Campaign(*sides).run(1000, worlds=WORLDS))
    finally:
        tested.close()
        door.close()
    assert not findings, "\n".join(finding.script() for finding in findings)


def test_a_session_that_waits_is_left_out_until_it_goes_on() -> None:
    steps = (
        ("A", "BEGIN"),
        ("A", "UPDATE t SET v = 11 WHERE id = 1"),
        ("B", "UPDATE t SET v = v + 1 WHERE id = 1 RETURNING v"),
        ("B", "SELECT 'left out'"),
        ("A", "COMMIT"),
    )
    door = EmbeddedDoor()
    try:
        events = perform(steps, door)
    finally:
        door.close()
    assert [event.step for event in events] == [0, 1, 2, 4, 1000, 1001]
    assert (events[2].outcome, events[2].finished) == ("waited: UPDATE 1; 12", 4)
    assert events[4].outcome.startswith("SELECT 4; 1 | 12 | 1;")


def test_a_history_follows_from_its_seed() -> None:
    assert history(random.Random(3)) == history(random.Random(3))
    assert history(random.Random(3)) != history(random.Random(4))


def test_constraints_hold_at_the_end_of_every_history() -> None:
    for seed in range(UNWATCHED):
        steps = history(random.Random(seed))
        door = EmbeddedDoor()
        try:
            events = perform((*steps, *((session, "COMMIT") for session in sorted({s for s, _ in steps}))), door)
        finally:
            door.close()
        assert events[-1].text == FINAL[-1], f"seed {seed}: stuck at {events[-1]}"
        parents, children = ([row.split(" | ") for row in event.outcome.split("; ")[1:]] for event in events[-2:])
        ids, uniques = [row[0] for row in parents], [row[2] for row in parents if row[2] != "NULL"]
        assert len(set(ids)) == len(ids), f"seed {seed}: {events[-2]}"
        assert len(set(uniques)) == len(uniques), f"seed {seed}: {events[-2]}"
        assert {row[1] for row in children} <= {*ids, "NULL"}, f"seed {seed}: {events[-2:]}"


def test_random_histories_have_the_same_events_as_on_the_reference() -> None:
    conninfo = reachable()
    if conninfo is None:
        pytest.skip("no reference server: POSTGRESQL_REFERENCE names none that answers")
    reference = ReferenceDoor(conninfo, "fuzz_test")
    try:
        for seed in range(HISTORIES):
            found = find_divergence(seed, reference, EmbeddedDoor)
            assert found is None, smallest(found, reference, EmbeddedDoor).script()
    finally:
        reference.close()
