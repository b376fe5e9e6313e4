"""INSERT, UPDATE and DELETE.

The input's rows are collected first, then changed: a statement must not meet its own rows again. For UPDATE and
DELETE each row is locked; under read committed another transaction may have changed it meanwhile, and then the newest
version is put in the old one's place and the statement's conditions are evaluated once more (PostgreSQL 15, section
13.2.1), which is why they stand a second time in the generated code.

What a new row must satisfy is in ``new_rows``. Foreign keys are looked at when the statement's rows are all in
(``foreign_keys``).

Rows that are collected may go to a temporary file. A row that is changed has to be the very object that the store has,
so of what comes from a file the row is looked up again by its id (``modify_runtime.pieces``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from heliosdb.codegen import modify_runtime
from heliosdb.codegen.foreign_keys import ForeignKeyCheck, ReferencedCheck
from heliosdb.codegen.new_rows import take_values, write_checks, write_row
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import walk
from heliosdb.transaction.locks import RowLock
from heliosdb.types.definitions import Volatility

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer

INSERT_BATCH = 4096
MANY = 16
"""Rows from which UPDATE and DELETE change all by one call first."""

_STRENGTHS = {
    "key share": RowLock.KEY_SHARE,
    "share": RowLock.SHARE,
    "no key update": RowLock.NO_KEY_UPDATE,
    "update": RowLock.UPDATE,
}
_WAITS = {"block": "block", "nowait": "nowait", "skip": "skip", "skip locked": "skip"}


def _write_check(pipelines: Pipelines, call: str) -> None:
    """Write the call of a check on what was modified: now, or when all modifications of the statement are done."""
    pipelines.function.line(f"x.at_end.append(lambda: {call})" if pipelines.modifies_often else call)


def _foreign_keys(pipelines: Pipelines, node: pn.Modify, rows: str) -> None:
    """Write the checks of the table's own foreign keys on the list of new rows."""
    for constraint in node.foreign_keys:
        check = pipelines.source.bind(ForeignKeyCheck(node.relation, constraint, pipelines.registries), "f")
        _write_check(pipelines, f"{_by_block(pipelines)}({check}, x, {rows})")


def _by_block(pipelines: Pipelines) -> str:
    return pipelines.source.bind(modify_runtime.check_blocks, "f")


def _referencing(pipelines: Pipelines, node: pn.Modify, changes: str) -> None:
    """Write the checks and actions of foreign keys that point at this table, on a list of (old row, new row or
    None).
    """
    for relation, constraint in node.referencing:
        check = pipelines.source.bind(ReferencedCheck(node.relation, relation, constraint, pipelines.registries), "f")
        _write_check(pipelines, f"{_by_block(pipelines)}({check}, x, {changes})")


def _write_returning(pipelines: Pipelines, node: pn.Modify, out: str) -> None:
    """Append RETURNING's row to a list."""
    assert node.returning is not None
    values = "".join(f"{pipelines.value(expression)}, " for expression in node.returning)
    pipelines.function.line(f"{out}.append(({values}))")


def _emit_returned(pipelines: Pipelines, node: pn.Modify, out: str, consume: Consume) -> None:
    row = pipelines.source.fresh("r")
    pipelines.bind_row(node.source, row, len(node.columns))
    pipelines.function.open(f"for {row} in {out}:", loop=True)
    consume()


