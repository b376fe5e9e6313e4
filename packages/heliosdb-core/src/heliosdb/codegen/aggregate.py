"""GROUP BY and aggregates: a dict from group key to a list of state slots.

Without groups the slots are local variables. An aggregate in inline form adds its slots to the list and its steps to
the loop; one in callable form has one slot. DISTINCT keeps a set of the keys it saw, ORDER BY (and WITHIN GROUP) a
list that is sorted at the end. Where a group column's type is not its own hash key, the first value met is kept in a
slot of its own. Aggregates of a scan's columns without groups take them whole, block by block, if all of them can.

GROUPING SETS run the input once and keep one dict a set; the set's members are the mask that GROUPING reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.codegen.atoms import is_not_null, is_null
from heliosdb.codegen.sort import sort_passes
from heliosdb.codegen.spill_groups import EVERYTHING, GroupOverflow, ValueOverflow
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sorting import sort_rows
from heliosdb.types.definitions import Aggregate, CallTypes, resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer

Slot = "Callable[[int], str]"


class _State:
    """One aggregate call: where its slots are, and what to write for initial value, step and result."""

    def __init__(self, pipelines: Pipelines, call: ex.AggregateCall, first: int) -> None:
        self.pipelines = pipelines
        self.call = call
        self.first = first
        self.aggregate = concrete_aggregate(call.aggregate, call, pipelines)
        self.initial: list[str] = []
        if call.order_by or self.aggregate.kind != "normal":
            self.mode = "ordered"
            self.initial = ["[]"]
        else:
            self.mode = "plain"
            self.initial = initial_state(pipelines, self.aggregate)
        self.slots = range(first, first + len(self.initial))
        if call.distinct:
            self.seen = first + len(self.initial)
            self.initial.append("set()")
        self.overflow = ""
        """Source that takes values that the set of those seen has no room for: ``{overflow}.is_full``."""
        self.put = ""
        """Source of the call that puts one aside, but for its last arguments: key and values."""

    @property
    def width(self) -> int:
        return len(self.initial)

    def step(self, slot: Callable[[int], str]) -> None:
        """Write what one input row does to the state."""
        pipelines, call, function = self.pipelines, self.call, self.pipelines.function
        depth = function.depth
        if call.filter is not None:
            function.open(f"if {pipelines.test(call.filter)}:")
        atoms: list[str] = []
        for argument in call.arguments:
            text = pipelines.value(argument)
            name = text if _reads_once(self.aggregate, len(atoms)) and not argument.nullable else pipelines.local(text)
            atoms.append(name)
            if argument.nullable and self.aggregate.strict:
                function.open(f"if {is_not_null(name)}:")
        if call.distinct:
            keys = []
            for argument, atom in zip(call.arguments, atoms, strict=True):
                ordering = pipelines.registries.types.ordering(argument.type)
                if ordering is None or ordering.identity or ordering.hash_key is None:
                    keys.append(atom)
                else:
                    hash_key = pipelines.source.bind(resolve_implementation(ordering.hash_key), "f")
                    keys.append(f"(None if {is_null(atom)} else {hash_key}({atom}))")
            key = pipelines.local(keys[0] if len(keys) == 1 else f"({', '.join(keys)})")
            self.step_if_new(slot, key, self.values(atoms))
        else:
            self.apply(slot, self.values(atoms))
        function.depth = depth

    def values(self, atoms: list[str]) -> list[str]:
        """Return what ``apply`` needs of a row: what an ordered aggregate is sorted by, and the arguments."""
        keys = self.call.order_by if self.mode == "ordered" else ()
        return [*(self.pipelines.value(key.expression) for key in keys), *atoms]

    def step_if_new(self, slot: Callable[[int], str], key: str, values: list[str]) -> None:
        """Write the step for values that were not seen before."""
        function = self.pipelines.function
        function.open(f"if {key} not in {slot(self.seen)}:")
        if self.overflow:
            packed = f"({''.join(f'{value}, ' for value in values)})"
            function.line(f"if {self.overflow}.is_full: {self.put}{key}, {packed})")
            function.open("else:")
        function.line(f"{slot(self.seen)}.add({key})")
        self.apply(slot, values)

    def apply(self, slot: Callable[[int], str], values: list[str]) -> None:
        """Write what the values of one row do to the state."""
        if self.mode == "ordered":
            self.pipelines.function.line(f"{slot(self.first)}.append(({''.join(f'{t}, ' for t in values)}))")
        else:
            write_step(self.pipelines, self.aggregate, values, [slot(i) for i in self.slots])

    def names(self) -> list[str]:
        """Return fresh names for the values."""
        count = len(self.call.arguments) + (len(self.call.order_by) if self.mode == "ordered" else 0)
        return [self.pipelines.source.fresh("a") for _ in range(count)]

    def result(self, slot: Callable[[int], str]) -> str:
        """Return source of the result; lines needed before it are written."""
        pipelines = self.pipelines
        if self.mode == "plain":
            return final_value(pipelines, self.aggregate, [slot(i) for i in self.slots], [])
        return self._ordered_result(slot(self.first))

    def _ordered_result(self, items: str) -> str:
        """Sort the collected rows, then feed the aggregate."""
        pipelines, call, function = self.pipelines, self.call, self.pipelines.function
        source = pipelines.source
        names = [source.fresh("c") for _ in call.order_by]
        arguments = [source.fresh("c") for _ in call.arguments]
        target = f"({''.join(f'{name}, ' for name in [*names, *arguments])})"
        keys = []
        number = -source_number(source)
        for index, key in enumerate(call.order_by):
            column = ex.Column(type=key.expression.type, source=number, index=index, nullable=key.expression.nullable)
            keys.append(
                ex.SortKey(
                    expression=column, ordering=key.ordering, descending=key.descending, nulls_first=key.nulls_first
                )
            )
        with pipelines.expressions.bound({number: lambda index: names[index]}):
            for passes in sort_passes(pipelines, tuple(keys), target):
                function.line(f"{source.bind(sort_rows, 'f')}({items}, {passes})")
        aggregate = self.aggregate
        state = [source.fresh("s") for _ in initial_state(pipelines, aggregate)]
        for name, text in zip(state, initial_state(pipelines, aggregate), strict=True):
            function.line(f"{name} = {text}")
        fed = names if aggregate.kind != "normal" else arguments
        with function.loop(f"for {target} in {items}:"):
            write_step(pipelines, aggregate, fed, state)
        direct = [pipelines.value(argument) for argument in call.direct]
        if aggregate.kind == "hypothetical":
            sorting = tuple(
                (
                    None
                    if key.ordering.identity or key.ordering.sort_key is None
                    else resolve_implementation(key.ordering.sort_key),
                    key.descending,
                    key.nulls_first,
                )
                for key in call.order_by
            )
            direct = [f"({''.join(f'{text}, ' for text in direct)})", source.bind(sorting, "q")]
        return final_value(pipelines, aggregate, state, direct)


def source_number(source: Any) -> int:
    """Return a number no plan source has (they are positive; this one is negated by the caller)."""
    return int(source.fresh("q")[1:]) + 1


def concrete_aggregate(aggregate: Aggregate, call: Any, pipelines: Pipelines) -> Aggregate:
    """Return the aggregate for the call's types."""
    if not aggregate.specialize:
        return aggregate
    factory = resolve_implementation(aggregate.implementation or "")
    rows = tuple(ex.row_shape(argument) for argument in call.arguments)
    concrete = factory(CallTypes(call.argument_types, call.type, pipelines.registries.types, rows))
    assert isinstance(concrete, Aggregate)
    return concrete


