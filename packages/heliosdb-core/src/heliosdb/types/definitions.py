"""What a type, a function, an operator and their kin are: the values that plugins and the core itself register.

Nothing here computes. A type family (``types/integer.py``, a vector plugin) lists values of these classes; the plugin
host collects them while a database opens and freezes them into dicts; the binder looks names up in those dicts and
the code generator calls, or inlines, what they point to.

Three conventions hold everywhere:

* Types are referred to by internal name (``"int4"``, ``"_text"`` for its array), never by object, so that
registration
  order does not matter and a missing plugin leaves a name, not a broken reference. ``"anyelement"``, ``"anyarray"``,
  ``"anynonarray"``, ``"anyenum"``, ``"anyrange"``, ``"anycompatible"``, ``"anycompatiblearray"`` and ``"any"`` are
  PostgreSQL's polymorphic pseudo-types.
* An *implementation* is a callable or an import string ``"package.module:attribute"`` that is resolved on first use,
  so that opening a database imports only what it needs.
* ``inline`` forms are Python source templates. ``{0}``, ``{1}`` stand for arguments, which the code generator
  guarantees to be side-effect free atoms or to be evaluated once, ``{f}`` for the implementation, ``{t}`` for a fresh
  local name that the expression may assign (``({t} if -9 <= ({t} := {0} + 1) <= 9 else {f}({0}))``). They come from
  registrations, that is from installed code, never from a statement's text. The argument of a strict function is
  never None inside a template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from heliosdb.encoding.classes import ClassTable, StoredClass
from heliosdb.errors import HostSystemError
from heliosdb.value import Value, field, frozen

__all__ = [
    "Aggregate",
    "CallTypes",
    "Cast",
    "CastContext",
    "Collation",
    "Implementation",
    "Operator",
    "OperatorClass",
    "RowShape",
    "ScalarFunction",
    "SessionContext",
    "StoredClass",
    "TableFunction",
    "Type",
    "TypeLookup",
    "Volatility",
    "WindowFunction",
    "WindowPartition",
    "resolve_implementation",
]

Implementation = Callable[..., Any] | str


def resolve_implementation(implementation: Implementation) -> Callable[..., Any]:
    """Return the callable, importing it when it is named by ``"package.module:attribute"``."""
    if not isinstance(implementation, str):
        return implementation
    from importlib import import_module

    module, _, attribute = implementation.partition(":")
    try:
        target: Any = import_module(module)
        for part in attribute.split("."):
            target = getattr(target, part)
    except (ImportError, AttributeError) as error:
        raise HostSystemError(f'could not import "{implementation}": {error}') from error
    return target  # type: ignore[no-any-return]


class Volatility(StrEnum):
    """When two calls with equal arguments give equal results (PostgreSQL 15, section 38.7)."""

    IMMUTABLE = "immutable"
    STABLE = "stable"
    VOLATILE = "volatile"


class CastContext(StrEnum):
    """Where a cast may be applied without being written (PostgreSQL 15, CREATE CAST)."""

    IMPLICIT = "implicit"
    ASSIGNMENT = "assignment"
    EXPLICIT = "explicit"


class SessionContext(Protocol):
    """What an implementation that declares ``needs_session`` may ask of the session that runs it."""

    @property
    def number(self) -> int:
        """Which session of the database it is, from 1."""
        ...

    @property
    def transaction_timestamp(self) -> int:
        """``now()``: microseconds since 2000-01-01 UTC, fixed for the transaction."""
        ...

    @property
    def statement_timestamp(self) -> int:
        """When the current statement started, in the same unit."""
        ...

    @property
    def user(self) -> str:
        """The current role's name."""
        ...

    @property
    def role(self) -> int:
        """The current role's OID."""
        ...

    @property
    def session_user(self) -> str:
        """The role that opened the session."""
        ...

    def setting(self, name: str) -> Any:
        """Return a setting's current value (``session.setting("timezone")`` is a str); UndefinedObject when unknown."""
        ...

    def show_setting(self, name: str) -> str:
        """Return a setting as SHOW prints it; UndefinedObject when unknown."""
        ...

    def set_setting(self, name: str, text: str, *, local: bool = False) -> str:
        """Set a setting from text and return the value as SHOW prints it."""
        ...

    def notice(self, message: str, *, severity: str = "NOTICE", sqlstate: str = "00000") -> None:
        """Send a notice to the client."""
        ...

    def check_interrupt(self) -> None:
        """Raise QueryCanceled when the running statement is to stop; for implementations that take long."""
        ...

    @property
    def search_path(self) -> tuple[str, ...]:
        """The schemas in which unqualified names are looked up, implicit ones included."""
        ...

    def relation_oid(self, name: str) -> int | None:
        """Return the OID of the relation that a (qualified, quoted) name in text means, or None."""
        ...

    def relation_name(self, oid: int) -> str | None:
        """Return the name of a relation, qualified where search_path does not find it, or None."""
        ...

    def index(self, oid: int) -> Any:
        """Return the access method's own object (``heliosdb.spi.Index``) for an index, as this session's timeline has
        it; None where there is none by this OID. For views about indexes: nothing of it may be changed.
        """
        ...

    def lock_advisory(self, key: tuple[int, ...], *, exclusive: bool, wait: str, of_transaction: bool) -> bool:
        """Take an advisory lock until it is released, or until the transaction ends; False where ``wait`` is "skip" and
        it is not free.
        """
        ...

    def unlock_advisory(self, key: tuple[int, ...], *, exclusive: bool) -> bool:
        """Release an advisory lock of the session once; False where it has none."""
        ...

    def unlock_all_advisory(self) -> None:
        """Release all advisory locks of the session."""
        ...

    @property
    def memory(self) -> dict[str, Any]:
        """What functions keep for this session from call to call (``random()`` its generator), by names of theirs."""
        ...

    @property
    def types(self) -> TypeLookup:
        """The frozen type registry."""
        ...

    @property
    def registries(self) -> Any:
        """What core and plugins registered, frozen (``heliosdb.catalog.registries``)."""
        ...

    @property
    def catalog(self) -> Any:
        """The catalog as this statement's snapshot sees it (``heliosdb.catalog``)."""
        ...


