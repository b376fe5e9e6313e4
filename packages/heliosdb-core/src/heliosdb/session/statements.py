"""From text to compiled plan, and the caches on the way.

    text  --(exact text)-->  Text: its statements, cut and shaped
    shape + kinds of constants + parameter types + surroundings  -->  plans, each for the pinned constants it was made
    with

The first time a shape is met its text is parsed and bound with the constants marked; the binder says which constants
it left free. The plan then serves every text of the shape whose other constants are equal. A plan remembers what it
asked the catalog and what it was told; it is good as long as the answers are the same.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from heliosdb.errors import Error, InterfaceError, ProtocolViolation, UndefinedParameter
from heliosdb.rows import loading
from heliosdb.session.adapters import check_surrogates
from heliosdb.sql.lifting import LONGEST, cut
from heliosdb.transaction.locks import RelationLock

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Constraint, ForeignKey, Relation
    from heliosdb.codegen import CompiledStatement
    from heliosdb.plan.nodes import BoundStatement, Modify, OutputColumn, PlanNode
    from heliosdb.session.past import Moments
    from heliosdb.sql.optimizer import Peek
    from heliosdb.sql.shape import Constant
    from heliosdb.sql.statements import Statement

__all__ = [
    "Plan",
    "PreparedStatement",
    "RecordingCatalog",
    "StatementCache",
    "StatementText",
    "forget_prepared",
    "no_parameter",
    "unwanted_parameters",
    "written_command",
]

TEXTS = 2048
MAX_CHARACTER_BYTES = 4
PLANS = 1024
PLANS_PER_SHAPE = 8
PLANS_PER_SELECTIVITY = 4
"""Plans for the same pinned constants; a text for which none of so many is right takes the last."""
LIFTED_CONSTANTS = 100
LIFTED_LENGTH = 16_384
"""Texts with more constants, or longer ones, are compiled for themselves alone."""


@define(slots=True)
class StatementText:
    """One statement of a text. ``tree`` is parsed when it is first needed; ``offset`` is where it begins in the script.

    ``is_lifted``: its plan may leave constants free and serve other texts of the shape.
    """

    text: str
    shape: tuple[str, ...]
    constants: tuple[Constant, ...]
    offset: int = 0
    tree: Statement | None = None
    is_lifted: bool = True
    cut_names: tuple[tuple[str, str], ...] = ()
    """Names that are too long, and what is left of each."""
    types: tuple[str | None, ...] = ()
    """The types that the caller declares of the parameters; None: to be found."""
    shown: str = ""
    """The text as others may see it, where that is another one: it has a password in it."""


_LONG_NAME = re.compile(r'[^\W\d][\w$]{31,}|"[^"]{32,}"')
"""What may have more bytes than a name."""


def cut_names(text: str) -> tuple[tuple[str, str], ...]:
    """Return (name, what is left of it) of the names in a text that are too long."""
    from heliosdb.sql.lexer import scan

    found = scan(text)
    names = []
    for kind, value, start, end in zip(found.kinds, found.values, found.positions, found.ends, strict=False):
        if kind == "IDENT" and len(value.encode()) > 63 - MAX_CHARACTER_BYTES:
            written = text[start - 1 : end - 1]
            whole = written[1:-1].replace('""', '"') if written.startswith('"') else written.lower()
            if len(whole.encode()) > 63:
                names.append((whole, value))
    return tuple(names)


def no_parameter(text: str) -> Error:
    """Return the error for the first parameter that a text names although it has none."""
    from heliosdb.sql.lexer import scan

    found = scan(text)
    at = found.kinds.index("PARAM")
    return UndefinedParameter(f"there is no parameter ${found.values[at]}", position=found.positions[at])


def forget_prepared(session: Any) -> None:
    """Forget a session's prepared statements, of SQL and of the protocol, but the protocol's without a name."""
    session.prepared.clear()
    for name in [name for name in session.protocol_prepared if name]:
        del session.protocol_prepared[name]


def unwanted_parameters(given: Sequence[Any]) -> Error:
    """Return the error for values that a statement without parameters was given."""
    return ProtocolViolation(f"bind message supplies {len(given)} parameters, but prepared statement requires 0")


def _all_are_lifted(statement: StatementText, parts: Sequence[str]) -> bool:
    """Whether the constants of the text's only statement are exactly those that were cut out of it."""
    if statement.cut_names or not statement.is_lifted or len(statement.constants) != len(parts) // 2:
        return False
    position = 1 - statement.offset
    for place, part in enumerate(parts):
        if place % 2:
            constant = statement.constants[place // 2]
            if (constant.position, constant.value) != (position, part[1:-1] if part[0] == "'" else part):
                return False
        position += len(part)
    return True


def _with_constants(known: StatementText, text: str, parts: Sequence[str]) -> tuple[StatementText] | None:
    """Return the statement of a text with the same pieces; None where a constant is of another kind."""
    constants = []
    make = known.constants[0].__class__
    position = 1 - known.offset
    for place, part in enumerate(parts):
        if place % 2:
            kind = "string" if part[0] == "'" else "integer"
            if known.constants[place // 2].kind != kind:
                return None
            constants.append(make(kind, part if kind == "integer" else part[1:-1], position))
        position += len(part)
    last = known.constants[-1].position - 1
    width = len(known.constants[-1].value) + 2 * (known.constants[-1].kind == "string")
    behind = len(known.text) - last - width
    end = len(text) - len(parts[-1]) + behind
    return (StatementText(text[known.offset : end], known.shape, tuple(constants), known.offset),)


class RecordingCatalog:
    """The catalog as the binder sees it, with a note of every look-up, so that a plan can be checked against a later
    catalog.
    """

    def __init__(self, catalog: Any) -> None:
        self.catalog = catalog
        self.lookups: dict[tuple[str | None, str, tuple[str, ...]], tuple[int, int] | None] = {}
        self.oids: dict[int, int | None] = {}
        self.referencing: dict[int, tuple[tuple[int, int], ...]] = {}

    def lookup_relation(self, schema: str | None, name: str, search_path: Sequence[str]) -> Relation | None:
        """As ``catalog.protocol.Catalog``."""
        found: Relation | None = self.catalog.lookup_relation(schema, name, search_path)
        self.lookups[schema, name, tuple(search_path)] = None if found is None else (found.oid, found.version)
        return found

    def relation_by_oid(self, oid: int) -> Relation | None:
        """As ``catalog.protocol.Catalog``."""
        found: Relation | None = self.catalog.relation_by_oid(oid)
        self.oids[oid] = None if found is None else found.version
        return found

    def relations_referencing(self, oid: int) -> Sequence[tuple[Relation, Constraint]]:
        """As ``catalog.protocol.Catalog``."""
        found: Sequence[tuple[Relation, Constraint]] = self.catalog.relations_referencing(oid)
        self.referencing[oid] = tuple((relation.oid, relation.version) for relation, _ in found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.catalog, name)

    def still_holds(self, catalog: Any) -> bool:
        """Return whether another catalog gives the same answers."""
        if catalog.type_state != self.catalog.type_state or catalog.access_state != self.catalog.access_state:
            return False
        for (schema, name, path), answer in self.lookups.items():
            found = catalog.lookup_relation(schema, name, path)
            if (None if found is None else (found.oid, found.version)) != answer:
                return False
        for oid, version in self.oids.items():
            found = catalog.relation_by_oid(oid)
            if (None if found is None else found.version) != version:
                return False
        return all(
            tuple((relation.oid, relation.version) for relation, _ in catalog.relations_referencing(oid)) == answer
            for oid, answer in self.referencing.items()
        )


@define(slots=True, eq=False)
class Plan:
    """A compiled statement with what it takes to run it for a text and parameters.

    ``readers`` convert Python parameters to datums; ``slot_readers`` are (slot, convert(text, session), is negated).
    """

    bound: BoundStatement
    compiled: CompiledStatement
    pinned: tuple[tuple[int, str], ...]
    width: int
    slot_readers: tuple[tuple[int, Callable[[str, Any], Any], bool], ...]
    recorded: RecordingCatalog
    catalog: Any
    explained: Any = None
    locks: tuple[tuple[int, RelationLock], ...] = ()
    """The relations it touches and the mode to lock each in."""
    sizes: tuple[tuple[int, int], ...] = ()
    """The relations' numbers of rows when it was made: it may not be the best for others."""
    runs: int = 0
    next_look: int = 1
    """The number of runs at which ``sizes`` are compared with what is there then."""
    many: Any = None
    """The compiled form for many parameter rows at once; False where there is none (``session/many.py``)."""
    is_bounded: bool = False
    """Whether it is over in a moment (``codegen/bounded.py``)."""
    gathers: bool = False
    """Whether it may make many objects of its own."""
    peeks: tuple[Peek, ...] = ()
    """What the optimizer took from this text's free constants to choose among plans."""
    peeked: tuple[tuple[int, str], ...] = ()
    """Those constants."""
    peeks_at_parameters: bool = False
    moments: Moments | None = None
    """What it reads of the past."""
    role: int = 0
    """The role of which it was asked whether it may do this."""
    uses: tuple[tuple[str, int], ...] | None = None
    """Tables and indexes that it scans, searches and writes (``session/watch.py``), once that has been asked."""

    @property
    def columns(self) -> tuple[OutputColumn, ...] | None:
        """The result's columns."""
        return self.bound.columns

    def slots(self, constants: Sequence[Constant], session: Any) -> tuple[Any, ...]:
        """Return the datums of a text's free constants, by slot."""
        if not self.slot_readers:
            return ()
        values: list[Any] = [None] * self.width
        for slot, read, negated in self.slot_readers:
            text = constants[slot].value
            try:
                # Integers and numerics, which such a constant was before it became a float, have no negative zero.
                values[slot] = read(f"-{text}" if negated and text.strip("0.") else text, session)
            except Error as error:
                raise error.at(constants[slot].position) from None
        return tuple(values)

    def fits(self, constants: Sequence[Constant]) -> bool:
        """Return whether a text's constants agree with the ones this plan was made with."""
        return all(constants[slot].value == value for slot, value in self.pinned)

    def suits(self, constants: Sequence[Constant], parameters: Sequence[Any], session: Any) -> bool:
        """Return whether a text's constants, and parameters, select about as much as those the plan was chosen for."""
        if not self.peeks:
            return True
        if not self.peeks_at_parameters and all(constants[slot].value == value for slot, value in self.peeked):
            return True
        try:
            slots = self.slots(constants, session) or (None,) * self.width
            data = session.read_parameters(self, parameters) if self.peeks_at_parameters else ()
        except Error:
            return True  # which the run will raise
        return all(peek.holds((*slots, *data)) for peek in self.peeks)

    def serves(self, session: Any) -> bool:
        """Return whether a session may run the plan as it is: as the role that it was made for, with its catalog."""
        return self.role == session.role and self.is_valid(session.catalog)

    def is_valid(self, catalog: Any) -> bool:
        """Return whether the plan may run against a catalog."""
        if catalog is self.catalog:
            return True
        if not self.recorded.still_holds(catalog):
            return False
        self.catalog = catalog
        return True


def locks_of(plan: PlanNode) -> tuple[tuple[int, RelationLock], ...]:
    """Return the relation locks of a logical plan: PostgreSQL's modes for reading, locking rows and writing."""
    from heliosdb.plan import nodes as pn
    from heliosdb.plan.rewrite import walk

    modes: dict[int, RelationLock] = {}

    def want(oid: int, mode: RelationLock) -> None:
        modes[oid] = max(modes.get(oid, mode), mode)

    for node in walk(plan):
        if isinstance(node, pn.Scan):
            want(node.relation.oid, RelationLock.ACCESS_SHARE)
        elif isinstance(node, pn.Modify):
            want(node.relation.oid, RelationLock.ROW_EXCLUSIVE)
            # What checks and actions of foreign keys will touch; deferred ones lock it when they are due.
            for constraint in node.foreign_keys:
                if constraint.foreign is not None and not constraint.initially_deferred:
                    want(constraint.foreign.relation, RelationLock.ROW_SHARE)
            for relation, constraint in node.referencing:
                if constraint.foreign is not None and not constraint.initially_deferred:
                    acts = not _actions_of(node, constraint.foreign) <= {"no action", "restrict"}
                    want(relation.oid, RelationLock.ROW_EXCLUSIVE if acts else RelationLock.ROW_SHARE)
        elif isinstance(node, pn.LockRows):
            for inner in walk(node.input):
                if isinstance(inner, pn.Scan):
                    want(inner.relation.oid, RelationLock.ROW_SHARE)
    return tuple(sorted(modes.items()))


def written_command(bound: BoundStatement) -> str | None:
    """Return what a read-only transaction calls a statement that it refuses, None where it writes temporary tables
    alone.
    """
    from heliosdb.plan import nodes as pn
    from heliosdb.plan.rewrite import walk

    for node in walk(bound.plan):
        if isinstance(node, pn.Modify) and node.relation.persistence != "temporary":
            return bound.tag
        if isinstance(node, pn.LockRows):
            locked = {source: strength for source, strength, _ in node.locks}
            for inner in walk(node.input):
                if isinstance(inner, pn.Scan) and inner.source in locked and inner.relation.persistence != "temporary":
                    return f"SELECT FOR {locked[inner.source].upper()}" if bound.tag == "SELECT" else bound.tag
    return None


def _actions_of(node: Modify, foreign: ForeignKey) -> set[str]:
    """Return what a modification of referenced rows may have done to the rows that refer to them."""
    match type(node).__name__:
        case "Delete":
            return {foreign.on_delete}
        case "Merge":
            return {foreign.on_delete, foreign.on_update}
    return {foreign.on_update}


class StatementCache:
    """Texts and plans of one database, bounded, least recently used out first."""

    def __init__(self, dialect: Any) -> None:
        self._dialect = dialect
        self._texts: OrderedDict[str, tuple[StatementText, ...]] = OrderedDict()
        self._known: dict[tuple[str, ...], StatementText] = {}
        """By the pieces between their constants the first of texts that differ in these alone (``sql/lifting.py``)."""
        self._plans: OrderedDict[Any, list[Plan]] = OrderedDict()
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    def texts(self, text: str) -> tuple[StatementText, ...]:
        """Return the statements of a text, shaped."""
        found = self._texts.get(text)
        if found is not None:
            return found
        if not isinstance(text, str):
            raise InterfaceError(f"a statement must be a str, not {type(text).__name__}")
        written = cut(text) if len(text) <= LONGEST else [text]
        known = self._known.get(tuple(written[::2])) if len(written) > 1 else None
        again = None if known is None else _with_constants(known, text, written)
        if again is not None:
            self._keep(text, again)
            return again
        # A lone surrogate is no text: it could be neither stored nor sent.
        check_surrogates(text)
        with loading():
            # The lexer is loaded by the first text, not when a database opens.
            from heliosdb.sql.script import split
            from heliosdb.sql.secrets import holds_password, without_passwords
            from heliosdb.sql.shape import shape

        parts = []
        for part in split(text):
            if len(part.text) > LIFTED_LENGTH:
                # A text of this size is data; it will not come again with other constants.
                parts.append(StatementText(part.text, (part.text,), (), part.offset, is_lifted=False))
                continue
            key, constants = shape(part.text, self._dialect)
            lifted = len(constants) <= LIFTED_CONSTANTS
            left = cut_names(part.text) if _LONG_NAME.search(part.text) is not None else ()
            parts.append(StatementText(part.text, key, tuple(constants), part.offset, is_lifted=lifted, cut_names=left))
        made = tuple(parts)
        if holds_password(text) is not None:
            for statement in made:
                shown = without_passwords(statement.text)
                if shown != statement.text:
                    statement.shown = shown
            if any(statement.shown for statement in made):
                return made
        if len(text) <= LIFTED_LENGTH:
            self._keep(text, made)
            if len(written) > 1 and len(made) == 1 and _all_are_lifted(made[0], written):
                if len(self._known) >= TEXTS:
                    self._known.clear()
                self._known[tuple(written[::2])] = made[0]
        return made

    def _keep(self, text: str, made: tuple[StatementText, ...]) -> None:
        with self._lock:
            self._texts[text] = made
            while len(self._texts) > TEXTS:
                self._texts.popitem(last=False)

    def find(
        self, key: Any, constants: Sequence[Constant], session: Any, parameters: Sequence[Any] = ()
    ) -> Plan | None:
        """Return a plan for the key that fits the constants and the session's catalog.

        Of several that differ in what their constants select only, the one that suits best; when there are enough of
        those, any.
        """
        fitting = 0
        for plan in self._plans.get(key, ()):
            if plan.fits(constants) and plan.is_valid(session.catalog):
                fitting += 1
                if fitting >= PLANS_PER_SELECTIVITY or plan.suits(constants, parameters, session):
                    self.hits += 1
                    return plan
        self.misses += 1
        return None

    def add(
        self, key: Any, plan: Plan, constants: Sequence[Constant], session: Any, parameters: Sequence[Any] = ()
    ) -> None:
        """Keep a plan."""
        with self._lock:
            plans = [
                other
                for other in self._plans.get(key, ())
                if other.pinned != plan.pinned or not other.suits(constants, parameters, session)
            ]
            self._plans[key] = [plan, *plans[: PLANS_PER_SHAPE - 1]]
            self._plans.move_to_end(key)
            while len(self._plans) > PLANS:
                self._plans.popitem(last=False)

    def clear(self) -> None:
        """Forget all plans (DISCARD PLANS)."""
        with self._lock:
            self._plans.clear()


@frozen
class PreparedStatement:
    """A statement that was parsed and, if it is a query or data modification, bound: what it takes and what it
    gives.
    """

    text: StatementText
    parameter_types: tuple[str, ...]
    columns: tuple[OutputColumn, ...] | None
    given_types: tuple[str | None, ...] = field(default=())
