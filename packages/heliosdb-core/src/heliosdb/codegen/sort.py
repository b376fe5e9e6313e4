"""ORDER BY, LIMIT and DISTINCT.

A sort collects (key, carriers) and sorts the list by the key; keys that run in the same direction, and integer keys
in either, become one tuple. What is left needs a pass for each change of direction (the sort is stable, so the last
keys go first). NULLs are placed by a flag in front of a nullable key. With a known LIMIT the list is cut back to the
best rows whenever it has grown to twice that size, so that memory stays proportional to the limit.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from heliosdb.codegen import runtime
from heliosdb.codegen.pipeline import columns_of, cut_key
from heliosdb.codegen.pruning import top_bound
from heliosdb.codegen.source import MAX_LOOPS
from heliosdb.codegen.spill import MOST_LINES
from heliosdb.codegen.spill_groups import NO_OVERFLOW, GroupOverflow
from heliosdb.codegen.spill_sort import SortRuns
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sorting import sort_rows

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


def sort_passes(pipelines: Pipelines, keys: tuple[ex.SortKey, ...], target: str) -> list[str]:
    """Return the arguments of each ``list.sort`` call, in the order in which they have to run.

    ``target`` is the pattern that unpacks an element of the list.
    """
    passes: list[tuple[bool, list[str]]] = []
    for key in keys:
        text = pipelines.expressions.sorted_by(key.expression, key.ordering)
        parts = [text]
        if key.expression.nullable:
            evaluated = text if text.isidentifier() else None
            flag = "is None" if key.nulls_first == key.descending else "is not None"
            if evaluated is None:
                name = pipelines.source.fresh("t")
                parts = [f"({name} := {text}) {flag}", name]
            else:
                parts = [f"{text} {flag}", text]
        if passes and passes[-1][0] == key.descending:
            passes[-1][1].extend(parts)
        else:
            passes.append((key.descending, parts))
    arguments = []
    for descending, parts in reversed(passes):
        body = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        name = pipelines.source.fresh("k")
        function = [f"def {name}({'item' if not target.isidentifier() else target}):"]
        if not target.isidentifier():
            function.append(f" {target} = item")
        function.append(f" return {body}")
        for line in function:
            pipelines.function.line(line)
        arguments.append(f"key={name}" + (", reverse=True" if descending else ""))
    return arguments


def one_pass_key(pipelines: Pipelines, keys: tuple[ex.SortKey, ...]) -> tuple[str, bool] | None:
    """Return (source of one key for all of ORDER BY, whether it runs backwards), None where directions cannot be
    joined.

    A key of integers that runs the other way is negated.
    """
    descending = keys[0].descending
    parts: list[str] = []
    for key in keys:
        turned = key.descending != descending
        if turned and key.expression.type not in _NEGATABLE:
            return None
        text = pipelines.expressions.sorted_by(key.expression, key.ordering)
        sign = "-" if turned else ""
        if not key.expression.nullable:
            parts.append(f"{sign}{text}")
            continue
        name = pipelines.local(text)
        # The flag sorts NULLs to their end of the list, seen in the direction of the whole key.
        parts.append(f"{name} is {'not ' if key.nulls_first != descending else ''}None")
        parts.append(f"0 if {name} is None else -{name}" if turned else name)
    return (parts[0] if len(parts) == 1 else f"({', '.join(parts)})"), descending


_NEGATABLE = frozenset({"int2", "int4", "int8", "date", "time", "timestamp", "timestamptz", "oid"})


def produce_sort(pipelines: Pipelines, node: pn.Sort, consume: Consume) -> None:
    """Collect, sort, go on in order."""
    mixed = any(
        key.descending != node.keys[0].descending and key.expression.type not in _NEGATABLE for key in node.keys
    )
    if mixed:
        return _sort_in_passes(pipelines, node, consume)
    function, source = pipelines.function, pipelines.source
    rows, add, top, worst = source.fresh("m"), source.fresh("d"), None, source.fresh("k")
    sources = node.input.sources
    first, sort = source.bind(itemgetter(0), "f"), source.bind(sort_rows, "f")
    bound = None
    if node.top is not None:
        top = _write_top(pipelines, node)
        function.line(f"{worst} = None")
        bound = top_bound(pipelines, node)
        if bound is not None:
            function.line(f"{bound.variable} = None")
            pipelines.bounds[bound.source] = bound
    function.line(f"{rows} = []; {add} = {rows}.append")
    runs = source.fresh("w") if pipelines.may_spill else ""
    if runs:
        passes = f"(({first}, {node.keys[0].descending}),)"
        function.line(f"{runs} = {source.bind(SortRuns, 'f')}(x, {rows}, {passes}{pipelines.asked_by(node)})")
    reverse = ", reverse=True" if node.keys[0].descending else ""

    def collect() -> None:
        found = one_pass_key(pipelines, node.keys)
        assert found is not None
        key, descending = found
        if top is None:
            function.line(f"{add}(({key}, {pipelines.pack(sources)}))")
            return
        name = pipelines.local(key, "k")
        # Rows that could not be among the first any more are not even kept.
        function.open(f"if {worst} is None or {name} {'>' if descending else '<'} {worst}:")
        function.line(f"{add}(({name}, {pipelines.pack(sources)}))")
        function.open(f"if {top} is not None and len({rows}) >= 2 * {top} + 100:")
        function.line(f"{sort}({rows}, {first}{reverse}); del {rows}[{top}:]")
        with function.block(f"if {rows}:"):
            function.line(f"{worst} = {rows}[-1][0]")
            if bound is not None:
                part = f"[{int(bound.nullable)}]" if bound.nullable or not bound.is_strict else ""
                function.line(f"{bound.variable} = {worst}{part}")

    pipelines.produce(node.input, collect)
    _write_sorted(pipelines, rows, runs, top, f"{sort}({rows}, {first}{reverse})")
    names = pipelines.unpacked(pipelines.names(sources))
    function.open(f"for _, {names} in {rows}:", loop=True)
    consume()


def _write_sorted(pipelines: Pipelines, rows: str, runs: str, top: str | None, sort: str) -> None:
    """Write what sorts the rows when all are there, and cuts them to the first ones."""
    function = pipelines.function
    if runs:
        function.line(f"{rows} = {runs}.rows({top or ''})")
        return
    function.line(sort)
    if top is not None:
        function.line(f"if {top} is not None: del {rows}[{top}:]")


def _write_top(pipelines: Pipelines, node: pn.Sort) -> str:
    """Write how many rows are wanted at most; return the variable (None at run time: all)."""
    function, top = pipelines.function, pipelines.source.fresh("n")
    count = pipelines.source.bind(runtime.row_count, "f")
    assert node.top is not None
    function.line(f"{top} = {count}({pipelines.value(node.top)}, 'LIMIT')")
    if node.skip is not None:
        function.line(f"if {top} is not None: {top} += {count}({pipelines.value(node.skip)}, 'OFFSET') or 0")
    return top


def _sort_in_passes(pipelines: Pipelines, node: pn.Sort, consume: Consume) -> None:
    """Sort by several keys of mixed direction: a stable sort for each change of direction."""
    function, source = pipelines.function, pipelines.source
    rows = source.fresh("m")
    sources = node.input.sources
    top = None
    if node.top is not None:
        top = _write_top(pipelines, node)
    function.line(f"{rows} = []")
    add = source.fresh("d")
    function.line(f"{add} = {rows}.append")
    # The key functions need the bindings, which exist only once the input is produced: they are put in front of it
    # afterwards.
    sorter = source.fresh("g")

    def collect() -> None:
        function.line(f"{add}({pipelines.pack(sources)})")
        if top is not None:
            sort = f"{runs}.sort()" if runs else f"{sorter}({rows})"
            function.line(f"if {top} is not None and len({rows}) >= 2 * {top} + 1000: {sort}; del {rows}[{top}:]")

    runs = source.fresh("w") if pipelines.may_spill else ""
    mark = len(function.lines)
    pipelines.produce(node.input, collect)
    produced = function.lines[mark:]
    del function.lines[mark:]
    loops, function.loops = function.loops, 0
    with function.block(f"def {sorter}({rows}):"):
        target = pipelines.unpacked(pipelines.names(sources))
        passes = sort_passes(pipelines, node.keys, target)
        if runs:
            function.line(f"return ({''.join(f'{as_pair(arguments)}, ' for arguments in passes)})")
        else:
            for arguments in passes:
                function.line(f"{source.bind(sort_rows, 'f')}({rows}, {arguments})")
    function.loops = loops
    if runs:
        function.line(f"{runs} = {source.bind(SortRuns, 'f')}(x, {rows}, {sorter}({rows}){pipelines.asked_by(node)})")
    function.lines.extend(produced)
    _write_sorted(pipelines, rows, runs, top, f"{sorter}({rows})")
    pipelines.loop_rows(rows, sources, consume)


def as_pair(arguments: str) -> str:
    """Return (key function, whether it runs backwards) of the arguments of ``list.sort``."""
    key, _, reverse = arguments.removeprefix("key=").partition(", ")
    return f"({key}, {bool(reverse)})"


def produce_limit(pipelines: Pipelines, node: pn.Limit, consume: Consume) -> None:
    """Skip and stop. The input runs in a generator, so that stopping it is a return."""
    function, source = pipelines.function, pipelines.source
    count = source.bind(runtime.row_count, "f")
    limit, offset, number = source.fresh("n"), source.fresh("n"), source.fresh("n")
    if node.limit is not None:
        function.line(f"{limit} = {count}({pipelines.value(node.limit)}, 'LIMIT')")
    if node.offset is not None:
        function.line(f"{offset} = {count}({pipelines.value(node.offset)}, 'OFFSET') or 0")
    sources = node.input.sources
    name, out = source.fresh("g"), source.fresh("o")
    loops, function.loops = function.loops, 0
    with function.block(f"def {name}():"):
        function.line(f"{out} = []")
        if node.limit is not None:
            function.line(f"if {limit} == 0: return")
        if node.offset is not None or node.limit is not None:
            function.line(f"{number} = 0")
        end = f"{limit} + {offset}" if node.offset is not None else limit
        last = source.fresh("k")
        if node.ties:
            function.line(f"{last} = None")

        def take() -> None:
            if node.offset is None and node.limit is None:
                function.line(f"{out}.append({pipelines.pack(sources)})")
                return
            function.line(f"{number} += 1")
            if node.ties and node.limit is not None:
                keys = "".join(f"{pipelines.expressions.sorted_by(k.expression, k.ordering)}, " for k in node.ties)
                key = pipelines.local(f"({keys})")
                function.line(f"if {limit} is not None and {number} > {end} and {key} != {last}:")
                function.line(f" yield {out}; return")
                function.line(f"if {limit} is not None and {number} <= {end}: {last} = {key}")
            if node.offset is not None and node.skips:
                function.open(f"if {number} > {offset}:")
            function.line(f"{out}.append({pipelines.pack(sources)})")
            if node.limit is not None and not node.ties:
                known = "" if node.offset is None else f"{limit} is not None and "
                function.line(f"if {known}{number} == {end}:")
                function.line(f" yield {out}; return")
            function.line(f"if len({out}) >= 1024: yield {out}; {out} = []")

        pipelines.produce(node.input, take)
        function.line(f"yield {out}")
    function.loops = loops
    pipelines.loop_over(f"{name}()", sources, consume)


def produce_distinct(pipelines: Pipelines, node: pn.Distinct, consume: Consume) -> None:
    """DISTINCT remembers the keys it saw; of rows that come sorted (DISTINCT ON) the last one is enough."""
    if node.on:
        return _produce_distinct_on(pipelines, node, consume)
    function, source = pipelines.function, pipelines.source
    seen, see = source.fresh("h"), source.fresh("h")
    function.line(f"{seen} = set(); {see} = {seen}.add")
    first_body = 0

    def keep() -> None:
        nonlocal first_body
        (number,) = node.input.sources
        columns = columns_of(node.input)
        key = _distinct_key(
            pipelines,
            node,
            tuple(ex.Column(source=number, index=i, type=c.type, nullable=c.nullable) for i, c in enumerate(columns)),
        )
        start = len(function.lines)
        function.open(f"if {key} not in {seen}:")
        if overflow:
            # A row that has no room among those seen is looked at later.
            function.line(f"if {overflow}.is_full: {overflow}.put({key}, {pipelines.pack(sources)})")
            function.open("else:")
        function.line(f"{see}({key})")
        consume()
        first_body = first_body or len(function.lines) - start

    sources = node.input.sources
    overflow = source.fresh("w") if pipelines.may_spill else ""
    begin = len(function.lines)
    if overflow:
        function.line(f"{overflow} = {source.bind(GroupOverflow, 'f')}(x, {seen}{pipelines.asked_by(node)})")
    pipelines.produce(node.input, keep)
    if not overflow:
        return
    if first_body > MOST_LINES or function.loops + 2 >= MAX_LOOPS:
        # What follows would have to be written a second time.
        pipelines.missing_cuts.add(cut_key(node))
        header = function.lines[begin]
        indent = header[: len(header) - len(header.lstrip())]
        function.lines[begin] = f"{indent}{overflow} = {source.bind(NO_OVERFLOW, 'f')}"
        return
    part = source.fresh("b")
    function.open(f"for {part} in iter({overflow}.next, None):", loop=True)
    pipelines.loop_rows(part, sources, keep)


def _produce_distinct_on(pipelines: Pipelines, node: pn.Distinct, consume: Consume) -> None:
    function, last = pipelines.function, pipelines.source.fresh("k")
    function.line(f"{last} = x")

    def keep() -> None:
        key = _distinct_key(pipelines, node, node.on)
        function.open(f"if {key} != {last}:")
        function.line(f"{last} = {key}")
        consume()

    pipelines.produce(node.input, keep)


def _distinct_key(pipelines: Pipelines, node: pn.Distinct, expressions: tuple[ex.Expression, ...]) -> str:
    parts = [
        pipelines.expressions.hashed(e, node.classes[i] if node.classes else None) for i, e in enumerate(expressions)
    ]
    return pipelines.local(parts[0] if len(parts) == 1 else f"({''.join(f'{p}, ' for p in parts)})", "k")


PRODUCERS: dict[type, Producer] = {pn.Sort: produce_sort, pn.Limit: produce_limit, pn.Distinct: produce_distinct}
