"""Window functions: collect the rows, sort them by partition and order, compute each call a partition at a time.

Calls that share a specification share the sort and the frames. A partition is handed to a window function whole; an
aggregate over a frame that only grows (the default) keeps its state from row to row, any other frame is aggregated
anew, or by the aggregate's inverse where it has one.

Rows that are too many are sorted in runs. What comes of them is handed to the same functions some partitions at a time;
a partition that is too large by itself becomes a sequence in a file, and so do its keys, arguments and results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.codegen import window_runtime
from heliosdb.codegen.aggregate import concrete_aggregate, final_value, initial_state, write_step
from heliosdb.codegen.atoms import is_null
from heliosdb.codegen.sort import as_pair, sort_passes
from heliosdb.codegen.spill_sort import SortRuns
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.types.definitions import Aggregate, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


SHARE = 2
"""Which part of ``work_mem`` the rows of a window may take."""


def produce_window(pipelines: Pipelines, node: pn.Window, consume: Consume) -> None:
    """Collect the input, append the calls' results to each row, go on in the order of the last sort."""
    function, source = pipelines.function, pipelines.source
    rows = source.fresh("m")
    sources = node.input.sources
    # What sorts needs the bindings, which exist only once the input is produced, and is put in front of it afterwards.
    mark = len(function.lines)
    pipelines.produce(node.input, lambda: function.line(f"{rows}.append({pipelines.pack(sources)})"))
    produced = function.lines[mark:]
    del function.lines[mark:]
    target = pipelines.unpacked(pipelines.names(sources))
    specifications: dict[Any, list[int]] = {}
    for index, call in enumerate(node.calls):
        specifications.setdefault(call.specification, []).append(index)
    results = {index: source.fresh("w") for index in range(len(node.calls))}
    # Later sorts reorder the rows, so results are kept with their row: each round makes (row, *results) tuples anew.
    done: list[int] = []
    runs = ""
    run_round = source.bind(window_runtime.run_round, "f")
    rounds: list[str] = []
    for specification, indexes in specifications.items():
        packed_target = f"({target}, {''.join(f'{results[i]}, ' for i in done)})" if done else target
        keys = (*specification.partition_by, *specification.order_by)
        passes = _passes(pipelines, keys, packed_target)
        if not rounds:
            runs = _write_rows(pipelines, node, rows, passes)
        boundary = _key_function(pipelines, specification.partition_by, packed_target)
        step = _write_round(pipelines, node, specification, indexes, packed_target, is_first=not done)
        is_sorted = bool(runs) and not rounds
        rounds.append(f"{rows} = {run_round}(x, {rows}, {'()' if is_sorted else passes}, {boundary}, {step})")
        done.extend(indexes)
    function.lines.extend(produced)
    pipelines.kept(rows, runs)
    for line in rounds:
        function.line(line)
    for index in done:
        pipelines.null_values[results[index]] = "None"
    final = f"({target}, {''.join(f'{results[i]}, ' for i in done)})"
    function.open(f"for {final} in {rows}:", loop=True)
    pipelines.bind_locals(node.source, dict(results))
    consume()


def _write_rows(pipelines: Pipelines, node: pn.Window, rows: str, passes: str) -> str:
    """Write the list that the input is collected in; return what watches it, and sorts it where there is an order."""
    function, source = pipelines.function, pipelines.source
    if passes == "()":
        return pipelines.keep(rows, node)
    function.line(f"{rows} = []")
    if not pipelines.may_spill:
        return ""
    runs = source.fresh("w")
    function.line(f"{runs} = {source.bind(SortRuns, 'f')}(x, {rows}, {passes}{pipelines.asked_by(node)})")
    # Beside the rows stand their keys, arguments and results.
    function.line(f"{runs}.share({SHARE})")
    return runs