def initial_state(pipelines: Pipelines, aggregate: Aggregate) -> list[str]:
    """Return source of the initial value of each state slot."""
    if aggregate.slots:
        return list(aggregate.slots)
    if aggregate.initial is None:
        return ["None"]
    return [f"{pipelines.source.bind(resolve_implementation(aggregate.initial), 'f')}()"]


def _reads_once(aggregate: Aggregate, index: int) -> bool:
    return sum(step.count(f"{{{index}}}") for step in aggregate.inline_step) <= 1


def write_step(
    pipelines: Pipelines,
    aggregate: Aggregate,
    atoms: list[str],
    slots: list[str],
    *,
    back: bool = False,
    fold: str = "",
) -> None:
    """Write the step, or with ``back`` its inverse, for one row whose arguments are given as source; with ``fold``,
    the source of their number, for many rows whose arguments are lists.
    """
    function = pipelines.function
    templates = aggregate.inline_fold if fold else aggregate.inline_inverse if back else aggregate.inline_step
    if templates:
        fields = {f"s{i}": slot for i, slot in enumerate(slots)}
        if aggregate.implementation is not None:
            fields["f"] = pipelines.source.bind(resolve_implementation(aggregate.implementation), "f")
        if fold and aggregate.fold is not None:
            fields["g"] = pipelines.source.bind(resolve_implementation(aggregate.fold), "f")
        fields["n"] = fold
        fields["t"] = pipelines.source.fresh("t")
        for slot, template in zip(slots, templates, strict=True):
            if template != f"{{s{slots.index(slot)}}}":
                function.line(f"{slot} = {template.format(*atoms, **fields)}")
        return
    step = pipelines.source.bind(resolve_implementation((aggregate.inverse if back else aggregate.step) or ""), "f")
    extra = [pipelines.expressions.session()] if aggregate.needs_session else []
    function.line(f"{slots[0]} = {step}({', '.join([slots[0], *atoms, *extra])})")


