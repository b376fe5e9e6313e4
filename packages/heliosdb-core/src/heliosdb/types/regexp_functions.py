"""The operators ``~ ~* !~ !~*`` and the ``regexp_*`` functions.

Implementations are named, not imported: the parser and the matcher of regular expressions load with the first use.
"""

from __future__ import annotations

from collections.abc import Iterator

from heliosdb.types.definitions import Operator, ScalarFunction, TableFunction

__all__ = ["FUNCTIONS", "OPERATORS", "TABLE_FUNCTIONS"]

_AT = "heliosdb.types.regexp:"

_MATCHING = (
    ("regexeq", "~", _AT + "textregexeq"),
    ("regexne", "!~", _AT + "textregexne"),
    ("icregexeq", "~*", _AT + "texticregexeq"),
    ("icregexne", "!~*", _AT + "texticregexne"),
)
_NEGATORS = {"~": "!~", "!~": "~", "~*": "!~*", "!~*": "~*"}


def _function(name: str, arguments: str, returns: str, implementation: str) -> ScalarFunction:
    return ScalarFunction(name, tuple(arguments.split()), returns, implementation, bounded=False)


def _family(name: str, arguments: str, least: int, returns: str, implementation: str) -> Iterator[ScalarFunction]:
    """Give a function with its trailing arguments left out one after the other."""
    names = arguments.split()
    for count in range(least, len(names) + 1):
        yield _function(name, " ".join(names[:count]), returns, implementation)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    *(
        _function(type_name + suffix, f"{type_name} text", "bool", implementation)
        for type_name in ("text", "name", "bpchar")
        for suffix, _, implementation in _MATCHING
    ),
    _function("regexp_match", "text text", "_text", _AT + "regexp_match"),
    _function("regexp_match", "text text text", "_text", _AT + "regexp_match"),
    _function("regexp_like", "text text", "bool", _AT + "regexp_like"),
    _function("regexp_like", "text text text", "bool", _AT + "regexp_like"),
    _function("regexp_count", "text text", "int4", _AT + "regexp_count"),
    _function("regexp_count", "text text int4", "int4", _AT + "regexp_count"),
    _function("regexp_count", "text text int4 text", "int4", _AT + "regexp_count"),
    *_family("regexp_instr", "text text int4 int4 int4 text int4", 2, "int4", _AT + "regexp_instr"),
    *_family("regexp_substr", "text text int4 int4 text int4", 2, "text", _AT + "regexp_substr"),
    _function("substring", "text text", "text", _AT + "regexp_substring"),
    _function("regexp_replace", "text text text", "text", _AT + "regexp_replace"),
    _function("regexp_replace", "text text text text", "text", _AT + "regexp_replace"),
    *_family("regexp_replace", "text text text int4 int4 text", 4, "text", _AT + "regexp_replace_from"),
    _function("substring", "text text text", "text", _AT + "similar_substring"),
    _function("regexp_split_to_array", "text text", "_text", _AT + "regexp_split_to_array"),
    _function("regexp_split_to_array", "text text text", "_text", _AT + "regexp_split_to_array"),
)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction("regexp_matches", ("text", "text"), "_text", _AT + "regexp_matches"),
    TableFunction("regexp_matches", ("text", "text", "text"), "_text", _AT + "regexp_matches"),
    TableFunction("regexp_split_to_table", ("text", "text"), "text", _AT + "regexp_split_to_table"),
    TableFunction("regexp_split_to_table", ("text", "text", "text"), "text", _AT + "regexp_split_to_table"),
)

OPERATORS: tuple[Operator, ...] = tuple(
    Operator(symbol, type_name, "text", "bool", type_name + suffix, negator=_NEGATORS[symbol])
    for type_name in ("text", "name", "bpchar")
    for suffix, symbol, _ in _MATCHING
)