class TypeLookup(Protocol):
    """The frozen registry of types, by internal name and OID."""

    def by_name(self, name: str) -> Type:
        """Return the type with this internal name; UndefinedObject when there is none."""
        ...

    def find(self, name: str) -> Type | None:
        """Return the type with this internal name, or None."""
        ...

    def by_oid(self, oid: int) -> Type:
        """Return the type with this OID; UndefinedObject when there is none."""
        ...

    def output(self, name: str) -> Callable[..., str]:
        """Return the text output function of a type: ``(datum, session) -> str`` for every type."""
        ...

    def input(self, name: str) -> Callable[..., Any]:
        """Return the text input function of a type: ``(text, typmod, session) -> datum`` for every type."""
        ...

    def send(self, name: str) -> Callable[[Any], bytes]:
        """Return the binary output function of a type: ``(datum) -> bytes``."""
        ...

    def receive(self, name: str) -> Callable[[bytes], Any]:
        """Return the binary input function of a type: ``(data) -> datum``."""
        ...

    def to_python(self, name: str) -> Callable[[Any], Any] | None:
        """Return ``(datum) -> object`` for the edges, or None where the datum is already the object."""
        ...

    def coerce_typmod(self, name: str) -> Callable[..., Any] | None:
        """Return ``(datum, typmod, explicit) -> datum``, for an array element by element, or None."""
        ...

    def format(self, name: str, typmod: int | None = None) -> str:
        """Return how SQL spells a type: ``character varying(10)``; a typmod of -1 is none, None is not known."""
        ...

    def sql_name(self, name: str) -> str:
        """Return a type's name as pg_type has it."""
        ...

    def definition(self, name: str) -> Any:
        """Return the catalog's definition of a type that SQL made; None for every other."""
        ...

    def check(self, name: str) -> Callable[[Any, Any], Any] | None:
        """Return ``(value, session) -> value``, which raises for what a domain does not allow, or None."""
        ...

    @property
    def stored_classes(self) -> ClassTable:
        """The classes of values that are stored, from all types' ``stored``."""
        ...

    def ordering(self, name: str) -> OperatorClass | None:
        """Return the default btree operator class of a type (arrays and composites get one derived), or None."""
        ...