def final_value(pipelines: Pipelines, aggregate: Aggregate, slots: list[str], direct: list[str]) -> str:
    """Return source of the result of a state."""
    if aggregate.inline_final is not None:
        fields = {f"s{i}": slot for i, slot in enumerate(slots)}
        if aggregate.implementation is not None:
            fields["f"] = pipelines.source.bind(resolve_implementation(aggregate.implementation), "f")
        fields["t"] = pipelines.source.fresh("t")
        return f"({aggregate.inline_final.format(**fields)})"
    if aggregate.final is None:
        return slots[0]
    final = pipelines.source.bind(resolve_implementation(aggregate.final), "f")
    return f"{final}({', '.join([slots[0], *direct])})"


def produce_aggregate(pipelines: Pipelines, node: pn.Aggregate, consume: Consume) -> None:
    """Group the input, then go on with one row a group."""
    if node.grouping_sets is not None:
        return _produce_grouping_sets(pipelines, node, consume)
    if not node.groups:
        return _produce_plain(pipelines, node, consume)
    function, source = pipelines.function, pipelines.source
    groups, get, state = source.fresh("h"), source.fresh("h"), source.fresh("a")
    function.line(f"{groups} = {{}}; {get} = {groups}.get")
    key_name = source.fresh("k")
    kept = _kept_groups(node)
    states = _states(pipelines, node, len(kept))
    sources = node.input.sources
    overflow = source.fresh("w") if pipelines.may_spill else ""
    if overflow:
        function.line(f"{overflow} = {source.bind(GroupOverflow, 'f')}(x, {groups}{pipelines.asked_by(node)})")

    def slot(index: int) -> str:
        return f"{state}[{index}]"

    values_overflow = _watch_values(pipelines, node, states, groups, overflow, key_name, source.fresh("w"))

    def collect() -> None:
        values = [pipelines.value(group) for group in node.groups]
        keys = [
            pipelines.expressions.hashed(g, node.group_classes[i] if node.group_classes else None)
            for i, g in enumerate(node.groups)
        ]
        for i in kept:
            values[i] = pipelines.local(values[i])
        function.line(f"{key_name} = {keys[0] if len(keys) == 1 else f'({chr(44).join(keys)})'}")
        function.line(f"{state} = {get}({key_name})")
        initial = ", ".join([*(values[i] for i in kept), *(text for s in states for text in s.initial)])
        if overflow:
            # A group that has no room gets a state that is thrown away.
            with function.block(f"if {state} is None:"):
                function.line(f"{state} = [{initial}]")
                with function.block(f"if {overflow}.is_full:"):
                    function.line(f"{overflow}.put({key_name}, {pipelines.pack(sources)})")
                    for item in states:
                        if item.call.distinct:
                            function.line(f"{slot(item.seen)} = {source.bind(EVERYTHING, 'q')}")
                function.line(f"else: {groups}[{key_name}] = {state}")
        else:
            function.line(f"if {state} is None: {groups}[{key_name}] = {state} = [{initial}]")
        for item in states:
            item.step(slot)

    pipelines.produce(node.input, collect)
    if not overflow:
        _write_groups(pipelines, node, groups, key_name, state, kept, states, consume)
        return
    part = source.fresh("b")
    with function.loop("while True:"):
        depth, loops = function.depth, function.loops
        if values_overflow:
            function.line(f"{values_overflow}.finish()")
        _write_groups(pipelines, node, groups, key_name, state, kept, states, consume)
        function.depth, function.loops = depth, loops
        function.line(f"{part} = {overflow}.next()")
        function.line(f"if {part} is None: break")
        pipelines.loop_rows(part, sources, collect)
        function.depth, function.loops = depth, loops


