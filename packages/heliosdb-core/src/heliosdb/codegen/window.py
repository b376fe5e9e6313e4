"""Window functions: collect the rows, sort them by partition and order, compute each call a partition at a time.

Calls that share a specification share the sort and the frames. A partition is handed to a window function whole; an
aggregate over a frame that only grows (the default) keeps its state from row to row, any other frame is aggregated
anew, or by the aggregate's inverse where it has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.codegen import window_runtime
from heliosdb.codegen.aggregate import concrete_aggregate, final_value, initial_state, write_step
from heliosdb.codegen.atoms import is_null
from heliosdb.codegen.sort import sort_passes
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.types.definitions import Aggregate, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


def produce_window(pipelines: Pipelines, node: pn.Window, consume: Consume) -> None:
    """Collect the input, append the calls' results to each row, go on in the order of the last sort."""
    function, source = pipelines.function, pipelines.source
    rows = source.fresh("m")
    sources = node.input.sources
    function.line(f"{rows} = []")
    pipelines.produce(node.input, lambda: function.line(f"{rows}.append({pipelines.pack(sources)})"))
    names = pipelines.names(sources)
    target = pipelines.unpacked(names)
    specifications: dict[Any, list[int]] = {}
    for index, call in enumerate(node.calls):
        specifications.setdefault(call.specification, []).append(index)
    results = {index: source.fresh("w") for index in range(len(node.calls))}
    # Later sorts reorder the rows, so results are kept with their row: each round makes (row, *results) tuples anew.
    done: list[int] = []
    for specification, indexes in specifications.items():
        packed_target = f"({target}, {''.join(f'{results[i]}, ' for i in done)})" if done else target
        keys = (*specification.partition_by, *specification.order_by)
        for passes in sort_passes(pipelines, keys, packed_target):
            function.line(f"{rows}.sort({passes})")
        partition_keys = _key_list(pipelines, specification.partition_by, rows, packed_target)
        order_keys = _key_list(pipelines, specification.order_by, rows, packed_target)
        bounds = _bounds(pipelines, specification, rows, packed_target)
        columns: list[str] = []
        for index in indexes:
            call = node.calls[index]
            arguments = []
            for argument in call.arguments:
                column = source.fresh("l")
                function.line(
                    f"{column} = [{pipelines.value(argument)} for {packed_target} in {rows}]"
                    if _plain(pipelines.value(argument))
                    else f"{column} = list(map({_row_function(pipelines, argument, packed_target)}, {rows}))"
                )
                arguments.append(column)
            keep = "None"
            if call.filter is not None:
                keep = source.fresh("l")
                function.line(f"{keep} = list(map({_row_function(pipelines, call.filter, packed_target)}, {rows}))")
            compute = _compute(pipelines, call)
            result = source.fresh("l")
            run = source.bind(window_runtime.evaluate, "f")
            function.line(
                f"{result} = {run}(x, {compute}, {rows}, {partition_keys}, {order_keys}, {bounds}, "
                f"({''.join(f'{a}, ' for a in arguments)}), {keep})"
            )
            columns.append(result)
        merged = "".join(f", {c}" for c in columns)
        if done:
            function.line(f"{rows} = [(*item, *new) for item, *new in zip({rows}{merged})]")
        else:
            function.line(f"{rows} = list(zip({rows}{merged}))")
        done.extend(indexes)
    for index in done:
        pipelines.null_values[results[index]] = "None"
    final = f"({target}, {''.join(f'{results[i]}, ' for i in done)})"
    function.open(f"for {final} in {rows}:", loop=True)
    pipelines.bind_locals(node.source, dict(results))
    consume()


def _plain(text: str) -> bool:
    return ":=" not in text


def _row_function(pipelines: Pipelines, expression: ex.Expression, target: str) -> str:
    """Write a function of a collected row; return its name."""
    function, name = pipelines.function, pipelines.source.fresh("k")
    with function.block(f"def {name}(item):"):
        function.line(f"{target} = item")
        function.line(f"return {pipelines.value(expression)}")
    return name


def _key_list(pipelines: Pipelines, keys: tuple[ex.SortKey, ...], rows: str, target: str) -> str:
    """Write the list of the rows' keys (sort keys, equal exactly for peers); ``None`` without keys."""
    if not keys:
        return "None"
    function, name, result = pipelines.function, pipelines.source.fresh("k"), pipelines.source.fresh("l")
    with function.block(f"def {name}(item):"):
        function.line(f"{target} = item")
        parts = "".join(f"{pipelines.expressions.sorted_by(key.expression, key.ordering)}, " for key in keys)
        function.line(f"return ({parts})")
    function.line(f"{result} = list(map({name}, {rows}))")
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
        pipelines.function.line(f"{values} = list(map({_row_function(pipelines, key.expression, target)}, {rows}))")
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
