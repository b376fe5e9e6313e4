"""Text that remembers its structure, so that it can be made smaller without knowing its grammar.

A node has a kind (an expression's is its type) and parts. Smaller texts come from three steps: an optional node
vanishes, an element leaves a list, and a node gives way to a node of its own kind further down or to its kind's
simplest text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["Node", "listing", "smaller"]


@dataclass(frozen=True)
class Node:
    """A piece of text made of pieces."""

    kind: str
    parts: tuple[str | Node, ...]
    optional: bool = False
    separator: str = ""
    simplest: str | None = None

    def __str__(self) -> str:
        return self.separator.join(map(str, self.parts))


def listing(kind: str, nodes: list[Node], separator: str = ", ") -> Node:
    """Return a list whose elements can leave it as long as one stays."""
    return Node(kind, tuple(nodes), separator=separator)


def _below(node: Node) -> Iterator[Node]:
    for part in node.parts:
        if isinstance(part, Node):
            yield part
            yield from _below(part)


def smaller(node: Node) -> Iterator[Node]:
    """Yield the texts that are one step smaller, big steps first."""
    if node.optional and node.parts:
        yield replace(node, parts=())
    if node.simplest is not None and node.parts != (node.simplest,):
        yield replace(node, parts=(node.simplest,))
    for descendant in _below(node):
        if descendant.kind == node.kind and not node.separator:
            yield replace(descendant, optional=node.optional)
    if node.separator and len(node.parts) > 1:
        for index in range(len(node.parts)):
            yield replace(node, parts=node.parts[:index] + node.parts[index + 1 :])
    for index, part in enumerate(node.parts):
        if isinstance(part, Node):
            for change in smaller(part):
                yield replace(node, parts=(*node.parts[:index], change, *node.parts[index + 1 :]))