def _watch_values(
    pipelines: Pipelines,
    node: pn.Aggregate,
    states: list[_State],
    groups: str,
    overflow: str,
    key_name: str,
    name: str,
) -> str:
    """Write what watches the values that DISTINCT aggregates have seen; return its variable, "" where none do."""
    distinct = [state for state in states if state.call.distinct]
    if not overflow or not distinct:
        return ""
    function, source = pipelines.function, pipelines.source
    group = source.fresh("a")
    steps = []
    for number, state in enumerate(distinct):
        state.overflow, state.put = name, f"{name}.put({number}, {key_name}, "
        step, names = source.fresh("k"), state.names()
        with function.block(f"def {step}({', '.join([group, *names])}):"):
            state.apply(lambda index: f"{group}[{index}]", names)
        steps.append(f"({state.seen}, {step}), ")
    make = source.bind(ValueOverflow, "f")
    asked = pipelines.asked_by(node)
    function.line(f"{name} = {make}(x, {groups}, {overflow}, ({''.join(steps)}){asked})")
    return name


def _write_groups(
    pipelines: Pipelines,
    node: pn.Aggregate,
    groups: str,
    key_name: str,
    state: str,
    kept: list[int],
    states: list[_State],
    consume: Consume,
) -> None:
    """Write the loop over the groups."""
    function = pipelines.function

    def slot(index: int) -> str:
        return f"{state}[{index}]"

    function.open(f"for {key_name}, {state} in {groups}.items():", loop=True)
    names: dict[int, str] = {}
    for index in range(len(node.groups)):
        if pipelines.needs(node.source, index):
            if index in kept:
                text = slot(kept.index(index))
            else:
                text = key_name if len(node.groups) == 1 else f"{key_name}[{index}]"
            names[index] = pipelines.carried(text)
    _bind_results(pipelines, node, states, slot, names)
    consume()


def _kept_groups(node: pn.Aggregate) -> list[int]:
    """Return the group columns whose values are not their own hash keys and have to be kept."""
    kept = []
    for index, operator_class in enumerate(node.group_classes):
        if operator_class is not None and not operator_class.identity and operator_class.hash_key is not None:
            kept.append(index)
    return kept


def _states(pipelines: Pipelines, node: pn.Aggregate, first: int) -> list[_State]:
    states: list[_State] = []
    for call in node.calls:
        state = _State(pipelines, call, first)
        first += state.width
        states.append(state)
    return states


def _bind_results(
    pipelines: Pipelines, node: pn.Aggregate, states: list[_State], slot: Callable[[int], str], names: dict[int, str]
) -> None:
    for position, state in enumerate(states):
        index = len(node.groups) + position
        if pipelines.needs(node.source, index):
            names[index] = pipelines.carried(state.result(slot))
    pipelines.bind_locals(node.source, names)


