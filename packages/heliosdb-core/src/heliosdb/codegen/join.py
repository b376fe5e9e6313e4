"""Joins: nested loops over a list, hash joins, index joins, and their outer, semi and anti forms.

The right side is the one that is built (a list or a hash table) before the left side's loops begin; the optimizer
decides which is which. A missing right row is the source's *null carriers*, so a left join needs no second copy of
what follows.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from heliosdb.codegen.atoms import is_not_null
from heliosdb.codegen.scan import is_key_lookup, write_key_test
from heliosdb.codegen.source import MAX_LOOPS
from heliosdb.codegen.spill import MOST_LINES, JoinOverflow
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


def produce_join(pipelines: Pipelines, node: pn.Join, consume: Consume) -> None:
    """Nested loops. A lateral right side is produced inside the left loop, any other is made a list first."""
    if node.kind == "right":
        mirrored = pn.Join(kind="left", left=node.right, right=node.left, condition=node.condition)
        return produce_join(pipelines, mirrored, consume)
    if node.kind == "full":
        return _produce_full(pipelines, node, consume)
    if node.lateral or isinstance(node, pn.IndexJoin):
        return _produce_lateral(pipelines, node, consume)
    rows = _as_list(pipelines, node.right)
    _probe(pipelines, node, rows, node.condition, consume)


def _as_list(pipelines: Pipelines, node: pn.PlanNode) -> str:
    """Write the node's rows into a list of packed carriers."""
    name = pipelines.source.fresh("m")
    pipelines.function.line(f"{name} = []")
    pipelines.produce(node, lambda: pipelines.function.line(f"{name}.append({pipelines.pack(node.sources)})"))
    return name


def _probe(
    pipelines: Pipelines, node: pn.Join, matches: str, condition: ex.Expression | None, consume: Consume
) -> None:
    """Loop over the left side and, for each row, over ``matches`` (source of an iterable of packed right rows)."""

    def probe() -> None:
        pair(pipelines, node, matches, condition, consume)

    pipelines.produce(node.left, probe)


def pair(pipelines: Pipelines, node: pn.Join, matches: str, condition: ex.Expression | None, consume: Consume) -> None:
    """Write what happens to one left row: the loop over its matches, as the kind of join says."""
    function, source = pipelines.function, pipelines.source
    sources = node.right.sources
    target = pipelines.unpacked(pipelines.names(sources))
    _poll(pipelines, node, matches)
    if node.kind == "inner":
        function.open(f"for {target} in {matches}:", loop=True)
        if condition is not None:
            function.open(f"if {pipelines.test(condition)}:")
        return consume()
    if node.kind == "left":
        missing = pipelines.packed(pipelines.pack_nulls(sources))
        if condition is None:
            nothing = source.fresh("z")
            pipelines.head.append(f"{nothing} = ({missing},)")
            function.open(f"for {target} in {matches} or {nothing}:", loop=True)
            return consume()
        found = source.fresh("m")
        function.line(f"{found} = []")
        with function.loop(f"for {target} in {matches}:"):
            function.line(f"if {pipelines.test(condition)}: {found}.append({pipelines.pack(sources)})")
        function.line(f"if not {found}: {found}.append({missing})")
        function.open(f"for {target} in {found}:", loop=True)
        return consume()
    # semi and anti: the first match decides
    if condition is None and not node.null_aware:
        function.open(f"if {'' if node.kind == 'semi' else 'not '}{matches}:")
        return consume()
    hit = source.fresh("h")
    function.line(f"{hit} = False")
    with function.loop(f"for {target} in {matches}:"):
        if condition is None:
            function.line(f"{hit} = True; break")
        else:
            function.line(f"if {_meets(pipelines, node, condition)}: {hit} = True; break")
    function.open(f"if {'' if node.kind == 'semi' else 'not '}{hit}:")
    consume()


def _poll(pipelines: Pipelines, node: pn.Join, matches: str) -> None:
    """Poll once a left row, where its matches may be many."""
    if isinstance(node, pn.HashJoin):
        pipelines.function.line(f"if len({matches}) > 64 and x.cancelled: x.raise_cancelled()")
    else:
        pipelines.poll()


