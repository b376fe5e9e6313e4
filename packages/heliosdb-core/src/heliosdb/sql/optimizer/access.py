"""Access paths: which index, if any, a filtered scan uses.

For an ordered method the conditions are matched to the index keys (columns or expressions) from the left: equalities
(and one IN list) make the prefix, then comparisons, or the beginning of a LIKE pattern, bound the next key. What the
index decides is taken out of the filter. For other methods an operator of the index's operator class on its key is a
search; inexact ones keep the condition. A partial index serves where its predicate follows from the conditions
(``implication``). An OR whose every arm has an index is the union of index scans.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from heliosdb.codegen.index_keys import operator_class_of
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import columns_in, walk
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, split, unlabelled
from heliosdb.sql.optimizer.estimates import in_list_length
from heliosdb.sql.optimizer.implication import follows

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index
    from heliosdb.sql.optimizer.estimates import Estimates
    from heliosdb.sql.optimizer.stored import StoredExpressions

__all__ = ["AccessPaths", "index_cost"]

FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
INTEGERS = frozenset({"int2", "int4", "int8"})
LOOKUP, RANGE, ROW, KEY = 8.0, 150.0, 6.0, 2.0
"""What finding a whole key, finding a range of keys, each row found, and each key where no row is read cost, in rows of
a filtered sequential scan; measured: rows that an index finds are somewhere else in memory each."""


def index_cost(scan: pn.IndexScan, rows: float) -> float:
    """Return what one index scan that finds so many rows costs, in rows of a sequential scan."""
    whole = scan.strategy is not None or len(scan.equal) + bool(scan.in_list) == len(scan.index.keys)
    each = KEY if isinstance(scan, pn.IndexOnlyScan) else ROW
    return (LOOKUP if whole else RANGE) * max(1.0, in_list_length(scan)) + each * rows


@frozen
class _Comparison:
    """``operand operator value`` in a condition; ``condition`` is the whole part."""

    operand: ex.Expression
    operator: str
    value: ex.Expression
    condition: ex.Call


class AccessPaths:
    """Chooses access paths for one statement; ``stored`` binds the expressions of index definitions.

    Without the statement's plan, ``whole``, no index is taken to hold all that is read.
    """

    def __init__(
        self, registries: Any, estimates: Estimates, stored: StoredExpressions, whole: pn.PlanNode | None = None
    ) -> None:
        self.named, self.read_whole = ({}, set()) if whole is None else columns_read(whole)
        self.is_whole_known = whole is not None
        self.registries = registries
        self.estimates = estimates
        self.stored = stored

    def choose(self, scan: pn.Scan, condition: ex.Expression | None, *, one_index: bool = False) -> pn.PlanNode:
        """Return the cheapest way to read the scan's rows that satisfy the condition.

        ``one_index``: as they are, or through one index.
        """
        parts = list(split(condition))
        best: pn.PlanNode = scan if condition is None else pn.Filter(input=scan, condition=condition)
        if not parts:
            return best
        best_cost = self.estimates.table(scan.relation)
        scans: list[tuple[float, pn.IndexScan]] = []
        for candidate in self._candidates(scan, parts):
            found = candidate.input if isinstance(candidate, pn.Filter) else candidate
            if isinstance(found, pn.IndexScan) and found.unique and len(found.equal) == len(found.index.keys):
                # One row at most, however small the table is; and small tables grow.
                return candidate
            cost = self._cost(found)
            if cost < best_cost:
                best, best_cost = candidate, cost
            assert isinstance(found, pn.IndexScan)
            if found.strategy is None and not found.in_list and (found.equal or found.low or found.high):
                scans.append((self.estimates.rows(found), found))
        if one_index:
            return best
        both = self._intersection(scan, scans)
        if both is not None and both[1] < best_cost:
            assert condition is not None
            best, best_cost = self._filtered(both[0], condition, scan), both[1]
        union = self._union(scan, parts)
        if union is not None:
            cost = sum(self._cost(part) for part in union.scans)
            if cost < best_cost:
                assert condition is not None
                return self._filtered(evolve(union, rows=cost / ROW), condition, scan)
        return best

    def _filtered(self, node: pn.PlanNode, condition: ex.Expression, scan: pn.Scan) -> pn.PlanNode:
        """Return a filter by conditions that the node knows already: testing them again leaves no fewer rows."""
        rows = self.estimates.table(scan.relation) * self.estimates.selectivity(condition, scan)
        return pn.Filter(input=node, condition=condition, rows=max(1.0, rows))

    def _intersection(
        self, scan: pn.Scan, scans: list[tuple[float, pn.IndexScan]]
    ) -> tuple[pn.IndexIntersection, float] | None:
        """Return the rows that two or more indexes find, and what that costs: ids are cheap, rows are not."""
        whole = self.estimates.table(scan.relation)
        chosen: list[pn.IndexScan] = []
        columns: set[int | None] = set()
        rows, ids, least = whole, 0.0, float("inf")
        for found, candidate in sorted(scans, key=lambda entry: entry[0]):
            bound = {key.column for key in candidate.index.keys[: len(candidate.equal) + 1]}
            if columns & bound:
                continue  # what it knows may be known already
            lookup = index_cost(candidate, 0)
            cost = ids + lookup + KEY * found + ROW * rows * found / whole
            if chosen and cost >= least:
                break
            chosen.append(candidate)
            columns |= bound
            rows, ids, least = rows * found / whole, ids + lookup + KEY * found, cost
        if len(chosen) < 2:
            return None
        made = pn.IndexIntersection(
            source=scan.source, columns=scan.columns, relation=scan.relation, alias=scan.alias, scans=tuple(chosen),
            rows=max(1.0, rows),
        )  # fmt: skip
        return made, least

    def bounded(self, scan: pn.Scan, index: Index, condition: ex.Expression) -> pn.PlanNode | None:
        """Return the scan through an ordered index as far as the condition bounds its keys; None where it does not."""
        parts = list(split(condition))
        return self._ordered(scan, index, list(self._comparisons(scan, parts)), parts)

    def _cost(self, scan: pn.PlanNode) -> float:
        assert isinstance(scan, pn.IndexScan)
        return index_cost(scan, self.estimates.rows(scan))

    def _candidates(self, scan: pn.Scan, parts: list[ex.Expression]) -> Iterator[pn.PlanNode]:
        comparisons = list(self._comparisons(scan, parts))
        for index in scan.relation.indexes:
            method = self.registries.access_methods.get(index.method)
            if not index.valid or method is None:
                continue
            predicate: list[ex.Expression] = []
            if index.predicate is not None:
                predicate = list(split(self.stored.predicate(scan, index)))
                if not all(follows(part, parts) for part in predicate):
                    continue
            make = self._ordered if method.ordered else self._search
            candidate = make(scan, index, comparisons, parts)
            if candidate is None and predicate and method.ordered:
                # The predicate alone makes the index small.
                candidate = self._scan(scan, index)
                rest = conjunction(part for part in parts if part not in predicate)
                candidate = candidate if rest is None else pn.Filter(input=candidate, condition=rest)
            if candidate is not None:
                yield candidate

    def _comparisons(self, scan: pn.Scan, parts: list[ex.Expression]) -> Iterator[_Comparison]:
        for part in parts:
            if not isinstance(part, ex.Call) or part.operator is None or len(part.arguments) != 2 or is_volatile(part):
                continue
            left, right = part.arguments
            for operand, value, operator in (
                (left, right, part.operator),
                (right, left, self._commuted(part)),
            ):
                if operator is not None and _reads(operand, scan.source) and not _reads(value, scan.source):
                    yield _Comparison(unlabelled(operand), operator, value, part)

    def _commuted(self, call: ex.Call) -> str | None:
        assert call.operator is not None
        if call.operator in FLIPPED:
            return FLIPPED[call.operator]
        for operator in self.registries.operators.get(call.operator, ()):
            if (operator.left, operator.right) == call.argument_types[:2]:
                return operator.commutator  # type: ignore[no-any-return]
        return None

    def is_key(self, scan: pn.Scan, index: Index, position: int, operand: ex.Expression) -> bool:
        """Whether an expression is what the index's key holds."""
        key = index.keys[position]
        if key.column is not None:
            return isinstance(operand, ex.Column) and operand.source == scan.source and operand.index == key.column - 1
        return unlabelled(self.stored.key(scan, index, position)) == operand

    def key_type(self, scan: pn.Scan, index: Index, position: int) -> str:
        key = index.keys[position]
        return key.type if key.column is None else scan.relation.columns[key.column - 1].stored_type

    def _is_usable(self, scan: pn.Scan, index: Index, position: int, comparison: _Comparison) -> bool:
        """Whether the comparison is on the index key, with an operator that the key is sorted by."""
        if not self.is_key(scan, index, position, comparison.operand):
            return False
        # Comparisons between two types are made by functions of their own; keys only compare with keys of one type,
        # or of integer types among each other, which Python compares exactly.
        left, right = comparison.condition.argument_types[:2]
        if left != right and not {left, right} <= INTEGERS:
            return False
        key_type = self.key_type(scan, index, position)
        wanted = operator_class_of(key_type, index.keys[position], index.method, self.registries)
        return comparison.operator in wanted.operators.values() or comparison.operator in FLIPPED

    def _scan(self, scan: pn.Scan, index: Index, **how: Any) -> pn.IndexScan:
        return pn.IndexScan(
            source=scan.source, columns=scan.columns, relation=scan.relation, index=index, alias=scan.alias,
            snapshot=scan.snapshot, **how,
        )  # fmt: skip

    def _ordered(
        self, scan: pn.Scan, index: Index, comparisons: list[_Comparison], parts: list[ex.Expression]
    ) -> pn.PlanNode | None:
        equal: list[ex.Expression] = []
        used: list[ex.Expression] = []
        in_list: tuple[ex.Expression, ...] = ()
        in_array = False
        bounds: dict[str, Any] = {}
        for position in range(len(index.keys)):
            usable = [c for c in comparisons if self._is_usable(scan, index, position, c)]
            equality = next((c for c in usable if c.operator == "="), None)
            if equality is not None and not in_list:
                equal.append(equality.value)
                used.append(equality.condition)
                continue
            members = None if in_list else self._in_list(scan, index, position, parts)
            if members is not None:
                in_array = isinstance(members, ex.AnyAll)
                in_list = (members.array,) if isinstance(members, ex.AnyAll) else members.items
                used.append(members)
                continue
            if equality is None:
                bounds = self._bounds(usable, used) or self._prefix(scan, index, position, comparisons)
            break
        if not used and not bounds:
            return None
        unique = index.unique and len(equal) == len(index.keys) and not in_list
        unique = unique and not any(c.index == index.oid and c.deferrable for c in scan.relation.constraints)
        found = self._scan(scan, index, equal=tuple(equal), in_list=in_list, in_array=in_array, unique=unique, **bounds)
        if not unique and self._suffices(scan, index, len(equal) + bool(in_list) + bool(bounds)):
            found = pn.IndexOnlyScan(
                source=scan.source, columns=scan.columns, relation=scan.relation, index=index, alias=scan.alias,
                snapshot=scan.snapshot, equal=tuple(equal), in_list=in_list, in_array=in_array, **bounds,
            )  # fmt: skip
        rest = conjunction(part for part in parts if part not in used)
        return found if rest is None else pn.Filter(input=found, condition=rest)

    def _suffices(self, scan: pn.Scan, index: Index, bound: int) -> bool:
        """Whether the index's keys are all that the statement reads of a table, as they stand; ``bound`` of them are
        not NULL because a condition says so."""
        if (
            not self.is_whole_known
            or index.method != "btree"
            or index.predicate is not None
            or scan.source in self.read_whole
        ):
            return False
        places: dict[int, int] = {}
        for place, key in enumerate(index.keys):
            if (
                key.column is None
                or not operator_class_of(self.key_type(scan, index, place), key, index.method, self.registries).identity
            ):
                return False
            places[key.column - 1] = place
        return all(
            slot in places and (places[slot] < bound or scan.relation.columns[slot].not_null)
            for slot in self.named.get(scan.source, ())
        )

    @staticmethod
    def _bounds(usable: list[_Comparison], used: list[ex.Expression]) -> dict[str, Any]:
        """Return the bounds that comparisons put on a key, and note which conditions they decide."""
        bounds: dict[str, Any] = {}
        for comparison in usable:
            if comparison.operator in (">", ">=") and "low" not in bounds:
                bounds |= {"low": comparison.value, "low_inclusive": comparison.operator == ">="}
                used.append(comparison.condition)
            elif comparison.operator in ("<", "<=") and "high" not in bounds:
                bounds |= {"high": comparison.value, "high_inclusive": comparison.operator == "<="}
                used.append(comparison.condition)
        return bounds

    def _prefix(self, scan: pn.Scan, index: Index, position: int, comparisons: list[_Comparison]) -> dict[str, Any]:
        """Return the bounds that the fixed beginning of a LIKE pattern puts on a text key; the condition stays."""
        from heliosdb.types.pattern import like_prefix

        for comparison in comparisons:
            pattern = comparison.value
            if (
                comparison.operator != "~~"
                or comparison.condition.arguments[1] is not pattern
                or not isinstance(pattern, ex.Constant)
                or pattern.slot is not None
                or pattern.value is None
                or self.key_type(scan, index, position) not in ("text", "varchar")
                or not self.is_key(scan, index, position, comparison.operand)
            ):
                continue
            prefix, _ = like_prefix(pattern.value)
            if not prefix:
                continue
            bounds: dict[str, Any] = {"low": evolve(pattern, value=prefix, type="text", nullable=False)}
            if ord(prefix[-1]) < MAX_CHARACTER:
                following = prefix[:-1] + chr(ord(prefix[-1]) + 1)
                bounds |= {"high": evolve(pattern, value=following, type="text", nullable=False)}
                bounds |= {"high_inclusive": False}
            return bounds
        return {}

    def _in_list(
        self, scan: pn.Scan, index: Index, position: int, parts: list[ex.Expression]
    ) -> ex.InList | ex.AnyAll | None:
        for part in parts:
            if (
                isinstance(part, ex.AnyAll)
                and not part.all
                and not _reads(part.array, scan.source)
                and not is_volatile(part.array)
                and self._is_element_of(scan, index, position, part.comparison)
            ):
                return part
            if (
                isinstance(part, ex.InList)
                and part.hashable
                and not part.negated
                and self.is_key(scan, index, position, unlabelled(part.operand))
                and not any(_reads(item, scan.source) for item in part.items)
            ):
                return part
        return None

    def _is_element_of(self, scan: pn.Scan, index: Index, position: int, comparison: ex.Expression) -> bool:
        """Whether a comparison is that of an array's element with the index key."""
        if not isinstance(comparison, ex.Call) or comparison.operator != "=" or len(comparison.arguments) != 2:
            return False
        left, right = comparison.argument_types[:2]
        operand, element = map(unlabelled, comparison.arguments)
        return (
            (left == right or {left, right} <= INTEGERS)
            and isinstance(element, ex.Element)
            and self.is_key(scan, index, position, operand)
        )

    def _search(
        self, scan: pn.Scan, index: Index, comparisons: list[_Comparison], parts: list[ex.Expression]
    ) -> pn.PlanNode | None:
        method = self.registries.access_methods[index.method]
        for comparison in comparisons:
            if not self.is_key(scan, index, 0, comparison.operand):
                continue
            wanted = operator_class_of(self.key_type(scan, index, 0), index.keys[0], index.method, self.registries)
            for strategy, operator in wanted.operators.items():
                if operator == comparison.operator:
                    rows = max(1.0, 0.01 * self.estimates.table(scan.relation))
                    found = self._scan(scan, index, strategy=strategy, argument=comparison.value, rows=rows)
                    exact = bool(getattr(method, "exact", False))
                    rest = conjunction(part for part in parts if not exact or part is not comparison.condition)
                    return found if rest is None else pn.Filter(input=found, condition=rest)
        return None

    def _union(self, scan: pn.Scan, parts: list[ex.Expression]) -> pn.IndexUnion | None:
        """Return index scans for all arms of an OR; the condition is evaluated again on what they find."""
        for part in parts:
            if not isinstance(part, ex.Or) or is_volatile(part):
                continue
            scans: list[pn.IndexScan] = []
            for arm in part.arguments:
                found = self.choose(scan, arm)
                found = found.input if isinstance(found, pn.Filter) else found
                if isinstance(found, pn.IndexScan):
                    scans.append(found)
                elif isinstance(found, pn.IndexUnion):
                    scans.extend(found.scans)
                else:
                    scans = []
                    break
            if scans:
                return pn.IndexUnion(
                    source=scan.source,
                    columns=scan.columns,
                    relation=scan.relation,
                    alias=scan.alias,
                    scans=tuple(scans),
                )
        return None


def columns_read(plan: pn.PlanNode) -> tuple[dict[int, set[int]], set[int]]:
    """Return the columns that a statement names, by source, and the sources that are read whole or changed."""
    named: dict[int, set[int]] = {}
    whole: set[int] = set()
    for node in walk(plan):
        if node.__class__ is ex.Column:
            if node.index < 0:
                whole.add(node.source)
            named.setdefault(node.source, set()).add(node.index)
        elif isinstance(node, pn.SetOperation | pn.RecursiveUnion | pn.Distinct):
            whole.update(source for part in node.inputs for source in part.sources)
        elif isinstance(node, pn.With):
            whole.update(source for _, _, part in node.ctes for source in part.sources)
        elif isinstance(node, ex.Subquery):
            whole.update(node.plan.sources)
        elif isinstance(node, pn.Modify | pn.LockRows):
            whole.update(source for part in walk(node) if isinstance(part, pn.PlanNode) for source in part.sources)
    return named, whole


MAX_CHARACTER = 0xD7FE
"""A prefix that ends beyond this character gets no upper bound: what follows might be no character at all."""


def _reads(node: ex.Expression, source: int) -> bool:
    return any(column.source == source for column in columns_in(node))