@frozen(eq=False, repr=False)
class Type(Value):
    """A data type. ``input``/``output`` are text I/O, ``receive``/``send`` PostgreSQL's binary wire format.

    Signatures: ``input(text, typmod) -> datum``, ``output(datum) -> str``, ``receive(data: bytes) -> datum``,
    ``send(datum) -> bytes``; with ``needs_session`` input and output take the session as a last argument. ``typmod``
    is PostgreSQL's integer, -1 for none: ``typmod_in(modifiers: Sequence[int | str]) -> int``, ``typmod_out(typmod)
    -> str`` such as ``"(10,2)"``, ``coerce_typmod(datum, typmod, explicit: bool) -> datum`` (length coercion; input
    does not do it). ``to_python(datum) -> object`` and ``from_python(object) -> datum`` are the edges (datetime,
    UUID, list, ...); None means the datum is already the Python object. ``python_types`` names the Python classes
    (import strings) that become this type where the statement's context does not decide a parameter's type.
    ``to_arrow(pyarrow, data, typmod) -> pyarrow.Array`` makes a column of a frame (None is NULL), otherwise it is text.
    ``category`` and ``preferred`` are pg_type's. ``aliases`` are further names the grammar accepts (``"integer"``,
    ``"blob"``). ``attributes`` are a composite's (name, type), ``labels`` an enum's in order. ``stored`` says how data
    and keys are stored that are of classes of the type's own; None, bool, int, float, Decimal, str, bytes and tuples of
    them need nothing.
    """

    name: str
    display: str
    oid: int | None = None
    array_oid: int | None = None
    category: str = "U"
    preferred: bool = False
    length: int = -1
    element: str | None = None
    kind: str = "base"
    aliases: tuple[str, ...] = ()
    schema: str = "pg_catalog"
    input: Implementation | None = None
    output: Implementation | None = None
    receive: Implementation | None = None
    send: Implementation | None = None
    typmod_in: Implementation | None = None
    typmod_out: Implementation | None = None
    coerce_typmod: Implementation | None = None
    to_python: Implementation | None = None
    from_python: Implementation | None = None
    to_arrow: Implementation | None = None
    python_types: tuple[str, ...] = ()
    needs_session: bool = False
    collatable: bool = False
    delimiter: str = ","
    attributes: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    stored: tuple[StoredClass, ...] = ()
    description: str = ""


@frozen(eq=False, repr=False)
class RowShape(Value):
    """The fields of a row expression: (name, type, the shape where the field is itself a row)."""

    fields: tuple[tuple[str, str, RowShape | None], ...]


@frozen(eq=False, repr=False)
class CallTypes(Value):
    """The concrete types of one call, given to a ``specialize`` factory: resolved names and the registry.

    ``rows`` has the shape of each argument that is written as a row (``ROW(...)``, ``t.*``, a table's name), else
    None; it may be empty. ``result_row`` are the columns of a set-returning call: the function's own, or those that a
    list such as ``AS r(a int, b text)`` defines.
    """

    arguments: tuple[str, ...]
    result: str
    types: TypeLookup
    rows: tuple[RowShape | None, ...] = ()
    result_row: RowShape | None = None


