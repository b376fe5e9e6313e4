"""SQL/JSON path expressions: text to a tree, and the tree to its canonical text (PostgreSQL 15, section 9.16.2).

A path is a chain of steps from ``$`` (the document), ``@`` (the current item of a filter), a variable or a literal;
arithmetic and predicates stand around such chains. The datum of the type ``jsonpath`` is the frozen tree, so that a
constant path is parsed once.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NoReturn

from attrs import frozen

from heliosdb import errors
from heliosdb.types.json_text import escape_json
from heliosdb.types.jsonb_tree import make_number
from heliosdb.types.numeric import numeric_output
from heliosdb.types.regular_expression import parse_flags
from heliosdb.types.regular_matching import compile_regex

__all__ = ["JsonPath", "PathNode", "parse_path", "path_text"]

MAXIMUM_DEPTH = 100
"""How deeply parentheses, filters and subscripts may nest."""


@frozen
class PathNode:
    """A step or an operator.

    ``kind`` is the operator's or the step's name; ``value`` its constant part, ``arguments`` its operands,
    ``following`` the steps that are applied to its result.
    """

    kind: str
    value: Any = None
    arguments: tuple[PathNode | None, ...] = ()
    following: tuple[PathNode, ...] = ()


@frozen
class JsonPath:
    """A whole path: strict or lax."""

    root: PathNode
    strict: bool


METHODS = frozenset(("abs", "size", "type", "floor", "double", "ceiling", "keyvalue"))
PREDICATES = frozenset(
    ("==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "is unknown", "exists", "starts with", "like_regex")
)
_KEYWORDS = frozenset(
    ("is", "to", "abs", "lax", "flag", "last", "size", "type", "with", "floor", "double", "exists", "starts")
) | frozenset(("strict", "ceiling", "keyvalue", "datetime", "unknown", "like_regex"))

_BLANK = re.compile(r"(?:[ \t\n\r\f]|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAME = re.compile(r"""(?:[^\s?%$.\[\]{}()|&!=<>@#,*:\-+/\\"]|\\.|\\$)+""", re.DOTALL)
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_SYMBOL = re.compile(r"&&|\|\||\*\*|==|!=|<>|<=|>=|[<>!$@?.,*:()\[\]{}+\-/%]|.", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@frozen
class _Token:
    kind: str
    text: str
    value: Any = None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def fail(self, message: str, near: str | None) -> NoReturn:
        where = f'at or near "{near}"' if near else "at end"
        raise errors.SqlSyntaxError(f"{message} {where} of jsonpath input")

    def next(self) -> _Token:
        blank = _BLANK.match(self.text, self.position)
        start = self.position = blank.end() if blank else self.position
        text = self.text
        if start >= len(text):
            return _Token("end", "")
        character = text[start]
        if character == '"':
            return _Token("string", "", self.quoted())
        if character == "$" and start + 1 < len(text):
            self.position += 1
            if text[self.position] == '"':
                return _Token("variable", "", self.quoted())
            name = _NAME.match(text, self.position)
            if name is not None:
                self.position = name.end()
                return _Token("variable", "", self.unescaped(name[0]))
            return _Token("$", "$")
        number = _NUMBER.match(text, start)
        run = _NAME.match(text, start)
        if number is not None and (run is None or run.end() <= number.end() + 1):
            junk = _NAME.match(text, number.end())
            if junk is not None:
                self.fail("trailing junk after numeric literal", text[start : number.end() + 1])
            self.position = number.end()
            return _Token("number", number[0], number[0])
        name = run
        if name is not None:
            self.position = name.end()
            token = self.word(name[0])
            # In an error message a name shows as the blanks that end it.
            blanks = _BLANKS.match(text, self.position)
            return _Token(token.kind, blanks[0] if blanks else "", token.value)
        symbol = _SYMBOL.match(text, start)
        assert symbol is not None
        self.position = symbol.end()
        spelled = "!=" if symbol[0] == "<>" else symbol[0]
        return _Token(spelled, symbol[0])

    def word(self, raw: str) -> _Token:
        name = self.unescaped(raw)
        if "\\" not in raw:
            lowered = name.lower()
            if lowered in _KEYWORDS:
                return _Token(lowered, "", name)
            # These three count in lower case only, as JSON has them.
            if name in ("true", "false", "null"):
                return _Token(name, "", name)
        return _Token("name", "", name)

    def quoted(self) -> str:
        start = self.position + 1
        end = start
        while end < len(self.text) and self.text[end] != '"':
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            self.fail("unexpected end of quoted string", None)
        self.position = end + 1
        return self.unescaped(self.text[start:end])

    def unescaped(self, raw: str) -> str:
        if "\\" not in raw:
            return raw
        parts: list[str] = []
        position = 0
        while position < len(raw):
            character = raw[position]
            position += 1
            if character != "\\":
                parts.append(character)
                continue
            escape = raw[position : position + 1]
            if not escape:
                self.fail("unexpected end after backslash", None)
            position += 1
            if escape in "ux":
                match = re.compile(
                    r"\{[0-9a-fA-F]{1,6}\}|[0-9a-fA-F]{4}" if escape == "u" else r"[0-9a-fA-F]{2}"
                ).match(raw, position)
                if match is None:
                    what = "Unicode escape sequence" if escape == "u" else "hexadecimal character sequence"
                    self.fail(f"invalid {what}", raw[position - 2 : position])
                position = match.end()
                parts.append(chr(int(match[0].strip("{}"), 16)))
            else:
                parts.append(_ESCAPES.get(escape, escape))
        text = "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\0" in text:
            raise errors.UntranslatableCharacter(
                "unsupported Unicode escape sequence", detail="\\u0000 cannot be converted to text."
            )
        return text


class _Parser:
    def __init__(self, text: str) -> None:
        self.scanner = _Scanner(text)
        self.token = self.scanner.next()
        self.depth = 0
        self.in_filter = 0
        self.in_subscript = 0
        self.misplaced: str | None = None

    def fail(self) -> NoReturn:
        self.scanner.fail("syntax error", self.token.text)

    def advance(self) -> _Token:
        token = self.token
        self.token = self.scanner.next()
        return token

    def accept(self, kind: str) -> bool:
        if self.token.kind == kind:
            self.advance()
            return True
        return False

    def expect(self, kind: str) -> _Token:
        if self.token.kind != kind:
            self.fail()
        return self.advance()

    def parse(self) -> JsonPath:
        strict = self.token.kind == "strict"
        if self.token.kind in ("strict", "lax"):
            self.advance()
        root = self.disjunction()
        if self.token.kind != "end":
            self.fail()
        if self.misplaced is not None:
            # Told only of what is otherwise well formed, as in PostgreSQL.
            raise errors.SqlSyntaxError(self.misplaced)
        return JsonPath(root, strict)

    # Predicates and values share one grammar here; what must be the one or the other is checked by kind.

    def predicate(self) -> PathNode:
        node = self.disjunction()
        if not is_predicate(node):
            self.fail()
        return node

    def disjunction(self) -> PathNode:
        left = self.conjunction()
        while self.token.kind == "||" and is_predicate(left):
            self.advance()
            right = self.conjunction()
            if not is_predicate(right):
                self.fail()
            left = PathNode("||", None, (left, right))
        return left

    def conjunction(self) -> PathNode:
        left = self.negation()
        while self.token.kind == "&&" and is_predicate(left):
            self.advance()
            right = self.negation()
            if not is_predicate(right):
                self.fail()
            left = PathNode("&&", None, (left, right))
        return left

    def negation(self) -> PathNode:
        if self.token.kind == "!":
            self.advance()
            if self.token.kind == "exists":
                return PathNode("!", None, (self.exists(),))
            self.expect("(")
            inner = self.predicate()
            self.expect(")")
            return PathNode("!", None, (inner,))
        if self.token.kind == "exists":
            return self.exists()
        return self.comparison()

    def exists(self) -> PathNode:
        self.expect("exists")
        self.expect("(")
        inner = self.disjunction()
        self.expect(")")
        return PathNode("exists", None, (inner,))

    def comparison(self) -> PathNode:
        left = self.sum()
        kind = self.token.kind
        if is_predicate(left) and not left.following:
            return left
        if kind in ("==", "!=", "<", "<=", ">", ">="):
            self.advance()
            return PathNode(kind, None, (left, self.sum()))
        if kind == "starts":
            self.advance()
            self.expect("with")
            if self.token.kind not in ("string", "variable"):
                self.fail()
            token = self.advance()
            return PathNode("starts with", None, (left, PathNode(token.kind, token.value)))
        if kind == "like_regex":
            self.advance()
            pattern = self.expect("string").value
            flags = self.expect("string").value if self.accept("flag") else ""
            return PathNode("like_regex", (pattern, _regex_flags(flags, pattern)), (left,))
        return left

    def sum(self) -> PathNode:
        left = self.product()
        while self.token.kind in ("+", "-") and not is_predicate(left):
            left = PathNode(self.advance().kind, None, (left, self.product()))
        return left

    def product(self) -> PathNode:
        left = self.signed()
        while self.token.kind in ("*", "/", "%") and not is_predicate(left):
            left = PathNode(self.advance().kind, None, (left, self.signed()))
        return left

    def signed(self) -> PathNode:
        if self.token.kind not in ("+", "-"):
            return self.chain()
        sign = self.advance().kind
        self.nest()
        operand = self.signed()
        self.depth -= 1
        if operand.kind == "number" and not operand.following:
            return PathNode("number", -operand.value if sign == "-" and operand.value else operand.value)
        return PathNode("unary " + sign, None, (operand,))

    def nest(self) -> None:
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise errors.StatementTooComplex("stack depth limit exceeded")

    def chain(self) -> PathNode:
        node = self.primary()
        steps: list[PathNode] = []
        while self.token.kind in (".", "[", "?"):
            steps.append(self.step())
        return PathNode(node.kind, node.value, node.arguments, (*node.following, *steps)) if steps else node

    def primary(self) -> PathNode:
        token = self.token
        if token.kind == "(":
            self.advance()
            self.nest()
            node = self.disjunction()
            self.depth -= 1
            self.expect(")")
            if self.token.kind == "is":
                if not is_predicate(node):
                    self.fail()
                self.advance()
                self.expect("unknown")
                return PathNode("is unknown", None, (node,))
            return node
        if token.kind in ("$", "@"):
            if token.kind == "@" and not self.in_filter:
                self.misplaced = self.misplaced or "@ is not allowed in root expressions"
            self.advance()
            return PathNode(token.kind)
        if token.kind == "last":
            if not self.in_subscript:
                self.misplaced = self.misplaced or "LAST is allowed only in array subscripts"
            self.advance()
            return PathNode("last")
        if token.kind == "number":
            self.advance()
            return PathNode("number", make_number(token.value.rstrip(".")))
        if token.kind in ("string", "variable", "true", "false", "null"):
            self.advance()
            return PathNode(token.kind, token.value)
        self.fail()

    def step(self) -> PathNode:
        if self.accept("?"):
            self.expect("(")
            self.nest()
            self.in_filter += 1
            condition = self.predicate()
            self.in_filter -= 1
            self.depth -= 1
            self.expect(")")
            return PathNode("filter", None, (condition,))
        if self.accept("["):
            return self.subscripts()
        self.expect(".")
        if self.accept("*"):
            return PathNode(".*")
        if self.accept("**"):
            return self.levels()
        token = self.token
        if token.kind not in ("name", "string", "true", "false", "null") and token.kind not in _KEYWORDS:
            self.fail()
        self.advance()
        if self.token.kind == "(" and token.kind in METHODS | {"datetime"}:
            self.advance()
            if token.kind == "datetime":
                template = self.token.value if self.token.kind == "string" else None
                if template is not None:
                    self.advance()
                self.expect(")")
                return PathNode("datetime", template)
            self.expect(")")
            return PathNode("method", token.kind)
        return PathNode("key", token.value)

    def subscripts(self) -> PathNode:
        if self.accept("*"):
            self.expect("]")
            return PathNode("[*]")
        self.nest()
        self.in_subscript += 1
        bounds: list[PathNode | None] = []
        while True:
            bounds.append(self.sum())
            bounds.append(self.sum() if self.accept("to") else None)
            if not self.accept(","):
                break
        self.in_subscript -= 1
        self.depth -= 1
        self.expect("]")
        return PathNode("[]", None, tuple(bounds))

    def levels(self) -> PathNode:
        if not self.accept("{"):
            return PathNode("**", (0, None))
        first = last = self.level()
        if self.accept("to"):
            last = self.level()
        self.expect("}")
        return PathNode("**", (first, last))

    def level(self) -> int | None:
        """Read a level; None is the last."""
        if self.accept("last"):
            return None
        token = self.expect("number")
        if not token.value.isdigit():
            self.fail()
        return int(token.value)


def is_predicate(node: PathNode) -> bool:
    """Return whether a node is a condition, not a sequence of items."""
    return node.kind in PREDICATES and not node.following


def _regex_flags(flags: str, pattern: str) -> str:
    for letter in flags:
        if letter not in "ismxq":
            raise errors.SqlSyntaxError(
                "invalid input syntax for type jsonpath",
                detail=f'Unrecognized flag character "{letter}" in LIKE_REGEX predicate.',
            )
    if "x" in flags and "q" not in flags:
        raise errors.FeatureNotSupported('XQuery "x" flag (expanded regular expressions) is not implemented')
    compile_like_regex(pattern, flags)
    return "".join(letter for letter in "ismxq" if letter in flags)


def compile_like_regex(pattern: str, flags: str) -> Any:
    """Return the compiled regular expression of ``like_regex``; 2201B when it is none."""
    letters = "i" if "i" in flags else ""
    if "q" in flags:
        letters += "q"
    else:
        # XQuery's flags from a dot that does not match line breaks and anchors at the text's ends.
        letters += {(False, False): "p", (True, False): "s", (False, True): "n", (True, True): "w"}[
            "s" in flags, "m" in flags
        ]
    return compile_regex(pattern, parse_flags(letters))


def parse_path(text: str) -> JsonPath:
    """Return the tree of a path; 42601 for what is no path."""
    if not text.strip(" \t\n\r\f"):
        raise errors.InvalidTextRepresentation(f'invalid input syntax for type jsonpath: "{text}"')
    return _Parser(text).parse()


# -- text ----------------------------------------------------------------------------------------------------------

_PRIORITIES = {"||": 0, "&&": 1, "==": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, "starts with": 2, "like_regex": 2}
_PRIORITIES |= {"+": 3, "-": 3, "*": 4, "/": 4, "%": 4, "unary +": 5, "unary -": 5}


def path_text(path: JsonPath) -> str:
    """Return a path's canonical text: keys quoted, operators in parentheses."""
    return ("strict " if path.strict else "") + _text(path.root, in_key=False, brackets=True)


def _priority(node: PathNode) -> int:
    return _PRIORITIES.get(node.kind, 6)


def _operand(node: PathNode, parent: PathNode) -> str:
    return _text(node, in_key=False, brackets=_priority(node) <= _priority(parent))


def _text(node: PathNode, *, in_key: bool, brackets: bool) -> str:
    text = _bare_text(node, in_key, brackets or bool(node.following))
    if node.following and node.kind == "number":
        text = f"({text})"
    return text + "".join(_text(step, in_key=True, brackets=True) for step in node.following)


def _bare_text(node: PathNode, in_key: bool, brackets: bool) -> str:
    kind, value = node.kind, node.value
    operands = [argument for argument in node.arguments if argument is not None]
    if kind in ("==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*", "/", "%", "starts with"):
        text = f"{_operand(operands[0], node)} {kind} {_operand(operands[1], node)}"
        return f"({text})" if brackets else text
    if kind == "like_regex":
        pattern, flags = value
        text = f"{_operand(operands[0], node)} like_regex {escape_json(pattern)}"
        text += f' flag "{flags}"' if flags else ""
        return f"({text})" if brackets else text
    if kind.startswith("unary "):
        text = kind[-1] + _operand(operands[0], node)
        return f"({text})" if brackets else text
    if kind == "filter":
        return f"?({_text(operands[0], in_key=False, brackets=False)})"
    if kind == "!":
        return f"!({_text(operands[0], in_key=False, brackets=False)})"
    if kind == "is unknown":
        return f"({_text(operands[0], in_key=False, brackets=False)}) is unknown"
    if kind == "exists":
        return f"exists ({_text(operands[0], in_key=False, brackets=False)})"
    if kind == "[]":
        pairs = zip(node.arguments[::2], node.arguments[1::2], strict=True)
        return "[" + ",".join(_span(low, high) for low, high in pairs) + "]"
    if kind == "**":
        return ("." if in_key else "") + _levels(value)
    if kind == "key":
        return "." + escape_json(value)
    if kind == "method":
        return f".{value}()"
    if kind == "datetime":
        return f".datetime({escape_json(value) if value is not None else ''})"
    simple = {"variable": lambda: "$" + escape_json(value), "string": lambda: escape_json(value)}
    if kind in simple:
        return simple[kind]()
    return numeric_output(value) if isinstance(value, Decimal) else kind


def _span(low: PathNode | None, high: PathNode | None) -> str:
    assert low is not None
    text = _text(low, in_key=False, brackets=False)
    return text if high is None else f"{text} to {_text(high, in_key=False, brackets=False)}"


def _levels(value: tuple[int | None, int | None]) -> str:
    first, last = value
    if (first, last) == (0, None):
        return "**"
    names = ["last" if level is None else str(level) for level in (first, last)]
    return f"**{{{names[0]}}}" if first == last else f"**{{{names[0]} to {names[1]}}}"
