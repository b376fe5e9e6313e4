"""Function calls that are computed for a whole block of rows before the loop over its rows.

A function may have a *column form* (``ScalarFunction.column_form``), which takes columns and computes the results of
all their rows at once. A scan whose columns such a call is made of, with whatever else it needs known before the scan
starts, has it compute them block by block:

    for b5, q4, i10 in v1.formed_blocks(()):
        i10 = [n for n in every(b5, i10) for r6 in (b5[n],) if r6[1] == s_0]     conditions that need no such call
        if not i10: continue
        if i10: b5, q4, i10 = narrowed(b5, q4, i10)
        m7 = values(f8, len(b5), (ColumnValues(b5, 2, q4), p_1))
        if k9 is not None:                              a top-N sort by the call leaves out what is not good enough
            i10 = not_worse(m7, k9, False, True, False, i10)
        if i10 is not None: b5 = taken(b5, i10); m7 = taken(m7, i10)
        for r6, c7 in zip(b5, listed(m7)):
            ... c7 if c7 is not ... else f11(r6[2], p_1)

What the column form makes of a column (a matrix) is kept with the block, where the rows are the block's own (``q4``).

Where the column form declines a block, its values are ``...`` and each row computes its own, where and only if it is
asked for: so an error is that of the row that has it. The value is one more carrier of its source, and everything above
that holds the same call reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.codegen import block_runtime
from heliosdb.codegen.atoms import is_atom
from heliosdb.codegen.free_columns import is_constant
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.store.column_values import ColumnValues
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from heliosdb.codegen.pipeline import Consume, Pipelines

__all__ = ["FIRST", "BlockValues"]

FIRST = 1 << 20
"""The index of a scan's first computed value, beyond all columns."""


