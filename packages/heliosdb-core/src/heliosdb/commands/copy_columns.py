r"""Values of COPY column by column: texts to datums and back, a block of rows at a time.

A block's columns are read by functions over the whole column, which for the common types are loops in C (``map(int,
...)``) with a check that Python read nothing that SQL would not. Whatever such a function is not sure of, and every
error, goes to the type's own input function value by value; so results and messages are always the type's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.commands.copy_csv import csv_encoder, csv_quoter
from heliosdb.commands.copy_text import text_encoder, unescaped

if TYPE_CHECKING:
    from heliosdb.commands.copy_options import CopyOptions

__all__ = ["ColumnReader", "ColumnWriter", "column_input"]

Texts = Sequence[str]
_INTEGERS = {"int2": 1 << 15, "int4": 1 << 31, "int8": 1 << 63}
_BOOLEANS = {"t": True, "f": False, "true": True, "false": False}
_TEXTS = frozenset({"text", "varchar"})


class ColumnReader:
    """Reads one column: ``read(texts)`` for a block, ``read_one(text)`` for a value; None is NULL.

    In the text format texts come with their escapes, and NULL as it is written.
    """

    def __init__(
        self, name: str, type_name: str, typmod: int, options: CopyOptions, session: Any, *, null: str | None
    ) -> None:
        self.name = name
        self._typmod = typmod
        self._session = session
        self._input = column_input(session, type_name, typmod)
        self._check = session.types.check(type_name)
        self._null = null
        """How NULL is written in what ``read`` gets; None: it comes as None."""
        self._escaped = not options.is_csv
        self._null_text = options.null
        self.is_not_null = self.is_null = False
        """FORCE_NOT_NULL and FORCE_NULL."""
        self._convert: Callable[[Texts], Sequence[Any]] | None = None
        if type_name in _INTEGERS:
            self._convert = _integers(_INTEGERS[type_name])
        elif type_name in _TEXTS:
            self._convert = _texts(typmod)
        elif type_name == "bool":
            self._convert = _booleans
        elif type_name == "float8":
            self._convert = _floats

    def read(self, texts: Sequence[str | None]) -> Sequence[Any]:
        """Return a block's texts as datums. Errors say nothing of the row: find it with ``read_one``."""
        null = self._null
        if self.is_not_null:
            texts = [self._null_text if text is None else text for text in texts]
        elif self.is_null:
            texts = [None if text == self._null_text else text for text in texts]
        if null not in texts:
            return self._given(texts)  # type: ignore[arg-type]
        null_datum = self.null()
        given = iter(self._given([text for text in texts if text != null]))  # type: ignore[misc]
        return [null_datum if text == null else next(given) for text in texts]

    def _given(self, texts: Texts) -> Sequence[Any]:
        if self._escaped and "\\" in "".join(texts):
            texts = [unescaped(text) if "\\" in text else text for text in texts]
        if self._convert is not None:
            try:
                return self._convert(texts)
            except (ValueError, KeyError):
                pass
        read, typmod, session = self._input, self._typmod, self._session
        return [read(text, typmod, session) for text in texts]

    def read_one(self, text: str | None) -> Any:
        """Return one text as a datum."""
        if self.is_not_null and text is None:
            text = self._null_text
        elif self.is_null and text == self._null_text:
            text = None
        if self.is_null_text(text):
            return self.null()
        assert text is not None
        return self._input(self.shown(text), self._typmod, self._session)

    def null(self) -> Any:
        """Return NULL, unless the column's domain does not allow it."""
        return None if self._check is None else self._check(None, self._session)

    def is_null_text(self, text: str | None) -> bool:
        """Whether a text of the input stands for NULL."""
        return text is None or text == self._null

    def shown(self, text: str) -> str:
        """Return the text that the type reads, for messages."""
        return unescaped(text) if self._escaped else text


def column_input(session: Any, type_name: str, typmod: int) -> Callable[[str, int, Any], Any]:
    """Return ``(text, typmod, session) -> datum``: the type's input, with what the modifier asks of the value."""
    read = session.types.input(type_name)
    coerce = None if typmod < 0 else session.types.coerce_typmod(type_name)
    if coerce is None:
        return read  # type: ignore[no-any-return]
    return lambda text, typmod, session: coerce(read(text, typmod, session), typmod, False)


def _unsure() -> ValueError:
    return ValueError("left to the type's input function")


def _integers(limit: int) -> Callable[[Texts], Sequence[Any]]:
    def convert(texts: Texts) -> Sequence[Any]:
        values = list(map(int, texts))
        joined = "".join(texts)
        # Python also reads 1_000, and digits of other scripts.
        if "_" in joined or not joined.isascii() or not joined.isprintable():
            raise _unsure()
        if values and (max(values) >= limit or min(values) < -limit):
            raise _unsure()
        return values

    return convert


def _texts(typmod: int) -> Callable[[Texts], Sequence[Any]]:
    if typmod < 0:
        return lambda texts: texts
    most = typmod - 4

    def convert(texts: Texts) -> Sequence[Any]:
        if max(map(len, texts), default=0) > most:
            raise _unsure()
        return texts

    return convert


def _booleans(texts: Texts) -> Sequence[Any]:
    return list(map(_BOOLEANS.__getitem__, texts))


def _floats(texts: Texts) -> Sequence[Any]:
    joined = "".join(texts)
    if joined.strip("0123456789.-+e"):
        raise _unsure()
    values = list(map(float, texts))
    # Out of range: Python rounds to zero or infinity.
    if any("e" in text for text in texts):
        raise _unsure()
    return values


class ColumnWriter:
    """Writes one column: ``write(datums)`` gives a block's texts as they go to the file."""

    def __init__(self, type_name: str, options: CopyOptions, session: Any, *, alone: bool, forced: bool) -> None:
        self._session = session
        self._output = session.types.output(type_name)
        self._null = options.null
        self._is_text = type_name in ("text", "varchar", "bpchar", "name", "json")
        self._is_plain = type_name in ("int2", "int4", "int8")
        self._search: Callable[[str], Any] | None = None
        self._table: dict[int, str] = {}
        self._encode: Callable[[str], str] | None = None
        if options.is_csv:
            self._encode = csv_quoter(options) if forced else csv_encoder(options, alone=alone)
            special = {options.delimiter, options.quote, *options.null}
            if self._is_plain and not forced and special.isdisjoint("-0123456789"):
                self._encode = None
        else:
            pattern, self._table = text_encoder(options.delimiter)
            # A delimiter or NULL that looks like a number is the only reason to look into numbers.
            if not self._is_plain or options.delimiter in "-0123456789":
                self._search = pattern.search

    def write(self, datums: Sequence[Any]) -> Sequence[str]:
        """Return the texts of a block of datums."""
        if None not in datums:
            return self._given(datums)
        given = iter(self._given([datum for datum in datums if datum is not None]))
        null = self._null
        return [null if datum is None else next(given) for datum in datums]

    def _given(self, datums: Sequence[Any]) -> Sequence[str]:
        texts: Sequence[str]
        if self._is_text:
            texts = datums
        elif self._is_plain:
            texts = list(map(str, datums))
        else:
            output, session = self._output, self._session
            texts = [output(datum, session) for datum in datums]
        if self._encode is not None:
            return list(map(self._encode, texts))
        search = self._search
        if search is not None and search("".join(texts)) is not None:
            table = self._table
            return [text if search(text) is None else text.translate(table) for text in texts]
        return texts
