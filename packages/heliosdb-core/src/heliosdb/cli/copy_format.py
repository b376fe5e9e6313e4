r"""The text and CSV formats of COPY: lines to rows of texts and back, None being NULL.

Text: one row a line, columns separated by tabs, ``\N`` for NULL, backslash escapes. CSV: values may be quoted, and
only an unquoted empty value is NULL, which is why Python's csv module, which forgets the quotes, does not read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from attrs import frozen

from heliosdb.errors import BadCopyFileFormat, FeatureNotSupported, InvalidParameterValue, SqlSyntaxError

__all__ = ["CopyFormat", "read_rows", "write_row"]

_escapes: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_escape: Final = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_special: Final = re.compile(r"[\\\b\f\n\r\t\v]")
_spelled: Final = {"\\": "\\\\", **{value: "\\" + letter for letter, value in _escapes.items()}}
LATER: Final = frozenset({"force_quote", "force_not_null", "force_null", "freeze"})
UTF8: Final = frozenset({"utf8", "utf-8", "unicode"})


@frozen(kw_only=True)
class CopyFormat:
    """The options of COPY."""

    is_csv: bool
    delimiter: str
    null: str
    header: bool = False
    quote: str = '"'
    escape: str = '"'

    @classmethod
    def of(cls, options: Iterable[Any], *, is_from: bool) -> CopyFormat:
        """Return the format that a statement's options ask for."""
        values: dict[str, str] = {}
        for option in options:
            name = option.name.lower()
            if name in values:
                raise SqlSyntaxError("conflicting or redundant options")
            if name in LATER:
                raise FeatureNotSupported(f"COPY option {name.upper()} is not supported")
            if name not in ("format", "delimiter", "null", "header", "quote", "escape", "encoding"):
                raise SqlSyntaxError(f'option "{option.name}" not recognized')
            values[name] = _text(option.value)
        kind = values.get("format", "text").lower()
        if kind not in ("text", "csv"):
            raise FeatureNotSupported(f'COPY format "{kind}" is not supported', hint="Use TEXT or CSV.")
        is_csv = kind == "csv"
        if values.get("encoding", "utf8").lower() not in UTF8:
            raise FeatureNotSupported(
                f'COPY with encoding "{values["encoding"]}" is not supported', hint="Files are UTF-8."
            )
        for name in ("quote", "escape"):
            if name in values and not is_csv:
                raise FeatureNotSupported(f"COPY {name} available only in CSV mode")
        header = values.get("header", "false").lower()
        if header not in ("true", "false", "on", "off", "1", "0", ""):
            raise FeatureNotSupported(f"COPY HEADER {header.upper()} is not supported")
        quote = _one(values.get("quote", '"'), "quote")
        form = cls(
            is_csv=is_csv,
            delimiter=_one(values.get("delimiter", "," if is_csv else "\t"), "delimiter"),
            null=values.get("null", "" if is_csv else "\\N"),
            header=header in ("true", "on", "1", ""),
            quote=quote,
            escape=_one(values.get("escape", quote), "escape"),
        )
        if form.delimiter in "\r\n" or form.null.strip("\r\n") != form.null:
            raise InvalidParameterValue("COPY delimiter cannot be newline or carriage return")
        if is_csv and form.delimiter == form.quote:
            raise InvalidParameterValue("COPY delimiter and quote must be different")
        if not is_csv and form.delimiter in "\\.abcdefghijklmnopqrstuvwxyz0123456789":
            raise InvalidParameterValue(f'COPY delimiter cannot be "{form.delimiter}"')
        return form


def _text(value: Any) -> str:
    if value is None:
        return ""
    inner = getattr(value, "value", getattr(value, "name", value))
    return str(inner).lower() if isinstance(inner, bool) else str(inner)


def _one(text: str, name: str) -> str:
    if len(text.encode()) != 1:
        raise FeatureNotSupported(f"COPY {name} must be a single one-byte character")
    return text


# -- reading -----------------------------------------------------------------------------------------------------------