def _produce_lateral(pipelines: Pipelines, node: pn.Join, consume: Consume) -> None:
    """The right side reads columns of the left: produce it inside the left's loop."""
    function, source = pipelines.function, pipelines.source

    def inner() -> None:
        pipelines.poll()
        if node.kind == "inner":

            def keep() -> None:
                if node.condition is not None:
                    function.open(f"if {pipelines.test(node.condition)}:")
                consume()

            return pipelines.produce(node.right, keep)
        found = source.fresh("m")
        if node.kind in ("semi", "anti"):
            function.line(f"{found} = False")
            before = function.loops

            def first() -> None:
                if node.condition is not None:
                    function.open(f"if {_meets(pipelines, node, node.condition)}:")
                # The innermost loop need not go on; loops around it, if any, merely find the same once more.
                function.line(f"{found} = True{'; break' if function.loops > before else ''}")

            if node.condition is None and not pipelines.count_rows and is_key_lookup(node.right, pipelines):
                write_key_test(pipelines, node.right, found)
            else:
                pipelines.produce(node.right, first)
            function.open(f"if {'' if node.kind == 'semi' else 'not '}{found}:")
            return consume()
        function.line(f"{found} = []")
        pipelines.produce(node.right, lambda: function.line(f"{found}.append({pipelines.pack(node.right.sources)})"))
        pair(pipelines, node, found, node.condition, consume)

    pipelines.produce(node.left, inner)


def _meets(pipelines: Pipelines, node: pn.Join, condition: ex.Expression) -> str:
    """Return the source of whether a right row decides about the left one, in a semi or anti join."""
    if node.null_aware:
        # NOT IN: a comparison that is unknown also keeps the row out.
        return f"not {pipelines.expressions.fails(condition)}"
    return pipelines.test(condition)


def _produce_full(pipelines: Pipelines, node: pn.Join, consume: Consume) -> None:
    """A full join: left join first, then the right rows that met nobody, through a generator."""
    function, source = pipelines.function, pipelines.source
    numbered = source.fresh("m")
    right = node.right.sources
    hit = source.fresh("h")
    function.line(f"{numbered} = []")
    pipelines.produce(node.right, lambda: function.line(f"{numbered}.append({pipelines.pack(right)})"))
    right_target = pipelines.unpacked(pipelines.names(right))
    missing_right = pipelines.packed(pipelines.pack_nulls(right))
    table = source.fresh("h")
    number = source.fresh("n")
    if isinstance(node, pn.HashJoin):
        function.line(f"{table} = {{}}")
        with function.loop(f"for {number}, {right_target} in enumerate({numbered}):"):
            key, conditions = _key(pipelines, node.right_keys, node)
            with function.block(f"if {' and '.join(conditions)}:" if conditions else "if True:"):
                function.line(f"{table}.setdefault({key}, []).append({number})")
    sources = node.sources

    def write(add) -> None:  # type: ignore[no-untyped-def]
        function.line(f"{hit} = set()")

        def probe() -> None:
            found = source.fresh("m")
            pipelines.poll()
            function.line(f"{found} = []")
            if isinstance(node, pn.HashJoin):
                key, conditions = _key(pipelines, node.left_keys, node)
                numbers = source.fresh("m")
                lookup = f"{table}.get({key}, ())"
                function.line(
                    f"{numbers} = {lookup} if {' and '.join(conditions)} else ()"
                    if conditions
                    else f"{numbers} = {lookup}"
                )
            else:
                numbers = f"range(len({numbered}))"
            with function.loop(f"for {number} in {numbers}:"):
                function.line(f"{right_target} = {numbered}[{number}]")
                condition = pipelines.test(node.condition) if node.condition is not None else "True"
                function.line(f"if {condition}: {found}.append({number})")
            function.line(f"{hit}.update({found})")
            with function.loop(f"for {number} in {found} or (None,):"):
                function.line(f"{right_target} = {missing_right} if {number} is None else {numbered}[{number}]")
                add(pipelines.pack(sources))

        pipelines.produce(node.left, probe)
        with function.loop(f"for {number}, {right_target} in enumerate({numbered}):"):
            with function.block(f"if {number} not in {hit}:"):
                names = [*pipelines.pack_nulls(node.left.sources), *pipelines.names(right)]
                add(pipelines.packed(names))

    # The generator reads the list and the table of the enclosing function.
    name = pipelines.generator(write)
    pipelines.loop_over(f"{name}()", sources, consume)


