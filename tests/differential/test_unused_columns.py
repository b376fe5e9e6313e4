"""A scan may leave out the columns that nobody looks at: no plan of the recorded scripts touches one.

Of rows that have to be read from a volume only the wanted columns are read. Here every unwanted value is an object that
raises whatever is done with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import pytest

from heliosdb.transaction.view import RelationView

from .compare import compare
from .doors import EmbeddedDoor
from .pending import read_pending
from .script import script_names

PENDING = read_pending()
NAMES = [name for name in script_names() if name.partition("/")[0] in ("queries", "dml", "expressions", "constraints")]


class Untouchable:
    """A value that nobody may look at."""

    def _refuse(self, *arguments: Any) -> NoReturn:
        raise AssertionError("a column was read that the plan does not need")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse  # type: ignore[assignment]
    __hash__ = __str__ = __bool__ = __iter__ = __len__ = __add__ = __format__ = __index__ = _refuse  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def untouchable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scans give out rows with nothing but the columns that were asked for."""
    rows_of, candidates_of, nothing = RelationView.row_blocks, RelationView.candidate_blocks, Untouchable()

    def blanked(rows: Sequence[Any], columns: Sequence[int]) -> list[Any]:
        return [tuple([item if place in columns else nothing for place, item in enumerate(row)]) for row in rows]

    def row_blocks(view: RelationView, columns: Sequence[int] | None = None) -> Iterator[Any]:
        for rows in rows_of(view):
            yield rows if columns is None else blanked(rows, columns)

    def candidate_blocks(view: RelationView, ranges: Any, columns: Sequence[int] | None = None) -> Iterator[Any]:
        for rows in candidates_of(view, ranges):
            yield rows if columns is None else blanked(rows, columns)

    monkeypatch.setattr(RelationView, "row_blocks", row_blocks)
    monkeypatch.setattr(RelationView, "candidate_blocks", candidate_blocks)


@pytest.mark.parametrize("name", NAMES)
def test_script_needs_no_more_than_its_plans_say(name: str) -> None:
    pending = PENDING.get(name, {})
    _, found = compare(name, EmbeddedDoor)
    new = [report for number, report in found.items() if number not in pending]
    assert not new, "\n\n".join(new)
