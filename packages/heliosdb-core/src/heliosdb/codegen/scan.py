"""Leaves of a plan: rows of relations and indexes, virtual catalog views, literal rows, set-returning functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from heliosdb.codegen import runtime
from heliosdb.codegen.atoms import is_not_null
from heliosdb.codegen.index_keys import key_shape
from heliosdb.codegen.parameter_rows import ParameterRows
from heliosdb.codegen.pruning import open_bounded_blocks
from heliosdb.encoding.keys import MAX, MIN, KeyShape
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.types.definitions import CallTypes, RowShape, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer
    from heliosdb.codegen.source import Function


def produce_one_row(pipelines: Pipelines, node: pn.OneRow, consume: Consume) -> None:
    """One row without columns: just go on."""
    consume()


def produce_empty(pipelines: Pipelines, node: pn.Empty, consume: Consume) -> None:
    """No rows; the consumer still writes its code, for it may define names."""
    pipelines.bind_row(node.source, pipelines.source.fresh("r"), len(node.columns))
    row = pipelines.carriers[node.source][0]
    pipelines.function.open(f"for {row} in ():", loop=True)
    if pipelines.needs(node.source, -1):
        pipelines.function.line(f"i_{row} = None")
    consume()


def produce_scan(pipelines: Pipelines, node: pn.Scan, consume: Consume) -> None:
    """Loop over the blocks of the relation's view; each block is a list of row tuples."""
    view = pipelines.view(node)
    row, block = pipelines.source.fresh("r"), pipelines.source.fresh("b")
    pipelines.bind_row(node.source, row, len(node.columns))
    function = pipelines.function
    if pipelines.needs(node.source, -1):
        ids = pipelines.source.fresh("b")
        function.open(f"for {ids}, {block} in {view}.item_blocks():", loop=True)
        function.line("if x.cancelled: x.raise_cancelled()")
        function.open(f"for i_{row}, {row} in zip({ids}, {block}):", loop=True)
    elif pipelines.block_values.of_scan(node):
        return pipelines.block_values.produce(node, formed_blocks(pipelines, node, view), row, block, consume)
    elif node.source in pipelines.bounds:
        open_bounded_blocks(pipelines, view, block, row, pipelines.bounds[node.source])
        function.open(f"for {row} in {block}:", loop=True)
    else:
        source = row_blocks(pipelines, node, view, pipelines.ranges.get(node.source))
        function.open(f"for {block} in {source}:", loop=True)
        function.line("if x.cancelled: x.raise_cancelled()")
        function.open(f"for {row} in {block}:", loop=True)
    consume()


def row_blocks(pipelines: Pipelines, node: pn.Scan, view: str, ranges: str | None) -> str:
    """Return source of the view's rows, less those that are surely in none of the ranges; of rows that have to be read
    from the volume first, only the columns that the statement looks at.
    """
    columns = _looked_at(pipelines, node)
    if ranges:
        return f"{view}.candidate_blocks({ranges}{', ' if columns else ''}{columns})"
    return f"{view}.row_blocks({columns})"


def formed_blocks(pipelines: Pipelines, node: pn.Scan, view: str) -> str:
    """Return source of the same rows, each block with what functions made of its columns."""
    columns = _looked_at(pipelines, node)
    ranges = pipelines.ranges.get(node.source) or "()"
    return f"{view}.formed_blocks({ranges}{', ' if columns else ''}{columns})"


def _looked_at(pipelines: Pipelines, node: pn.Scan) -> str:
    """Return source of the places that the statement looks at in a scan's rows, "" for all."""
    used = tuple([index for index in range(len(node.columns)) if pipelines.needs(node.source, index)])
    special = any(source == node.source and index < 0 for source, index in pipelines.used)
    return "" if special or len(used) == len(node.columns) else pipelines.source.bind(used, "c")


