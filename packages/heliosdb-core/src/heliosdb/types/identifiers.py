"""How a name is written in SQL: when it needs quotes, and how quoted text is read back (``quote_ident``,
``parse_ident``).

The word list is PostgreSQL 15's keywords outside the category "unreserved": a name that is one of them is always
quoted.
"""

from __future__ import annotations

from heliosdb.errors import InvalidParameterValue

__all__ = ["QUOTED_KEYWORDS", "parse_identifiers", "quote_identifier", "quote_literal"]

QUOTED_KEYWORDS = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "between",
        "bigint",
        "binary",
        "bit",
        "boolean",
        "both",
        "case",
        "cast",
        "char",
        "character",
        "check",
        "coalesce",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "dec",
        "decimal",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "false",
        "fetch",
        "float",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "greatest",
        "group",
        "grouping",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "inout",
        "int",
        "integer",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "lateral",
        "leading",
        "least",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "national",
        "natural",
        "nchar",
        "none",
        "normalize",
        "not",
        "notnull",
        "null",
        "nullif",
        "numeric",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "out",
        "outer",
        "overlaps",
        "overlay",
        "placing",
        "position",
        "precision",
        "primary",
        "real",
        "references",
        "returning",
        "right",
        "row",
        "select",
        "session_user",
        "setof",
        "similar",
        "smallint",
        "some",
        "substring",
        "symmetric",
        "table",
        "tablesample",
        "then",
        "time",
        "timestamp",
        "to",
        "trailing",
        "treat",
        "trim",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "varchar",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
        "xmlattributes",
        "xmlconcat",
        "xmlelement",
        "xmlexists",
        "xmlforest",
        "xmlnamespaces",
        "xmlparse",
        "xmlpi",
        "xmlroot",
        "xmlserialize",
        "xmltable",
    ]
)

_BLANKS = " \t\n\v\f\r"
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def quote_identifier(name: str) -> str:
    """Return a name as SQL writes it: in double quotes unless it is a plain word that is no keyword."""
    if name.isascii() and name.isidentifier() and name == name.lower() and name not in QUOTED_KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return text as a string constant; one with a backslash gets the E form, which no setting can misread."""
    quoted = text.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return "'" + quoted + "'"


def _may_start(character: str) -> bool:
    """Whether an unquoted name may start with a character: a letter, an underscore, anything outside of ASCII."""
    return not character.isascii() or character.isalpha() or character == "_"


def _invalid(text: str, detail: str | None = None) -> InvalidParameterValue:
    return InvalidParameterValue(f'string is not a valid identifier: "{text}"', detail=detail)


def parse_identifiers(text: str, strict: bool = True) -> tuple[str, ...]:
    """Split ``schema."Table"`` into its names, folding what is not quoted; 22023 where it is malformed.

    With ``strict`` off, text after the last identifier is ignored (``parse_ident``).
    """
    names: list[str] = []
    position, length = 0, len(text)

    def skip(at: int) -> int:
        while at < length and text[at] in _BLANKS:
            at += 1
        return at

    position = skip(position)
    after_dot = False
    while True:
        if position < length and text[position] == '"':
            end = position + 1
            while True:
                end = text.find('"', end)
                if end < 0:
                    raise _invalid(text, "String has unclosed double quotes.")
                if text.startswith('""', end):
                    end += 2
                    continue
                break
            name = text[position + 1 : end].replace('""', '"')
            if not name:
                raise _invalid(text, "Quoted identifier must not be empty.")
            names.append(name)
            position = end + 1
        elif position < length and _may_start(text[position]):
            end = position + 1
            while end < length and (_may_start(text[end]) or text[end] in "0123456789$"):
                end += 1
            names.append(text[position:end].translate(_LOWER))
            position = end
        elif position < length and text[position] == ".":
            raise _invalid(text, 'No valid identifier before ".".')
        elif after_dot:
            raise _invalid(text, 'No valid identifier after ".".')
        else:
            raise _invalid(text)
        position = skip(position)
        if position < length and text[position] == ".":
            after_dot = True
            position = skip(position + 1)
            continue
        if position == length or not strict:
            return tuple(names)
        raise _invalid(text)
