"""A plan in words: the tree that EXPLAIN prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

from attrs import define, field, fields

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.forms import FormFunction
from heliosdb.plan.rewrite import rewritten
from heliosdb.sql.optimizer.costs import Cost, Costs
from heliosdb.sql.optimizer.estimates import Estimates
from heliosdb.sql.optimizer.unused import unused_indexes
from heliosdb.sql.optimizer.unused_orders import unused_orders

__all__ = ["Description", "TimedCounts", "describe"]


@define
class Description:
    """One node: its title, details, estimated and (under ANALYZE) actual rows, and its inputs."""

    title: str
    rows: float
    actual: int | None = None
    cost: Cost | None = None
    width: int = 0
    times: tuple[float, float] | None = None
    """When the first and the last row came out, in milliseconds since the start."""
    details: list[tuple[str, str]] = field(factory=list)
    inputs: list[Description] = field(factory=list)
    memory: list[tuple[str, str | int]] = field(factory=list)
    """What the node needed under ANALYZE: one line of text, and the JSON form's names."""

    def as_lines(self, *, costs: bool = True, indent: int = 0) -> list[str]:
        """Return the text form, PostgreSQL's arrows and indentation."""
        lead = "" if indent == 0 else " " * (6 * indent - 4) + "->  "
        numbers = " "
        if costs and self.cost is not None:
            spent = f"cost={self.cost.startup:.2f}..{self.cost.total:.2f}"
            numbers += f" ({spent} rows={self.rows:.0f} width={self.width})"
        if self.actual is not None:
            took = "" if self.times is None else f"time={self.times[0]:.3f}..{self.times[1]:.3f} "
            numbers += f" (actual {took}rows={self.actual} loops=1)"
        numbers = numbers.rstrip()
        lines = [f"{lead}{self.title}{numbers}"]
        inner = " " * (2 if indent == 0 else 6 * indent + 2)
        lines.extend(f"{inner}{name}: {text}" for name, text in self.details)
        if self.memory:
            lines.append(inner + _in_one_line(self.memory))
        for part in self.inputs:
            lines.extend(part.as_lines(costs=costs, indent=indent + 1))
        return lines

    def as_dict(self, *, costs: bool = True) -> dict[str, Any]:
        """Return the JSON form."""
        result: dict[str, Any] = {"Node Type": self.title}
        if costs and self.cost is not None:
            result["Startup Cost"], result["Total Cost"] = round(self.cost.startup, 2), round(self.cost.total, 2)
            result["Plan Rows"], result["Plan Width"] = round(self.rows), self.width
        if self.actual is not None:
            if self.times is not None:
                result["Actual Startup Time"], result["Actual Total Time"] = (round(time, 3) for time in self.times)
            result["Actual Rows"], result["Actual Loops"] = self.actual, 1
        for name, text in self.details:
            result[name] = f"{result[name]}; {text}" if name in result else text
        result |= dict(self.memory)
        if self.inputs:
            result["Plans"] = [part.as_dict(costs=costs) for part in self.inputs]
        return result


def describe(
    plan: pn.PlanNode,
    session: Any,
    counts: dict[int, int] | None = None,
    reports: dict[int, Any] | None = None,
    *,
    is_verbose: bool = False,
    parameters: Sequence[Any] = (),
) -> Description:
    """Return the description of a physical plan; ``counts`` are actual rows by ``id`` of the node, ``reports`` what the
    nodes needed (``Execution.reports``). ``is_verbose``: with each node's output columns. ``parameters`` are the
    datums of the run, for estimates.
    """
    describer = _Describer(plan, session, Estimates(session, parameters), counts, _names(plan), reports or {})
    describer.is_verbose = is_verbose
    return describer.node(plan)


INPUTS = frozenset({"input", "left", "right", "start", "step", "ctes", "scans", "recheck"})
"""Attributes of nodes that are plans of their own."""

_SHORT = {
    "HashAgg Batches": "Batches",
    "Hash Batches": "Batches",
    "Peak Memory Usage": "Memory Usage",
}


