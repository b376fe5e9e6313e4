"""Functions about the running database, its sessions and transactions, for monitoring and tools."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from heliosdb.catalog.roles import has_privileges_of, is_superuser
from heliosdb.catalog.views.lists import pg_timezone_abbrevs, pg_timezone_names
from heliosdb.catalog.views.statistics import pg_stat_reset, pg_stat_statements_reset
from heliosdb.errors import (
    AdminShutdown,
    FeatureNotSupported,
    InsufficientPrivilege,
    NumericValueOutOfRange,
    UndefinedObject,
    UndefinedTable,
)
from heliosdb.types.definitions import Implementation, ScalarFunction, TableFunction, Volatility

__all__ = ["FUNCTIONS", "TABLE_FUNCTIONS"]

SIGNAL = 4200
"""The OID of pg_signal_backend."""

EPOCH = 946_684_800_000_000
"""2000-01-01, in microseconds since 1970."""


# -- transactions ----------------------------------------------------------------------------------------------------


def pg_current_xact_id(session: Any) -> int:
    """Return the transaction's id, which it gets now if it had none."""
    return int(session.transaction.transaction_id)


def pg_current_xact_id_if_assigned(session: Any) -> int | None:
    """Return the transaction's id, NULL while it has none."""
    transaction = session.transaction
    return int(transaction.transaction_id) if transaction.has_transaction_id else None


# -- sessions --------------------------------------------------------------------------------------------------------


def _signalled(number: int, session: Any, what: tuple[str, str, str, str]) -> Any:
    """Return the session that somebody wants to do something to, None where there is none of this number."""
    other = session.database.sessions.get(number)
    if other is None:
        session.notice(f"PID {number} is not a PostgreSQL server process", severity="WARNING")
        return None
    catalog, role = session.catalog, session.role
    if is_superuser(catalog, other.authenticated_role) and not is_superuser(catalog, role):
        raise InsufficientPrivilege(f"must be a superuser to {what[0]} superuser {what[1]}")
    if not (has_privileges_of(catalog, role, other.authenticated_role) or has_privileges_of(catalog, role, SIGNAL)):
        raise InsufficientPrivilege(
            f"must be a member of the role whose {what[2]} is being {what[3]} or member of pg_signal_backend"
        )
    return other


def pg_cancel_backend(number: int, session: Any) -> bool:
    """Interrupt another session's statement; whether there is such a session."""
    other = _signalled(number, session, ("cancel", "query", "query", "canceled"))
    if other is None:
        return False
    other.interrupt()
    return True


def pg_terminate_backend(number: int, timeout: int, session: Any) -> bool:
    """End another session, and wait so many milliseconds for its end; whether there was such a session, and whether it
    has ended where that was waited for."""
    if timeout < 0:
        raise NumericValueOutOfRange('"timeout" must not be negative')
    other = _signalled(number, session, ("terminate", "process", "process", "terminated"))
    if other is None:
        return False
    if other.door is None:
        raise FeatureNotSupported(
            f"session {number} is the program's own, which has the database open",
            hint="pg_cancel_backend stops its statement.",
        )
    other.door.end(AdminShutdown("terminating connection due to administrator command"))
    patience = time.monotonic() + timeout / 1000
    while timeout and not other.closed:
        if time.monotonic() > patience:
            session.notice(
                f"backend with PID {number} did not terminate within {timeout} milliseconds", severity="WARNING"
            )
            return False
        session.check_interrupt()
        time.sleep(0.002)
    return True


def pg_terminate_backend_now(number: int, session: Any) -> bool:
    """End another session; whether there was one."""
    return pg_terminate_backend(number, 0, session)


def inet_client_port(session: Any) -> int | None:
    """Return the port that the client came from; NULL in process."""
    address = None if session.door is None else session.door.address
    return None if address is None else address[1]


def pg_my_temp_schema(session: Any) -> int:
    """Return the OID of the session's schema of temporary objects, 0 while it has none."""
    from heliosdb.catalog.views.support import schema_oid

    return schema_oid(session, session.temporary_schema()) if session.has_temporary_schema else 0