def produce_index_scan(pipelines: Pipelines, node: pn.IndexScan, consume: Consume) -> None:
    """Rows through an index: one by key, those with a key, a range in order, a search, or the nearest."""
    function, source = pipelines.function, pipelines.source
    row = source.fresh("r")
    index = source.fresh("v")
    view = pipelines.view(node)
    pipelines.head.append(f"{index} = {view}.index({node.index.oid})")
    with_ids = pipelines.needs(node.source, -1)
    pipelines.bind_row(node.source, row, len(node.columns))
    item = f"i_{row}, {row}" if with_ids else row

    def finish() -> None:
        if node.recheck is not None:
            function.open(f"if {pipelines.test(node.recheck)}:")
        consume()

    if node.nearest is not None:
        operator, argument = node.nearest
        bound = pipelines.source.bind(operator, "n")
        if node.likely is not None:
            block = source.fresh("b")
            wanted = _wanted(pipelines, node)
            session = pipelines.expressions.session()
            given = pipelines.value(argument)
            if node.within is not None:
                given = pipelines.local(given)
                other, most = map(pipelines.value, node.within)
                session += f".setting, {most} if {other} == {given} else None"
            else:
                session += ".setting"
            call = f"{index}.likely({bound}, {given}, {wanted}, {session})"
            function.open(f"for {block} in {call}:", loop=True)
            function.line("if x.cancelled: x.raise_cancelled()")
            function.open(f"for i_{row}, {row} in {block}:", loop=True)
            return finish()
        function.open(f"for _, i_{row}, {row} in {index}.nearest({bound}, {pipelines.value(argument)}):", loop=True)
        return finish()
    if node.strategy is not None:
        assert node.argument is not None
        block = source.fresh("b")
        argument_text = pipelines.local(pipelines.value(node.argument))
        if node.argument.nullable:
            function.open(f"if {is_not_null(argument_text)}:")
        function.open(f"for {block} in {index}.search({node.strategy}, {argument_text}):", loop=True)
        function.open(f"for i_{row}, {row} in {block}:", loop=True)
        return finish()
    shape = key_shape(node.relation, node.index, pipelines.registries)
    values = [pipelines.local(pipelines.value(part)) for part in node.equal]
    for part, text in zip(node.equal, values, strict=True):
        if part.nullable:
            function.open(f"if {is_not_null(text)}:")
    if node.in_list:
        values.append(_loop_over_alternatives(pipelines, node))
    full = len(values) == shape.width and node.low is None and node.high is None
    if full:
        key = _key(pipelines, shape, values)
        if node.unique and not with_ids:
            function.line(f"{row} = {index}.get({key})")
            function.open(f"if {row} is not None:")
        else:
            function.open(f"for {item} in {index}.{'items' if with_ids else 'rows'}({key}):", loop=True)
        return finish()
    _open_range(pipelines, node, shape, values, index, item, "range_item_blocks" if with_ids else "range_blocks")
    finish()


def produce_index_only_scan(pipelines: Pipelines, node: pn.IndexOnlyScan, consume: Consume) -> None:
    """The keys of rows, by a whole key or in a range."""
    function, source = pipelines.function, pipelines.source
    index, key = source.fresh("v"), source.fresh("k")
    pipelines.head.append(f"{index} = {pipelines.view(node)}.index({node.index.oid})")
    shape = key_shape(node.relation, node.index, pipelines.registries)
    values = [pipelines.local(pipelines.value(part)) for part in node.equal]
    for part, text in zip(node.equal, values, strict=True):
        if part.nullable:
            function.open(f"if {is_not_null(text)}:")
    if node.in_list:
        values.append(_loop_over_alternatives(pipelines, node))
    slots = [(part.column or 0) - 1 for part in node.index.keys]
    if len(values) == shape.width:
        function.open(f"for {key} in range({index}.count({_key(pipelines, shape, values)})):", loop=True)
        pipelines.null_values[key] = "None"
        names = {slot: pipelines.carried(text, ()) for slot, text in zip(slots, values, strict=True)}
    else:
        _open_range(pipelines, node, shape, values, index, key, "key_blocks")
        pipelines.null_values[key] = "None" if shape.width == 1 else source.bind((None,) * shape.width)
        names = {slot: key if shape.width == 1 else f"{key}[{place}]" for place, slot in enumerate(slots)}
    pipelines.bind_locals(node.source, names)
    consume()


def _key(pipelines: Pipelines, shape: KeyShape, values: list[str]) -> str:
    """Return source of a whole key of these values."""
    if shape.is_identity:
        return values[0] if shape.width == 1 else f"({', '.join(values)})"
    return f"{pipelines.source.bind(shape.key, 'f')}(({', '.join(values)},))"


def _wanted(pipelines: Pipelines, node: pn.IndexScan) -> str:
    limit, offset = ("None" if part is None else pipelines.value(part) for part in node.likely or ())
    return f"{pipelines.source.bind(runtime.wanted_rows, 'f')}({limit}, {offset}, {node.share!r}, {node.beyond})"


