"""Which objects go with which: what DROP must take along, may take along (CASCADE), or is stopped by (dependency.c).

Dependencies are not stored: they follow from the definitions. Each object names its dependents with the kind of the
tie:

    auto     goes along silently: a table's indexes and constraints, a column's default, an owned sequence
    normal   needs CASCADE: a view on a table, a foreign key from elsewhere, a default that uses a sequence

The order in which dependents are found, newest first and depth first, is PostgreSQL's; so are, reversed, the lists in
its messages.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import ColumnDefinition, DataType, Relation
from heliosdb.commands.binding import parse_expression
from heliosdb.commands.names import visible_name
from heliosdb.commands.trees import column_names, walk
from heliosdb.errors import DependentObjectsStillExist, FeatureNotSupported
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["Dropper", "Object", "dropped_column", "sequences_in"]


@frozen
class Object:
    """Something that can be dropped: ``kind`` relation, column, constraint, index, default, type, attribute or schema.

    ``relation`` is the OID of the relation it belongs to (of a schema or type: its own); ``number`` tells it apart
    there: an attribute number, or the OID of the constraint or index.
    """

    kind: str
    relation: int
    number: int = 0

    @property
    def age(self) -> int:
        """The OID by which PostgreSQL orders objects."""
        return self.number if self.kind in ("constraint", "index") else self.relation


def regclass_names(expression: tree.Expression) -> Iterator[tuple[str, ...]]:
    """Yield the relation names that an expression has as constants of type regclass."""
    for node in walk(expression):
        if (
            isinstance(node, tree.TypeCast)
            and node.type.names[-1] == "regclass"
            and isinstance(node.operand, tree.Literal)
            and node.operand.kind == "string"
        ):
            yield split_name(node.operand.value)


def split_name(text: str) -> tuple[str, ...]:
    """Return the parts of a qualified name as text: unquoted words are folded."""
    parts: list[str] = []
    current, index = "", 0
    while index < len(text):
        letter = text[index]
        if letter == '"':
            end = index + 1
            while end < len(text):
                if text[end] == '"':
                    if text[end + 1 : end + 2] != '"':
                        break
                    end += 1
                current += text[end]
                end += 1
            index = end + 1
            continue
        if letter == ".":
            parts.append(current)
            current = ""
        else:
            current += letter.lower()
        index += 1
    return (*parts, current)


def sequences_in(session: CommandSession, text: str) -> Iterator[Relation]:
    """Yield the relations that an expression's text names as regclass."""
    if "regclass" not in text:
        return
    for name in regclass_names(parse_expression(session, text)):
        schema = name[-2] if len(name) > 1 else None
        found = session.catalog.lookup_relation(schema, name[-1], session.search_path)
        if found is not None:
            yield found


def dropped_column(column: ColumnDefinition) -> ColumnDefinition:
    """Return what stays of a dropped column: its slot."""
    return ColumnDefinition(
        number=column.number,
        name=f"........pg.dropped.{column.number}........",
        type=column.type,
        typmod=column.typmod,
        dropped=True,
    )


