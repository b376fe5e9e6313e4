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
    Location,
    ScalarFunction,
    Setting,
    Snapshot,
    Statement,
    TableFunction,
    Volatility,
)

COMMANDS, GRAMMAR, SESSIONS = "heliosdb_branch.commands", "heliosdb_branch.grammar", "heliosdb_branch.sessions"
TABLES, LIFETIME = "heliosdb_branch.tables", "heliosdb_branch.lifetime"


def _statement(verb: str, description: str, *, outside: bool = False) -> list[Statement]:
    """Return both spellings of a statement, with and without DATABASE. Those that change branches are for superusers:
    they say of nobody else that he may run them."""
    return [
        Statement(
            name=f"{verb.lower()}_{'_'.join(words).lower()}",
            words=(verb, *words),
            parse=f"{GRAMMAR}:parse_{verb.lower()}",
            execute=f"{COMMANDS}:execute_{verb.lower()}",
            read_only=outside,
            transactional=outside,
            outside=outside,
            check="heliosdb.spi:anyone" if outside else None,
            description=description,
        )
        for words in (("BRANCH",), ("DATABASE", "BRANCH"))
    ]


@hookimpl
def register_statements() -> list[Statement]:
    """CREATE, DROP, ALTER, MERGE and USE BRANCH, CREATE and DROP TAG."""
    return [
        *_statement("CREATE", "start a branch from another one"),
        *_statement("DROP", "remove a branch"),
        *_statement("ALTER", "rename a branch"),
        *_statement("USE", "have the session work on a branch", outside=True),
        *[
            Statement(
                name="_".join((verb, *words)).lower(),
                words=(verb, *words),
                parse=f"{GRAMMAR}:parse_{verb.lower()}_tag",
                execute=f"heliosdb_branch.tags:execute_{verb.lower()}",
                transactional=False,
                description=description,
            )
            for verb, description in (("CREATE", "name a point of history"), ("DROP", "forget such a name"))
            for words in (("TAG",), ("DATABASE", "TAG"))
        ],
        *[
            Statement(
                name="_".join((*verb, *words)).lower(),
                words=(*verb, *words),
                parse="heliosdb_branch.merge_grammar:parse_merge",
                execute=f"heliosdb_branch.merge:execute_{verb[0].lower()}",
                read_only=explains,
                transactional=explains,
                description="say what a merge would do" if explains else "do on one branch what was done on another",
            )
            for verb, explains in ((("MERGE",), False), (("EXPLAIN", "MERGE"), True))
            for words in (("BRANCH",), ("DATABASE", "BRANCH"))
        ],
    ]


@hookimpl
def register_clauses() -> list[Clause]:
    """``t@branch``."""
    return [
        Clause(
            name="@",
            point="table",
            words=("@",),
            parse=f"{TABLES}:parse",
            moment=f"{TABLES}:moment",
            description="read a table of another branch",
        )
    ]


@hookimpl
def resolve_snapshot(session: Any, request: Any, base: Any) -> Snapshot | None:
    """Give the branch that ``@`` means."""
    from heliosdb_branch.tables import CLAUSE, resolve

    return resolve(session, request.payload, base) if request.clause == CLAUSE else None


@hookimpl
def register_settings() -> list[Setting]:
    """``heliosdb.branch`` and ``heliosdb.branch_sweep_interval``."""
    return [
        Setting(
            name="heliosdb.branch",
            kind="string",
            default="main",
            description="Sets the branch that the session works on.",
            reader=f"{SESSIONS}:branch_of",
            read=f"{SESSIONS}:branch_of",
            write=f"{SESSIONS}:work_on",
        ),
        Setting(
            name="heliosdb.branch_sweep_interval",
            kind="integer",
            default=60_000,
            description="How often branches whose ttl is over are dropped; 0: when the database is opened.",
            reader=f"{LIFETIME}:sweep",
            unit="ms",
            minimum=0,
            maximum=2**31 - 1,
        ),
    ]


@hookimpl
def database_opened(database: Database) -> None:
    """Drop the branches that should have gone."""
    from heliosdb_branch.lifetime import tidy

    tidy(database)


@hookimpl
def register_background_workers() -> list[BackgroundWorker]:
    """The sweep for branches whose time is over."""
    return [
        BackgroundWorker(
            name="branch sweep",
            run=f"{LIFETIME}:sweep",
            interval="heliosdb.branch_sweep_interval",
            description="drops the branches whose ttl is over",
        )
    ]


