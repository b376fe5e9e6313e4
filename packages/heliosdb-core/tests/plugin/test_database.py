"""Plugins in an open database: what they see, when they are called, and what becomes of those that fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

from heliosdb import Config, EmbeddedDatabase, connect
from heliosdb.catalog.registrations import (
    BackgroundWorker,
    Clause,
    DatabaseMethod,
    Location,
    PlannerRule,
    RelationOption,
    RelationResolver,
    Statement,
)
from heliosdb.catalog.registries import CatalogView, Setting
from heliosdb.catalog.result import Result
from heliosdb.dbapi import Connection
from heliosdb.errors import (
    ActiveSqlTransaction,
    CantChangeRuntimeParam,
    CheckViolation,
    DuplicateObject,
    Error,
    FeatureNotSupported,
    InterfaceError,
    InvalidParameterValue,
    UndefinedTable,
)
from heliosdb.plan import nodes
from heliosdb.plan.nodes import OutputColumn
from heliosdb.plan.rewrite import walk
from heliosdb.plugin import hookimpl, load_plugins
from heliosdb.types.definitions import OperatorClass, ScalarFunction, TableFunction, Type

PATIENCE = 30.0


def plugin(name: str, **hooks: Callable[..., Any]) -> ModuleType:
    """Make a plugin whose hooks are these functions."""
    module = ModuleType(name)
    for hook, function in hooks.items():
        function.__name__ = hook
        setattr(module, hook, hookimpl(function))
    return module


def opened(*plugins: ModuleType) -> EmbeddedDatabase:
    return EmbeddedDatabase.new_in_memory(plugins=list(plugins), strict=True)


def test_a_broken_plugin_does_not_keep_a_database_from_opening() -> None:
    def fail() -> list[Any]:
        raise RuntimeError("no colours today")

    broken = plugin("broken", register_types=fail)
    with EmbeddedDatabase.new_in_memory(plugins=[broken]) as database:
        rows = database.query("SELECT name, status, error FROM heliosdb_plugins ORDER BY name")
        assert [tuple(row) for row in rows] == [
            ("broken", "failed", "RuntimeError: no colours today"),
            ("core", "active", None),
        ]
        with pytest.raises(FeatureNotSupported) as raised:
            database.execute("CREATE EXTENSION broken")
        assert raised.value.detail == "RuntimeError: no colours today"
    with pytest.raises(Error, match='plugin "broken" could not be loaded: RuntimeError: no colours today'):
        EmbeddedDatabase.new_in_memory(plugins=[broken], strict=True)


def test_databases_with_different_plugins_do_not_disturb_each_other() -> None:
    paint = plugin(
        "paint", register_functions=lambda: [ScalarFunction("paint", (), "int4", lambda: 7, schema="public")]
    )
    with opened(paint) as painted, opened() as plain:
        assert painted.query("SELECT paint()")[0][0] == 7
        with pytest.raises(Error, match=r"function paint\(\) does not exist"):
            plain.query("SELECT paint()")


def test_lifecycle_hooks_are_called_in_order() -> None:
    calls: list[str] = []
    witness = plugin(
        "witness",
        database_opened=lambda database: calls.append("opened"),
        catalog_changed=lambda session, change: calls.append(f"{change.operation} {change.kind}"),
        transaction_committing=lambda session: calls.append("committing"),
        transaction_committed=lambda database, commit: calls.append("committed"),
        database_stopping=lambda database: calls.append(f"stopping {database.session().execute('SELECT 1')[0].rows}"),
        database_closing=lambda database: calls.append("closing"),
    )
    with opened(witness) as database:
        assert calls == ["opened"]
        database.execute("CREATE TABLE t (id int)")
        database.execute("ALTER TABLE t ADD COLUMN n int")
        assert calls[1:] == ["create table", "committing", "committed", "alter table", "committing", "committed"]
        calls.clear()
        with database.begin_transaction() as transaction:
            transaction.execute("INSERT INTO t VALUES (1)")
        assert "committed" not in calls
        database.execute("DROP TABLE t")
        assert "drop table" in calls
        calls.clear()
    assert calls == ["stopping [(1,)]", "closing"]


@pytest.mark.parametrize("first", [True, False])
def test_an_opening_that_a_plugin_fails_lets_go_of_everything(tmp_path: Path, first: bool) -> None:
    path = str(tmp_path / "db")
    if not first:
        with EmbeddedDatabase(path) as database:
            database.execute("CREATE TABLE t (id int)")
    closed: list[object] = []

    def refuse(database: object) -> None:
        raise CheckViolation("not this one")

    broken = plugin("broken", database_opened=refuse, database_closing=lambda database: closed.append(database))
    with pytest.raises(CheckViolation, match="not this one") as caught:
        EmbeddedDatabase(path, plugins=[broken])
    with EmbeddedDatabase(path) as database:  # while the traceback of the first one lives
        assert caught.value is not None
        database.execute("CREATE TABLE IF NOT EXISTS t (id int)")
    assert len(closed) == 1


def test_a_plugin_may_abort_a_transaction_at_the_last_step_and_nothing_is_left() -> None:
    armed: list[bool] = []

    def refuse(session: Any) -> None:
        if armed:
            raise CheckViolation("not now")

    with opened(plugin("guard", transaction_committing=refuse)) as database:
        database.execute("CREATE TABLE t (id int)")
        armed.append(True)
        with pytest.raises(CheckViolation, match="not now"):
            database.execute("INSERT INTO t VALUES (1)")
        armed.clear()
        assert database.query("SELECT * FROM t") == []
        database.execute("INSERT INTO t VALUES (2)")
        assert [tuple(row) for row in database.query("SELECT * FROM t")] == [(2,)]


def test_a_failing_catalog_listener_fails_the_statement() -> None:
    def refuse(session: Any, change: Any) -> None:
        if change.after is not None and change.after.name == "forbidden":
            raise DuplicateObject("no such names")

    with opened(plugin("guard", catalog_changed=refuse)) as database:
        database.execute("CREATE TABLE allowed (id int)")
        with pytest.raises(DuplicateObject):
            database.execute("CREATE TABLE forbidden (id int)")
        with pytest.raises(UndefinedTable):
            database.query("SELECT * FROM forbidden")


def test_a_statement_of_a_plugin_returns_rows_and_may_refuse_transaction_blocks() -> None:
    def execute(session: Any, payload: str) -> Result:
        return Result("ECHO", (OutputColumn(name="echo", type="text"),), [(payload,)])

    echo = Statement(name="echo", words=("ECHO",), parse=lambda cursor: cursor.string(), execute=execute)
    alone = evolve(echo, name="echo_alone", words=("ECHO", "ALONE"), transactional=False)
    with opened(plugin("echo", register_statements=lambda: [echo, alone])) as database:
        assert [tuple(row) for row in database.query("ECHO 'a'")] == [("a",)]
        assert [tuple(row) for row in database.query("echo alone 'b'")] == [("b",)]
        with database.begin_transaction() as transaction:
            assert [tuple(row) for row in transaction.query("ECHO 'c'")] == [("c",)]
            with pytest.raises(ActiveSqlTransaction, match="ECHO ALONE cannot run inside a transaction block"):
                transaction.query("ECHO ALONE 'd'")


def test_a_clause_of_a_query_and_one_of_a_table_change_the_plan() -> None:
    def first(context: Any, plan: Any, count: int) -> Any:
        from heliosdb.plan.expressions import Constant

        return nodes.Limit(input=plan, limit=Constant(type="int8", value=count, nullable=False))

    def where(context: Any, scan: Any, tree: Any) -> Any:
        return nodes.Filter(input=scan, condition=context.expression(tree, scan))

    clauses = [
        Clause(name="first", point="query", words=("ONLY", "FIRST"), parse=lambda cursor: cursor.integer(), bind=first),
        Clause(name="having_rows", point="table", words=("SUCH", "THAT"), parse=_in_parentheses, bind=where),
    ]
    with opened(plugin("clauses", register_clauses=lambda: clauses)) as database:
        database.execute("CREATE TABLE t (id int)")
        database.execute("INSERT INTO t SELECT generate_series(1, 9)")
        rows = database.query("SELECT id FROM t SUCH THAT (id % 2 = 0) ORDER BY id ONLY FIRST 3")
        assert [row[0] for row in rows] == [2, 4, 6]
        joined = "SELECT count(*) FROM t a SUCH THAT (id < 3) JOIN t b SUCH THAT (id > 1) ON a.id = b.id"
        assert database.query(joined)[0][0] == 1


def _in_parentheses(cursor: Any) -> Any:
    cursor.expect_mark("(")
    tree = cursor.expression()
    cursor.expect_mark(")")
    return tree


def test_a_clause_of_create_table_changes_what_is_stored() -> None:
    def bind(context: Any, relation: Any, comment: str) -> Any:
        return evolve(relation, comment=comment)

    clause = Clause(
        name="noted", point="create_table", words=("NOTED", "AS"), parse=lambda cursor: cursor.string(), bind=bind
    )
    with opened(plugin("noted", register_clauses=lambda: [clause])) as database:
        database.execute("CREATE TABLE t (id int) NOTED AS 'temporary files'")
        relation = database.session().catalog.lookup_relation("public", "t")
        assert relation is not None
        assert relation.comment == "temporary files"


def test_an_option_of_a_table_is_checked_and_kept_and_others_are_refused() -> None:
    def check(text: Any) -> int:
        if not str(text).isdigit():
            raise InvalidParameterValue(f'invalid value for integer option "gloss": {text}')
        return int(text)

    option = RelationOption(name="gloss", check=check)
    with opened(plugin("paint", register_relation_options=lambda: [option])) as database:
        database.execute("CREATE TABLE t (id int) WITH (gloss = 7)")
        relation = database.session().catalog.lookup_relation("public", "t")
        assert relation is not None
        assert dict(relation.options)["gloss"] == 7
        with pytest.raises(InvalidParameterValue):
            database.execute("CREATE TABLE u (id int) WITH (gloss = high)")
        with pytest.raises(InvalidParameterValue, match='unrecognized parameter "matt"'):
            database.execute("CREATE TABLE u (id int) WITH (matt = 7)")


def test_a_resolver_finds_relations_that_the_catalog_does_not_know() -> None:
    def resolve(session: Any, schema: str | None, name: str) -> Any:
        real, at, _ = name.partition("@")
        return session.catalog.lookup_relation(schema, real, session.search_path) if at else None

    resolver = RelationResolver(name="at", resolve=resolve)
    with opened(plugin("at", register_relation_resolvers=lambda: [resolver])) as database:
        database.execute("CREATE TABLE t (id int)")
        database.execute("INSERT INTO t VALUES (1)")
        assert [tuple(row) for row in database.query('SELECT id FROM "t@anything"')] == [(1,)]
        with pytest.raises(UndefinedTable, match='relation "nothing" does not exist'):
            database.query("SELECT * FROM nothing")


def test_planner_rules_see_the_plan_before_and_after_it_is_optimized() -> None:
    seen: dict[str, set[str]] = {}

    def look(stage: str) -> Callable[[Any, Any], Any]:
        def apply(plan: Any, session: Any) -> Any:
            seen[stage] = {type(node).__name__ for node in walk(plan)}
            return plan

        return apply

    rules = [
        PlannerRule(name="after", stage="physical", apply=look("physical")),
        PlannerRule(name="before", apply=look("logical")),
    ]
    with opened(plugin("look", register_planner_rules=lambda: rules)) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY)")
        database.execute("INSERT INTO t SELECT generate_series(1, 1000)")
        assert [row[0] for row in database.query("SELECT id FROM t WHERE id = 500")] == [500]
        assert "Scan" in seen["logical"]
        assert "IndexScan" in seen["physical"]


def test_views_settings_functions_and_methods_of_a_plugin_work_together() -> None:
    def rows(session: Any) -> Iterator[tuple[Any, ...]]:
        yield ("gloss", session.setting("paint.gloss"))

    def stripes(count: int, session: Any) -> Iterator[str]:
        yield from ["red", "white"] * min(count, session.setting("paint.gloss"))

    setting = Setting(
        name="paint.gloss", kind="integer", default=1, minimum=0, maximum=9, description="Shine.", reader="x:y"
    )
    paint = plugin(
        "paint",
        register_settings=lambda: [setting],
        register_catalog_views=lambda: [
            CatalogView(name="paint_pots", schema="public", columns=(("pot", "text"), ("gloss", "int4")), rows=rows)
        ],
        register_functions=lambda: [
            TableFunction("stripes", ("int4",), "text", stripes, needs_session=True, schema="public")
        ],
        register_database_methods=lambda: [
            DatabaseMethod(name="gloss", implementation=lambda database: database.query("SHOW paint.gloss")[0][0])
        ],
    )
    with opened(paint) as database:
        assert database.gloss() == "1"
        database.execute("SET paint.gloss = 2")
        assert database.gloss() == "2"
        assert [tuple(row) for row in database.query("SELECT * FROM paint_pots")] == [("gloss", 2)]
        assert [row[0] for row in database.query("SELECT * FROM stripes(5)")] == ["red", "white", "red", "white"]
        with pytest.raises(InvalidParameterValue, match=r'10 is outside the valid range for parameter "paint.gloss"'):
            database.execute("SET paint.gloss = 10")


def test_methods_of_plugins_are_the_same_on_a_connection() -> None:
    def put(db: Any, *values: int, loud: bool = False) -> tuple[int, Any, Any]:
        count = db.execute("INSERT INTO pots SELECT unnest($1::int[])", [list(values)])
        (row,) = db.query("SELECT count(*) AS pots FROM pots")
        assert loud
        assert db.query("SET extra_float_digits = 1; ") == []
        return count, row["pots"], db.database

    def wrong(db: Any) -> None:
        db.execute("SELECT $1", "abc")

    paint = plugin(
        "paint",
        register_database_methods=lambda: [
            DatabaseMethod(name="put", implementation=put),
            DatabaseMethod(name="wrong", implementation=wrong),
        ],
    )
    with opened(paint) as database:
        holder: Any = database
        database.execute("CREATE TABLE pots (n int)")
        assert holder.put(1, 2, loud=True) == (2, 2, database.database)
        conn = connect(database)
        assert conn.put(3, loud=True) == (1, 3, database.database)
        assert not conn.in_transaction
        assert database.query("SELECT count(*) FROM pots") == [(3,)]
        conn.execute("DELETE FROM pots")
        assert conn.put(4, 5, 6, loud=True)[:2] == (3, 3)
        assert conn.in_transaction
        conn.rollback()
        assert database.query("SELECT sum(n) FROM pots") == [(6,)]
        for either in (holder, conn):
            with pytest.raises(InterfaceError, match="params must be a sequence of values, not str"):
                either.wrong()
            with pytest.raises(AttributeError, match=r"object has no attribute 'putt'"):
                either.putt  # noqa: B018 - the lookup itself is what fails
            assert not hasattr(either, "_put")
        conn.close()
        with pytest.raises(InterfaceError, match="the connection is closed"):
            conn.put(7, loud=True)
        assert database.query("SELECT count(*) FROM pots") == [(3,)]
    assert not hasattr(Connection.__new__(Connection), "put")
    assert not hasattr(EmbeddedDatabase.__new__(EmbeddedDatabase), "put")


def test_a_setting_may_be_another_name_of_something_that_the_session_has() -> None:
    written: list[str] = []

    def write(session: Any, value: str) -> None:
        if value == "mud":
            raise InvalidParameterValue("not on these walls")
        written.append(value)
        session.memory["paint"] = value

    setting = Setting(
        name="paint.colour", kind="string", default="white", description="Of the walls.", reader="x:y",
        read=lambda session: session.memory.get("paint", "white"), write=write,
    )  # fmt: skip
    ended: list[str] = []
    with opened(plugin("paint", register_settings=lambda: [setting])) as database:
        session = database.session(settings={"paint.colour": "red"})
        assert (session.setting("paint.colour"), written) == ("red", ["red"])
        session.at_close(lambda: ended.append("first"))
        session.execute("BEGIN; SET paint.colour = 'blue'; ROLLBACK")
        assert session.show_setting("paint.colour") == "blue"
        for text in ("SET paint.colour = 'mud'", "BEGIN; SET LOCAL paint.colour = 'red'"):
            with pytest.raises(Error):
                session.execute(text)
        session.execute("ROLLBACK")
        session.memory["paint"] = "grey"
        query = "SELECT setting, source, boot_val, reset_val FROM pg_settings WHERE name = 'paint.colour'"
        assert list(session.execute(query)[-1].rows) == [("grey", "session", "white", "red")]
        session.execute("RESET paint.colour")
        session.memory["paint"] = "grey"
        session.execute("RESET ALL; RESET ALL")
        assert session.setting("paint.colour") == "red"
        assert ended == []
        session.execute("DISCARD ALL")
        assert ended == ["first"]
        session.at_close(lambda: ended.append("second"))
        session.close()
        session.close()
        assert (written, ended) == (["red", "blue", "red", "red", "red"], ["first", "second"])
        with pytest.raises(InvalidParameterValue, match="not on these walls"):
            database.session(settings={"paint.colour": "mud"})
        assert len(database.database.sessions) == 1
    with pytest.raises(CantChangeRuntimeParam):
        EmbeddedDatabase(
            ":memory:",
            plugins=[plugin("paint", register_settings=lambda: [setting])],
            config=Config(settings={"paint.colour": "red"}),
        )
    with pytest.raises(ValueError, match="must have both read and write"):
        evolve(setting, write=None)


def test_a_plugin_says_where_a_path_leads(tmp_path: Path) -> None:
    asked: list[str] = []

    def locate(path: str) -> Location | None:
        asked.append(path)
        return Location(path[:-7], {"TimeZone": "Europe/Berlin"}) if path.endswith("@berlin") else None

    plugins = [plugin("places", locate_database=locate)]
    path = str(tmp_path / "db")
    for written, zone in ((f"{path}@berlin", "Europe/Berlin"), (path, "UTC")):
        with EmbeddedDatabase(written, plugins=plugins, config=Config(settings={"TimeZone": "UTC"})) as database:
            assert database.database.path == path
            assert database.query("SHOW TimeZone") == [(zone,)]
            assert database.session().setting("timezone") == zone
            assert database.session(settings={"TimeZone": "Asia/Tokyo"}).setting("timezone") == "Asia/Tokyo"
    with EmbeddedDatabase(":memory:@berlin", plugins=plugins) as database:
        assert database.database.path is None
        assert database.query("SHOW TimeZone") == [("Europe/Berlin",)]
    assert asked == [f"{path}@berlin", path, ":memory:@berlin"]


def test_a_worker_runs_while_the_database_is_open_and_stops_before_it_closes() -> None:
    ran = threading.Event()
    order: list[str] = []

    def work(database: Any, stop: threading.Event) -> None:
        session = database.session()
        session.execute("SELECT 1")
        session.close()
        ran.set()
        assert stop.wait(PATIENCE)
        order.append("worker stopped")

    busy = plugin(
        "busy",
        register_background_workers=lambda: [BackgroundWorker(name="w", run=work, interval=0.001)],
        database_closing=lambda database: order.append("closing"),
    )
    with opened(busy) as database:
        assert ran.wait(PATIENCE)
        (row,) = database.query("SELECT name, plugin, state FROM heliosdb_background_workers")
        assert tuple(row) == ("w", "busy", "running")
    assert order == ["worker stopped", "closing"]


def test_a_type_of_a_plugin_is_one_like_any_other() -> None:
    colour = Type("colour", "colour", input=lambda text, typmod: text.lower(), output=str, schema="public")
    with opened(plugin("paint", register_types=lambda: [colour])) as database:
        database.execute("CREATE TABLE walls (id int, paint colour, all_paints colour[])")
        database.execute("INSERT INTO walls VALUES (1, 'RED', '{RED,NULL,BLUE}')")
        assert [tuple(row) for row in database.query("SELECT paint, all_paints FROM walls")] == [
            ("red", ["red", None, "blue"])
        ]
        with pytest.raises(Error) as raised:
            database.query("SELECT * FROM walls ORDER BY paint")
        assert raised.value.sqlstate == "42883"


class Bag:
    """The simplest index: it keeps every row and finds all of them."""

    def __init__(self) -> None:
        self.rows: dict[int, None] = {}

    def extract(self, values: Any) -> list[Any]:
        return [True]

    def apply(self, changes: Any, scn: int) -> None:
        self.rows.update({row_id: None for row_id, _, added in changes if added})

    def forget(self, entries: Any) -> None:
        for _, row_id in entries:
            self.rows.pop(row_id, None)

    def build(self, batches: Any, progress: Any = None) -> None:
        for batch in batches:
            self.rows.update({row_id: None for row_id, _ in batch})

    def candidates(self, strategy: int, argument: Any, row_filter: Any = None) -> Iterator[list[int]]:
        yield list(self.rows)

    def size_bytes(self) -> int:
        return len(self.rows)

    def check(self, rows: Any) -> list[str]:
        return []


class BagMethod:
    name = "bag"
    exact = unique = ordered = False
    many_keys = True
    strategies: dict[str, dict[int, str]] = {}
    options: dict[str, Any] = {}

    def create(self, definition: Any) -> Bag:
        return Bag()

    def cost(self, rows: float, selectivity: float) -> float:
        return rows


def test_what_a_missing_plugin_owned_is_refused_by_name_when_it_is_touched() -> None:
    colour = Type("colour", "colour", input=lambda text, typmod: text, output=str, schema="public")
    paint = plugin(
        "paint",
        register_types=lambda: [colour],
        register_access_methods=lambda: [BagMethod()],
        register_operator_classes=lambda: [OperatorClass("bag_ops", "bag", "int4", schema="public")],
    )
    with opened(paint) as database:
        database.execute("CREATE TABLE walls (id int, paint colour[])")
        database.execute("CREATE TABLE plain (id int)")
        database.execute("CREATE INDEX in_a_bag ON plain USING bag (id)")
        database.execute("INSERT INTO plain VALUES (1)")
        # As after opening the same files where the package is not installed.
        engine = database.database
        engine.registries = load_plugins([]).freeze()
        session = engine.session()
        for statement in ("SELECT id FROM walls", "INSERT INTO walls VALUES (1)", "DELETE FROM walls"):
            with pytest.raises(FeatureNotSupported) as raised:
                session.execute(statement)
            assert raised.value.message == (
                'type "_colour" of column "paint" of relation "walls" needs package paint, which is not installed'
            )
            assert raised.value.hint == "pip install paint"
        (result,) = session.execute("SELECT id FROM plain")
        assert list(result.rows) == [(1,)]
        with pytest.raises(FeatureNotSupported, match='index "in_a_bag" of relation "plain" needs package paint'):
            session.execute("UPDATE plain SET id = 2")
        session.execute("DROP INDEX in_a_bag")
        session.execute("UPDATE plain SET id = 2")
        session.execute("DROP TABLE walls")


def test_create_extension_follows_postgresql() -> None:
    with opened(plugin("paint")) as database:
        database.execute("CREATE EXTENSION paint")
        with pytest.raises(DuplicateObject, match='extension "paint" already exists'):
            database.execute("CREATE EXTENSION paint")
        database.execute("CREATE EXTENSION IF NOT EXISTS paint")
        assert database.notices[-1].message == 'extension "paint" already exists, skipping'
        with pytest.raises(Error, match='schema "nowhere" does not exist'):
            database.execute("CREATE EXTENSION core SCHEMA nowhere")
        with pytest.raises(InvalidParameterValue, match='no installation script nor update path for version "9"'):
            database.execute("CREATE EXTENSION core VERSION '9'")
        with database.begin_transaction() as transaction:
            transaction.execute("DROP EXTENSION paint")
        assert [row[0] for row in database.query("SELECT extname FROM pg_extension")] == ["paint"]
        database.execute("DROP EXTENSION paint")
        with pytest.raises(Error, match='extension "paint" does not exist'):
            database.execute("DROP EXTENSION paint")
        database.execute("DROP EXTENSION IF EXISTS paint")
        assert database.notices[-1].message == 'extension "paint" does not exist, skipping'
