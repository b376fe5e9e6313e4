"""What a command asks of the session that runs it: a Protocol, so that commands can be read and tested without the
session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from heliosdb.catalog.registries import Registries
    from heliosdb.catalog.result import Result
    from heliosdb.catalog.view import CatalogCache, CatalogSnapshot
    from heliosdb.session.statements import Plan
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.sql.statements import Statement
    from heliosdb.store.past import History
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.volume import Volume

__all__ = ["CommandSession", "DatabaseContext"]


class DatabaseContext(Protocol):
    """What a command asks of the database."""

    @property
    def store(self) -> Any:
        """The versioned store."""
        ...

    @property
    def volume(self) -> Volume:
        """Where the database's bytes live."""
        ...

    @property
    def catalogs(self) -> CatalogCache:
        """Makes the catalog of each state, and keeps some."""
        ...

    @property
    def attached(self) -> Mapping[str, Any]:
        """What plugins keep for as long as the database is open (``Opening.attach``)."""
        ...

    @property
    def history(self) -> History:
        """The timelines and commits of the database, and what is kept of its past."""
        ...

    @property
    def sequences(self) -> Any:
        """The sequences' counters (``heliosdb.catalog.sequences``)."""
        ...

    def users_of(self, timeline: Timeline) -> int:
        """Return how many sessions work on a timeline that is not main."""
        ...

    def store_transaction(self, timeline: Timeline | None = None) -> AbstractContextManager[Any]:
        """Open a transaction for reading, outside any session's, on a timeline (default: main)."""
        ...

    def writers_on(self, timeline: Timeline) -> int:
        """Return how many sessions have changes on a timeline that are not committed."""
        ...

    def next_oid(self) -> int:
        """Return a number that no object, version or counter of this database ever had."""
        ...


class CommandSession(Protocol):
    """The session as commands see it. A transaction is always open while a command runs."""

    @property
    def transaction(self) -> Any:
        """The current transaction."""
        ...

    @property
    def block(self) -> Any:
        """The transaction block."""
        ...

    @property
    def catalog(self) -> CatalogSnapshot:
        """The catalog as the current command sees it, its transaction's changes included."""
        ...

    @property
    def registries(self) -> Registries:
        """The frozen registries."""
        ...

    @property
    def types(self) -> Any:
        """The types that the session knows, those of the catalog included."""
        ...

    @property
    def search_path(self) -> tuple[str, ...]:
        """The schemas in which unqualified names are looked up, in order."""
        ...

    @property
    def database(self) -> DatabaseContext:
        """The database."""
        ...

    @property
    def user(self) -> str:
        """The current role's name."""
        ...

    @property
    def role(self) -> int:
        """The current role's OID."""
        ...

    @property
    def session_role(self) -> int:
        """The OID of the role that the session says it is of."""
        ...

    @property
    def timeline(self) -> Timeline | None:
        """What the session's next transaction works on; None: main."""
        ...

    def at_close(self, function: Callable[[], object]) -> None:
        """Call a function when the session ends."""
        ...

    def use_point(self, scn: int | None) -> None:
        """Read what there was after a commit, from the next transaction on, and write nothing; None: what there is.

        Raises InvalidParameterValue, ActiveSqlTransaction once the open transaction has looked at anything.
        """
        ...

    def use_timeline(self, name: str) -> None:
        """Work on a timeline from the next transaction on.

        Raises UndefinedObject, ActiveSqlTransaction once the open transaction has looked at anything, ObjectInUse while
        there are temporary objects.
        """
        ...

    def fork(self) -> Any:
        """Open another session with this one's role, settings and timeline; whoever asks closes it."""
        ...

    def setting(self, name: str) -> Any:
        """Return a setting's current value."""
        ...

    def show_setting(self, name: str) -> str:
        """Return a setting as SHOW prints it."""
        ...

    def set_setting(self, name: str, text: str, *, local: bool = False) -> str:
        """Set a setting from text; return what SHOW prints."""
        ...

    def notice(
        self,
        message: str,
        *,
        severity: str = "NOTICE",
        sqlstate: str = "00000",
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Send a notice to the client."""
        ...

    def bind_context(self) -> BindContext:
        """Return what binding in this session depends on."""
        ...

    def check_interrupt(self) -> None:
        """Raise QueryCanceled when the running statement is to stop."""
        ...

    def run_internal(self, text: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Run a statement on datums inside the current one and return its rows."""
        ...

    def plan_query(self, query: Statement) -> Plan:
        """Return the plan of the query in the command that runs."""
        ...

    def query_parameters(self, plan: Plan) -> tuple[Any, ...]:
        """Return what the command's parameters are to the plan of its query, as datums."""
        ...

    def run_plan(self, plan: Plan, constants: Sequence[Any], parameters: tuple[Any, ...]) -> Result:
        """Run a plan in the open transaction and return its result with all rows."""
        ...

    def run_query(self, query: Statement, *, alone: bool = False) -> Result:
        """Run a query, with all parameters of the command or, ``alone``, with none, and return its result with columns
        and rows."""
        ...

    def lock_definition(self, relation: Any, mode: Any) -> None:
        """Lock a relation and take a snapshot in which everything before the lock is seen."""
        ...

    @property
    def memory(self) -> dict[str, Any]:
        """What functions and statements keep from call to call, under names of their own; DISCARD ALL forgets it."""
        ...

    @property
    def has_temporary_schema(self) -> bool:
        """Whether the session ever made a temporary object where it works."""
        ...

    def temporary_schema(self) -> str:
        """Return the name of this session's schema for temporary objects, which is made when it is first needed."""
        ...