def _key(pipelines: Pipelines, keys: tuple[ex.Expression, ...], node: pn.HashJoin) -> tuple[str, list[str]]:
    """Return (source of the hash key, conditions under which it is not NULL)."""
    parts: list[str] = []
    conditions: list[str] = []
    for index, key in enumerate(keys):
        operator_class = node.key_classes[index] if node.key_classes else None
        text = pipelines.expressions.hashed(key, operator_class)
        if key.nullable:
            name = pipelines.local(text)
            conditions.append(is_not_null(name))
            text = name
        parts.append(text)
    return (parts[0] if len(parts) == 1 else f"({', '.join(parts)})"), conditions


def produce_hash_join(pipelines: Pipelines, node: pn.HashJoin, consume: Consume) -> None:
    """Build a table from the right side, then look up each left row."""
    if node.kind == "full":
        return _produce_full(pipelines, node, consume)
    if node.kind == "right":
        mirrored = pn.HashJoin(
            kind="left",
            left=node.right,
            right=node.left,
            condition=node.condition,
            left_keys=node.right_keys,
            right_keys=node.left_keys,
            key_classes=node.key_classes,
        )
        return produce_hash_join(pipelines, mirrored, consume)
    function, source = pipelines.function, pipelines.source
    table, get = source.fresh("h"), source.fresh("h")
    sources = node.right.sources
    unique = is_unique_key(node.right, node.right_keys)
    only_keys = node.kind in ("semi", "anti") and node.condition is None
    function.line(
        f"{table} = {'set()' if only_keys else '{}'}; {get} = {table}.{'__contains__' if only_keys else 'get'}"
    )
    saw_null = source.fresh("z")
    if node.null_aware:
        function.line(f"{saw_null} = False")
    spill = _Spill(pipelines, node, table, "keys" if only_keys else "unique" if unique else "lists")

    def build() -> None:
        key, conditions = _key(pipelines, node.right_keys, node)
        if conditions:
            if node.null_aware:
                function.line(f"if not ({' and '.join(conditions)}): {saw_null} = True")
            function.open(f"if {' and '.join(conditions)}:")
        if only_keys:
            function.line(f"{table}.add({key})")
        elif unique:
            function.line(f"{table}[{key}] = {pipelines.pack(sources)}")
        else:
            name, bucket = pipelines.local(key), source.fresh("b")
            function.line(f"{bucket} = {get}({name})")
            function.line(f"if {bucket} is None: {table}[{name}] = [{pipelines.pack(sources)}]")
            function.line(f"else: {bucket}.append({pipelines.pack(sources)})")

    pipelines.produce(node.right, build)
    spill.end_build()

    def probe() -> None:
        key, conditions = _key(pipelines, node.left_keys, node)
        guard = " and ".join(conditions)
        if only_keys and node.kind == "semi":
            with spill.missed(key):
                function.open(f"if {guard + ' and ' if guard else ''}{get}({key}):")
                consume()
            return
        if only_keys:
            if node.null_aware:
                # Nothing is IN an empty set, not even NULL; otherwise NULL on either side makes it unknown.
                known = f"({guard}) and " if guard else ""
                function.open(f"if (not {table} and not {saw_null}) or (not {saw_null} and {known}not {get}({key})):")
            else:
                function.open(f"if not ({guard + ' and ' if guard else ''}{get}({key})):")
            spill.open_unless_put_aside(key)
            return consume()
        found = source.fresh("m")
        if unique and node.kind == "inner":
            function.line(f"{found} = {get}({key})" + (f" if {guard} else None" if guard else ""))
            with spill.missed(key):
                function.open(f"if {found} is not None:")
                names = pipelines.names(sources)
                if not names:
                    pass
                elif len(names) == 1:
                    function.line(f"{names[0]} = {found}")
                else:
                    function.line(f"{pipelines.unpacked(names)} = {found}")
                if node.condition is not None:
                    function.open(f"if {pipelines.test(node.condition)}:")
                consume()
            return
        if unique:
            function.line(f"{found} = {get}({key})" + (f" if {guard} else None" if guard else ""))
            function.line(f"{found} = () if {found} is None else ({found},)")
        else:
            function.line(f"{found} = {get}({key}, ())" + (f" if {guard} else ()" if guard else ""))
        if node.kind in ("inner", "semi"):
            with spill.missed(key):
                function.open(f"if {found}:")
                pair(pipelines, node, found, node.condition, consume)
            return
        spill.open_unless_put_aside(key, f"not {found} and ")
        pair(pipelines, node, found, node.condition, consume)

    start = len(function.lines)
    pipelines.produce(node.left, probe)
    spill.write_parts(probe, len(function.lines) - start)


