"""The cursor over a text's tokens, which every rule of the grammar, the core's or a plugin's, reads through.

What plugin authors may use is the part up to "for the core's rules"; it is re-exported by ``heliosdb.spi`` and stays
stable. A rule reads forward with ``accept_*`` (take it if it is there), ``expect_*`` (take it or raise the syntax error
PostgreSQL would) and the readers ``identifier``, ``qualified_name``, ``expression``, ``query``, ``string``,
``integer``, ``type_name``, ``options``; to look ahead it uses ``at_*`` and ``peek``, or ``mark`` and ``reset``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from heliosdb.errors import Error, FeatureNotSupported, SqlSyntaxError, StatementTooComplex
from heliosdb.sql.keywords import COLUMN_NAMES, FUNCTION_NAMES, LABELS
from heliosdb.sql.lexer import Token, lexer_for
from heliosdb.sql.parser import expressions, options, query, types
from heliosdb.sql.parser.grammar import ClauseRule, Grammar
from heliosdb.sql.parser.indirection import indirection
from heliosdb.sql.parser.stack import on_fresh_stack
from heliosdb.sql.statements import Clause, Expression, Literal, Option, QualifiedName, Query, Statement, TypeName

__all__ = ["Parser"]

Result = TypeVar("Result")

#: Levels of nesting after which the descent goes on with a fresh stack, and where it gives up.
LEVELS_PER_STACK: Final = 24
DEEPEST: Final = 2400

_MATCHES = frozenset({"between", "in", "like", "ilike", "similar"})
_LITERAL_KINDS: Final = {"SCONST": "string", "BCONST": "bitstring", "XCONST": "bitstring"}


class Parser:
    """A cursor. ``kind`` is the current token's kind: a keyword, a mark, or one of the lexer's capital kinds."""

    __slots__ = (
        "depth",
        "ends",
        "grammar",
        "i",
        "kind",
        "kinds",
        "positions",
        "scan",
        "similar_ends",
        "slots",
        "start",
        "values",
    )

    def __init__(self, text: str, grammar: Grammar) -> None:
        scan = lexer_for(grammar.dialect).scan(text)
        self.scan = scan
        self.grammar = grammar
        self.kinds = scan.kinds
        self.values = scan.values
        self.positions = scan.positions
        self.ends = scan.ends
        self.slots: dict[int, int] = {}
        if scan.constants:
            self.slots = {index: slot for slot, index in enumerate(scan.constants)}
        if "not" in self.kinds or "with" in self.kinds or "nulls" in self.kinds:
            self._look_ahead()
        self.i = 0
        self.start = 0
        self.kind = self.kinds[0]
        self.depth = 0
        self.similar_ends = False

    def _look_ahead(self) -> None:
        """Mark NOT, NULLS and WITH where the next word decides what they mean, as PostgreSQL's lexer does."""
        kinds = self.kinds
        for i in range(len(kinds) - 1):
            kind = kinds[i]
            if kind == "not":
                if kinds[i + 1] in _MATCHES:
                    kinds[i] = "not_la"
            elif kind == "with":
                if kinds[i + 1] in ("time", "ordinality"):
                    kinds[i] = "with_la"
            elif kind == "nulls" and kinds[i + 1] in ("first", "last"):
                kinds[i] = "nulls_la"

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The whole text."""
        return self.scan.text

    @property
    def start_position(self) -> int:
        """The 1-based position of the statement being read."""
        return self.positions[self.start]

    @property
    def position(self) -> int:
        """The 1-based position of the current token."""
        return self.positions[self.i]

    def peek(self, distance: int = 0) -> Token:
        """Return the token at a distance from the current one (behind the last: the end mark)."""
        i = min(self.i + distance, len(self.kinds) - 1)
        return Token(self.kinds[i], self.values[i], self.positions[i], self.ends[i])

    def at_keyword(self, *words: str) -> bool:
        """Whether the next tokens are these words (lower case), none of them quoted; keywords of the dialect or not."""
        i = self.i
        kinds = self.kinds
        for word in words:
            kind = kinds[i]
            if kind != word and not (self.values[i] == word and self._is_plain_word(i)):
                return False
            i += 1
        return True

    def _is_plain_word(self, i: int) -> bool:
        return self.kinds[i] in _WORDS or (
            self.kinds[i] == "IDENT" and self.ends[i] - self.positions[i] == len(self.values[i])
        )

    def at_mark(self, mark: str) -> bool:
        """Whether the current token is a mark or operator such as ``(`` or ``=``."""
        return self.kind == mark or (self.kind == "OP" and self.values[self.i] == mark)

    def at_end(self) -> bool:
        """Whether the statement ends here: at a semicolon or the end of the text."""
        return self.kind in ("EOF", ";")

    def mark(self) -> int:
        """Return the place of the cursor, for ``reset``."""
        return self.i

    def reset(self, mark: int) -> None:
        """Go back to a place."""
        self.i = mark
        self.kind = self.kinds[mark]

    def source(self, start: int, end: int | None = None) -> str:
        """Return the text from one position up to another (default: the end of the token before the cursor)."""
        return self.scan.text[start - 1 : (self.ends[self.i - 1] if end is None else end) - 1]

    # -- taking -------------------------------------------------------------------------------------------------------

    def accept_keyword(self, *words: str) -> bool:
        """Take these words if all of them come next."""
        if not self.at_keyword(*words):
            return False
        self.reset(self.i + len(words))
        return True

    def expect_keyword(self, *words: str) -> None:
        """Take these words; the first one missing is a syntax error."""
        for word in words:
            if not self.at_keyword(word):
                raise self.error()
            self.advance()

    def accept_mark(self, mark: str) -> bool:
        """Take a mark or operator if it comes next."""
        if not self.at_mark(mark):
            return False
        self.advance()
        return True

    def expect_mark(self, mark: str) -> None:
        """Take a mark or operator, or raise a syntax error."""
        if not self.at_mark(mark):
            raise self.error()
        self.advance()

    def identifier(self) -> str:
        """Read a name: an identifier or a word that may name columns and tables."""
        if self.kind not in COLUMN_NAMES:
            raise self.error()
        value = self.values[self.i]
        self.advance()
        return value

    def qualified_name(self) -> QualifiedName:
        """Read a name with up to two qualifiers."""
        position = self.positions[self.i]
        parts = [self.identifier()]
        while self.kind == "." or self.kind == "[":
            if self.kind == "[" or self.next_kind() == "*":
                # PostgreSQL's rule takes stars and subscripts here and refuses them when it has read them all.
                indirection(self)
                raise self.error()
            self.advance()
            parts.append(self.label())
        if len(parts) > 3:
            raise SqlSyntaxError(
                f"improper qualified name (too many dotted names): {'.'.join(parts)}", position=position
            )
        return QualifiedName(tuple(parts), position=position)

    def expression(self) -> Expression:
        """Read a value expression."""
        return expressions.expression(self)

    def operand(self) -> Expression:
        """Read an expression that ends before AND and other words, as the bounds of BETWEEN do (b_expr)."""
        return expressions.restricted_expression(self)

    def query(self) -> Query:
        """Read a query: SELECT, VALUES, TABLE, WITH ... in front of one, or one in parentheses."""
        return query.query(self)

    def type_name(self) -> TypeName:
        """Read a type."""
        return types.type_name(self)

    def string(self) -> str:
        """Read a string constant."""
        if self.kind != "SCONST":
            raise self.error()
        value = self.values[self.i]
        self.advance()
        return value

    def integer(self) -> int:
        """Read an integer constant without sign (at most 2147483647)."""
        if self.kind != "ICONST":
            raise self.error()
        value = int(self.values[self.i])
        self.advance()
        return value

    def options(self) -> tuple[Option, ...]:
        """Read ``(name = value, ...)``."""
        return options.relation_options(self)

    def error(self, message: str | None = None, *, hint: str | None = None) -> Error:
        """Return the syntax error at the current token, or one with a message of your own, at its position."""
        if message is not None:
            return SqlSyntaxError(message, hint=hint, position=self.position)
        return self.near("syntax error")

    def unsupported(self, what: str, position: int | None = None) -> FeatureNotSupported:
        """Return a 0A000 ``what is not supported`` at a position (default: the current token's)."""
        return FeatureNotSupported(f"{what} is not supported", position=position or self.position)

    # -- for the core's rules -----------------------------------------------------------------------------------------

    def near(self, message: str) -> Error:
        """Return a syntax error with the current token quoted; a lexical error found here comes first."""
        kind = self.kind
        if kind == "ERROR" and self.scan.error is not None:
            return self.scan.error
        position = self.positions[self.i]
        if kind == "EOF":
            return SqlSyntaxError(f"{message} at end of input", position=position)
        return SqlSyntaxError(f'{message} at or near "{self.raw()}"', position=position)

    def raw(self) -> str:
        """Return the current token as written."""
        return self.scan.text[self.positions[self.i] - 1 : self.ends[self.i] - 1]

    def advance(self) -> None:
        """Go to the next token; at the end stay there."""
        i = self.i + 1
        if i < len(self.kinds):
            self.i = i
            self.kind = self.kinds[i]

    def next_kind(self, distance: int = 1) -> str:
        """Return the kind of a token further on."""
        i = self.i + distance
        return self.kinds[i] if i < len(self.kinds) else self.kinds[-1]

    def accept(self, kind: str) -> bool:
        """Take a token of this kind if it comes next."""
        if self.kind != kind:
            return False
        self.i = i = self.i + 1
        self.kind = self.kinds[i]
        return True

    def expect(self, kind: str) -> None:
        """Take a token of this kind or raise the syntax error."""
        if self.kind != kind:
            raise self.error()
        self.i = i = self.i + 1
        self.kind = self.kinds[i]

    def expect_all(self, *kinds: str) -> None:
        """Take tokens of these kinds."""
        for kind in kinds:
            self.expect(kind)

    def one_of(self, *kinds: str) -> str:
        """Take a token of one of these kinds and return it."""
        kind = self.kind
        if kind not in kinds:
            raise self.error()
        self.advance()
        return kind

    def label(self) -> str:
        """Read any name or word (ColLabel)."""
        if self.kind not in LABELS:
            raise self.error()
        value = self.values[self.i]
        self.advance()
        return value

    def non_reserved_word(self) -> str:
        """Read a name or any word that is not reserved (NonReservedWord)."""
        if self.kind not in COLUMN_NAMES and self.kind not in FUNCTION_NAMES:
            raise self.error()
        value = self.values[self.i]
        self.advance()
        return value

    def any_name(self) -> QualifiedName:
        """Read a dotted name of any length (any_name)."""
        position = self.positions[self.i]
        parts = [self.identifier()]
        while self.kind == ".":
            self.advance()
            parts.append(self.label())
        return QualifiedName(tuple(parts), position=position)

    def function_name(self) -> tuple[str, ...]:
        """Read the name of a function (func_name)."""
        kind = self.kind
        if kind in COLUMN_NAMES and self.next_kind() == ".":
            return self.any_name().parts
        if kind not in FUNCTION_NAMES:
            if kind in COLUMN_NAMES:
                self.advance()
            raise self.error()
        value = self.values[self.i]
        self.advance()
        return (value,)

    def names(self) -> tuple[str, ...]:
        """Read ``a, b, ...``."""
        return self.separated(self.identifier)

    def parenthesized_names(self) -> tuple[str, ...]:
        """Read ``(a, b, ...)``."""
        self.expect("(")
        names = self.separated(self.identifier)
        self.expect(")")
        return names

    def separated(self, item: Callable[[], Result]) -> tuple[Result, ...]:
        """Read items separated by commas."""
        first = item()
        if self.kind != ",":
            return (first,)
        items = [first]
        while self.accept(","):
            items.append(item())
        return tuple(items)

    def constant(self) -> Literal:
        """Make a Literal of the current constant token and take it."""
        i = self.i
        kind = self.kinds[i]
        value = self.values[i]
        literal_kind = _LITERAL_KINDS.get(kind) or ("integer" if kind == "ICONST" or value.isdigit() else "numeric")
        self.i = i + 1
        self.kind = self.kinds[i + 1]
        return Literal(literal_kind, value, self.slots.get(i), position=self.positions[i])  # type: ignore[arg-type]

    def if_exists(self) -> bool:
        """Take IF EXISTS if it is there."""
        if self.kind != "if" or self.next_kind() != "exists":
            return False
        self.reset(self.i + 2)
        return True

    def if_not_exists(self) -> bool:
        """Take IF NOT EXISTS if it is there."""
        if self.kind != "if" or self.next_kind() != "not":
            return False
        self.advance()
        self.expect_all("not", "exists")
        return True

    def cascade(self) -> bool:
        """Take CASCADE or RESTRICT if it is there; return whether it was CASCADE."""
        if self.accept("cascade"):
            return True
        self.accept("restrict")
        return False

    def deeper(self, function: Callable[[], Result]) -> Result:
        """Call a rule one level down, on a fresh stack where this one is used up."""
        self.depth += 1
        self.check_depth(0)
        result = on_fresh_stack(function) if self.depth % LEVELS_PER_STACK == 0 else function()
        self.depth -= 1
        return result

    def check_depth(self, more: int) -> None:
        """Refuse a tree that would be so many levels deeper than the cursor is and too deep for all who read it."""
        if self.depth + more > DEEPEST:
            raise StatementTooComplex("stack depth limit exceeded", position=self.position)

    def clauses(self, point: str) -> tuple[Clause, ...]:
        """Read the clauses of plugins that stand here."""
        rules = self.grammar.clauses.get(point)
        if rules is None:
            return ()
        found: list[Clause] = []
        while (clause := self._clause(rules.get(self._word(), ()))) is not None:
            found.append(clause)
        return tuple(found)

    def one_clause(self, point: str) -> Clause | None:
        """Read the clause of a plugin that stands here, or None."""
        return self._clause(self.grammar.clauses.get(point, {}).get(self._word(), ()))

    def core_statement(self) -> Statement:
        """Read the statement from its first word on as the core's grammar has it, for who has claimed it."""
        from heliosdb.sql.parser.core import CORE_STATEMENTS  # which imports this module

        self.reset(self.start)
        for rule in CORE_STATEMENTS:
            if self.accept_keyword(*rule.words):
                found = rule.parse(self)
                assert isinstance(found, Statement)
                return found
        raise self.error()

    def at_clause(self, point: str) -> bool:
        """Whether a clause of a plugin begins here, as ``clauses`` would read it."""
        start = self.mark()
        rules = self.grammar.clauses.get(point, {})
        found = self._clause(rules.get(self._word(), ())) is not None
        self.reset(start)
        return found

    def _word(self) -> str:
        return self.values[self.i] if self._is_plain_word(self.i) else self.kind

    def _clause(self, rules: tuple[ClauseRule, ...]) -> Clause | None:
        for rule in rules:
            start = self.i
            if self.accept_keyword(*rule.words):
                payload = rule.parse(self)
                if payload is not None:
                    return (
                        payload
                        if isinstance(payload, Clause)
                        else Clause(rule.name, payload, position=self.positions[start])
                    )
                self.reset(start)
        return None

    def unexpected(self) -> NoReturn:
        """Raise the syntax error at the current token."""
        raise self.error()


_WORDS: Final = frozenset({"not_la", "nulls_la", "with_la", "OP"})
"""Kinds of tokens, beside keywords, that a plugin's rule may claim by their text: operators are written one way."""
