"""Write a bound expression as SQL, as PostgreSQL's ruleutils.c prints it: every operator in parentheses, constants
with their type.

    price > 0           (price > (0)::numeric)
    status = 'open'     (status = 'open'::text)          ((status)::text = 'open'::text) where status is varchar
    a IN (1, 2)         (a = ANY (ARRAY[1, 2]))

What was converted implicitly is shown, but not at the top. Of what has no SQL text here (subqueries and the like)
nothing is shown: None.
"""

from __future__ import annotations

from re import sub
from typing import TYPE_CHECKING

from heliosdb.catalog.definitions import Relation
from heliosdb.plan import expressions as plan
from heliosdb.plan.forms import FormFunction
from heliosdb.sql.deparse import quote_identifier, quote_literal
from heliosdb.sql.standard_calls import standard_call

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["bound_text"]

VALUE_FUNCTIONS = frozenset(
    {
        "current_catalog", "current_date", "current_role", "current_time", "current_timestamp", "current_user",
        "localtime", "localtimestamp", "session_user",
    }
)  # fmt: skip

NUMBERS = frozenset({"int2", "int8", "float4", "float8"})
NEGATIONS = {"=": "<>"}


def bound_text(
    session: CommandSession, expression: plan.Expression, relation: Relation | None, text: str
) -> str | None:
    """Return an expression over a relation's columns as SQL, or None where it has none; ``text`` is what was bound.

    Without a relation its one column is a domain's VALUE.
    """
    return _Writer(session, relation, text).top(expression)


