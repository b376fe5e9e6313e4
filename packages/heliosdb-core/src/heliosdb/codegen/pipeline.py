"""Pipelines: how a plan becomes nested loops in one function.

Every operator *produces* rows by writing a loop and calling its consumer, which writes what happens to a row inside
the loop (Neumann, "Efficiently compiling efficient query plans for modern hardware", VLDB 2011). So a filter over a
join over two scans is

    for b1 in v1.row_blocks():          hash table of the right side, once
        for r1 in b1: ...
    for b0 in v0.row_blocks():
        for r0 in b0:
            for r1 in h(r0[2], ()):     no call and no tuple between the operators
                if r0[1] < r1[3]:
                    add((r0[0], r1[2]))

A source is read through its *binding*: a scan's columns are subscripts of its row variable, a projection's are local
variables. Operators that must see all rows first (sort, hash, aggregate) keep the *carriers* of the sources that are
needed later: the variables behind the bindings; unpacking them again restores the bindings, so everything above stays
the same.

An operator whose rows come from several places (set operations, full joins), that may stop early (LIMIT inside a
query), or that lies below too many loops writes an inner generator function that yields lists of carriers: the only
boundary between pipelines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from heliosdb import errors
from heliosdb.codegen import runtime
from heliosdb.codegen.atoms import is_atom
from heliosdb.codegen.bindings import local_binding, row_binding
from heliosdb.codegen.block_values import BlockValues
from heliosdb.codegen.expressions import Expressions
from heliosdb.codegen.source import MAX_LOOPS, Function, Source
from heliosdb.codegen.spool import Spool
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import walk

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries
    from heliosdb.codegen.pruning import Bound

Consume = Callable[[], None]
Producer = Callable[..., None]

NARROW_JOINS = 4
"""Joins in one function where all of them would nest too deeply."""

BATCH = 1024
"""Rows in a batch that leaves the statement."""


class Pipelines:
    """Writes the functions of one statement. ``function`` is the one being written."""

    def __init__(
        self,
        plan: pn.PlanNode,
        registries: Registries,
        producers: dict[type, Producer],
        *,
        count_rows: bool = False,
        narrow: bool = False,
        cuts: set[int] | None = None,
    ) -> None:
        self.count_rows = count_rows
        self.narrow = narrow
        """Whether chains of joins are cut into several functions."""
        self.counted = plan
        """The data modification whose rows are the statement's count; those in WITH do not count."""
        while isinstance(self.counted, pn.With):
            self.counted = self.counted.input
        self.registries = registries
        self.source = Source()
        self.expressions = Expressions(self.source, registries)
        self.expressions.polls = True
        self.expressions.hoists = _reads_many_rows(plan)
        self.producers = producers
        self.head = self.expressions.head
        self.function = Function(self.source, "run", "x")
        calls: list[ex.Call] = []
        self.used = _used_columns(plan, calls)
        self.block_values = BlockValues(self, calls)
        if calls:
            self.expressions.block_values = self.block_values
        self.modifies_often = sum(1 for node in walk(plan) if isinstance(node, pn.Modify)) > 1
        """Whether several parts of the statement change data, whose constraints hold when all of them are done."""
        self.cuts: set[int] = set() if cuts is None else cuts
        """Operators that hand their rows on by a generator, so that what follows is written only once (``cut_key``)."""
        self.missing_cuts: set[int] = set()
        """Those that would have had to, and keep everything in memory instead."""
        self.spilling: set[str] = set()
        """Functions of correlated subqueries in which something may be put aside."""
        self.carriers: dict[int, tuple[str, ...]] = {}
        """The variables that hold each source's row at the current place."""
        self.null_values: dict[str, str] = {}
        """Each carrier's value when its source's row is missing."""
        self.ctes: dict[int, str] = {}
        """The functions that give the rows of common table expressions, by number."""
        self.streamed: set[int] = set()
        """The numbers of those that give blocks of rows once, not a list."""
        self.ranges: dict[int, str] = {}
        """What a scan may leave out (``pruning.ranges``), by source; "" where nothing."""
        self.bounds: dict[int, Bound] = {}
        """The bound of the top-N sort above a scan, by source."""
        self.views: dict[Any, str] = {}
        """The variables that hold relations as the statement sees them; each is assigned in ``head``."""
        self.snapshots: dict[int, str] = {}
        """The variables that hold the snapshots of moments, by their number; assigned there, too."""

    # -- producing -------------------------------------------------------------------------------------------------

    def produce(self, node: pn.PlanNode, consume: Consume) -> None:
        """Write loops over the node's rows with ``consume`` inside."""
        if self.count_rows:
            consume = self._counting(node, consume)
        deep = self.function.loops >= MAX_LOOPS and type(node) not in _SHALLOW
        with self.function.indented():
            is_cut = bool(self.cuts) and cut_key(node) in self.cuts
            if deep or is_cut or (self.narrow and _joins_below(node) % NARROW_JOINS == NARROW_JOINS - 1):
                self.through_generator(node, consume)
            else:
                self._produce(node, consume)

    def _produce(self, node: pn.PlanNode, consume: Consume) -> None:
        producer = self.producers.get(type(node))
        if producer is None:
            raise errors.FeatureNotSupported(f"no code generation for plan node {type(node).__name__}")
        with self.function.indented():
            producer(self, node, consume)

    def _counting(self, node: pn.PlanNode, consume: Consume) -> Consume:
        number = id(node)

        def counted() -> None:
            self.function.line(f"x.counts[{number}] = x.counts.get({number}, 0) + 1")
            consume()

        return counted

    def through_generator(self, node: pn.PlanNode, consume: Consume) -> None:
        """Produce the node in an inner generator function and loop over what it yields."""
        name = self.generator(lambda add: self._produce(node, lambda: add(self.pack(node.sources))))
        self.loop_over(f"{name}()", node.sources, consume)

    def generator(self, write: Callable[[Callable[[str], None]], None], batch: int = BATCH) -> str:
        """Write an inner generator function; ``write(add)`` produces and calls ``add(source of a row)``; return its
        name.
        """
        function = self.function
        name, out, add = self.source.fresh("g"), self.source.fresh("o"), self.source.fresh("d")
        loops, function.loops = function.loops, 0
        with function.block(f"def {name}():"):
            function.line(f"{out} = []; {add} = {out}.append")

            def append(text: str) -> None:
                function.line(f"{add}({text})")
                function.line(f"if len({out}) >= {batch}:")
                function.line(f" yield {out}; {out} = []; {add} = {out}.append")

            write(append)
            function.line(f"if {out}: yield {out}")
        function.loops = loops
        return name

    @property
    def may_spill(self) -> bool:
        """Whether an operator here may put rows aside. Who asks will write what does."""
        if self.function.name != "run" and self.function.arguments:
            # It runs many times: see ``Subqueries``.
            self.spilling.add(self.function.name)
        return True

    def asked_by(self, node: pn.PlanNode) -> str:
        """Return the last argument of what may put rows aside: whose memory it is, where somebody asks."""
        return f", {cut_key(node) if isinstance(node, pn.Join) else id(node)}" if self.count_rows else ""

    def keep(self, rows: str, node: pn.PlanNode) -> str:
        """Write a list to keep rows in; return what watches it, "" where nothing may be put aside."""
        self.function.line(f"{rows} = []")
        if not self.may_spill:
            return ""
        spool = self.source.fresh("w")
        # Whose rows are kept may report on memory of its own.
        asked = f", -{id(node)}" if self.count_rows else ""
        self.function.line(f"{spool} = {self.source.bind(Spool, 'f')}(x, {rows}{asked})")
        return spool

    def kept(self, rows: str, spool: str) -> None:
        """Write that the last row has come: the list's variable then has all rows."""
        if spool:
            self.function.line(f"{rows} = {spool}.rows()")

    def poll(self) -> None:
        """Write the question whether the statement is to stop: once for each bounded piece of work."""
        self.function.line("if x.cancelled: x.raise_cancelled()")

    def open_chunks(self, item: str, items: str) -> None:
        """Open loops over an iterable that may be long, with a poll for every chunk of it."""
        chunk = self.source.fresh("b")
        chunks = self.source.bind(runtime.chunks, "f")
        self.function.open(f"for {chunk} in {chunks}({items}):", loop=True)
        self.poll()
        self.function.open(f"for {item} in {chunk}:", loop=True)

    def loop_over(self, blocks: str, sources: Iterable[int], consume: Consume) -> None:
        """Loop over blocks of packed carriers of the sources."""
        block = self.source.fresh("b")
        self.function.open(f"for {block} in {blocks}:", loop=True)
        self.loop_rows(block, sources, consume)

    def loop_rows(self, rows: str, sources: Iterable[int], consume: Consume) -> None:
        """Loop over a list of packed carriers of the sources."""
        names = self.names(sources)
        self.function.open(f"for {self.unpacked(names)} in {rows}:", loop=True)
        consume()

    # -- carriers --------------------------------------------------------------------------------------------------

    def bind_row(self, source: int, variable: str, width: int) -> None:
        """Let a source be read from a row tuple in ``variable`` (and its row id from ``i_<variable>`` where it is
        used).
        """
        self.expressions.bindings[source] = row_binding(variable)
        self.null_values[variable] = self.source.bind((None,) * width)
        self.carriers[source] = (variable,)
        if self.needs(source, -1):
            self.null_values[f"i_{variable}"] = "None"
            self.carriers[source] = (variable, f"i_{variable}")

    def bind_locals(self, source: int, names: dict[int, str]) -> None:
        """Let a source be read from carriers or columns of row carriers, by index."""
        self.expressions.bindings[source] = local_binding(names)
        self.carriers[source] = tuple(dict.fromkeys(name.partition("[")[0] for name in names.values()))

    def carried(self, text: str, own: Sequence[str] | None = None) -> str:
        """Return source text that lives in one of the carriers ``own``, those of the rows below: the text itself if it
        does, else a fresh variable with its value. (A lateral projection of an outer column must not be that column: a
        join that finds no row makes its side's carriers NULL.)
        """
        name = text.partition("[")[0]
        if is_atom(text) and name in self.null_values and (own is None or name in own):
            return text
        name = self.source.fresh("c")
        self.function.line(f"{name} = {text}")
        self.null_values[name] = "None"
        return name

    def needs(self, source: int, index: int) -> bool:
        """Return whether anything in the statement reads the column."""
        return (source, index) in self.used

    def names(self, sources: Iterable[int]) -> list[str]:
        """Return the carriers of the sources."""
        return list(dict.fromkeys(name for source in sources for name in self.carriers[source]))

    def pack(self, sources: Iterable[int], *more: str) -> str:
        """Return source of one object with the carriers (the carrier itself if it is only one)."""
        return self.packed([*more, *self.names(sources)])

    def pack_nulls(self, sources: Iterable[int]) -> list[str]:
        """Return what the carriers are when the row is missing."""
        return [self.null_values[name] for name in self.names(sources)]

    @staticmethod
    def packed(names: Sequence[str]) -> str:
        """Return source of a tuple of the names, or of the only one."""
        if len(names) == 1:
            return names[0]
        return f"({', '.join(names)})" if names else "None"

    def unpacked(self, names: Sequence[str]) -> str:
        """Return an assignment target for what ``packed`` made."""
        if not names:
            return self.source.fresh("u")
        return names[0] if len(names) == 1 else f"({', '.join(names)})"

    # -- head of the main function -----------------------------------------------------------------------------------

    def view(self, node: pn.Scan | pn.IndexScan) -> str:
        """Return the variable with the relation's view, captured when the statement starts."""
        request = node.snapshot
        key = (node.relation.oid, None if request is None else request.number)
        name = self.views.get(key)
        if name is None:
            name = self.views[key] = self.source.fresh("v")
            if request is None:
                self.head.append(f"{name} = x.view({node.relation.oid})")
            else:
                relation = self.source.bind(node.relation, "q")
                self.head.append(f"{name} = x.view_at({relation}, {self.snapshot(request)})")
        return name

    def snapshot(self, request: pn.SnapshotRequest) -> str:
        """Return the variable with the snapshot that a request leads to, resolved when the statement starts."""
        name = self.snapshots.get(request.number)
        if name is None:
            base = "None" if request.base is None else self.snapshot(request.base)
            arguments = "".join(f"{self.expressions.value(argument)}, " for argument in request.arguments)
            name = self.snapshots[request.number] = self.source.fresh("s")
            self.head.append(f"{name} = x.snapshot({self.source.bind(request, 'q')}, ({arguments}), {base})")
        return name

    # -- expressions -------------------------------------------------------------------------------------------------

    def value(self, node: ex.Expression) -> str:
        """Return source for a datum at the current place."""
        return self.expressions.value(node)

    def test(self, node: ex.Expression) -> str:
        """Return source of a condition at the current place."""
        return self.expressions.test(node)

    def local(self, text: str, prefix: str = "c") -> str:
        """Assign source text to a fresh variable and return it; atoms are returned as they are."""
        if is_atom(text):
            return text
        name = self.source.fresh(prefix)
        self.function.line(f"{name} = {text}")
        return name

    @contextmanager
    def writing(self, function: Function) -> Iterator[None]:
        """Write into another function meanwhile."""
        saved, self.function = self.function, function
        carriers = dict(self.carriers)
        try:
            yield
        finally:
            self.function = saved
            self.carriers = carriers


