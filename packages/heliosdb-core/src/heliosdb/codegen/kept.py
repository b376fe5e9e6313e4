"""Kept rows: a part of a plan that runs once a statement although what is around it runs many times.

The part is a function without arguments, called on first use; its rows stay as a list, or as lists by key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.codegen.atoms import NEVER, is_not_null
from heliosdb.codegen.key_set import KeyedRows
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer
    from heliosdb.codegen.source import Function


def produce_kept(pipelines: Pipelines, node: pn.Kept, consume: Consume) -> None:
    """Loop over the kept rows, or over those with the wanted key."""
    function, source, expressions = pipelines.function, pipelines.source, pipelines.expressions
    sources = node.input.sources
    bindings, carriers = {}, {}

    def write(inner: Function) -> None:
        with pipelines.writing(inner):
            rows = source.fresh("h" if node.keys else "m")
            spool = ""
            if node.keys:
                keyed = source.fresh("w")
                make = source.bind(KeyedRows, "f")
                inner.line(f"{rows} = {{}}; {keyed} = {make}(x, {rows}{pipelines.asked_by(node)})")
            else:
                spool = pipelines.keep(rows, node)

            def collect() -> None:
                packed = pipelines.pack(sources)
                if node.keys:
                    key, conditions = _key(pipelines, node, node.keys)
                    if conditions:
                        inner.open(f"if {' and '.join(conditions)}:")
                    inner.line(f"{rows}.setdefault({key}, []).append({packed})")
                else:
                    inner.line(f"{rows}.append({packed})")
                for number in sources:
                    bindings[number] = expressions.bindings[number]
                    carriers[number] = pipelines.carriers[number]

            pipelines.produce(node.input, collect)
            pipelines.kept(rows, spool)
            inner.line(f"return {keyed}.finish()" if node.keys else f"return {rows}")

    rows = expressions.once("x", write)
    if node.keys:
        key, conditions = _key(pipelines, node, node.values)
        if conditions:
            function.open(f"if {' and '.join(conditions)}:")
        found = source.fresh("m")
        function.line(f"{found} = {rows}({key}, ())")
        function.line(f"if len({found}) > 256 and x.cancelled: x.raise_cancelled()")
        rows = found
    expressions.bindings = expressions.bindings | bindings
    pipelines.carriers.update(carriers)
    pipelines.loop_rows(rows, sources, consume)


def _key(pipelines: Pipelines, node: pn.Kept, keys: tuple[ex.Expression, ...]) -> tuple[str, list[str]]:
    """Return (source of the key, conditions under which no part of it is NULL)."""
    parts: list[str] = []
    conditions: list[str] = []
    for key, operator_class in zip(keys, node.key_classes, strict=True):
        text = pipelines.expressions.hashed(key, operator_class)
        if key.nullable:
            text = pipelines.local(text)
            conditions.append(is_not_null(text))
        parts.append(text)
    conditions = [NEVER] if NEVER in conditions else [c for c in conditions if c != "True"]
    return (parts[0] if len(parts) == 1 else f"({', '.join(parts)})"), conditions


PRODUCERS: dict[type, Producer] = {pn.Kept: produce_kept}