def _in_one_line(memory: list[tuple[str, str | int]]) -> str:
    """Return what a node needed as PostgreSQL's text form has it."""
    facts = dict(memory)
    if "Sort Method" in facts:
        return f"Sort Method: {facts['Sort Method']}  {facts['Sort Space Type']}: {facts['Sort Space Used']}kB"
    if "Storage" in facts:
        return f"Storage: {facts['Storage']}  Maximum Storage: {facts['Maximum Storage']}kB"
    return "  ".join(
        f"{_SHORT.get(name, name)}: {value}{'' if name.endswith('Batches') else 'kB'}" for name, value in memory
    )


def _names(plan: pn.PlanNode) -> dict[int, str]:
    """Return what columns' sources are called."""
    from heliosdb.plan.rewrite import walk

    names: dict[int, str] = {}
    for node in walk(plan):
        if isinstance(node, pn.PlanNode) and hasattr(node, "source"):
            alias = getattr(node, "alias", "") or getattr(getattr(node, "relation", None), "name", "")
            names[node.source] = alias
    return names


class _Describer:
    def __init__(
        self,
        whole: pn.PlanNode,
        session: Any,
        estimates: Estimates,
        counts: dict[int, int] | None,
        names: dict[int, str],
        reports: dict[int, Any],
    ) -> None:
        self.reports = reports
        self.whole = whole
        self.is_verbose = False
        self.session = session
        self.estimates = estimates
        self.counts = counts
        self.names = names
        self.costs = Costs(estimates, session.registries.types)
        self.projections: dict[int, tuple[pn.OutputColumn, ...]] = {}

    def node(self, node: pn.PlanNode) -> Description:
        if isinstance(node, pn.Project) and not node.alias:
            # Computing the output is part of what is below, as in PostgreSQL.
            self.projections[node.source] = node.columns
            below = self.node(node.input)
            below.inputs.extend(self.subplans(node.expressions))
            if self.is_verbose:
                below.details = [detail for detail in below.details if detail[0] != "Output"]
                below.details.insert(0, ("Output", ", ".join(map(self.expression, node.expressions))))
            return below
        made = Description(self.title(node), self.estimates.rows(node))
        if self.counts is not None:
            made.actual = self.counts.get(id(node), 0)
            made.times = times_of(self.counts, node)
        made.cost, made.width = self.costs.of(node), self.costs.width(_columns_of(node))
        made.details = list(self.details(node))
        columns = _columns_of(node)
        if self.is_verbose and columns and not isinstance(node, pn.Filter):
            made.details.insert(0, ("Output", ", ".join(column.name or "?column?" for column in columns)))
        made.memory = self.memory(node)
        made.inputs = [self.node(part) for part in node.inputs]
        own = [getattr(node, attribute.name) for attribute in fields(type(node)) if attribute.name not in INPUTS]
        made.inputs.extend(self.subplans(own))
        if isinstance(node, pn.Filter) and made.inputs:
            below = made.inputs[0]
            below.details.extend(made.details)
            below.inputs.extend(made.inputs[1:])
            below.rows = made.rows
            below.actual, below.times = made.actual, made.times
            if type(node.input) is pn.Scan:
                unused = unused_indexes(node.input, node.condition, self.whole, self.estimates, self.session)
                below.details.extend(("Index Not Used", line) for line in unused)
            return below
        if isinstance(node, pn.IndexScan) and node.likely is not None:
            trouble = self.session.index_trouble(node.index.oid)
            if trouble is not None:
                made.details.append(("Index Not Used", f"{node.index.name}: {trouble}"))
        if isinstance(node, pn.Sort):
            made.details.extend(("Index Not Used", line) for line in unused_orders(node, self.estimates, self.session))
        for _, name, plan in getattr(node, "ctes", ()):
            described = self.node(plan)
            described.title = f"CTE {name}: {described.title}"
            described.memory = described.memory or self.storage(plan)
            made.inputs.insert(0, described)
        return made

    def subplans(self, expressions: Any) -> Iterator[Description]:
        """Yield the plans of the subqueries in a node's expressions."""
        found: list[ex.Subquery] = []

        def note(inner: object) -> object:
            if isinstance(inner, ex.Subquery):
                found.append(inner)
                return inner
            return inner if isinstance(inner, pn.PlanNode) else None

        rewritten(tuple(expressions), note)
        for subquery in found:
            made = self.node(subquery.plan)
            made.title = f"SubPlan: {made.title}"
            yield made

    def title(self, node: pn.PlanNode) -> str:
        match node:
            case pn.Scan():
                return f"Seq Scan on {_aliased(node.relation.name, node.alias)}"
            case pn.IndexScan():
                backward = " Backward" if node.descending else ""
                only = " Only" if isinstance(node, pn.IndexOnlyScan) else ""
                return (
                    f"Index{only} Scan{backward} using {node.index.name} on {_aliased(node.relation.name, node.alias)}"
                )
            case pn.IndexIntersection():
                names = ", ".join(part.index.name for part in node.scans)
                return f"Index Intersection using {names} on {_aliased(node.relation.name, node.alias)}"
            case pn.IndexUnion():
                names = ", ".join(dict.fromkeys(part.index.name for part in node.scans))
                return f"Index Union using {names} on {_aliased(node.relation.name, node.alias)}"
            case pn.HashJoin():
                return f"Hash {_kind(node.kind)}Join"
            case pn.Join():
                return (
                    f"Nested Loop {_kind(node.kind)}Join".replace(" Join", "")
                    if node.kind == "inner"
                    else (f"Nested Loop {_kind(node.kind)}Join")
                )
            case pn.Aggregate():
                return "HashAggregate" if node.groups else "Aggregate"
            case pn.Kept():
                return "Keyed Materialize" if node.keys else "Materialize"
            case pn.Window():
                return "WindowAgg"
            case pn.Sort():
                return "Sort" if node.top is None else "Top-N Sort"
            case pn.SetOperation():
                return f"{node.kind.capitalize()}{' All' if node.all else ''}"
            case pn.Project():
                return f"Subquery Scan on {node.alias}"
            case pn.CatalogScan():
                return f"Catalog Scan on {node.view.name}"
            case pn.FunctionScan():
                return f"Function Scan on {node.alias}"
            case pn.OneRow():
                return "Result"
            case pn.Values():
                return "Values Scan"
            case pn.CteScan():
                return f"CTE Scan on {node.name}"
            case pn.WorkTableScan():
                return f"WorkTable Scan on {node.name}"
            case pn.Insert() | pn.Update() | pn.Delete() | pn.Merge():
                return f"{type(node).__name__} on {node.relation.name}"
        return type(node).__name__

    def details(self, node: pn.PlanNode) -> list[tuple[str, str]]:
        show = self.expression
        match node:
            case pn.Filter():
                return [("Filter", show(node.condition))]
            case pn.HashJoin():
                keys = " AND ".join(
                    f"({show(a)} = {show(b)})" for a, b in zip(node.left_keys, node.right_keys, strict=True)
                )
                return [("Hash Cond", keys), *([("Join Filter", show(node.condition))] if node.condition else [])]
            case pn.Kept() if node.keys:
                pairs = zip(node.keys, node.values, strict=True)
                return [("Key", " AND ".join(f"({show(a)} = {show(b)})" for a, b in pairs))]
            case pn.Join() if node.condition is not None:
                return [("Join Filter", show(node.condition))]
            case pn.IndexScan():
                return self.index_condition(node)
            case pn.Aggregate() if node.groups:
                return [("Group Key", ", ".join(map(show, node.groups)))]
            case pn.Sort():
                keys = ", ".join(show(k.expression) + (" DESC" if k.descending else "") for k in node.keys)
                return [("Sort Key", keys)]
        return []

    def memory(self, node: pn.PlanNode) -> list[tuple[str, str | int]]:
        """Return what the node needed, as PostgreSQL's JSON form calls it."""
        report = self.reports.get(sum(map(id, node.inputs)) if isinstance(node, pn.Join) else id(node))
        if report is None:
            return self.storage(node)
        used, disk = _kilobytes(report.memory), _kilobytes(report.disk)
        if isinstance(node, pn.Sort | pn.Window):
            if disk:
                return [("Sort Method", "external merge"), ("Sort Space Used", disk), ("Sort Space Type", "Disk")]
            method = "quicksort" if getattr(node, "top", None) is None else "top-N heapsort"
            return [("Sort Method", method), ("Sort Space Used", used), ("Sort Space Type", "Memory")]
        batches = "Hash Batches" if isinstance(node, pn.Join) else "HashAgg Batches"
        memory: list[tuple[str, str | int]] = [(batches, report.batches), ("Peak Memory Usage", used)]
        return [*memory, ("Disk Usage", disk)] if disk else memory

    def storage(self, node: pn.PlanNode) -> list[tuple[str, str | int]]:
        """Return where the rows of a node are that are kept."""
        report = self.reports.get(-id(node))
        if report is None or not report.disk:
            return []
        return [("Storage", "Disk"), ("Maximum Storage", _kilobytes(report.disk))]

    def index_condition(self, node: pn.IndexScan) -> list[tuple[str, str]]:
        show = self.expression
        names = [
            node.relation.columns[key.column - 1].name if key.column else f"({key.expression})"
            for key in node.index.keys
        ]
        parts = [f"({name} = {show(value)})" for name, value in zip(names, node.equal, strict=False)]
        at = len(node.equal)
        if node.in_list:
            parts.append(f"({names[at]} = ANY ({', '.join(map(show, node.in_list))}))")
            at += 1
        if node.low is not None:
            parts.append(f"({names[at]} {'>=' if node.low_inclusive else '>'} {show(node.low)})")
        if node.high is not None:
            parts.append(f"({names[at]} {'<=' if node.high_inclusive else '<'} {show(node.high)})")
        if node.nearest is not None:
            return [("Order By", f"({names[0]} {node.nearest[0]} {show(node.nearest[1])})")]
        if node.argument is not None:
            return [("Index Cond", f"({names[0]} strategy {node.strategy} {show(node.argument)})")]
        return [("Index Cond", " AND ".join(parts))] if parts else []

    def field_name(self, node: ex.FieldSelection) -> str:
        found = self.session.types.find(node.operand.type)
        fields = () if found is None else found.attributes
        return str(fields[node.index][0]) if node.index < len(fields) else f"f{node.index + 1}"

    def subscript(self, bounds: tuple[Any, Any]) -> str:
        lower, upper = bounds
        shown = "" if lower is None else self.expression(lower)
        return f"[{shown}]" if upper is None else f"[{shown}:{self.expression(upper)}]"

    def expression(self, node: Any) -> str:
        """Return an expression as SQL, near enough to read."""
        show = self.expression
        match node:
            case ex.Column():
                name = node.name or f"column{node.index + 1}"
                source = self.names.get(node.source, "")
                return f"{source}.{name}" if source and len(self.names) > 1 else name
            case ex.Constant():
                if node.value is None:
                    return "NULL"
                text: str = self.session.registries.types.output(node.type)(node.value, self.session)
                if node.type in ("int2", "int4", "int8", "numeric", "bool", "float8"):
                    return text
                return "'" + text.replace("'", "''") + "'"
            case ex.Parameter():
                return f"${node.number}"
            case ex.Call() if isinstance(node.function, FormFunction):
                return show(node.arguments[0])
            case ex.Call():
                arguments = [show(argument) for argument in node.arguments]
                if node.operator is not None and len(arguments) == 2:
                    return f"({arguments[0]} {node.operator} {arguments[1]})"
                if node.operator is not None:
                    return f"({node.operator} {arguments[0]})"
                return f"{node.function.name}({', '.join(arguments)})"
            case ex.And() | ex.Or():
                word = " AND " if isinstance(node, ex.And) else " OR "
                return f"({word.join(map(show, node.arguments))})"
            case ex.Not():
                return f"(NOT {show(node.operand)})"
            case ex.IsNull():
                return f"({show(node.operand)} IS {'NOT ' if node.negated else ''}NULL)"
            case ex.Convert() | ex.CoerceTypmod():
                return f"({show(node.operand)})::{self.session.registries.types.format(node.type, node.typmod)}"
            case ex.InList():
                items = ", ".join(map(show, node.items))
                return f"({show(node.operand)} {'<> ALL' if node.negated else '= ANY'} ({items}))"
            case ex.AnyAll() if isinstance(node.comparison, ex.Call) and isinstance(node.array, ex.Constant):
                left, word = node.comparison.arguments[0], "ALL" if node.all else "ANY"
                return f"({show(left)} {node.comparison.operator} {word} ({show(node.array)}))"
            case ex.Subquery():
                return f"({node.kind.value.upper()} SubPlan)"
            case ex.Case():
                return "CASE"
            case ex.FieldSelection():
                return f"({show(node.operand)}).{self.field_name(node)}"
            case ex.Coalesce():
                return f"COALESCE({', '.join(map(show, node.arguments))})"
            case ex.MinMax():
                return f"{'GREATEST' if node.greatest else 'LEAST'}({', '.join(map(show, node.arguments))})"
            case ex.NullIf():
                return f"NULLIF({', '.join(map(show, node.equality.arguments))})"
            case ex.BooleanTest():
                word = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}[node.value]
                return f"({show(node.operand)} IS {'NOT ' if node.negated else ''}{word})"
            case ex.IsDistinct():
                words = " IS NOT DISTINCT FROM " if node.negated else " IS DISTINCT FROM "
                return f"({words.join(map(show, node.equality.arguments))})"
            case ex.ArrayConstructor():
                return f"ARRAY[{', '.join(map(show, node.elements))}]"
            case ex.RowConstructor():
                return f"ROW({', '.join(map(show, node.fields))})"
            case ex.AnyAll() if isinstance(node.comparison, ex.Call) and node.comparison.operator is not None:
                word = "ALL" if node.all else "ANY"
                return f"({show(node.comparison.arguments[0])} {node.comparison.operator} {word} ({show(node.array)}))"
            case ex.Subscript():
                return show(node.operand) + "".join(map(self.subscript, node.subscripts))
        return type(node).__name__


