"""What goes on and what has gone on: pg_stat_activity, pg_stat_statements, pg_stat_database, pg_stat_user_tables.

What is not counted is NULL, never a number that means nothing. The text of another role's statement is for superusers
and members of pg_read_all_stats.
(https://www.postgresql.org/docs/15/monitoring-stats.html, https://www.postgresql.org/docs/15/pgstatstatements.html)
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from heliosdb.catalog.roles import has_privileges_of, is_superuser
from heliosdb.catalog.views.columns import PG_CATALOG
from heliosdb.catalog.views.support import DATABASE_OID, catalog_view, row_maker
from heliosdb.errors import InsufficientPrivilege
from heliosdb.types.definitions import resolve_implementation

__all__ = ["CATALOG_VIEWS", "pg_stat_reset", "pg_stat_statements_reset"]

Row = tuple[Any, ...]

EPOCH = 946_684_800_000_000_000
"""2000-01-01, in nanoseconds since 1970."""

READ_ALL_STATS = 3375
HIDDEN = "<insufficient privilege>"

_activity_row = row_maker(PG_CATALOG["pg_stat_activity"])
_table_statistics_row = row_maker(PG_CATALOG["pg_stat_user_tables"])
_database_statistics_row = row_maker(PG_CATALOG["pg_stat_database"])

STATES = {"T": "idle in transaction", "E": "idle in transaction (aborted)"}


def _may_see(session: Any, role: int) -> bool:
    """Whether a session may see what another role's does."""
    return role == session.role or has_privileges_of(session.catalog, session.role, READ_ALL_STATS)


def _moment(nanoseconds: int) -> int:
    return (nanoseconds - EPOCH) // 1000


def _wait(session: Any, other: Any, waiting: dict[Any, Any]) -> tuple[str | None, str | None]:
    """Return what a session waits for."""
    if not other.current_query:
        return "Client", "ClientRead"
    waiter = waiting.get(other)
    if waiter is None:
        return None, None
    locks = session.database.store.locks
    for space, name in ((locks.relations, "relation"), (locks.advisory, "advisory")):
        if waiter.space is space:
            return "Lock", name
    return "Lock", "transactionid"


def pg_stat_activity(session: Any) -> Iterator[Row]:
    """Sessions of this database."""
    database = session.database
    waiting = {waiter.owner.session: waiter for waiter in database.store.locks.waiting()}
    for number, other in sorted(dict(database.sessions).items()):
        common = {
            "datid": DATABASE_OID,
            "datname": database.name,
            "pid": number,
            "usesysid": other.authenticated_role or None,
            "usename": other.session_user,
            "application_name": other.show_setting("application_name"),
            "backend_type": "client backend",
        }
        if not _may_see(session, other.authenticated_role):
            yield _activity_row(**common, query=HIDDEN)
            continue
        address = None if other.door is None else other.door.address
        running = other.current_query
        kind, event = _wait(session, other, waiting)
        yield _activity_row(
            **common,
            client_addr=None if address is None else address[0],
            client_port=None if address is None else address[1],
            backend_start=_moment(other.began_at),
            xact_start=other.transaction_timestamp if other.block.transaction is not None else None,
            query_start=other.statement_timestamp or None,
            state_change=_moment(other.changed_at),
            wait_event_type=kind,
            wait_event=event,
            state="active" if running else STATES.get(other.block.status, "idle"),
            query=running or other.latest_query,
        )


def pg_stat_statements(session: Any) -> Iterator[Row]:
    """Statements that were tracked, with the times of their runs in milliseconds."""
    normalized = resolve_implementation("heliosdb.session.watch:normalized")
    database = session.database
    for (role, shape), found in database.statement_counts.all_with(list(database.sessions.values())).items():
        if not found.calls:
            continue
        sees = _may_see(session, role)
        text = normalized(shape)
        digest = blake2b(f"{role} {text}".encode(), digest_size=8).digest()
        times = [
            nanoseconds / 1_000_000
            for nanoseconds in (found.total, found.least, found.most, found.total / found.calls, found.deviation)
        ]
        yield (
            role, DATABASE_OID, True, int.from_bytes(digest, "big", signed=True) if sees else None,
            text if sees else HIDDEN, found.calls, *times, found.rows, *times,
        )  # fmt: skip


