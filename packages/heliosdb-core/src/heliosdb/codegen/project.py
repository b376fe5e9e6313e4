"""Filters and projections: the operators that work on one row at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.codegen import runtime
from heliosdb.codegen.pruning import note_ranges
from heliosdb.codegen.scan import call_source
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


def produce_filter(pipelines: Pipelines, node: pn.Filter, consume: Consume) -> None:
    """Go on only where the condition is true."""

    condition = pipelines.block_values.filter(node)

    def keep() -> None:
        if condition is not None:
            pipelines.function.open(f"if {pipelines.test(condition)}:")
        consume()

    note_ranges(pipelines, node)
    pipelines.produce(node.input, keep)


def produce_project(pipelines: Pipelines, node: pn.Project, consume: Consume) -> None:
    """Evaluate each expression that is read above once, into a local variable (columns and constants are only
    renamed).
    """

    def compute() -> None:
        own = pipelines.names(node.input.sources)
        names = {
            index: pipelines.carried(pipelines.value(expression), own)
            for index, expression in enumerate(node.expressions)
            if pipelines.needs(node.source, index) or pipelines.needs(node.source, -2) or may_raise_effects(expression)
        }
        if pipelines.needs(node.source, -2):
            row = f"({''.join(f'{names[i]}, ' for i in range(len(node.expressions)))})"
            names[-2] = pipelines.carried(row, own)
        if pipelines.needs(node.source, -1):
            names[-1] = pipelines.carried("None", own)
        pipelines.bind_locals(node.source, names)
        consume()

    pipelines.produce(node.input, compute)


def may_raise_effects(expression: ex.Expression) -> bool:
    """Whether the expression must be evaluated though nobody reads it: volatile calls, for what they do."""
    if isinstance(expression, ex.Call):
        return expression.function.volatility == "volatile" or any(map(may_raise_effects, expression.arguments))
    return isinstance(expression, ex.Convert | ex.CoerceTypmod) and may_raise_effects(expression.operand)


def produce_project_set(pipelines: Pipelines, node: pn.ProjectSet, consume: Consume) -> None:
    """A projection with set-returning calls: they advance in lockstep, the other expressions are repeated."""

    def compute() -> None:
        source = pipelines.source
        own = pipelines.names(node.input.sources)
        calls = [(i, e) for i, e in enumerate(node.expressions) if isinstance(e, ex.SetReturningCall)]
        names = {
            i: pipelines.carried(pipelines.value(e), own)
            for i, e in enumerate(node.expressions)
            if not isinstance(e, ex.SetReturningCall)
        }
        row = source.fresh("r")
        if len(calls) == 1:
            index, call = calls[0]
            pipelines.open_chunks(row, call_source(pipelines, call))
            names[index] = row
            pipelines.null_values[row] = "None"
        else:
            streams = "".join(f"({call_source(pipelines, call)}, 0), " for _, call in calls)
            pipelines.open_chunks(row, f"{source.bind(runtime.lockstep, 'f')}({streams})")
            pipelines.null_values[row] = source.bind((None,) * len(calls))
            names |= {index: f"{row}[{position}]" for position, (index, _) in enumerate(calls)}
        pipelines.bind_locals(node.source, names)
        consume()

    pipelines.produce(node.input, compute)


PRODUCERS: dict[type, Producer] = {
    pn.Filter: produce_filter,
    pn.Project: produce_project,
    pn.ProjectSet: produce_project_set,
}