def is_key_lookup(node: pn.PlanNode, pipelines: Pipelines) -> TypeGuard[pn.IndexScan]:
    """Whether the node finds the rows with one whole key, and does nothing more."""
    return (
        isinstance(node, pn.IndexScan)
        and len(node.equal) == len(node.index.keys)
        and node.strategy is None
        and node.nearest is None
        and node.recheck is None
        and getattr(pipelines.registries.access_methods.get(node.index.method), "ordered", False)
    )


def write_key_test(pipelines: Pipelines, node: pn.IndexScan, found: str) -> None:
    """Write ``found = True`` where there is a row with the key of a key lookup, nothing otherwise."""
    function, source = pipelines.function, pipelines.source
    index = source.fresh("v")
    pipelines.head.append(f"{index} = {pipelines.view(node)}.index({node.index.oid})")
    shape = key_shape(node.relation, node.index, pipelines.registries)
    with function.indented():
        values = [pipelines.local(pipelines.value(part)) for part in node.equal]
        for part, text in zip(node.equal, values, strict=True):
            if part.nullable:
                function.open(f"if {is_not_null(text)}:")
        function.line(f"{found} = {index}.has({_key(pipelines, shape, values)})")


def produce_index_union(pipelines: Pipelines, node: pn.IndexUnion, consume: Consume) -> None:
    """Rows of several index scans, each once: a dict from row id to row."""
    function, source = pipelines.function, pipelines.source
    found = source.fresh("h")
    function.line(f"{found} = {{}}")
    pipelines.used.add((node.source, -1))

    def collect() -> None:
        row = pipelines.carriers[node.source][0]
        function.line(f"{found}[i_{row}] = {row}")

    for scan in node.scans:
        pipelines.produce(scan, collect)
    row = source.fresh("r")
    pipelines.bind_row(node.source, row, len(node.columns))
    function.open(f"for i_{row}, {row} in {found}.items():", loop=True)
    consume()


def produce_index_intersection(pipelines: Pipelines, node: pn.IndexIntersection, consume: Consume) -> None:
    """Rows whose ids all of several index scans name, in the order of their ids."""
    function, source = pipelines.function, pipelines.source
    found = source.fresh("h")
    view = pipelines.view(node.scans[0])
    for number, scan in enumerate(node.scans):
        ids = source.fresh("h") if number else found
        index = source.fresh("v")
        pipelines.head.append(f"{index} = {view}.index({scan.index.oid})")
        shape = key_shape(scan.relation, scan.index, pipelines.registries)
        function.line(f"{ids} = set()")
        with function.indented():
            values = [pipelines.local(pipelines.value(part)) for part in scan.equal]
            for part, text in zip(scan.equal, values, strict=True):
                if part.nullable:
                    function.open(f"if {is_not_null(text)}:")
            if len(values) == shape.width:
                function.line(f"{ids} = {index}.ids({_key(pipelines, shape, values)})")
            else:
                block = _open_range(pipelines, scan, shape, values, index, None, "range_id_blocks")
                function.line(f"{ids}.update({block})")
        if number:
            function.line(f"{found} &= {ids}")
    row, block = source.fresh("r"), source.fresh("b")
    pipelines.bind_row(node.source, row, len(node.columns))
    function.open(f"for {block} in {view}.rows_of(sorted({found})):", loop=True)
    function.line("if x.cancelled: x.raise_cancelled()")
    function.open(f"for i_{row}, {row} in {block}:", loop=True)
    consume()


def _loop_over_alternatives(pipelines: Pipelines, node: pn.IndexScan) -> str:
    """Loop over the distinct values of an IN list; return the variable."""
    name = pipelines.source.fresh("c")
    if node.in_array:
        (array,) = node.in_list
        element = pipelines.registries.types.by_name(array.type).element
        ordering = None if element is None else pipelines.registries.types.ordering(element)
        key = None
        if ordering is not None and not ordering.identity and ordering.hash_key is not None:
            key = resolve_implementation(ordering.hash_key)
        distinct = pipelines.source.bind(runtime.distinct_elements, "f")
        keyed = pipelines.source.bind(key, "f")
        pipelines.function.open(f"for {name} in {distinct}({pipelines.value(array)}, {keyed}):", loop=True)
        return name
    ordering = pipelines.registries.types.ordering(node.in_list[0].type)
    keys = "".join(
        f"{pipelines.expressions.hashed(item, ordering)}: {pipelines.value(item)}, " for item in node.in_list
    )
    pipelines.function.open(f"for {name} in {{{keys}}}.values():", loop=True)
    if any(item.nullable for item in node.in_list):
        pipelines.function.open(f"if {is_not_null(name)}:")
    return name