def pg_is_other_temp_schema(oid: int, session: Any) -> bool:
    """Return whether a schema holds temporary objects of another session."""
    from heliosdb.catalog.views.support import schema_oid

    name = next((name for name in session.catalog.schemas() if schema_oid(session, name) == oid), "")
    return name.startswith("pg_temp_") and oid != pg_my_temp_schema(session)


def current_query(session: Any) -> str | None:
    """Return the text that runs."""
    return session.current_query or None


def current_tenant_id(session: Any) -> str | None:
    """Return what the session set ``heliosdb.tenant_id`` to, NULL where it has not."""
    try:
        return session.setting("heliosdb.tenant_id") or None
    except UndefinedObject:
        return None


def pg_sleep_until(when: int, session: Any) -> None:
    """Wait until a point of time; an interrupt ends it."""
    from heliosdb.types.generic import pg_sleep

    return pg_sleep(max(0.0, (when + EPOCH) / 1_000_000 - time.time()), session)


def started_at(session: Any) -> int:
    """Return when the database was opened."""
    return int(session.database.opened_at * 1_000_000) - EPOCH


# -- relations -------------------------------------------------------------------------------------------------------


def row_security_active(oid: int, session: Any) -> bool:
    """Return whether policies would apply to the current role: there are none."""
    return False


def row_security_active_named(name: str, session: Any) -> bool:
    """Return whether policies would apply to the current role: there are none."""
    if session.relation_oid(name) is None:
        raise UndefinedTable(f'relation "{name}" does not exist')
    return False


def pg_relation_filenode(oid: int, session: Any) -> int | None:
    """Return the number under which a relation is stored, which is its own."""
    relation = session.catalog.relation_by_oid(oid)
    if relation is not None:
        return oid if relation.kind != "view" else None
    return oid if session.catalog.index_by_oid(oid) is not None else None


def pg_relation_is_updatable(oid: int, include_triggers: bool, session: Any) -> int:
    """Return which changes a relation takes, as bits: 4 for UPDATE, 8 for INSERT, 16 for DELETE."""
    from heliosdb.catalog.views.support import describe

    relation = session.catalog.relation_by_oid(oid)
    if relation is None:
        return 0
    if relation.kind == "view":
        return 28 if describe("is_updatable_view")(session, relation) else 0
    return 28 if relation.kind == "table" else 0


def pg_column_is_updatable(oid: int, number: int, include_triggers: bool, session: Any) -> bool:
    """Return whether a column can be written."""
    relation = session.catalog.relation_by_oid(oid)
    if number < 1 or (relation is not None and number > len(relation.columns)):
        return False
    return pg_relation_is_updatable(oid, include_triggers, session) & 20 == 20


def pg_get_keywords() -> Iterator[tuple[str, str, bool, str, str]]:
    """List the words of the grammar and what each may be."""
    from heliosdb.catalog.views.support import describe

    rows: Iterator[tuple[str, str, bool, str, str]] = describe("keyword_rows")()
    return rows


def pg_notify(channel: str | None, payload: str | None, session: Any) -> str:
    """NOTIFY, for channels and payloads that are computed."""
    session.inbox.say(channel or "", payload or "")
    return ""


def pg_listening_channels(session: Any) -> Iterator[str]:
    """List what the session listens to."""
    return iter(tuple(session.inbox.channels))


def pg_notification_queue_usage(session: Any) -> float:
    """Return how much of the room for notifications is taken."""
    return float(session.database.notifications.usage)


def _of_session(
    name: str, arguments: tuple[str, ...], returns: str, body: Implementation, volatility: Volatility
) -> ScalarFunction:
    return ScalarFunction(name, arguments, returns, body, volatility=volatility, needs_session=True)


_S, _V = Volatility.STABLE, Volatility.VOLATILE

