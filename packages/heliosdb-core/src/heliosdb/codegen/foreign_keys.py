"""Foreign keys: looked at when a statement's rows are all in, or at COMMIT where the constraint is deferred.

On the referencing side each new key must be found in the newest state of the referenced unique index; the referenced
row is locked FOR KEY SHARE, so that nobody deletes it before we commit. On the referenced side the actions are
ordinary statements on the referencing table (``DELETE FROM child WHERE fk = $1``), run by the same binder and
executor as anybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.codegen.index_keys import key_shape
from heliosdb.plan.forms import spelled, stored_reader
from heliosdb.transaction.locks import RelationLock
from heliosdb.transaction.transaction import READ_COMMITTED

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Constraint, Index, Relation
    from heliosdb.catalog.registries import Registries
    from heliosdb.session.execution import Execution

Row = tuple[Any, ...]


def quoted(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def qualified(relation: Relation) -> str:
    """Return a relation's quoted, qualified name."""
    return f"{quoted(relation.schema)}.{quoted(relation.name)}"


def _names(relation: Relation, numbers: Sequence[int]) -> list[str]:
    return [relation.columns[number - 1].name for number in numbers]


def _printed(relation: Relation, numbers: Sequence[int], values: Row, x: Execution) -> str:
    """Return ``Key (a, b)=(1, 2)``, without the values for who may not read them."""
    if not x.session.may_read(relation.schema, relation.name):
        return "Key"
    registries, columns = x.session.registries, relation.columns
    texts = [spelled(registries, columns[n - 1], v, x.session) for n, v in zip(numbers, values, strict=True)]
    return f"Key ({', '.join(_names(relation, numbers))})=({', '.join(texts)})"


def referenced_index(referenced: Relation, columns: Sequence[int]) -> Index:
    """Return the unique index that holds the referenced columns."""
    for index in referenced.indexes:
        if index.unique and index.predicate is None and {key.column for key in index.keys} == set(columns):
            return index
    raise errors.InvalidForeignKey(
        f'there is no unique constraint matching given keys for referenced table "{referenced.name}"'
    )


class ForeignKeyCheck:
    """Checks new rows of a referencing table against the referenced one."""

    def __init__(self, relation: Relation, constraint: Constraint, registries: Registries) -> None:
        assert constraint.foreign is not None
        self.relation = relation
        self.constraint = constraint
        self.foreign = constraint.foreign
        self.registries = registries
        self.slots = tuple(number - 1 for number in constraint.columns)

    def of_changes(self, x: Execution, changes: Sequence[tuple[Row | None, Row | None]]) -> None:
        """Check what is new in (old row, new row): a key that stays what it was is as good as it was."""
        slots = self.slots
        new_keys = [
            new
            for old, new in changes
            if new is not None and (old is None or any(old[slot] != new[slot] for slot in slots))
        ]
        self(x, new_keys)

    def __call__(self, x: Execution, rows: Sequence[Row]) -> None:
        """Check new rows. What else the statement does may have deleted them where the check had to wait."""
        keys = dict.fromkeys(tuple([row[slot] for slot in self.slots]) for row in rows)
        if not keys:
            return
        if not x.session.is_deferred(self.constraint):
            self.check(x, list(keys), deferred=bool(x.at_end))
        else:
            x.transaction.on_commit_check(self.relation.oid, lambda: self.check(x, list(keys), deferred=True))

    def check(self, x: Execution, keys: Sequence[Row], *, deferred: bool = False) -> None:
        """Raise ForeignKeyViolation for the first key that is not there."""
        referenced = x.session.catalog.relation_by_oid(self.foreign.relation)
        index = referenced_index(referenced, self.foreign.columns)
        shape = key_shape(referenced, index, self.registries)
        order = [self.foreign.columns.index(key.column) for key in index.keys]
        for key in keys:
            nulls = sum(value is None for value in key)
            if nulls and (self.foreign.match == "simple" or nulls == len(key)):
                continue
            if nulls:
                raise errors.ForeignKeyViolation(
                    f'insert or update on table "{self.relation.name}" violates foreign key constraint '
                    f'"{self.constraint.name}"',
                    detail="MATCH FULL does not allow mixing of null and nonnull key values.",
                    schema=self.relation.schema,
                    table=self.relation.name,
                    constraint=self.constraint.name,
                )
            if deferred and not self._still_there(x, key):
                continue
            if deferred:
                x.transaction.lock_relation(referenced.oid, RelationLock.ROW_SHARE)
            if not x.transaction.reference(referenced.oid, index.oid, shape.key([key[i] for i in order])):
                raise errors.ForeignKeyViolation(
                    f'insert or update on table "{self.relation.name}" violates foreign key constraint '
                    f'"{self.constraint.name}"',
                    detail=f"{_printed(self.relation, self.constraint.columns, key, x)} is not present in table "
                    f'"{referenced.name}".',
                    schema=self.relation.schema,
                    table=self.relation.name,
                    constraint=self.constraint.name,
                )

    def _still_there(self, x: Execution, key: Row) -> bool:
        """Whether a row with the key is still in the table when a deferred check comes to it."""
        return bool(_matching(x, self.relation, self.constraint.columns, key))


def _condition(relation: Relation, numbers: Sequence[int], first: int = 1) -> str:
    names = _names(relation, numbers)
    return " AND ".join(f"{quoted(name)} = ${first + i}" for i, name in enumerate(names))