class _Spill:
    """Writes what a hash join does about a table that outgrows ``work_mem`` (``spill.JoinOverflow``).

    The lines that join a row are written twice: for rows as they come, and for rows that were put aside. Where they are
    too many for that, the table stays in memory.
    """

    def __init__(self, pipelines: Pipelines, node: pn.HashJoin, table: str, form: str) -> None:
        self.pipelines = pipelines
        self.node = node
        # NOT IN asks whether the whole table is empty.
        self.is_possible = pipelines.may_spill and not node.null_aware
        self.is_writing_parts = False
        if not self.is_possible:
            return
        function, source = pipelines.function, pipelines.source
        self.overflow, self.has_overflown = source.fresh("w"), source.fresh("z")
        self.begin = len(function.lines)
        function.line(f"{self.overflow} = {source.bind(JoinOverflow, 'f')}(x, {table}, {form!r})")

    def end_build(self) -> None:
        """Write the question whether anything was put aside."""
        if self.is_possible:
            self.end = len(self.pipelines.function.lines)
            self.pipelines.function.line(f"{self.has_overflown} = {self.overflow}.end_build()")

    @property
    def _puts(self) -> bool:
        return self.is_possible and not self.is_writing_parts

    def _put(self, key: str) -> str:
        return f"{self.overflow}.put({key}, {self.pipelines.pack(self.node.left.sources)})"

    @contextmanager
    def missed(self, key: str) -> Iterator[None]:
        """Write what happens to a left row that finds nothing, behind an ``if`` that the block opens first.

        Once anything was put aside the table is empty and every row comes here; rows that find something pay nothing.
        """
        function = self.pipelines.function
        depth, loops = function.depth, function.loops
        put = self._put(key) if self._puts else ""
        yield
        if put:
            if function.lines[-1].endswith(":"):
                function.line("pass")
            function.depth, function.loops = depth, loops
            function.line(f"elif {self.has_overflown}: {put}")

    def open_unless_put_aside(self, key: str, nothing: str = "") -> None:
        """Put the left row aside where anything was; open the block for what is done otherwise."""
        if self._puts:
            function = self.pipelines.function
            function.line(f"if {nothing}{self.has_overflown}: {self._put(key)}")
            function.open("else:")

    def write_parts(self, probe: Callable[[], None], lines: int) -> None:
        """Write the loops over the parts."""
        if not self.is_possible:
            return
        pipelines, function = self.pipelines, self.pipelines.function
        if lines > MOST_LINES or function.loops + 2 >= MAX_LOOPS:
            blank = function.lines[self.begin]
            indent = blank[: len(blank) - len(blank.lstrip())]
            function.lines[self.begin] = f"{indent}pass"
            function.lines[self.end] = f"{indent}{self.has_overflown} = False"
            return
        self.is_writing_parts = True
        part = pipelines.source.fresh("b")
        depth, loops = function.depth, function.loops
        function.open(f"for {part} in {self.overflow}.parts() if {self.has_overflown} else ():", loop=True)
        pipelines.loop_rows(part, self.node.left.sources, probe)
        function.depth, function.loops = depth, loops


def is_unique_key(node: pn.PlanNode, keys: tuple[ex.Expression, ...]) -> bool:
    """Whether at most one row of the node has given values of the keys (a unique index covers them)."""
    while isinstance(node, pn.Filter):
        node = node.input
    if not isinstance(node, pn.Scan):
        return False
    if len(node.sources) != 1:
        return False
    numbers = {key.index + 1 for key in keys if isinstance(key, ex.Column) and key.source == node.source}
    return any(
        index.unique
        and index.valid
        and index.predicate is None
        and all(part.column is not None and part.column in numbers for part in index.keys)
        and not _is_deferrable(node, index.oid)
        for index in node.relation.indexes
    )


def _is_deferrable(node: pn.Scan, index: int) -> bool:
    return any(constraint.index == index and constraint.deferrable for constraint in node.relation.constraints)


PRODUCERS: dict[type, Producer] = {pn.Join: produce_join, pn.IndexJoin: produce_join, pn.HashJoin: produce_hash_join}
