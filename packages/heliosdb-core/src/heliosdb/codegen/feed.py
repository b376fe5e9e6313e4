"""Rows that are brought from outside while the statement runs (COPY FROM).

The generated function takes blocks of datum rows from ``x.feed``. A block that is None says that there is nothing yet:
the function yields an empty batch and is resumed when there is more. So the same function serves whoever pulls a file
through it and whoever pushes rows into it, and nobody keeps more than a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.plan import nodes as pn

if TYPE_CHECKING:
    from heliosdb.codegen.pipeline import Consume, Pipelines, Producer


def produce_row_feed(pipelines: Pipelines, node: pn.RowFeed, consume: Consume) -> None:
    """Loop over the blocks and their rows. It stands at the bottom of the main function, so that it may yield."""
    function, source = pipelines.function, pipelines.source
    block, row = source.fresh("b"), source.fresh("r")
    function.open(f"for {block} in x.feed:", loop=True)
    with function.block(f"if {block} is None:"):
        function.line("yield []")
        function.line("continue")
    function.line("if x.cancelled: x.raise_cancelled()")
    pipelines.bind_row(node.source, row, len(node.columns))
    function.open(f"for {row} in {block}:", loop=True)
    consume()


PRODUCERS: dict[type, Producer] = {pn.RowFeed: produce_row_feed}
