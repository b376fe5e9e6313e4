"""Transactions, prepared statements, cursors, EXPLAIN, maintenance and other utility statements.

Each rule is called with the cursor behind its leading word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.errors import SqlSyntaxError
from heliosdb.sql.keywords import COLUMN_NAMES
from heliosdb.sql.parser import (
    entry,
    expressions,
    from_items,
    functions,
    options,
    query,
    routines,
    settings,
    tables,
    with_clause,
)
from heliosdb.sql.parser import types as type_names
from heliosdb.sql.statements import (
    Analyze,
    Begin,
    Call,
    Checkpoint,
    CloseCursor,
    Cluster,
    Commit,
    CreateTableAs,
    Deallocate,
    DeclareCursor,
    Discard,
    Do,
    Execute,
    Explain,
    Expression,
    Fetch,
    Listen,
    Literal,
    Load,
    Lock,
    Notify,
    Option,
    Prepare,
    PreparedTransaction,
    PrepareTransaction,
    QualifiedName,
    RefreshMaterializedView,
    Reindex,
    Release,
    Rollback,
    RollbackTo,
    Savepoint,
    Statement,
    Truncate,
    TypeName,
    Unlisten,
    Vacuum,
    VacuumTarget,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["execute"]


# -- transactions -----------------------------------------------------------------------------------------------------


def _work(p: Parser) -> None:
    if p.kind in ("work", "transaction"):
        p.advance()


def _chain(p: Parser) -> bool:
    if not p.accept("and"):
        return False
    chained = not p.accept("no")
    p.expect("chain")
    return chained


def begin(p: Parser) -> Begin:
    _work(p)
    return Begin(settings.transaction_modes(p, required=False), position=p.start_position)


def start(p: Parser) -> Begin:
    p.expect("transaction")
    return Begin(settings.transaction_modes(p, required=False), position=p.start_position)


def commit(p: Parser) -> Statement:
    if p.accept("prepared"):
        return PreparedTransaction(p.string(), True, position=p.start_position)
    return end(p)


def end(p: Parser) -> Commit:
    _work(p)
    return Commit(_chain(p), position=p.start_position)


def rollback(p: Parser) -> Statement:
    if p.accept("prepared"):
        return PreparedTransaction(p.string(), False, position=p.start_position)
    _work(p)
    if p.accept("to"):
        _savepoint_word(p)
        return RollbackTo(p.identifier(), position=p.start_position)
    return Rollback(_chain(p), position=p.start_position)


def abort(p: Parser) -> Rollback:
    _work(p)
    return Rollback(_chain(p), position=p.start_position)


def _savepoint_word(p: Parser) -> None:
    if p.kind == "savepoint" and p.next_kind() in COLUMN_NAMES:
        p.advance()


def savepoint(p: Parser) -> Savepoint:
    return Savepoint(p.identifier(), position=p.start_position)


def release(p: Parser) -> Release:
    _savepoint_word(p)
    return Release(p.identifier(), position=p.start_position)


# -- prepared statements ----------------------------------------------------------------------------------------------


def prepare(p: Parser) -> Statement:
    if p.kind == "transaction" and p.next_kind() == "SCONST":
        p.advance()
        return PrepareTransaction(p.string(), position=p.start_position)
    name = p.identifier()
    types: tuple[TypeName, ...] = ()
    if p.accept("("):
        types = p.separated(lambda: type_names.type_name(p))
        p.expect(")")
    p.expect("as")
    return Prepare(name, types, preparable(p), position=p.start_position)


def preparable(p: Parser) -> Statement:
    """Read a query or a data-modifying statement."""
    return p.deeper(lambda: with_clause.preparable_statement(p))


def execute(p: Parser) -> Execute:
    """Read EXECUTE from that word on."""
    position = p.position
    p.advance()
    name = p.identifier()
    arguments: tuple[Expression, ...] = ()
    if p.accept("("):
        arguments = expressions.expression_list(p)
        p.expect(")")
    return Execute(name, arguments, position=position)


def execute_statement(p: Parser) -> Execute:
    p.reset(p.i - 1)
    return execute(p)


def deallocate(p: Parser) -> Deallocate:
    if p.kind == "prepare" and p.next_kind() not in ("EOF", ";"):
        p.advance()
    if p.accept("all"):
        return Deallocate(None, position=p.start_position)
    return Deallocate(p.identifier(), position=p.start_position)


# -- cursors ----------------------------------------------------------------------------------------------------------


def declare(p: Parser) -> DeclareCursor:
    name = p.identifier()
    binary = False
    insensitive: bool | None = None
    scroll: bool | None = None
    while p.kind != "cursor":
        kind = p.one_of("binary", "insensitive", "asensitive", "scroll", "no")
        if kind == "no":
            p.expect("scroll")
            scroll = False
        elif kind == "scroll":
            scroll = True
        elif kind == "binary":
            binary = True
        else:
            insensitive = kind == "insensitive"
    p.advance()
    hold = False
    if p.kind in ("with", "without"):
        hold = p.kind == "with"
        p.advance()
        p.expect("hold")
    p.expect("for")
    return DeclareCursor(name, query.query(p), binary, insensitive, scroll, hold, position=p.start_position)


def fetch(p: Parser) -> Fetch:
    return _fetch(p, False)


def move(p: Parser) -> Fetch:
    return _fetch(p, True)


_DIRECTIONS: Final = frozenset(["next", "prior", "first", "last", "absolute", "relative", "forward", "backward"])
_FIXED: Final = {"next": ("forward", 1), "prior": ("backward", 1), "first": ("absolute", 1), "last": ("absolute", -1)}


def _fetch(p: Parser, moves: bool) -> Fetch:
    direction, count = "forward", 1
    kind = p.kind
    named = kind in _DIRECTIONS and p.next_kind() in ("EOF", ";")
    everything = False
    if kind in _FIXED and not named:
        p.advance()
        direction, count = _FIXED[kind]
    elif kind in ("absolute", "relative") and not named:
        p.advance()
        direction, count = kind, signed_integer(p)
    elif kind in ("forward", "backward") and not named:
        p.advance()
        direction = kind
        if p.kind == "all":
            p.advance()
            everything = True
        elif p.kind in ("+", "-", "ICONST"):
            count = signed_integer(p)
    elif kind == "all":
        p.advance()
        everything = True
    elif kind in ("+", "-", "ICONST"):
        count = signed_integer(p)
    if p.kind in ("from", "in"):
        p.advance()
    name = p.identifier()
    return Fetch(name, direction, None if everything else count, moves, position=p.start_position)  # type: ignore[arg-type]


def signed_integer(p: Parser) -> int:
    """Read an integer with an optional sign."""
    negative = p.kind == "-"
    if p.kind in ("+", "-"):
        p.advance()
    number = p.integer()
    return -number if negative else number


def close(p: Parser) -> CloseCursor:
    if p.accept("all"):
        return CloseCursor(None, position=p.start_position)
    return CloseCursor(p.identifier(), position=p.start_position)


# -- EXPLAIN and maintenance ------------------------------------------------------------------------------------------


def explain(p: Parser) -> Explain:
    found: list[Option] = []
    if p.kind == "(" and p.next_kind() not in ("(", "select", "with", "with_la", "table") and not _values_ahead(p):
        found.extend(options.utility_options(p))
    else:
        for word in ("analyze", "verbose"):
            if p.kind == word or (word == "analyze" and p.kind == "analyse"):
                found.append(Option(word, position=p.position))
                p.advance()
    return Explain(explainable(p), tuple(found), position=p.start_position)


def _values_ahead(p: Parser) -> bool:
    return p.next_kind() == "values" and p.next_kind(2) == "("


def explainable(p: Parser) -> Statement:
    kind = p.kind
    if kind in ("declare", "execute"):
        return entry.statement(p)
    if kind == "create":
        at = p.i
        statement = entry.statement(p)
        if not isinstance(statement, CreateTableAs):
            p.reset(at + 1)
            p.unexpected()
        return statement
    if kind == "refresh":
        return entry.statement(p)
    return preparable(p)


def vacuum_targets(p: Parser) -> tuple[VacuumTarget, ...]:
    if p.kind not in COLUMN_NAMES:
        return ()
    return p.separated(lambda: vacuum_target(p))


def vacuum_target(p: Parser) -> VacuumTarget:
    position = p.position
    name = p.qualified_name()
    return VacuumTarget(name, p.parenthesized_names() if p.kind == "(" else (), position=position)


def analyze(p: Parser) -> Analyze:
    found: tuple[Option, ...] = ()
    if p.kind == "(":
        found = options.utility_options(p)
    elif p.kind == "verbose":
        found = (Option("verbose", position=p.position),)
        p.advance()
    return Analyze(vacuum_targets(p), found, position=p.start_position)


def vacuum(p: Parser) -> Vacuum:
    found: tuple[Option, ...] = ()
    if p.kind == "(":
        found = options.utility_options(p)
    else:
        for word in ("full", "freeze", "verbose", "analyze"):
            if p.kind == word or (word == "analyze" and p.kind == "analyse"):
                found = (*found, Option(word, position=p.position))
                p.advance()
    return Vacuum(vacuum_targets(p), found, position=p.start_position)


def reindex(p: Parser) -> Reindex:
    found = options.utility_options(p) if p.kind == "(" else ()
    kind = p.one_of("index", "table", "schema", "system", "database")
    if p.kind == "concurrently":
        found = (*found, Option("concurrently", position=p.position))
        p.advance()
    if kind in ("index", "table"):
        name = p.qualified_name()
    else:
        position = p.position
        name = QualifiedName((p.identifier(),), position=position)
    return Reindex(kind, name, found, position=p.start_position)  # type: ignore[arg-type]


def cluster(p: Parser) -> Cluster:
    found: tuple[Option, ...] = ()
    listed = p.kind == "("
    if listed:
        found = options.utility_options(p)
    elif p.kind == "verbose":
        found = (Option("verbose", position=p.position),)
        p.advance()
    if p.at_end() and not listed:
        return Cluster(options=found, position=p.start_position)
    name = p.qualified_name()
    if p.kind == "on" and len(name.parts) == 1 and not listed:
        p.advance()
        return Cluster(p.qualified_name(), name.name, found, position=p.start_position)
    index = p.identifier() if p.accept("using") else None
    return Cluster(name, index, found, position=p.start_position)


def checkpoint(p: Parser) -> Checkpoint:
    return Checkpoint(position=p.start_position)


def discard(p: Parser) -> Discard:
    what = p.one_of("all", "plans", "sequences", "temp", "temporary")
    return Discard("temporary" if what == "temp" else what, position=p.start_position)  # type: ignore[arg-type]


def listen(p: Parser) -> Listen:
    return Listen(p.identifier(), position=p.start_position)


def unlisten(p: Parser) -> Unlisten:
    if p.accept("*"):
        return Unlisten(None, position=p.start_position)
    return Unlisten(p.identifier(), position=p.start_position)


def notify(p: Parser) -> Notify:
    channel = p.identifier()
    return Notify(channel, p.string() if p.accept(",") else None, position=p.start_position)


def import_foreign_schema(p: Parser) -> Statement:
    p.expect_all("foreign", "schema")
    raise p.unsupported("IMPORT FOREIGN SCHEMA", p.start_position)


def load(p: Parser) -> Load:
    return Load(p.string(), position=p.start_position)


_LOCK_MODES: Final = (
    ("access", "share"),
    ("access", "exclusive"),
    ("row", "share"),
    ("row", "exclusive"),
    ("share", "update", "exclusive"),
    ("share", "row", "exclusive"),
    ("share",),
    ("exclusive",),
)


def lock(p: Parser) -> Lock:
    p.accept("table")
    relations = p.separated(lambda: from_items.relation(p))
    mode = "access exclusive"
    if p.accept("in"):
        mode = lock_mode(p)
        p.expect("mode")
    return Lock(relations, mode, p.accept("nowait"), position=p.start_position)


def lock_mode(p: Parser) -> str:
    begun = 0
    for words in _LOCK_MODES:
        matched = 0
        while matched < len(words) and p.next_kind(matched) == words[matched]:
            matched += 1
        if matched == len(words) and matched >= begun:
            p.reset(p.i + matched)
            return " ".join(words)
        begun = max(begun, matched)
    p.reset(p.i + begun)
    p.unexpected()


def truncate(p: Parser) -> Truncate:
    p.accept("table")
    relations = p.separated(lambda: from_items.relation(p))
    restart = False
    if p.kind in ("restart", "continue"):
        restart = p.kind == "restart"
        p.advance()
        p.expect("identity")
    return Truncate(relations, restart, p.cascade(), position=p.start_position)


def refresh(p: Parser) -> RefreshMaterializedView:
    p.expect_all("materialized", "view")
    concurrently = p.accept("concurrently")
    name = p.qualified_name()
    return RefreshMaterializedView(name, concurrently, tables.with_data(p), position=p.start_position)


# -- code -------------------------------------------------------------------------------------------------------------


def do(p: Parser) -> Do:
    code: Literal | None = None
    language: str | None = None
    position = p.position
    while p.kind in ("SCONST", "language"):
        if p.kind == "SCONST":
            if code is not None:
                raise SqlSyntaxError("conflicting or redundant options", position=p.position)
            code = p.constant()
        else:
            at = p.position
            p.advance()
            if language is not None:
                raise SqlSyntaxError("conflicting or redundant options", position=at)
            language = routines.language(p).value
    if code is None and language is None:
        p.unexpected()
    if code is None:
        raise SqlSyntaxError("no inline code specified", position=position)
    return Do(code, language, position=p.start_position)


def call(p: Parser) -> Call:
    position = p.position
    name = p.function_name()
    if p.kind != "(":
        p.unexpected()
    return Call(functions.plain_call(p, name, position), position=p.start_position)
