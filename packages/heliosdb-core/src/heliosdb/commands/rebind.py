"""Does what a definition says in SQL text still mean something? For definitions that were put together.

Checks, defaults, generated columns, index expressions and views are stored as text and name columns. Whoever puts a
table's definition together from two finds out here whether the names are still there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.codegen.foreign_keys import qualified
from heliosdb.commands.index_specs import index_spec
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation

__all__ = ["check_definition"]


def check_definition(session: Any, relation: Relation) -> None:
    """Bind all that a table's or a view's definition has as text; raise what is wrong with it.

    ``session`` is one whose catalog has the definition already.
    """
    if relation.kind == "view":
        session.run_internal(f"SELECT 1 FROM {qualified(relation)} LIMIT 0", ())
    elif relation.kind == "table":
        name = tree.QualifiedName((relation.schema, relation.name))
        session.make_plan(tree.Insert(tree.RangeTable(name), (), None))
        for index in relation.indexes:
            index_spec(session, relation, index)
