"""Syntax of transaction control, settings, cursors, prepared statements, COPY, EXPLAIN and maintenance."""

from __future__ import annotations

from typing import Literal as OneOf

from heliosdb.sql.statements.base import Expression, Node, QualifiedName, Statement
from heliosdb.sql.statements.expressions import FunctionCall, Literal, TypeName
from heliosdb.sql.statements.option import Option
from heliosdb.sql.statements.query import Query
from heliosdb.value import frozen

__all__ = [
    "Analyze",
    "Begin",
    "Call",
    "Checkpoint",
    "CloseCursor",
    "Cluster",
    "Commit",
    "Copy",
    "Deallocate",
    "DeclareCursor",
    "Discard",
    "Do",
    "Execute",
    "Explain",
    "Fetch",
    "Listen",
    "Load",
    "Lock",
    "Notify",
    "Prepare",
    "PrepareTransaction",
    "PreparedTransaction",
    "RefreshMaterializedView",
    "Reindex",
    "Release",
    "Reset",
    "Rollback",
    "RollbackTo",
    "RoutineReturn",
    "Savepoint",
    "Set",
    "SetConstraints",
    "SetTransaction",
    "Show",
    "TransactionModes",
    "Truncate",
    "Unlisten",
    "Vacuum",
    "VacuumTarget",
]


@frozen(eq=False, repr=False)
class TransactionModes(Node):
    """``ISOLATION LEVEL ...``, ``READ ONLY``, ``DEFERRABLE``; None: not said."""

    isolation: OneOf["serializable", "repeatable read", "read committed", "read uncommitted"] | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


@frozen(eq=False, repr=False)
class Begin(Statement):
    """``BEGIN`` or ``START TRANSACTION``."""

    modes: TransactionModes


@frozen(eq=False, repr=False)
class Commit(Statement):
    """``COMMIT``, ``END``."""

    chain: bool = False


@frozen(eq=False, repr=False)
class Rollback(Statement):
    """``ROLLBACK``, ``ABORT``."""

    chain: bool = False


@frozen(eq=False, repr=False)
class Savepoint(Statement):
    """``SAVEPOINT name``."""

    name: str


@frozen(eq=False, repr=False)
class Release(Statement):
    """``RELEASE [SAVEPOINT] name``."""

    name: str


@frozen(eq=False, repr=False)
class RollbackTo(Statement):
    """``ROLLBACK TO [SAVEPOINT] name``."""

    name: str


@frozen(eq=False, repr=False)
class PrepareTransaction(Statement):
    """``PREPARE TRANSACTION 'id'``."""

    identifier: str


@frozen(eq=False, repr=False)
class PreparedTransaction(Statement):
    """``COMMIT PREPARED 'id'`` and ``ROLLBACK PREPARED 'id'``."""

    identifier: str
    commit: bool


@frozen(eq=False, repr=False)
class SetTransaction(Statement):
    """``SET TRANSACTION modes``, ``SET SESSION CHARACTERISTICS AS TRANSACTION modes``, or ``SNAPSHOT 'id'``."""

    modes: TransactionModes
    session: bool = False
    snapshot: str | None = None
    local: bool = False


@frozen(eq=False, repr=False)
class Set(Statement):
    """``SET [LOCAL] name = values``.

    Empty ``values`` with ``default`` set is TO DEFAULT, with ``from_current`` FROM CURRENT. Words are string literals
    without slot. ``SET TIME ZONE`` has the name ``timezone`` (a TypeCast when given as INTERVAL '...'), ``SET NAMES``
    client_encoding, ``SET ROLE`` role, ``SET SESSION AUTHORIZATION`` session_authorization, ``SET SCHEMA`` search_path,
    ``SET XML OPTION`` xmloption.
    """

    name: str
    values: tuple[Expression, ...] = ()
    local: bool = False
    default: bool = False
    from_current: bool = False


@frozen(eq=False, repr=False)
class Reset(Statement):
    """``RESET name``; None is ALL."""

    name: str | None


@frozen(eq=False, repr=False)
class Show(Statement):
    """``SHOW name``; None is ALL. ``SHOW TIME ZONE`` is timezone, ``SHOW TRANSACTION ISOLATION LEVEL``
    transaction_isolation, ``SHOW SESSION AUTHORIZATION`` session_authorization."""

    name: str | None


@frozen(eq=False, repr=False)
class SetConstraints(Statement):
    """``SET CONSTRAINTS names | ALL DEFERRED | IMMEDIATE``; no names is ALL."""

    names: tuple[QualifiedName, ...]
    deferred: bool