class _Writer:
    def __init__(self, session: CommandSession, relation: Relation | None, text: str) -> None:
        self.text = text
        self.session = session
        self.relation = relation
        self.types = session.registries.types

    def top(self, node: plan.Expression) -> str | None:
        """Write without the implicit conversion around the whole."""
        if isinstance(node, plan.Convert) and not node.explicit and not _is_read(node):
            return self.top(node.operand)
        return self.write(node)

    def write(self, node: plan.Expression) -> str | None:
        name = sub("(?<!^)([A-Z])", r"_\1", type(node).__name__).lower()
        method = getattr(self, f"write_{name}", None)
        found: str | None = None if method is None else method(node)
        return found

    def _all(self, nodes: tuple[plan.Expression, ...], join: str = ", ") -> str | None:
        texts = [self.write(node) for node in nodes]
        return None if None in texts else join.join([text for text in texts if text is not None])

    def _type(self, name: str, typmod: int = -1) -> str:
        spelled: str = self.types.format(name, typmod)
        return spelled

    def write_constant(self, node: plan.Constant) -> str:
        label = self._type(node.type, node.typmod)
        if node.value is None:
            return f"NULL::{label}"
        text = self.types.output(node.type)(node.value, self.session)
        if node.type == "bool":
            return "true" if node.value else "false"
        if node.type == "int4" and not text.startswith("-"):
            return text
        # A number in quotes was read as the wanted type; a plain one was converted to it.
        is_quoted = node.position is not None and self.text[node.position - 1 : node.position] == "'"
        is_plain = text[:1].isdigit() and not is_quoted
        if node.type == "numeric" and is_plain and any(letter in text for letter in "eE."):
            return text if node.typmod < 0 else f"{text}::{label}"
        if node.type in NUMBERS or node.type == "numeric":
            # Written as a plain number, which was read as the wider type at once.
            return f"({text})::{label}" if is_plain else f"'{text}'::{label}"
        return f"{quote_literal(text)}::{label}"

    def write_column(self, node: plan.Column) -> str | None:
        if node.index < 0:
            return None
        if self.relation is None:
            return "VALUE"
        return quote_identifier(self.relation.columns[node.index].name)

    def write_call(self, node: plan.Call) -> str | None:
        if isinstance(node.function, FormFunction):
            return self.write(node.arguments[0])
        if node.function.name in ("extract", "timezone") and len(node.arguments) == 2:
            # Between the standard's words implicit conversions are not shown.
            words = [self.top(argument) or "" for argument in node.arguments]
            return standard_call(node.function.name, words) if all(words) else None
        arguments = [self.write(argument) for argument in node.arguments]
        texts = [text for text in arguments if text is not None]
        if len(texts) != len(arguments):
            return None
        if node.operator is not None:
            if len(texts) == 1:
                return f"({node.operator} {texts[0]})"
            return f"({texts[0]} {node.operator} {texts[1]})"
        name = node.function.name
        if name in VALUE_FUNCTIONS and not texts:
            return name.upper()
        return f"{quote_identifier(name)}({', '.join(texts)})"

    def write_convert(self, node: plan.Convert) -> str | None:
        if _is_read(node):
            assert isinstance(node.operand, plan.Constant)
            return f"{quote_literal(str(node.operand.value))}::{self._type(node.type, node.typmod)}"
        operand = self.write(node.operand)
        if operand is None:
            return None
        return f"({operand})::{self._type(node.type, node.typmod)}"

    def write_coerce_typmod(self, node: plan.CoerceTypmod) -> str | None:
        inner = node.operand
        if isinstance(inner, plan.Convert) and inner.type == node.type:
            inner = inner.operand
        operand = self.write(inner)
        return None if operand is None else f"({operand})::{self._type(node.type, node.typmod)}"

    def write_and(self, node: plan.And) -> str | None:
        text = self._all(node.arguments, " AND ")
        return None if text is None else f"({text})"

    def write_or(self, node: plan.Or) -> str | None:
        text = self._all(node.arguments, " OR ")
        return None if text is None else f"({text})"

    def write_not(self, node: plan.Not) -> str | None:
        operand = self.write(node.operand)
        return None if operand is None else f"(NOT {operand})"

    def write_is_null(self, node: plan.IsNull) -> str | None:
        operand = self.write(node.operand)
        return None if operand is None else f"({operand} IS {'NOT ' if node.negated else ''}NULL)"

    def write_boolean_test(self, node: plan.BooleanTest) -> str | None:
        operand = self.write(node.operand)
        word = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}[node.value]
        return None if operand is None else f"({operand} IS {'NOT ' if node.negated else ''}{word})"

    def write_is_distinct(self, node: plan.IsDistinct) -> str | None:
        texts = [self.write(argument) for argument in node.equality.arguments]
        if None in texts:
            return None
        return f"({texts[0]} IS {'NOT ' if node.negated else ''}DISTINCT FROM {texts[1]})"

    def write_coalesce(self, node: plan.Coalesce) -> str | None:
        text = self._all(node.arguments)
        return None if text is None else f"COALESCE({text})"

    def write_min_max(self, node: plan.MinMax) -> str | None:
        text = self._all(node.arguments)
        return None if text is None else f"{'GREATEST' if node.greatest else 'LEAST'}({text})"

    def write_null_if(self, node: plan.NullIf) -> str | None:
        text = self._all(node.equality.arguments)
        return None if text is None else f"NULLIF({text})"

    def write_case(self, node: plan.Case) -> str | None:
        parts = ["CASE"]
        if node.operand is not None:
            operand = self.write(node.operand)
            if operand is None:
                return None
            parts = [f"CASE {operand}"]
        for condition, result in node.branches:
            if node.operand is not None:
                if not isinstance(condition, plan.Call):
                    return None
                condition = condition.arguments[1]
            texts = [self.write(condition), self.write(result)]
            if None in texts:
                return None
            parts.append(f"    WHEN {texts[0]} THEN {texts[1]}")
        default = "NULL::" + self._type(node.type) if node.default is None else self.write(node.default)
        if default is None:
            return None
        return "\n".join([*parts, f"    ELSE {default}", "END"])

    def write_in_list(self, node: plan.InList) -> str | None:
        first = node.equalities[0]
        operators = {equality.operator for equality in node.equalities if isinstance(equality, plan.Call)}
        if not isinstance(first, plan.Call) or operators != {"="}:
            return None
        # The comparison shows what the operand was converted to.
        operand = self.write(first.arguments[0])
        if operand is None:
            return None
        items = self._items(node)
        if items is None:
            return None
        return f"({operand} <> ALL ({items}))" if node.negated else f"({operand} = ANY ({items}))"

    def _items(self, node: plan.InList) -> str | None:
        constants = [_constant_of(item) for item in node.items]
        if all(item is not None and item.type == "varchar" for item in constants):
            # The list takes the column's own type, and is converted with it.
            values = [self.write_constant(item) for item in constants if item is not None]
            return f"(ARRAY[{', '.join(values)}])::text[]"
        text = self._all(node.items)
        return None if text is None else f"ARRAY[{text}]"

    def write_array_constructor(self, node: plan.ArrayConstructor) -> str | None:
        text = self._all(node.elements)
        return None if text is None else f"ARRAY[{text}]"

    def write_any_all(self, node: plan.AnyAll) -> str | None:
        comparison = node.comparison
        if not isinstance(comparison, plan.Call) or comparison.operator is None:
            return None
        left, array = self.write(comparison.arguments[0]), self.write(node.array)
        if left is None or array is None:
            return None
        return f"({left} {comparison.operator} {'ALL' if node.all else 'ANY'} ({array}))"


def _constant_of(node: plan.Expression) -> plan.Constant | None:
    if isinstance(node, plan.Convert):
        node = node.operand
    return node if isinstance(node, plan.Constant) else None


def _is_read(node: plan.Convert) -> bool:
    """Return whether a conversion is that of a constant whose type's input is left to the execution."""
    return node.via_text and isinstance(node.operand, plan.Constant) and node.operand.value is not None
