"""What the parser and the statement cache rely on in a plugin's statements and clauses."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest

from heliosdb.errors import SqlSyntaxError
from heliosdb.spi import Registries, parse
from heliosdb_testkit.surroundings import registries_of

__all__ = ["StatementSuite"]


_OUTSIDE_QUOTES = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[^'"]+""")


def _spread(match: re.Match[str]) -> str:
    """Return a stretch of text with its case exchanged and comments for blanks; quoted ones stay."""
    text = match[0]
    return text if text[0] in "'\"" else text.swapcase().replace(" ", " /* a comment */\n\t")


class StatementSuite:
    """Subclass it and give texts: ``statements`` that are taken, ``rejected`` that are syntax errors, and where.

    ``statements``: text to the name of the statement or the clause that must have been recognised in it.
    ``rejected``: text to the 1-based position of the error. ``untouched``: texts with the same words in other places,
    which must stay what they were.
    """

    plugin: ClassVar[Any] = None
    statements: ClassVar[dict[str, str]]
    rejected: ClassVar[dict[str, int]] = {}
    untouched: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def registries(self) -> Registries:
        """The core's registrations and the plugin's."""
        return registries_of(self.plugin)

    def test_statements_are_recognised(self, registries: Registries) -> None:
        """Each text is parsed, and what the plugin claims in it is there."""
        for text, name in self.statements.items():
            (statement,) = parse(text, registries.grammar)
            assert f"name={name!r}" in repr(statement), text

    def test_case_and_blanks_do_not_matter(self, registries: Registries) -> None:
        """Keywords are read in any case, with blanks and comments between them."""
        for text in self.statements:
            (statement,) = parse(text, registries.grammar)
            changed = _OUTSIDE_QUOTES.sub(_spread, text)
            assert parse(changed, registries.grammar) == [statement], changed

    def test_a_payload_can_be_cached(self, registries: Registries) -> None:
        """The same text gives equal trees with equal hashes: plans are kept by them."""
        for text in self.statements:
            first, second = (parse(text, registries.grammar)[0] for _ in range(2))
            assert first == second
            assert hash(first) == hash(second)

    def test_wrong_statements_are_syntax_errors_with_a_position(self, registries: Registries) -> None:
        """42601, and where."""
        for text, position in self.rejected.items():
            with pytest.raises(SqlSyntaxError) as raised:
                parse(text, registries.grammar)
            assert raised.value.position == position, text

    def test_the_words_mean_nothing_elsewhere(self, registries: Registries) -> None:
        """Texts that only contain the plugin's words parse as they do without it."""
        core = registries_of(None).grammar
        for text in self.untouched:
            assert parse(text, registries.grammar) == parse(text, core), text
