"""What a plugin implements is called: every lifecycle and first-result hook, with what it is promised."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

from heliosdb import EmbeddedDatabase, connect
from heliosdb.catalog.registrations import Clause, ColumnOption, PlannerRule, RelationOption, Statement
from heliosdb.catalog.registries import Setting
from heliosdb.catalog.result import Result
from heliosdb.errors import InvalidParameterValue, ReadOnlySqlTransaction, SqlSyntaxError, UndefinedColumn
from heliosdb.plan import nodes
from heliosdb.plugin import hookimpl, hookspecs
from heliosdb.spi import Snapshot


def plugin(name: str, **hooks: Callable[..., Any]) -> ModuleType:
    """Make a plugin whose hooks are these functions."""
    module = ModuleType(name)
    for hook, function in hooks.items():
        function.__name__ = hook
        setattr(module, hook, hookimpl(function))
    return module


def opened(*plugins: ModuleType) -> EmbeddedDatabase:
    return EmbeddedDatabase.new_in_memory(plugins=list(plugins), strict=True)


def test_every_hook_is_called_sooner_or_later() -> None:
    called: set[str] = set()
    scns: list[int] = []

    def witness(name: str, parameters: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def note(*arguments: Any) -> Any:
            called.add(name)
            return answer(*arguments)

        # pluggy hands over arguments by name, so the witness needs those of the hook.
        scope: dict[str, Any] = {"note": note}
        exec(f"def {name}({parameters}): return note({parameters})", scope)
        function: Callable[..., Any] = scope[name]
        return function

    def as_of(context: Any, payload: Any) -> Any:
        return nodes.SnapshotRequest(clause="as_of_now", payload=payload, arguments=())

    clause = Clause(name="now", point="table", words=("AS", "OF", "NOW"), parse=lambda cursor: 1, moment=as_of)
    answers = {
        "database_opening": ("opening", lambda opening: None),
        "database_opened": ("database", lambda database: None),
        "database_stopping": ("database", lambda database: None),
        "database_closing": ("database", lambda database: None),
        "catalog_changed": ("session, change", lambda session, change: None),
        "past_read": ("session, relation, snapshot", lambda session, relation, snapshot: None),
        "transaction_committing": ("session", lambda session: None),
        "transaction_committed": ("database, commit", lambda database, commit: scns.append(commit.scn)),
        "resolve_snapshot": (
            "session, request, arguments, base",
            lambda session, request, arguments, base: Snapshot("main", scns[-1]),
        ),
        "commit_statement": ("session, pieces", lambda session, pieces: None),
        "locate_database": ("path", lambda path: None),
    }
    hooks = {name: witness(name, parameters, answer) for name, (parameters, answer) in answers.items()}
    assert set(hooks) == {*hookspecs.LIFECYCLE, *hookspecs.FIRST_RESULT}, "a new hook needs a line here"
    with opened(plugin("witness", register_clauses=lambda: [clause], **hooks)) as database:
        database.execute("CREATE TABLE t (id int)")
        database.execute("INSERT INTO t VALUES (1)")
        assert database.query("SELECT id FROM t AS OF NOW") == [(1,)]
    assert called == set(hooks)


def test_a_commit_is_told_with_its_place_its_time_and_what_changed() -> None:
    commits: list[Any] = []
    with opened(plugin("follow", transaction_committed=lambda commit: commits.append(commit))) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY)")
        database.execute("CREATE TABLE u (id int)")
        commits.clear()
        for _ in range(3):
            database.execute("INSERT INTO t VALUES ((SELECT count(*) FROM t))")
        database.query("SELECT * FROM t")
        (oid,) = database.query("SELECT 't'::regclass::oid")[0]
        assert [commit.relations for commit in commits] == [(oid,)] * 3
        assert [commit.scn for commit in commits] == list(range(commits[0].scn, commits[0].scn + 3))
        assert commits[0].time < commits[1].time < commits[2].time
        assert {commit.timeline for commit in commits} == {"main"}
        assert len({commit.transaction_id for commit in commits}) == 3


def test_what_fails_after_the_commit_is_a_warning_and_the_commit_stands() -> None:
    def fail(commit: Any) -> None:
        raise RuntimeError("no ears")

    heard: list[int] = []
    deaf = plugin("deaf", transaction_committed=fail)
    keen = plugin("keen", transaction_committed=lambda commit: heard.append(commit.scn))
    with opened(deaf, keen) as database:
        database.execute("CREATE TABLE t (id int)")
        database.execute("INSERT INTO t VALUES (1)")
        assert database.query("SELECT * FROM t") == [(1,)]
        assert len(heard) == 2
        notice = database.notices[-1]
        assert (notice.severity, notice.message) == (
            "WARNING",
            "the transaction is committed, but a plugin failed to follow it: RuntimeError: no ears",
        )


def test_nobody_is_asked_before_the_commit_of_a_transaction_that_only_read() -> None:
    asked: list[Any] = []
    with opened(plugin("guard", transaction_committing=lambda session: asked.append(session))) as database:
        database.execute("CREATE TABLE t (id int)")
        asked.clear()
        with database.begin_transaction() as transaction:
            transaction.query("SELECT * FROM t")
            transaction.commit()
        assert asked == []


def test_a_plugin_that_fails_while_the_database_closes_is_heard_and_the_others_let_go() -> None:
    closed: list[str] = []

    def fail(database: Any) -> None:
        raise RuntimeError("stuck")

    clumsy = plugin("clumsy", database_closing=fail)
    tidy = plugin("tidy", database_closing=lambda database: closed.append("tidy"))
    database = opened(clumsy, tidy)
    with pytest.raises(RuntimeError, match="stuck"):
        database.close()
    assert closed == ["tidy"]
    assert database.database.closed
    database.close()


# -- options -----------------------------------------------------------------------------------------------------------


def bits(text: str | None) -> int:
    if text is None or not text.isdigit():
        raise InvalidParameterValue(f'invalid value for integer option "bits": {text}')
    return int(text)


def test_an_option_of_a_column_reaches_its_plugin_and_is_kept() -> None:
    options = [ColumnOption(name="bits", check=bits), ColumnOption(name="masked", check=lambda text: text or "all")]
    kept = "SELECT attoptions FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'a'"
    with opened(plugin("quantize", register_column_options=lambda: options)) as database:
        database.execute("CREATE TABLE t (a int, b int)")
        assert database.query(kept) == [(None,)]
        database.execute("ALTER TABLE t ALTER a SET (bits = 8, masked), ALTER b SET (bits = 4)")
        assert database.query(kept) == [(["bits=8", "masked=all"],)]
        database.execute("ALTER TABLE t ALTER COLUMN a SET (bits = 16)")
        relation = database.session().catalog.lookup_relation("public", "t")
        assert relation is not None
        assert [dict(column.options) for column in relation.columns] == [{"bits": 16, "masked": "all"}, {"bits": 4}]
        database.execute("ALTER TABLE t ALTER a RESET (bits, unheard_of)")
        assert database.query(kept) == [(["masked=all"],)]
        with database.begin_transaction() as transaction:
            transaction.execute("ALTER TABLE t ALTER a RESET (masked)")
        assert database.query(kept) == [(["masked=all"],)]
        database.execute("INSERT INTO t VALUES (1, 2)")
        assert database.query("SELECT * FROM t") == [(1, 2)]


def test_a_clause_at_a_column_may_set_its_options() -> None:
    def bind(context: Any, column: Any, mask: str) -> Any:
        return evolve(column, options=(*column.options, ("mask", mask)))

    clause = Clause(
        name="masked", point="column", words=("MASKED", "AS"), parse=lambda cursor: cursor.string(), bind=bind
    )
    kept = "SELECT attname::text, attoptions FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
    with opened(plugin("mask", register_clauses=lambda: [clause])) as database:
        database.execute("CREATE TABLE t (a int, secret text MASKED AS '***' NOT NULL)")
        database.execute("ALTER TABLE t ADD COLUMN other text MASKED AS '?'")
        assert database.query(kept) == [("a", None), ("secret", ["mask=***"]), ("other", ["mask=?"])]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Clause(name="c", point="columns", words=("C",), parse="x:y", bind="x:y"),  # type: ignore[arg-type]
        lambda: PlannerRule(name="r", apply="x:y", stage="before"),  # type: ignore[arg-type]
        lambda: Setting(name="s.s", kind="int", default=1, description="", reader="x:y"),
        lambda: Setting(name="s.s", kind="bool", default=1, description="", reader="x:y", context="sighup"),
        lambda: Setting(name="s.s", kind="string", default="", description="", reader="x:y", list_of="numbers"),
    ],
)
def test_a_word_that_nobody_knows_is_refused_when_it_is_registered(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="must be in"):
        make()


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        ("SET (n_distinct = 5)", InvalidParameterValue, 'unrecognized parameter "n_distinct"'),
        ("SET (toast.bits = 5)", InvalidParameterValue, 'unrecognized parameter namespace "toast"'),
        ("SET (bits = 5, bits = 6)", InvalidParameterValue, 'parameter "bits" specified more than once'),
        ("SET (bits = many)", InvalidParameterValue, 'invalid value for integer option "bits": many'),
        ("SET (bits)", InvalidParameterValue, 'invalid value for integer option "bits": None'),
        ("RESET (bits = 5)", SqlSyntaxError, "RESET must not include values for parameters"),
    ],
)
def test_what_no_plugin_reads_is_refused_at_columns_and_tables(
    action: str, error: type[Exception], message: str
) -> None:
    both = plugin(
        "quantize",
        register_column_options=lambda: [ColumnOption(name="bits", check=bits)],
        register_relation_options=lambda: [RelationOption(name="bits", check=bits)],
    )
    with opened(both) as database:
        database.execute("CREATE TABLE t (a int)")
        with pytest.raises(error) as raised:
            database.execute(f"ALTER TABLE t ALTER a {action}")
        assert raised.value.message == message  # type: ignore[attr-defined]
        with pytest.raises(error) as raised:
            database.execute(f"ALTER TABLE t {action}")
        assert raised.value.message == message  # type: ignore[attr-defined]


def test_an_option_of_a_column_that_is_not_there() -> None:
    with opened(plugin("q", register_column_options=lambda: [ColumnOption(name="bits", check=bits)])) as database:
        database.execute("CREATE TABLE t (a int)")
        with pytest.raises(UndefinedColumn, match='column "b" of relation "t" does not exist'):
            database.execute("ALTER TABLE t ALTER b SET (bits = 8)")


# -- statements --------------------------------------------------------------------------------------------------------


def test_a_statement_of_a_plugin_that_may_write_is_refused_in_a_read_only_transaction() -> None:
    ran: list[str] = []

    def execute(session: Any, payload: str) -> Result:
        ran.append(payload)
        return Result("DONE")

    def parse(cursor: Any) -> str:
        text: str = cursor.string()
        return text

    writes = Statement(name="jot", words=("JOT", "DOWN"), parse=parse, execute=execute)
    reads = Statement(name="read_out", words=("READ", "OUT"), parse=parse, execute=execute, read_only=True)
    with (
        opened(plugin("notes", register_statements=lambda: [writes, reads])) as database,
        connect(database) as connection,
    ):
        connection.execute("JOT DOWN 'first'")
        connection.rollback()
        connection.execute("SET default_transaction_read_only = on")
        connection.commit()
        connection.execute("READ OUT 'second'")
        with pytest.raises(ReadOnlySqlTransaction, match="cannot execute JOT DOWN in a read-only transaction"):
            connection.execute("JOT DOWN 'third'")
    assert ran == ["first", "second"]
