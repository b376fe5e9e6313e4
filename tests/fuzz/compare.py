"""When two answers are the same.

Some freedom is PostgreSQL's own: which of two values that are equal but print differently survives a DISTINCT, in
what order a float sum is taken, and whether an expression that fails is evaluated at all. Such a difference is *soft*
and not reported.
"""

from __future__ import annotations

import re
from decimal import Decimal

from tests.differential.recording import Answer, Rows

__all__ = ["HARD", "SAME", "SOFT", "difference", "signature"]

SAME, SOFT, HARD = "same", "soft", "hard"
_MODIFIER = re.compile(r"\([^)]*\)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PICKS_ONE = re.compile(
    r"DISTINCT|GROUP BY|UNION|INTERSECT|EXCEPT|\bmax\(|\bmin\(|greatest|least|LIMIT|FETCH|nullif|"
    r"ROLLUP|CUBE|GROUPING SETS"
)
_INTERVAL = re.compile(
    r"^(?:(-?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?(?:([+-]?)(\d+):(\d+):(\d+(?:\.\d+)?))?$"
)


def signature(answer: Answer) -> str:
    """Return what kind of answer it is: rows, or an error's SQLSTATE."""
    return answer.failure.sqlstate if answer.failure else "rows"


def difference(text: str, left: Answer, right: Answer) -> str:
    """Say how two answers to a statement relate."""
    codes = (signature(left), signature(right))
    if "57014" in codes:
        return SOFT  # took too long
    if codes != ("rows", "rows"):
        if codes[0] == codes[1]:
            return SAME
        if "-----" in codes:
            return HARD
        evaluated = [code for code in codes if code != "rows"]
        return SOFT if all(code[:2] in ("22", "21") for code in evaluated) or _checked(evaluated) else HARD
    if _columns(left) != _columns(right):
        return HARD
    if [r.tag for r in left.results] != [r.tag for r in right.results]:
        return HARD
    exact, loose = ([_rows(answer.results, loosely) for answer in (left, right)] for loosely in (False, True))
    if _sorted(exact[0]) == _sorted(exact[1]):
        # rows that the order leaves equal may come either way
        return (
            HARD
            if " ORDER BY 1" in text
            and not text.startswith(("UPDATE", "DELETE", "INSERT", "MERGE"))
            and loose[0] != loose[1]
            else SAME
        )
    return SOFT if _PICKS_ONE.search(text) and _sorted(loose[0]) == _sorted(loose[1]) else HARD


def _checked(codes: list[str]) -> bool:
    """Say whether the sides met two errors, of different rows, in another order."""
    return len(codes) == 2 and all(code[:2] in ("22", "23", "44") for code in codes)


def _columns(answer: Answer) -> list[list[tuple[str, str]] | None]:
    """Return names and types; a modifier is lost, or not, by what the planner makes of constants."""
    return [
        None
        if r.columns is None
        else [(name, _MODIFIER.sub("", kind.replace("bpchar", "character"))) for name, kind in r.columns]
        for r in answer.results
    ]


def _sorted(results: list[list[tuple[object, ...]]]) -> list[list[tuple[object, ...]]]:
    return [sorted(rows, key=repr) for rows in results]


def _rows(results: tuple[Rows, ...], loosely: bool) -> list[list[tuple[object, ...]]]:
    """Return each result's rows with values that compare as the type does (``loosely``), or nearly as they print."""
    return [
        [
            tuple(_value(v, kind, loosely) for v, (_, kind) in zip(row, result.columns or (), strict=True))
            for row in result.rows
        ]
        for result in results
    ]


def _value(value: str | None, kind: str, loosely: bool) -> object:
    if value is None:
        return None
    if kind in ("double precision", "real") and value not in ("NaN", "Infinity", "-Infinity"):
        number = float(f"{float(value):.11g}")
        return number + 0.0 if loosely else repr(number)
    if loosely and kind.startswith("numeric") and value not in ("NaN", "Infinity", "-Infinity"):
        return Decimal(value).normalize()
    if loosely and kind == "jsonb":
        return _NUMBER.sub(lambda number: str(Decimal(number[0]).normalize()), value)
    if loosely and kind == "character":
        return value.rstrip()
    if loosely and kind == "interval":
        return _seconds(value)
    return value


def _seconds(text: str) -> object:
    """Return an interval's length with months of 30 days, by which intervals are compared."""
    found = _INTERVAL.match(text)
    if found is None:
        return text
    years, months, days, sign, hours, minutes, seconds = found.groups()
    clock = Decimal(hours or 0) * 3600 + Decimal(minutes or 0) * 60 + Decimal(seconds or 0)
    whole = (int(years or 0) * 12 + int(months or 0)) * 30 + int(days or 0)
    return Decimal(whole) * 86400 + (-clock if sign == "-" else clock)