def _passes(pipelines: Pipelines, keys: tuple[ex.SortKey, ...], target: str) -> str:
    """Write the key functions of a sort; return source of its passes."""
    return f"({''.join(f'{as_pair(arguments)}, ' for arguments in sort_passes(pipelines, keys, target))})"


def _write_round(
    pipelines: Pipelines, node: pn.Window, specification: Any, indexes: list[int], target: str, *, is_first: bool
) -> str:
    """Write the function that appends the results of the calls of one specification to sorted rows: to a list of whole
    partitions, or to the rows of a large one, wherever they are. Return its name.
    """
    function, source = pipelines.function, pipelines.source
    computes = [_compute(pipelines, node.calls[index]) for index in indexes]
    name, rows, like = source.fresh("g"), source.fresh("m"), source.bind(window_runtime.like, "f")
    run = source.bind(window_runtime.evaluate, "f")
    loops, function.loops = function.loops, 0
    with function.block(f"def {name}({rows}):"):
        partition_keys = _key_list(pipelines, specification.partition_by, rows, target)
        order_keys = _key_list(pipelines, specification.order_by, rows, target)
        bounds = _bounds(pipelines, specification, rows, target)
        columns: list[str] = []
        for index, compute in zip(indexes, computes, strict=True):
            call = node.calls[index]
            arguments = []
            for argument in call.arguments:
                column = source.fresh("l")
                if _plain(pipelines.value(argument)):
                    values = f"{pipelines.value(argument)} for {target} in {rows}"
                    function.line(f"{column} = [{values}] if type({rows}) is list else {like}(x, {rows}, ({values}))")
                else:
                    function.line(
                        f"{column} = {like}(x, {rows}, map({_row_function(pipelines, argument, target)}, {rows}))"
                    )
                arguments.append(column)
            keep = "None"
            if call.filter is not None:
                keep = source.fresh("l")
                function.line(
                    f"{keep} = {like}(x, {rows}, map({_row_function(pipelines, call.filter, target)}, {rows}))"
                )
            result = source.fresh("l")
            function.line(
                f"{result} = {run}(x, {compute}, {rows}, {partition_keys}, {order_keys}, {bounds}, "
                f"({''.join(f'{a}, ' for a in arguments)}), {keep})"
            )
            columns.append(result)
        merged = "".join(f", {c}" for c in columns)
        if is_first:
            function.line(f"return zip({rows}{merged})")
        else:
            function.line(f"return ((*item, *new) for item, *new in zip({rows}{merged}))")
    function.loops = loops
    return name


def _plain(text: str) -> bool:
    return ":=" not in text


def _row_function(pipelines: Pipelines, expression: ex.Expression, target: str) -> str:
    """Write a function of a collected row; return its name."""
    function, name = pipelines.function, pipelines.source.fresh("k")
    with function.block(f"def {name}(item):"):
        function.line(f"{target} = item")
        function.line(f"return {pipelines.value(expression)}")
    return name


def _key_function(pipelines: Pipelines, keys: tuple[ex.SortKey, ...], target: str) -> str:
    """Write the function of a row's keys (sort keys, equal exactly for peers); ``None`` without keys."""
    if not keys:
        return "None"
    function, name = pipelines.function, pipelines.source.fresh("k")
    with function.block(f"def {name}(item):"):
        function.line(f"{target} = item")
        parts = "".join(f"{pipelines.expressions.sorted_by(key.expression, key.ordering)}, " for key in keys)
        function.line(f"return ({parts})")
    return name


def _key_list(pipelines: Pipelines, keys: tuple[ex.SortKey, ...], rows: str, target: str) -> str:
    """Write the list of the rows' keys."""
    name = _key_function(pipelines, keys, target)
    if name == "None":
        return name
    result, like = pipelines.source.fresh("l"), pipelines.source.bind(window_runtime.like, "f")
    pipelines.function.line(f"{result} = {like}(x, {rows}, map({name}, {rows}))")
    return result