def cut_key(node: pn.PlanNode) -> int:
    """Return what tells an operator from others in ``cuts``: the same for a join whose sides were swapped."""
    return sum(map(id, node.inputs))


def _joins_below(node: pn.PlanNode) -> int:
    """Return how many joins' loops stand around those of a join, 0 for another node."""
    if not isinstance(node, pn.Join):
        return 0
    count = 0
    below: pn.PlanNode | None = node.right if node.kind == "right" else node.left
    while below is not None:
        if isinstance(below, pn.Join):
            count += 1
            below = below.right if below.kind == "right" else below.left
        else:
            below = getattr(below, "input", None)
    return count


_SHALLOW = (pn.Filter, pn.Project, pn.Limit, pn.OneRow)
"""Nodes that open no loop of their own."""


def _reads_many_rows(plan: pn.PlanNode) -> bool:
    """Whether an expression of the plan may be evaluated for more than a row or two."""
    pending = [plan]
    while pending:
        node = pending.pop()
        if isinstance(node, pn.Source) and not isinstance(node, pn.Values | pn.Empty | pn.SetOperation):
            if not (isinstance(node, pn.IndexScan) and node.unique):
                return True
        pending.extend(node.inputs)
        if isinstance(node, pn.With):
            pending.extend(part for _, _, part in node.ctes)
    return False


