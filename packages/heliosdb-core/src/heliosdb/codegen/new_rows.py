"""New rows: put together, completed and checked, for every statement that makes some.

What a row must satisfy is written once, here, for every door: generated columns, NOT NULL, CHECK. ``CompletedRows`` is
for whoever enters rows himself (``commands/row_changes.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.codegen import modify_runtime
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import rewritten

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


def write_row(pipelines: Pipelines, node: pn.Modify | pn.CompletedRows, row: str) -> None:
    """Write what completes and checks a new row held in the variable ``row``."""
    function, source = pipelines.function, pipelines.source
    relation = node.relation
    pipelines.bind_row(node.target, row, len(relation.columns))
    required = [c.number - 1 for c in relation.columns if c.not_null and not c.dropped]
    if isinstance(node, pn.Update):
        # What is not assigned comes from a row that was checked.
        new = {a.slot for a in node.assignments if a.value.nullable} | {a.slot for a in node.generated}
        required = [slot for slot in required if slot in new]
    fail = source.bind(modify_runtime.NotNull(relation, pipelines.registries), "f") if required else ""

    if node.generated:
        assigned = {a.slot: pipelines.value(_any_nullable(a.value, node.target)) for a in node.generated}
        parts = [assigned.get(slot, f"{row}[{slot}]") for slot in range(len(relation.columns))]
        function.line(f"{row} = ({''.join(f'{part}, ' for part in parts)})")
    if required:
        nulls = " or ".join(f"{row}[{slot}] is None" for slot in required)
        function.line(f"if {nulls}: {fail}({row}, x.session)")
    by_conflict = isinstance(node, pn.Insert) and node.conflict is not None
    write_checks(pipelines, node, row, [check for check in node.checks if check.kind != "view" or not by_conflict])


def _any_nullable(value: ex.Expression, source: int) -> ex.Expression:
    """Return an expression over a new row that has not been checked yet: NOT NULL need not hold."""

    def nullable(node: object) -> ex.Column | None:
        if isinstance(node, ex.Column) and node.source == source and not node.nullable:
            return evolve(node, nullable=True)
        return None

    found: ex.Expression = rewritten(value, nullable, loosen=True)
    return found


def write_checks(pipelines: Pipelines, node: pn.Modify | pn.CompletedRows, row: str, checks: list[pn.RowCheck]) -> None:
    function, source, relation = pipelines.function, pipelines.source, node.relation
    for check in checks:
        fail = source.bind(modify_runtime.Check(relation, check, pipelines.registries), "f")
        # A constraint lets NULL pass, a view has to show the row.
        fails = pipelines.expressions.fails(check.condition)
        if check.kind == "view":
            fails = f"not ({pipelines.test(check.condition)})"
        function.line(f"if {fails}: {fail}({row}, x.session)")


def take_values(pipelines: Pipelines, node: pn.Insert | pn.CompletedRows, row: str) -> None:
    """Write what puts a new row's values together in the variable ``row``."""
    values = [pipelines.value(value) for value in node.values]
    whole = values[0].partition("[")[0] if values else ""
    same = [f"{whole}[{index}]" for index in range(len(values))]
    if whole and values == same and is_row(node.input, len(values)):
        # The very row that comes is the one that is stored.
        pipelines.function.line(f"{row} = {whole}")
    else:
        pipelines.function.line(f"{row} = ({''.join(f'{value}, ' for value in values)})")


def is_row(node: pn.PlanNode, width: int) -> bool:
    """Whether the node's row is a tuple of so many datums and not shared with another table."""
    if isinstance(node, pn.Project) and isinstance(node.input, pn.ParameterScan):
        node = node.input
    return isinstance(node, pn.Values | pn.RowFeed | pn.ParameterScan) and len(node.columns) == width


def produce_completed_rows(pipelines: Pipelines, node: pn.CompletedRows, consume: Consume) -> None:
    """Complete and check each row, and hand it on."""
    row = pipelines.source.fresh("r")

    def take() -> None:
        take_values(pipelines, node, row)
        write_row(pipelines, node, row)
        pipelines.bind_row(node.source, row, len(node.columns))
        consume()

    pipelines.produce(node.input, take)


PRODUCERS: dict[type, Producer] = {pn.CompletedRows: produce_completed_rows}
