"""A campaign: worlds and statements from a seed, asked of both sides, and what differs made small."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.differential.doors import Conversation
from tests.differential.recording import Answer, quote

from .changes import Changes
from .compare import HARD, SAME, SOFT, difference, signature
from .expressions import rendered
from .queries import Queries
from .tree import Node, smaller
from .world import World, make_world

__all__ = ["Campaign", "Finding"]

STATEMENTS_PER_WORLD = 40
KEPT = "SET statement_timeout = '3s'"
"""What every session keeps when a new world is made."""
LONGEST = 6000
"""Characters of the longest statement that is asked."""


@dataclass(frozen=True)
class Finding:
    """A statement that is answered differently, with the world it needs."""

    seed: int
    world: World
    statement: Node
    reference: Answer
    answer: Answer

    def script(self) -> str:
        """Return a script for ``tests/differential`` that shows the difference."""
        lines = [f"-- Found by the fuzzer, seed {self.seed}: {_summary(self.reference)}, not {_summary(self.answer)}."]
        parts = self.statement.parts if self.statement.kind == "series" else (self.statement,)
        lines += [f"{text};" for text in self.world.statements()]
        for text, bind in (rendered(part) if isinstance(part, Node) else (part, None) for part in parts):
            lines += [f"-- bind {json.dumps(bind)}"] if bind is not None else []
            lines.append(f"{text};")
        return "\n".join(lines) + "\n"

    @property
    def cause(self) -> tuple[str, str]:
        """Return what the finding looks like, to tell it from others."""
        message = self.answer.failure.message if self.answer.failure else ""
        return f"{signature(self.reference)} / {signature(self.answer)}", message


def _summary(answer: Answer) -> str:
    if answer.failure is not None:
        return f"{answer.failure.sqlstate} {answer.failure.message}".replace("\n", " ")
    rows = [" | ".join(map(quote, row)) for result in answer.results for row in result.rows]
    return "; ".join(rows[:3]) + ("; ..." if len(rows) > 3 else "") if rows else "no rows"


class Campaign:
    """Asks both sides until the time or the number of worlds is over."""

    def __init__(self, reference: Conversation, tested: Conversation) -> None:
        self.reference = reference
        self.tested = tested
        self.asked = 0
        self.soft = 0
        self.slow: list[tuple[float, float, World, str]] = []
        """Statements that took much longer than on the reference: seconds there and here, world, text."""
        self.on_soft: Callable[[str, Answer, Answer], None] | None = None
        self._world: World | None = None

    def run(self, seed: int, *, until: float | None = None, worlds: int | None = None) -> Iterator[Finding]:
        """Yield findings, each from a seed of its own (the first world's seed is ``seed``)."""
        count = 0
        while (worlds is None or count < worlds) and (until is None or time.monotonic() < until):
            yield from self.explore(seed + count, until)
            count += 1

    def explore(self, seed: int, until: float | None = None) -> Iterator[Finding]:
        """Make one world and ask questions about it."""
        rng = random.Random(seed)
        world = make_world(rng)
        queries = Queries(rng, world)
        changes = Changes(rng, world, queries)
        for number in range(STATEMENTS_PER_WORLD):
            if until is not None and time.monotonic() > until:
                return
            match number % 5:
                case 4:
                    statement = changes.series()
                case 3:
                    statement = queries.repeated()
                case _:
                    statement = queries.statement()
            if len(str(statement)) > LONGEST:
                continue
            self.build(world)
            verdict, left, right = self.ask(statement)
            if verdict == HARD:
                yield self.minimal(Finding(seed, world, statement, left, right))

    def build(self, world: World) -> None:
        """Make a world on both sides unless it stands there already."""
        if world == self._world:
            return
        self._world = None
        for text in ("RESET ALL", KEPT, "DROP TABLE IF EXISTS t0, t1, t2 CASCADE", *world.statements()):
            codes = [signature(side.send(text)) for side in (self.reference, self.tested)]
            if codes[0] != codes[1]:
                raise AssertionError(f"{codes[0]} / {codes[1]}: {text}")
        self._world = world

    def ask(self, statement: Node) -> tuple[str, Answer, Answer]:
        """Ask both sides and compare; a series's first difference is the answer."""
        if statement.kind != "series":
            return self._ask(*rendered(statement))
        assert self._world is not None
        if all(str(part).startswith(("SELECT", "(", "VALUES", "WITH RECURSIVE")) for part in statement.parts):
            for part in statement.parts:
                found = self._ask(*rendered(part) if isinstance(part, Node) else part)
                if found[0] == HARD:
                    break
            return found
        tables = [f"SELECT * FROM {table.name}" for table in self._world.tables]
        self._world = None  # the next question is about the world as it was made
        worst: tuple[str, Answer, Answer] = (SAME, Answer(), Answer())
        try:
            for text in (*map(str, statement.parts), "COMMIT", *tables):  # COMMIT ends what was left open
                worst = self._ask(text)
                if worst[0] != SAME:
                    break
                if text.startswith(("INSERT", "UPDATE", "DELETE", "TRUNCATE", "ROLLBACK", "ALTER", "WITH", "MERGE")):
                    worst = next((w for table in tables if (w := self._ask(table))[0] != SAME), worst)
                    if worst[0] != SAME:
                        break
        finally:
            for side in (self.reference, self.tested):
                side.send("ROLLBACK")
        return worst

    def _ask(self, text: str, bind: tuple[str | None, ...] | None = None) -> tuple[str, Answer, Answer]:
        self.asked += 1
        start = time.perf_counter()
        left = self.reference.send(text, bind)
        middle = time.perf_counter()
        right = self.tested.send(text, bind)
        end = time.perf_counter()
        if end - middle > 1 and end - middle > 30 * (middle - start) and self._world is not None:
            self.slow.append((middle - start, end - middle, self._world, text))
        verdict = difference(text, left, right)
        if verdict == SOFT:
            self.soft += 1
            if self.on_soft is not None:
                self.on_soft(text, left, right)
        return verdict, left, right

    def minimal(self, finding: Finding, attempts: int = 400) -> Finding:
        """Return a smaller finding that differs in the same way."""
        left = [attempts]

        def differs(world: World, statement: Node) -> Finding | None:
            left[0] -= 1
            self.build(world)
            verdict, reference, answer = self.ask(statement)
            smaller_one = Finding(finding.seed, world, statement, reference, answer)
            return smaller_one if verdict == HARD and smaller_one.cause[0] == finding.cause[0] else None

        def shrink_once(found: Finding) -> Finding | None:
            for statement in smaller(found.statement):
                if left[0] <= 0:
                    return None
                if (
                    str(statement)
                    and len(str(statement)) < len(str(found.statement))
                    and (less := differs(found.world, statement))
                ):
                    return less
            for world in _smaller_worlds(found.world, str(found.statement)):
                if left[0] <= 0:
                    return None
                if less := differs(world, found.statement):
                    return less
            return None

        return _repeat(shrink_once, finding)


def _repeat(step: Callable[[Finding], Finding | None], finding: Finding) -> Finding:
    while (less := step(finding)) is not None:
        finding = less
    return finding


def _smaller_worlds(world: World, statement: str) -> Iterator[World]:
    """Yield worlds with fewer tables, indexes and rows."""
    for index in range(len(world.settings)):
        yield replace(world, settings=world.settings[:index] + world.settings[index + 1 :])
    for index, table in enumerate(world.tables):
        if table.name not in statement and len(world.tables) > 1:
            yield replace(world, tables=(*world.tables[:index], *world.tables[index + 1 :]))
    for index, table in enumerate(world.tables):
        for name in ("indexes", "constraints", "computed"):
            kept = getattr(table, name)
            for number in range(len(kept)):
                yield world.with_table(index, replace(table, **{name: kept[:number] + kept[number + 1 :]}))
    for index, table in enumerate(world.tables):
        size = len(table.rows)
        while size:
            for start in range(0, len(table.rows), size):
                yield world.with_rows(index, table.rows[:start] + table.rows[start + size :])
            size //= 2
