"""A database: the store, the frozen plugins, and what all sessions share.

Opening loads the plugins, freezes what they registered, opens the volume and writes the first catalog rows; after that
nothing here changes but counters and caches. Sessions do the work.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.changes import write_bootstrap
from heliosdb.catalog.roles import Login, login_of, roles_reached
from heliosdb.catalog.sequences import SequenceCounters
from heliosdb.catalog.settings import find_setting, initial_values
from heliosdb.catalog.storage import OBJECTS_RELATION, SYSTEM_INDEXES
from heliosdb.catalog.view import CatalogCache
from heliosdb.config import log
from heliosdb.opening import prepare
from heliosdb.plugin.host import load_plugins
from heliosdb.plugin.workers import BackgroundWorkers
from heliosdb.rows import RowMaker, loading
from heliosdb.session.adapters import Adapters
from heliosdb.session.kinds import CONTROL_WORDS
from heliosdb.session.notifications import NotificationQueue
from heliosdb.session.session import Session
from heliosdb.session.statements import StatementCache
from heliosdb.session.watch import StatementCounts
from heliosdb.sql.dialect import POSTGRESQL
from heliosdb.store.counters import OIDS
from heliosdb.store.options import StorageOptions
from heliosdb.store.temporary import TemporarySpace
from heliosdb.store.volume import MemoryVolume, Volume
from heliosdb.transaction import TransactionalStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from heliosdb.plan.nodes import OutputColumn
    from heliosdb.session.environment import SessionEnvironment
    from heliosdb.sql.binder.context import Resolutions
    from heliosdb.sql.optimizer.statistics import StatisticsCache
    from heliosdb.store.access_method import IndexSpec
    from heliosdb.store.past import History
    from heliosdb.store.timeline import Timeline
    from heliosdb.transaction import CommitTicket, Transaction

__all__ = ["Database"]

CLOSING = 1.0
"""Seconds that statements have to end when the database is closed under them."""

FIRST_OID = 16384
"""Objects of users are numbered from here, as in PostgreSQL."""


def open_volume(path: str | None, *, read_only: bool = False) -> Volume:
    """Return the volume at a path; None: in memory."""
    if path is None:
        return MemoryVolume()
    from heliosdb.store.directory import DirectoryVolume

    return DirectoryVolume(path, read_only=read_only)


def _agreed(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return both settings in one; InvalidParameterValue where they contradict each other."""
    for name in first.keys() & second.keys():
        if first[name] != second[name]:
            raise errors.InvalidParameterValue(f'the path says {name} = "{first[name]}", and not "{second[name]}"')
    return {**first, **second}


