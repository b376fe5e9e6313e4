"""The hook implementations. Nothing here computes."""

from __future__ import annotations

from typing import Any

from heliosdb.plugin import hookimpl
from heliosdb.spi import (
    BackgroundWorker,
    CatalogView,
    Clause,
    Database,
    DatabaseMethod,
    Demo,
    Opening,
    RelationOption,
    ScalarFunction,
    Setting,
    Snapshot,
    Statement,
    TableFunction,
    Volatility,
)

CLAUSES = "heliosdb_temporal.clauses"
FUNCTIONS = "heliosdb_temporal.functions"
RETENTION = "heliosdb_temporal.retention"
SESSIONS = "heliosdb_temporal.sessions"


@hookimpl
def database_opening(opening: Opening) -> None:
    """Take the options."""
    from heliosdb_temporal.retention import take_options

    take_options(opening)


@hookimpl
def database_opened(database: Database) -> None:
    """Have the past kept as the options say, and finish erasures that were cut short."""
    from heliosdb_temporal.opening import opened

    opened(database)


@hookimpl
def register_clauses() -> list[Clause]:
    """``AS OF`` and ``FOR SYSTEM_TIME``, behind a table and behind a query; ``PERIOD FOR``, ``FOR PORTION OF``."""
    return [
        Clause(
            name="period",
            point="table_element",
            words=("PERIOD", "FOR"),
            parse="heliosdb_temporal.periods:parse_period",
            description="when a row is true",
        ),
        Clause(
            name="for portion of",
            point="table",
            words=("FOR", "PORTION", "OF"),
            parse="heliosdb_temporal.periods:parse_portion",
            bind="heliosdb_temporal.periods:refuse",
            description="change a part of a row's time",
        ),
        Clause(
            name="period as of",
            point="table",
            words=("FOR",),
            parse="heliosdb_temporal.periods:parse_as_of",
            bind="heliosdb_temporal.periods:refuse",
            description="what SQL has of system time only",
        ),
    ] + [
        Clause(
            name=" ".join(words).lower() + (" behind a query" if point == "query" else ""),
            point=point,
            words=words,
            parse=f"{CLAUSES}:parse_{name}",
            moment=f"{CLAUSES}:moment",
            description="read the past",
        )
        for name, words in (("as_of", ("AS", "OF")), ("system_time", ("FOR", "SYSTEM_TIME")))
        for point in ("table", "query")
    ]


@hookimpl
def register_statements() -> list[Statement]:
    """``ALTER TABLE t ADD | DROP SYSTEM VERSIONING``, ``... DROP PERIOD FOR p``; ``REVERT TRANSACTION n``; ``ERASE FROM
    t``; ``UPDATE`` and ``DELETE`` with ``FOR PORTION OF``."""
    return [
        *[
            Statement(
                name=f"{words[0].lower()}_portion",
                words=words,
                parse="heliosdb_temporal.periods:parse_statement",
                execute="heliosdb_temporal.periods:execute",
                with_query=True,
                check="heliosdb.spi:anyone",
                description="change a part of rows' time",
            )
            for words in (("UPDATE",), ("DELETE", "FROM"))
        ],
        Statement(
            name="revert_transaction",
            words=("REVERT", "TRANSACTION"),
            parse="heliosdb_temporal.revert:parse",
            execute="heliosdb_temporal.revert:execute",
            description="undo what a transaction did to rows",
        ),
        Statement(
            name="erase",
            words=("ERASE", "FROM"),
            parse="heliosdb_temporal.erase:parse",
            execute="heliosdb_temporal.erase:execute",
            transactional=False,
            with_query=True,
            description="remove rows from all history",
        ),
        Statement(
            name="alter_table",
            words=("ALTER", "TABLE"),
            parse="heliosdb_temporal.alter:parse",
            execute="heliosdb_temporal.alter:execute",
            check="heliosdb.spi:anyone",
            description="keep the past of one table; drop a period of application time",
        ),
    ]


@hookimpl
def register_relation_options() -> list[RelationOption]:
    """``retention``."""
    return [
        RelationOption(
            name="retention",
            check="heliosdb_temporal.versioning:check",
            description="how long a table keeps its past: an interval, forever, or 0",
        )
    ]


@hookimpl
def catalog_changed(session: Any, change: Any) -> None:
    """Keep what tables say that they keep."""
    if getattr(change.after, "options", ()) or getattr(change.before, "options", ()):
        from heliosdb_temporal.versioning import follow

        follow(session, change)


@hookimpl
def resolve_snapshot(session: Any, request: Any, arguments: tuple[Any, ...], base: Snapshot | None) -> Snapshot | None:
    """Give the point of the past that a clause means."""
    from heliosdb_temporal.clauses import CLAUSE, resolve

    return resolve(session, request.payload, arguments[0], base) if request.clause == CLAUSE else None