def produce_insert(pipelines: Pipelines, node: pn.Insert, consume: Consume) -> None:
    """Insert the input's rows, in batches where nothing has to be known about each."""
    function, source = pipelines.function, pipelines.source
    row, rows, out = source.fresh("r"), source.fresh("m"), source.fresh("o")
    oid = node.relation.oid
    by_row = node.conflict is not None or node.returning is not None
    spool = ""
    if by_row:
        spool = pipelines.keep(rows, node)
    else:
        function.line(f"{rows} = []")
    returned = node.returning is not None
    out_spool = pipelines.keep(out, node) if returned else ""
    if node.foreign_keys:
        collected = source.fresh("m")
        collected_spool = pipelines.keep(collected, node)

    def count(number: str) -> None:
        if node is pipelines.counted:
            function.line(f"x.row_count += {number}")

    if node.conflict is not None:
        upsert, changes = _write_conflict(pipelines, node, node.conflict)

    def take() -> None:
        take_values(pipelines, node, row)
        write_row(pipelines, node, row)
        if node.conflict is not None:
            arbiter = modify_runtime.Upsert(node.relation, node.conflict.arbiters, ())
            if arbiter.is_refused:
                function.line(f"{source.bind(arbiter.refuse, 'f')}()")
        function.line(f"{rows}.append({row})")
        if not by_row:
            function.open(f"if len({rows}) >= {INSERT_BATCH}:")
            function.line(f"x.transaction.insert_rows({oid}, {rows})")
            count(f"len({rows})")
            if node.foreign_keys:
                function.line(f"{collected}.extend({rows})")
            function.line(f"{rows} = []")

    pipelines.produce(node.input, take)
    if not by_row:
        with function.block(f"if {rows}:"):
            function.line(f"x.transaction.insert_rows({oid}, {rows})")
            count(f"len({rows})")
            if node.foreign_keys:
                function.line(f"{collected}.extend({rows})")
    else:
        pipelines.kept(rows, spool)
        with function.loop(f"for {row} in {rows}:"):
            pipelines.poll()
            pipelines.bind_row(node.target, row, len(node.relation.columns))
            if node.conflict is not None:
                changed = source.fresh("r")
                function.line(f"{changed} = {upsert}({row})")
                function.line(f"if {changed} is None: continue")
                function.line(f"{row} = {changed}")
                # What ON CONFLICT leaves out, the view need not show.
                write_checks(pipelines, node, row, [check for check in node.checks if check.kind == "view"])
                if pipelines.needs(node.target, -1):
                    function.line(f"i_{row} = None")
            elif pipelines.needs(node.target, -1):
                function.line(f"i_{row} = x.transaction.insert({oid}, {row})")
            else:
                function.line(f"x.transaction.insert({oid}, {row})")
            count("1")
            if node.foreign_keys:
                function.line(f"{collected}.append({row})")
            if returned:
                _write_returning(pipelines, node, out)
    _write_end_of_statement(pipelines, node)
    if node.foreign_keys:
        pipelines.kept(collected, collected_spool)
        _foreign_keys(pipelines, node, collected)
    if node.conflict is not None and node.referencing:
        _referencing(pipelines, node, changes)
    if returned:
        pipelines.kept(out, out_spool)
        _emit_returned(pipelines, node, out, consume)


def _write_conflict(pipelines: Pipelines, node: pn.Insert, conflict: pn.ConflictClause) -> tuple[str, str]:
    """Write the function that inserts one row or does what ON CONFLICT says; return its name, and that of the list in
    which it notes what it changes.

    It returns the row that is in the table now, or None where nothing was done.
    """
    function, source = pipelines.function, pipelines.source
    name, row, change = source.fresh("g"), source.fresh("r"), "None"
    existing, new = source.fresh("r"), source.fresh("r")
    assigned_slots = {assignment.slot for assignment in conflict.assignments or ()}
    upsert = source.bind(modify_runtime.Upsert(node.relation, conflict.arbiters, assigned_slots), "f")
    if conflict.assignments is not None:
        change = source.fresh("g")
        loops, function.loops = function.loops, 0
        pipelines.bind_row(conflict.existing, existing, len(node.relation.columns))
        pipelines.bind_row(conflict.excluded, row, len(node.relation.columns))
        with function.block(f"def {change}({existing}, {row}):"):
            if pipelines.needs(conflict.existing, -1):
                function.line(f"i_{existing} = None")
            if conflict.condition is not None:
                function.line(f"if not ({pipelines.test(conflict.condition)}): return None")
            assigned = {a.slot: pipelines.value(a.value) for a in conflict.assignments}
            parts = [assigned.get(slot, f"{existing}[{slot}]") for slot in range(len(node.relation.columns))]
            function.line(f"{new} = ({''.join(f'{part}, ' for part in parts)})")
            write_row(pipelines, node, new)
            function.line(f"return {new}")
        function.loops = loops
    touched, changes = source.fresh("h"), source.fresh("m")
    function.line(f"{touched} = set(); {changes} = []")
    with function.block(f"def {name}({row}):"):
        function.line(f"return {upsert}(x, {row}, {change}, {touched}, {changes if node.referencing else None})")
    return name, changes


