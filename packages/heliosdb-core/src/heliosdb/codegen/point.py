"""The shortest way: a statement on one row by a unique key, or on the few nearest, outside a transaction, as one plain
function of its parameters.

    fast(params) -> list of rows                 SELECT ... WHERE key = $1
                                                 SELECT ... ORDER BY key <-> $1 LIMIT 10, by an index of likely rows
    fast(params) -> number of rows               UPDATE and DELETE ... WHERE key = $1; INSERT ... VALUES ($1, ...)
    fast(constants) -> either                    SELECT ... WHERE key = 17, whose constants were lifted

The function checks that every parameter is exactly of the Python class whose value is the datum and answers None
otherwise, which sends the caller the ordinary way: there conversions, errors and everything unusual are dealt with.
Lifted constants are texts, as they are written. They are read as the plan says; None: one cannot be read.
What it runs is the same plan, emitted by the same emitters; only the transaction around it is the store's
``point_reader``, ``point_writer`` or ``nearest_reader``. Of the nearest rows the index's operator has given the values:
an expression that wants them has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from heliosdb.codegen.bindings import row_binding
from heliosdb.codegen.index_keys import key_shape
from heliosdb.codegen.new_rows import write_row
from heliosdb.codegen.parameter_rows import DATUM_CHECKS
from heliosdb.codegen.pipeline import Pipelines
from heliosdb.codegen.point_references import referenced_of, references_of
from heliosdb.errors import Error
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.forms import FormFunction
from heliosdb.plan.rewrite import rewritten
from heliosdb.types.definitions import Volatility

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries
    from heliosdb.transaction.point_references import PointReference

__all__ = ["FastStatement", "LiftedConstant", "compile_point"]

FastStatement = Callable[[Any], Any]


@frozen
class LiftedConstant:
    """A constant of the text that the function takes as it is written: what it is read for, and how.

    ``pinned``: the plan holds for this very text of it alone.
    """

    slot: pn.LiteralSlot | None
    read: Callable[[str, Any], Any] | None
    is_string: bool = field(kw_only=True)
    pinned: str | None = field(default=None, kw_only=True)


def compile_point(
    bound: pn.BoundStatement,
    plan: pn.PlanNode,
    registries: Registries,
    session: Any,
    slots: tuple[Any, ...],
    row_maker: Any,
    author: Any,
    *,
    constants: Sequence[LiftedConstant] = (),
    as_data: bool = False,
    hints: Sequence[str | None] | None = None,
) -> FastStatement | None:
    """Return the function of a statement, or None where the statement is not of these shapes.

    ``slots`` are the text's own constants; ``constants`` those that the function takes. ``row_maker`` makes result
    rows (``rows.RowMaker``), or is None for plain tuples of Python objects, or of data. ``author`` is what commits of
    the statement have. ``hints``: what types the Python objects suggested that the plan was made for; None where the
    caller will not wait for as long as an index takes to find the nearest rows.
    """
    if isinstance(plan, pn.Project) and isinstance(plan.input, pn.Limit):
        if hints is None or constants:
            return None
        return _nearest(bound, plan, plan.input, registries, session, slots, row_maker, hints)
    if any(type_name not in DATUM_CHECKS for type_name in bound.parameter_types):
        return None
    if constants and bound.parameter_types:
        return None
    if isinstance(plan, pn.Insert):
        return _insert(bound, plan, registries, session, slots, author, constants)
    if isinstance(plan, pn.Update | pn.Delete):
        scan: pn.PlanNode = plan.input
    elif isinstance(plan, pn.Project):
        scan = plan.input
        while isinstance(scan, pn.Filter):
            scan = scan.input
    else:
        return None
    if not isinstance(scan, pn.IndexScan) or not scan.unique or scan.snapshot is not None or scan.recheck is not None:
        return None
    if scan.relation.persistence != "permanent" or not all(_is_simple(node) for node in _expressions(plan)):
        return None
    writer = _Writer(bound, plan, scan, registries, session, slots, author, constants)
    if isinstance(plan, pn.Update):
        return writer.update(plan)
    if isinstance(plan, pn.Delete):
        return writer.delete(plan)
    return writer.select(plan, row_maker, as_data=as_data)


def _insert(
    bound: pn.BoundStatement,
    plan: pn.Insert,
    registries: Registries,
    session: Any,
    slots: tuple[Any, ...],
    author: Any,
    constants: Sequence[LiftedConstant],
) -> FastStatement | None:
    relation, values = plan.relation, plan.input
    if not isinstance(values, pn.Values) or len(values.table) != 1 or relation.persistence != "permanent":
        return None
    if plan.conflict is not None or plan.returning is not None:
        return None
    if not relation.indexes or relation.indexes[0].method != "btree" or not relation.indexes[0].unique:
        return None
    if not all(map(_is_simple, _expressions(plan))):
        return None
    writer = _Writer(bound, plan, None, registries, session, slots, author, constants)
    return None if writer._has_listeners() else writer.insert(plan, values)


def _nearest(
    bound: pn.BoundStatement,
    plan: pn.Project,
    limit: pn.Limit,
    registries: Registries,
    session: Any,
    slots: tuple[Any, ...],
    row_maker: Any,
    hints: Sequence[str | None],
) -> FastStatement | None:
    scan = limit.input
    if not isinstance(scan, pn.IndexScan) or scan.nearest is None or scan.likely is None:
        return None
    if limit.ties or limit.offset is not None or limit.limit is None or scan.share != 1.0 or scan.beyond or scan.within:
        return None
    if scan.snapshot is not None or scan.recheck is not None or scan.relation.persistence != "permanent":
        return None
    operator, argument = scan.nearest
    if not all(map(_is_simple, (argument, limit.limit, *plan.expressions))):
        return None
    order = _Order(scan, operator, argument, registries)
    plan = evolve(plan, expressions=rewritten(plan.expressions, order.value))
    writer = _Writer(bound, plan, scan, registries, session, slots, None)
    return writer.nearest(plan, operator, argument, limit.limit, row_maker, hints)


class _Order:
    """Which calls of a statement give the value that its rows are ordered by."""

    def __init__(self, scan: pn.IndexScan, name: str, argument: ex.Expression, registries: Registries) -> None:
        self._scan = scan
        self._column = (scan.index.keys[0].column or 0) - 1
        self._argument = argument
        found = registries.operators.get(name, ())
        self._functions = {(operator.function, operator.left, operator.right) for operator in found}

    def value(self, node: object) -> ex.Expression | None:
        """Return what stands for such a call."""
        if not isinstance(node, ex.Call) or len(node.arguments) != 2:
            return None
        if (node.function.name, *node.argument_types) not in self._functions or node.arguments[1] != self._argument:
            return None
        left = node.arguments[0]
        if not isinstance(left, ex.Column) or (left.source, left.index) != (self._scan.source, self._column):
            return None
        return ex.Column(type=node.type, nullable=False, source=VALUE, index=0)


def _expressions(node: pn.PlanNode) -> Iterator[ex.Expression]:
    match node:
        case pn.Project():
            yield from node.expressions
            yield from _expressions(node.input)
        case pn.Filter():
            yield node.condition
            yield from _expressions(node.input)
        case pn.IndexScan():
            yield from node.equal
        case pn.Insert():
            yield from node.values
            yield from (assignment.value for assignment in node.generated)
            yield from (check.condition for check in node.checks)
            yield from _expressions(node.input)
        case pn.Values():
            for line in node.table:
                yield from line
        case pn.Delete():
            yield from _expressions(node.input)
        case pn.Update():
            yield from (assignment.value for assignment in (*node.assignments, *node.generated))
            yield from (check.condition for check in node.checks)
            yield from _expressions(node.input)


def _is_simple(node: Any) -> bool:
    """Whether an expression needs nothing but the row and the parameters."""
    if isinstance(node, ex.Column):
        return node.index >= 0
    if isinstance(node, ex.Constant | ex.Parameter):
        return True
    if isinstance(node, ex.Call) and isinstance(node.function, FormFunction):
        # It asks the session for what it may see, and the function that is made is this session's.
        return all(map(_is_simple, node.arguments))
    if isinstance(node, ex.Call):
        function = node.function
        return (
            not function.needs_session
            and function.volatility == Volatility.IMMUTABLE
            and function.bounded
            and all(map(_is_simple, node.arguments))
        )
    if isinstance(node, ex.Convert):
        plain = not node.via_text and (node.cast is None or not node.cast.needs_session)
        return plain and _is_simple(node.operand)
    if isinstance(node, ex.And | ex.Or | ex.Coalesce):
        return all(map(_is_simple, node.arguments))
    if isinstance(node, ex.Not | ex.IsNull | ex.CoerceTypmod):
        return _is_simple(node.operand)
    return False


VALUE = -1
"""The source of the value that the nearest rows are ordered by."""
_INTEGERS = frozenset({"int2", "int4", "int8"})
_TEXTS = frozenset({"text", "varchar"})
_READ_ANYWHERE = frozenset({"bool", "bpchar", "name", "numeric", "uuid", "float4", "float8", *_INTEGERS, *_TEXTS})
"""Types whose input asks neither the session nor the clock."""


_of_a_call = re.compile(r"\b[ps]_[0-9]")
"""A parameter or constant, which what is defined once cannot have."""


class _Writer:
    def __init__(
        self,
        bound: pn.BoundStatement,
        plan: pn.PlanNode,
        scan: pn.IndexScan | None,
        registries: Registries,
        session: Any,
        slots: tuple[Any, ...],
        author: Any,
        constants: Sequence[LiftedConstant] = (),
    ) -> None:
        self.constants = constants
        self.bound = bound
        self.author = author
        self.session = session
        self.registries = registries
        self.pipelines = Pipelines(plan, registries, {})
        if scan is not None:
            self.scan = scan
            self.pipelines.expressions.bindings[scan.source] = row_binding("r")
        self.pipelines.expressions.known_slots = slots
        self.pipelines.expressions.hoists = False  # the function has nowhere to keep it
        self.lines: list[str] = []

    def _parameters(self, hints: Sequence[str | None] | None = None) -> None:
        """Write the checks of the parameters, or how the constants are read. With ``hints`` Python objects that suggest
        other types are declined, and of these types they are made data, or raise what the ordinary way would raise."""
        if self.constants:
            self._read_constants()
            return
        count = len(self.bound.parameter_types)
        lines = self.lines
        # A str, a set or a dict has a length too, and could be taken apart: the door refuses them.
        lines.append(
            "  if (params.__class__ is not tuple and params.__class__ is not list) "
            f"or len(params) != {count}: return None"
        )
        names = [f"p_{number}" for number in range(1, count + 1)]
        if names:
            lines.append(f"  {', '.join(names)}{',' if count == 1 else ''} = params")
        types = self.bound.parameter_types
        given = [] if hints is None else [n for n, type_name in enumerate(types) if type_name not in DATUM_CHECKS]
        checks = [DATUM_CHECKS[types[n]].format(p=name) for n, name in enumerate(names) if n not in given]
        adapters, bind = self.session.database.adapters, self.pipelines.source.bind
        for n in given:
            assert hints is not None
            checks.append(f"{names[n]} is None or {bind(adapters.suggest, 'f')}({names[n]}) != {hints[n]!r}")
        if checks:
            lines.append(f"  if {' or '.join(checks)}: return None")
        for n in given:
            lines.append(f"  {names[n]} = {bind(adapters.read, 'f')}({types[n]!r}, {names[n]}, session)")

    def _read_constants(self) -> None:
        names = [f"l_{place}" for place in range(len(self.constants))]
        self.lines.append(f"  {', '.join(names)}{',' if len(names) == 1 else ''} = params")
        checks: list[str] = []
        reads: list[str] = []
        bind = self.pipelines.source.bind
        for name, constant in zip(names, self.constants, strict=True):
            slot = constant.slot
            if slot is None:
                checks.append(f"{name} != {bind(constant.pinned)}")
                continue
            variable = self.pipelines.expressions.name_slot(slot.slot)
            # A text of the same pieces may have a string where this one has a number.
            checks.append(f'{name}[0] {"!=" if constant.is_string else "=="} "\'"')
            inner = f"{name}[1:-1]" if constant.is_string else name
            if slot.type in _TEXTS and slot.typmod < 0 and constant.is_string:
                reads.append(f"{variable} = {inner}")
            elif slot.type in ("int4", "int8") and not constant.is_string:
                reads.append(f"{variable} = {'-' if slot.negated else ''}int({inner})")
            else:
                sign = f"('-' if {name}.strip('0') else '') + " if slot.negated else ""
                reads.append(f"{variable} = {bind(constant.read, 'f')}({sign}{inner}, session)")
        self.lines.append(f"  if {' or '.join(checks)}: return None")
        if reads:
            self.lines.append(f"  try: {'; '.join(reads)}")
            self.lines.append(f"  except {bind(Error)}: return None")

    def _head(self, nothing: str) -> str:
        """Write the checks of the parameters; return source of the key, or of NULL, which finds ``nothing``."""
        self._parameters()
        values = [self.pipelines.value(part) for part in self.scan.equal]
        for place, part in enumerate(self.scan.equal):
            if isinstance(part, ex.Call) and isinstance(part.function, FormFunction):
                self.lines.append(f"  k_{place} = {values[place]}")
                self.lines.append(f"  if k_{place} is None: return {nothing}")
                values[place] = f"k_{place}"
        shape = key_shape(self.scan.relation, self.scan.index, self.registries)
        if shape.is_identity:
            return values[0] if shape.width == 1 else f"({', '.join(values)})"
        return f"{self.pipelines.source.bind(shape.key, 'f')}(({', '.join(values)},))"

    def select(self, plan: pn.Project, row_maker: Any, *, as_data: bool) -> FastStatement | None:
        lines = self.lines
        key = self._head("[]")
        lines.append(f"  r = read({key})")
        lines.append("  if r is None: return []")
        node: pn.PlanNode = plan.input
        while isinstance(node, pn.Filter):
            lines.append(f"  if not ({self.pipelines.test(node.condition)}): return []")
            node = node.input
        values = [self.pipelines.value(expression) for expression in plan.expressions]
        stored = self._stored_key()
        values = [key if text == stored else text for text in values]
        if not as_data:
            values = [self._written(text, column) for text, column in zip(values, plan.columns, strict=True)]
        whole = values == [f"r[{index}]" for index in range(len(self.scan.columns))]
        row = "r" if whole else f"({''.join(f'{value}, ' for value in values)})"
        if row_maker is None:
            lines.append(f"  return [{row}]")
        else:
            self.pipelines.source.namespace["new"] = row_maker.new
            lines.append(f"  return [new({row})]")
        store = self.session.database.store
        reader = store.point_reader(self.scan.relation.oid, self.scan.index.oid, self.session.timeline)
        return self._make("read", reader)

    def nearest(
        self,
        plan: pn.Project,
        operator: str,
        argument: ex.Expression,
        limit: ex.Expression,
        row_maker: Any,
        hints: Sequence[str | None],
    ) -> FastStatement | None:
        lines = self.lines
        self._parameters(hints)
        valued: list[int] = []

        def value(index: int) -> str:
            valued.append(index)
            return "v"

        self.pipelines.expressions.bindings[VALUE] = value
        wanted = self.pipelines.value(limit)
        if isinstance(limit, ex.Constant):
            if not wanted.isdigit() or int(wanted) < 1:
                return None
        else:
            lines.append(f"  if {wanted} < 1: return None")
        lines.append(f"  a = {self.pipelines.value(argument)}")
        lines.append(f"  found = None if a is None else read(a, {wanted})")
        lines.append("  if found is None: return None")
        values = [self.pipelines.value(expression) for expression in plan.expressions]
        values = [self._written(text, column) for text, column in zip(values, plan.columns, strict=True)]
        row = f"({''.join(f'{value}, ' for value in values)})"
        if row_maker is not None:
            self.pipelines.source.namespace["new"] = row_maker.new
            row = f"new({row})"
        lines.append(f"  return [{row} for r{', v in zip(*found)' if valued else ' in found[0]'}]")
        session = self.session
        reader = session.database.store.nearest_reader(
            self.scan.relation.oid, self.scan.index.oid, session.timeline, operator, session.setting,
            values=bool(valued),
        )  # fmt: skip
        return self._make("read", reader)

    def _stored_key(self) -> str:
        """Return source of the key as the row has it, where the parameter is as good; "" where not.

        The parameter is at hand, and the row's own integer somewhere in memory.
        """
        (part,) = self.scan.index.keys if len(self.scan.index.keys) == 1 else (None,)
        (value,) = self.scan.equal if len(self.scan.equal) == 1 else (None,)
        if part is None or part.column is None or not isinstance(value, ex.Parameter | ex.Constant):
            return ""
        if value.type not in _INTEGERS:
            return ""
        column = part.column - 1
        return f"r[{column}]" if self.scan.columns[column].type in _INTEGERS else ""

    def _written(self, text: str, column: pn.OutputColumn) -> str:
        write = self.session.database.adapters.writer(column.type, self.session)
        if write is None:
            return text
        name = self.pipelines.source.bind(write, "f")
        return f"(None if (t := {text}) is None else {name}(t))"

    def update(self, plan: pn.Update) -> FastStatement | None:
        changed = {assignment.slot for assignment in (*plan.assignments, *plan.generated)}
        relation = plan.relation
        concerned = [c for c in plan.foreign_keys if any(number - 1 in changed for number in c.columns)]
        references = references_of(self.session, relation, concerned)
        if plan.returning is not None or references is None:
            return None
        for _, constraint in plan.referencing:
            assert constraint.foreign is not None
            if any(number - 1 in changed for number in constraint.foreign.columns):
                return None
        if any(c.deferrable and c.kind in ("unique", "primary key") for c in relation.constraints):
            return None
        if self._has_listeners():
            return None
        pipelines, function = self.pipelines, self.pipelines.function
        key = self._head("0")
        pipelines.expressions.bindings[plan.scan] = row_binding("r")
        assigned = {a.slot: pipelines.value(a.value) for a in plan.assignments}
        parts = [assigned.get(slot, f"r[{slot}]") for slot in range(len(relation.columns))]
        function.depth = 3
        function.line(f"n = ({''.join(f'{part}, ' for part in parts)})")
        write_row(pipelines, plan, "n")
        self.lines.append("  def change(r):")
        self.lines.extend(function.lines)
        self.lines.append("   return n")
        # True or False: done, or no such row. None: the ordinary way has to do it.
        self.lines.append(f"  done = write({key}, change)")
        self.lines.append("  return None if done is None else int(done)")
        return self._make("write", self._writer(relation.oid, self.scan.index.oid, references).update)

    def _has_listeners(self) -> bool:
        hooks = self.registries.lifecycle
        return any(hooks.get(name) for name in ("transaction_committing", "transaction_committed"))

    def delete(self, plan: pn.Delete) -> FastStatement | None:
        referenced = referenced_of(self.session, plan.relation, plan.referencing)
        if plan.returning is not None or referenced is None or self._has_listeners():
            return None
        key = self._head("0")
        self.lines.append(f"  done = write({key})")
        self.lines.append("  return None if done is None else int(done)")
        writer = self._writer(plan.relation.oid, self.scan.index.oid, referenced=referenced)
        return self._make("write", writer.delete)

    def insert(self, plan: pn.Insert, values: pn.Values) -> FastStatement | None:
        relation = plan.relation
        references = references_of(self.session, relation, plan.foreign_keys)
        if references is None:
            return None
        self._parameters()
        pipelines, function = self.pipelines, self.pipelines.function
        (line,) = values.table
        names = {index: pipelines.value(cell) for index, cell in enumerate(line)}
        pipelines.expressions.bindings[values.source] = names.__getitem__
        function.depth = 2
        function.line(f"n = ({''.join(f'{pipelines.value(value)}, ' for value in plan.values)})")
        write_row(pipelines, plan, "n")
        self.lines.extend(function.lines)
        self.lines.append("  return None if write(n) is None else 1")
        return self._make("write", self._writer(relation.oid, relation.indexes[0].oid, references).insert)

    def _writer(
        self,
        relation: int,
        index: int,
        references: Sequence[PointReference] = (),
        referenced: Sequence[PointReference] = (),
    ) -> Any:
        session = self.session
        return session.database.store.point_writer(
            relation,
            index,
            session,
            self.author,
            line=session.timeline,
            waits=False,
            synchronous=session.setting("synchronous_commit") != "off",
            references=references,
            referenced=referenced,
            definitions=session.points.definitions,
        )

    def _make(self, name: str, access: Any) -> FastStatement | None:
        from heliosdb.codegen.compile import compile_text

        expressions = self.pipelines.expressions
        if expressions.uses_clock or any(not line.startswith("p") for line in self.pipelines.head):
            return None
        if any(c.slot is not None and c.slot.type not in _READ_ANYWHERE for c in self.constants):
            return None
        text = [f"def make({name}, x):", " session = x.session"]
        for definition in expressions.definitions:
            text.extend(definition.text(1))
        if any(map(_of_a_call.search, text)):
            return None
        text += [" def fast(params):", *self.lines, " return fast"]
        make, _ = compile_text("\n".join(text) + "\n", self.pipelines.source, "make")
        return make(access, _Place(self.session))  # type: ignore[no-any-return]


class _Place:
    """What checks of a row ask for while there is no execution: the session, for printing the row."""

    __slots__ = ("session",)

    def __init__(self, session: Any) -> None:
        self.session = session
