"""The ground of the syntax tree: what every node is and has.

A node says what was written, not what it means: names are unresolved, constants are text, nothing is typed. Nodes are
frozen, hashable, and hold tuples only, so a tree can be shared between sessions and kept in a cache.

Every node has ``position``: the 1-based character offset, in the text that was parsed, of the token PostgreSQL would
report for it (for an operator the operator itself, for a function call its name, for CASE the word CASE). Positions and
constant slots take no part in comparison: ``a + 1`` equals ``a  +  1``.
"""

from __future__ import annotations

from heliosdb.value import Value, field, frozen

__all__ = ["Clause", "Expression", "ExtensionStatement", "Node", "QualifiedName", "Statement"]


@frozen(eq=False, repr=False)
class Node(Value):
    """Anything in the tree."""

    position: int = field(default=0, kw_only=True, eq=False, repr=False)


@frozen(eq=False, repr=False)
class Expression(Node):
    """Anything that yields a value (or, for stars and rows, several)."""


@frozen(eq=False, repr=False)
class Statement(Node):
    """Anything that can be sent to the engine by itself."""


@frozen(eq=False, repr=False)
class QualifiedName(Node):
    """A possibly qualified name: ``a``, ``a.b``, ``a.b.c``, folded and unquoted."""

    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part."""
        return self.parts[-1]

    @property
    def schema(self) -> str | None:
        """The part before the last, if there is one."""
        return self.parts[-2] if len(self.parts) > 1 else None

    @property
    def catalog(self) -> str | None:
        """The third part from the end, if there is one."""
        return self.parts[-3] if len(self.parts) > 2 else None

    def __str__(self) -> str:
        return ".".join(self.parts)


@frozen(eq=False, repr=False)
class Clause(Node):
    """A clause that a plugin's grammar read at one of the named points; ``payload`` is what its parse function gave."""

    name: str
    payload: object


@frozen(eq=False, repr=False)
class ExtensionStatement(Statement):
    """A statement that a plugin's grammar claimed by its leading words."""

    name: str
    payload: object