@frozen
class _Collected:
    """The rows to change: the list, what unpacks a row of it, and the variable of the row to change in that."""

    rows: str
    target: str
    row: str
    pieces: str
    """Source of an iterable of lists of them."""


def _collect(pipelines: Pipelines, node: pn.Update | pn.Delete | pn.Merge) -> _Collected:
    """Collect the rows to change."""
    function, source = pipelines.function, pipelines.source
    rows = source.fresh("m")
    spool = pipelines.keep(rows, node)
    kept_at = len(function.lines) - 1
    sources = node.input.sources

    def take() -> None:
        function.line(f"{rows}.append({pipelines.pack(sources)})")

    pipelines.produce(node.input, take)
    _fold_collecting(function.lines)
    pipelines.kept(rows, spool)
    row = pipelines.carriers[node.scan][0]
    names = pipelines.names(sources)
    if spool:
        # The rows to change are fetched again by their ids: they need not be put aside.
        function.lines[kept_at] = f"{function.lines[kept_at][:-1]}, without={names.index(row)})"
    places = f"{names.index(row)}, {names.index(f'i_{row}')}"
    pieces = f"{source.bind(modify_runtime.pieces, 'f')}(x, {rows}, {node.relation.oid}, {places})"
    return _Collected(rows, pipelines.unpacked(names), row, pieces)


_LOOP = re.compile(r"( *)for (.+) in (zip\(b\d+, b\d+\)|b\d+):")


def _fold_collecting(lines: list[str]) -> None:
    """Turn the innermost loop into a list comprehension, where it does nothing but collect under a condition."""
    found = re.fullmatch(r" *(m\d+)\.append\((.+)\)", lines[-1])
    if found is None or any(":=" in line for line in lines[-3:]):
        return
    condition = ""
    loop = _LOOP.fullmatch(lines[-2])
    if loop is None and len(lines) > 2 and lines[-2].lstrip().startswith("if "):
        loop = _LOOP.fullmatch(lines[-3])
        condition = f" {lines[-2].strip()[:-1]}"
    if loop is None:
        return
    indent, target, items = loop.groups()
    del lines[-3 if condition else -2 :]
    lines.append(f"{indent}{found[1]}.extend([{found[2]} for {target} in {items}{condition}])")


def _change_each(
    pipelines: Pipelines,
    node: pn.Update | pn.Delete,
    piece: str,
    collected: _Collected,
    attempt: Callable[[str], str],
    done: Callable[[str], None],
) -> None:
    """Change each row of a piece: ``attempt(row)`` writes the change and returns its outcome's source.

    The outcome is None when it is done. Otherwise somebody else was there: the row that is there now takes the old
    one's place, if it still satisfies the conditions, or the row is left alone.
    """
    function, row = pipelines.function, collected.row
    state = pipelines.source.fresh("l")
    with function.loop(f"for {collected.target} in {piece}:"), function.loop("while True:"):
        function.line(f"{state} = {attempt(row)}")
        with function.block(f"if {state} is None:"):
            if node is pipelines.counted:
                function.line("x.row_count += 1")
            done(row)
            function.line("break")
        function.line(f'if {state}.status != "changed": break')
        function.line(f"{row} = {state}.row")
        if node.recheck is not None:
            function.line(f"if not ({pipelines.test(node.recheck)}): break")