def _matching(x: Execution, relation: Relation, numbers: Sequence[int], key: Row, lock: str = "") -> bool:
    """Whether a row of the relation has these values, as of now."""
    text = f"SELECT 1 FROM {qualified(relation)} WHERE {_condition(relation, numbers)} LIMIT 1{lock}"
    return bool(x.session.run_internal(text, _values(relation, numbers, key, x), newest=True))


def _values(relation: Relation, numbers: Sequence[int], key: Row, x: Execution) -> Row:
    """Return the values of a stored key, for statements."""
    registries, columns = x.session.registries, relation.columns
    return tuple([stored_reader(registries, columns[n - 1])(v, x.session) for n, v in zip(numbers, key, strict=True)])


class ReferencedCheck:
    """What happens to referencing rows when referenced ones are changed or deleted."""

    def __init__(
        self, referenced: Relation, relation: Relation, constraint: Constraint, registries: Registries
    ) -> None:
        assert constraint.foreign is not None
        self.referenced = referenced
        self.relation = relation
        self.constraint = constraint
        self.foreign = constraint.foreign
        self.slots = tuple(number - 1 for number in constraint.foreign.columns)

    def __call__(self, x: Execution, changes: Sequence[tuple[Row, Row | None]]) -> None:
        pairs = []
        for old, new in changes:
            old_key = tuple([old[slot] for slot in self.slots])
            new_key = None if new is None else tuple([new[slot] for slot in self.slots])
            if old_key != new_key and None not in old_key:
                pairs.append((old_key, new_key))
        deferred: list[Row] = []
        for old_key, new_key in pairs:
            action = self.foreign.on_delete if new_key is None else self.foreign.on_update
            if action in ("no action", "restrict"):
                if action == "no action" and x.session.is_deferred(self.constraint):
                    deferred.append(old_key)
                else:
                    self._check(x, old_key, restrict=action == "restrict")
            else:
                self._act(x, action, old_key, new_key)
        if deferred:
            x.transaction.on_commit_check(self.foreign.relation, lambda: self._check_all(x, deferred))

    def _check_all(self, x: Execution, keys: Sequence[Row]) -> None:
        for key in keys:
            self._check(x, key)

    def _check(self, x: Execution, key: Row, *, restrict: bool = False) -> None:
        if not _matching(x, self.relation, self.constraint.columns, key):
            return
        if not restrict and _matching(x, self.referenced, self.foreign.columns, key):
            return
        # Somebody may be about to delete it, or to point it elsewhere: wait until that is known.
        if not _matching(x, self.relation, self.constraint.columns, key, " FOR KEY SHARE"):
            return
        raise self._violation(x, key)

    def _violation(self, x: Execution, key: Row) -> errors.ForeignKeyViolation:
        return errors.ForeignKeyViolation(
            f'update or delete on table "{self.referenced.name}" violates foreign key constraint '
            f'"{self.constraint.name}" on table "{self.relation.name}"',
            detail=f"{_printed(self.referenced, self.foreign.columns, key, x)} is still referenced from table "
            f'"{self.relation.name}".',
            schema=self.relation.schema,
            table=self.relation.name,
            constraint=self.constraint.name,
        )

    def _act(self, x: Execution, action: str, old_key: Row, new_key: Row | None) -> None:
        numbers = self.constraint.columns
        table = qualified(self.relation)
        if action == "cascade" and new_key is None:
            self._run(x, f"DELETE FROM {table} WHERE {_condition(self.relation, numbers)}", old_key)
            return
        if action == "cascade":
            assert new_key is not None
            names = _names(self.relation, numbers)
            first = len(numbers) + 1
            assignments = ", ".join(f"{quoted(name)} = ${first + i}" for i, name in enumerate(names))
            text = f"UPDATE {table} SET {assignments} WHERE {_condition(self.relation, numbers)}"
            self._run(x, text, old_key, new_key)
            return
        word = "NULL" if action == "set null" else "DEFAULT"
        names = _names(self.relation, self.foreign.set_columns or numbers)
        assignments = ", ".join(f"{quoted(name)} = {word}" for name in names)
        text = f"UPDATE {table} SET {assignments} WHERE {_condition(self.relation, numbers)}"
        try:
            self._run(x, text, old_key, leaves_key=word == "DEFAULT")
        except errors.ForeignKeyViolation as error:
            if error.constraint != self.constraint.name:
                raise
            # The default is not there either: so the rows still need the old key.
            raise self._violation(x, old_key) from None
        if word == "DEFAULT":
            self._check(x, old_key)  # the default may be that very key: nothing changed, and nobody looked it up

    def _run(self, x: Execution, text: str, old_key: Row, more: Row = (), *, leaves_key: bool = False) -> None:
        """Run an action on the rows that have the old key now, also those committed since the statement began.

        The statement may have waited for who made them: he held a key-share lock on the referenced row. A kept snapshot
        does not see them, so there it is a conflict; unless the action itself may leave the key where it is.
        """
        newest = x.transaction.isolation == READ_COMMITTED
        numbers = self.constraint.columns
        values = _values(self.relation, numbers, old_key, x)
        x.session.run_internal(
            text, (*values, *_values(self.relation, numbers, more, x)) if more else values, newest=newest
        )
        if not newest and not leaves_key and _matching(x, self.relation, self.constraint.columns, old_key):
            raise errors.SerializationFailure("could not serialize access due to concurrent update")
