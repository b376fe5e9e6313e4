"""What of a database goes into a dump, and how: pg_dump's choices, under its names.

Patterns are psql's: ``*`` is any text, ``?`` any character, a dot ends the schema's name; letters are folded to lower
case and mean themselves within double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve, frozen

from heliosdb.errors import InvalidParameterValue

__all__ = ["DumpOptions", "NamePattern"]


class NamePattern:
    """A pattern for qualified names. Without a dot it is for names in any schema."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = _parts(text)
        if len(parts) > 2 or not all(parts):
            raise InvalidParameterValue(f'improper name pattern: "{text}"')
        self._name = re.compile(parts[-1], re.DOTALL)
        self._schema = re.compile(parts[0], re.DOTALL) if len(parts) == 2 else None

    def matches(self, schema: str, name: str) -> bool:
        """Return whether a relation's name fits."""
        if self._schema is not None and self._schema.fullmatch(schema) is None:
            return False
        return self._name.fullmatch(name) is not None

    def matches_schema(self, schema: str) -> bool:
        """Return whether a schema's name fits."""
        return self._name.fullmatch(schema) is not None


def _parts(text: str) -> list[str]:
    parts, current, quoted, at = [], "", False, 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == '"':
            if quoted and text[at : at + 1] == '"':
                current += '"'
                at += 1
            else:
                quoted = not quoted
        elif quoted:
            current += re.escape(letter)
        elif letter == ".":
            parts.append(current)
            current = ""
        elif letter == "*":
            current += ".*"
        elif letter == "?":
            current += "."
        else:
            current += re.escape(letter.lower())
    if quoted:
        raise InvalidParameterValue(f'unterminated quote in the name pattern: "{text}"')
    return [*parts, current]


@frozen(kw_only=True)
class DumpOptions:
    """``tables``, ``exclude_tables`` and ``schemas`` are patterns; empty: no such condition.

    ``clean`` drops what will be made, ``if_exists`` only where it is there. ``inserts``: the rows as INSERT statements
    instead of COPY, ``rows_per_insert`` of them in each.
    """

    schema_only: bool = False
    data_only: bool = False
    tables: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    clean: bool = False
    if_exists: bool = False
    inserts: bool = False
    rows_per_insert: int = 1

    def checked(self) -> DumpOptions:
        """Return the options; InvalidParameterValue for those that contradict each other, as pg_dump has it."""
        if self.schema_only and self.data_only:
            raise InvalidParameterValue("options schema_only and data_only cannot be used together")
        if self.data_only and self.clean:
            raise InvalidParameterValue("options clean and data_only cannot be used together")
        if self.if_exists and not self.clean:
            raise InvalidParameterValue("option if_exists requires option clean")
        if self.rows_per_insert < 1:
            raise InvalidParameterValue("rows_per_insert must be at least 1")
        for text in (*self.tables, *self.exclude_tables, *self.schemas):
            NamePattern(text)
        return evolve(self, inserts=True) if self.rows_per_insert > 1 else self

    @property
    def is_partial(self) -> bool:
        """Whether only some tables or schemas are wanted."""
        return bool(self.tables or self.schemas)


class Selection:
    """The options' patterns, compiled."""

    def __init__(self, options: DumpOptions) -> None:
        self._tables = _patterns(options.tables)
        self._excluded = _patterns(options.exclude_tables)
        self._schemas = _patterns(options.schemas)
        self._met: set[str] = set()

    @property
    def is_whole(self) -> bool:
        """Whether all of the database is wanted, but for tables that are excluded."""
        return not self._tables and not self._schemas

    @property
    def names_tables(self) -> bool:
        """Whether tables were named: then nothing else goes along but what belongs to them."""
        return bool(self._tables)

    def takes_schema(self, name: str) -> bool:
        """Return whether all of a schema is wanted."""
        return not self._tables and (not self._schemas or _note(self._schemas, name, None, self._met))

    def takes(self, schema: str, name: str) -> bool:
        """Return whether a relation is wanted."""
        if any(pattern.matches(schema, name) for pattern in self._excluded):
            return False
        if self._tables:
            return _note(self._tables, schema, name, self._met)
        return self.takes_schema(schema)

    def unmatched(self) -> list[str]:
        """Return the patterns that nothing has fitted so far."""
        return [pattern.text for pattern in (*self._tables, *self._schemas) if pattern.text not in self._met]


def _patterns(texts: Sequence[str]) -> tuple[NamePattern, ...]:
    return tuple(map(NamePattern, texts))


def _note(patterns: Sequence[NamePattern], schema: str, name: str | None, met: set[str]) -> bool:
    found = [p for p in patterns if (p.matches_schema(schema) if name is None else p.matches(schema, name))]
    met.update(pattern.text for pattern in found)
    return bool(found)