@frozen(eq=False, repr=False)
class Explain(Statement):
    """``EXPLAIN``; the old ANALYZE and VERBOSE words come as options of that name."""

    statement: Statement
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class VacuumTarget(Node):
    """``table (columns)``."""

    name: QualifiedName
    columns: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class Analyze(Statement):
    """``ANALYZE``; no targets is everything."""

    targets: tuple[VacuumTarget, ...] = ()
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class Vacuum(Statement):
    """``VACUUM``; the old words come as options full, freeze, verbose, analyze."""

    targets: tuple[VacuumTarget, ...] = ()
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class Reindex(Statement):
    """``REINDEX (options) kind [CONCURRENTLY] name``; CONCURRENTLY is an option of that name."""

    kind: OneOf["index", "table", "schema", "system", "database"]
    name: QualifiedName
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class Cluster(Statement):
    """``CLUSTER [table [USING index]]``."""

    table: QualifiedName | None = None
    index: str | None = None
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class Checkpoint(Statement):
    """``CHECKPOINT``."""


@frozen(eq=False, repr=False)
class Discard(Statement):
    """``DISCARD ALL | PLANS | SEQUENCES | TEMP``."""

    what: OneOf["all", "plans", "sequences", "temporary"]


@frozen(eq=False, repr=False)
class Listen(Statement):
    """``LISTEN channel``."""

    channel: str


@frozen(eq=False, repr=False)
class Unlisten(Statement):
    """``UNLISTEN channel``; None is ``*``."""

    channel: str | None


@frozen(eq=False, repr=False)
class Notify(Statement):
    """``NOTIFY channel [, 'payload']``."""

    channel: str
    payload: str | None = None


@frozen(eq=False, repr=False)
class Load(Statement):
    """``LOAD 'file'``."""

    file: str


@frozen(eq=False, repr=False)
class Lock(Statement):
    """``LOCK [TABLE] relations [IN mode MODE] [NOWAIT]``; relations are RangeTable nodes, mode in lower case."""

    relations: tuple[Node, ...]
    mode: str = "access exclusive"
    nowait: bool = False


@frozen(eq=False, repr=False)
class Truncate(Statement):
    """``TRUNCATE``; relations are RangeTable nodes."""

    relations: tuple[Node, ...]
    restart_identity: bool = False
    cascade: bool = False


@frozen(eq=False, repr=False)
class RefreshMaterializedView(Statement):
    """``REFRESH MATERIALIZED VIEW [CONCURRENTLY] name [WITH [NO] DATA]``."""

    name: QualifiedName
    concurrently: bool = False
    with_data: bool = True


@frozen(eq=False, repr=False)
class Prepare(Statement):
    """``PREPARE name (types) AS statement``."""

    name: str
    types: tuple[TypeName, ...]
    statement: Statement


@frozen(eq=False, repr=False)
class Execute(Statement):
    """``EXECUTE name (arguments)``."""

    name: str
    arguments: tuple[Expression, ...] = ()


@frozen(eq=False, repr=False)
class Deallocate(Statement):
    """``DEALLOCATE [PREPARE] name``; None is ALL."""

    name: str | None


@frozen(eq=False, repr=False)
class DeclareCursor(Statement):
    """``DECLARE name ... CURSOR [WITH HOLD] FOR query``; what was not said is None."""

    name: str
    query: Query
    binary: bool = False
    insensitive: bool | None = None
    scroll: bool | None = None
    hold: bool = False


@frozen(eq=False, repr=False)
class Fetch(Statement):
    """``FETCH`` and, with ``move``, ``MOVE``; ``count`` None is ALL; only absolute and relative have negative counts.

    NEXT is forward 1, PRIOR backward 1, FIRST absolute 1, LAST absolute -1, a bare number forward.
    """

    cursor: str
    direction: OneOf["forward", "backward", "absolute", "relative"] = "forward"
    count: int | None = 1
    move: bool = False


@frozen(eq=False, repr=False)
class CloseCursor(Statement):
    """``CLOSE name``; None is ALL."""

    name: str | None


@frozen(eq=False, repr=False)
class Copy(Statement):
    """``COPY``: exactly one of ``table`` and ``query``; ``file`` None with ``program`` unset is STDIN or STDOUT.

    Both option syntaxes come as options named as in the new one: format, delimiter, null, header, quote, escape,
    force_quote, force_not_null, force_null, freeze, encoding; ``*`` as value is the string literal ``*``.
    """

    table: QualifiedName | None
    query: Statement | None
    columns: tuple[str, ...] = ()
    is_from: bool = False
    program: bool = False
    file: str | None = None
    options: tuple[Option, ...] = ()
    where: Expression | None = None


@frozen(eq=False, repr=False)
class Do(Statement):
    """``DO [LANGUAGE l] 'code'``."""

    code: Literal
    language: str | None = None


@frozen(eq=False, repr=False)
class Call(Statement):
    """``CALL procedure(arguments)``."""

    procedure: FunctionCall


@frozen(eq=False, repr=False)
class RoutineReturn(Statement):
    """``RETURN expression`` in a body of BEGIN ATOMIC."""

    expression: Expression
