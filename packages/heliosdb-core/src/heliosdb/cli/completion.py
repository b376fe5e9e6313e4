r"""Completion at the prompt: what may stand where the cursor is.

    \d ci|                     relations behind \d, settings behind \pset, statements behind \h, files behind \i
    SELECT c.na|               columns of what c stands for in the statement
    SELECT * FROM ci|          relations
    SET work|                  settings
    SELECT nam|                columns of the statement's relations, functions, keywords

The statement is read with a few patterns, not parsed: while it is typed it is rarely grammatical.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from heliosdb.cli.meta import all_commands
from heliosdb.cli.meta_output import state
from heliosdb.cli.statement_help import STATEMENTS
from heliosdb.errors import Error
from heliosdb.sql.deparse import quote_identifier
from heliosdb.sql.keywords import KEYWORDS

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.cli.shell import Shell

__all__ = ["SqlCompleter"]

_word: Final = re.compile(r"[\w$]*$")
_qualified: Final = re.compile(r'([\w$]+|"(?:[^"]|"")+")\.[\w$]*$')
_before: Final = re.compile(r"(\w+)\s+[\w$]*$")
_relation: Final = re.compile(
    r'\b(?:from|join|into|update|table|only)\s+((?:[\w$]+|"[^"]+")(?:\.(?:[\w$]+|"[^"]+"))?)(?:\s+(?:as\s+)?([\w$]+))?',
    re.IGNORECASE,
)
WANT_RELATIONS: Final = frozenset(
    [
        "from",
        "join",
        "into",
        "update",
        "table",
        "view",
        "on",
        "only",
        "truncate",
        "references",
        "analyze",
        "vacuum",
        "describe",
        "index",
        "sequence",
        "copy",
    ]
)
WANT_SETTINGS: Final = frozenset(("set", "show", "reset", "local", "session"))
NO_ALIAS: Final = frozenset(
    [
        "where",
        "on",
        "using",
        "set",
        "join",
        "left",
        "right",
        "inner",
        "full",
        "cross",
        "order",
        "group",
        "limit",
        "values",
        "select",
        "natural",
        "as",
    ]
)
RELATION_COMMANDS: Final = ("d", "copy", "watch")
FILE_COMMANDS: Final = ("i", "ir", "o", "w", "g", "cd")


class SqlCompleter(Completer):
    """Completes statements and meta-commands of one shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """Yield what may stand at the cursor."""
        line = document.current_line_before_cursor
        try:
            if line.lstrip().startswith("\\"):
                yield from self._meta(line.lstrip(), event)
            else:
                before = self._shell.scanner.text + document.text_before_cursor
                yield from self._statement(before, before + document.text_after_cursor)
        except Error:
            # The catalog cannot be asked, in a failed transaction for one: no completions.
            return

    # -- meta-commands -------------------------------------------------------------------------------------------------

    def _meta(self, line: str, event: CompleteEvent) -> Iterator[Completion]:
        name, blank, rest = line[1:].partition(" ")
        if not blank:
            names = sorted({name for command in all_commands(self._shell) for name in command.names})
            for found in names:
                if found.startswith(name):
                    yield Completion(f"\\{found}", -len(name) - 1)
            return
        if name in FILE_COMMANDS:
            yield from self._paths.get_completions(Document(rest), event)
        elif name in ("h", "help"):
            yield from _starting(STATEMENTS, rest)
        elif name == "pset":
            yield from _starting(state(self._shell), rest)
        elif name in ("x", "timing", "t"):
            yield from _starting(("on", "off"), rest)
        elif name in ("set", "unset"):
            yield from _starting(sorted(self._shell.variables), rest)
        elif name.startswith(RELATION_COMMANDS):
            yield from _starting(self._relations(), _word.search(rest)[0])  # type: ignore[index]

    # -- statements ----------------------------------------------------------------------------------------------------

    def _statement(self, before: str, statement: str) -> Iterator[Completion]:
        word = _word.search(before)[0]  # type: ignore[index]
        qualified = _qualified.search(before)
        if qualified is not None:
            yield from _starting(self._members(_plain(qualified[1]), statement), word)
            return
        found = _before.search(before)
        previous = "" if found is None else found[1].lower()
        if previous in WANT_RELATIONS:
            yield from _starting(self._relations(), word)
            return
        if previous in WANT_SETTINGS and statement.split()[0].lower() in ("set", "show", "reset"):
            yield from _starting(sorted(self._shell.session.registries.settings), word)
            return
        if not word:
            return
        yield from _starting(self._columns(statement), word)
        keywords = [k.lower() if word.islower() else k.upper() for k in KEYWORDS]
        yield from _starting(sorted(keywords), word)
        yield from _starting(sorted(self._shell.session.registries.functions), word)
        yield from _starting(self._relations(), word)

    def _relations(self) -> list[str]:
        """Return the names of visible relations, then qualified ones, the system's last."""
        session = self._shell.session
        path = session.search_path
        own = sorted(
            quote_identifier(r.name) if r.schema in path else f"{quote_identifier(r.schema)}.{quote_identifier(r.name)}"
            for r in session.catalog.relations()
        )
        views = sorted(
            name if schema in path else f"{schema}.{name}" for schema, name in session.registries.catalog_views
        )
        return list(dict.fromkeys([*own, *views]))

    def _columns(self, statement: str) -> list[str]:
        names: dict[str, None] = {}
        for relation, _ in self._mentioned(statement):
            names.update((quote_identifier(c.name), None) for c in relation.columns if not c.dropped)
        return sorted(names)

    def _members(self, qualifier: str, statement: str) -> list[str]:
        """Return the columns of what a qualifier stands for, or the relations of a schema of that name."""
        for relation, alias in self._mentioned(statement):
            if qualifier in (alias, relation.name):
                return [quote_identifier(c.name) for c in relation.columns if not c.dropped]
        session = self._shell.session
        own = {quote_identifier(r.name) for r in session.catalog.relations() if r.schema == qualifier}
        return sorted(own | {name for schema, name in session.registries.catalog_views if schema == qualifier})

    def _mentioned(self, statement: str) -> Iterator[tuple[Relation, str | None]]:
        session = self._shell.session
        for match in _relation.finditer(statement):
            parts = [_plain(part) for part in match[1].split(".")]
            schema = parts[0] if len(parts) > 1 else None
            relation = session.catalog.lookup_relation(schema, parts[-1], session.search_path)
            if relation is not None:
                alias = match[2]
                yield relation, None if alias is None or alias.lower() in NO_ALIAS else alias.lower()


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _starting(names: Iterable[str], word: str) -> Iterator[Completion]:
    """Yield the names that begin as the word does, whatever the case."""
    lowered = word.lower()
    for name in names:
        if name.lower().startswith(lowered) and name != word:
            yield Completion(name, -len(word))
