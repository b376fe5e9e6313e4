"""The access-method contract: what an index is to the store, and what it may leave to others.

An index maps *keys* to row ids. It is derived from the rows and knows neither snapshots, nor transactions, nor
whether a row is visible. One rule makes that enough:

    an index holds, for every key, at least the row ids that have it in a version that some reader may still see;
    whoever reads through it looks at the row version that *he* sees and checks it again.

So ``apply`` adds entries at once but takes entries away only logically: the store calls ``forget`` for an entry when no
reader can need it any more. A method that keeps nothing but a multimap is a correct one. btree implements this
contract like any plugin, and has the optional abilities that its better speed comes from.

There is one Index for each index of each timeline. A branch starts with an empty one and reads its parent's besides.
The writes of an open transaction go to a small Index of its own. ``IndexView`` (heliosdb.transaction) merges them.

Concurrency: ``apply``, ``forget``, ``build`` and ``load`` are called by one thread at a time. ``candidates`` and
``nearest`` may run in any number of threads meanwhile, and must then miss none of the entries that were there when
they began.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from attrs import field, frozen

from heliosdb.store.column_values import ColumnValues

__all__ = [
    "ALL_NAMED",
    "AccessMethod",
    "Index",
    "IndexChange",
    "IndexDefinition",
    "IndexSpec",
    "Likely",
    "LikelySearch",
    "Nearest",
    "Ordered",
    "Persisted",
    "Progress",
]

Row = tuple[Any, ...]
IndexChange = tuple[int, Sequence[Any], Sequence[Any]]
"""(row id, keys it no longer has, keys it has now)."""
Progress = Callable[[int], None]
"""Called during a build with the number of rows done so far."""


@frozen
class IndexDefinition:
    """What an access method is told about an index it is to create.

    ``columns`` is their number; ``operator_classes`` one name each; ``options`` what ``WITH (...)`` gave, parsed by
    the method; ``typmods`` the columns' type modifiers, -1 for none and for expressions. While a column changes its
    type the index may be given rows of the type that it had, or is going to have.
    """

    oid: int
    columns: int
    unique: bool = False
    operator_classes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(factory=dict)
    support: tuple[Mapping[str, Callable[..., Any]], ...] = ()
    typmods: tuple[int, ...] = ()


@frozen(eq=False)
class IndexSpec:
    """An index as the store maintains it: how to get keys of rows, and what is unique.

    ``key(row)`` gives the key of a row; ``order_key(row)`` the key it sorts by (None: the key itself), and
    ``order_of(key)`` what a key sorts by, where that follows from it: else the index stays in memory.
    ``values(row)`` gives the indexed values, for methods with many keys per row, whose Index extracts the keys
    itself. ``predicate(row)`` says whether a row is in a partial index. ``describe_key(row)`` prints ``(a, b)=(1,
    2)`` for error details. ``key_column`` is the row's slot when the key is that datum itself (or NULL), which
    shortens point access. ``deferrable`` unique indexes may hold duplicates until the end of the statement or, when
    ``initially_deferred``, of the transaction.
    """

    oid: int
    relation_oid: int
    key: Callable[[Row], Any]
    order_key: Callable[[Row], Any] | None = None
    order_of: Callable[[Any], Any] | None = None
    width: int = 1
    method: str = "btree"
    unique: bool = False
    nulls_not_distinct: bool = False
    predicate: Callable[[Row], Any] | None = None
    deferrable: bool = False
    initially_deferred: bool = False
    constraint: str = ""
    table: str = ""
    schema: str | None = None
    describe_key: Callable[[Row], str] | None = None
    values: Callable[[Row], tuple[Any, ...]] | None = None
    key_column: int | None = None
    definition: IndexDefinition | None = None

    @property
    def is_sortable(self) -> bool:
        """Whether whoever has a key knows where it is among sorted elements."""
        return self.order_key is None or self.order_of is not None


class Index(Protocol):
    """One index of one timeline (or of one open transaction)."""

    def extract(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the keys of a row with these indexed values: none, one or many."""
        ...

    def apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        """Take in a commit's changes. Removed keys stay findable until ``forget``."""
        ...

    def forget(self, entries: Iterable[tuple[Any, int]]) -> None:
        """Drop (key, row id) entries that no reader can need any more."""
        ...

    def build(self, batches: Iterable[Sequence[tuple[int, Sequence[Any]]]], progress: Progress | None = None) -> None:
        """Take in many (row id, keys) at once: the first filling of an index over existing rows.

        What is committed meanwhile comes by ``apply`` afterwards, and may repeat what the build has met.
        """
        ...

    def candidates(
        self, strategy: int, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[Sequence[int]]:
        """Yield batches of row ids that may satisfy ``column <operator of strategy> argument``: a superset.

        ``row_filter`` leaves out every row id that is not in it.
        """
        ...

    def size_bytes(self) -> int:
        """Return about how much memory the index holds."""
        ...

    def check(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> list[str]:
        """Compare with the (row id, keys) that the table has and return what is missing, in words."""
        ...


@runtime_checkable
class Ordered(Protocol):
    """An index that can give its keys in order."""

    def key_windows(self, low: Any, high: Any, low_inclusive: bool, high_inclusive: bool, descending: bool) -> Any:
        """Return an iterator of growing lists of keys between two bounds, in order."""
        ...


@runtime_checkable
class Nearest(Protocol):
    """An index that answers ``ORDER BY column <operator> argument LIMIT k``."""

    def nearest(
        self, operator: str, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[tuple[Any, int]]:
        """Yield (ordering value, row id) by increasing ordering value, lazily. A value may be a lower bound."""
        ...

    def ordering_value(self, operator: str, argument: Any, values: Sequence[Any]) -> Any:
        """Return the exact ordering value of a row with these indexed values."""
        ...


ALL_NAMED = 2**63 - 1
"""As many as there are."""


class LikelySearch(NamedTuple):
    """``ORDER BY column <operator> argument LIMIT wanted``, as an index is asked for it.

    ``wanted``: so many rows will do, 1 at least. Where a condition has to hold as well it is the number among which as
    many are expected to satisfy it. ``scn``: the snapshot, on the index's own timeline.
    ``setting(name)`` gives a setting of the session.
    """

    operator: str
    argument: Any
    wanted: int
    scn: int
    setting: Callable[[str], Any]


class Named(NamedTuple):
    """A batch of likely rows: with ``row_ids`` and those before, ``sure`` of the nearest rows are likely named.

    ``in_order``: they stand by increasing value of the operator, surely, and none of them has a value that another has:
    who needs only their order need not compute any.
    """

    sure: int
    row_ids: Sequence[int]
    in_order: bool = False


@runtime_checkable
class Likely(Protocol):
    """An index that answers ``ORDER BY column <operator> argument LIMIT k`` with rows that are likely the nearest.

    ``trouble``, where an index has it, is None or says why it names nothing, in words for EXPLAIN. One that can say so
    raises nothing when it is changed or filled; CREATE INDEX and REINDEX fail with these words.
    """

    def likely(self, search: LikelySearch) -> Iterator[Named]:
        """Yield batches of row ids, lazily, nearer ones before those that are farther.

        Others may be among them, and some again. It may end at any time, and at once: the engine reads all other rows
        itself. So it should end when that is quicker than to go on. An index that has named all it holds says
        ``ALL_NAMED``, also where that is nothing: that of a branch holds few, and its parent is asked besides.
        """
        ...

    def ordering_values(self, operator: str, argument: Any, column: ColumnValues) -> Sequence[Any]:
        """Return the exact ordering value of each of many rows, given their indexed values: a number, or None."""
        ...


@runtime_checkable
class Persisted(Protocol):
    """An index whose structure can be kept instead of being built again.

    It is kept at checkpoints when a part of it has changed. What came later is found in the rows when the database
    opens: for the blocks that have changed since, ``entries`` says what the index has, and it gets the rest.
    """

    def blobs(self) -> dict[str, bytes]:
        """Return the index as named blobs. Commits wait meanwhile."""
        ...

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Become what ``blobs`` returned; raise ValueError for blobs of another make, and the index is built again."""
        ...

    def entries(self, first: int, past: int) -> Iterable[tuple[Any, int]]:
        """Return the (key, row id) of rows from one id up to another that were not forgotten.

        A key equals (``==``) what ``extract`` gave, and ``apply`` and ``forget`` take it in its place.
        """
        ...

    def ended(self) -> Iterable[tuple[int, Any, int]]:
        """Return (SCN, key, row id) of removed keys that wait for ``forget``, where the index knows; else nothing."""
        ...


class AccessMethod(Protocol):
    """A kind of index: its abilities, its strategies, and how to make one.

    ``exact``: candidates satisfy the condition (for the version they were entered for), so plans need not evaluate
    it again. ``ordered``: indexes are ``Ordered``. ``likely`` (False where it is missing): they are ``Likely`` and not
    ``Nearest``. ``many_keys``: ``extract`` may give more than one key, and the
    store asks it. ``strategies`` maps an operator class to {strategy number: operator name}.

    ``refusal(options, setting)``, where a method has it, is asked when a plan is made that might order rows by an
    index: why it is not to be used, in words for EXPLAIN, with these options and settings of the session (which
    register with ``affects_plans``); None where it may be.

    ``settle(options, operator_classes, attached)``, where a method has it, is called by CREATE INDEX and returns the
    options that the index keeps: those given, and what the method adds to them. ``attached`` is what plugins keep since
    the database was opened (``Opening.attach``), so the configuration decides for new indexes and never for old ones.
    """

    name: str
    exact: bool
    unique: bool
    ordered: bool
    many_keys: bool
    strategies: Mapping[str, Mapping[int, str]]
    options: Mapping[str, Callable[[str], Any]]

    def create(self, definition: IndexDefinition) -> Index:
        """Return an empty index."""
        ...

    def cost(self, rows: float, selectivity: float) -> float:
        """Return the cost of a search in units of one row read by a scan."""
        ...