def _produce_plain(pipelines: Pipelines, node: pn.Aggregate, consume: Consume) -> None:
    """No groups: the state is in local variables, and there is always one row."""
    function, source = pipelines.function, pipelines.source
    states = _states(pipelines, node, 0)
    folded = _folded(pipelines, node, states)
    variables = [source.fresh("a") for state in states for _ in state.initial]
    for name, text in zip(variables, (text for state in states for text in state.initial), strict=True):
        function.line(f"{name} = {text}")

    def slot(index: int) -> str:
        return variables[index]

    if folded is not None:
        _fold(pipelines, *folded, states, slot)
        _bind_results(pipelines, node, states, slot, {})
        return consume()

    def collect() -> None:
        for state in states:
            state.step(slot)

    distinct = [state for state in states if state.call.distinct] if pipelines.may_spill else []
    for state in distinct:
        state.overflow = source.fresh("w")
        state.put = f"{state.overflow}.put_with_key("
        make = source.bind(GroupOverflow, "f")
        function.line(f"{state.overflow} = {make}(x, {slot(state.seen)}{pipelines.asked_by(node)})")
    pipelines.produce(node.input, collect)
    for state in distinct:
        with function.indented():
            part, key, names = source.fresh("b"), source.fresh("k"), state.names()
            function.open(f"for {part} in iter({state.overflow}.next, None):", loop=True)
            function.open(f"for {key}, ({''.join(f'{name}, ' for name in names)}) in {part}:", loop=True)
            state.step_if_new(slot, key, names)
    _bind_results(pipelines, node, states, slot, {})
    consume()


def _folded(
    pipelines: Pipelines, node: pn.Aggregate, states: Sequence[_State]
) -> tuple[pn.Scan, list[list[int]]] | None:
    """Return the scan whose columns are all that is aggregated, where whole columns can be, and the columns that each
    aggregate is given; else None."""
    scan = node.input
    places: list[list[int]] = []
    if type(scan) is not pn.Scan or pipelines.needs(scan.source, -1):
        return None
    for state in states:
        call = state.call
        if state.mode != "plain" or not state.aggregate.inline_fold or call.distinct or call.filter is not None:
            return None
        places.append([])
        for argument in call.arguments:
            if not isinstance(argument, ex.Column) or argument.source != scan.source or argument.index < 0:
                return None
            places[-1].append(argument.index)
    return scan, places


def _fold(
    pipelines: Pipelines,
    scan: pn.Scan,
    places: Sequence[Sequence[int]],
    states: Sequence[_State],
    slot: Callable[[int], str],
) -> None:
    """Write the loop over the scan's columns, block by block."""
    function, source = pipelines.function, pipelines.source
    columns = sorted({index for indexes in places for index in indexes})
    names = {index: source.fresh("c") for index in columns}
    count = source.fresh("n")
    pipelines.bind_row(scan.source, source.fresh("r"), len(scan.columns))
    target = f"{count}, [{', '.join(names.values())}]"
    with function.loop(f"for {target} in {pipelines.view(scan)}.column_blocks({source.bind(tuple(columns), 'c')}):"):
        pipelines.poll()
        if pipelines.count_rows:
            function.line(f"x.counts[{id(scan)}] = x.counts.get({id(scan)}, 0) + {count}")
        for state, indexes in zip(states, places, strict=True):
            lists = [names[index] for index in indexes]
            with function.block(f"if {lists[0] if lists else count}:"):
                write_step(pipelines, state.aggregate, lists, [slot(i) for i in state.slots], fold=count)


