"""The part of ``heliosdb demo``: the DELETE is found, and all that it took comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heliosdb import EmbeddedDatabase
from heliosdb_temporal import demo


class Noted:
    """A stage that notes what is answered to statements."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.answers: list[list[tuple[Any, ...]]] = []

    def say(self, text: str) -> None:
        """Say nothing."""

    def python(self, code: str, **names: Any) -> dict[str, Any]:
        raise AssertionError(code)

    def sql(self, database: EmbeddedDatabase, *statements: str) -> None:
        self.answers += [[tuple(row) for row in database.query(statement)] for statement in statements]


def test_the_delete_is_found_and_undone(tmp_path: Path) -> None:
    stage = Noted(tmp_path)
    demo.show(stage)
    left, found, lost, after = stage.answers[4], stage.answers[5], stage.answers[6], stage.answers[-1]
    assert left == [(967,)]
    assert [gone for _, gone in found] == [2033]
    assert lost == [("new", 2000), ("sent", 33)]
    assert after == [("new", 2000), ("paid", 1), ("sent", 999)]