@hookimpl
def commit_statement(session: Any, pieces: tuple[str, ...]) -> str | None:
    """Keep the text of statements."""
    from heliosdb_temporal.statements import statement

    return statement(session, pieces)


@hookimpl
def past_read(session: Any, relation: Any, snapshot: Snapshot) -> None:
    """Say where rows were erased."""
    from heliosdb_temporal.erasures import tell

    tell(session, relation, snapshot)


@hookimpl
def register_functions() -> list[ScalarFunction | TableFunction]:
    """The way between SCNs, transactions and times; the history of rows."""
    from heliosdb_temporal.columns import HISTORY

    def history(home: str, *arguments: str, specialize: bool = False) -> TableFunction:
        return TableFunction(
            "heliosdb_history",
            arguments,
            "record",
            f"heliosdb_temporal.row_history:{home}",
            columns=HISTORY,
            volatility=Volatility.VOLATILE,
            needs_session=True,
            specialize=specialize,
            description="what became of the rows of a table, by whom",
        )

    def function(name: str, arguments: tuple[str, ...], returns: str, home: str, text: str) -> ScalarFunction:
        return ScalarFunction(
            name,
            arguments,
            returns,
            f"{FUNCTIONS}:{home}",
            volatility=Volatility.STABLE,
            needs_session=True,
            description=text,
        )

    ids = ("int8", "xid8")
    return [
        history("of_table", "text"),
        history("of_key", "text", "text", specialize=True),
        history("of_key", "text", "anyelement", specialize=True),
        function("heliosdb_current_scn", (), "int8", "current_scn", "the last commit that the statement sees"),
        function("heliosdb_scn_at", ("timestamptz",), "int8", "scn_at", "the last commit at or before a time"),
        function("heliosdb_scn_timestamp", ("int8",), "timestamptz", "scn_timestamp", "when a commit was made"),
        function("heliosdb_scn_transaction", ("int8",), "xid8", "scn_transaction", "which transaction a commit is"),
        *[
            function("heliosdb_scn_of_transaction", (kind,), "int8", "scn_of_transaction", "a transaction's commit")
            for kind in ids
        ],
        *[
            function("pg_xact_commit_timestamp", (kind,), "timestamptz", "commit_timestamp", "when it committed")
            for kind in ("xid", "xid8")
        ],
    ]


@hookimpl
def register_settings() -> list[Setting]:
    """``heliosdb.as_of``, ``heliosdb.history_statements`` and ``heliosdb.retention_sweep_interval``."""
    return [
        Setting(
            name="heliosdb.history_statements",
            kind="bool",
            default=True,
            description="Keeps the text of statements, without their constants, with the commits that they make.",
            reader="heliosdb_temporal.statements:statement",
        ),
        Setting(
            name="heliosdb.retention_sweep_interval",
            kind="integer",
            default=3_600_000,
            description="How often a database in memory drops what no retention covers; 0: with VACUUM only.",
            reader=f"{RETENTION}:sweep",
            unit="ms",
            minimum=0,
            maximum=2**31 - 1,
        ),
        Setting(
            name="heliosdb.as_of",
            kind="string",
            default="",
            description="Sets the point of the past at which the session reads.",
            reader=f"{SESSIONS}:point_of",
            read=f"{SESSIONS}:point_of",
            write=f"{SESSIONS}:read_at",
        ),
    ]


@hookimpl
def register_background_workers() -> list[BackgroundWorker]:
    """The sweep of databases in memory."""
    return [
        BackgroundWorker(
            name="retention sweep",
            run=f"{RETENTION}:sweep",
            interval="heliosdb.retention_sweep_interval",
            description="drops older versions in a database in memory that no retention covers",
        )
    ]


@hookimpl
def register_catalog_views() -> list[CatalogView]:
    """``heliosdb_history_size`` and ``heliosdb_erasures``."""
    from heliosdb_temporal.columns import ERASURES, HISTORY_SIZE

    return [
        CatalogView(
            name="heliosdb_erasures",
            columns=ERASURES,
            rows="heliosdb_temporal.erasures:erasures",
            description="what has been erased from all history: when, by whom, how many rows",
        ),
        CatalogView(
            name="heliosdb_history_size",
            columns=HISTORY_SIZE,
            rows="heliosdb_temporal.kept:sizes",
            description="how much of the past each table has",
        ),
    ]


@hookimpl
def register_database_methods() -> list[DatabaseMethod]:
    """``query_as_of_timestamp``."""
    return [
        DatabaseMethod(
            name="query_as_of_timestamp",
            implementation="heliosdb_temporal.methods:query_as_of_timestamp",
            description="run a query on the tables as they were at a time",
        )
    ]


@hookimpl
def register_demos() -> list[Demo]:
    """A DELETE undone."""
    return [Demo(name="temporal", title="Time travel: a DELETE undone", run="heliosdb_temporal.demo:show")]
