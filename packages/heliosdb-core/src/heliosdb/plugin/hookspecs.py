"""The hooks: what a plugin may implement, when each is called and what it returns.

Three kinds, and none is ever called for a row, a key or a block:

* *Registration* (``register_*``): called once while a database opens. Each returns an iterable of values, or None for
  nothing to register. Everything is then frozen; see ``heliosdb.plugin.host`` for isolation, rollback and order.
* *Lifecycle*: called at rare moments while the database is open, for every plugin that has them, in order of plugin
  name, core first.
* *First result*: plugins are asked in the same order until one returns something else than None; at most once a
  statement or connection.

An implementation is a function of the hook's name, marked by ``heliosdb.plugin.hookimpl``, in the module (or on the
object) that the entry point in group ``heliosdb`` names. It may leave out arguments that it does not need. A plugin's
module should hold the hook implementations and import strings only, so that opening a database does not import what
nobody uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from heliosdb.plugin.host import first_result_hook, hookspec

if TYPE_CHECKING:
    from heliosdb.catalog.registrations import (
        BackgroundWorker,
        Clause,
        ColumnOption,
        Command,
        DatabaseMethod,
        Demo,
        MetaCommand,
        PhysicalOperator,
        PlannerRule,
        RelationOption,
        RelationResolver,
        Statement,
        StoredForm,
    )
    from heliosdb.catalog.registries import CatalogView, Setting
    from heliosdb.types.definitions import (
        Aggregate,
        Cast,
        Collation,
        Operator,
        OperatorClass,
        ScalarFunction,
        TableFunction,
        Type,
        WindowFunction,
    )

__all__ = ["LIFECYCLE", "FIRST_RESULT", "REGISTRATION"]


# -- registration ------------------------------------------------------------------------------------------------------


@hookspec
def register_types() -> Iterable[Type] | None:
    """Add data types.

    Called once while a database opens. None: no types. The array type ``_name`` is derived, and so is the OID where
    the type states none.

    Example::

        @hookimpl
        def register_types():
            return [Type("semver", "semver", input="my_plugin.semver:parse", output="my_plugin.semver:spell")]
    """
    raise NotImplementedError


@hookspec
def register_casts() -> Iterable[Cast] | None:
    """Add casts between types.

    Called once while a database opens. None: no casts. Casts from and to text through a type's I/O functions need no
    entry.

    Example::

        @hookimpl
        def register_casts():
            return [Cast("semver", "_int4", CastContext.EXPLICIT, "my_plugin.semver:numbers")]
    """
    raise NotImplementedError


@hookspec
def register_collations() -> Iterable[Collation] | None:
    """Add collations: orders of text.

    Called once while a database opens. None: no collations.

    Example::

        @hookimpl
        def register_collations():
            return [Collation("natural", sort_key="my_plugin.natural:sort_key")]
    """
    raise NotImplementedError


@hookspec
def register_functions() -> Iterable[ScalarFunction | Aggregate | WindowFunction | TableFunction] | None:
    """Add functions: scalar, aggregate, window and table functions.

    Called once while a database opens. None: no functions. Overloads are told apart by schema, name and argument types.

    Example::

        @hookimpl
        def register_functions():
            return [ScalarFunction("semver_major", ("semver",), "int4", "my_plugin.semver:major")]
    """
    raise NotImplementedError


@hookspec
def register_operators() -> Iterable[Operator] | None:
    """Add operators; each names the scalar function that computes it.

    Called once while a database opens. None: no operators.

    Example::

        @hookimpl
        def register_operators():
            return [Operator("<", "semver", "semver", "bool", "semver_lt", commutator=">", negator=">=")]
    """
    raise NotImplementedError


@hookspec
def register_access_methods() -> Iterable[Any] | None:
    """Add access methods: kinds of index, for ``CREATE INDEX ... USING name``.

    Called once while a database opens. None: no access methods. Each value implements ``heliosdb.spi.AccessMethod``,
    or is an ``AccessMethodDriver`` that names one by import string.

    Example::

        @hookimpl
        def register_access_methods():
            return [AccessMethodDriver("trigram", "my_plugin.trigram:TrigramMethod")]
    """
    raise NotImplementedError


@hookspec
def register_operator_classes() -> Iterable[OperatorClass] | None:
    """Add operator classes: how an access method, GROUP BY and ORDER BY treat a type.

    Called once while a database opens. None: no operator classes. A type without a default class for ``btree`` can be
    neither sorted nor grouped.

    Example::

        @hookimpl
        def register_operator_classes():
            strategies = {1: "<", 2: "<=", 3: "=", 4: ">=", 5: ">"}
            return [OperatorClass("semver_ops", "btree", "semver", operators=strategies)]
    """
    raise NotImplementedError


@hookspec
def register_statements() -> Iterable[Statement] | None:
    """Add statements, claimed by their leading words.

    Called once while a database opens. None: no statements.

    Example::

        @hookimpl
        def register_statements():
            bump = Statement(name="bump", words=("BUMP",), parse="my_plugin.bump:parse", execute="my_plugin.bump:run")
            return [bump]
    """
    raise NotImplementedError


@hookspec
def register_clauses() -> Iterable[Clause] | None:
    """Add clauses at named points of the grammar: of a query, a table in FROM, a column, CREATE TABLE or INDEX.

    Called once while a database opens. None: no clauses.

    Example::

        @hookimpl
        def register_clauses():
            parse, bind = "my_plugin.latest:parse", "my_plugin.latest:bind"
            latest = Clause(name="latest", point="query", words=("LATEST",), parse=parse, bind=bind)
            return [latest]
    """
    raise NotImplementedError


@hookspec
def register_column_options() -> Iterable[ColumnOption] | None:
    """Add options of columns, ``ALTER TABLE ... ALTER c SET (name = value)``.

    Called once while a database opens. None: no options.

    Example::

        @hookimpl
        def register_column_options():
            return [ColumnOption(name="quantization", check="my_plugin.options:quantization")]
    """
    raise NotImplementedError


@hookspec
def register_stored_forms() -> Iterable[StoredForm] | None:
    """Add stored forms: what rows hold of a column instead of its values.

    Called once while a database opens. None: no forms. A clause at a column gives the column the form.

    Example::

        @hookimpl
        def register_stored_forms():
            return [StoredForm(name="packed", to_stored="my_plugin.packed:pack", from_stored="my_plugin.packed:unpack")]
    """
    raise NotImplementedError


@hookspec
def register_relation_options() -> Iterable[RelationOption] | None:
    """Add options of tables, ``CREATE TABLE ... WITH (name = value)``.

    Called once while a database opens. None: no options.

    Example::

        @hookimpl
        def register_relation_options():
            return [RelationOption(name="colour", check="my_plugin.options:colour")]
    """
    raise NotImplementedError


@hookspec
def register_relation_resolvers() -> Iterable[RelationResolver] | None:
    """Add resolvers of relation names that the catalog does not know, such as ``t@branch``.

    Called once while a database opens. None: no resolvers.

    Example::

        @hookimpl
        def register_relation_resolvers():
            return [RelationResolver(name="branch", resolve="my_plugin.names:resolve")]
    """
    raise NotImplementedError


@hookspec
def register_planner_rules() -> Iterable[PlannerRule] | None:
    """Add rewrites of the logical plan, named, and ordered by ``before`` and ``after``.

    Called once while a database opens. None: no rules.

    Example::

        @hookimpl
        def register_planner_rules():
            return [PlannerRule(name="use_view", apply="my_plugin.rules:use_view", before=("other_rule",))]
    """
    raise NotImplementedError


@hookspec
def register_physical_operators() -> Iterable[PhysicalOperator] | None:
    """Add plan nodes with the emitters that turn them into Python source.

    Called once while a database opens. None: no operators.

    Example::

        @hookimpl
        def register_physical_operators():
            return [PhysicalOperator(node="my_plugin.nodes:RemoteScan", emit="my_plugin.nodes:emit_remote_scan")]
    """
    raise NotImplementedError


@hookspec
def register_catalog_views() -> Iterable[CatalogView] | None:
    """Add virtual relations whose rows a function gives.

    Called once while a database opens. None: no views.

    Example::

        @hookimpl
        def register_catalog_views():
            return [CatalogView(name="semver_ranges", columns=(("range", "text"),), rows="my_plugin.views:ranges")]
    """
    raise NotImplementedError


@hookspec
def register_settings() -> Iterable[Setting] | None:
    """Add run-time parameters for SET and SHOW.

    Called once while a database opens. None: no settings. A plugin's settings are named ``plugin.name``.

    Example::

        @hookimpl
        def register_settings():
            reader = "my_plugin.semver:parse"
            return [Setting(name="semver.strict", kind="bool", default=True, description="...", reader=reader)]
    """
    raise NotImplementedError


@hookspec
def register_background_workers() -> Iterable[BackgroundWorker] | None:
    """Add work that goes on in threads while a database is open.

    Called once while a database opens; the threads start after ``database_opened``. None: no workers.

    Example::

        @hookimpl
        def register_background_workers():
            return [BackgroundWorker(name="refresh", run="my_plugin.worker:refresh", interval=30.0)]
    """
    raise NotImplementedError


@hookspec
def register_database_methods() -> Iterable[DatabaseMethod] | None:
    """Add methods of ``EmbeddedDatabase`` and of the DB-API's connections.

    Called once while a database opens. None: no methods.

    Example::

        @hookimpl
        def register_database_methods():
            return [DatabaseMethod(name="latest_version", implementation="my_plugin.methods:latest_version")]
    """
    raise NotImplementedError


@hookspec
def register_commands() -> Iterable[Command] | None:
    """Add commands of the command line, ``heliosdb name``.

    Called once while the command line starts or a database opens. None: no commands.

    Example::

        @hookimpl
        def register_commands():
            return [Command(name="semver", command="my_plugin.command:semver")]
    """
    raise NotImplementedError


@hookspec
def register_meta_commands() -> Iterable[MetaCommand] | None:
    r"""Add commands of the interactive shell, ``\name``.

    Called once while a database opens. None: no commands.

    Example::

        @hookimpl
        def register_meta_commands():
            return [MetaCommand(name="bump", run="my_plugin.shell:bump", usage="\\bump TABLE")]
    """
    raise NotImplementedError


@hookspec
def register_demos() -> Iterable[Demo] | None:
    """Add parts to ``heliosdb demo``.

    Called once while a database opens. None: no parts. They are shown behind the core's, in order of name.

    Example::

        @hookimpl
        def register_demos():
            return [Demo(name="semver", title="Versions in their order", run="my_plugin.demo:show")]
    """
    raise NotImplementedError


# -- lifecycle ---------------------------------------------------------------------------------------------------------


@hookspec
def database_opening(opening: Any) -> None:
    """Prepare the opening of a database: take options of the configuration, add codecs.

    Called once, before anything of the database is read; ``opening`` is a ``heliosdb.spi.Opening``. What is returned
    is ignored. An exception keeps the database from opening.

    Example::

        @hookimpl
        def database_opening(opening):
            key = opening.take("semver.secret")
            if key is not None:
                opening.add_codec("scrambled", lambda parameters=None: Scrambled(key))
    """


@hookspec
def database_opened(database: Any) -> None:
    """Act on a database that has just been opened.

    Called once, after recovery and before the first session; ``database`` is the ``heliosdb.spi.Database``. What is
    returned is ignored. An exception keeps the database from opening.

    Example::

        @hookimpl
        def database_opened(database):
            log.info("opened %s", database.path)
    """


@hookspec
def database_stopping(database: Any) -> None:
    """End what lets others use the database, because it is going to close.

    Called once when a database is closed, before anything else happens: sessions, workers and statements still go on.
    What is returned is ignored; an exception is reported after the database has closed. It is not called where the
    database did not open.

    Example::

        @hookimpl
        def database_stopping(database):
            listeners.pop(database).stop()
    """


@hookspec
def database_closing(database: Any) -> None:
    """Let go of what the plugin holds, because a database closes.

    Called once, after the last session ended and the background workers stopped; ``database`` still answers. What is
    returned is ignored; an exception is reported after the database has closed. Where ``database_opened`` of any plugin
    fails the opening, this is called, too: for all plugins, those included that were not yet told of it.

    Example::

        @hookimpl
        def database_closing(database):
            connections.pop(database).close()
    """


@hookspec
def catalog_changed(session: Any, change: Any) -> None:
    """Follow a change of the catalog, inside the transaction that makes it.

    Called after each object was created, altered or dropped; ``change`` has ``operation`` ("create", "alter",
    "drop"), ``kind``, ``before`` and ``after`` (catalog definitions or None). What is returned is ignored. An
    exception fails the statement.

    Example::

        @hookimpl
        def catalog_changed(session, change):
            if change.operation == "drop" and change.kind == "table":
                forget(session, change.before.oid)
    """


@hookspec
def past_read(session: Any, relation: Any, snapshot: Any) -> None:
    """Take note that a statement is about to read a table as it was; it may send a notice, and may refuse.

    Called each time a statement that runs opens a table at a snapshot that a clause means: ``relation`` is the
    definition of then, ``snapshot`` a ``heliosdb.spi.Snapshot``. What is returned is ignored. An exception fails the
    statement.

    Example::

        @hookimpl
        def past_read(session, relation, snapshot):
            log.info("%s reads %s as of SCN %d", session.user, relation.name, snapshot.scn)
    """


@hookspec
def transaction_committing(session: Any) -> None:
    """Take the last step before a transaction's commit point; it may still write, and may abort.

    Called for transactions that wrote something, after deferred constraints. What is returned is ignored. An
    exception aborts the transaction.

    Example::

        @hookimpl
        def transaction_committing(session):
            refresh_stale_views(session)
    """


@hookspec
def transaction_committed(database: Any, commit: Any) -> None:
    """Follow a commit, after it is durable and visible.

    Called by the session that committed; of sessions that commit side by side the later one may be first, so go by
    ``commit.scn``. ``commit`` is a ``heliosdb.spi.Commit``. What is returned is ignored; an exception cannot undo the
    commit: the session gets it as a warning.

    Example::

        @hookimpl
        def transaction_committed(database, commit):
            wake(database, commit.scn)
    """


# -- first result ------------------------------------------------------------------------------------------------------


@first_result_hook
def resolve_snapshot(session: Any, request: Any, arguments: tuple[Any, ...], base: Any) -> Any:
    """Return the snapshot that a clause such as ``AS OF`` means, or None when the clause is not the plugin's.

    Called for each ``SnapshotRequest`` of a statement (``request``: clause and payload) when it is bound, and once for
    each time that it runs; ``arguments`` are the datums of its bound expressions. ``base`` is the snapshot of the
    clause within which it stands, None where there is none. The result is a ``heliosdb.spi.Snapshot``.

    Example::

        @hookimpl
        def resolve_snapshot(session, request, arguments, base):
            if request.clause == "as_of":
                return Snapshot("main", scn=arguments[0])
    """


@first_result_hook
def commit_statement(session: Any, pieces: tuple[str, ...]) -> str | None:
    """Return what is to be kept of a statement with the commits that it makes, or None for nothing.

    Called once for each text of a session that has changed something, and again when a setting has changed. ``pieces``
    are the text around its constants: no literal and no parameter comes here. A transaction has what is kept of each of
    its statements, up to 1,000 characters; ``Author.statement`` of ``heliosdb.spi`` gives it back.

    Example::

        @hookimpl
        def commit_statement(session, pieces):
            return "?".join(pieces)[:100]
    """


@first_result_hook
def locate_database(path: str) -> Any:
    """Return what a path means that a database is to be opened at, or None where it is a plain one.

    Called before anything is opened, for the path of every database that has one. The result is a
    ``heliosdb.spi.Location``: the path of the volume, and settings for the sessions that are opened by it.

    Example::

        @hookimpl
        def locate_database(path):
            if path.endswith("@berlin"):
                return Location(path.removesuffix("@berlin"), {"timezone": "Europe/Berlin"})
    """


REGISTRATION = tuple(name for name in globals() if name.startswith("register_"))
LIFECYCLE = (
    "database_opening",
    "database_opened",
    "database_stopping",
    "database_closing",
    "catalog_changed",
    "past_read",
    "transaction_committing",
    "transaction_committed",
)
FIRST_RESULT = ("resolve_snapshot", "commit_statement", "locate_database")
