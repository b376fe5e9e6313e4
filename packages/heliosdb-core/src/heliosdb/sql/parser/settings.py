"""SET, RESET, SHOW, and the modes of transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError
from heliosdb.sql.parser import names, options, types
from heliosdb.sql.statements import (
    Expression,
    Literal,
    Reset,
    Set,
    SetConstraints,
    SetTransaction,
    Show,
    Statement,
    TransactionModes,
    TypeCast,
    TypeName,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "reset",
    "routine_set_or_reset",
    "set_or_reset",
    "set_statement",
    "set_variable_only",
    "show",
    "transaction_modes",
]

_MODE_WORDS: Final = frozenset({"isolation", "read", "deferrable", "not"})
_TIME_ZONES: Final = frozenset({"SCONST", "IDENT", "interval", "ICONST", "FCONST", "+", "-", "default", "local"})


def variable_name(p: Parser) -> str:
    """Read a dotted name of a setting."""
    parts = [p.identifier()]
    while p.accept("."):
        parts.append(p.identifier())
    return ".".join(parts)


def set_statement(p: Parser) -> Statement:
    """Read SET behind that word."""
    if p.kind == "constraints" and p.next_kind() not in ("=", "to", ".", "from"):
        return set_constraints(p)
    local = False
    if p.kind in ("local", "session") and p.next_kind() not in (
        "=",
        "to",
        ".",
        "from",
        "authorization",
        "characteristics",
    ):
        local = p.kind == "local"
        p.advance()
    return set_rest(p, local, p.start_position)


def set_rest(p: Parser, local: bool, position: int) -> Statement:
    """Read what may stand behind SET [LOCAL] (set_rest)."""
    if p.kind == "transaction" and p.next_kind() not in _ASSIGNS:
        p.advance()
        if p.accept("snapshot"):
            return SetTransaction(TransactionModes(), snapshot=p.string(), local=local, position=position)
        return SetTransaction(transaction_modes(p), local=local, position=position)
    if p.kind == "session" and p.next_kind() == "characteristics":
        p.advance()
        p.advance()
        p.expect_all("as", "transaction")
        return SetTransaction(transaction_modes(p), session=True, position=position)
    return set_variable(p, local, position)


_ASSIGNS: Final = frozenset({"=", "to", ".", "from"})
_NO_SCOPE: Final = _ASSIGNS | {"authorization", "characteristics"}


def set_variable(p: Parser, local: bool, position: int) -> Set:
    """Read an assignment in any of its spellings (set_rest_more)."""
    kind = p.kind
    following = p.next_kind()
    if following not in _ASSIGNS:
        if kind == "time":
            p.advance()
            p.expect("zone")
            return time_zone(p, local, position)
        if kind == "catalog":
            at = p.position
            p.advance()
            p.string()
            raise FeatureNotSupported("current database cannot be changed", position=at + len("catalog") + 1)
        if kind == "schema":
            p.advance()
            return Set("search_path", (string_literal(p),), local, position=position)
        if kind == "names":
            p.advance()
            if p.kind == "SCONST":
                return Set("client_encoding", (p.constant(),), local, position=position)
            p.accept("default")
            return Set("client_encoding", (), local, True, position=position)
        if kind == "role":
            p.advance()
            at = p.position
            return Set("role", (word_or_string(p, at),), local, position=position)
        if kind == "session":
            p.advance()
            p.expect("authorization")
            if p.accept("default"):
                return Set("session_authorization", (), local, True, position=position)
            at = p.position
            return Set("session_authorization", (word_or_string(p, at),), local, position=position)
        if kind == "xml":
            p.advance()
            p.expect("option")
            at = p.position
            return Set("xmloption", (options.word(p.one_of("document", "content"), at),), local, position=position)
    name = variable_name(p)
    if p.accept("from"):
        p.expect("current")
        return Set(name, (), local, from_current=True, position=position)
    if not p.accept("to"):
        p.expect("=")
    if p.accept("default"):
        return Set(name, (), local, True, position=position)
    return Set(name, p.separated(lambda: value(p)), local, position=position)


def string_literal(p: Parser) -> Literal:
    if p.kind != "SCONST":
        p.unexpected()
    return p.constant()


def word_or_string(p: Parser, position: int) -> Literal:
    """Read a word that is not reserved, or a string."""
    if p.kind == "SCONST":
        return p.constant()
    return options.word(p.non_reserved_word(), position)


def value(p: Parser) -> Expression:
    """Read a value of SET: a word, a string or a number (var_value)."""
    position = p.position
    if p.kind in ("true", "false", "on"):
        kind = p.kind
        p.advance()
        return options.word(kind, position)
    if p.kind in ("ICONST", "FCONST", "+", "-"):
        return options.numeric_only(p)
    return word_or_string(p, position)


def time_zone(p: Parser, local: bool, position: int) -> Set:
    """Read the value of SET TIME ZONE (zone_value)."""
    at = p.position
    kind = p.kind
    if kind not in _TIME_ZONES:
        p.unexpected()
    if kind in ("default", "local"):
        p.advance()
        return Set("timezone", (), local, True, position=position)
    if kind == "IDENT":
        p.advance()
        return Set("timezone", (options.word(p.values[p.i - 1], at),), local, position=position)
    if kind == "interval":
        return Set("timezone", (interval_zone(p, at),), local, position=position)
    if kind == "SCONST":
        return Set("timezone", (p.constant(),), local, position=position)
    return Set("timezone", (options.numeric_only(p),), local, position=position)


def interval_zone(p: Parser, position: int) -> TypeCast:
    if p.next_kind() == "(":
        return names.cast_constant(p, types.simple_type_name(p), position)
    p.advance()
    constant = string_literal(p)
    at = p.position
    fields, precision = types.interval_fields(p)
    if fields is not None and fields not in ("hour", "minute", "hour to minute"):
        raise SqlSyntaxError("time zone interval must be HOUR or HOUR TO MINUTE", position=at)
    return TypeCast(
        constant,
        TypeName(("pg_catalog", "interval"), precision, interval_fields=fields, position=position),
        position=position,
    )


def set_variable_only(p: Parser) -> Set:
    """Read ``name = values`` (generic_set), as ALTER SYSTEM SET has it."""
    position = p.position
    name = variable_name(p)
    if not p.accept("to"):
        p.expect("=")
    if p.accept("default"):
        return Set(name, default=True, position=position)
    return Set(name, p.separated(lambda: value(p)), position=position)


def set_constraints(p: Parser) -> SetConstraints:
    p.advance()
    constraints = () if p.accept("all") else p.separated(p.qualified_name)
    deferred = p.one_of("deferred", "immediate") == "deferred"
    return SetConstraints(constraints, deferred, position=p.start_position)


def transaction_modes(p: Parser, *, required: bool = True) -> TransactionModes:
    """Read ``ISOLATION LEVEL ..., READ ONLY, DEFERRABLE``; commas are optional, the last of a kind counts."""
    position = p.position
    isolation: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None
    if p.kind not in _MODE_WORDS and not required:
        return TransactionModes(position=position)
    while True:
        kind = p.one_of(*_MODE_WORDS)
        if kind == "isolation":
            p.expect("level")
            isolation = isolation_level(p)
        elif kind == "read":
            read_only = p.one_of("only", "write") == "only"
        elif kind == "not":
            p.expect("deferrable")
            deferrable = False
        else:
            deferrable = True
        if not p.accept(",") and p.kind not in _MODE_WORDS:
            return TransactionModes(isolation, read_only, deferrable, position=position)  # type: ignore[arg-type]


def isolation_level(p: Parser) -> str:
    first = p.one_of("serializable", "repeatable", "read")
    if first == "serializable":
        return first
    if first == "repeatable":
        p.expect("read")
        return "repeatable read"
    return f"read {p.one_of('committed', 'uncommitted')}"


def reset(p: Parser) -> Reset:
    """Read RESET behind that word."""
    return Reset(parameter_name(p, show=False), position=p.start_position)


def show(p: Parser) -> Show:
    """Read SHOW behind that word."""
    return Show(parameter_name(p, show=True), position=p.start_position)


def parameter_name(p: Parser, *, show: bool) -> str | None:
    """Read the name behind RESET or SHOW; None is ALL."""
    if p.accept("all"):
        return None
    kind, following = p.kind, p.next_kind()
    if kind == "time" and following == "zone":
        p.reset(p.i + 2)
        return "timezone"
    if kind == "transaction" and following == "isolation":
        p.reset(p.i + 2)
        p.expect("level")
        return "transaction_isolation"
    if kind == "session" and following == "authorization":
        p.reset(p.i + 2)
        return "session_authorization"
    return variable_name(p)


def set_or_reset(p: Parser) -> Statement:
    """Read the SET or RESET clause of ALTER ROLE and ALTER DATABASE."""
    position = p.position
    if p.one_of("set", "reset") == "reset":
        return Reset(parameter_name(p, show=False), position=position)
    return set_rest(p, False, position)


def routine_set_or_reset(p: Parser) -> Statement:
    """Read the SET or RESET clause of a routine."""
    position = p.position
    if p.one_of("set", "reset") == "reset":
        return Reset(parameter_name(p, show=False), position=position)
    return set_variable(p, False, position)
