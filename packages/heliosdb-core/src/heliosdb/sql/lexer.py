"""Text to tokens, by PostgreSQL 15's lexical rules (https://www.postgresql.org/docs/15/sql-syntax-lexical.html).

One compiled regular expression finds each token together with the blanks and ``--`` comments before it; what is rare
(nested comments, escape strings, dollar quotes, junk) leaves the loop for a slow path that reads one token and returns.

* ``scan`` gives parallel lists for the parser. The kind of a keyword, a bracket or an operator that the grammar knows
  by name is its own spelling; the others are ``IDENT``, ``ICONST``, ``FCONST``, ``SCONST``, ``BCONST``, ``XCONST``,
  ``PARAM``, ``OP`` and at the end ``EOF``. A lexical error becomes the last token, of kind ``ERROR``: as in PostgreSQL
  an earlier syntax error is reported first.
* ``tokenize`` gives the same as a list of ``Token`` and raises lexical errors.

Positions are 1-based offsets in characters. Names are folded and cut at 63 bytes; strings come decoded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from heliosdb.errors import CharacterNotInRepertoire, Error, InvalidEscapeSequence, SqlSyntaxError
from heliosdb.sql.dialect import POSTGRESQL, Dialect
from heliosdb.sql.keywords import KEYWORDS

__all__ = ["CONSTANTS", "Lexer", "Scan", "Token", "fold", "lexer_for", "scan", "tokenize"]

CONSTANTS: Final = frozenset({"ICONST", "FCONST", "SCONST", "BCONST", "XCONST"})

# What may begin a name, and stand in it: ASCII letters, _ and all beyond ASCII (then digits and $). Said by what may
# not, for a set that names a million characters takes milliseconds to compile.
START: Final = r"[^\0-@\[-\^`{-\x7f]"
PART: Final = r"[^\0-#%-/:-@\[-\^`{-\x7f]"
_OPERATOR = r"~!@#^&|`?+\-*/%<>="
#: Blanks with a newline in them, after which a quote continues the string before.
CONTINUATION: Final = r"(?:[ \t\f]++|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f]++|--[^\n\r]*+[\n\r])*+"
PLAIN_STRING: Final = rf"'(?:[^']++|'')*+'(?:{CONTINUATION}'(?:[^']++|'')*+')*+"
NUMBER: Final = r"(?:[0-9]++(?:\.(?!\.)[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+"

_continuation = re.compile(rf"'{CONTINUATION}'")
_joint = re.compile(rf"{CONTINUATION}(?=')")
_escape_segment = re.compile(r"'((?:[^'\\]++|''|\\.)*+)'", re.DOTALL)
_parameter = re.compile(r"\$[0-9]++")
_unicode_name = re.compile(r'"((?:[^"]++|"")*+)"')
_plain_string = re.compile(PLAIN_STRING)
_number = re.compile(NUMBER)
_junk = re.compile(rf"{START}{PART}*+")
_real_junk = re.compile(r"[eE][+-]")
_dollar_tag = re.compile(rf"\$(?:{START}(?:(?!\$){PART})*+)?+\$")
_comment_edge = re.compile(r"/\*|\*/")
_escape = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_single_escapes: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ascii_lower: Final = {code: code + 32 for code in range(65, 91)}
_ascii_upper: Final = {code + 32: code for code in range(65, 91)}

#: Operators that the grammar calls by name; all other operator texts have the kind OP.
_NAMED_OPERATORS: Final = frozenset(["+", "-", "*", "/", "%", "^", "<", ">", "=", "<=", ">=", "<>", "=>"])

# Indices of the groups of the master expression.
_WORD, _QUOTED, _MARK, _INTEGER, _STRING, _PARAMETER, _NUMBER, _OPERATORS, _COLONS, _DOTS, _END, _OTHER = range(1, 13)

INT4_MAX: Final = 2147483647


class Token(NamedTuple):
    """A token: its kind, its decoded value, where it begins (1-based) and ends (1-based, behind it)."""

    kind: str
    value: str
    position: int
    end: int


class Scan:
    """The tokens of one text as parallel lists, closed by a token of kind EOF, or ERROR with ``error`` set.

    ``constants`` are the indices of the tokens that ``shape`` lifts out.
    """

    __slots__ = ("constants", "ends", "error", "kinds", "positions", "text", "values")

    def __init__(self, text: str) -> None:
        self.text = text
        self.kinds: list[str] = []
        self.values: list[str] = []
        self.positions: list[int] = []
        self.ends: list[int] = []
        self.constants: list[int] = []
        self.error: Error | None = None

    def add(self, kind: str, value: str, start: int, end: int) -> None:
        """Append a token given 0-based offsets."""
        if kind in CONSTANTS:
            self.constants.append(len(self.kinds))
        self.kinds.append(kind)
        self.values.append(value)
        self.positions.append(start + 1)
        self.ends.append(end + 1)


def fold(word: str, dialect: Dialect = POSTGRESQL) -> str:
    """Return an unquoted name as the dialect folds and cuts it."""
    if dialect.folding == "lower":
        word = word.lower() if word.isascii() else word.translate(_ascii_lower)
    elif dialect.folding == "upper":
        word = word.upper() if word.isascii() else word.translate(_ascii_upper)
    return cut(word, dialect.identifier_bytes)


def cut(name: str, limit: int) -> str:
    """Cut a name at so many bytes of UTF-8, never inside a character."""
    if len(name) * 4 <= limit or len(encoded := name.encode("utf-8", "surrogatepass")) <= limit:
        return name
    return encoded[:limit].decode("utf-8", "ignore")


class Lexer:
    """A lexer compiled for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._closing = dict(dialect.identifier_quotes)
        quoted = "|".join(
            rf"{re.escape(left)}(?:[^{re.escape(right)}]++|{re.escape(right)}{re.escape(right)})++{re.escape(right)}"
            for left, right in dialect.identifier_quotes
        )
        self._master = re.compile(
            rf"""[ \t\n\r\f]*+(?:--[^\n\r]*+[ \t\n\r\f]*+)*+(?:
            ((?![eEbBxXnN]'|[uU]&['"]){START}{PART}*+)
            |({quoted})
            |([(),;\[\]]|[+\-*/%^<>=](?![{_OPERATOR}]))
            |([0-9]++)(?!\.|{START})
            |({PLAIN_STRING})
            |(\$[0-9]++)(?!{START})
            |({NUMBER})
            |([{_OPERATOR}]++)
            |(::|:=|:)
            |(\.\.?+)
            |(\Z)
            |(.))""",
            re.VERBOSE | re.DOTALL,
        )

    def scan(self, text: str) -> Scan:
        """Read a whole text; errors end up in the last token."""
        if "\0" in text:
            return self._until_nul(text)
        result = Scan(text)
        kinds, values, positions, ends = result.kinds, result.values, result.positions, result.ends
        constants = result.constants
        keyword = KEYWORDS.__contains__
        lower = self.dialect.folding == "lower"
        limit = self.dialect.identifier_bytes
        finditer = self._master.finditer
        offset = 0
        try:
            while True:
                for match in finditer(text, offset):
                    group = match.lastindex
                    if group == _WORD:
                        start, end = match.span(_WORD)
                        word = match[_WORD]
                        folded = word.lower() if word.isascii() else word.translate(_ascii_lower)
                        if keyword(folded):
                            kinds.append(folded)
                        else:
                            kinds.append("IDENT")
                            if not lower or end - start > 15:
                                folded = fold(word, self.dialect)
                        values.append(folded)
                    elif group == _MARK:
                        start, end = match.span(_MARK)
                        mark = match[_MARK]
                        kinds.append(mark)
                        values.append(mark)
                    elif group == _INTEGER:
                        start, end = match.span(_INTEGER)
                        digits = match[_INTEGER]
                        constants.append(len(kinds))
                        kinds.append("ICONST" if end - start < 10 or fits_int4(digits) else "FCONST")
                        values.append(digits)
                    elif group == _STRING:
                        start, end = match.span(_STRING)
                        string = text[start + 1 : end - 1]
                        if "'" in string:
                            string = _continuation.sub("", match[_STRING])[1:-1].replace("''", "'")
                        constants.append(len(kinds))
                        kinds.append("SCONST")
                        values.append(string)
                    elif group == _QUOTED:
                        start, end = match.span(_QUOTED)
                        close = text[end - 1]
                        kinds.append("IDENT")
                        values.append(cut(text[start + 1 : end - 1].replace(close + close, close), limit))
                    elif group in (_DOTS, _COLONS):
                        start, end = match.span(group)
                        kinds.append(match[group])
                        values.append(match[group])
                    elif group == _PARAMETER:
                        start, end = match.span(_PARAMETER)
                        kinds.append("PARAM")
                        values.append(text[start + 1 : end])
                    elif group == _END:
                        start = end = len(text)
                        result.add("EOF", "", start, end)
                        return self._finish(result)
                    else:
                        assert group is not None
                        offset = self._rare(result, group, match.start(group))
                        break
                    positions.append(start + 1)
                    ends.append(end + 1)
        except Error as error:
            del kinds[len(ends) :], values[len(ends) :], positions[len(ends) :]
            result.error = error
            result.add("ERROR", "", (error.position or 1) - 1, len(text))
            return self._finish(result)

    def _until_nul(self, text: str) -> Scan:
        """A NUL is no character of SQL, not even within quotes: read up to it."""
        nul = text.index("\0")
        result = self.scan(text[:nul])
        result.text = text
        if result.error is None or result.ends[-1] == nul + 1:
            result.error = SqlSyntaxError('syntax error at or near "\\x00"', position=nul + 1)
            result.kinds[-1], result.positions[-1], result.ends[-1] = "ERROR", nul + 1, nul + 2
        return result

    def _rare(self, result: Scan, group: int, start: int) -> int:
        """Read one token (or comment) off the fast path; return the offset behind it."""
        text = result.text
        if group == _OPERATORS:
            return self._operator(result, start)
        if group == _NUMBER:
            end = start + len(_number.match(text, start)[0])  # type: ignore[index]
            junk = _real_junk.match(text, end) or _junk.match(text, end)
            if junk:
                raise near("trailing junk after numeric literal", text, start, junk.end())
            number = text[start:end]
            result.add("ICONST" if number.isdigit() and fits_int4(number) else "FCONST", number, start, end)
            return end
        character = text[start]
        following = text[start + 1 : start + 2]
        if character == "'":
            # After a newline it goes on from the string before, and it is that one which has no end.
            if result.kinds and result.kinds[-1] == "SCONST":
                joint = _joint.match(text, result.ends[-1] - 1)
                if joint is not None and joint.end() == start:
                    start = result.positions[-1] - 1
            raise near("unterminated quoted string", text, start, len(text))
        if character in self._closing:
            if text.startswith(self._closing[character], start + 1):
                raise near("zero-length delimited identifier", text, start, start + 2)
            raise near("unterminated quoted identifier", text, start, len(text))
        if character in "eE" and following == "'" and self.dialect.escape_strings:
            return self._escape_string(result, start)
        if character in "bBxX" and following == "'":
            match = _plain_string.match(text, start + 1)
            if match is None:
                what = "bit" if character in "bB" else "hexadecimal"
                raise near(f"unterminated {what} string literal", text, start, len(text))
            body = _continuation.sub("", match[0])[1:-1]
            result.add("BCONST" if character in "bB" else "XCONST", character.lower() + body, start, match.end())
            return match.end()
        if character in "nN" and following == "'":
            # N'...' is the word NCHAR followed by an ordinary string.
            result.add("nchar", "nchar", start, start + 1)
            return start + 1
        if character in "uU" and following == "&" and self.dialect.escape_strings:
            return self._unicode(result, start)
        if character == "$":
            return self._dollar(result, start)
        if junk := _junk.match(text, start):
            result.add("IDENT", fold(junk[0], self.dialect), start, junk.end())
            return junk.end()
        # Anything else is a token that no rule of the grammar takes.
        result.add(character, character, start, start + 1)
        return start + 1

    def _operator(self, result: Scan, start: int) -> int:
        """Apply PostgreSQL's rules: a comment ends an operator, and so does a last + or - in most cases."""
        text = result.text
        end = start
        while end < len(text) and text[end] in "~!@#^&|`?+-*/%<>=":
            end += 1
        operator = text[start:end]
        if operator.startswith("/*"):
            return self._comment(text, start)
        for opening in ("/*", "--"):
            if (at := operator.find(opening)) >= 0:
                operator = operator[:at]
        if len(operator) > 1 and operator[-1] in "+-" and not any(mark in operator[:-1] for mark in "~!@#^&|`?%"):
            operator = operator.rstrip("+-") or operator[0]
        end = start + len(operator)
        if len(operator) > 63:
            raise near("operator too long", text, start, end)
        if operator == "!=":
            operator = "<>"
        result.add(operator if operator in _NAMED_OPERATORS else "OP", operator, start, end)
        return end

    def _comment(self, text: str, start: int) -> int:
        depth, at = 1, start + 2
        while depth:
            edge = _comment_edge.search(text, at)
            if edge is None:
                raise near("unterminated /* comment", text, start, len(text))
            at = edge.end()
            if edge[0] == "*/":
                depth -= 1
            elif self.dialect.nested_comments:
                depth += 1
        return at

    def _dollar(self, result: Scan, start: int) -> int:
        text = result.text
        if parameter := _parameter.match(text, start):
            junk = _junk.match(text, parameter.end())
            raise near("trailing junk after parameter", text, start, junk.end() if junk else parameter.end())
        tag = _dollar_tag.match(text, start) if self.dialect.dollar_quotes else None
        if tag is None:
            result.add("$", "$", start, start + 1)
            return start + 1
        close = text.find(tag[0], tag.end())
        if close < 0:
            raise near("unterminated dollar-quoted string", text, start, len(text))
        result.add("SCONST", text[tag.end() : close], start, close + len(tag[0]))
        return close + len(tag[0])

    def _escape_string(self, result: Scan, start: int) -> int:
        text, at, value = result.text, start + 1, ""
        while match := _escape_segment.match(text, at):
            value += unescape(match[1], text, match.start(1))
            joint = _joint.match(text, match.end())
            if joint is None:
                result.add("SCONST", value, start, match.end())
                return match.end()
            at = joint.end()
        raise near("unterminated quoted string", text, start, len(text))

    def _unicode(self, result: Scan, start: int) -> int:
        """Read U&'...' or U&"..."; the escapes are resolved when it is known whether UESCAPE follows."""
        text = result.text
        if text[start + 2] == "'":
            match = _plain_string.match(text, start + 2)
            if match is None:
                raise near("unterminated quoted string", text, start, len(text))
            result.add("USCONST", _continuation.sub("", match[0])[1:-1].replace("''", "'"), start, match.end())
            return match.end()
        match = _unicode_name.match(text, start + 2)
        if match is None:
            raise near("unterminated quoted identifier", text, start, len(text))
        if not match[1]:
            raise near("zero-length delimited identifier", text, start, match.end())
        result.add("UIDENT", match[1].replace('""', '"'), start, match.end())
        return match.end()

    def _finish(self, result: Scan) -> Scan:
        if "USCONST" in result.kinds or "UIDENT" in result.kinds:
            try:
                return self._resolve_unicode(result)
            except Error as error:
                result.error = error
        return result

    def _resolve_unicode(self, result: Scan) -> Scan:
        """Replace U& tokens by plain ones, taking in a UESCAPE behind them."""
        resolved = Scan(result.text)
        resolved.error = result.error
        kinds = result.kinds
        index = 0
        while index < len(kinds):
            kind, value = kinds[index], result.values[index]
            start, end = result.positions[index] - 1, result.ends[index] - 1
            index += 1
            if kind not in ("USCONST", "UIDENT"):
                resolved.add(kind, value, start, end)
                continue
            try:
                escape = "\\"
                if kinds[index] == "uescape":
                    at, until = result.positions[index + 1] - 1, result.ends[index + 1] - 1
                    if kinds[index + 1] == "ERROR":
                        raise result.error or near("syntax error", result.text, at, until)
                    if kinds[index + 1] != "SCONST":
                        raise near("UESCAPE must be followed by a simple string literal", result.text, at, until)
                    escape, end = result.values[index + 1], until
                    if len(escape) != 1 or escape in "0123456789abcdefABCDEF+'\" \t\n\r\f":
                        raise near("invalid Unicode escape character", result.text, at, until)
                    index += 2
                value = unescape_unicode(value, escape, start + 3)
            except Error as error:
                resolved.error = error
                resolved.add("ERROR", "", start, end)
                return resolved
            if kind == "USCONST":
                resolved.add("SCONST", value, start, end)
            else:
                resolved.add("IDENT", cut(value, self.dialect.identifier_bytes), start, end)
        return resolved


