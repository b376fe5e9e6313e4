"""Constants and parameters: how a literal of the text, or a ``$n``, gets its type and its datum.

A literal that carries a slot stays *free* as long as nothing looked at its value: the plan then holds a Constant with
the slot, and ``BoundStatement.slots`` says as what the slot's text is to be read before each execution. Looking at
the value *pins* the slot: the plan holds for texts with this very literal only. So does wanting one literal with two
types.

    '2020-01-01'      unknown, slot 3      compared with a date column      ─►  Constant(type="date", slot=3),
    LiteralSlot(3, "date") 5                 int4, slot 4         compared with a numeric column   ─►
    Constant(type="numeric", slot=4): no cast a row

The Constant's ``value`` is this text's datum, for estimates and for the errors that PostgreSQL raises at this point;
it is None for types whose input needs a session. Slots count only in the statement's own text: while a default, a
check or a view is bound (``Slots.suspended``) literals belong to another text, whose slot numbers mean nothing here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.errors import (
    AmbiguousParameter,
    Error,
    IndeterminateDatatype,
    NumericValueOutOfRange,
    UndefinedParameter,
)
from heliosdb.plan.expressions import Constant, Convert, Expression, Parameter
from heliosdb.plan.nodes import LiteralSlot, PlanNode
from heliosdb.plan.rewrite import rewritten, walk

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope
    from heliosdb.sql.statements import Literal
    from heliosdb.sql.statements import Parameter as ParameterNode
    from heliosdb.types.definitions import Type

__all__ = ["Parameters", "Slots", "bind_literal", "bind_parameter", "convert_unknown", "widened_literal"]

WIDER = {
    "int4": frozenset({"int8", "numeric", "float8", "float4"}),
    "int8": frozenset({"numeric", "float8", "float4"}),
    "numeric": frozenset({"float8", "float4"}),
}
"""Types that read a number's text as the cast from the literal's own type would convert it."""

MAXIMUM_PARAMETERS = 65535


class Slots:
    """Which literal slots are free, and as what they are read."""

    __slots__ = ("literals", "pinned", "readings", "suspended", "undecided")

    def __init__(self) -> None:
        self.literals: dict[int, Literal] = {}
        self.readings: dict[int, set[tuple[str, int]]] = {}
        self.pinned: set[int] = set()
        self.suspended = 0
        self.undecided: set[int] = set()
        """Quoted literals that nothing gave a type yet."""

    def pin(self, slot: int | None) -> None:
        """Note that the plan depends on the value in a slot."""
        if slot is not None and not self.suspended:
            self.pinned.add(slot)

    def note(self, slot: int, type_: str, typmod: int) -> None:
        """Note that a Constant reads a slot as a type."""
        self.readings.setdefault(slot, set()).add((type_, typmod))

    def finish(self, plan: PlanNode, binder: Binder) -> tuple[PlanNode, tuple[LiteralSlot, ...]]:
        """Return the plan, with the pinned slots' values in it, and how the free slots are read."""
        # What stayed a mere text, as in 'a' IS NULL, is a value of the plan.
        self.pinned |= self.undecided
        if not self.readings and not self.pinned:
            return plan, ()
        if self.pinned or any(len(readings) > 1 for readings in self.readings.values()):
            left: dict[int, set[tuple[str, int]]] = {}
            for node in walk(plan):
                if node.__class__ is Constant and node.slot is not None:
                    left.setdefault(node.slot, set()).add((node.type, node.typmod))
            self.pinned.update(slot for slot, readings in left.items() if len(readings) > 1)
            if any(slot in self.pinned for slot in left):
                plan = rewritten(plan, lambda node: self._fixed(node, binder))
            self.readings = {slot: readings for slot, readings in left.items() if slot not in self.pinned}
        free = []
        for slot, readings in sorted(self.readings.items()):
            for type_, typmod in readings:
                negated = self.literals[slot].negated
                free.append(LiteralSlot(slot=slot, type=type_, typmod=typmod, negated=negated))
        return plan, tuple(free)

    def _fixed(self, node: Any, binder: Binder) -> Any:
        return self.fixed(node, binder) if node.__class__ is Constant and node.slot in self.pinned else None

    def fixed(self, node: Constant, binder: Binder) -> Expression:
        """Return a free constant as one of this text."""
        assert node.slot is not None
        type_ = binder.types.by_name(node.type)
        if not type_.needs_session:
            return evolve(node, slot=None)
        return _read_when_run(type_, self.literals[node.slot].value, node.typmod, node.position)