def _produce_grouping_sets(pipelines: Pipelines, node: pn.Aggregate, consume: Consume) -> None:
    """One dict a grouping set, filled in one pass; an empty set has its row even without input."""
    function, source = pipelines.function, pipelines.source
    assert node.grouping_sets is not None
    width = len(node.groups)
    states = _states(pipelines, node, width)
    state = source.fresh("a")
    tables = [source.fresh("h") for _ in node.grouping_sets]
    initial = [text for item in states for text in item.initial]
    sources = node.input.sources
    spills = pipelines.may_spill
    overflows = [source.fresh("w") if members and spills else "None" for members in node.grouping_sets]

    def slot(index: int) -> str:
        return f"{state}[{index}]"

    for table, members, overflow in zip(tables, node.grouping_sets, overflows, strict=True):
        start = f"() : [{', '.join(['None'] * width + initial)}]" if not members else ""
        function.line(f"{table} = {{{start}}}")
        if overflow != "None":
            function.line(f"{overflow} = {source.bind(GroupOverflow, 'f')}(x, {table}{pipelines.asked_by(node)})")

    def step_into(table: str, members: tuple[int, ...], overflow: str, values: list[str], keys: list[str]) -> None:
        key = f"({''.join(f'{keys[i]}, ' for i in members)})"
        function.line(f"{state} = {table}.get({key})")
        row = ", ".join([*(values[i] if i in members else "None" for i in range(width)), *initial])
        if overflow == "None":
            function.line(f"if {state} is None: {table}[{key}] = {state} = [{row}]")
        else:
            with function.block(f"if {state} is None:"):
                function.line(f"{state} = [{row}]")
                function.line(f"if {overflow}.is_full: {overflow}.put({key}, {pipelines.pack(sources)})")
                function.line(f"else: {table}[{key}] = {state}")
        for item in states:
            item.step(slot)

    def values_and_keys(wanted: Sequence[int]) -> tuple[list[str], list[str]]:
        values, keys = ["None"] * width, ["None"] * width
        for i in wanted:
            group = node.groups[i]
            values[i] = pipelines.local(pipelines.value(group))
            keys[i] = pipelines.local(
                pipelines.expressions.hashed(group, node.group_classes[i] if node.group_classes else None)
            )
        return values, keys

    def collect() -> None:
        values, keys = values_and_keys(range(width))
        for table, members, overflow in zip(tables, node.grouping_sets or (), overflows, strict=True):
            step_into(table, members, overflow, values, keys)

    pipelines.produce(node.input, collect)
    again = "None"
    if spills:
        again = source.fresh("g")
        loops, function.loops = function.loops, 0
        part, number = source.fresh("b"), source.fresh("n")
        with function.block(f"def {again}({number}, {part}):"):
            with function.loop(f"for {pipelines.unpacked(pipelines.names(sources))} in {part}:"):
                for index, (table, members, overflow) in enumerate(zip(tables, node.grouping_sets, overflows)):
                    if overflow != "None":
                        with function.block(f"if {number} == {index}:"):
                            step_into(table, members, overflow, *values_and_keys(members))
        function.loops = loops
    mask, table = source.fresh("k"), source.fresh("h")
    triples = "".join(
        f"({source.bind(frozenset(members))}, {name}, {overflow}), "
        for members, name, overflow in zip(node.grouping_sets, tables, overflows, strict=True)
    )
    tables_of = source.bind(tables_in_parts, "f")
    function.open(f"for {mask}, {table} in {tables_of}(({triples}), {again}):", loop=True)
    function.open(f"for {state} in {table}.values():", loop=True)
    pipelines.null_values[mask] = source.bind(frozenset(range(width)))
    names = {i: pipelines.carried(slot(i)) for i in range(width) if pipelines.needs(node.source, i)}
    names[-3] = mask
    _bind_results(pipelines, node, states, slot, names)
    consume()


def tables_in_parts(
    tables: Sequence[tuple[Any, dict[Any, Any], GroupOverflow | None]], again: Callable[[int, Any], None] | None
) -> Iterator[tuple[Any, dict[Any, Any]]]:
    """Yield each grouping set's mask and table, once more for every part of its rows that was put aside.

    ``again(number, rows)`` fills the table of that number from the rows.
    """
    for number, (mask, table, overflow) in enumerate(tables):
        yield mask, table
        if overflow is None or again is None:
            continue
        while (rows := overflow.next()) is not None:
            again(number, rows)
            yield mask, table


PRODUCERS: dict[type, Producer] = {pn.Aggregate: produce_aggregate}
