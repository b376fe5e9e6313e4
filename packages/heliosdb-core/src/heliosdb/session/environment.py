"""What runs around a statement: settings, role, notices, the open transaction, the catalog as it is seen, cancellation.

This is the side of a session that functions (``types.definitions.SessionContext``), commands (``commands.context``)
and the lock table (``transaction.locks.SessionToken``) know.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from heliosdb import errors
from heliosdb.catalog.access import allowed, may_use_schema
from heliosdb.catalog.definitions import OWNER, Constraint
from heliosdb.catalog.roles import is_superuser
from heliosdb.catalog.sequences import SessionSequences
from heliosdb.catalog.settings import TRANSACTION_SETTINGS, initial_values, parse_setting, role_settings
from heliosdb.catalog.view import temporary_schema
from heliosdb.session.idle import IdleWatch
from heliosdb.session.notifications import Inbox
from heliosdb.session.points import PointStatements
from heliosdb.session.settings import SessionSettings
from heliosdb.session.transactions import TransactionBlock
from heliosdb.session.watch import StatementWatch
from heliosdb.transaction.locks import AdvisoryLock

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Role
    from heliosdb.catalog.view import CatalogSnapshot
    from heliosdb.codegen.point import FastStatement
    from heliosdb.database import Database
    from heliosdb.session.door import Door
    from heliosdb.session.past import Moments
    from heliosdb.session.points import LiftedStatement
    from heliosdb.session.statements import Plan
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.store.timeline import Timeline
    from heliosdb.transaction import Transaction
    from heliosdb.transaction.session_locks import SessionLocks
    from heliosdb.types.definitions import TypeLookup
    from heliosdb.types.registry import TypeRegistry

__all__ = ["Notice", "SessionEnvironment"]

BEGINNING = "helios"
"""What the role is called that a database begins with, unless that was renamed."""


@frozen
class Notice:
    """A message to the client that is no error."""

    severity: str
    message: str
    sqlstate: str = "00000"
    detail: str | None = None
    hint: str | None = None


EPOCH = 946_684_800_000_000
"""2000-01-01 in microseconds of the Unix clock."""


class SessionEnvironment:
    """See the module."""

    helper: SessionEnvironment | None = None
    """Another session that works for the running statement, and stops with it."""

    timeline: Timeline | None = None
    """What its transactions work on; None: main. See ``use_timeline``."""

    past: int | None = None
    """The SCN at which its transactions read; None: they begin at the present. See ``use_point``."""

    def __init__(
        self,
        database: Database,
        *,
        user: str | None = None,
        isolation: str | None = None,
        settings: dict[str, Any] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        number: int | None = None,
        door: Door | None = None,
    ) -> None:
        self.database = database
        self.temporary_bytes = 0
        """What the session's temporary files hold now."""
        self.registries = database.registries
        self.types: TypeLookup = database.registries.types
        self._seen: CatalogSnapshot | None = None
        self._seen_path = ""
        role = None if user is None else self._role_named(user)
        self.role = self.session_role = OWNER if role is None else role.oid
        """The OIDs of the current role, and of the one that the session says it is of."""
        self.authenticated_role = self.role
        """The OID of the role that the session began as."""
        self.user = self.session_user = user or BEGINNING
        self.number = database.next_session_number() if number is None else number
        """What ``pg_backend_pid()`` says; a door that has to know it beforehand asks the database for one."""
        self.name = f"session {self.number}"
        self.door = door
        self.began_at = self.changed_at = time.time_ns()
        """When the session began, and when it last began or ended a statement: nanoseconds of the Unix clock."""
        self.points = PointStatements(self)
        self.watch = StatementWatch(self)
        self.fast: dict[str, FastStatement] = self.points.made
        """Functions of point statements by exact text; empty while a transaction block is open."""
        self.lifted: dict[tuple[str, ...], LiftedStatement] = self.points.lifted
        """Those of texts with constants, by the pieces between them."""
        initial = initial_values(database.registries.settings, settings or {})
        if role is not None:
            initial = role_settings(database.registries.settings, role) | initial
        if isolation is not None:
            # What the door prefers, unless the configuration says otherwise; RESET comes back to it.
            initial = {"default_transaction_isolation": isolation} | database.settings | initial
        else:
            initial = database.settings | initial
        self.settings = SessionSettings(database.registries.settings, initial, self._settings_changed, self)
        self.sequences = SessionSequences()
        self.block = TransactionBlock(self)
        self.idle = IdleWatch(self)
        self.inbox = Inbox(self, database.notifications)
        """What LISTEN and NOTIFY are about."""
        self.prepared: dict[str, Any] = {}
        """What PREPARE made, by name."""
        self.protocol_prepared: dict[str, Any] = {}
        """What a client prepared by the protocol, by name, ``""`` for the one without: objects of its door with
        ``text`` (a StatementText or None), ``types`` and ``prepared_at`` (``time.time_ns()``)."""
        self.cursors: dict[str, Any] = {}
        self.notices: list[Notice] = []
        self.on_notice = on_notice
        self.functions: dict[str, tuple[Any, ...]] = {}
        self.memory: dict[str, Any] = {}
        """What functions keep from call to call: ``random()`` its generator."""
        self.statement_timestamp = self.transaction_timestamp = 0
        self.current_query = self.latest_query = ""
        self.command_parameters: Sequence[Any] | None = None
        """The Python parameters of the command that runs: those of the query in it. None: none were given."""
        self.last_plan: Plan | None = None
        self.last_hints: tuple[str | None, ...] = ()
        """The types that the Python objects suggested which ``last_plan`` ran with."""
        """The plan of the latest text, None where that was no query."""
        self.interruption: str | None = None
        """Why the running statement is to stop."""
        self.deadline: float | None = None
        """When the running statement is to stop, on ``time.monotonic``'s clock."""
        self._temporary_schema: str | None = None
        self._advisory: SessionLocks | None = None
        self.copy_door: Any = None
        """Who brings the stream of the COPY that is being started (``session/copying.py``)."""
        self.closed = False
        self._at_close: list[Callable[[], object]] = []
        self.settings.begin()
        self.watch.renew()
        for name in settings or {}:
            self.settings.permit(name)
        database.sessions[self.number] = self

    def _settings_changed(self) -> None:
        self.points.forget()
        self.watch.renew()

    def at_close(self, function: Callable[[], object]) -> None:
        """Call a function when the session ends, or begins anew with DISCARD ALL: it then works on main."""
        self._at_close.append(function)

    def _end(self) -> None:
        while self._at_close:
            self._at_close.pop()()

    def use_timeline(self, name: str) -> None:
        """Work on a timeline from the next transaction on; for "main" on main.

        Raises UndefinedObject; ActiveSqlTransaction once the open transaction has looked at anything, but for that of a
        statement alone, which ends with it; ObjectInUse while there are temporary objects, which are of one timeline.
        """
        line = self.database.history.timeline(name)
        chosen = None if line is self.database.store.main else line
        if chosen is self.timeline:
            return
        self._leave("timeline")
        self.timeline = chosen

    def use_point(self, scn: int | None) -> None:
        """Read the timeline as it was after a commit, from the next transaction on, and write nothing; None: as it is.

        Raises InvalidParameterValue for a number that no commit has yet, and what ``use_timeline`` raises.
        """
        if scn == self.past:
            return
        if scn is not None and not 0 < scn <= self.database.store.published:
            raise errors.InvalidParameterValue(f"there is no commit {scn}")
        self._leave("point in time")
        self.past = scn

    def _leave(self, what: str) -> None:
        """Forget what is known of what the session works on, if nothing stands in the way."""
        if self.block.has_begun and self.block.state != "alone":
            raise errors.ActiveSqlTransaction(f"the {what} must be chosen before any query of the transaction")
        if self._temporary_schema is not None and self.timeline_is_there:
            with self.database.store_transaction(self.timeline) as short:
                catalog = self.database.catalogs.of(short)
            if any(relation.schema == self._temporary_schema for relation in catalog.relations()):
                raise errors.ObjectInUse("the session has temporary objects", hint="DISCARD TEMP drops them.")
        self._temporary_schema = None
        self._seen = None
        self.points.forget()

    @property
    def timeline_is_there(self) -> bool:
        """Whether what the session works on has not been dropped."""
        return self.timeline is None or not self.timeline.dropped

    # -- what functions and commands ask (SessionContext, CommandSession, SessionToken) -----------------------------

    def may_read(self, schema: str | None, table: str) -> bool:
        """Whether values of a table may be told in messages: to who may read it."""
        if self.role == OWNER:
            return True
        found = self.catalog.lookup_relation(schema, table, ())
        return found is not None and allowed(self.catalog, self.role, found, "r")

    def setting(self, name: str) -> Any:
        """Return a setting's value."""
        return self.settings.get(name)

    def show_setting(self, name: str) -> str:
        """Return a setting as SHOW prints it."""
        match name.lower():
            case "transaction_isolation":
                return self.block.isolation
            case "transaction_read_only":
                return "on" if self.block.read_only else "off"
            case "is_superuser":
                return "on" if is_superuser(self.catalog, self.role) else "off"
            case "session_authorization":
                return self.session_user
            case "role":
                return "none" if self.role == self.session_role else self.user
        return self.settings.show(name)

    def set_setting(self, name: str, text: str, *, local: bool = False) -> str:
        """Set a setting from text; return what SHOW prints."""
        key = name.lower()
        if key in TRANSACTION_SETTINGS:
            return self._set_transaction_setting(key, text)
        if key in ("role", "session_authorization"):
            raise errors.FeatureNotSupported(f"{name} cannot be set by a function", hint="Use SET.")
        # A statement that stands alone is a transaction, too: set_config(..., is_local => true) ends with it.
        return self.settings.set(name, text, local=local, in_transaction=self.block.state != "idle")

    def _set_transaction_setting(self, key: str, text: str) -> str:
        """Set what holds for the current transaction only; alone it is for the transaction of its own statement."""
        value = parse_setting(self.settings.registered(key), text)  # type: ignore[arg-type]
        if not self.block.is_explicit:
            self.notice("SET TRANSACTION can only be used in transaction blocks", severity="WARNING", sqlstate="25P01")
        elif key == "transaction_isolation":
            self.block.set_isolation(value)
        elif key == "transaction_read_only":
            self.block.set_read_only(value)
        return self.show_setting(key)

    def notice(
        self,
        message: str,
        *,
        severity: str = "NOTICE",
        sqlstate: str = "00000",
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Send a notice, if ``client_min_messages`` lets it through."""
        if not self._wants(severity):
            return
        notice = Notice(severity, message, sqlstate, detail, hint)
        if self.on_notice is not None:
            self.on_notice(notice)
        else:
            self.notices.append(notice)
            del self.notices[:-100]

    def _wants(self, severity: str) -> bool:
        levels = ("debug", "log", "notice", "warning", "error")
        least = self.setting("client_min_messages").rstrip("12345")
        level = severity.lower().rstrip("12345")
        return level == "info" or levels.index(level) >= levels.index(least)

    @property
    def transaction(self) -> Transaction:
        """The open transaction."""
        transaction = self.block.transaction
        if transaction is None:
            raise errors.NoActiveSqlTransaction("there is no transaction in progress")
        return transaction

    @property
    def catalog(self) -> CatalogSnapshot:
        """The catalog as the current statement sees it."""
        transaction = self.block.transaction
        if transaction is None:
            with self.database.store_transaction(self.database.timeline_of(self)) as short:
                found = self.database.catalogs.of(short)
        else:
            found = self.database.catalogs.of(transaction)
            if transaction.is_past:
                found = self._of_past(found, transaction)
        if found is not self._seen or (found.type_state and self.setting("search_path") != self._seen_path):
            self._see(found)
        return found

    def _of_past(self, then: CatalogSnapshot, transaction: Transaction) -> CatalogSnapshot:
        from heliosdb.session.past import catalog_of_past

        line = transaction.timeline
        with self.database.store_transaction(line) as newest:
            return catalog_of_past(self.database, line, then, self.database.catalogs.of(newest))

    def _see(self, catalog: CatalogSnapshot) -> None:
        """Know the types of a catalog: whoever has looked at it finds them in ``types`` and ``registries``."""
        from heliosdb.catalog.types import CatalogTypes

        database = self.database
        if self._seen is None or self._seen.access_state != catalog.access_state:
            self._name_roles(catalog)
        self._seen, self._seen_path = catalog, self.setting("search_path")
        self.types = CatalogTypes(cast("TypeRegistry", database.registries.types), catalog, self.search_path)
        self.registries = database.registries.with_types(self.types)

    def _role_named(self, name: str) -> Role:
        """Return the role with which the session begins; InvalidAuthorizationSpecification where there is none."""
        with self.database.store_transaction() as short:
            found = self.database.catalogs.of(short).roles.get(name)
        if found is None:
            raise errors.InvalidAuthorizationSpecification(f'role "{name}" does not exist')
        return found

    def _name_roles(self, catalog: CatalogSnapshot) -> None:
        """Call the session's roles by the names that they have by now."""
        for number, name in (("role", "user"), ("session_role", "session_user")):
            found = catalog.role_by_oid(getattr(self, number))
            if found is not None and found.name != getattr(self, name):
                setattr(self, name, found.name)
                self.points.forget()

    @property
    def identity(self) -> tuple[int, str, int, str]:
        """The current role and the session's, each as OID and name."""
        return self.role, self.user, self.session_role, self.session_user

    @identity.setter
    def identity(self, given: tuple[int, str, int, str]) -> None:
        self.role, self.user, self.session_role, self.session_user = given
        self.points.forget()
        if self._seen is not None:
            self._name_roles(self._seen)

    def become(self, role: Role, *, of_session: bool = False, local: bool = False) -> None:
        """Act as a role from now on; ``of_session``: as if the session had begun as that role. It is undone with the
        transaction, and ``local`` ends with it."""
        self.settings.note_identity(self.identity, local=local, in_transaction=self.block.state != "idle")
        now = (role.oid, role.name)
        self.identity = (*now, *(now if of_session else (self.session_role, self.session_user)))

    @property
    def search_path(self) -> tuple[str, ...]:
        """The schemas in which unqualified names are looked up: temporary objects, pg_catalog, then the setting's."""
        path = [part.strip() for part in self.setting("search_path").split(",") if part.strip()]
        names = [self.user if name in ('"$user"', "$user") else _unquoted(name) for name in path]
        if "pg_catalog" not in names:
            names.insert(0, "pg_catalog")
        if self._temporary_schema is not None and "pg_temp" not in names:
            names.insert(0, self._temporary_schema)
        if self._seen is not None and not is_superuser(self._seen, self.role):
            names = [name for name in names if may_use_schema(self._seen, self.role, name)]
        return tuple(self._temporary_schema or "pg_temp" if name == "pg_temp" else name for name in names)

    def temporary_schema(self) -> str:
        """Return this session's schema for temporary objects."""
        if self._temporary_schema is None:
            line = self.timeline or self.database.store.main
            self._temporary_schema = temporary_schema(self.number, line.id)
        return self._temporary_schema

    @property
    def has_temporary_schema(self) -> bool:
        """Whether the session ever made a temporary object."""
        return self._temporary_schema is not None

    @property
    def lock_timeout(self) -> float | None:
        """Seconds to wait for one lock, or None."""
        milliseconds = self.setting("lock_timeout")
        return milliseconds / 1000 if milliseconds else None

    @property
    def idle_limit(self) -> float | None:
        """Seconds that the session may be idle outside a transaction before its door ends it, or None."""
        milliseconds = self.setting("idle_session_timeout")
        return milliseconds / 1000 if milliseconds else None

    @property
    def interrupted(self) -> bool:
        """Whether the running statement is to stop."""
        return self.interruption is not None or (self.deadline is not None and time.monotonic() > self.deadline)

    def check_interrupt(self) -> None:
        """Raise QueryCanceled when the running statement is to stop."""
        if self.interruption is not None:
            reason, self.interruption = self.interruption, None
            raise errors.QueryCanceled(f"canceling statement due to {reason}")
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.deadline = None
            raise errors.QueryCanceled("canceling statement due to statement timeout")

    def interrupt(self, reason: str = "user request") -> None:
        """Stop the running statement (from any thread); without one, do nothing."""
        if self.current_query:
            self.interruption = reason
            if self.helper is not None:
                self.helper.interrupt(reason)

    def lock_advisory(self, key: tuple[int, ...], *, exclusive: bool, wait: str, of_transaction: bool) -> bool:
        """Take an advisory lock: the session's, or the transaction's."""
        mode = AdvisoryLock.EXCLUSIVE if exclusive else AdvisoryLock.SHARE
        if of_transaction:
            return self.transaction.lock_advisory(key, mode, wait)
        if self._advisory is None:
            self._advisory = self.database.store.session_locks(self)
        return self._advisory.acquire(key, mode, wait)

    def unlock_advisory(self, key: tuple[int, ...], *, exclusive: bool) -> bool:
        """Release an advisory lock of the session once; False where it has none."""
        mode = AdvisoryLock.EXCLUSIVE if exclusive else AdvisoryLock.SHARE
        return self._advisory is not None and self._advisory.release(key, mode)

    def unlock_all_advisory(self) -> None:
        """Release all advisory locks of the session."""
        if self._advisory is not None:
            self._advisory.release_all()

    def index(self, oid: int) -> Any:
        """Return the access method's object for an index, or None."""
        entry = self.catalog.index_by_oid(oid)
        found = None if entry is None else self.transaction.relation(entry[0].oid).indexes.get(oid)
        return None if found is None else found.method

    def index_trouble(self, oid: int) -> str | None:
        """Return why an index names nothing, here or on a timeline above, None where all is well."""
        entry = self.catalog.index_by_oid(oid)
        found = None if entry is None else self.transaction.relation(entry[0].oid).indexes.get(oid)
        said = () if found is None else (line.trouble for line in found.ancestors())
        return next(filter(None, said), None)

    def relation_oid(self, name: str) -> int | None:
        """Return the OID that a name in text means, or None."""
        from heliosdb.sql.names import split_qualified_name

        parts = split_qualified_name(name)
        schema = parts[-2] if len(parts) > 1 else None
        catalog = self.catalog
        found = catalog.lookup_relation(schema, parts[-1], self.search_path)
        if found is not None:
            return found.oid
        index = catalog.lookup_index(schema, parts[-1], self.search_path)
        if index is not None:
            return index[1].oid
        from heliosdb.catalog.views.support import system_relation_oid

        schemas = ("pg_catalog", *self.search_path) if schema is None else (schema,)
        return next((oid for s in schemas if (oid := system_relation_oid(self, s, parts[-1])) is not None), None)

    def relation_name(self, oid: int) -> str | None:
        """Return a relation's name, qualified where search_path does not find it, or None."""
        from heliosdb.sql.deparse import quote_identifier

        catalog = self.catalog
        found: Any = catalog.relation_by_oid(oid)
        if found is None:
            entry = catalog.index_by_oid(oid)
            if entry is None:
                from heliosdb.catalog.views.support import system_relation_name

                return system_relation_name(self, oid)
            found = entry[1]
        visible = catalog.lookup_relation(None, found.name, self.search_path)
        if visible is not None and visible.oid == oid:
            return quote_identifier(found.name)
        return f"{quote_identifier(found.schema)}.{quote_identifier(found.name)}"

    def check_unique(self, constraints: Sequence[Constraint]) -> None:
        """Check deferrable unique constraints at the end of a statement, but for those that are deferred now."""
        due = [c.index for c in constraints if c.index is not None and not self.block.is_deferred(c)]
        if due:
            self.transaction.check_deferred(due)

    def is_deferred(self, constraint: Constraint) -> bool:
        """Whether a constraint is checked at COMMIT in the current transaction."""
        return self.block.is_deferred(constraint)

    def bind_context(self) -> BindContext:
        """Return what binding depends on."""
        return self.bind_context_of((), ())

    def bind_context_of(
        self,
        types: Sequence[str | None],
        hints: Sequence[str | None],
        catalog: Any = None,
        *,
        lift: bool = True,
        moments: Moments | None = None,
    ) -> BindContext:
        from heliosdb.session.past import Moments
        from heliosdb.sql.binder.context import BindContext

        # First of all: looking at the catalog is what makes its types known, under the search_path of now.
        seen = self.catalog if catalog is None else catalog
        return BindContext(
            registries=self.registries,
            session=self,
            catalog=seen,
            search_path=self.search_path,
            parameter_types=tuple(types),
            parameter_hints=tuple(hints),
            lift_constants=lift,
            dialect=self.database.dialect,
            setting=self.setting,
            session_functions=self.functions,
            resolutions=self.database.resolutions,
            catalog_at=(Moments(self) if moments is None else moments).catalog_at,  # type: ignore[arg-type]
        )


def _unquoted(name: str) -> str:
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        return name[1:-1].replace('""', '"')
    return name.lower()