FUNCTIONS: tuple[ScalarFunction, ...] = (
    _of_session("pg_current_xact_id", (), "xid8", pg_current_xact_id, _S),
    _of_session("pg_current_xact_id_if_assigned", (), "xid8", pg_current_xact_id_if_assigned, _S),
    _of_session("txid_current", (), "int8", pg_current_xact_id, _S),
    _of_session("txid_current_if_assigned", (), "int8", pg_current_xact_id_if_assigned, _S),
    _of_session("pg_cancel_backend", ("int4",), "bool", pg_cancel_backend, _V),
    _of_session("pg_terminate_backend", ("int4",), "bool", pg_terminate_backend_now, _V),
    _of_session("pg_terminate_backend", ("int4", "int8"), "bool", pg_terminate_backend, _V),
    _of_session("pg_stat_reset", (), "void", pg_stat_reset, _V),
    _of_session("pg_stat_statements_reset", (), "void", pg_stat_statements_reset, _V),
    _of_session("inet_client_port", (), "int4", inet_client_port, _S),
    _of_session("pg_my_temp_schema", (), "oid", pg_my_temp_schema, _S),
    _of_session("pg_is_other_temp_schema", ("oid",), "bool", pg_is_other_temp_schema, _S),
    _of_session("current_query", (), "text", current_query, _V),
    # Of type unknown, as a quoted literal is: it becomes what it is compared with.
    _of_session("current_tenant_id", (), "unknown", current_tenant_id, _S),
    _of_session("pg_sleep_until", ("timestamptz",), "void", pg_sleep_until, _V),
    _of_session("pg_postmaster_start_time", (), "timestamptz", started_at, _S),
    _of_session("pg_conf_load_time", (), "timestamptz", started_at, _S),
    # In process there is no connection over a network.
    ScalarFunction("inet_server_port", (), "int4", lambda: None, volatility=_S),
    ScalarFunction("pg_jit_available", (), "bool", lambda: False, volatility=_V),
    ScalarFunction("pg_trigger_depth", (), "int4", lambda: 0, volatility=_V),
    ScalarFunction("pg_tablespace_location", ("oid",), "text", lambda oid: "", volatility=_S),
    ScalarFunction("pg_conversion_is_visible", ("oid",), "bool", lambda oid: None, volatility=_S),
    _of_session("row_security_active", ("oid",), "bool", row_security_active, _S),
    _of_session("row_security_active", ("text",), "bool", row_security_active_named, _S),
    _of_session("pg_relation_filenode", ("regclass",), "oid", pg_relation_filenode, _S),
    _of_session("pg_relation_is_updatable", ("regclass", "bool"), "int4", pg_relation_is_updatable, _S),
    _of_session("pg_column_is_updatable", ("regclass", "int2", "bool"), "bool", pg_column_is_updatable, _S),
    _of_session("pg_notification_queue_usage", (), "float8", pg_notification_queue_usage, _V),
    ScalarFunction(
        "pg_notify", ("text", "text"), "void", pg_notify, volatility=_V, needs_session=True, strict=False, bounded=False
    ),
)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction(
        "pg_timezone_names",
        (),
        "record",
        lambda: pg_timezone_names(None),
        (("name", "text"), ("abbrev", "text"), ("utc_offset", "interval"), ("is_dst", "bool")),
        volatility=_S,
    ),
    TableFunction(
        "pg_timezone_abbrevs",
        (),
        "record",
        lambda: pg_timezone_abbrevs(None),
        (("abbrev", "text"), ("utc_offset", "interval"), ("is_dst", "bool")),
        volatility=_S,
    ),
    TableFunction(
        "pg_get_keywords",
        (),
        "record",
        pg_get_keywords,
        (("word", "text"), ("catcode", "char"), ("barelabel", "bool"), ("catdesc", "text"), ("baredesc", "text")),
        volatility=_S,
        rows=500.0,
    ),
    TableFunction(
        "pg_listening_channels", (), "text", pg_listening_channels, volatility=_S, rows=10.0, needs_session=True
    ),
)
