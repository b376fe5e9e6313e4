"""``jsonpath``: the type, and the functions and operators that apply paths to jsonb documents.

Implementations are named, not imported: the parser and the evaluator of paths load with the first use.
"""

from __future__ import annotations

from heliosdb.types.definitions import Operator, ScalarFunction, TableFunction, Type, Volatility
from heliosdb.types.stored_classes import JSONPATH

__all__ = ["FUNCTIONS", "OPERATORS", "TABLE_FUNCTIONS", "TYPES"]

_AT = "heliosdb.types.jsonpath_functions:"

TYPES: tuple[Type, ...] = (
    Type(
        "jsonpath",
        "jsonpath",
        oid=4072,
        array_oid=4073,
        category="U",
        input=_AT + "jsonpath_input",
        output=_AT + "path_text",
        receive=_AT + "jsonpath_receive",
        send=_AT + "jsonpath_send",
        to_python=_AT + "path_text",
        from_python=_AT + "jsonpath_from_python",
        stored=JSONPATH,
        description="JSON path",
    ),
)

_ARGUMENTS = ("jsonb", "jsonpath", "jsonb", "bool")
_NAMES = ("target", "path", "vars", "silent")
_DEFAULTS = ("'{}'", "false")

_SCALAR = (
    ("jsonb_path_exists", "bool"),
    ("jsonb_path_match", "bool"),
    ("jsonb_path_query_array", "jsonb"),
    ("jsonb_path_query_first", "jsonb"),
)

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *(
        ScalarFunction(name, _ARGUMENTS, returns, _AT + name, argument_names=_NAMES, defaults=_DEFAULTS)
        for name, returns in _SCALAR
    ),
    # The same with the session's time zone, for dates that are compared with instants.
    *(
        ScalarFunction(
            f"{name}_tz",
            _ARGUMENTS,
            returns,
            _AT + name,
            argument_names=_NAMES,
            defaults=_DEFAULTS,
            volatility=Volatility.STABLE,
            needs_session=True,
        )
        for name, returns in _SCALAR
    ),
    ScalarFunction("jsonb_path_exists_opr", ("jsonb", "jsonpath"), "bool", _AT + "jsonb_path_exists_opr"),
    ScalarFunction("jsonb_path_match_opr", ("jsonb", "jsonpath"), "bool", _AT + "jsonb_path_match_opr"),
)

OPERATORS: tuple[Operator, ...] = (
    Operator("@?", "jsonb", "jsonpath", "bool", "jsonb_path_exists_opr", selectivity="contains"),
    Operator("@@", "jsonb", "jsonpath", "bool", "jsonb_path_match_opr", selectivity="contains"),
)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction(
        "jsonb_path_query", _ARGUMENTS, "jsonb", _AT + "jsonb_path_query", argument_names=_NAMES, defaults=_DEFAULTS
    ),
    TableFunction(
        "jsonb_path_query_tz",
        _ARGUMENTS,
        "jsonb",
        _AT + "jsonb_path_query",
        argument_names=_NAMES,
        defaults=_DEFAULTS,
        volatility=Volatility.STABLE,
        needs_session=True,
    ),
)