class Dropper:
    """Collects what one command drops, checks it against RESTRICT or tells about CASCADE, and enters it into an
    edit."""

    def __init__(self, session: CommandSession, edit: CatalogEdit) -> None:
        self.session = session
        self.edit = edit
        self._defaults: list[tuple[int, int, int]] | None = None

    # -- what depends on what --------------------------------------------------------------------------------------

    def dependents(self, target: Object) -> Iterator[tuple[Object, str]]:
        """Yield the objects that depend on one directly, each with the kind of the tie."""
        if target.kind == "schema":
            schema = self.session.catalog.object_by_oid(target.relation)
            for relation in self.edit.relations():
                if schema is not None and relation.schema == schema.name:
                    yield Object("relation", relation.oid), "normal"
            for found in self.edit.types():
                if schema is not None and found.schema == schema.name:
                    yield Object("type", found.oid), "normal"
            return
        if target.kind == "type":
            yield from self._of_type(target.relation)
            return
        if target.kind == "attribute":
            return
        relation = self.edit.existing(target.relation)
        if target.kind == "relation":
            yield from self._of_relation(relation)
        elif target.kind == "column":
            yield from self._of_column(relation, target.number)
        elif target.kind == "constraint":
            for constraint in relation.constraints:
                if constraint.oid == target.number and constraint.index is not None and constraint.foreign is None:
                    yield Object("index", relation.oid, constraint.index), "auto"
        elif target.kind == "index":
            for other, constraint in self.edit.relations_referencing(relation.oid):
                if constraint.index == target.number:
                    yield Object("constraint", other.oid, constraint.oid), "normal"

    def _of_type(self, oid: int) -> Iterator[tuple[Object, str]]:
        """Yield what is of a type, an array of it included, or mentions it."""
        names = (f"#{oid}", f"_#{oid}")
        for relation in self.edit.relations():
            if relation.kind in ("table", "materialized view"):
                for column in relation.columns:
                    if column.type in names and not column.dropped:
                        yield Object("column", relation.oid, column.number), "normal"
            if relation.oid != oid and any(other == oid for other, _ in relation.dependencies):
                yield Object("relation", relation.oid), "normal"
        for found in self.edit.types():
            if found.base in names:
                yield Object("type", found.oid), "normal"
            for number, attribute in enumerate(found.attributes, 1):
                if attribute.type in names:
                    yield Object("attribute", found.oid, number), "normal"

    def _of_relation(self, relation: Relation) -> Iterator[tuple[Object, str]]:
        oid = relation.oid
        for other in self.edit.relations():
            if other.kind in ("view", "materialized view") and any(name == oid for name, _ in other.dependencies):
                yield Object("relation", other.oid), "normal"
            if other.sequence is not None and other.sequence.owned_by is not None:
                if other.sequence.owned_by[0] == oid:
                    yield Object("relation", other.oid), "auto"
        yield from self._of_type(oid)
        for constraint in relation.constraints:
            yield Object("constraint", oid, constraint.oid), "auto"
        for index in relation.indexes:
            if index.constraint is None:
                yield Object("index", oid, index.oid), "auto"
        for other, constraint in self.edit.relations_referencing(oid):
            if other.oid != oid:
                yield Object("constraint", other.oid, constraint.oid), "normal"
        if relation.kind == "sequence":
            for table, number, sequence in self._sequence_defaults():
                if sequence == oid:
                    yield Object("default", table, number), "normal"

    def _sequence_defaults(self) -> list[tuple[int, int, int]]:
        """Return (table, attribute number, sequence) of every default that names a sequence."""
        if self._defaults is None:
            self._defaults = [
                (relation.oid, column.number, sequence.oid)
                for relation in self.edit.relations()
                for column in relation.columns
                if column.default is not None
                for sequence in sequences_in(self.session, column.default)
            ]
        return self._defaults

    def _of_column(self, relation: Relation, number: int) -> Iterator[tuple[Object, str]]:
        oid = relation.oid
        column = relation.columns[number - 1]
        for other in self.edit.relations():
            if (oid, number) in other.dependencies:
                yield Object("relation", other.oid), "normal"
            if other.sequence is not None and other.sequence.owned_by == (oid, number):
                yield Object("relation", other.oid), "auto"
        for constraint in relation.constraints:
            if number in constraint.columns:
                yield Object("constraint", oid, constraint.oid), "auto"
        for index in relation.indexes:
            if index.constraint is None and number in self._index_columns(relation, index.oid):
                yield Object("index", oid, index.oid), "auto"
        for other, constraint in self.edit.relations_referencing(oid):
            if constraint.foreign is not None and number in constraint.foreign.columns:
                yield Object("constraint", other.oid, constraint.oid), "normal"
        for generated in relation.columns:
            if generated.generated is not None and not generated.dropped and generated.number != number:
                if column.name in column_names(parse_expression(self.session, generated.generated)):
                    yield Object("column", oid, generated.number), "normal"

    def _index_columns(self, relation: Relation, index_oid: int) -> set[int]:
        numbers: set[int] = set()
        for index in relation.indexes:
            if index.oid != index_oid:
                continue
            numbers.update(index.include)
            texts = [index.predicate] if index.predicate is not None else []
            for key in index.keys:
                if key.column is not None:
                    numbers.add(key.column)
                elif key.expression is not None:
                    texts.append(key.expression)
            for text in texts:
                for name in column_names(parse_expression(self.session, text)):
                    column = relation.column(name)
                    if column is not None:
                        numbers.add(column.number)
        return numbers

    # -- words -----------------------------------------------------------------------------------------------------

    def describe(self, target: Object) -> str:
        """Return how messages call an object: ``view v``, ``constraint c on table t``."""
        if target.kind == "schema":
            schema = self.session.catalog.object_by_oid(target.relation)
            return f"schema {schema.name}" if schema is not None else "schema"
        if target.kind in ("type", "attribute"):
            words = f"type {self.session.registries.types.format(f'#{target.relation}')}"
            if target.kind == "type":
                return words
            found = self.session.catalog.object_by_oid(target.relation)
            assert isinstance(found, DataType)
            return f"column {found.attributes[target.number - 1].name} of composite {words}"
        relation = self.edit.relation(target.relation) or self.session.catalog.relation_by_oid(target.relation)
        assert relation is not None
        name = f"{relation.kind} {visible_name(self.session, relation)}"
        if target.kind == "column":
            return f"column {relation.columns[target.number - 1].name} of {name}"
        if target.kind == "default":
            return f"default value for column {relation.columns[target.number - 1].name} of {name}"
        if target.kind == "constraint":
            return f"constraint {next(c.name for c in relation.constraints if c.oid == target.number)} on {name}"
        if target.kind == "index":
            return f"index {next(i.name for i in relation.indexes if i.oid == target.number)}"
        return name

    # -- dropping --------------------------------------------------------------------------------------------------

    def drop(self, targets: Iterable[Object], *, cascade: bool, quiet: bool = False) -> list[Object]:
        """Drop objects and what depends on them. DependentObjectsStillExist where CASCADE would be needed.

        ``quiet`` tells nobody (the end of a session). Returns what was dropped, dependents after what they depend on.
        """
        originals = list(targets)
        for target in originals:
            self._refuse_internal(target, originals)
        found: dict[Object, tuple[str, Object | None]] = {}
        order: list[Object] = []
        for target in originals:
            found[target] = ("original", None)
        for target in originals:
            self._find(target, found, order)
        order.reverse()
        reported = [
            (item, parent)
            for item, (tie, parent) in ((item, found[item]) for item in order)
            if tie == "normal" and parent is not None and not self._is_part_of_dropped(item, found)
        ]
        if reported and not cascade:
            detail = "\n".join(
                [f"{self.describe(item)} depends on {self.describe(parent)}" for item, parent in reported]
            )
            what = self.describe(originals[0]) if len(originals) == 1 else "desired object(s)"
            them = "it" if len(originals) == 1 else "them"
            raise DependentObjectsStillExist(
                f"cannot drop {what} because other objects depend on {them}",
                detail=detail,
                hint="Use DROP ... CASCADE to drop the dependent objects too.",
            )
        if reported and not quiet:
            lines = [f"drop cascades to {self.describe(item)}" for item, _ in reported]
            if len(lines) == 1:
                self.session.notice(lines[0])
            else:
                self.session.notice(f"drop cascades to {len(lines)} other objects", detail="\n".join(lines))
        for item in order:
            if item.kind != "attribute" or Object("type", item.relation) not in found:
                self._enter(item)
        return order

    def _find(self, target: Object, found: dict[Object, tuple[str, Object | None]], order: list[Object]) -> None:
        # An own stack: chains of views may be longer than Python's.
        stack: list[tuple[Object, Iterator[tuple[Object, str]]]] = []

        def enter(item: Object) -> None:
            ties = sorted(self.dependents(item), key=lambda pair: -pair[0].age)
            stack.append((item, iter(ties)))

        if target in order:
            return
        enter(target)
        while stack:
            item, ties = stack[-1]
            for dependent, tie in ties:
                known = found.get(dependent)
                if known is not None:
                    if known[0] == "normal" and tie == "auto":
                        found[dependent] = (tie, item)
                    continue
                found[dependent] = (tie, item)
                enter(dependent)
                break
            else:
                stack.pop()
                order.append(item)

    @staticmethod
    def _is_part_of_dropped(item: Object, found: Container[Object]) -> bool:
        """Return whether a part of a relation goes with the relation, or a default with its column."""
        if item.kind in ("schema", "relation", "type"):
            return False
        if item.kind == "attribute":
            return Object("type", item.relation) in found
        if item.kind == "default" and Object("column", item.relation, item.number) in found:
            return True
        return Object("relation", item.relation) in found

    def _refuse_internal(self, target: Object, originals: list[Object]) -> None:
        """Refuse to drop a part of something else on its own."""
        if target.kind == "relation":
            relation = self.edit.existing(target.relation)
            options = relation.sequence
            if options is not None and options.identity and options.owned_by is not None:
                owner = Object("column", *options.owned_by)
                if Object("relation", options.owned_by[0]) in originals:
                    return
                words = self.describe(owner)
                raise DependentObjectsStillExist(
                    f"cannot drop {self.describe(target)} because {words} requires it",
                    hint=f"You can drop {words} instead.",
                )
        elif target.kind == "index":
            relation = self.edit.existing(target.relation)
            index = next(index for index in relation.indexes if index.oid == target.number)
            if index.constraint is not None:
                words = self.describe(Object("constraint", relation.oid, index.constraint))
                raise DependentObjectsStillExist(
                    f"cannot drop {self.describe(target)} because {words} requires it",
                    hint=f"You can drop {words} instead.",
                )

    def _enter(self, item: Object) -> None:
        edit = self.edit
        if item.kind in ("schema", "relation", "type"):
            edit.drop(item.relation)
            return
        if item.kind == "attribute":
            found = edit.type(item.relation)
            if found is not None:
                raise FeatureNotSupported(
                    f"cannot drop {self.describe(item)}", hint="Drop the composite type in the same command."
                )
            return
        relation = edit.relation(item.relation)
        if relation is None:
            return
        number = item.number
        if item.kind == "constraint":
            edit.put(evolve(relation, constraints=tuple(c for c in relation.constraints if c.oid != number)))
        elif item.kind == "index":
            edit.put(evolve(relation, indexes=tuple(i for i in relation.indexes if i.oid != number)))
        else:
            change = dropped_column if item.kind == "column" else lambda column: evolve(column, default=None)
            columns = tuple(change(c) if c.number == number else c for c in relation.columns)
            edit.put(evolve(relation, columns=columns))