def passed_over(stops: str) -> str:
    """Return a set of the ASCII characters that neither begin a name nor are among ``stops``."""
    kept = (chr(code) for code in range(1, 128) if not (chr(code).isalpha() or chr(code) in "_" + stops))
    return f"[{''.join(map(re.escape, kept))}]"


def fits_int4(digits: str) -> bool:
    """Whether a run of digits is at most 2147483647 (without making a number of thousands of digits)."""
    digits = digits.lstrip("0")
    return len(digits) < 10 or (len(digits) == 10 and int(digits) <= INT4_MAX)


def near(message: str, text: str, start: int, end: int) -> SqlSyntaxError:
    """Return a 42601 that quotes the token at the offsets, or says that the text ended there."""
    if start >= len(text):
        return SqlSyntaxError(f"{message} at end of input", position=len(text) + 1)
    return SqlSyntaxError(f'{message} at or near "{text[start:end]}"', position=start + 1)


def unescape(body: str, text: str, offset: int) -> str:
    """Resolve the escapes of an E'' string; ``offset`` is where the body begins in the text."""
    if "\\" not in body:
        return body.replace("''", "'")
    out: list[bytes] = []
    at = 0
    high = 0
    for match in _escape.finditer(body):
        plain = body[at : match.start()].replace("''", "'")
        if high and (plain or not (match[3] or match[4])):
            where = offset + (at if plain else match.start())
            raise near("invalid Unicode surrogate pair", text, where, where + 1)
        out.append(plain.encode("utf-8", "surrogatepass"))
        at = match.end()
        octal, hexadecimal, short, long, other = match.groups()
        if octal:
            out.append(bytes((int(octal, 8) & 255,)))
        elif hexadecimal:
            out.append(bytes((int(hexadecimal, 16),)))
        elif short or long:
            code = int(short or long, 16)
            where = offset + match.start()
            if high:
                if not 0xDC00 <= code <= 0xDFFF:
                    raise near("invalid Unicode surrogate pair", text, where, offset + at)
                code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
                high = 0
            elif 0xDC00 <= code <= 0xDFFF:
                raise near("invalid Unicode surrogate pair", text, where, offset + at)
            if 0xD800 <= code <= 0xDBFF:
                high = code
                continue
            if not 0 < code <= 0x10FFFF:
                raise near("invalid Unicode escape value", text, where, offset + at)
            out.append(chr(code).encode("utf-8"))
        elif other in "uU":
            raise InvalidEscapeSequence(
                "invalid Unicode escape",
                hint="Unicode escapes must be \\uXXXX or \\UXXXXXXXX.",
                position=offset + match.start() + 1,
            )
        else:
            out.append(_single_escapes.get(other, other).encode("utf-8", "surrogatepass"))
    if high:
        where = offset + at
        raise near("invalid Unicode surrogate pair", text, where, where + 1)
    out.append(body[at:].replace("''", "'").encode("utf-8", "surrogatepass"))
    raw = b"".join(out)
    if b"\x00" in raw:
        raise CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00')
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # PostgreSQL shows as many bytes as the first one promises, as far as there are any.
        first = raw[error.start]
        length = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4 if first < 0xF8 else 1
        shown = " ".join(f"0x{byte:02x}" for byte in raw[error.start : error.start + length])
        raise CharacterNotInRepertoire(f'invalid byte sequence for encoding "UTF8": {shown}') from None