class BlockValues:
    """The calls with a column form in one statement, by the scan that computes them."""

    def __init__(self, pipelines: Pipelines, calls: Iterable[ex.Call]) -> None:
        self._pipelines = pipelines
        self._unplaced = list(calls)
        self._calls: dict[int, list[ex.Call]] = {}
        self._conditions: dict[int, list[ex.Expression]] = {}
        self.known: set[int] = set()
        """The sources of columns that have a value before the current function's scans start."""

    def of_scan(self, scan: pn.PlanNode) -> list[ex.Call]:
        """Return the calls that a scan computes; none of a scan that gives row ids."""
        if type(scan) is not pn.Scan or not self._unplaced or self._pipelines.needs(scan.source, -1):
            return []
        found = self._calls.get(scan.source)
        if found is None:
            found = self._calls[scan.source] = []
            for call in self._unplaced:
                if call not in found and self._is_of(call, scan.source):
                    found.append(call)
        return found

    def _is_of(self, call: ex.Call, source: int) -> bool:
        """Whether each argument is a column of the source or known before, and one is a column."""
        # What is computed once for many rows of another source (``Kept``) has none of them at hand.
        known = self.known & self._pipelines.expressions.bindings.keys()
        columns = 0
        for argument in call.arguments:
            if isinstance(argument, ex.Column) and argument.source == source:
                if argument.index < 0:
                    return False
                columns += 1
            elif not is_constant(argument) and not (
                isinstance(argument, ex.Column) and argument.source in known and argument.source != source
            ):
                return False
        return columns > 0

    def value(self, node: ex.Call) -> str | None:
        """Return source of a call's value where the current row has it, else None."""
        expressions = self._pipelines.expressions
        for source, calls in self._calls.items():
            if node in calls:
                try:
                    name = expressions.bindings[source](FIRST + calls.index(node))
                except KeyError:
                    return None  # in a function of its own, which gets columns only
                return name if is_atom(name) else None
        return None

    # -- conditions --------------------------------------------------------------------------------------------------

    def filter(self, node: pn.Filter) -> ex.Expression | None:
        """Leave to the scan below what needs no call that it computes; return the rest of a filter's condition."""
        below: pn.PlanNode = node
        while isinstance(below, pn.Filter):
            below = below.input
        calls = self.of_scan(below)
        # Who counts the rows of each operator wants them from where they are dropped.
        if not calls or self._pipelines.count_rows:
            return node.condition
        assert isinstance(below, pn.Scan)
        condition = node.condition
        parts = condition.arguments if isinstance(condition, ex.And) else (condition,)
        rest = tuple(part for part in parts if _holds(part, calls))
        self._conditions.setdefault(below.source, []).extend(part for part in parts if part not in rest)
        if not rest:
            return None
        return rest[0] if len(rest) == 1 else ex.And(arguments=rest, nullable=condition.nullable)

    # -- the scan ----------------------------------------------------------------------------------------------------

    def produce(self, scan: pn.Scan, blocks: str, row: str, block: str, consume: Consume) -> None:
        """Write the loops over blocks and rows."""
        pipelines = self._pipelines
        function, source = pipelines.function, pipelines.source
        calls = self.of_scan(scan)
        names = [source.fresh("c") for _ in calls]
        lists = [source.fresh("m") for _ in calls]
        read = pipelines.expressions.bindings[scan.source]
        pipelines.expressions.bindings[scan.source] = lambda index: (
            read(index) if index < FIRST else names[index - FIRST]
        )
        forms, places = source.fresh("q"), source.fresh("i")
        function.open(f"for {block}, {forms}, {places} in {blocks}:", loop=True)
        pipelines.poll()
        conditions = self._conditions.pop(scan.source, [])
        if conditions:
            # These do not hold the calls, so no value of theirs is read here.
            tests, number = " and ".join(map(pipelines.test, conditions)), source.fresh("n")
            every = source.bind(block_runtime.every, "f")
            items = f"for {number} in {every}({block}, {places}) for {row} in ({block}[{number}],)"
            function.line(f"{places} = [{number} {items} if {tests}]")
            function.line(f"if not {places}: continue")
        narrow = source.bind(block_runtime.narrowed, "f")
        function.line(f"if {places}: {block}, {forms}, {places} = {narrow}({block}, {forms}, {places})")
        compute = source.bind(block_runtime.values, "f")
        for call, name in zip(calls, lists):
            assert call.function.column_form is not None
            form = source.bind(resolve_implementation(call.function.column_form), "f")
            arguments = "".join(f"{self._argument(argument, scan, block, forms)}, " for argument in call.arguments)
            function.line(f"{name} = {compute}({form}, len({block}), ({arguments}))")
        bound = pipelines.bounds.get(scan.source)
        if bound is not None and bound.place >= FIRST:
            choose = source.bind(block_runtime.not_worse, "f")
            of, worst, keep_nulls = lists[bound.place - FIRST], bound.variable, bound.nullable and bound.nulls_first
            sides = f"{bound.descending}, {bound.is_strict}, {keep_nulls}"
            function.line(f"if {worst} is not None: {places} = {choose}({of}, {worst}, {sides}, {places})")
        take = source.bind(block_runtime.taken, "f")
        takes = "; ".join(f"{name} = {take}({name}, {places})" for name in (block, *lists))
        function.line(f"if {places} is not None: {takes}")
        listed = source.bind(block_runtime.listed, "f")
        columns = "".join(f", {listed}({name})" for name in lists)
        function.open(f"for {row}, {', '.join(names)} in zip({block}{columns}):", loop=True)
        pipelines.null_values |= dict.fromkeys(names, "None")
        pipelines.carriers[scan.source] = (*pipelines.carriers[scan.source], *names)
        consume()

    def _argument(self, node: ex.Expression, scan: pn.Scan, block: str, forms: str) -> str:
        if isinstance(node, ex.Column) and node.source == scan.source:
            return f"{self._pipelines.source.bind(ColumnValues, 'f')}({block}, {node.index}, {forms})"
        return self._pipelines.value(node)


def _holds(node: ex.Expression, calls: list[ex.Call]) -> bool:
    """Whether an expression holds one of the calls."""
    from heliosdb.plan.rewrite import walk

    return any(isinstance(part, ex.Call) and part in calls for part in walk(node))
