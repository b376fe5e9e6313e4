"""What ``~`` and the ``regexp_*`` functions do, over ``regular_matching``; ``regexp_functions`` registers them.

All of them walk over the matches of one compiled expression with ``matches``, which advances as PostgreSQL does: from
the end of the last match, one character further if that was empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from heliosdb.errors import InvalidParameterValue
from heliosdb.interrupts import poll
from heliosdb.types.pattern import similar_to_escape
from heliosdb.types.regular_captures import Match
from heliosdb.types.regular_expression import Flags, parse_flags
from heliosdb.types.regular_matching import Regex, compile_regex

__all__ = [
    "matches",
    "textregexeq",
    "textregexne",
    "texticregexeq",
    "texticregexne",
    "regexp_match",
    "regexp_matches",
    "regexp_like",
    "regexp_count",
    "regexp_instr",
    "regexp_substr",
    "regexp_substring",
    "replace_matches",
    "regexp_replace",
    "regexp_replace_from",
    "regexp_split_to_array",
    "regexp_split_to_table",
    "similar_substring",
]

_IGNORE_CASE = Flags(ignore_case=True)


def matches(regex: Regex, text: str, start: int = 0) -> Iterator[re.Match[str] | Match]:
    """Give the matches from left to right that do not overlap."""
    while start <= len(text):
        poll()
        match = regex.search(text, start)
        if match is None:
            return
        yield match
        start = match.end() if match.end() > match.start() else match.end() + 1


def textregexeq(text: str, pattern: str) -> bool:
    """Return whether an expression matches somewhere in a text."""
    return compile_regex(pattern, None).test(text)


def textregexne(text: str, pattern: str) -> bool:
    """Return whether an expression matches nowhere in a text."""
    return not compile_regex(pattern, None).test(text)


def texticregexeq(text: str, pattern: str) -> bool:
    """Return whether an expression matches somewhere, ASCII letters in any case."""
    return compile_regex(pattern, _IGNORE_CASE).test(text)


def texticregexne(text: str, pattern: str) -> bool:
    """Return whether an expression matches nowhere, ASCII letters in any case."""
    return not compile_regex(pattern, _IGNORE_CASE).test(text)


def _compiled(function: str, pattern: str, letters: str, *, hint: str | None = None) -> Regex:
    """Compile for a function that does not take the flag ``g``."""
    flags = parse_flags(letters)
    if flags.every:
        raise InvalidParameterValue(f'{function}() does not support the "global" option', hint=hint)
    return compile_regex(pattern, flags)


def _groups(match: re.Match[str] | Match) -> tuple[str | None, ...]:
    """Return what the groups matched, or the whole match where there are none."""
    return match.groups() or (match.group(),)


def regexp_match(text: str, pattern: str, letters: str = "") -> tuple[str | None, ...] | None:
    """Return the groups of the first match, NULL where there is none."""
    regex = _compiled("regexp_match", pattern, letters, hint="Use the regexp_matches function instead.")
    match = regex.search(text)
    return None if match is None else _groups(match)


def regexp_matches(text: str, pattern: str, letters: str = "") -> Iterator[tuple[str | None, ...]]:
    """Give the groups of the first match, with the flag ``g`` of all."""
    flags = parse_flags(letters)
    for match in matches(compile_regex(pattern, flags), text):
        yield _groups(match)
        if not flags.every:
            return


def regexp_like(text: str, pattern: str, letters: str = "") -> bool:
    """Return whether an expression matches somewhere in a text."""
    return _compiled("regexp_like", pattern, letters).test(text)


def _checked(name: str, value: int, lowest: int) -> int:
    if value < lowest:
        raise InvalidParameterValue(f'invalid value for parameter "{name}": {value}')
    return value


def regexp_count(text: str, pattern: str, start: int = 1, letters: str = "") -> int:
    """Return the number of matches from a position on."""
    _checked("start", start, 1)
    regex = _compiled("regexp_count", pattern, letters)
    return sum(1 for _ in matches(regex, text, start - 1))


def _nth(regex: Regex, text: str, start: int, count: int) -> re.Match[str] | Match | None:
    for number, match in enumerate(matches(regex, text, start - 1), 1):
        if number == count:
            return match
    return None


def regexp_instr(
    text: str, pattern: str, start: int = 1, count: int = 1, end: int = 0, letters: str = "", group: int = 0
) -> int:
    """Return the position of the nth match (or of a group in it), or one past it; 0 where there is none."""
    _checked("start", start, 1)
    _checked("n", count, 1)
    if end not in (0, 1):
        raise InvalidParameterValue(f'invalid value for parameter "endoption": {end}')
    _checked("subexpr", group, 0)
    regex = _compiled("regexp_instr", pattern, letters)
    match = _nth(regex, text, start, count)
    if match is None or group > regex.groups:
        return 0
    at = match.end(group) if end else match.start(group)
    return at + 1


def regexp_substr(
    text: str, pattern: str, start: int = 1, count: int = 1, letters: str = "", group: int = 0
) -> str | None:
    """Return the text of the nth match (or of a group in it), NULL where there is none."""
    _checked("start", start, 1)
    _checked("n", count, 1)
    _checked("subexpr", group, 0)
    regex = _compiled("regexp_substr", pattern, letters)
    match = _nth(regex, text, start, count)
    return None if match is None or group > regex.groups else match.group(group)


def regexp_substring(text: str, pattern: str) -> str | None:
    r"""``substring(text from pattern)``: the first group of the first match, or the whole match."""
    regex = compile_regex(pattern, None)
    match = regex.search(text)
    return None if match is None else match.group(1 if regex.groups else 0)


def _replacement(template: str, match: re.Match[str] | Match, groups: int) -> str:
    r"""Fill in \1 to \9 and \&; a backslash before another character stays, a double one is one."""
    if "\\" not in template:
        return template
    pieces: list[str] = []
    position = 0
    while position < len(template):
        character = template[position]
        following = template[position + 1 : position + 2]
        if character != "\\" or not following:
            pieces.append(character)
            position += 1
            continue
        position += 2
        if following in "123456789":
            if int(following) <= groups:
                pieces.append(match.group(int(following)) or "")
        elif following == "&":
            pieces.append(match.group() or "")
        elif following == "\\":
            pieces.append("\\")
        else:
            pieces.append("\\" + following)
    return "".join(pieces)


def replace_matches(regex: Regex, text: str, template: str, start: int, count: int) -> str:
    """Replace the nth match from an offset on, or every one (``count`` 0)."""
    pieces: list[str] = []
    copied = 0
    for number, match in enumerate(matches(regex, text, start), 1):
        if count in (0, number):
            pieces.append(text[copied : match.start()])
            pieces.append(_replacement(template, match, regex.groups))
            copied = match.end()
            if count:
                break
    pieces.append(text[copied:])
    return "".join(pieces)


def regexp_replace(text: str, pattern: str, template: str, letters: str = "") -> str:
    """Replace the first match, with the flag ``g`` every one."""
    if letters[:1].isdigit():
        raise InvalidParameterValue(
            f'invalid regular expression option: "{letters[0]}"',
            hint="If you meant to use regexp_replace() with a start parameter, cast the fourth argument "
            "to integer explicitly.",
        )
    flags = parse_flags(letters)
    return replace_matches(compile_regex(pattern, flags), text, template, 0, 0 if flags.every else 1)


def regexp_replace_from(
    text: str, pattern: str, template: str, start: int, count: int = 1, letters: str | None = None
) -> str:
    """Replace the nth match from a position on; ``count`` 0 means every one."""
    _checked("start", start, 1)
    _checked("n", count, 0)
    regex = compile_regex(pattern, parse_flags(letters or ""))
    return replace_matches(regex, text, template, start - 1, count)


def _fields(function: str, text: str, pattern: str, letters: str) -> Iterator[str]:
    """Cut at every match that is not empty at an end or right after another."""
    copied = 0
    for match in matches(_compiled(function, pattern, letters), text):
        if match.start() < len(text) and match.end() > copied:
            yield text[copied : match.start()]
            copied = match.end()
    yield text[copied:]


def regexp_split_to_array(text: str, pattern: str, letters: str = "") -> tuple[str, ...]:
    """Return the fields between the matches."""
    return tuple(_fields("regexp_split_to_array", text, pattern, letters))


def regexp_split_to_table(text: str, pattern: str, letters: str = "") -> Iterator[str]:
    """Give the fields between the matches one by one."""
    return _fields("regexp_split_to_table", text, pattern, letters)


def similar_substring(text: str, pattern: str, escape: str) -> str | None:
    """``substring(text similar pattern escape escape)``: the part between the escaped double quotes."""
    return regexp_substring(text, similar_to_escape(pattern, escape))