class Database:
    """An open database. ``path`` is None in memory."""

    def __init__(
        self,
        path: str | None = None,
        *,
        plugins: Sequence[Any] | None = None,
        strict: bool = False,
        settings: dict[str, Any] | None = None,
        name: str = "heliosdb",
        storage: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        read_only: bool = False,
        volume: Volume | None = None,
        session_settings: Mapping[str, Any] | None = None,
    ) -> None:
        """``storage``: what ``heliosdb.Config`` says of a database on disk. ``options``: what it says for packages.
        ``volume``: another place for the bytes. ``session_settings``: with what ``session`` opens sessions.

        What a path means a plugin may say (``locate_database``)."""
        self.name = name
        self.opened_at = time.time()
        self.closed = False
        with loading():
            self.host = load_plugins(plugins, strict=strict)
            self.registries = self.host.freeze()
        found = None if path is None else self.registries.first_result("locate_database", path)
        self.path = path if found is None else found.path
        if self.path == ":memory:":
            self.path = None
        self.session_settings = _agreed({} if found is None else found.settings, session_settings or {})
        outside = [item.words[0][:9].lower() for item in self.registries.extension_statements.values() if item.outside]
        self.control_words = (*CONTROL_WORDS, *outside)
        """How statements may begin that run outside of transactions."""
        self.dialect = POSTGRESQL
        self.settings = initial_values(self.registries.settings, settings or {})
        for name in self.settings:
            if self.registries.settings[name].write is not None:
                raise errors.CantChangeRuntimeParam(f'parameter "{name}" cannot be set for a whole database')
        self.statements = StatementCache(self.dialect)
        self.statement_counts = StatementCounts()
        self.adapters = Adapters(self.registries.types, self.types_with)
        self.catalogs = CatalogCache()
        self.sessions: dict[int, Any] = {}
        self.notifications = NotificationQueue()
        self.process = os.getpid()
        if hasattr(os, "register_at_fork"):
            # By a weak reference: what is registered here stays for as long as the process lives.
            forget = weakref.WeakMethod(self._forget_in_child)
            os.register_at_fork(after_in_child=lambda: (method := forget()) is not None and method())
        self._session_numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.epoch = 0
        """Counts commits that changed the catalog."""
        self._row_makers: dict[tuple[OutputColumn, ...], RowMaker] = {}
        self._columns_met: dict[int, tuple[tuple[OutputColumn, ...], RowMaker]] = {}
        self.volume = open_volume(self.path, read_only=read_only) if volume is None else volume
        try:
            self._opening = prepare(self.registries, self.path, self.volume, options or {})
        except BaseException:
            self.volume.close()
            raise
        self.attached = self._opening.attached
        """What plugins keep for as long as the database is open, by name."""
        try:
            self.codecs = self._opening.codecs()
            self.temporary = TemporarySpace(self.volume.scratch, self.codecs.temporary())
            self.store = TransactionalStore(
                self.volume, self.registries.access_methods, self._storage_options(storage or {})
            )
        except BaseException:
            self.volume.close()
            self._opening.close()
            raise
        self.sequences = SequenceCounters(self.store.counters)
        self._attaching: Session | None = None
        self._attaching_line = self.store.main
        """Whose catalog that session reads."""
        self.store.specs_of = self._specs_of
        self.store.points_changed = self.forget_points
        self.store.relation_name = self._relation_name
        self.workers = BackgroundWorkers(self.registries.background_workers, self, self.setting)
        try:
            self._begin()
        except BaseException:
            self._give_up()
            raise
        for plugin in self.registries.plugins:
            if plugin.error is not None:
                log("warn", 'plugin "%s" could not be loaded: %s', plugin.name, plugin.error)
        log("info", 'opened database "%s" with %s plugins', self.name, len(self.registries.plugins))

    def _begin(self) -> None:
        if not self.store.last_scn:
            self._bootstrap()
        elif OBJECTS_RELATION not in self.store.lines.root.stored:
            raise errors.WrongObjectType(f'"{self.path}" is a store of keys and values, and no database of tables')
        elif not (self.store.was_closed or self.volume.read_only):
            self._drop_left_over()
        for listener in self.registries.lifecycle.get("database_opened", ()):
            listener(self)
        self.workers.start()
        if self.store.maintenance is not None:
            self.store.maintenance.start()

    def _give_up(self) -> None:
        """Let go of everything where opening has failed. The store is not closed in order: what opening has left undone
        is for the next one."""
        self.workers.stop()
        for listener in self.registries.lifecycle.get("database_closing", ()):
            with suppress(Exception):
                listener(self)
        self.closed = True
        self.volume.close()
        self._opening.close()

    @property
    def history(self) -> History:
        """The timelines and commits of the database, and what is kept of its past."""
        from heliosdb.store.past import History

        return History(self.store)

    def setting(self, name: str) -> Any:
        """Return the value that a setting has in a new session."""
        found = find_setting(self.registries.settings, name)
        return self.settings.get(name.lower(), found.default)

    def _storage_options(self, stated: Mapping[str, Any]) -> StorageOptions:
        retention = self._opening.retention
        if not self.volume.keeps_log:
            return StorageOptions(retention=retention)
        chosen = dict(stated)
        return StorageOptions(
            codecs=self.codecs.files(chosen.pop("compression", "zstd")),
            classes=self.registries.types.stored_classes,
            retention=retention,
            **chosen,
        )

    def _specs_of(self, line: Timeline, oid: int) -> Sequence[IndexSpec]:
        """Return the indexes that a timeline's catalog has for a relation that nobody has used yet."""
        for spec in SYSTEM_INDEXES:
            if spec.relation_oid == oid:
                return (spec,)
        from heliosdb.commands.index_specs import index_spec

        if self._attaching is None:
            self._attaching = Session(self)
        session, self._attaching_line = self._attaching, line
        session.block.begin_alone()
        try:
            relation = session.catalog.relation_by_oid(oid)
            return () if relation is None else [index_spec(session, relation, index) for index in relation.indexes]
        finally:
            session.block.rollback()

    def _drop_left_over(self) -> None:
        """Drop the temporary objects of sessions that ended with their process."""
        from heliosdb.commands.temporary import drop_left_over

        with closing(Session(self)) as session:
            for line in self.history.timelines():
                if OBJECTS_RELATION in line.stored or OBJECTS_RELATION in line.relations:
                    session.use_timeline(line.name)
                    drop_left_over(session)

    def _bootstrap(self) -> None:
        self.store.holds.begin()
        for spec in SYSTEM_INDEXES:
            self.store.define_index(None, spec.relation_oid, spec)
        transaction = self.store.begin()
        transaction.begin_statement()
        write_bootstrap(transaction)
        transaction.commit().wait()

    @cached_property
    def statistics(self) -> StatisticsCache:
        """What samples of the tables say, for the optimizer."""
        from heliosdb.sql.optimizer.statistics import StatisticsCache

        return StatisticsCache()

    @cached_property
    def resolutions(self) -> Resolutions:
        """What operator look-ups gave, remembered for all sessions. Made by the first statement that is bound."""
        from heliosdb.sql.binder.context import Resolutions

        return Resolutions()

    def session(self, **options: Any) -> Session:
        """Open a session; ``options`` are the arguments of ``Session``."""
        self.require_open()
        settings = options.pop("settings", None) or {}
        return Session(self, settings={**self.session_settings, **settings}, **options)

    def login(self, name: str) -> Login | None:
        """Return what there is to know of a role before a session is opened for it, or None; main's roles count."""
        self.require_open()
        with self.store_transaction() as short:
            role = self.catalogs.of(short).roles.get(name)
        return None if role is None else login_of(role)

    def roles_reached(self, name: str) -> frozenset[str]:
        """Return the names of the roles that a role is a member of, itself among them; none where it does not exist."""
        self.require_open()
        with self.store_transaction() as short:
            catalog = self.catalogs.of(short)
            role = catalog.roles.get(name)
            reached = [] if role is None else [catalog.role_by_oid(oid) for oid in roles_reached(catalog, role.oid)]
            return frozenset([found.name for found in reached if found is not None])

    def sessions_of(self, role: int) -> int:
        """Return how many sessions began as a role: its OID."""
        return sum(session.authenticated_role == role for session in list(self.sessions.values()))

    @contextmanager
    def closed_by_failure(self) -> Iterator[None]:
        """Close the database if the block raises: nobody else would."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def require_open(self) -> None:
        """Raise InterfaceError for a closed database, and in a forked child."""
        if self.closed:
            raise errors.InterfaceError("the database is closed")
        self.require_process()

    @property
    def is_own(self) -> bool:
        """Whether this process opened the database, not one that it was forked from."""
        return os.getpid() == self.process

    def require_process(self) -> None:
        """Raise InterfaceError in a forked child: what it has is a copy, locked by threads that it has not."""
        if not self.is_own:
            raise errors.InterfaceError(
                "the database was opened by another process",
                hint="Open it after fork(), in the child.",
            )

    def _forget_in_child(self) -> None:
        """In a forked child: drop the functions of point statements, which ask nobody whether they may still run."""
        for session in list(self.sessions.values()):
            session.points.forget()

    def row_maker(self, columns: tuple[OutputColumn, ...]) -> RowMaker:
        """Return what makes Python rows of a result with these columns."""
        # A cached plan gives the very same columns each time: to hash them all takes longer than a short query.
        met = self._columns_met.get(id(columns))
        if met is not None and met[0] is columns:
            return met[1]
        found = self._row_makers.get(columns)
        if found is None:
            if len(self._row_makers) >= 1024:
                self._row_makers.clear()
            found = self._row_makers[columns] = RowMaker(columns, self.adapters)
        if len(self._columns_met) >= 1024:
            self._columns_met.clear()
        self._columns_met[id(columns)] = (columns, found)
        return found

    def types_with(self, name: str) -> Any:
        """Return types that know one of the catalog by its internal name: those of a session that has seen it."""
        for session in list(self.sessions.values()):
            if session.types.find(name) is not None:
                return session.types
        return self.registries.types

    def next_oid(self) -> int:
        """Return a number that no object, version or counter of this database ever had."""
        counters = self.store.counters
        with counters.lock:
            found = counters.get(OIDS)
            oid = FIRST_OID if found is None else found[0] + 1
            counters.set(OIDS, oid)
        return oid

    def next_session_number(self) -> int:
        """Return a session number."""
        return next(self._session_numbers)

    def timeline_of(self, session: SessionEnvironment) -> Any:
        """Return the timeline that a session works on; None, or main itself: main."""
        if session is self._attaching:
            return self._attaching_line
        line = session.timeline
        if line is not None and line.dropped:
            raise errors.ObjectNotInPrerequisiteState(
                f'"{line.name}", which this session works on, has been dropped',
                hint="Choose where the session is to work from now on.",
            )
        return line

    def users_of(self, timeline: Timeline) -> int:
        """Return how many sessions work on a timeline."""
        chosen = None if timeline is self.store.main else timeline
        found = [session for session in list(self.sessions.values()) if session.timeline in (chosen, timeline)]
        return sum(session is not self._attaching for session in found)

    def writers_on(self, timeline: Timeline) -> int:
        """Return how many sessions have changes on a timeline that are not committed."""
        open_ones = [session.block.transaction for session in list(self.sessions.values())]
        return sum(found is not None and found.timeline is timeline and found.has_written for found in open_ones)

    @contextmanager
    def store_transaction(self, timeline: Timeline | None = None) -> Iterator[Transaction]:
        """Open a transaction for reading, outside any session's, on a timeline (default: main)."""
        transaction = self.store.begin(timeline=timeline)
        transaction.begin_statement()
        try:
            yield transaction
        finally:
            transaction.rollback()

    def committed(self, session: SessionEnvironment, transaction: Transaction, ticket: CommitTicket) -> None:
        """Follow a commit: drop what the old catalog was good for, tell plugins."""
        if OBJECTS_RELATION in transaction.writes:
            self.forget_points()
        listeners = self.registries.lifecycle.get("transaction_committed", ())
        if listeners:
            from heliosdb.catalog.commit import Commit

            commit = Commit(
                scn=ticket.scn,
                timeline=transaction.timeline.name,
                time=ticket.time,
                transaction_id=ticket.transaction_id,
                relations=tuple(sorted(transaction.writes)),
            )
            for listener in listeners:
                try:
                    listener(self, commit)
                except Exception as error:  # noqa: BLE001 - the plugin boundary: nothing can undo the commit
                    problem = f"{type(error).__name__}: {error}"
                    session.notice(
                        f"the transaction is committed, but a plugin failed to follow it: {problem}",
                        severity="WARNING",
                    )

    def forget_points(self) -> None:
        """Have all sessions make the functions of point statements anew."""
        with self.lock:
            self.epoch += 1
            for session in list(self.sessions.values()):
                session.points.forget()

    def drop_temporary_objects(self, session: Any) -> None:
        """Drop a session's temporary objects: it ends."""
        from heliosdb.commands.temporary import drop_temporary_objects

        drop_temporary_objects(session)

    def apply_on_commit(self, session: Any) -> None:
        """Do what ON COMMIT says for a session's temporary tables: its transaction is about to commit."""
        from heliosdb.commands.temporary import apply_on_commit

        apply_on_commit(session)

    def _relation_name(self, oid: int, line: Timeline) -> str:
        with self.store_transaction(line) as transaction:
            catalog = self.catalogs.of(transaction)
        relation = catalog.relation_by_oid(oid)
        return str(oid) if relation is None else relation.name

    def _stop_statements(self) -> None:
        """Interrupt what other threads are running, and give it a moment to end."""
        sessions = list(self.sessions.values())
        for session in sessions:
            session.interrupt("closing of the database")
        patience = time.monotonic() + CLOSING
        while any(session.current_query for session in sessions) and time.monotonic() < patience:
            time.sleep(0.001)

    def _tell(self, hook: str, failures: list[Exception]) -> None:
        for listener in self.registries.lifecycle.get(hook, ()):
            try:
                listener(self)
            except Exception as error:  # noqa: BLE001 - the plugin boundary: the others let go of theirs, too
                failures.append(error)

    def close(self) -> None:
        """Close all sessions and the volume. Harmless a second time."""
        if self.closed:
            return
        failures: list[Exception] = []
        if self.is_own:
            self._tell("database_stopping", failures)
            self._stop_statements()
            for session in list(self.sessions.values()):
                session.close()
            # A worker may be in the middle of a statement: it ends before plugins let go of what it uses.
            self.workers.stop()
            self._tell("database_closing", failures)
        self.closed = True
        if self.is_own:
            self.store.close()
        self._opening.close()
        log("info", 'closed database "%s"', self.name)
        if failures:
            for other in failures[1:]:
                failures[0].add_note(f"Another plugin failed as well: {type(other).__name__}: {other}")
            raise failures[0]