def _used_columns(plan: Any, calls: list[ex.Call]) -> set[tuple[int, int]]:
    """Return every (source, index) that an expression of the plan reads, subqueries included.

    Calls of functions that have a column form are added to ``calls``.
    """
    used: set[tuple[int, int]] = set()
    seen: set[int] = set()
    stack: list[Any] = [plan]
    _use_all(plan, used)
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
            continue
        if isinstance(node, ex.Column):
            used.add((node.source, node.index))
        elif isinstance(node, ex.Call):
            if node.function.column_form is not None:
                calls.append(node)
        elif isinstance(node, ex.Grouping):
            used.add((node.source, -3))
        elif isinstance(node, pn.LockRows):
            used.update((number, -1) for number, _, _ in node.locks)
        elif isinstance(node, pn.Update | pn.Delete | pn.Merge):
            used.add((node.scan, -1))
        elif type(node) is ex.Constant:
            continue
        if isinstance(node, _WALKED):
            if id(node) in seen:
                continue
            seen.add(id(node))
            stack.extend(getattr(node, name) for name in _fields(type(node)))
            for reader in _read_whole(node):
                _use_all(reader, used)
    return used


def _read_whole(node: Any) -> tuple[pn.PlanNode, ...]:
    """Return the inputs of a node of which it reads all columns without naming them."""
    if isinstance(node, pn.SetOperation | pn.RecursiveUnion) or (isinstance(node, pn.Distinct) and not node.on):
        return node.inputs
    if isinstance(node, pn.With):
        return tuple(plan for _, _, plan in node.ctes)
    return (node.plan,) if isinstance(node, ex.Subquery) else ()


def _use_all(node: pn.PlanNode, used: set[tuple[int, int]]) -> None:
    if len(node.sources) != 1:
        return
    (number,) = node.sources
    used.update((number, index) for index in range(len(columns_of(node))))


def columns_of(node: pn.PlanNode) -> tuple[pn.OutputColumn, ...]:
    """Return the columns of a node with one source."""
    (number,) = node.sources
    while getattr(node, "source", None) != number or not hasattr(node, "columns"):
        node = next(part for part in node.inputs if number in part.sources)
    return node.columns  # type: ignore[no-any-return]


_WALKED = (
    ex.Expression,
    pn.PlanNode,
    ex.SortKey,
    ex.FrameBound,
    ex.WindowSpecification,
    pn.Assignment,
    pn.ConflictClause,
    pn.MergeAction,
    pn.RowCheck,
    pn.SnapshotRequest,
)
_FIELD_NAMES: dict[type, tuple[str, ...]] = {}


def _fields(cls: type) -> tuple[str, ...]:
    names = _FIELD_NAMES.get(cls)
    if names is None:
        names = _FIELD_NAMES[cls] = tuple(
            attribute.name
            for attribute in attrs.fields(cls)
            if attribute.name not in ("relation", "index", "view", "columns")
        )
    return names
