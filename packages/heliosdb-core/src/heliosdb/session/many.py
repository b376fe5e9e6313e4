"""``executemany``: INSERT ... VALUES with many parameter rows as one statement.

The plan's only row of values becomes a projection of a scan over the parameter rows, with columns in the parameters'
place. So defaults, generated columns, checks and keys are dealt with by the code that every INSERT has, once for all
rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.codegen import CompiledStatement, compile_statement
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import contains, rewritten, walk

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries
    from heliosdb.session.statements import Plan

__all__ = ["many_rows"]


def many_rows(plan: Plan, registries: Registries) -> CompiledStatement | None:
    """Return the compiled form for many parameter rows, or None where the statement is of another kind."""
    if plan.many is None:
        plan.many = _compile(plan, registries) or False
    return plan.many or None


def _compile(plan: Plan, registries: Registries) -> CompiledStatement | None:
    node = plan.explained
    if not isinstance(node, pn.Insert) or node.returning is not None or node.conflict is not None:
        return None
    if not isinstance(node.input, pn.Values) or len(node.input.table) != 1 or contains(node, ex.Subquery):
        return None
    source = 1 + max(
        (number for inner in walk(node) if isinstance(inner, pn.PlanNode) for number in (*inner.sources, node.target)),
        default=0,
    )
    types = plan.bound.parameter_types

    def column(inner: object) -> ex.Column | None:
        if isinstance(inner, ex.Parameter):
            return ex.Column(type=inner.type, source=source, index=inner.number - 1)
        return None

    values = node.input
    rows = pn.Project(
        input=pn.ParameterScan(source=source, columns=tuple(pn.OutputColumn(name="", type=name) for name in types)),
        source=values.source,
        columns=values.columns,
        expressions=rewritten(values.table[0], column),
    )
    return compile_statement(rewritten(evolve(node, input=rows), column), registries)
