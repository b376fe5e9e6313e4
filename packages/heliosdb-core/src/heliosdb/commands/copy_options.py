"""The options of COPY, checked in PostgreSQL's order and with its words (ProcessCopyOptions in copy.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, SqlSyntaxError
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.sql.statements.option import Option

__all__ = ["CopyOptions", "copy_options"]

ALL = ("*",)
BOOLEANS = {"true": True, "false": False, "on": True, "off": False, "1": True, "0": False}
ENCODINGS = frozenset({"utf8", "utf-8", "unicode"})
TEXT_DELIMITERS_REFUSED = "\\.abcdefghijklmnopqrstuvwxyz0123456789"


@frozen(kw_only=True)
class CopyOptions:
    """How rows are written. Lists of columns hold names as they were written; ``("*",)`` is every column."""

    is_csv: bool = False
    is_binary: bool = False
    delimiter: str = "\t"
    null: str = "\\N"
    header: bool | Literal["match"] = False
    quote: str = '"'
    escape: str = '"'
    force_quote: tuple[str, ...] = ()
    force_not_null: tuple[str, ...] = ()
    force_null: tuple[str, ...] = ()


def copy_options(options: Sequence[Option], *, is_from: bool) -> CopyOptions:
    """Return the options of a statement."""
    given: dict[str, Option] = {}
    for option in options:
        if option.name in given:
            raise SqlSyntaxError("conflicting or redundant options", position=option.position or None)
        reader = _READERS.get(option.name)
        if reader is None:
            raise SqlSyntaxError(f'option "{option.name}" not recognized', position=option.position or None)
        reader(option, is_from)
        given[option.name] = option
    return _checked(given, is_from)


def _text(option: Option, is_from: bool) -> str:
    text = option.text
    if text is None:
        raise SqlSyntaxError(f"{option.name} requires a parameter")
    return text


def _format(option: Option, is_from: bool) -> str:
    name = _text(option, is_from)
    if name not in ("text", "csv", "binary"):
        raise InvalidParameterValue(f'COPY format "{name}" not recognized', position=option.position or None)
    return name


def _boolean(option: Option, is_from: bool) -> bool:
    text = option.text
    if text is None:
        return True
    found = BOOLEANS.get(text.lower())
    if found is None:
        raise SqlSyntaxError(f"{option.name} requires a Boolean value")
    return found


def _header(option: Option, is_from: bool) -> bool | Literal["match"]:
    text = option.text
    if text is None:
        return True
    if text.lower() == "match":
        if not is_from:
            raise FeatureNotSupported('cannot use "match" with HEADER in COPY TO')
        return "match"
    found = BOOLEANS.get(text.lower())
    if found is None:
        raise SqlSyntaxError('header requires a Boolean value or "match"')
    return found


def _columns(option: Option, is_from: bool) -> tuple[str, ...]:
    value = option.value
    if isinstance(value, tuple):
        return tuple(item if isinstance(item, str) else str(getattr(item, "value", item)) for item in value)
    if option.name == "force_quote" and isinstance(value, tree.Literal) and value.value == "*":
        return ALL
    raise InvalidParameterValue(
        f'argument to option "{option.name}" must be a list of column names', position=option.position or None
    )


def _encoding(option: Option, is_from: bool) -> str:
    text = option.text
    if text is None or text.lower() not in ENCODINGS:
        if text is not None and text.lower().replace("-", "").replace("_", "") in _OTHER_ENCODINGS:
            raise FeatureNotSupported(f'encoding "{text}" is not supported', hint="Files must be UTF-8.")
        raise InvalidParameterValue(
            'argument to option "encoding" must be a valid encoding name', position=option.position or None
        )
    return "utf8"


_OTHER_ENCODINGS = frozenset(
    {"sqlascii", "win1250", "win1251", "win1252", "eucjp", "euckr", "euccn", "sjis", "gbk", "gb18030", "big5", "koi8r"}
    | {f"latin{number}" for number in range(1, 11)}
    | {f"iso8859{number}" for number in range(1, 16)}
)

_READERS = {
    "format": _format,
    "freeze": _boolean,
    "delimiter": _text,
    "null": _text,
    "header": _header,
    "quote": _text,
    "escape": _text,
    "force_quote": _columns,
    "force_not_null": _columns,
    "force_null": _columns,
    "encoding": _encoding,
}


def _checked(given: dict[str, Option], is_from: bool) -> CopyOptions:
    format_name = _format(given["format"], is_from) if "format" in given else "text"
    is_csv = format_name == "csv"
    texts = {name: _text(given[name], is_from) for name in ("delimiter", "null", "quote", "escape") if name in given}
    if format_name == "binary":
        for name in ("delimiter", "null"):
            if name in texts:
                raise SqlSyntaxError(f"cannot specify {name.upper()} in BINARY mode")
        if "header" in given:
            raise FeatureNotSupported("cannot specify HEADER in BINARY mode")
    delimiter = texts.get("delimiter", "," if is_csv else "\t")
    null = texts.get("null", "" if is_csv else "\\N")
    quote = texts.get("quote", '"')
    escape = texts.get("escape", quote)
    lists = {n: _columns(given[n], is_from) for n in ("force_quote", "force_not_null", "force_null") if n in given}
    _one_byte("delimiter", delimiter)
    if delimiter in "\r\n":
        raise InvalidParameterValue("COPY delimiter cannot be newline or carriage return")
    if "\r" in null or "\n" in null:
        raise InvalidParameterValue("COPY null representation cannot use newline or carriage return")
    if not is_csv and delimiter in TEXT_DELIMITERS_REFUSED:
        raise InvalidParameterValue(f'COPY delimiter cannot be "{delimiter}"')
    if not is_csv and "quote" in texts:
        raise FeatureNotSupported("COPY quote available only in CSV mode")
    if is_csv:
        _one_byte("quote", quote)
        if delimiter == quote:
            raise InvalidParameterValue("COPY delimiter and quote must be different")
    if not is_csv and "escape" in texts:
        raise FeatureNotSupported("COPY escape available only in CSV mode")
    if is_csv:
        _one_byte("escape", escape)
    for name, words, wanted in (
        ("force_quote", "force quote", False),
        ("force_not_null", "force not null", True),
        ("force_null", "force null", True),
    ):
        if name not in lists:
            continue
        if not is_csv:
            raise FeatureNotSupported(f"COPY {words} available only in CSV mode")
        if is_from is not wanted:
            raise FeatureNotSupported(f"COPY {words} only available using COPY {'FROM' if wanted else 'TO'}")
    if delimiter in null:
        raise FeatureNotSupported("COPY delimiter must not appear in the NULL specification")
    if is_csv and quote in null:
        raise FeatureNotSupported("CSV quote character must not appear in the NULL specification")
    # FREEZE (checked above) spares PostgreSQL a later pass over the rows. There is none here; and rows that older
    # snapshots see, which it costs there, would break the promise that every snapshot makes.
    header = _header(given["header"], is_from) if "header" in given else False
    return CopyOptions(
        is_csv=is_csv,
        is_binary=format_name == "binary",
        delimiter=delimiter,
        null=null,
        header=header,
        quote=quote,
        escape=escape,
        **lists,
    )


def _one_byte(name: str, text: str) -> None:
    if len(text.encode()) != 1:
        raise FeatureNotSupported(f"COPY {name} must be a single one-byte character")
