"""What a scan may leave out: rows that a condition above it, or the bound of a top-N sort, surely refuses.

A condition that compares a column with what is known before the scan starts becomes a *range* of the column, which
the view turns into fewer rows (``store/block_column.py``). A top-N sort knows, once it has N rows, a bound that
further rows must beat; the scan below drops the others by a comprehension, which is faster than the loop they would
go through, and whole blocks by their extremes.

Both leave more rows than satisfy the condition, never fewer, and the condition stands where it stood.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import frozen

from heliosdb.codegen.block_values import FIRST
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.types.comparison import PLAIN, nan_last
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Pipelines

_RELATIONS = frozenset({"=", "<", "<=", ">", ">="})
_TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@frozen
class Bound:
    """The bound of a top-N sort on a column, or on a value that is computed for whole blocks (``block_values``): the
    variable that holds it, None while there is none.
    """

    source: int
    place: int
    variable: str
    descending: bool
    is_strict: bool
    """Whether equal values lose, too."""
    nullable: bool
    nulls_first: bool


def note_ranges(pipelines: Pipelines, node: pn.Filter) -> None:
    """Tell the scan below a chain of filters what they ask for."""
    scan, conditions = scan_below(node)
    if scan is not None and scan.source not in pipelines.ranges and not pipelines.needs(scan.source, -1):
        pipelines.ranges[scan.source] = ranges(pipelines, scan, conditions)


def scan_below(node: pn.PlanNode) -> tuple[pn.Scan | None, list[ex.Expression]]:
    """Return the scan that the node's filters stand on, if they do, and their conditions."""
    conditions: list[ex.Expression] = []
    while isinstance(node, pn.Filter):
        conditions.append(node.condition)
        node = node.input
    return (node if type(node) is pn.Scan else None), conditions


def ranges(pipelines: Pipelines, scan: pn.Scan, conditions: Iterable[ex.Expression]) -> str:
    """Return source of what ``RelationView.candidate_blocks`` takes, "" where the conditions give nothing."""
    found: dict[int, list[list[str]]] = {}
    for condition in conditions:
        for part in condition.arguments if isinstance(condition, ex.And) else (condition,):
            relation = _relation(part)
            if relation is None:
                continue
            left, symbol, right = relation
            column, value = _unlabelled(left), _unlabelled(right)
            if not isinstance(column, ex.Column):
                column, value, symbol = value, column, _TURNED[symbol]
            if not isinstance(column, ex.Column) or column.source != scan.source or column.index < 0:
                continue
            if not isinstance(value, ex.Constant | ex.Parameter):
                continue
            text = pipelines.value(value)
            low = "None" if symbol in ("<", "<=") else text
            high = "None" if symbol in (">", ">=") else text
            _narrow(found.setdefault(column.index, []), low, high)
    if not found:
        return ""
    return f"({''.join(f'({place}, {low}, {high}), ' for place, parts in found.items() for low, high in parts)})"


def _narrow(parts: list[list[str]], low: str, high: str) -> None:
    """Add a range of a column, joined with one that has the other end."""
    for part in parts:
        if part[0] == "None" == high:
            part[0] = low
            return
        if part[1] == "None" == low:
            part[1] = high
            return
    parts.append([low, high])


def _relation(node: ex.Expression) -> tuple[ex.Expression, str, ex.Expression] | None:
    """Return (left, operator, right) of a comparison that is Python's own, NaN aside."""
    if not isinstance(node, ex.Call) or node.operator not in _RELATIONS or len(node.arguments) != 2:
        return None
    function = node.function
    if function.inline is None or function.specialize or not function.strict or not function.inline.startswith("({0} "):
        return None
    symbol = "==" if node.operator == "=" else node.operator
    # Those of floats and numerics begin like the plain ones and go on about NaN.
    if function.inline not in PLAIN and not _WITH_NAN.issuperset(node.argument_types):
        return None
    if not function.inline.startswith(f"({{0}} {symbol} {{1}}"):
        return None
    return node.arguments[0], node.operator, node.arguments[1]


_WITH_NAN = frozenset({"float4", "float8", "numeric"})


def _unlabelled(node: ex.Expression) -> ex.Expression:
    while isinstance(node, ex.Convert) and not node.via_text and not node.element_cast:
        if node.cast is not None and node.cast.implementation is not None:
            break
        node = node.operand
    return node


def top_bound(pipelines: Pipelines, node: pn.Sort) -> Bound | None:
    """Return the bound that the sort can give the scan below, None where it cannot."""
    scan, _ = scan_below(node.input)
    key = node.keys[0]
    column = key.expression
    if scan is None or pipelines.needs(scan.source, -1):
        return None
    calls = pipelines.block_values.of_scan(scan)
    if isinstance(column, ex.Call) and column in calls:
        place = FIRST + calls.index(column)
    elif isinstance(column, ex.Column) and column.source == scan.source and column.index >= 0 and not calls:
        place = column.index
    else:
        return None
    ordering = key.ordering
    if not ordering.identity and ordering.sort_key is not None:
        if resolve_implementation(ordering.sort_key) is not nan_last:
            return None
    return Bound(
        source=scan.source,
        place=place,
        variable=pipelines.source.fresh("k"),
        descending=key.descending,
        is_strict=len(node.keys) == 1,
        nullable=column.nullable,
        nulls_first=key.nulls_first,
    )


def open_bounded_blocks(pipelines: Pipelines, view: str, block: str, row: str, bound: Bound) -> None:
    """Open the loop over blocks, with the rows that the bound refuses left out."""
    function, source = pipelines.function, pipelines.source
    worst = bound.variable
    # "Not worse" rather than "better": what does not compare (NaN) stays.
    worse = ("<=" if bound.is_strict else "<") if bound.descending else (">=" if bound.is_strict else ">")
    value = f"{row}[{bound.place}]"
    test = f"not {value} {worse} {worst}"
    may_skip = not bound.nullable or not bound.nulls_first
    if bound.nullable:
        test = f"{value} is None or {test}" if bound.nulls_first else f"{value} is not None and {test}"
    if may_skip:
        least, greatest = source.fresh("c"), source.fresh("c")
        best = greatest if bound.descending else least
        function.open(f"for {least}, {greatest}, {block} in {view}.ended_blocks({bound.place}):", loop=True)
    else:
        function.open(f"for {block} in {view}.row_blocks():", loop=True)
    function.line("if x.cancelled: x.raise_cancelled()")
    with function.block(f"if {worst} is not None:"):
        if may_skip:
            function.line(f"if {best} is not None and {best} {worse} {worst}: continue")
        function.line(f"{block} = [{row} for {row} in {block} if {test}]")