def _open_range(
    pipelines: Pipelines,
    node: pn.IndexScan,
    shape: KeyShape,
    values: list[str],
    index: str,
    item: str | None,
    method: str,
) -> str:
    """Open the loops of a range scan, over what a method of the index view yields; return the variable of a block.

    Without ``item`` the blocks are not looped over.

    Bounds are prefixes of order keys; a NULL bound means no rows.
    """
    function, source = pipelines.function, pipelines.source
    column = shape.columns[len(values)] if len(values) < shape.width else None
    bounds: list[str] = []
    make = source.bind(shape.bound, "f")
    prefix = f"{make}(({', '.join(values)},))" if values else "()"
    for bound in (node.low, node.high):
        if bound is None:
            bounds.append("")
            continue
        text = pipelines.local(pipelines.value(bound))
        if bound.nullable:
            function.open(f"if {is_not_null(text)}:")
        bounds.append(f"{make}(({', '.join([*values, text])},))")
    low, high = bounds
    low_inclusive, high_inclusive = node.low_inclusive, node.high_inclusive
    if column is not None and column.descending:
        low, high = high, low
        low_inclusive, high_inclusive = high_inclusive, low_inclusive
    # A range condition is never true for NULL, so an end that is open stops before the NULLs of that column.
    bounded = node.low is not None or node.high is not None
    if not low:
        low, low_inclusive = (_open_end(pipelines, prefix, column, first=True, bounded=bounded), False)
        low_inclusive = not bounded
    if not high:
        high = _open_end(pipelines, prefix, column, first=False, bounded=bounded)
        high_inclusive = not bounded
    block = source.fresh("b")
    function.open(
        f"for {block} in {index}.{method}({low}, {high}, {low_inclusive}, {high_inclusive}, {node.descending}):",
        loop=True,
    )
    function.line("if x.cancelled: x.raise_cancelled()")
    if item is not None:
        function.open(f"for {item} in {block}:", loop=True)
    return block


def _open_end(pipelines: Pipelines, prefix: str, column, *, first: bool, bounded: bool) -> str:  # type: ignore[no-untyped-def]
    if column is None:
        return prefix
    if not bounded:
        return prefix if prefix != "()" else pipelines.source.bind(MIN if first else MAX, "m")
    from heliosdb.encoding.keys import NULL, NULL_FIRST

    if first:
        stop = NULL_FIRST if column.nulls_first else MIN
    else:
        stop = MAX if column.nulls_first else NULL
    bound = pipelines.source.bind(stop, "m")
    return f"({prefix} + ({bound},))" if prefix != "()" else f"({bound},)"


def produce_catalog_scan(pipelines: Pipelines, node: pn.CatalogScan, consume: Consume) -> None:
    """Rows of a virtual catalog view, made when it is read."""
    row = pipelines.source.fresh("r")
    rows = pipelines.source.bind(resolve_implementation(node.view.rows), "f")
    pipelines.bind_row(node.source, row, len(node.columns))
    pipelines.function.open(f"for {row} in {rows}({pipelines.expressions.session()}):", loop=True)
    if pipelines.needs(node.source, -1):
        pipelines.function.line(f"i_{row} = None")
    consume()


def produce_values(pipelines: Pipelines, node: pn.Values, consume: Consume) -> None:
    """Literal rows: constant ones are one list in the namespace, others are evaluated one by one."""
    function, source = pipelines.function, pipelines.source
    row = source.fresh("r")
    pipelines.bind_row(node.source, row, len(node.columns))
    if node.datums:
        pipelines.open_chunks(row, source.bind(node.datums))
        return consume()
    if all(type(item) is ex.Constant and item.slot is None for line in node.table for item in line):
        table = [tuple(item.value for item in line) for line in node.table]  # type: ignore[attr-defined]
        rows = pipelines.source.bind(table)
    elif len(node.table) == 1:
        texts = [pipelines.value(item) for item in node.table[0]]
        function.line(f"{row} = ({''.join(f'{text}, ' for text in texts)})")
        return consume()
    else:
        rows = pipelines.source.fresh("m")
        function.line(f"{rows} = []")
        for line in node.table:
            function.line(f"{rows}.append(({''.join(f'{pipelines.value(item)}, ' for item in line)}))")
    function.open(f"for {row} in {rows}:", loop=True)
    consume()


