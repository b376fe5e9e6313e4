"""A session small enough to test commands with: the real store, registries, parser and catalog, and nothing else."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from heliosdb.catalog.changes import write_bootstrap
from heliosdb.catalog.sequences import SequenceCounters, SessionSequences
from heliosdb.catalog.storage import FIRST_OID, SYSTEM_INDEXES
from heliosdb.catalog.view import CatalogCache
from heliosdb.plugin.host import load_plugins
from heliosdb.sql.binder.context import BindContext
from heliosdb.sql.parser import parse
from heliosdb.transaction import TransactionalStore
from heliosdb.types.definitions import resolve_implementation


class SmallDatabase:
    """One database: store, counters and the catalog cache."""

    name = "memory"

    def __init__(self) -> None:
        self.registries = load_plugins().freeze()
        self.store = TransactionalStore()
        self.sequences = SequenceCounters()
        self.catalogs = CatalogCache()
        self._oids = count(FIRST_OID)
        for spec in SYSTEM_INDEXES:
            self.store.define_index(None, spec.relation_oid, spec)
        transaction = self.store.begin()
        write_bootstrap(transaction)
        transaction.commit()

    def next_oid(self) -> int:
        return next(self._oids)


class SmallSession:
    """One session: every statement in a transaction of its own unless ``begin`` was called."""

    lock_timeout = 5.0

    def __init__(self, database: SmallDatabase, name: str = "session 1") -> None:
        self.database = database
        self.registries = database.registries
        self.types = database.registries.types
        self.name = name
        self.user = self.session_user = "helios"
        self.sequences = SessionSequences()
        self.notices: list[tuple[str, str | None]] = []
        self.transaction: Any = None
        self.in_block = False
        self.path = ("pg_catalog", "public")

    def check_interrupt(self) -> None:
        return

    @property
    def catalog(self) -> Any:
        return self.database.catalogs.of(self.transaction)

    @property
    def search_path(self) -> tuple[str, ...]:
        return self.path

    def setting(self, name: str) -> Any:
        return self.registries.settings[name].default if name in self.registries.settings else None

    def notice(self, message: str, *, detail: str | None = None, **_: Any) -> None:
        self.notices.append((message, detail))

    def temporary_schema(self) -> str:
        return "pg_temp_1"

    def bind_context(self) -> BindContext:
        return BindContext(
            registries=self.registries, catalog=self.catalog, search_path=self.path, setting=self.setting
        )

    def begin(self) -> None:
        self.transaction = self.database.store.begin(self, isolation="read committed")
        self.in_block = True

    def commit(self) -> None:
        self.transaction.commit()
        self.in_block = False

    def rollback(self) -> None:
        self.transaction.rollback()
        self.in_block = False

    def run(self, text: str) -> str:
        """Run the statements of a text and return the last one's tag."""
        tag = ""
        for statement in parse(text, self.registries.grammar):
            tag = self._run(statement)
        return tag

    def _run(self, statement: Any) -> str:
        if not self.in_block:
            self.transaction = self.database.store.begin(self, isolation="read committed")
        transaction = self.transaction
        transaction.begin_statement()
        mark = transaction.mark()
        executor = resolve_implementation(self.registries.statements[type(statement).__name__])
        try:
            tag = executor(self, statement).tag
        except BaseException:
            if self.in_block:
                transaction.rollback_to(mark)
            else:
                transaction.rollback()
            raise
        if not self.in_block:
            transaction.commit()
        return tag

    def relation(self, name: str, schema: str = "public") -> Any:
        """Return a relation as a new statement sees it."""
        if not self.in_block:
            self.transaction = self.database.store.begin(self)
        else:
            self.transaction.begin_statement()
        try:
            return self.catalog.lookup_relation(schema, name)
        finally:
            if not self.in_block:
                self.transaction.rollback()


@pytest.fixture(scope="module")
def database_registries() -> Any:
    return None


@pytest.fixture
def session() -> SmallSession:
    return SmallSession(SmallDatabase())