def read_rows(lines: Iterable[str], form: CopyFormat) -> Iterator[tuple[int, list[str | None]]]:
    """Yield rows with the number of their last line."""
    rows = _csv_rows(lines, form) if form.is_csv else _text_rows(lines, form)
    if form.header:
        next(rows, None)
    return rows


def _text_rows(lines: Iterable[str], form: CopyFormat) -> Iterator[tuple[int, list[str | None]]]:
    number, pending = 0, ""
    for line in lines:
        number += 1
        line = pending + line
        pending = ""
        bare = line.rstrip("\r\n")
        if bare == "\\.":
            return
        if (len(bare) - len(bare.rstrip("\\"))) % 2 and line != bare:
            # A backslash before the end of the line: the line break is part of the value.
            pending = bare + "\n"
            continue
        if "\\" not in bare:
            yield number, [None if value == form.null else value for value in bare.split(form.delimiter)]
        else:
            pieces = re.split(rf"(?<!\\)((?:\\\\)*){re.escape(form.delimiter)}", bare)
            # The delimiter may follow escaped backslashes, which belong to the value before it.
            values = [pieces[i] + (pieces[i + 1] if i + 1 < len(pieces) else "") for i in range(0, len(pieces), 2)]
            yield number, [None if value == form.null else _escape.sub(_unescaped, value) for value in values]
    if pending:
        yield number, [_escape.sub(_unescaped, pending)]


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "01234567":
        return chr(int(code, 8) & 255)
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _escapes.get(code, code)


def _csv_rows(lines: Iterable[str], form: CopyFormat) -> Iterator[tuple[int, list[str | None]]]:
    number = 0
    values: list[str | None] = []
    value, quoted, inside = "", False, False
    for line in lines:
        number += 1
        bare = line.rstrip("\r\n")
        if not inside:
            if bare == "\\.":
                return
            if form.quote not in bare:
                yield number, [None if text == form.null else text for text in bare.split(form.delimiter)]
                continue
        at, end = 0, len(bare)
        while at < end:
            character = bare[at]
            at += 1
            if inside:
                following = bare[at : at + 1]
                if character == form.escape and following and following in (form.escape, form.quote):
                    value += following
                    at += 1
                elif character == form.quote:
                    inside = False
                else:
                    value += character
            elif character == form.quote:
                inside = quoted = True
            elif character == form.delimiter:
                values.append(value if quoted or value != form.null else None)
                value, quoted = "", False
            else:
                value += character
        if inside:
            # The line break is part of the value.
            value += line[end:]
            continue
        values.append(value if quoted or value != form.null else None)
        yield number, values
        values, value, quoted = [], "", False
    if inside:
        raise BadCopyFileFormat("unterminated CSV quoted field", context=f"line {number}")


# -- writing -----------------------------------------------------------------------------------------------------------


def write_row(row: Sequence[str | None], form: CopyFormat, *, is_header: bool = False) -> str:
    """Return a row as a line with its end."""
    if not form.is_csv:
        return form.delimiter.join(form.null if value is None else _as_text(value, form) for value in row) + "\n"
    # A lone \. in a line of its own would end the data.
    return (
        form.delimiter.join(form.null if value is None else _as_csv(value, form, alone=len(row) == 1) for value in row)
        + "\n"
    )


def _as_text(value: str, form: CopyFormat) -> str:
    text = _special.sub(lambda match: _spelled[match[0]], value)
    return text if form.delimiter == "\t" else text.replace(form.delimiter, "\\" + form.delimiter)


def _as_csv(value: str, form: CopyFormat, *, alone: bool) -> str:
    plain = (
        value != form.null
        and not any(character in value for character in (form.delimiter, form.quote, "\n", "\r"))
        and not (alone and value == "\\.")
    )
    if plain:
        return value
    text = value
    if form.escape != form.quote:
        text = text.replace(form.escape, form.escape * 2)
    return form.quote + text.replace(form.quote, form.escape + form.quote) + form.quote