@frozen(eq=False, repr=False)
class ScalarFunction(Value):
    """A function of one row. ``implementation(*arguments[, session])`` returns a datum.

    ``strict``: NULL in, NULL out, without a call. ``inline``: see the module. ``specialize``: the implementation is a
    factory ``(CallTypes) -> callable``, called once when a statement is compiled. ``bounded``: False where one call
    may take long (so that the statement asks between calls whether it is to stop). ``variadic``: the last argument
    type is the array type that collects the rest. ``defaults``: SQL texts for the trailing arguments.
    ``argument_names`` for named notation.

    ``column_form`` computes many rows at once: it is called with the same arguments, but that at least one of them is a
    ``ColumnValues``, a datum for each row, none of them NULL. It returns as many results, a list or an array that is
    compared and listed as NumPy's are; exactly those of ``implementation``. Where it would have to raise, it returns
    None, and the implementation is called row by row. Only strict functions that are not volatile have one.

    ``by_literal(value) -> str | None``: where the last argument is a literal of this value, the name of the function of
    the other arguments (in the same schema, with the same result) that computes the same, and that stands in its place
    from then on: an index that knows that one serves this one, too.
    """

    name: str
    arguments: tuple[str, ...]
    returns: str
    implementation: Implementation
    strict: bool = True
    volatility: Volatility = Volatility.IMMUTABLE
    inline: str | None = None
    needs_session: bool = False
    specialize: bool = False
    variadic: bool = False
    bounded: bool = True
    column_form: Implementation | None = None
    by_literal: Implementation | None = None
    argument_names: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()
    schema: str = "pg_catalog"
    cost: float = 1.0
    description: str = ""


@frozen(eq=False, repr=False)
class Aggregate(Value):
    """An aggregate function, given in one of two forms.

    *Callable form*: ``initial() -> state``, ``step(state, *arguments) -> state``, ``final(state) -> datum`` (None:
    the state), and optionally ``inverse(state, *arguments) -> state`` for moving window frames.

    *Inline form*: ``slots`` are source texts of the initial value of each state slot, ``inline_step`` gives for each
    slot the expression of its next value in terms of ``{s0}``, ``{s1}`` (the slots) and ``{0}`` (arguments),
    ``inline_final`` the result in terms of the slots; ``{f}`` is ``implementation``. Steps are evaluated left to
    right and see updated slots.

    Both forms can have an inverse, which takes back the step of the row that was added first (``inline_inverse`` is
    written like ``inline_step``): a window frame that moves then costs no more than the rows that enter and leave it.
    ``reversible(values) -> bool`` says of all the values that the first argument will have whether it gives exactly
    what a fresh start would; without it they always are. The last row is never taken back. ``associative``: the results
    over two runs of rows, taken for two rows' values, give the result over all those rows, which helps the same way.

    ``inline_fold`` gives for each slot the steps of many rows at once: ``{0}``, ``{1}``, ... are then lists of the
    arguments, NULL left out and never empty, ``{n}`` is the number of rows and ``{g}`` is ``fold``. It gives what the
    rows one by one would have given, and serves aggregates of at most one argument.

    ``strict``: rows in which an argument is NULL are left out before step. ``final_needs_arguments`` and ``kind``
    "ordered_set" or "hypothetical" serve WITHIN GROUP: ``step`` then receives the aggregated (sorted) values and
    ``final(state, *direct)``, for a hypothetical set ``final(state, row, sorting)``: the direct arguments as a tuple
    and for each its sort key (None: the datum), whether it descends, whether NULLs come first.
    ``specialize``: ``implementation`` is a factory ``(CallTypes) -> Aggregate`` that returns a concrete form.
    """

    name: str
    arguments: tuple[str, ...]
    returns: str
    initial: Implementation | None = None
    step: Implementation | None = None
    final: Implementation | None = None
    inverse: Implementation | None = None
    slots: tuple[str, ...] = ()
    inline_step: tuple[str, ...] = ()
    inline_inverse: tuple[str, ...] = ()
    inline_fold: tuple[str, ...] = ()
    fold: Implementation | None = None
    reversible: Implementation | None = None
    associative: bool = False
    inline_final: str | None = None
    implementation: Implementation | None = None
    strict: bool = True
    kind: str = "normal"
    direct_arguments: int = 0
    specialize: bool = False
    variadic: bool = False
    needs_session: bool = False
    schema: str = "pg_catalog"
    description: str = ""


class WindowPartition(Protocol):
    """One sorted partition as a window function sees it; rows are numbered from 0."""

    size: int
    peer_starts: Sequence[int]
    """For each row the number of the first row of its peer group."""
    peer_ends: Sequence[int]
    """For each row one past the last row of its peer group."""
    frames: Sequence[Sequence[int]]
    """For each row the row numbers of its frame, in order (a range where nothing is excluded)."""


