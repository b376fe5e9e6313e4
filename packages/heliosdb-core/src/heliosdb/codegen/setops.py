"""Set operations and common table expressions: rows that come from several places, or are read several times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.codegen.key_set import KeySet
from heliosdb.codegen.pipeline import columns_of
from heliosdb.codegen.spill_groups import GroupOverflow
from heliosdb.codegen.spill_joins import JoinOverflow
from heliosdb.codegen.spool import Spool, blocks_of
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import walk
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


def row_of(pipelines: Pipelines, node: pn.PlanNode) -> str:
    """Return source of the tuple with all columns of the node's only source."""
    (number,) = node.sources
    read = pipelines.expressions.bindings[number]
    return f"({''.join(f'{read(index)}, ' for index in range(len(columns_of(node))))})"


def row_key(classes: tuple[Any, ...]) -> Callable[[tuple[Any, ...]], Any] | None:
    """Return the function that makes a row's hash key, or None where the row is its own."""
    keys = [
        None if c is None or c.identity or c.hash_key is None else resolve_implementation(c.hash_key) for c in classes
    ]
    if not any(keys):
        return None

    def key(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([v if k is None or v is None else k(v) for k, v in zip(keys, row, strict=True)])

    return key


def produce_set_operation(pipelines: Pipelines, node: pn.SetOperation, consume: Consume) -> None:
    """UNION streams both sides; INTERSECT and EXCEPT take the right side's rows first."""
    function, source = pipelines.function, pipelines.source
    make_key = row_key(node.classes)
    key_function = None if make_key is None else source.bind(make_key, "f")

    def key_of(row: str) -> str:
        return row if key_function is None else f"{key_function}({row})"

    asked = pipelines.asked_by(node)
    spills = pipelines.may_spill
    row, key, overflow, part = source.fresh("r"), source.fresh("k"), source.fresh("w"), source.fresh("b")

    def unite(add: Callable[[str], None]) -> None:
        seen = source.fresh("h")
        if not node.all:
            _write_seen(pipelines, seen, overflow if spills else "", asked)

        def emit(side: pn.PlanNode) -> None:
            function.line(f"{row} = {row_of(pipelines, side)}")
            if node.all:
                return add(row)
            function.line(f"{key} = {key_of(row)}")
            _write_unseen(pipelines, seen, overflow if spills else "", key, row, add)

        for side in (node.left, node.right) if pipelines.count_rows else _united(node):
            pipelines.produce(side, lambda side=side: emit(side))  # type: ignore[misc]
        if spills and not node.all:
            _write_parts(pipelines, seen, overflow, key_of, row, add)

    def match(add: Callable[[str], None]) -> None:
        # Of EXCEPT each row goes on once: it joins the right side's in the table.
        is_except = node.kind == "except" and not node.all
        counts, has_overflown = source.fresh("h"), source.fresh("z")
        function.line(f"{counts} = {{}}")
        if spills:
            function.line(f"{overflow} = {source.bind(JoinOverflow, 'f')}(x, {counts}, 'counts'{asked})")
        unseen = source.fresh("w") if spills else ""

        def count() -> None:
            function.line(f"{key} = {key_of(row_of(pipelines, node.right))}")
            if is_except:
                function.line(f"{counts}[{key}] = 1")
            else:
                function.line(f"{counts}[{key}] = {counts}.get({key}, 0) + 1")

        pipelines.produce(node.right, count)
        if spills:
            function.line(f"{has_overflown} = {overflow}.end_build()")

        def compare(aside: str = "") -> None:
            """Write what becomes of a left row and its key. Once anything was put aside, the table is empty."""
            if is_except:
                return _write_unseen(pipelines, counts, unseen, key, row, add, aside)
            left = source.fresh("n")
            function.line(f"{left} = {counts}.get({key}, 0)")
            if node.kind == "intersect":
                # Of INTERSECT each row goes on once, or as often as on both sides.
                with function.block(f"if {left}{' > 0' if node.all else ''}:"):
                    function.line(f"{counts}[{key}] = {f'{left} - 1' if node.all else '0'}")
                    add(row)
                if aside:
                    function.line(f"el{aside}")
                return
            function.line(f"if {left} > 0: {counts}[{key}] = {left} - 1")
            if aside:
                function.line(f"el{aside}")
            function.open("else:")
            add(row)

        def first() -> None:
            function.line(f"{row} = {row_of(pipelines, node.left)}")
            function.line(f"{key} = {key_of(row)}")
            compare(f"if {has_overflown}: {overflow}.put({key}, {row})" if spills else "")

        if is_except:
            _write_watch(pipelines, counts, unseen, asked)
        pipelines.produce(node.left, first)
        if not spills:
            return
        if is_except:
            # Rows that had no room are in no part of the right side: only each other they may equal.
            _write_parts(pipelines, counts, unseen, key_of, row, add)
        with function.indented():
            function.open(f"for {part} in {overflow}.parts() if {has_overflown} else ():", loop=True)
            if is_except:
                _write_watch(pipelines, counts, unseen, asked)
            with function.loop(f"for {row} in {part}:"):
                function.line(f"{key} = {key_of(row)}")
                compare()
            if is_except:
                _write_parts(pipelines, counts, unseen, key_of, row, add)

    _loop(pipelines, node, f"{pipelines.generator(unite if node.kind == 'union' else match)}()", consume)


def _write_seen(pipelines: Pipelines, seen: str, overflow: str, asked: str) -> None:
    """Write the table of keys that were met: a dict, for to take one apart is cheaper than to take a set apart."""
    pipelines.function.line(f"{seen} = {{}}")
    _write_watch(pipelines, seen, overflow, asked)


def _write_watch(pipelines: Pipelines, seen: str, overflow: str, asked: str) -> None:
    """Write what watches the table of keys."""
    if overflow:
        make = pipelines.source.bind(GroupOverflow, "f")
        pipelines.function.line(f"{overflow} = {make}(x, {seen}{asked})")


def _write_unseen(
    pipelines: Pipelines,
    seen: str,
    overflow: str,
    key: str,
    row: str,
    add: Callable[[str], None],
    aside: str = "",
) -> None:
    """Write that a row goes on if its key is new; where the table is full, it is looked at later. ``aside`` is a line
    with another reason to put it aside.
    """
    function = pipelines.function
    with function.block(f"if {key} not in {seen}:"):
        if not overflow:
            function.line(f"{seen}[{key}] = 1")
            return add(row)
        if aside:
            function.line(aside)
        function.line(f"{'el' if aside else ''}if {overflow}.is_full: {overflow}.put({key}, {row})")
        with function.block("else:"):
            function.line(f"{seen}[{key}] = 1")
            add(row)


def _write_parts(
    pipelines: Pipelines,
    seen: str,
    overflow: str,
    key_of: Callable[[str], str],
    row: str,
    add: Callable[[str], None],
) -> None:
    """Write the loops over rows whose keys the set had no room for."""
    function, source = pipelines.function, pipelines.source
    part, key = source.fresh("b"), source.fresh("k")
    with function.loop(f"for {part} in iter({overflow}.next, None):"), function.loop(f"for {row} in {part}:"):
        function.line(f"{key} = {key_of(row)}")
        _write_unseen(pipelines, seen, overflow, key, row, add)


def _united(node: pn.SetOperation) -> list[pn.PlanNode]:
    """Return what a chain of UNIONs unites, from left to right: one level of code for all of it."""
    parts: list[pn.PlanNode] = []
    pending: list[pn.PlanNode] = [node.right, node.left]
    while pending:
        part = pending.pop()
        if isinstance(part, pn.SetOperation) and part.kind == "union" and (part.all or not node.all):
            # What a duplicate-free union takes out of a chain, the one above would take out as well.
            if part.classes == node.classes or part.all:
                pending += [part.right, part.left]
                continue
        parts.append(part)
    return parts


def _loop(pipelines: Pipelines, node: pn.Source, blocks: str, consume: Consume) -> None:
    """Loop over blocks of row tuples as the node's source."""
    row = pipelines.source.fresh("r")
    pipelines.bind_row(node.source, row, len(node.columns))
    block = pipelines.source.fresh("b")
    pipelines.function.open(f"for {block} in {blocks}:", loop=True)
    pipelines.poll()
    pipelines.function.open(f"for {row} in {block}:", loop=True)
    if pipelines.needs(node.source, -1):
        pipelines.function.line(f"i_{row} = None")
    consume()


def produce_with(pipelines: Pipelines, node: pn.With, consume: Consume) -> None:
    """Each common table expression is a function that fills its list once; data-modifying ones run first."""
    function, source = pipelines.function, pipelines.source
    for number, _, plan in node.ctes:
        if not modifies(plan) and _is_read_once(node, number):
            # Rows flow through, so that a LIMIT above ends even an endless recursion.
            pipelines.ctes[number] = pipelines.generator(
                lambda add, plan=plan: pipelines.produce(plan, lambda: add(row_of(pipelines, plan)))  # type: ignore[misc]
            )
            pipelines.streamed.add(number)
            continue
        name, rows = source.fresh("g"), source.fresh("m")
        pipelines.ctes[number] = name
        loops, function.loops = function.loops, 0
        function.line(f"{rows} = None")
        with function.block(f"def {name}():"):
            function.line(f"nonlocal {rows}")
            with function.block(f"if {rows} is None:"):
                result = source.fresh("m")
                spool = pipelines.keep(result, plan)

                def collect(plan: pn.PlanNode = plan, result: str = result) -> None:
                    if not isinstance(plan, pn.Modify) or plan.returning is not None:
                        function.line(f"{result}.append({row_of(pipelines, plan)})")

                pipelines.produce(plan, collect)
                pipelines.kept(result, spool)
                function.line(f"{rows} = {result}")
            function.line(f"return {rows}")
        function.loops = loops
        if modifies(plan):
            function.line(f"{name}()")
    pipelines.produce(node.input, consume)


def _is_read_once(node: pn.With, number: int) -> bool:
    """Whether one scan, evaluated once, reads the common table expression."""
    readers = 0
    pending: list[pn.PlanNode] = [node.input, *(plan for _, _, plan in node.ctes)]
    while pending:
        current = pending.pop()
        if isinstance(current, pn.CteScan) and current.cte == number:
            readers += 1
        if isinstance(current, pn.Join) and current.lateral:
            return False
        pending.extend(current.inputs)
        if isinstance(current, pn.With):
            pending.extend(plan for _, _, plan in current.ctes)
    # Scans inside subqueries of expressions are not among the inputs: they read it as often as they like.
    return readers == 1 == sum(isinstance(part, pn.CteScan) and part.cte == number for part in walk(node))


def modifies(plan: pn.PlanNode) -> bool:
    """Whether the plan changes data."""
    return isinstance(plan, pn.Modify) or any(modifies(part) for part in plan.inputs)


def produce_cte_scan(pipelines: Pipelines, node: pn.CteScan | pn.WorkTableScan, consume: Consume) -> None:
    """Read the rows of a common table expression (or of the last round of a recursive one)."""
    call = f"{pipelines.ctes[node.cte]}()"
    streamed = isinstance(node, pn.CteScan) and node.cte in pipelines.streamed
    _loop(pipelines, node, call if streamed else f"{pipelines.source.bind(blocks_of, 'f')}({call})", consume)


def produce_recursive_union(pipelines: Pipelines, node: pn.RecursiveUnion, consume: Consume) -> None:
    """Run the step over the rows of the last round until it gives none (PostgreSQL 15, section 7.8.2)."""
    function, source = pipelines.function, pipelines.source
    make_key = row_key(node.classes)
    key_function = None if make_key is None else source.bind(make_key, "f")
    work, fresh, seen, row, key, rounds = (source.fresh(p) for p in ("m", "m", "h", "r", "k", "w"))
    reader, keys, runs = source.fresh("g"), source.fresh("w"), source.fresh("m")
    asked = pipelines.asked_by(node)
    spills = pipelines.may_spill

    def write(add: Callable[[str], None]) -> None:
        if not node.all:
            function.line(f"{keys} = {source.bind(KeySet, 'f')}(x{asked}); {seen} = {keys}.held; {runs} = {keys}.runs")
        function.line(f"{fresh} = []")
        if spills:
            function.line(f"{rounds} = {source.bind(Spool, 'f')}(x, {fresh}{asked})")
        outer = pipelines.ctes.get(node.cte)
        with function.block(f"def {reader}():"):
            function.line(f"return {work}")
        pipelines.ctes[node.cte] = reader

        def take(part: pn.PlanNode) -> None:
            function.line(f"{row} = {row_of(pipelines, part)}")
            if not node.all:
                function.line(f"{key} = {row if key_function is None else f'{key_function}({row})'}")
                function.open(f"if {key} not in {seen} and not ({runs} and {key} in {keys}):")
                function.line(f"{seen}.add({key})")
            function.line(f"{fresh}.append({row})")
            add(row)

        pipelines.produce(node.start, lambda: take(node.start))
        with function.block("while True:"):
            # Who reads the work table polls.
            if spills:
                # A round of few rows should cost little.
                is_short = f"{rounds}.file is None and len({fresh}) < 64"
                function.line(f"if {is_short}: {work} = {fresh}; {fresh} = {rounds}.held = []")
                with function.block("else:"):
                    pipelines.poll()
                    function.line(f"{fresh} = []; {work} = {rounds}.turn({fresh})")
            else:
                function.line(f"{work} = {fresh}; {fresh} = []")
            function.line(f"if not {work}: break")
            pipelines.produce(node.step, lambda: take(node.step))
        if spills:
            function.line(f"{rounds}.end()")
        if outer is not None:
            pipelines.ctes[node.cte] = outer

    _loop(pipelines, node, f"{pipelines.generator(write)}()", consume)


PRODUCERS: dict[type, Producer] = {
    pn.SetOperation: produce_set_operation,
    pn.With: produce_with,
    pn.CteScan: produce_cte_scan,
    pn.WorkTableScan: produce_cte_scan,
    pn.RecursiveUnion: produce_recursive_union,
}