def _write_many(
    pipelines: Pipelines,
    node: pn.Update | pn.Delete,
    piece: str,
    collected: _Collected,
    make: Callable[[str], str] | None,
    changes: str,
) -> None:
    """Write the change of many rows by one call, and leave in the piece what that could not do.

    ``make(row)`` writes what makes the new row and returns its variable. RETURNING looks at the rows one by one, and
    what has an effect of its own (a sequence, say) or runs a subquery is not evaluated twice: then nothing is written.
    """
    if node.returning is not None or (isinstance(node, pn.Update) and not _is_repeatable(node)):
        return
    function, source = pipelines.function, pipelines.source
    target, row = collected.target, collected.row
    made, count, old = source.fresh("m"), source.fresh("n"), source.fresh("m")
    oid = node.relation.oid
    with function.block(f"if len({piece}) >= {MANY}:"):
        function.line(f"{old} = [{row} for {target} in {piece}]")
        row_ids = f"[i_{row} for {target} in {piece}]"
        if make is None:
            function.line(f"{count} = x.transaction.delete_rows({oid}, {row_ids}, {old})")
            pairs = f"({row}, None) for {row} in {old}[:{count}]"
        else:
            function.line(f"{made} = []")
            with function.loop(f"for {target} in {piece}:"):
                new = make(row)
                function.line(f"{made}.append({new})")
            function.line(f"{count} = x.transaction.update_rows({oid}, {row_ids}, {old}, {made})")
            pairs = f"zip({old}[:{count}], {made})"
        if node is pipelines.counted:
            function.line(f"x.row_count += {count}")
        if node.referencing or (isinstance(node, pn.Update) and node.foreign_keys):
            function.line(f"{changes}.extend({pairs})")
        function.line(f"del {piece}[:{count}]")


def _is_repeatable(node: pn.Update) -> bool:
    """Whether the new row may be made twice."""
    made = (
        *(assignment.value for assignment in (*node.assignments, *node.generated)),
        *(check.condition for check in node.checks),
    )
    return not any(
        isinstance(part, ex.Subquery) or (isinstance(part, ex.Call) and part.function.volatility == Volatility.VOLATILE)
        for part in walk(made)
    )


def produce_update(pipelines: Pipelines, node: pn.Update, consume: Consume) -> None:
    """Change each row of the scan that the input gives."""
    function, source = pipelines.function, pipelines.source
    oid = node.relation.oid
    out, changes, new = source.fresh("o"), source.fresh("m"), source.fresh("r")
    update = source.fresh("d")
    returned = node.returning is not None
    function.line(f"{update} = x.transaction.update")
    changed_slots = {assignment.slot for assignment in (*node.assignments, *node.generated)}
    foreign_keys = [c for c in node.foreign_keys if any(number - 1 in changed_slots for number in c.columns)]

    def make(row: str) -> str:
        assigned = {assignment.slot: pipelines.value(assignment.value) for assignment in node.assignments}
        parts = [assigned.get(slot, f"{row}[{slot}]") for slot in range(len(node.relation.columns))]
        function.line(f"{new} = ({''.join(f'{part}, ' for part in parts)})")
        if pipelines.needs(node.target, -1):
            function.line(f"i_{new} = i_{row}")
        write_row(pipelines, node, new)
        return new

    def attempt(row: str) -> str:
        return f"{update}({oid}, i_{row}, {row}, {make(row)})"

    def done(row: str) -> None:
        if foreign_keys or node.referencing:
            function.line(f"{changes}.append(({row}, {new}))")
        if returned:
            _write_returning(pipelines, node, out)

    collected = _collect(pipelines, node)
    spools = _keep_changes(pipelines, node, changes, out)
    piece = source.fresh("b")
    with function.loop(f"for {piece} in {collected.pieces}:"):
        _write_many(pipelines, node, piece, collected, make, changes)
        _change_each(pipelines, node, piece, collected, attempt, done)
    _kept_changes(pipelines, changes, out, spools)
    _write_end_of_statement(pipelines, node)
    for constraint in foreign_keys:
        check = source.bind(ForeignKeyCheck(node.relation, constraint, pipelines.registries), "f")
        _write_check(pipelines, f"{_by_block(pipelines)}({check}.of_changes, x, {changes})")
    _referencing(pipelines, node, changes)
    if returned:
        _emit_returned(pipelines, node, out, consume)


