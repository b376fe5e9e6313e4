"""Compilation: a plan in, a callable out.

The text of a statement's module is one function ``run(x)``, a generator of row batches. Functions that subqueries and
deep expressions need stand at its head, after the lines that fetch views, parameters and literal slots. The commonest
shape, a projection of a filtered scan, is written as a list comprehension over each block.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from heliosdb import errors
from heliosdb.codegen import aggregate, feed, join, kept, modify, new_rows, project, scan, setops, sort, window
from heliosdb.codegen.bindings import row_binding
from heliosdb.codegen.expressions import Expressions
from heliosdb.codegen.pipeline import BATCH, Pipelines, Producer, columns_of
from heliosdb.codegen.pruning import ranges
from heliosdb.codegen.source import Source
from heliosdb.codegen.subqueries import Subqueries
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import walk

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries
    from heliosdb.session.execution import Execution

_MODULE_NUMBERS = count(1)

PRODUCERS: dict[type, Producer] = {
    **scan.PRODUCERS,
    **feed.PRODUCERS,
    **new_rows.PRODUCERS,
    **project.PRODUCERS,
    **join.PRODUCERS,
    **kept.PRODUCERS,
    **aggregate.PRODUCERS,
    **sort.PRODUCERS,
    **setops.PRODUCERS,
    **window.PRODUCERS,
    **modify.PRODUCERS,
}


@frozen
class CompiledStatement:
    """A statement ready to run: ``run(execution)`` yields lists of row tuples; ``text`` is the generated source."""

    run: Callable[[Execution], Iterator[list[tuple[Any, ...]]]]
    text: str = field(repr=False)


def compile_statement(plan: pn.PlanNode, registries: Registries, *, count_rows: bool = False) -> CompiledStatement:
    """Generate and compile the function of an optimized plan.

    ``count_rows`` has it count every node's rows in ``Execution.counts``, by ``id`` of the node (EXPLAIN ANALYZE).
    """
    cuts: set[int] = set()
    narrow = False
    while True:
        try:
            pipelines, body = _written(plan, registries, count_rows, cuts, narrow=narrow)
            if pipelines.missing_cuts <= cuts:
                return CompiledStatement(*_finish(pipelines, body))
        except errors.StatementTooComplex:
            # Python nests 20 loops and 100 indentations, and a join of many tables nests one or two for each.
            if narrow:
                raise
            narrow = True
        else:
            cuts |= pipelines.missing_cuts


def _written(
    plan: pn.PlanNode, registries: Registries, count_rows: bool, cuts: set[int], *, narrow: bool
) -> tuple[Pipelines, list[str]]:
    producers = PRODUCERS | dict(registries.physical_operators)
    pipelines = Pipelines(plan, registries, producers, count_rows=count_rows, narrow=narrow, cuts=cuts)
    Subqueries(pipelines)
    function = pipelines.function
    if count_rows or not _write_comprehension(pipelines, plan):
        _write_loops(pipelines, plan)
    return pipelines, function.lines


def _write_loops(pipelines: Pipelines, plan: pn.PlanNode) -> None:
    """Write the general form: rows are appended to a batch, full batches are yielded."""
    function = pipelines.function
    if isinstance(plan, pn.Modify) and plan.returning is None:
        pipelines.produce(plan, lambda: None)
        if pipelines.modifies_often:
            function.line("x.run_at_end()")
        function.line("if False: yield")
        return
    function.line("out = []; add = out.append")
    # A cursor locks the rows that are fetched, and no others.
    batch = 1 if any(isinstance(node, pn.LockRows) for node in walk(plan)) else BATCH

    def emit() -> None:
        function.line(f"add({_output_row(pipelines, plan)})")
        function.line(f"if len(out) >= {batch}:")
        function.line(" yield out; out = []; add = out.append")

    def project() -> None:
        assert isinstance(plan, pn.Project)
        values = "".join(f"{pipelines.value(expression)}, " for expression in plan.expressions)
        function.line(f"add(({values}))")
        function.line(f"if len(out) >= {batch}:")
        function.line(" yield out; out = []; add = out.append")

    if isinstance(plan, pn.Project):
        # The last projection needs no variables: its expressions go straight into the tuple.
        pipelines.produce(plan.input, project)
    else:
        pipelines.produce(plan, emit)
    _fold_last_loop(function.lines)
    if pipelines.modifies_often:
        function.line("x.run_at_end()")
    function.line("if out: yield out")


_LOOP = re.compile(r"( *)for (.+) in (b\d+):")


def _fold_last_loop(lines: list[str]) -> None:
    """Turn the innermost loop over a block into a list comprehension, where nothing but a condition stands in it.

    ``out.extend([... for r in b if ...])`` does without an append and a length check for each row.
    """
    if len(lines) < 4 or any(":=" in line for line in lines[-5:]):
        return
    condition = ""
    loop = _LOOP.fullmatch(lines[-4])
    if loop is None and len(lines) >= 5 and lines[-4].lstrip().startswith("if ") and lines[-4].endswith(":"):
        loop = _LOOP.fullmatch(lines[-5])
        condition = f" {lines[-4].strip()[:-1]}"
    row = lines[-3].strip()
    if loop is None or not row.startswith("add("):
        return
    indent, target, block = loop.groups()
    del lines[-5 if condition else -4 :]
    lines.append(f"{indent}out.extend([{row[4:-1]} for {target} in {block}{condition}])")
    lines.append(f"{indent}if len(out) >= {BATCH}:")
    lines.append(f"{indent} yield out; out = []; add = out.append")


def _output_row(pipelines: Pipelines, plan: pn.PlanNode) -> str:
    (number,) = plan.sources
    read = pipelines.expressions.bindings[number]
    return f"({''.join(f'{read(index)}, ' for index in range(len(columns_of(plan))))})"


def _write_comprehension(pipelines: Pipelines, plan: pn.PlanNode) -> bool:
    """Write a filtered, projected scan as one list comprehension a block; False where the plan has another shape."""
    if not isinstance(plan, pn.Project):
        return False
    conditions: list[ex.Expression] = []
    node = plan.input
    while isinstance(node, pn.Filter):
        conditions.append(node.condition)
        node = node.input
    if type(node) is not pn.Scan or pipelines.needs(node.source, -1) or pipelines.block_values.of_scan(node):
        return False
    pipelines.bind_row(node.source, "r", len(node.columns))
    mark = len(pipelines.head), len(pipelines.expressions.definitions)
    views = dict(pipelines.views)
    tests = [pipelines.test(condition) for condition in reversed(conditions)]
    values = [pipelines.value(expression) for expression in plan.expressions]
    if any(":=" in text for text in (*tests, *values)):
        # A name assigned inside a comprehension is a slow cell of the enclosing function.
        del pipelines.head[mark[0] :], pipelines.expressions.definitions[mark[1] :]
        pipelines.expressions.forget_constants()
        pipelines.views = views
        return False
    view = pipelines.view(node)
    whole = values == [f"r[{index}]" for index in range(len(node.columns))]
    row = "r" if whole else f"({''.join(f'{value}, ' for value in values)})"
    condition = f" if {' and '.join(tests)}" if tests else ""
    function = pipelines.function
    with function.loop(f"for b in {scan.row_blocks(pipelines, node, view, ranges(pipelines, node, conditions))}:"):
        function.line("if x.cancelled: x.raise_cancelled()")
        if whole and not tests:
            function.line("if b: yield b")
        else:
            function.line(f"out = [{row} for r in b{condition}]")
            function.line("if out: yield out")
    return True


def _finish(pipelines: Pipelines, body: list[str]) -> tuple[Callable[..., Any], str]:
    lines = ["def run(x):"]
    if pipelines.expressions.uses_session:
        lines.append(" session = x.session")
    # Definitions may use head variables and head lines may call definitions; all are closures of run, so the order
    # matters only for what the head calls at once: nothing does.
    for definition in pipelines.expressions.definitions:
        lines.extend(definition.text(1))
    lines.extend(f" {line}" for line in pipelines.head)
    lines.extend(body or [" pass"])
    return compile_text("\n".join(lines) + "\n", pipelines.source, "run")


def compile_text(text: str, source: Source, name: str) -> tuple[Callable[..., Any], str]:
    """Compile a module's text in the namespace of its source; return the function of that name, and the text."""
    filename = f"<heliosdb statement {next(_MODULE_NUMBERS)}>"
    namespace = dict(source.namespace)
    try:
        code = compile(text, filename, "exec")
    except (SyntaxError, RecursionError, MemoryError) as error:
        # What is written is right; it can only be too deep for the interpreter, in one of several ways.
        raise errors.StatementTooComplex("stack depth limit exceeded", hint="Simplify the statement.") from error
    exec(code, namespace)  # noqa: S102 - the text is made of generated symbols only
    function = namespace[name]
    if __debug__:
        # Lets a traceback (and a profiler) show the generated lines for as long as the function lives.
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        _forget_lines_with(function, filename)
    return function, text


def _forget_lines_with(function: Callable[..., Any], filename: str) -> None:
    import weakref

    weakref.finalize(function, linecache.cache.pop, filename, None)


def compile_row_function(
    expressions: Sequence[ex.Expression], source: int, registries: Registries, session: Any = None
) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return ``row -> tuple of datums`` for expressions over the columns of one source.

    Used where a row is at hand and no statement runs: index keys, partial-index predicates, column defaults.
    ``session`` serves functions that need one.
    """
    emitter = Expressions(Source(), registries)
    emitter.bindings[source] = row_binding("r")
    values = "".join(f"{emitter.value(expression)}, " for expression in expressions)
    lines = ["def make(x, session):"]
    for definition in emitter.definitions:
        lines.extend(definition.text(1))
    lines.extend(f" {line}" for line in emitter.head)
    lines.append(f" return lambda r: ({values})")
    make, _ = compile_text("\n".join(lines) + "\n", emitter.source, "make")
    return make(None, session)  # type: ignore[no-any-return]