def produce_parameter_scan(pipelines: Pipelines, node: pn.ParameterScan, consume: Consume) -> None:
    """Loop over parameter rows; what is not exactly the datum's Python class is converted."""
    function, source = pipelines.function, pipelines.source
    row, chunk = source.fresh("r"), source.fresh("b")
    rows = source.bind(ParameterRows([column.type for column in node.columns]), "f")
    chunks = source.bind(runtime.chunks, "f")
    pipelines.bind_row(node.source, row, len(node.columns))
    function.open(f"for {chunk} in {chunks}(x.parameter_rows):", loop=True)
    pipelines.poll()
    function.open(f"for {row} in {rows}.read({chunk}, {pipelines.expressions.session()}):", loop=True)
    consume()


def call_source(pipelines: Pipelines, call: ex.SetReturningCall) -> str:
    """Return source of an iterable with the results of a set-returning call."""
    function = call.function
    implementation = resolve_implementation(function.implementation)
    if function.specialize:
        columns = RowShape(tuple((column, type_name, None) for column, type_name in call.columns))
        rows = tuple(ex.row_shape(argument) for argument in call.arguments)
        implementation = implementation(
            CallTypes(
                call.argument_types, call.type, pipelines.registries.types, rows, columns if call.columns else None
            )
        )
    name = pipelines.source.bind(implementation, "f")
    extra = [pipelines.expressions.session()] if function.needs_session else []
    if not function.strict:
        return f"{name}({', '.join([*map(pipelines.value, call.arguments), *extra])})"
    atoms, conditions = pipelines.expressions.arguments(call.arguments)
    text = f"{name}({', '.join([*atoms, *extra])})"
    return f"({text} if {' and '.join(conditions)} else ())" if conditions else text


def produce_function_scan(pipelines: Pipelines, node: pn.FunctionScan, consume: Consume) -> None:
    """Rows of set-returning calls, in lockstep where there are several."""
    row = pipelines.source.fresh("r")
    function, source = pipelines.function, pipelines.source
    pipelines.bind_row(node.source, row, len(node.columns))
    streams: list[tuple[str, int]] = []
    for call in node.calls:
        found = pipelines.registries.types.find(call.type)
        width = len(found.attributes) if found is not None and found.kind == "composite" else 0
        if isinstance(call, ex.SetReturningCall):
            width = len(call.columns) if call.columns else width
            streams.append((call_source(pipelines, call), width))
        else:
            streams.append((f"({pipelines.value(call)},)", width))
    if len(streams) == 1:
        text, width = streams[0]
        item = source.fresh("r")
        if width:
            pipelines.open_chunks(row, text)
            function.line(f"if {row} is None: {row} = {source.bind((None,) * width)}")
        else:
            pipelines.open_chunks(item, text)
            function.line(f"{row} = ({item},)")
    else:
        merge = source.bind(runtime.lockstep, "f")
        iterables = "".join(f"({text}, {width}), " for text, width in streams)
        pipelines.open_chunks(row, f"{merge}({iterables})")
    if node.ordinality:
        counter = source.fresh("n")
        # The counter starts anew whenever the loops over chunks and over items do.
        _before_last_opens(function, 2, f"{counter} = 0")
        function.line(f"{counter} += 1")
        function.line(f"{row} = (*{row}, {counter})")
    if pipelines.needs(node.source, -1):
        function.line(f"i_{row} = None")
    consume()


def _before_last_opens(function: Function, loops: int, text: str) -> None:
    """Insert a line before the header of the loops that were opened last, the outermost of so many."""
    for position in range(len(function.lines) - 1, -1, -1):
        line = function.lines[position]
        if line.lstrip().startswith("for "):
            loops -= 1
            if loops:
                continue
            indent = len(line) - len(line.lstrip())
            function.lines.insert(position, " " * indent + text)
            return


PRODUCERS: dict[type, Producer] = {
    pn.OneRow: produce_one_row,
    pn.Empty: produce_empty,
    pn.Scan: produce_scan,
    pn.IndexScan: produce_index_scan,
    pn.IndexOnlyScan: produce_index_only_scan,
    pn.IndexIntersection: produce_index_intersection,
    pn.IndexUnion: produce_index_union,
    pn.CatalogScan: produce_catalog_scan,
    pn.Values: produce_values,
    pn.ParameterScan: produce_parameter_scan,
    pn.FunctionScan: produce_function_scan,
}