def unescape_unicode(value: str, escape: str, offset: int) -> str:
    """Resolve the escapes of a U& string or name."""
    if escape not in value:
        return value
    pattern = re.compile(rf"{re.escape(escape)}(?:({re.escape(escape)})|([0-9A-Fa-f]{{4}})|\+([0-9A-Fa-f]{{6}})|)")
    out: list[str] = []
    at = high = 0
    for match in pattern.finditer(value):
        if high and (match.start() > at or match[1]):
            raise SqlSyntaxError("invalid Unicode surrogate pair", position=offset + at + 1)
        out.append(value[at : match.start()])
        where, at = offset + match.start() + 1, match.end()
        if match[1]:
            out.append(escape)
            continue
        digits = match[2] or match[3]
        if not digits:
            raise SqlSyntaxError(
                "invalid Unicode escape", hint="Unicode escapes must be \\XXXX or \\+XXXXXX.", position=where
            )
        code = int(digits, 16)
        if bool(high) != (0xDC00 <= code <= 0xDFFF):
            raise SqlSyntaxError("invalid Unicode surrogate pair", position=where)
        if high:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
            high = 0
        if 0xD800 <= code <= 0xDBFF:
            high = code
            continue
        if not 0 < code <= 0x10FFFF:
            raise SqlSyntaxError("invalid Unicode escape value", position=where)
        out.append(chr(code))
    if high:
        raise SqlSyntaxError("invalid Unicode surrogate pair", position=offset + at + 1)
    out.append(value[at:])
    return "".join(out)


@lru_cache(maxsize=8)
def lexer_for(dialect: Dialect) -> Lexer:
    """Return the compiled lexer of a dialect."""
    return Lexer(dialect)


def scan(text: str, dialect: Dialect = POSTGRESQL) -> Scan:
    """Read a text into parallel token lists, an error as the last token."""
    return lexer_for(dialect).scan(text)


def tokenize(text: str, dialect: Dialect = POSTGRESQL) -> list[Token]:
    """Return the tokens of a text without the end mark.

    Raises SqlSyntaxError and kin where PostgreSQL's lexer would.
    """
    result = lexer_for(dialect).scan(text)
    if result.error is not None:
        raise result.error
    return list(map(Token, result.kinds[:-1], result.values, result.positions, result.ends))