class Parameters:
    """The types of ``$1``, ``$2``, ... as the statement's context decides them (parse_param.c)."""

    __slots__ = ("hints", "stated", "types", "unsettled")

    def __init__(self, stated: tuple[str | None, ...], hints: tuple[str | None, ...]) -> None:
        self.types: list[str | None] = list(stated)
        self.stated = len(stated)
        self.hints = hints
        self.unsettled = False

    def reference(self, number: int, position: int | None) -> Parameter:
        """Return the parameter, of type unknown until its context decides."""
        if not 1 <= number <= MAXIMUM_PARAMETERS:
            raise UndefinedParameter(f"there is no parameter ${number}", position=position)
        while len(self.types) < number:
            self.types.append(None)
        type_ = self.types[number - 1]
        if type_ is None:
            self.types[number - 1] = "unknown"
        return Parameter(type=type_ or "unknown", number=number, position=position)

    def decide(self, parameter: Parameter, type_: str, binder: Binder) -> Parameter:
        """Give an undecided parameter its type; 42P08 where another place decided otherwise."""
        known = self.types[parameter.number - 1]
        if known in (None, "unknown"):
            self.types[parameter.number - 1] = type_
        elif known != type_:
            assert known is not None
            raise AmbiguousParameter(
                f"inconsistent types deduced for parameter ${parameter.number}",
                detail=f"{binder.display(known)} versus {binder.display(type_)}",
                position=parameter.position,
            )
        return evolve(parameter, type=type_)

    def settle(self, parameter: Parameter) -> Parameter:
        """Give a parameter that nothing decides its type: what the client's value is, else text."""
        known = self.types[parameter.number - 1]
        if known in (None, "unknown"):
            known = self.types[parameter.number - 1] = self.hint(parameter.number) or "text"
        return evolve(parameter, type=known)

    def hint(self, number: int) -> str | None:
        """Return the type of the value that the client gives, if it said."""
        return self.hints[number - 1] if number <= len(self.hints) else None

    def finish(self, plan: PlanNode) -> tuple[PlanNode, tuple[str, ...]]:
        """Return the plan and the parameters' types; 42P18 for one that nothing decided."""
        for index, type_ in enumerate(self.types):
            if type_ in (None, "unknown"):
                hint = self.hint(index + 1)
                if hint is None:
                    raise IndeterminateDatatype(f"could not determine data type of parameter ${index + 1}")
                self.types[index] = hint
        types = tuple(type_ for type_ in self.types if type_ is not None)
        if types:
            # What was named before another place decided, or was left to the hint, is still of type unknown in the
            # plan.
            plan = rewritten(plan, lambda node: _typed(node, types))
        return plan, types


def _typed(node: Any, types: tuple[str, ...]) -> Any:
    if node.__class__ is Parameter and node.type == "unknown":
        return evolve(node, type=types[node.number - 1])
    return None


def bind_literal(binder: Binder, literal: Literal, scope: Scope | None = None) -> Expression:
    """Return the constant for a literal, of type unknown for a quoted string."""
    kind, text, slot = literal.kind, literal.value, literal.slot
    position = literal.position or None
    if slot is not None:
        if binder.slots.suspended:
            slot = None
        else:
            binder.slots.literals[slot] = literal
    if kind == "string":
        if slot is not None:
            binder.slots.undecided.add(slot)
        return Constant(type="unknown", value=text, slot=slot, nullable=False, position=position)
    if kind == "integer":
        value: Any = int(text) if len(text) < 4000 else 1 << 99
        type_ = "int4" if -(2**31) <= value < 2**31 else "int8" if -(2**63) <= value < 2**63 else "numeric"
        if type_ == "numeric":
            value = _read(binder, type_, text, -1, position)
    elif kind == "numeric":
        type_, value = "numeric", _read(binder, "numeric", text, -1, position)
    elif kind == "boolean":
        return Constant(type="bool", value=text == "true", nullable=False, position=position)
    elif kind == "null":
        return Constant(type="unknown", value=None, position=position)
    else:
        binder.slots.pin(slot)
        slot, type_, value = None, "bit", _read(binder, "bit", text, -1, position)
    if slot is not None:
        binder.slots.note(slot, type_, -1)
    return Constant(type=type_, value=value, slot=slot, nullable=False, position=position)


def bind_parameter(binder: Binder, node: ParameterNode, scope: Scope | None = None) -> Expression:
    """Return the parameter that ``$n`` names; in a default or view there are none."""
    if binder.other_texts:
        raise UndefinedParameter(f"there is no parameter ${node.number}", position=node.position or None)
    return binder.parameters.reference(node.number, node.position or None)