@hookimpl
def locate_database(path: str) -> Location | None:
    """``path@branch``."""
    if "@" not in path:
        return None
    from heliosdb_branch.sessions import located

    return located(path)


def _table_functions() -> list[TableFunction]:
    diff, texts = "heliosdb_branch.diff", ("key", "operation", "column_name", "old_value", "new_value")
    conflicts = ("table_name", "key", "kind", "column_name", "base", "source", "target")
    counts = (("table_name", "text"), ("inserted", "int8"), ("updated", "int8"), ("deleted", "int8"))
    commit = (
        ("key", "text"),
        ("scn", "int8"),
        ("changed_at", "timestamptz"),
        ("transaction_id", "int8"),
        ("branch", "text"),
        ("session_user", "text"),
        ("application_name", "text"),
    )

    def function(
        name: str, arguments: str, home: str, columns: tuple[tuple[str, str], ...], names: str, text: str
    ) -> TableFunction:
        return TableFunction(
            name,
            tuple(arguments.split()),
            "record",
            home,
            columns=columns,
            volatility=Volatility.VOLATILE,
            needs_session=True,
            argument_names=tuple(names.split()),
            description=text,
        )

    changes = tuple([(name, "text") for name in texts])
    return [
        function(
            "heliosdb_merge_conflicts",
            "text text",
            "heliosdb_branch.merge:merge_conflicts",
            tuple([(name, "text") for name in conflicts]),
            "source_branch target_branch",
            "what is in the way of a merge",
        ),
        *[
            function(
                "heliosdb_diff",
                f"text {kind} {kind}",
                f"{diff}:{home}",
                changes,
                "table_name first second",
                "what is different in a table between two points",
            )
            for kind, home in (("text", "diff"), ("int8", "diff_scns"), ("timestamptz", "diff_times"))
        ],
        function(
            "heliosdb_compare_branches",
            "text text",
            f"{diff}:table_counts",
            counts,
            "first second",
            "in which tables, and how many, rows of two branches are different",
        ),
        function("heliosdb_blame", "text", f"{diff}:blame", commit, "table_name", "who last changed each row"),
    ]


@hookimpl
def register_functions() -> list[ScalarFunction | TableFunction]:
    """``current_branch()``, and what tells branches apart."""
    return [
        ScalarFunction(
            "current_branch",
            (),
            "text",
            f"{COMMANDS}:current_branch",
            volatility=Volatility.STABLE,
            needs_session=True,
            description="the branch that the transaction works on",
        ),
        *_table_functions(),
    ]


@hookimpl
def register_catalog_views() -> list[CatalogView]:
    """``heliosdb_branches``, ``heliosdb_tags`` and ``pg_database_branches``."""
    return [
        CatalogView(
            name="heliosdb_branches",
            columns=(
                ("name", "text"),
                ("parent", "text"),
                ("fork_scn", "int8"),
                ("created_at", "timestamptz"),
                ("is_current", "bool"),
            ),
            rows=f"{COMMANDS}:branches",
            description="the branches, and what each starts from",
        ),
        CatalogView(
            name="heliosdb_tags",
            columns=(("name", "text"), ("branch", "text"), ("scn", "int8"), ("committed_at", "timestamptz")),
            rows="heliosdb_branch.tags:tags",
            description="the tags, and what they name",
        ),
        CatalogView(
            name="pg_database_branches",
            columns=(
                ("branch_name", "text"),
                ("parent_branch", "text"),
                ("created_at", "timestamptz"),
                ("size_bytes", "int8"),
                ("size_mb", "float8"),
                ("status", "text"),
                ("branch_id", "int8"),
                ("parent_id", "int8"),
                ("fork_point_lsn", "int8"),
                ("options", "json"),
                ("expires_at", "timestamptz"),
                ("is_current", "bool"),
            ),
            rows=f"{COMMANDS}:database_branches",
            description="the branches with their sizes and options",
        ),
    ]


@hookimpl
def register_database_methods() -> list[DatabaseMethod]:
    """Branches made, listed, compared, merged and dropped from Python."""
    return [
        DatabaseMethod(name=name, implementation=f"heliosdb_branch.{home}:{name}", description=description)
        for home, name, description in (
            ("methods", "create_branch", "start a branch"),
            ("methods", "delete_branch", "drop a branch"),
            ("methods", "get_branch_info", "what there is to know of a branch"),
            ("methods", "list_branches", "the same of all branches"),
            ("merge", "merge_branch", "do on one branch what was done on another"),
            ("diff", "compare_branches", "say in which tables two branches are different"),
        )
    ]
