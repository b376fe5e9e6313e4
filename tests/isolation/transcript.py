"""Transcripts: what the cases of a file brought, as text; and which transactions committed in them."""

from __future__ import annotations

import re

__all__ = ["outcomes", "read", "written"]


def written(cases: dict[str, list[str]]) -> str:
    """Return the text of a file of transcripts."""
    return "\n".join(f"== {title}\n" + "".join(f"{line}\n" for line in lines) for title, lines in cases.items())


def read(text: str) -> dict[str, list[str]]:
    """Return title -> lines."""
    cases: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            lines = cases.setdefault(line.removeprefix("== "), [])
        elif line:
            lines.append(line)
    return cases


_LINE = re.compile(r"(?:(\w) (.+?)|  (\w)) -> (.+)")


def outcomes(lines: list[str]) -> dict[str, list[bool]]:
    """Return for each session whether its transaction blocks committed, in order."""
    ended: dict[str, list[bool]] = {}
    last: dict[str, str] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        assert found is not None, line
        session = found[1] or found[3]
        text = last[session] = found[2] or last[session]
        if text.startswith("COMMIT") and found[4] != "waits":
            ended.setdefault(session, []).append(found[4].startswith("COMMIT"))
    return ended