def convert_unknown(
    binder: Binder, expression: Expression, target: str, typmod: int, *, explicit: bool = False
) -> Expression:
    """Convert a literal or parameter of type unknown to a type; other expressions go through text I/O."""
    if isinstance(expression, Constant):
        if expression.value is None:
            return evolve(expression, type=target, typmod=-1)
        return _typed_constant(binder, expression, target, typmod)
    if isinstance(expression, Parameter):
        return binder.parameters.decide(expression, target, binder)
    return Convert(
        type=target, operand=expression, via_text=True, explicit=explicit, nullable=expression.nullable,
        position=expression.position,
    )  # fmt: skip


def _typed_constant(binder: Binder, constant: Constant, target: str, typmod: int) -> Expression:
    type_ = binder.types.by_name(target)
    if target != "interval":
        typmod = -1
    slot, position = constant.slot, constant.position
    if slot is not None:
        binder.slots.undecided.discard(slot)
    if target == "regclass":
        binder.slots.pin(slot)
        return _relation_constant(binder, constant)
    if type_.kind == "domain" and type_.element is not None:
        binder.slots.pin(slot)
        inner = _typed_constant(binder, evolve(constant, slot=None), type_.element, typmod)
        return Convert(type=target, operand=inner, nullable=inner.nullable, position=position)
    if type_.needs_session:
        if slot is None or slot in binder.slots.pinned:
            return _read_when_run(type_, constant.value, typmod, position)
        value = None
    else:
        value = _read(binder, target, constant.value, typmod, position)
    if slot is not None:
        binder.slots.note(slot, target, typmod)
    return Constant(type=target, typmod=typmod, value=value, slot=slot, nullable=False, position=position)


def _relation_constant(binder: Binder, constant: Constant) -> Expression:
    """Return the OID of the relation that a text names, as PostgreSQL reads 'name'::regclass when it parses."""
    text = constant.value.strip()
    if text.isdigit() or text == "-":
        return Constant(
            type="regclass", value=int(text) if text != "-" else 0, nullable=False, position=constant.position
        )
    parts = _split_name(text)
    relation = binder.relation(parts)
    if relation is not None:
        return Constant(type="regclass", value=relation.oid, nullable=False, position=constant.position)
    # Catalog views and the like are the input function's to know.
    return _read_when_run(binder.types.by_name("regclass"), constant.value, -1, constant.position)


def _split_name(text: str) -> tuple[str, ...]:
    """Return the parts of a possibly qualified and quoted name; unquoted parts are folded."""
    parts: list[str] = []
    for match in NAME_PART.finditer(text):
        quoted, plain = match.group(1), match.group(2)
        parts.append(quoted.replace('""', '"') if quoted is not None else plain.lower())
    return tuple(parts) or (text,)


NAME_PART = re.compile(r'"((?:[^"]|"")*)"|([^.\s"]+)')


def _read(binder: Binder, type_: str, text: str, typmod: int, position: int | None) -> Any:
    try:
        return binder.types.input(type_)(text, typmod, None)
    except Error as error:
        raise error.at(position) from None


def _read_when_run(type_: Type, text: str, typmod: int, position: int | None) -> Expression:
    """Return the conversion of a text whose meaning depends on the session's settings."""
    constant = Constant(type="text", value=text, nullable=False, position=position)
    return Convert(
        type=type_.name, typmod=typmod, operand=constant, via_text=True, nullable=False, position=position
    )  # fmt: skip


def without_negative_zero(number: str) -> str:
    """Return a number's text as integers and numerics read it, before it becomes a float."""
    return number if number.strip("-0.") else number.lstrip("-")


def widened_literal(binder: Binder, constant: Constant, target: str) -> Constant | None:
    """Return a number constant read directly as a wider type, so that no cast runs; None where a cast must."""
    if target not in WIDER.get(constant.type, ()):
        return None
    if constant.slot is None:
        if constant.value is None:
            return None
        text = binder.types.output(constant.type)(constant.value, None)
        return evolve(constant, type=target, value=_read(binder, target, text, -1, constant.position))
    literal = binder.slots.literals.get(constant.slot)
    if literal is None or literal.kind not in ("integer", "numeric"):
        return None
    try:
        value = _read(binder, target, without_negative_zero(literal.value), -1, constant.position)
    except NumericValueOutOfRange:
        # Let the conversion say so: it writes the number without an exponent.
        return None
    binder.slots.note(constant.slot, target, -1)
    return evolve(constant, type=target, value=value)