@frozen(eq=False, repr=False)
class WindowFunction(Value):
    """A window function: ``implementation(partition, *argument_columns)`` gives one result a row, in order.

    An argument column is a sequence with one datum a row of the partition. A partition may be larger than memory: its
    columns are in a file then, and results should be yielded one by one.
    """

    name: str
    arguments: tuple[str, ...]
    returns: str
    implementation: Implementation
    defaults: tuple[str, ...] = ()
    schema: str = "pg_catalog"
    description: str = ""


@frozen(eq=False, repr=False)
class TableFunction(Value):
    """A set-returning function: ``implementation(*arguments[, session])`` iterates over datums, or tuples if it has
    ``columns``.

    ``returns`` is the element type (``"record"`` with ``columns``). ``result_name`` names the one column in FROM
    where that is not the function's name. ``specialize`` as for scalar functions.
    """

    name: str
    arguments: tuple[str, ...]
    returns: str
    implementation: Implementation
    columns: tuple[tuple[str, str], ...] = ()
    result_name: str = ""
    strict: bool = True
    volatility: Volatility = Volatility.IMMUTABLE
    needs_session: bool = False
    specialize: bool = False
    variadic: bool = False
    argument_names: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()
    schema: str = "pg_catalog"
    rows: float = 1000.0
    description: str = ""


@frozen(eq=False, repr=False)
class Operator(Value):
    """An operator: ``function`` is the name of the scalar function with these argument types that computes it.

    ``left`` is None for a prefix operator. ``commutator`` and ``negator`` are operator names; ``selectivity`` names
    the estimator ("eq", "neq", "lt", "gt", "like", "contains" or None).
    """

    name: str
    left: str | None
    right: str
    returns: str
    function: str
    commutator: str | None = None
    negator: str | None = None
    selectivity: str | None = None
    hashes: bool = False
    merges: bool = False
    schema: str = "pg_catalog"
    description: str = ""


@frozen(eq=False, repr=False)
class Cast(Value):
    """A conversion. ``implementation(datum[, typmod, explicit][, session])``; None: same representation, nothing to do.

    ``takes_typmod``: the implementation wants the target's typmod and whether the cast was explicit. ``inline`` as
    for functions. Casts through text I/O need no entry: the binder makes them for assignment to and explicit casts
    from string types.
    """

    source: str
    target: str
    context: CastContext = CastContext.EXPLICIT
    implementation: Implementation | None = None
    inline: str | None = None
    takes_typmod: bool = False
    needs_session: bool = False
    specialize: bool = False
    volatility: Volatility = Volatility.IMMUTABLE


@frozen(eq=False, repr=False)
class OperatorClass(Value):
    """How values of a type are indexed, grouped and sorted.

    ``operators`` maps the access method's strategy numbers to operator names (btree: 1 ``<``, 2 ``<=``, 3 ``=``, 4
    ``>=``, 5 ``>``). ``identity``: Python's ``==``, ``hash`` and ``<`` on the datum are the type's own. Otherwise
    ``hash_key(datum)`` gives an object whose equality and hash are, and ``sort_key(datum)`` one whose ``<`` and
    ``==`` are; neither is called with None. ``functions`` are support functions an access method asks for by name.
    """

    name: str
    access_method: str
    type: str
    default: bool = True
    operators: Mapping[int, str] = field(factory=dict, eq=False)
    identity: bool = False
    hash_key: Implementation | None = None
    sort_key: Implementation | None = None
    functions: Mapping[str, Implementation] = field(factory=dict, eq=False)
    ordering_operators: tuple[str, ...] = ()
    """Operators by which an index gives rows in order: ``ORDER BY column <-> value LIMIT k``."""
    schema: str = "pg_catalog"


@frozen(eq=False, repr=False)
class Collation(Value):
    """A collation: ``sort_key(text)`` gives an object that sorts as the collation says; None: code point order
    ("C")."""

    name: str
    oid: int | None = None
    sort_key: Implementation | None = None
    deterministic: bool = True
    schema: str = "pg_catalog"
