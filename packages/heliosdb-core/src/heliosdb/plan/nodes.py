"""Plan nodes: relational algebra, logical and physical.

The binder builds logical nodes, the optimizer replaces some by physical ones (index scans, hash joins, top-k) and the
code generator turns the result into Python functions. A node that makes new rows has a ``source`` number and
``columns``; ``sources`` of any node are the sources whose columns are available above it (see ``plan/expressions.py``).
Plugins add physical nodes: a subclass of ``PlanNode`` plus an emitter registered for the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.value import Value, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from heliosdb.catalog.definitions import Constraint, Index, Relation
    from heliosdb.plan.expressions import AggregateCall, Expression, SetReturningCall, SortKey, WindowCall


@frozen(kw_only=True, eq=False, repr=False)
class OutputColumn(Value):
    """Name and type of one column of a source."""

    name: str
    type: str
    typmod: int = -1
    nullable: bool = True
    collation: str | None = None
    origin: tuple[int, int] = field(default=(0, 0), eq=False)  # (OID of the table, number) of a column as it is


@frozen(kw_only=True, eq=False, repr=False)
class PlanNode(Value):
    """Base of all nodes. ``rows`` and ``cost`` are estimates, filled in by the optimizer."""

    rows: float | None = field(default=None, eq=False)
    cost: float | None = field(default=None, eq=False)

    @property
    def inputs(self) -> tuple[PlanNode, ...]:
        """The nodes this one reads from."""
        return ()

    @property
    def sources(self) -> tuple[int, ...]:
        """The sources whose columns are available above this node."""
        return tuple(source for node in self.inputs for source in node.sources)


@frozen(kw_only=True, eq=False, repr=False)
class Source(PlanNode):
    """Base of nodes that make rows of their own."""

    source: int
    columns: tuple[OutputColumn, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@frozen(kw_only=True, eq=False, repr=False)
class Unary(PlanNode):
    """Base of nodes with one input."""

    input: PlanNode

    @property
    def inputs(self) -> tuple[PlanNode, ...]:
        return (self.input,)


@frozen(kw_only=True, eq=False, repr=False)
class OneRow(PlanNode):
    """One row without columns: SELECT without FROM."""


@frozen(kw_only=True, eq=False, repr=False)
class Empty(Source):
    """No rows: what a contradiction becomes."""


@frozen(kw_only=True, eq=False, repr=False)
class Scan(Source):
    """All rows of a stored relation. Columns are all attributes in slot order, dropped ones included.

    ``snapshot`` is None for the statement's own, else what a clause extension asked for (its ``Expression`` arguments
    are evaluated once a statement and given to the hook ``resolve_snapshot``); the relation is that of then. ``alias``
    is what EXPLAIN prints.
    """

    relation: Relation
    alias: str = ""
    snapshot: SnapshotRequest | None = None


@frozen(kw_only=True, eq=False, repr=False)
class SnapshotRequest(Value):
    """Read as of another snapshot: the clause's name and its bound arguments.

    ``number`` tells it from the others of the statement; ``base`` is the one within which it stands (``FROM t@x`` in a
    query AS OF SCN 7). The binder sets both.
    """

    clause: str
    arguments: tuple[Expression, ...] = ()
    payload: Any = None
    number: int = 0
    base: SnapshotRequest | None = None


@frozen(kw_only=True, eq=False, repr=False)
class IndexScan(Source):
    """Rows of a relation through an index, physical.

    Ordered methods: ``equal`` are the values of a prefix of the key columns, then ``low``/``high`` bound the next one
    (None: open). ``in_list``: alternatives for the last column of the prefix, or with ``in_array`` one array of them.
    ``unique`` where at most one row can come. Other methods: ``strategy`` and ``argument`` of a search, or
    ``nearest`` = (operator, argument) for an ordering scan; likely rows come for ``likely`` = (LIMIT, OFFSET), for the
    ``share`` that a condition above leaves, with so many ``beyond``; ``within`` = (argument, bound): none beyond the
    bound, if the arguments are equal. ``recheck`` is a condition to be tested on each row that the index cannot decide.
    """

    relation: Relation
    index: Index
    alias: str = ""
    snapshot: SnapshotRequest | None = None
    equal: tuple[Expression, ...] = ()
    in_list: tuple[Expression, ...] = ()
    in_array: bool = False
    low: Expression | None = None
    low_inclusive: bool = True
    high: Expression | None = None
    high_inclusive: bool = True
    descending: bool = False
    unique: bool = False
    strategy: int | None = None
    argument: Expression | None = None
    nearest: tuple[str, Expression] | None = None
    likely: tuple[Expression | None, Expression | None] | None = None
    share: float = 1.0
    beyond: int = 0
    within: tuple[Expression, Expression] | None = None
    recheck: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class IndexOnlyScan(IndexScan):
    """An index scan of which nothing but key columns is read, physical: the rows stay where they are."""


@frozen(kw_only=True, eq=False, repr=False)
class IndexUnion(Source):
    """Rows that at least one of several index scans of a relation finds, each once, physical."""

    relation: Relation
    scans: tuple[IndexScan, ...]
    alias: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class IndexIntersection(Source):
    """Rows that each of several index scans of a relation may find, physical; the condition is to be tested above."""

    relation: Relation
    scans: tuple[IndexScan, ...]
    alias: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class CatalogScan(Source):
    """Rows of a virtual catalog view; ``view`` is the registered ``CatalogView``."""

    view: Any
    alias: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class Values(Source):
    """Literal rows: expressions, or a list of datums where there are very many."""

    table: tuple[tuple[Expression, ...], ...]
    datums: Sequence[tuple[Any, ...]] = field(default=(), eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class ParameterScan(Source):
    """The parameter rows of ``executemany``: column i is what ``$i+1`` is for one row."""


@frozen(kw_only=True, eq=False, repr=False)
class RowFeed(Source):
    """Rows of datums that are brought while the statement runs (COPY FROM)."""


@frozen(kw_only=True, eq=False, repr=False)
class FunctionScan(Source):
    """Rows of set-returning (or scalar, one row) calls side by side, with an ordinality column where asked."""

    calls: tuple[SetReturningCall | Expression, ...]
    ordinality: bool = False
    alias: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class CteScan(Source):
    """Rows of a materialized common table expression, by its number in the statement."""

    cte: int
    name: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class WorkTableScan(Source):
    """Rows of the previous round of the recursive union with this number."""

    cte: int
    name: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class Filter(Unary):
    """Rows for which the condition is true."""

    condition: Expression


@frozen(kw_only=True, eq=False, repr=False)
class Project(Unary):
    """Compute a new row; also what a subquery in FROM or a view is."""

    source: int
    columns: tuple[OutputColumn, ...]
    expressions: tuple[Expression, ...]
    alias: str = ""

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@frozen(kw_only=True, eq=False, repr=False)
class ProjectSet(Unary):
    """A projection in which some expressions are set-returning calls (or contain them): rows are the calls in
    lockstep.
    """

    source: int
    columns: tuple[OutputColumn, ...]
    expressions: tuple[Expression, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@frozen(kw_only=True, eq=False, repr=False)
class Join(PlanNode):
    """``kind``: "inner", "left", "right", "full", "semi", "anti". ``lateral``: the right side names sources of the
    left.

    ``condition`` None is a cross join. Columns of the side that may be missing are NULL. Semi and anti joins
    give the left side's sources only; ``null_aware`` anti is NOT IN.
    """

    kind: str
    left: PlanNode
    right: PlanNode
    condition: Expression | None = None
    lateral: bool = False
    null_aware: bool = False

    @property
    def inputs(self) -> tuple[PlanNode, ...]:
        return (self.left, self.right)

    @property
    def sources(self) -> tuple[int, ...]:
        if self.kind in ("semi", "anti"):
            return self.left.sources
        return self.left.sources + self.right.sources


@frozen(kw_only=True, eq=False, repr=False)
class HashJoin(Join):
    """A join by equality of keys, physical: the right side is built into a hash table; ``condition`` is the rest.

    ``key_orderings`` give hash_key where a key type is not identity.
    """

    left_keys: tuple[Expression, ...]
    right_keys: tuple[Expression, ...]
    key_classes: tuple[Any, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class IndexJoin(Join):
    """For each left row the rows of an index scan on the right whose arguments name left sources, physical."""


@frozen(kw_only=True, eq=False, repr=False)
class Kept(Unary):
    """The input's rows, computed once a statement although what is around it runs many times, physical.

    With ``keys`` (over the input) only those rows whose keys equal the ``values``, which come from outside; the rows
    are kept by key. ``key_classes`` as for a hash join.
    """

    keys: tuple[Expression, ...] = ()
    values: tuple[Expression, ...] = ()
    key_classes: tuple[Any, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Aggregate(Unary):
    """Groups and aggregates. The row is: group values in order, then the calls in order.

    ``groups`` empty and no grouping sets: one row always. ``grouping_sets`` lists group indexes a set; a group not in
    the set is NULL; ``Grouping`` expressions above read the set's mask from the column after the calls.
    """

    source: int
    columns: tuple[OutputColumn, ...]
    groups: tuple[Expression, ...]
    group_classes: tuple[Any, ...]
    calls: tuple[AggregateCall, ...]
    grouping_sets: tuple[tuple[int, ...], ...] | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@frozen(kw_only=True, eq=False, repr=False)
class Window(Unary):
    """Window calls over the input; their results are the columns of ``source``, the input's sources pass through."""

    source: int
    columns: tuple[OutputColumn, ...]
    calls: tuple[WindowCall, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        return (*self.input.sources, self.source)


@frozen(kw_only=True, eq=False, repr=False)
class Sort(Unary):
    """Order by keys; stable. ``top`` (and ``skip``, added to it) bound the rows that are kept: a top-k, set by the
    optimizer.
    """

    keys: tuple[SortKey, ...]
    top: Expression | None = None
    skip: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Limit(Unary):
    """LIMIT and OFFSET; ``ties`` are the sort keys of WITH TIES. Unless it ``skips``, OFFSET's rows come as well."""

    limit: Expression | None = None
    offset: Expression | None = None
    skips: bool = True
    ties: tuple[SortKey, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Distinct(Unary):
    """DISTINCT over all columns of the input's only source, or DISTINCT ON the expressions (input sorted by them).

    ``classes`` are the operator classes of what is compared.
    """

    on: tuple[Expression, ...] = ()
    classes: tuple[Any, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class SetOperation(Source):
    """``kind`` "union", "intersect", "except"; both inputs are single-source with equal column types."""

    kind: str
    all: bool
    left: PlanNode
    right: PlanNode
    classes: tuple[Any, ...] = ()

    @property
    def inputs(self) -> tuple[PlanNode, ...]:
        return (self.left, self.right)


@frozen(kw_only=True, eq=False, repr=False)
class With(PlanNode):
    """Common table expressions, evaluated on first use and kept; data-modifying ones always run to the end, before
    the input's end.

    Each is (number, name, plan). ``input`` refers to them by CteScan.
    """

    ctes: tuple[tuple[int, str, PlanNode], ...]
    input: PlanNode

    @property
    def inputs(self) -> tuple[PlanNode, ...]:
        return (self.input,)


@frozen(kw_only=True, eq=False, repr=False)
class RecursiveUnion(Source):
    """``start`` UNION [ALL] ``step``, step reading the previous round through WorkTableScan(cte)."""

    cte: int
    all: bool
    start: PlanNode
    step: PlanNode
    classes: tuple[Any, ...] = ()

    @property
    def inputs(self) -> tuple[PlanNode, ...]:
        return (self.start, self.step)


@frozen(kw_only=True, eq=False, repr=False)
class LockRows(Unary):
    """FOR UPDATE and kin: lock each row of the named sources (scans below) and re-evaluate where it changed.

    ``strength``: "update", "no key update", "share", "key share"; ``wait``: "block", "nowait", "skip".
    """

    locks: tuple[tuple[int, str, str], ...]
    relations: Mapping[int, Relation] = field(factory=dict, eq=False)
    """The relation of each locked source."""
    recheck: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Assignment(Value):
    """What one attribute (0-based slot) gets."""

    slot: int
    value: Expression


@frozen(kw_only=True, eq=False, repr=False)
class ConflictClause(Value):
    """ON CONFLICT: ``arbiters`` are the unique indexes (empty: any). ``assignments`` None is DO NOTHING.

    In assignments and condition the existing row is ``existing`` and the proposed one ``excluded`` (sources).
    """

    arbiters: tuple[Index, ...]
    existing: int
    excluded: int
    assignments: tuple[Assignment, ...] | None = None
    condition: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RowCheck(Value):
    """A condition a new row must not make false, with what to say if it does; bound on the modified row's source."""

    condition: Expression
    constraint: str
    kind: str = "check"


@frozen(kw_only=True, eq=False, repr=False)
class Modify(Unary):
    """Base of Insert, Update, Delete. ``target`` is the source number under which the new row (old for DELETE) is
    known.

    ``checks`` and ``generated`` (stored generated columns) are bound on ``target``. ``returning`` expressions are
    bound on ``target`` and, for UPDATE ... FROM, on the input's sources; ``columns`` and ``source`` describe
    RETURNING's row. ``foreign_keys`` are constraints of this table to check; ``referencing`` those of other tables
    that point here.
    """

    relation: Relation
    target: int
    source: int
    columns: tuple[OutputColumn, ...] = ()
    returning: tuple[Expression, ...] | None = None
    checks: tuple[RowCheck, ...] = ()
    generated: tuple[Assignment, ...] = ()
    foreign_keys: tuple[Constraint, ...] = ()
    referencing: tuple[tuple[Relation, Constraint], ...] = ()
    recheck: Expression | None = None
    """All conditions of UPDATE or DELETE in one, for a row that changed while its lock was waited for (set by the
    optimizer).
    """

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@frozen(kw_only=True, eq=False, repr=False)
class Insert(Modify):
    """Insert the input's rows; ``values`` give every attribute (defaults filled in) from the input's source."""

    values: tuple[Expression, ...]
    conflict: ConflictClause | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Update(Modify):
    """Update the scan ``scan`` of the input; assignments are bound on the input's sources (the old row is source
    ``scan``).
    """

    scan: int
    assignments: tuple[Assignment, ...]


@frozen(kw_only=True, eq=False, repr=False)
class Delete(Modify):
    """Delete the rows of the scan ``scan`` of the input."""

    scan: int


@frozen(kw_only=True, eq=False, repr=False)
class CompletedRows(Unary):
    """The input's rows as a table takes them: ``values`` give every attribute, from the input's source; ``generated``
    columns are computed, NOT NULL and ``checks`` looked at, bound on ``target``. Nothing is written."""

    relation: Relation
    target: int
    source: int
    columns: tuple[OutputColumn, ...]
    values: tuple[Expression, ...]
    checks: tuple[RowCheck, ...] = ()
    generated: tuple[Assignment, ...] = ()

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@frozen(kw_only=True, eq=False, repr=False)
class MergeAction(Value):
    """One WHEN of MERGE: ``action`` is "update" (``assignments``), "delete", "insert" (``values`` of every attribute)
    or "nothing"; bound on the input's sources, as ``condition`` is."""

    matched: bool
    action: str
    condition: Expression | None = None
    assignments: tuple[Assignment, ...] = ()
    values: tuple[Expression, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Merge(Modify):
    """Do with each row of the input, a join with the scan ``scan``, what the first action says that applies.

    A row without a row of the scan is not matched. ``recheck`` is the condition of the join.
    """

    scan: int
    actions: tuple[MergeAction, ...]


@frozen(kw_only=True, eq=False, repr=False)
class LiteralSlot(Value):
    """A literal of the text that the plan leaves free: how its datum is made before each execution.

    The datum is ``input(type)(text, typmod, session)`` of the slot's text, with a minus sign before it where
    ``negated``; for the type "bit" the text is what follows the leading b, or x (see the type's own input).
    """

    slot: int
    type: str
    typmod: int = -1
    negated: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class BoundStatement(Value):
    """A bound query or data modification: what the optimizer and the code generator work on.

    ``columns`` describe the result (None: no rows come back). ``slots`` are the literal slots that are free: every
    other counts as looked at; ``pinned`` are those that the binder met and knows to be so. ``dependencies`` are (OID,
    version) pairs; ``cacheable`` False keeps it out of shared caches. ``has_forms``: a table has columns with a stored
    form. ``access``: (relation, privilege, the role whose it has to be), as in ``catalog/access.py``."""

    plan: PlanNode
    columns: tuple[OutputColumn, ...] | None
    tag: str
    parameter_types: tuple[str, ...] = ()
    slots: tuple[LiteralSlot, ...] = ()
    pinned: frozenset[int] = frozenset()
    dependencies: frozenset[tuple[int, int]] = frozenset()
    read_only: bool = True
    cacheable: bool = True
    has_forms: bool = False
    access: tuple[tuple[Relation, str, int], ...] = ()
