"""Writing a command's catalog changes, and what the store has to do for them: indexes come and go with their
definitions.

Every command that changes the catalog ends in ``apply``. The store's indexes belong to the transaction as the rows
do: a rollback takes new ones away and gives dropped ones back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import Index, Relation
from heliosdb.catalog.ownership import packages_of
from heliosdb.catalog.result import Result
from heliosdb.errors import DuplicateObject, DuplicateTable, ObjectInUse, UniqueViolation
from heliosdb.transaction.locks import RelationLock

if TYPE_CHECKING:
    from heliosdb.catalog.storage import CatalogObject
    from heliosdb.commands.context import CommandSession

__all__ = ["apply", "done", "edit_of", "lock_relation"]


def edit_of(session: CommandSession) -> CatalogEdit:
    """Return an empty edit on the catalog as the session sees it."""
    return CatalogEdit(session.catalog)


def done(tag: str) -> Result:
    """Return the result of a command that returns no rows."""
    return Result(tag)


def lock_relation(
    session: CommandSession, relation: Relation, mode: str = "access exclusive", *, action: str | None = None
) -> None:
    """Lock a relation for the rest of the transaction, in one of PostgreSQL's eight modes, and see it as it is now.

    Whoever held the lock before may have changed rows or the definition; see ``Session.lock_definition``. With
    ``action``, a statement's name, 55006 if checks of its rows still wait for the end of the transaction: they are
    about rows as they are defined now.
    """
    if action is not None and session.transaction.has_checks(relation.oid):
        raise ObjectInUse(f'cannot {action} "{relation.name}" because it has pending trigger events')
    session.lock_definition(relation, RelationLock[mode.upper().replace(" ", "_")])


def apply(session: CommandSession, edit: CatalogEdit, rewrite: Callable[[], None] | None = None) -> None:
    """Write the edit's changes: the catalog's rows first, then the store's indexes.

    ``rewrite`` changes the rows of tables, after old indexes are out of use and before new ones are built.
    """
    if edit.is_empty:
        return
    transaction = session.transaction
    for change in list(edit.changes()):
        if isinstance(change.after, Relation):
            packages = packages_of(change.after, session.registries)
            if packages != change.after.owner_package:
                edit.put(evolve(change.after, owner_package=packages))
            _refuse_name_of_type(change.before, change.after, edit)
    changes = list(edit.index_changes())
    catalogs = session.database.catalogs
    is_newest = catalogs.of(transaction) is edit.catalog
    edit.write(transaction, session.database.next_oid)
    # What follows in the same command (rows of CREATE TABLE AS, a schema's elements) sees the new state.
    transaction.advance_command()
    catalogs.written(transaction, edit.result() if is_newest else None)
    assert session.catalog is not edit.catalog  # and whoever asks the session for types, too
    for old, new, gone, _ in changes:
        if old is not None and old.kind == "table":
            for index in gone:
                transaction.drop_index(old.oid, index.oid)
            if new is None:
                if old.persistence == "temporary":
                    # Its maker may have gone with his process, and that it keeps nothing was known there only.
                    _keep_nothing(session, old)
                transaction.drop_relation(old.oid)
    if rewrite is not None:
        rewrite()
        transaction.advance_command()
    for old, new, _, come in changes:
        if new is not None and new.kind == "table":
            if new.persistence == "temporary":
                transaction.relation(new.oid).is_logged = False
                if old is None:
                    _keep_nothing(session, new)
            for index in come:
                _define_index(session, new, index)
    for listener in session.registries.lifecycle.get("catalog_changed", ()):
        for change in edit.changes():
            listener(session, change)


def _keep_nothing(session: CommandSession, relation: Relation) -> None:
    """Have a temporary table keep nothing of its past: who made it is the only one who could ask."""
    holds = session.database.store.holds
    session.transaction.at_commit(lambda: holds.keep_nothing(relation.oid))


def _refuse_name_of_type(before: CatalogObject | None, after: Relation, edit: CatalogEdit) -> None:
    """Refuse a name for a relation that a type has: the row type could not be called so."""
    if after.kind == "sequence" or (
        isinstance(before, Relation) and (before.schema, before.name) == (after.schema, after.name)
    ):
        return
    found = edit.lookup_type(after.schema, after.name)
    if found is None:
        return
    if found.kind == "composite":
        raise DuplicateTable(f'relation "{after.name}" already exists')
    raise DuplicateObject(
        f'type "{after.name}" already exists',
        hint="A relation has an associated type of the same name, so you must use a name that doesn't conflict "
        "with any existing type.",
    )


def _define_index(session: CommandSession, relation: Relation, index: Index) -> None:
    from heliosdb.commands.index_specs import index_spec

    try:
        session.transaction.define_index(index_spec(session, relation, index))
    except UniqueViolation as error:
        # Rows of the transaction itself are entered one by one and complain as an INSERT does.
        if error.message.startswith("could not create"):
            raise
        raise UniqueViolation(
            f'could not create unique index "{index.name}"',
            detail=(error.detail or "").replace(" already exists.", " is duplicated.") or None,
            schema=relation.schema,
            table=relation.name,
            constraint=index.name,
        ) from None