def pg_stat_statements_reset(session: Any) -> None:
    """Forget what has been counted of statements; for superusers."""
    if not is_superuser(session.catalog, session.role):
        raise InsufficientPrivilege("permission denied for function pg_stat_statements_reset")
    database = session.database
    database.statement_counts.reset(list(database.sessions.values()))


class _Uses:
    """How often tables and indexes were used; NULL for all of them where no statement was tracked."""

    def __init__(self, session: Any) -> None:
        database = session.database
        self._found = database.statement_counts.uses_with(list(database.sessions.values()))

    def of_all(self, kind: str) -> int | None:
        return sum(times for (what, _), times in self._found.items() if what == kind) if self._found else None

    def of(self, kind: str, *oids: int) -> int | None:
        return sum(self._found.get((kind, oid), 0) for oid in oids) if self._found else None


def _table_statistics(session: Any) -> Iterator[Row]:
    uses = _Uses(session)
    for relation in session.catalog.relations():
        if relation.kind == "table":
            yield _table_statistics_row(
                relid=relation.oid,
                schemaname=relation.schema,
                relname=relation.name,
                seq_scan=uses.of("scan", relation.oid),
                idx_scan=uses.of("search", *(index.oid for index in relation.indexes)) if relation.indexes else None,
                n_tup_ins=uses.of("insert", relation.oid),
                n_tup_upd=uses.of("update", relation.oid),
                n_tup_del=uses.of("delete", relation.oid),
                n_live_tup=session.transaction.view(relation.oid).estimated_rows(),
            )


def pg_stat_user_indexes(session: Any) -> Iterator[Row]:
    """Indexes, and how often they were searched."""
    uses = _Uses(session)
    for relation in session.catalog.relations():
        for index in relation.indexes:
            searches = uses.of("search", index.oid)
            yield relation.oid, index.oid, relation.schema, relation.name, index.name, searches, None, None


def pg_stat_reset(session: Any) -> None:
    """Forget what has been counted of tables and indexes; for superusers."""
    if not is_superuser(session.catalog, session.role):
        raise InsufficientPrivilege("permission denied for function pg_stat_reset")
    database = session.database
    database.statement_counts.reset_uses(list(database.sessions.values()))


def pg_stat_database(session: Any) -> Iterator[Row]:
    """The one database; only what is counted is not NULL."""
    uses = _Uses(session)
    yield _database_statistics_row(
        datid=DATABASE_OID,
        datname=session.database.name,
        numbackends=len(session.database.sessions),
        xact_commit=session.database.store.published,
        tup_inserted=uses.of_all("insert"),
        tup_updated=uses.of_all("update"),
        tup_deleted=uses.of_all("delete"),
    )


CATALOG_VIEWS = (
    catalog_view("pg_stat_activity", pg_stat_activity, "Sessions of this database, and what they do."),
    catalog_view("pg_stat_all_indexes", pg_stat_user_indexes, "Indexes, and how often they were searched."),
    catalog_view("pg_stat_all_tables", _table_statistics, "Tables with their row counts, and how they were used."),
    catalog_view("pg_stat_database", pg_stat_database, "The database's counters."),
    catalog_view("pg_stat_statements", pg_stat_statements, "Statements, how often they ran and how long."),
    catalog_view("pg_stat_user_indexes", pg_stat_user_indexes, "Indexes, and how often they were searched."),
    catalog_view("pg_stat_user_tables", _table_statistics, "Tables with their row counts, and how they were used."),
)
