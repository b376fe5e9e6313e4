"""What plugins add besides types and functions: statements, clauses, options, rules, workers, commands; values
without behaviour.

They stand below the parser, the binder and the session, which read them from the frozen ``Registries``; what a plugin
author may rely on is said here, on each class. As in ``types/definitions.py`` an implementation is a callable or an
import string ``"package.module:attribute"``, resolved on first use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, get_args

from attrs.validators import in_

from heliosdb.value import Shown, field, frozen

Implementation = Callable[..., Any] | str

__all__ = [
    "AccessMethodFactory",
    "BackgroundWorker",
    "Clause",
    "ClauseContext",
    "ClausePoint",
    "ColumnOption",
    "Command",
    "DatabaseMethod",
    "Location",
    "Demo",
    "MetaCommand",
    "PhysicalOperator",
    "PlannerRule",
    "RelationOption",
    "RelationResolver",
    "RowsRequest",
    "Stage",
    "Statement",
    "StoredForm",
]

ClausePoint = Literal["query", "table", "column", "create_table", "create_index", "table_element"]
"""Where a clause may stand: behind a query; behind a relation's name in FROM or DML or its alias; among a column's
constraints; behind CREATE TABLE's and CREATE INDEX's own clauses; in the place of a column or constraint of CREATE
TABLE, and behind ADD of ALTER TABLE."""


@frozen(eq=False, repr=False)
class AccessMethodFactory(Shown):
    """An access method by name: ``factory()`` returns an object that implements ``heliosdb.spi.AccessMethod``."""

    name: str
    factory: Implementation
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class Statement(Shown):
    """A statement that begins with ``words`` (keywords in any case, the first ones decide; longer claims win).

    ``parse(cursor) -> payload`` reads what follows the words, up to the end of the statement, through a
    ``heliosdb.spi.Cursor``; None declines, and the statement is parsed as if the claim were not there. The payload must
    be hashable and free of anything that refers to the session, for it is cached with the text. ``execute(session,
    payload) -> Result`` runs it inside the session's transaction. ``transactional`` False: refused inside a
    transaction block (25001). ``read_only``: allowed in a read-only transaction. ``outside``: run as BEGIN is,
    outside of any transaction, or in a block before it has a snapshot: for what says how the next transaction is to be.
    ``with_query``: the statement takes parameters, which are those of the query that it runs (``Session.run_query``).

    ``check(session, payload)`` raises InsufficientPrivilege where the current role may not run the statement
    (``heliosdb.spi.require_privilege`` and kin), before anything else of it runs. A statement that has none is for
    superusers; what needs no privilege, or asks for each as it goes, gives ``heliosdb.spi.anyone``.

    A statement that the core's grammar parses itself has no ``parse`` and no ``words``; its ``name`` is the class of
    its syntax node, which is what ``execute`` gets.
    """

    name: str
    execute: Implementation
    words: tuple[str, ...] = ()
    parse: Implementation | None = None
    read_only: bool = False
    transactional: bool = True
    outside: bool = False
    with_query: bool = False
    check: Implementation | None = None
    description: str = ""


class ClauseContext(Protocol):
    """What a clause's ``bind`` may ask of the binder. Expressions are bound ones (``heliosdb.plan.expressions``).

    Where definitions are made (``column``, ``create_table``, ``create_index``) there is only ``expression``.
    """

    def expression(self, tree: Any, node: Any = None, type_: str | None = None) -> Any:
        """Bind a parsed expression, converted to a type where one is given; names mean columns of the node, without
        one there are none."""
        ...

    def column(self, node: Any, name: str) -> Any:
        """Return the expression for a column of a node; UndefinedColumn when it has none of that name."""
        ...

    def call(self, name: str, *arguments: Any) -> Any:
        """Return the call of a function; UndefinedFunction when there is none for these arguments."""
        ...

    def operator(self, name: str, left: Any, right: Any) -> Any:
        """Return ``left name right``; UndefinedFunction when there is none for these operands."""
        ...

    def keep_private(self) -> None:
        """Keep the plan out of caches: what it was bound to holds for this execution only."""
        ...


@frozen(kw_only=True, eq=False, repr=False)
class Clause(Shown):
    """A clause that begins with ``words`` at one of the points of the grammar.

    ``parse(cursor) -> payload`` as for statements. A payload with ``deparse(write) -> text``, which writes the clause
    with ``write(expression)`` for its expressions, may stand in a stored query: a view's. One of the other two is
    called when the statement is bound, with a ``heliosdb.spi.ClauseContext``.

    ``bind(context, node, payload) -> node`` gets what the clause stands on, and returns what takes its place:

    * ``table``: the scan of the table, ``query``: the plan of the query; the result is a plan with the same sources.
    * ``column``, ``create_table``, ``create_index``: a ``catalog.definitions.ColumnDefinition``, ``Relation`` or
      ``Index``, before it is stored.

    What stands for a ``table_element`` needs no binding: its ``parse`` returns the column or constraint that it means
    (``heliosdb.spi.statements``).

    ``moment(context, payload) -> plan.nodes.SnapshotRequest`` (``table`` and ``query`` only) says when what the clause
    stands on is read; at the end of a query that holds for every table in it that has no such clause. The hook
    ``resolve_snapshot`` makes a snapshot of it, and everything is bound by the definitions of then. Of the clauses with
    one ``moment`` a place may have one; of those with others each is within the one before it. A ``RowsRequest`` puts
    other rows into the place of each table, as ranges of time do.
    """

    name: str
    point: ClausePoint = field(validator=in_(get_args(ClausePoint)))
    words: tuple[str, ...]
    parse: Implementation
    bind: Implementation | None = None
    moment: Implementation | None = None
    description: str = ""

    def __attrs_post_init__(self) -> None:
        """Refuse what says not, or twice, what the clause means."""
        if self.point == "table_element":
            if self.bind is not None or self.moment is not None:
                raise ValueError(f"clause {self.name!r} cannot have bind or moment at 'table_element'")
        elif (self.bind is None) == (self.moment is None):
            raise ValueError(f"clause {self.name!r} must have bind or moment, and not both")
        if self.moment is not None and self.point not in ("table", "query"):
            raise ValueError(f"clause {self.name!r} cannot have a moment at {self.point!r}")


@frozen(kw_only=True, eq=False, repr=False)
class RowsRequest(Shown):
    """What a ``moment`` may ask for: other rows in a table's place.

    ``rows(relation, *values, session)`` yields tuples of the relation's attributes, in slot order, and of ``columns``,
    which can be named and are not part of ``*``. Any attribute may be None. The values are those of the bound
    ``arguments``.
    """

    clause: str
    rows: Implementation
    columns: tuple[tuple[str, str], ...] = ()
    arguments: tuple[Any, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class RelationOption(Shown):
    """An option of a table, ``WITH (name = value)`` or ``ALTER TABLE t SET (name = value)``; kept in its ``options``.

    ``check(text) -> value`` reads what was written (None: only the name was) and raises InvalidParameterValue. Options
    that no one registered are 22023, as in PostgreSQL. Options of an index are its access method's. What an option
    does, its plugin does in ``catalog_changed``, inside of the transaction that sets it, or at its end
    (``Transaction.at_commit``, ``at_end``).
    """

    name: str
    check: Implementation
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class ColumnOption(Shown):
    """An option of one column, ``ALTER TABLE t ALTER c SET (name = value)``; kept in the column's ``options``.

    ``check(text) -> value`` as for tables. What stands at the column in CREATE TABLE is a ``Clause``.
    """

    name: str
    check: Implementation
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class StoredForm(Shown):
    """What rows hold of a column instead of its values: data of type ``type``, made and read by two functions.

    A clause at a column (``Clause`` with the point "column") gives the column such a form:
    ``evolve(column, form=ColumnForm(name=..., type=..., text="WHAT SQL WRITES"))``. Everything that is kept (rows,
    indexes, statistics, what goes to other tables' keys) is made of the stored data; everything that SQL says is about
    the values.

    ``to_stored(form, column) -> (value, session) -> data`` and ``from_stored(form, column, lenient) -> (data, session)
    -> value`` are asked for a function once a statement is compiled, with the column's ``ColumnForm`` and its name for
    errors; these functions are then called for each value. NULL is stored as NULL: ``to_stored`` gets None too, and may
    raise where the session must not write. Where the statement changes nothing ``lenient`` is true, and ``from_stored``
    may give None for a value that is not to be seen; where it does, that might be written in the value's place.
    ``to_search(form, column, lenient)`` (default: ``to_stored``) makes what a value is compared as where the form is
    deterministic; None there finds nothing. Of a column whose form is not deterministic there are no indexes.

    ``check(column, session)`` is called with the definition whenever a column gets the form or another type, and
    raises where the form does not suit it: values that the type's own ``=`` calls equal must have equal data where the
    form is deterministic, and an int of 5 the same, be it int2, int4 or int8. ``equality_hint(column) -> str | None``
    is asked for the hint of the error where somebody wants an index on a column whose form is not deterministic.
    """

    name: str
    type: str = "bytea"
    to_stored: Implementation
    from_stored: Implementation
    to_search: Implementation | None = None
    check: Implementation | None = None
    equality_hint: Implementation | None = None
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class RelationResolver(Shown):
    """Resolves names in FROM that the catalog does not know (``t@x``).

    ``resolve(session, schema, name) -> Relation | (Relation, SnapshotRequest) | None``; None: not mine. ``schema`` is
    None where none was written. Resolvers are asked in order of name.
    """

    name: str
    resolve: Implementation
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class PlannerRule(Shown):
    """A rewrite of the plan: ``apply(plan, session) -> plan`` (the same object where nothing changes).

    ``stage``: "logical" rules see the bound plan before the optimizer, "physical" ones what it chose. Within a stage
    rules run in the order of registration, moved by ``before`` and ``after``, which name other rules; a cycle is an
    error.
    """

    name: str
    apply: Implementation
    stage: Literal["logical", "physical"] = field(default="logical", validator=in_(("logical", "physical")))
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class PhysicalOperator(Shown):
    """A plan node class (``"package.module:Class"``) and the emitter that turns it into Python source.

    ``emit(emitter, node, consume)``: the same contract as the code generator's own operators.
    """

    node: str
    emit: Implementation
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class BackgroundWorker(Shown):
    """Work in a thread of its own while a database is open.

    ``run(database, stop)`` is called after every ``interval`` seconds (a number, or the name of a setting that gives
    it in milliseconds, 0: never) and must return soon after the event ``stop`` is set. An exception ends the worker,
    not the database; the view ``heliosdb_background_workers`` shows it.
    """

    name: str
    run: Implementation
    interval: float | str = 60.0
    description: str = ""


@frozen
class Location:
    """Where a database is, and with which settings sessions begin that are opened by its path."""

    path: str
    settings: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False)
class DatabaseMethod(Shown):
    """A method of the objects that programs hold: ``db.name(...)`` and ``conn.name(...)`` call
    ``implementation(db, ...)``.

    ``db`` has ``execute(sql, params) -> int``, ``query(sql, params) -> rows`` and ``database``: it is the
    ``EmbeddedDatabase``, or runs on the session of the DB-API connection (``heliosdb.database_methods``).
    """

    name: str
    implementation: Implementation
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class Command(Shown):
    """A command of the command line, ``heliosdb name``: ``command`` is a click command, best given by import string."""

    name: str
    command: Implementation
    description: str = ""


class Stage(Protocol):
    """What a part of ``heliosdb demo`` is shown on."""

    @property
    def folder(self) -> str:
        """A folder for the demo's files, gone when it ends. ``demo.helio`` in it has the airports."""
        ...

    def say(self, text: str) -> None:
        """Print a line."""
        ...

    def python(self, code: str, **names: Any) -> dict[str, Any]:
        """Print Python code, run it with these names, and print what it prints; return the names it leaves."""
        ...

    def sql(self, database: Any, *statements: str) -> None:
        """Print statements and what an open ``EmbeddedDatabase`` answers."""
        ...


@frozen(kw_only=True, eq=False, repr=False)
class Demo(Shown):
    """A part of ``heliosdb demo``: ``run(stage)`` shows what a plugin can do, below a heading."""

    name: str
    title: str
    run: Implementation


@frozen(kw_only=True, eq=False, repr=False)
class MetaCommand(Shown):
    """A command of the interactive shell, ``\\name``: ``run(shell, arguments: list[str]) -> None``."""

    name: str
    run: Implementation
    usage: str = ""
    aliases: tuple[str, ...] = field(default=())
    description: str = ""