def _bounds(pipelines: Pipelines, specification: ex.WindowSpecification, rows: str, target: str) -> str:
    """Return source of the frame: a ``window_runtime.Frame``."""
    offsets = []
    for bound in (specification.start, specification.end):
        offsets.append("None" if bound.offset is None else pipelines.value(bound.offset))
    frame = pipelines.source.bind(window_runtime.Frame, "f")
    values, in_range = "None", "None"
    if specification.mode == "range" and any(text != "None" for text in offsets):
        (key,) = specification.order_by
        values = pipelines.source.fresh("l")
        like = pipelines.source.bind(window_runtime.like, "f")
        read = _row_function(pipelines, key.expression, target)
        pipelines.function.line(f"{values} = {like}(x, {rows}, map({read}, {rows}))")
        add = (
            None if specification.range_add is None else resolve_implementation(specification.range_add.implementation)
        )
        subtract = (
            None
            if specification.range_subtract is None
            else resolve_implementation(specification.range_subtract.implementation)
        )
        compared = key.expression.type
        convert = None
        if specification.range_add is not None and specification.range_add.returns != compared:
            # date + interval is a timestamp, so the dates are compared as timestamps.
            cast = pipelines.registries.casts[compared, specification.range_add.returns]
            convert = None if cast.implementation is None else resolve_implementation(cast.implementation)
        ordering = key.ordering
        sort_key = None if ordering.identity or ordering.sort_key is None else resolve_implementation(ordering.sort_key)
        in_range = pipelines.source.bind((add, subtract, convert, sort_key, key.descending, key.nulls_first), "q")
    start, end = specification.start.kind, specification.end.kind
    shape = pipelines.source.bind((specification.mode, start, end, specification.exclusion), "q")
    return f"{frame}({shape}, {offsets[0]}, {offsets[1]}, {values}, {in_range})"


def _compute(pipelines: Pipelines, call: ex.WindowCall) -> str:
    """Return source of the object that computes the call for a partition."""
    source = pipelines.source
    if not isinstance(call.function, Aggregate):
        implementation = resolve_implementation(call.function.implementation)
        return source.bind(window_runtime.Whole(implementation), "w")
    aggregate = concrete_aggregate(call.function, call, pipelines)
    function = pipelines.function
    slots = [source.fresh("s") for _ in initial_state(pipelines, aggregate)]
    arguments = [source.fresh("a") for _ in call.arguments]
    state = f"({''.join(f'{slot}, ' for slot in slots)})"
    start, step, final = source.fresh("k"), source.fresh("k"), source.fresh("k")
    with function.block(f"def {start}():"):
        function.line(f"return ({''.join(f'{text}, ' for text in initial_state(pipelines, aggregate))})")
    with function.block(f"def {step}(state, {', '.join(arguments)}):" if arguments else f"def {step}(state):"):
        if aggregate.strict and arguments:
            function.line(f"if {' or '.join(map(is_null, arguments))}: return state")
        function.line(f"{state} = state")
        write_step(pipelines, aggregate, arguments, slots)
        function.line(f"return {state}")
    with function.block(f"def {final}(state):"):
        function.line(f"{state} = state")
        function.line(f"return {final_value(pipelines, aggregate, slots, [])}")
    undo, reversible = "None", "None"
    if aggregate.inverse is not None or aggregate.inline_inverse:
        undo = source.fresh("k")
        with function.block(f"def {undo}({', '.join(['state', *arguments])}):"):
            function.line(f"{state} = state")
            write_step(pipelines, aggregate, arguments, slots, back=True)
            function.line(f"return {state}")
        if aggregate.reversible is not None:
            reversible = source.bind(resolve_implementation(aggregate.reversible), "f")
    wrapper = source.bind(window_runtime.OverFrame, "f")
    return f"{wrapper}({start}, {step}, {final}, {undo}, {reversible}, {aggregate.strict}, {aggregate.associative})"


PRODUCERS: dict[type, Producer] = {pn.Window: produce_window}
