"""How the statements that merge are read.

[EXPLAIN] MERGE [DATABASE] BRANCH name INTO name
    [WITH (conflict_resolution = 'fail' | 'branch_wins' | 'target_wins', delete_branch_after = {true | false})]
"""

from __future__ import annotations

from attrs import frozen

from heliosdb.errors import InvalidParameterValue, SqlSyntaxError
from heliosdb.spi import Cursor
from heliosdb_branch.grammar import branch_name

__all__ = ["RESOLUTIONS", "Merge", "parse_merge"]

RESOLUTIONS = {"fail": "", "branch_wins": "source", "target_wins": "target"}
"""Which side wins where both have changed the same."""


@frozen
class Merge:
    """MERGE BRANCH."""

    source: str
    target: str
    resolution: str = "fail"
    delete_after: bool = False


def parse_merge(cursor: Cursor) -> Merge:
    """Read what follows MERGE BRANCH."""
    source = branch_name(cursor)
    cursor.expect_keyword("into")
    target = branch_name(cursor)
    options = _options(cursor) if cursor.accept_keyword("with") else {}
    return Merge(
        source, target, str(options.get("conflict_resolution", "fail")), options.get("delete_branch_after") is True
    )


def _options(cursor: Cursor) -> dict[str, str | bool]:
    cursor.expect_mark("(")
    found: dict[str, str | bool] = {}
    while True:
        position = cursor.position
        name = cursor.identifier()
        if name not in ("conflict_resolution", "delete_branch_after"):
            raise SqlSyntaxError(f'MERGE BRANCH has no option "{name}"', position=position)
        if name in found:
            raise SqlSyntaxError(f'option "{name}" is given twice', position=position)
        cursor.expect_mark("=")
        found[name] = _resolution(cursor) if name == "conflict_resolution" else _boolean(cursor)
        if not cursor.accept_mark(","):
            cursor.expect_mark(")")
            return found


def _resolution(cursor: Cursor) -> str:
    text = cursor.string().lower()
    if text not in RESOLUTIONS:
        raise InvalidParameterValue(
            f'"{text}" is no way to resolve conflicts', hint=f"There are {', '.join(RESOLUTIONS)}."
        )
    return text


def _boolean(cursor: Cursor) -> bool:
    if cursor.accept_keyword("true"):
        return True
    if cursor.accept_keyword("false"):
        return False
    raise cursor.error()