def _keep_changes(pipelines: Pipelines, node: pn.Modify, changes: str, out: str) -> tuple[str, str]:
    """Write the lists of what was changed and what is returned; return what watches them."""
    watched = pipelines.keep(changes, node) if node.referencing or node.foreign_keys else ""
    if not watched:
        pipelines.function.line(f"{changes} = []")
    return watched, "" if node.returning is None else pipelines.keep(out, node)


def _kept_changes(pipelines: Pipelines, changes: str, out: str, spools: tuple[str, str]) -> None:
    for rows, spool in zip((changes, out), spools, strict=True):
        pipelines.kept(rows, spool)


def _write_end_of_statement(pipelines: Pipelines, node: pn.Modify) -> None:
    """Check deferrable unique constraints, which may be violated between two rows of one statement."""
    deferrable = tuple(c for c in node.relation.constraints if c.kind in ("unique", "primary key") and c.deferrable)
    if deferrable:
        _write_check(pipelines, f"x.session.check_unique({pipelines.source.bind(deferrable, 'q')})")


def produce_delete(pipelines: Pipelines, node: pn.Delete, consume: Consume) -> None:
    """Delete each row of the scan that the input gives."""
    function, source = pipelines.function, pipelines.source
    out, changes, delete = source.fresh("o"), source.fresh("m"), source.fresh("d")
    returned = node.returning is not None
    function.line(f"{delete} = x.transaction.delete")

    def done(row: str) -> None:
        if node.referencing:
            function.line(f"{changes}.append(({row}, None))")
        if returned:
            pipelines.bind_row(node.target, row, len(node.relation.columns))
            _write_returning(pipelines, node, out)

    def attempt(row: str) -> str:
        return f"{delete}({node.relation.oid}, i_{row}, {row})"

    collected = _collect(pipelines, node)
    spools = _keep_changes(pipelines, node, changes, out)
    piece = source.fresh("b")
    with function.loop(f"for {piece} in {collected.pieces}:"):
        _write_many(pipelines, node, piece, collected, None, changes)
        _change_each(pipelines, node, piece, collected, attempt, done)
    _kept_changes(pipelines, changes, out, spools)
    _referencing(pipelines, node, changes)
    if returned:
        _emit_returned(pipelines, node, out, consume)


