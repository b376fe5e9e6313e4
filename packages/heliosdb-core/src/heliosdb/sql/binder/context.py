"""What binding depends on besides the statement: everything that belongs into the key of a cached plan.

``BindContext`` is a value; the binder changes nothing in it but ``resolutions``, a memory of operator and function
look-ups. That one belongs to the (frozen) registries, so whoever keeps a database open keeps one ``Resolutions`` with
it and gives it to every context; a context without one gets its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen

from heliosdb.catalog.protocol import Catalog

if TYPE_CHECKING:
    from heliosdb.catalog.registries import AnyFunction, Registries
    from heliosdb.plan.nodes import SnapshotRequest
    from heliosdb.sql.statements import Expression, Query
    from heliosdb.types.definitions import Operator, ScalarFunction
    from heliosdb.types.registry import TypeRegistry

__all__ = ["BindContext", "Resolutions"]


class Resolutions:
    """What look-ups over one frozen ``Registries`` gave.

    Operators depend on the argument types alone; ``expressions`` and ``queries`` are the catalog's texts as its
    grammar parsed them.
    """

    __slots__ = ("expressions", "operators", "queries")

    def __init__(self) -> None:
        self.operators: dict[tuple[str, str | None, str], tuple[Operator, ScalarFunction]] = {}
        self.expressions: dict[str, Expression] = {}
        self.queries: dict[str, Query] = {}


def _no_setting(name: str) -> Any:
    return None


def _catalog_now(context: BindContext, request: SnapshotRequest) -> tuple[Catalog, int | None]:
    return context.catalog, None


@frozen(kw_only=True)
class BindContext:
    """The surroundings of one statement.

    ``parameter_types`` are those the client stated (None: to be inferred); ``parameter_hints`` decide where the
    statement's context leaves a parameter's type open (the type of the Python value), before ``text`` does. ``types``
    may know more than the registries (enums, domains and composites of the catalog). ``session_functions`` are looked
    up before registered ones.
    """

    registries: Registries
    catalog: Catalog
    search_path: tuple[str, ...] = ("public",)
    parameter_types: tuple[str | None, ...] = ()
    parameter_hints: tuple[str | None, ...] = ()
    lift_constants: bool = True
    """Whether literals with a slot may stay free; False where the plan serves this text only."""
    dialect: Any = None
    setting: Callable[[str], Any] = _no_setting
    session_functions: Mapping[str, tuple[AnyFunction, ...]] = field(factory=dict)
    database: str = "heliosdb"
    """The name that may stand before a schema's."""
    session: Any = None
    """Given to the relation resolvers of plugins; None where no session is at hand."""
    types: TypeRegistry = field(
        default=Factory(lambda self: cast("TypeRegistry", self.registries.types), takes_self=True)
    )
    catalog_at: Callable[[BindContext, SnapshotRequest], tuple[Catalog, int | None]] = field(
        default=_catalog_now, eq=False, repr=False
    )
    """Returns the catalog at the snapshot that a clause asks for, and the SCN; (of now, None) where it is not known."""
    resolutions: Resolutions = field(factory=Resolutions, eq=False, repr=False)