def _kilobytes(size: int) -> int:
    return (size + 1023) // 1024


def _columns_of(node: pn.PlanNode) -> tuple[pn.OutputColumn, ...]:
    columns: tuple[pn.OutputColumn, ...] | None = getattr(node, "columns", None)
    if columns is not None:
        return columns
    return tuple(column for part in node.inputs for column in _columns_of(part))


class TimedCounts(dict[int, int]):
    """Counts of rows that note when each node gave its first and its last one."""

    def __init__(self) -> None:
        super().__init__()
        self.started = perf_counter()
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}

    def __setitem__(self, number: int, count: int) -> None:
        now = perf_counter()
        if number not in self.first:
            self.first[number] = now
        self.last[number] = now
        super().__setitem__(number, count)


def times_of(counts: dict[int, int], node: pn.PlanNode) -> tuple[float, float] | None:
    """Return when a node gave its first and last row, where that was noted and there was one."""
    if not isinstance(counts, TimedCounts) or id(node) not in counts.first:
        return None
    return tuple((at[id(node)] - counts.started) * 1000 for at in (counts.first, counts.last))  # type: ignore[return-value]


def _aliased(name: str, alias: str) -> str:
    return f"{name} {alias}" if alias and alias != name else name


def _kind(kind: str) -> str:
    return "" if kind == "inner" else f"{kind.capitalize()} "
