"""What plugins add besides types and functions: statements, clauses, options, rules, workers, commands; values
without behaviour.

They stand below the parser, the binder and the session, which read them from the frozen ``Registries``; what a plugin
author may rely on is said here, on each class. As in ``types/definitions.py`` an implementation is a callable or an
import string ``"package.module:attribute"``, resolved on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from attrs import field, frozen

Implementation = Callable[..., Any] | str

__all__ = [
    "AccessMethodFactory",
    "BackgroundWorker",
    "Clause",
    "ClausePoint",
    "ColumnOption",
    "Command",
    "DatabaseMethod",
    "Language",
    "LogKind",
    "MetaCommand",
    "PhysicalOperator",
    "PlannerRule",
    "RelationOption",
    "RelationResolver",
    "Statement",
]

ClausePoint = Literal["query", "table", "column", "create table", "create index"]
"""Where a clause may stand: after a query, after a table in FROM or its alias, after a column definition, at the end
of CREATE."""


@frozen
class AccessMethodFactory:
    """An access method by name: ``factory()`` returns an object that implements ``heliosdb.spi.AccessMethod``."""

    name: str
    factory: Implementation
    description: str = ""


@frozen(kw_only=True)
class Statement:
    """A statement that begins with ``words`` (keywords in any case, the first ones decide; longer claims win).

    ``parse(cursor) -> payload`` reads what follows the words, up to the end of the statement; the payload must be
    hashable and free of anything that refers to the session, for it is cached with the text. ``execute(session,
    payload) -> Result`` runs it inside the session's transaction. ``transactional`` False: refused inside a
    transaction block (25001). ``read_only``: allowed in a read-only transaction.

    A statement that the core's grammar parses itself has no ``parse`` and no ``words``; its ``name`` is the class of
    its syntax node, which is what ``execute`` gets.
    """

    name: str
    execute: Implementation
    words: tuple[str, ...] = ()
    parse: Implementation | None = None
    read_only: bool = False
    transactional: bool = True
    description: str = ""


@frozen(kw_only=True)
class Clause:
    """A clause that begins with ``words`` at one of the points of the grammar.

    ``parse(cursor) -> payload`` as for statements. ``bind(context, node, payload) -> node`` returns what the thing
    that the clause stands on becomes:

    * ``table``: the scan of that table (``plan.nodes.Scan`` or another ``PlanNode``); a node with the same columns
      and sources.
    * ``query``: the plan of that query, likewise.
    * ``column``, ``create table``, ``create index``: ``catalog.definitions.ColumnDefinition``, ``Relation``,
      ``Index``, before they are stored.

    ``context.expression(tree, node) -> Expression`` binds a parsed expression against the columns of a node (None: of
    nothing), ``context.column(node, name)`` one column, ``context.call(name, *arguments)`` a function by name,
    ``context.operator(name, left, right)`` an operator.
    """

    name: str
    point: ClausePoint
    words: tuple[str, ...]
    parse: Implementation
    bind: Implementation
    description: str = ""


@frozen(kw_only=True)
class RelationOption:
    """An option of ``WITH (name = value)`` at a kind of relation, kept in the relation's ``options``.

    ``kinds`` are relation kinds, or ``"index"`` where ``method`` may narrow it. ``check(text) -> value`` reads what
    was written and raises InvalidParameterValue. Options that no one registered are 22023, as in PostgreSQL.
    """

    name: str
    check: Implementation
    kinds: tuple[str, ...] = ("table",)
    default: Any = None
    method: str | None = None
    description: str = ""


@frozen(kw_only=True)
class ColumnOption:
    """An option of one column, ``ALTER TABLE t ALTER c SET (name = value)``; kept in the column's ``options``."""

    name: str
    check: Implementation
    default: Any = None
    description: str = ""


@frozen(kw_only=True)
class RelationResolver:
    """Resolves names in FROM that the catalog does not know (``t@x``).

    ``resolve(session, schema, name) -> Relation | CatalogView | None``; None: not mine. Asked in order of name.
    """

    name: str
    resolve: Implementation
    description: str = ""


@frozen(kw_only=True)
class PlannerRule:
    """A rewrite of the logical plan: ``rewrite(node, context) -> node`` (the same object where nothing changes).

    Rules run in the order of registration, moved by ``before`` and ``after``, which name other rules; a cycle is an
    error.
    """

    name: str
    rewrite: Implementation
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    description: str = ""


@frozen(kw_only=True)
class PhysicalOperator:
    """A plan node class (``"package.module:Class"``) and the emitter that turns it into Python source.

    ``emit(emitter, node, consume)``: the same contract as the code generator's own operators.
    """

    node: str
    emit: Implementation
    description: str = ""


@frozen(kw_only=True)
class Language:
    """A language of CREATE FUNCTION: ``compile(routine, session) -> callable(session, *arguments)``.

    ``validate(routine, session)`` is called by CREATE FUNCTION; ``inline(session, source)`` runs a DO block. None:
    not offered.
    """

    name: str
    compile: Implementation
    validate: Implementation | None = None
    inline: Implementation | None = None
    trusted: bool = True
    description: str = ""


@frozen(kw_only=True)
class BackgroundWorker:
    """Work in a thread of its own while a database is open.

    ``run(database, stop)`` is called every ``interval`` seconds (a number, or the name of a setting that gives it in
    milliseconds, 0: never) and must return soon after the event ``stop`` is set. An exception ends the worker, not
    the database; the view ``heliosdb_background_workers`` shows it.
    """

    name: str
    run: Implementation
    interval: float | str = 60.0
    description: str = ""


@frozen(kw_only=True)
class LogKind:
    """A kind of log record of a plugin's own. ``replay(database, payload: bytes)`` is called for each at recovery.

    A log with a kind that nobody registered is refused at open: better no database than half of one.
    """

    name: str
    replay: Implementation
    description: str = ""


@frozen(kw_only=True)
class DatabaseMethod:
    """A method of the embedded API's database object: ``db.name(...)`` calls ``implementation(db, ...)``."""

    name: str
    implementation: Implementation
    description: str = ""


@frozen(kw_only=True)
class Command:
    """A command of the command line, ``heliosdb name``: ``command`` is a click command, best given by import string."""

    name: str
    command: Implementation
    description: str = ""


@frozen(kw_only=True)
class MetaCommand:
    """A command of the interactive shell, ``\\name``: ``run(shell, arguments: list[str]) -> None``."""

    name: str
    run: Implementation
    usage: str = ""
    aliases: tuple[str, ...] = field(default=())
    description: str = ""
