"""Subqueries in expressions.

A subquery that names no column of an enclosing query is evaluated once an execution, on first use: its value, its
list or, for ``= ANY``, a hash set is kept. A correlated one is a function of the columns it reads, called for each
row; EXISTS returns from inside its innermost loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.codegen import runtime
from heliosdb.codegen.hashed_rows import HashedRows
from heliosdb.codegen.pipeline import columns_of
from heliosdb.codegen.setops import row_of
from heliosdb.plan import expressions as ex

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.codegen.pipeline import Pipelines
    from heliosdb.codegen.source import Function


class Subqueries:
    """Emits the subqueries of one statement."""

    def __init__(self, pipelines: Pipelines) -> None:
        self.pipelines = pipelines
        pipelines.expressions.subquery = self.emit

    def emit(self, node: ex.Subquery, form: str) -> str:
        """Return source of the subquery's value (or, for ``test``, of something truthy exactly if it is TRUE)."""
        if node.kind == ex.SubqueryKind.EXISTS:
            return self._evaluated(node, "x", self._exists)
        if node.kind == ex.SubqueryKind.SCALAR:
            return self._evaluated(node, "x", self._scalar)
        if node.kind == ex.SubqueryKind.ARRAY:
            return self._evaluated(node, "x", self._array)
        if node.kind == ex.SubqueryKind.ANY and node.hashable and not node.outer:
            return self._hashed_any(node)
        return self._quantified(node)

    def _evaluated(self, node: ex.Subquery, prefix: str, body: Callable[[Function, ex.Subquery], None]) -> str:
        """Return a call of the function that evaluates the subquery; remembered where it is not correlated."""
        pipelines = self.pipelines

        def write(function: Function) -> None:
            leave = self._leave(function)
            known, pipelines.block_values.known = pipelines.block_values.known, {c.source for c in node.outer}
            with pipelines.writing(function):
                body(function, node)
            pipelines.block_values.known = known
            if function.name in pipelines.spilling:
                # What is watched in one call is of no interest in the next, however the call ended.
                function.lines.insert(0, f" {leave.partition('[')[2][:-2]} = len(x.watched)")
            else:
                function.lines = [line for line in function.lines if line.strip() != leave]

        # Only the outer columns are arguments: the plan's own sources are bound inside.
        call = pipelines.expressions.define(prefix, list(node.outer), write)
        if node.outer or call.partition("(")[2] != ")":
            return call
        memo = pipelines.source.fresh("y")
        pipelines.head.append(f"{memo} = once(lambda: {call})")
        pipelines.source.namespace["once"] = runtime.once
        return f"{memo}()"

    @staticmethod
    def _leave(function: Function) -> str:
        """Return the line before each ``return`` of a function in which something may be put aside."""
        return f"del x.watched[n_{function.name}:]"

    def _exists(self, function: Function, node: ex.Subquery) -> None:
        def found() -> None:
            function.line(self._leave(function))
            function.line("return True")

        self.pipelines.produce(node.plan, found)
        function.line(self._leave(function))
        function.line("return False")

    def _scalar(self, function: Function, node: ex.Subquery) -> None:
        pipelines = self.pipelines
        value, found = pipelines.source.fresh("c"), pipelines.source.fresh("h")
        function.line(f"{value} = None; {found} = False")
        fail = pipelines.source.bind(runtime.more_than_one_row, "f")

        def take() -> None:
            (number,) = node.plan.sources
            function.line(f"if {found}: {fail}()")
            function.line(f"{found} = True")
            function.line(f"{value} = {pipelines.expressions.bindings[number](0)}")

        pipelines.produce(node.plan, take)
        function.line(self._leave(function))
        function.line(f"return {value}")

    def _array(self, function: Function, node: ex.Subquery) -> None:
        pipelines = self.pipelines
        items = pipelines.source.fresh("m")
        function.line(f"{items} = []")

        def take() -> None:
            (number,) = node.plan.sources
            function.line(f"{items}.append({pipelines.expressions.bindings[number](0)})")

        pipelines.produce(node.plan, take)
        function.line(self._leave(function))
        function.line(f"return tuple({items})")

    def _rows(self, function: Function, node: ex.Subquery) -> None:
        pipelines = self.pipelines
        rows = pipelines.source.fresh("m")
        spool = pipelines.keep(rows, node.plan)
        pipelines.produce(node.plan, lambda: function.line(f"{rows}.append({row_of(pipelines, node.plan)})"))
        pipelines.kept(rows, spool)
        function.line(self._leave(function))
        function.line(f"return {rows}")

    def _hashed_any(self, node: ex.Subquery) -> str:
        """``left = ANY (subquery)`` by a set of keys; what NULLs make unknown is decided in ``HashedRows``."""
        pipelines, expressions = self.pipelines, self.pipelines.expressions
        source = pipelines.source
        classes = source.bind(tuple(pipelines.registries.types.ordering(left.type) for left in node.left), "q")
        make = source.bind(HashedRows, "f")

        def body(function: Function, node: ex.Subquery) -> None:
            rows, hashed = source.fresh("m"), source.fresh("w")
            function.line(f"{rows} = []; {hashed} = {make}(x, {rows}, {classes}{pipelines.asked_by(node.plan)})")
            pipelines.produce(node.plan, lambda: function.line(f"{rows}.append({row_of(pipelines, node.plan)})"))
            function.line(f"return {hashed}.finish()")

        values = "".join(f"{expressions.value(left)}, " for left in node.left)
        return f"{self._evaluated(node, 'x', body)}.contains(({values}))"

    def _quantified(self, node: ex.Subquery) -> str:
        """Compare with each row; the general form."""
        pipelines, expressions = self.pipelines, self.pipelines.expressions
        assert node.comparison is not None
        rows = self._evaluated(node, "x", self._rows)
        width = len(columns_of(node.plan))
        element = pipelines.source.fresh("v")

        comparison = node.comparison
        with expressions.elements(lambda index: f"{element}[{index}]" if 0 <= index < width else element):
            call = expressions.define("c", [comparison], lambda f: f.line(f"return {expressions.value(comparison)}"))
        function = runtime.all_rows if node.kind == ex.SubqueryKind.ALL else runtime.any_row
        return f"{pipelines.source.bind(function, 'f')}(lambda {element}: {call}, {rows}, x)"
