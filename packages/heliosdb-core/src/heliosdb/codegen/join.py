"""Joins: nested loops over a list, hash joins, index joins, and their outer, semi and anti forms.

The right side is the one that is built (a list or a hash table) before the left side's loops begin; the optimizer
decides which is which. A missing right row is the source's *null carriers*, so a left join needs no second copy of
what follows.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from heliosdb.codegen.atoms import is_not_null
from heliosdb.codegen.pipeline import cut_key
from heliosdb.codegen.scan import is_key_lookup, write_key_test
from heliosdb.codegen.source import MAX_LOOPS
from heliosdb.codegen.spill import MOST_LINES
from heliosdb.codegen.spill_joins import JoinOverflow
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
    spool = pipelines.keep(name, node)
    pipelines.produce(node, lambda: pipelines.function.line(f"{name}.append({pipelines.pack(node.sources)})"))
    pipelines.kept(name, spool)
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
        # Behind the matches comes the missing row, which goes on if none of them did.
        found, left, nothing = source.fresh("z"), source.fresh("n"), source.fresh("z")
        pipelines.head.append(f"{nothing} = ({missing},)")
        function.line(f"{found} = False; {left} = len({matches})")
        function.open(f"for {target} in {source.bind(chain, 'f')}({matches}, {nothing}):", loop=True)
        with function.block(f"if {left}:"):
            function.line(f"{left} -= 1")
            function.line(f"if not ({pipelines.test(condition)}): continue")
            function.line(f"{found} = True")
        function.line(f"elif {found}: continue")
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
        # While the right side is read the left row is there.
        known = pipelines.block_values.known
        pipelines.block_values.known = known | set(node.left.sources)
        read_right()
        pipelines.block_values.known = known

    def read_right() -> None:
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
    """A full join of any condition: a left join that marks whom it met, then the right rows that met nobody."""
    function, source = pipelines.function, pipelines.source
    right = node.right.sources
    rows = _as_list(pipelines, node.right)
    right_target = pipelines.unpacked(pipelines.names(right))
    number, marks = source.fresh("n"), source.fresh("z")

    def write(add: Callable[[str], None]) -> None:
        function.line(f"{marks} = bytearray(len({rows}))")

        def probe() -> None:
            pipelines.poll()
            _full_pairs(
                pipelines, node, f"enumerate({rows})", lambda: function.line(f"{marks}[{number}] = 1"), add, number
            )

        pipelines.produce(node.left, probe)
        with function.loop(f"for {number}, {right_target} in enumerate({rows}):"):
            with function.block(f"if not {marks}[{number}]:"):
                _right_alone(pipelines, node, add)

    # The generator reads the list of the enclosing function.
    name = pipelines.generator(write)
    pipelines.loop_over(f"{name}()", node.sources, consume)


def _full_pairs(
    pipelines: Pipelines,
    node: pn.Join,
    numbered: str,
    mark: Callable[[], None],
    add: Callable[[str], None],
    number: str,
) -> None:
    """Write the loop over the right rows that a left row may meet, and what becomes of it if it meets none."""
    function, source = pipelines.function, pipelines.source
    names = pipelines.names(node.right.sources)
    found = source.fresh("z")
    function.line(f"{found} = False")
    with function.loop(f"for {number}, {pipelines.unpacked(names)} in {numbered}:"):
        depth = function.depth
        if node.condition is not None:
            function.open(f"if {pipelines.test(node.condition)}:")
        function.line(f"{found} = True")
        mark()
        add(pipelines.pack(node.sources))
        function.depth = depth
    with function.block(f"if not {found}:"):
        for name, nothing in zip(names, pipelines.pack_nulls(node.right.sources), strict=True):
            function.line(f"{name} = {nothing}")
        add(pipelines.pack(node.sources))


def _right_alone(pipelines: Pipelines, node: pn.Join, add: Callable[[str], None]) -> None:
    """Write that a right row goes on without a left one."""
    names = [*pipelines.pack_nulls(node.left.sources), *pipelines.names(node.right.sources)]
    add(pipelines.packed(names))


def _produce_full_hash(pipelines: Pipelines, node: pn.HashJoin, consume: Consume) -> None:
    """A full hash join: the table has a mark for each row; those without one go on when all left rows did."""
    function, source = pipelines.function, pipelines.source
    table, get, bucket, number = source.fresh("h"), source.fresh("h"), source.fresh("b"), source.fresh("n")
    rows, marks, alone = source.fresh("m"), source.fresh("z"), source.fresh("m")
    overflow = source.fresh("w") if pipelines.may_spill else ""
    has_overflown, part = source.fresh("z"), source.fresh("b")
    right = node.right.sources
    asked = pipelines.asked_by(node)

    def write(add: Callable[[str], None]) -> None:
        function.line(f"{table} = {{}}; {get} = {table}.get")
        if overflow:
            function.line(f"{overflow} = {source.bind(JoinOverflow, 'f')}(x, {table}, 'marks'{asked})")
        # What has no key meets nobody.
        spool = pipelines.keep(alone, node)

        def build() -> None:
            key, conditions = _key(pipelines, node.right_keys, node)
            if conditions:
                function.line(f"if not ({' and '.join(conditions)}): {alone}.append({pipelines.pack(right)})")
                function.open("else:")
            name = pipelines.local(key)
            function.line(f"{bucket} = {get}({name})")
            function.line(f"if {bucket} is None: {table}[{name}] = {bucket} = ([], bytearray())")
            function.line(f"{bucket}[0].append({pipelines.pack(right)}); {bucket}[1].append(0)")

        pipelines.produce(node.right, build)
        pipelines.kept(alone, spool)
        if overflow:
            function.line(f"{has_overflown} = {overflow}.end_build()")

        def probe() -> None:
            key, conditions = _key(pipelines, node.left_keys, node)
            name = pipelines.local(key)
            guard = f" if {' and '.join(conditions)} else None" if conditions else ""
            function.line(f"{bucket} = {get}({name}){guard}")
            depth = function.depth
            if overflow and not is_writing_parts:
                known = f"{' and '.join(conditions)} and " if conditions else ""
                function.line(f"if {known}{has_overflown}: {overflow}.put({name}, {pipelines.pack(node.left.sources)})")
                function.open("else:")
            function.line(f"{rows}, {marks} = ((), None) if {bucket} is None else {bucket}")
            function.line(f"if len({rows}) > 64 and x.cancelled: x.raise_cancelled()")
            mark = f"{marks}[{number}] = 1"
            _full_pairs(pipelines, node, f"enumerate({rows})", lambda: function.line(mark), add, number)
            function.depth = depth

        is_writing_parts = False
        with function.indented():
            pipelines.produce(node.left, probe)
        is_writing_parts = True
        target = pipelines.unpacked(pipelines.names(right))
        with function.loop(f"for {target} in {alone}:"):
            _right_alone(pipelines, node, add)
        with function.loop("while True:"):
            with function.loop(f"for {rows}, {marks} in {table}.values():"):
                with function.loop(f"for {number}, {target} in enumerate({rows}):"):
                    with function.block(f"if not {marks}[{number}]:"):
                        _right_alone(pipelines, node, add)
            if not overflow:
                function.line("break")
                return
            function.line(f"{part} = {overflow}.next() if {has_overflown} else None")
            function.line(f"if {part} is None: break")
            with function.indented():
                pipelines.loop_rows(part, node.left.sources, probe)

    name = pipelines.generator(write)
    pipelines.loop_over(f"{name}()", node.sources, consume)


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
        return _produce_full_hash(pipelines, node, consume)
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
    saw_null, saw_any = source.fresh("z"), source.fresh("z")
    if node.null_aware:
        function.line(f"{saw_null} = {saw_any} = False")
    spill = _Spill(pipelines, node, table, "keys" if only_keys else "unique" if unique else "lists")

    def build() -> None:
        key, conditions = _key(pipelines, node.right_keys, node)
        if conditions:
            if node.null_aware:
                function.line(f"if not ({' and '.join(conditions)}): {saw_null} = {saw_any} = True")
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
    if node.null_aware:
        function.line(f"if {table}{spill.or_put_aside}: {saw_any} = True")

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
                function.open(f"if not {saw_any} or (not {saw_null} and {known}not {get}({key})):")
                spill.open_unless_put_aside(key, f"{saw_any} and ")
            else:
                function.open(f"if not ({guard + ' and ' if guard else ''}{get}({key})):")
                spill.open_unless_put_aside(key, f"{guard} and " if guard else "")
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
        spill.open_unless_put_aside(key, f"not {found} and {guard + ' and ' if guard else ''}")
        pair(pipelines, node, found, node.condition, consume)

    body = 0

    def measured() -> None:
        nonlocal body
        start = len(function.lines)
        probe()
        body = body or len(function.lines) - start

    pipelines.produce(node.left, measured)
    spill.write_parts(probe, body)


class _Spill:
    """Writes what a hash join does about a table that outgrows ``work_mem`` (``spill.JoinOverflow``).

    The lines that join a row are written twice: for rows as they come, and for rows that were put aside. Where they are
    too many for that, the statement is written once more with a cut above the join (``Pipelines.cuts``).
    """

    def __init__(self, pipelines: Pipelines, node: pn.HashJoin, table: str, form: str) -> None:
        self.pipelines = pipelines
        self.node = node
        self.is_possible = pipelines.may_spill and (form == "keys" or not node.null_aware)
        self.is_writing_parts = False
        if not self.is_possible:
            return
        function, source = pipelines.function, pipelines.source
        self.overflow, self.has_overflown = source.fresh("w"), source.fresh("z")
        self.begin = len(function.lines)
        function.line(
            f"{self.overflow} = {source.bind(JoinOverflow, 'f')}(x, {table}, {form!r}{pipelines.asked_by(node)})"
        )

    def end_build(self) -> None:
        """Write the question whether anything was put aside."""
        if self.is_possible:
            self.end = len(self.pipelines.function.lines)
            self.pipelines.function.line(f"{self.has_overflown} = {self.overflow}.end_build()")

    @property
    def or_put_aside(self) -> str:
        """Source of the other case in which there was something in the table."""
        return f" or {self.has_overflown}" if self.is_possible else ""

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
            pipelines.missing_cuts.add(cut_key(self.node))
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