def produce_merge(pipelines: Pipelines, node: pn.Merge, consume: Consume) -> None:
    """Collect the joined rows, then do with each what the first action says that applies."""
    function, source = pipelines.function, pipelines.source
    relation, width = node.relation, len(node.relation.columns)
    changes, added, new = source.fresh("m"), source.fresh("m"), source.fresh("r")
    touched, state = source.fresh("h"), source.fresh("l")
    twice = source.bind(modify_runtime.changed_twice, "f")
    collected = _collect(pipelines, node)
    row = collected.row
    spools = pipelines.keep(changes, node), pipelines.keep(added, node)
    function.line(f"{touched} = set()")

    def chosen(matched: bool, write: Callable[[pn.MergeAction], None]) -> None:
        """Write the chain of actions for rows of one kind; what none applies to is left alone."""
        for action in (action for action in node.actions if action.matched is matched):
            condition = "True" if action.condition is None else pipelines.test(action.condition)
            with function.block(f"if {condition}:"):
                write(action)
                function.line("break")
        function.line("break")

    def change(action: pn.MergeAction) -> None:
        if action.action == "nothing":
            return
        function.line(f"if i_{row} in {touched}: {twice}()")
        if action.action == "delete":
            function.line(f"{new} = None")
            function.line(f"{state} = x.transaction.delete({relation.oid}, i_{row}, {row})")
        else:
            assigned = {assignment.slot: pipelines.value(assignment.value) for assignment in action.assignments}
            parts = [assigned.get(slot, f"{row}[{slot}]") for slot in range(width)]
            function.line(f"{new} = ({''.join(f'{part}, ' for part in parts)})")
            write_row(pipelines, node, new)
            function.line(f"{state} = x.transaction.update({relation.oid}, i_{row}, {row}, {new})")
        with function.block(f"if {state} is not None:"):
            # Somebody changed the row meanwhile: what it is now decides. Without it the source's row has no partner.
            function.line(f"{row} = {state}.row")
            test = "True" if node.recheck is None else pipelines.test(node.recheck)
            function.line(f'if {state}.status != "changed" or {row} is None or not ({test}): i_{row} = None')
            function.line("continue")
        function.line(f"{touched}.add(i_{row}); {changes}.append(({row}, {new}))")
        if node is pipelines.counted:
            function.line("x.row_count += 1")

    def add(action: pn.MergeAction) -> None:
        if action.action == "nothing":
            return
        function.line(f"{new} = ({''.join(f'{pipelines.value(value)}, ' for value in action.values)})")
        write_row(pipelines, node, new)
        function.line(f"{touched}.add(x.transaction.insert({relation.oid}, {new})); {added}.append({new})")
        if node is pipelines.counted:
            function.line("x.row_count += 1")

    piece = source.fresh("b")
    with function.loop(f"for {piece} in {collected.pieces}:"), function.loop(f"for {collected.target} in {piece}:"):
        pipelines.poll()
        with function.loop("while True:"):
            with function.block(f"if i_{row} is not None:"):
                chosen(True, change)
            chosen(False, add)
    for kept, spool in zip((changes, added), spools, strict=True):
        pipelines.kept(kept, spool)
    _write_end_of_statement(pipelines, node)
    for constraint in node.foreign_keys:
        check = source.bind(ForeignKeyCheck(relation, constraint, pipelines.registries), "f")
        _write_check(pipelines, f"{_by_block(pipelines)}({check}, x, {added})")
        _write_check(pipelines, f"{_by_block(pipelines)}({check}.of_changes, x, {changes})")
    _referencing(pipelines, node, changes)


def produce_lock_rows(pipelines: Pipelines, node: pn.LockRows, consume: Consume) -> None:
    """FOR UPDATE and kin: lock each row before it goes on, with its newest version where it changed."""
    function, source = pipelines.function, pipelines.source

    def lock() -> None:
        for number, strength, wait in node.locks:
            row = pipelines.carriers[number][0]
            oid = node.relations[number].oid
            locked = source.fresh("l")
            guard = function.depth
            function.open(f"if i_{row} is not None:")
            mode = int(_STRENGTHS[strength])
            function.line(f"{locked} = x.transaction.lock_row({oid}, i_{row}, {mode}, {_WAITS[wait]!r})")
            with function.block(f'if {locked}.status != "same":'):
                function.line(f"{row} = {locked}.row")
                function.line(f"if {row} is None: continue")
                if node.recheck is not None:
                    function.line(f"if not ({pipelines.test(node.recheck)}): continue")
            function.depth = guard
        consume()

    # Collected first: locking may wait, and the scan should not be held up in the middle.
    rows = source.fresh("m")
    sources = node.input.sources
    spool = pipelines.keep(rows, node)
    pipelines.produce(node.input, lambda: function.line(f"{rows}.append({pipelines.pack(sources)})"))
    pipelines.kept(rows, spool)
    pipelines.loop_rows(rows, sources, lock)


PRODUCERS: dict[type, Producer] = {
    pn.Insert: produce_insert,
    pn.Update: produce_update,
    pn.Delete: produce_delete,
    pn.Merge: produce_merge,
    pn.LockRows: produce_lock_rows,
}
