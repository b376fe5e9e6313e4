"""GRANT and REVOKE on tables, views, sequences and schemas.

Who grants is the object's owner where the current role has the owner's privileges, else the current role, by its
grant options. What somebody granted by an option goes with the option: REVOKE needs CASCADE then.
(https://www.postgresql.org/docs/15/sql-grant.html, sql-revoke.html)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog import access
from heliosdb.catalog.access import LETTERS, NAMES, PUBLIC, Entry
from heliosdb.catalog.definitions import Relation, Schema
from heliosdb.catalog.result import Result
from heliosdb.catalog.roles import has_privileges_of, roles_whose_privileges
from heliosdb.commands.ddl import apply, done, edit_of
from heliosdb.commands.names import relation_named, role_of
from heliosdb.errors import (
    DependentObjectsStillExist,
    FeatureNotSupported,
    InvalidGrantOperation,
    InvalidSchemaName,
    SqlSyntaxError,
    WrongObjectType,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliosdb.commands.context import CommandSession

__all__ = ["execute_alter_default_privileges", "execute_grant"]


def execute_grant(session: CommandSession, statement: tree.Grant) -> Result:
    """Execute GRANT and REVOKE on objects."""
    word = "GRANT" if statement.grant else "REVOKE"
    if statement.kind not in ("table", "sequence", "schema"):
        what = f"ALL {statement.kind.upper()}S IN SCHEMA" if statement.all_in_schema else statement.kind.upper()
        raise FeatureNotSupported(
            f"{word} on {what} is not supported",
            detail="There are privileges on tables, views, sequences and schemas.",
            position=statement.position or None,
        )
    letters = _letters(statement)
    if statement.granted_by is not None and role_of(session, statement.granted_by).oid != session.role:
        raise FeatureNotSupported("grantor must be current user")
    grantees = [_grantee(session, name) for name in statement.grantees]
    if statement.grant and statement.grant_option and PUBLIC in grantees:
        raise InvalidGrantOperation("grant options can only be granted to roles")
    edit = edit_of(session)
    for target in list(_targets(session, statement)):
        changed = _changed(session, statement, target, letters, grantees)
        if changed is not None:
            edit.put(changed)
    apply(session, edit)
    return done(word)


def execute_alter_default_privileges(session: CommandSession, statement: tree.AlterDefaultPrivileges) -> Result:
    """Refuse ALTER DEFAULT PRIVILEGES."""
    raise FeatureNotSupported(
        "ALTER DEFAULT PRIVILEGES is not supported",
        hint="GRANT ... ON ALL TABLES IN SCHEMA grants on what there is.",
        position=statement.position or None,
    )


def _letters(statement: tree.Grant) -> str | None:
    """Return the letters of the privileges that are named, None for ALL."""
    found = ""
    for privilege in statement.privileges:
        if privilege.columns:
            raise FeatureNotSupported(
                "privileges on columns are not supported",
                hint="Grant on the table, or on a view that has these columns only.",
                position=privilege.position or None,
            )
        if privilege.name == "all":
            return None
        letter = LETTERS.get(privilege.name)
        if letter is None:
            if privilege.name in OTHER:
                raise InvalidGrantOperation(f"invalid privilege type {privilege.name.upper()} for {_called(statement)}")
            raise SqlSyntaxError(f'unrecognized privilege type "{privilege.name}"')
        allowed = "arwdDxtU" if statement.kind == "table" else access.ALL[statement.kind]
        if letter not in allowed:
            raise InvalidGrantOperation(f"invalid privilege type {NAMES[letter]} for {_called(statement)}")
        found += letter
    return found


OTHER = frozenset({"connect", "temporary", "temp", "execute", "set", "alter system"})
"""Privileges on objects of other kinds."""


def _called(statement: tree.Grant) -> str:
    return "relation" if statement.kind == "table" else statement.kind


def _grantee(session: CommandSession, name: tree.RoleName) -> int:
    return PUBLIC if name.special == "public" else role_of(session, name).oid


def _targets(session: CommandSession, statement: tree.Grant) -> Iterator[Relation | Schema]:
    for named in statement.objects:
        if statement.kind == "schema" or statement.all_in_schema:
            schema = session.catalog.schema(named.name.name)
            if schema is None:
                raise InvalidSchemaName(f'schema "{named.name.name}" does not exist')
            if not statement.all_in_schema:
                yield schema
                continue
            for relation in session.catalog.relations():
                if relation.schema == schema.name and (relation.kind == "sequence") == (statement.kind == "sequence"):
                    yield relation
            continue
        found = relation_named(session, named.name)
        if statement.kind == "sequence" and found.kind != "sequence":
            raise WrongObjectType(f'"{found.name}" is not a sequence')
        yield found


def _changed(
    session: CommandSession, statement: tree.Grant, target: Relation | Schema, letters: str | None, grantees: list[int]
) -> Relation | Schema | None:
    """Return an object with the access list that GRANT or REVOKE leaves, None where nothing changes."""
    possible = access.letters_of(target)
    wanted = possible if letters is None else _possible(session, statement, target, letters)
    if not wanted:
        return None
    grantor, options = _grantor(session, target, wanted)
    if not options:
        catalog, role = session.catalog, session.role
        if not access.allowed(catalog, role, target, possible):
            raise access.denied(target)
        doing = "were granted" if statement.grant else "could be revoked"
        code = "01007" if statement.grant else "01006"
        session.notice(f'no privileges {doing} for "{target.name}"', severity="WARNING", sqlstate=code)
        return None
    if letters is not None and set(wanted) - set(options):
        doing = "granted" if statement.grant else "could be revoked"
        code = "01007" if statement.grant else "01006"
        session.notice(
            f'not all privileges {"were " * statement.grant}{doing} for "{target.name}"',
            severity="WARNING",
            sqlstate=code,
        )
    before = access.access_list(target)
    entries = list(before)
    for grantee in grantees:
        if statement.grant:
            _grant(entries, grantee, grantor, options, statement.grant_option and grantee != target.owner)
        else:
            _revoke(entries, target.owner, grantee, grantor, options, statement)
    after = tuple(entries)
    return None if after == before else evolve(target, acl=after)


def _possible(session: CommandSession, statement: tree.Grant, target: Relation | Schema, letters: str) -> str:
    """Return the privileges of those named that there are on an object."""
    possible = access.letters_of(target)
    if isinstance(target, Relation) and statement.kind == "table":
        if target.kind == "sequence":
            if set(letters) - set(possible):
                session.notice(
                    f'sequence "{target.name}" only supports USAGE, SELECT, and UPDATE privileges',
                    severity="WARNING",
                    sqlstate="0LP01",
                )
            return "".join(letter for letter in letters if letter in possible)
        if "U" in letters:
            raise InvalidGrantOperation("invalid privilege type USAGE for table")
    return letters


def _grantor(session: CommandSession, target: Relation | Schema, wanted: str) -> tuple[int, str]:
    """Return who grants, and which of the privileges that role may grant."""
    catalog = session.catalog
    if has_privileges_of(catalog, session.role, target.owner):
        return target.owner, wanted
    best, most = session.role, ""
    for role in roles_whose_privileges(catalog, session.role):
        found = "".join(
            letter for letter in wanted if any(e[0] == role and letter in e[3] for e in access.access_list(target))
        )
        if len(found) > len(most):
            best, most = role, found
    return best, most


def _grant(entries: list[Entry], grantee: int, grantor: int, letters: str, with_option: bool) -> None:
    for place, (to, by, privileges, options) in enumerate(entries):
        if (to, by) == (grantee, grantor):
            more = "".join(letter for letter in letters if letter not in privileges)
            option = "".join(letter for letter in letters if letter not in options) if with_option else ""
            entries[place] = (to, by, privileges + more, options + option)
            return
    entries.append((grantee, grantor, letters, letters if with_option else ""))


def _revoke(entries: list[Entry], owner: int, grantee: int, grantor: int, letters: str, statement: tree.Grant) -> None:
    """Take privileges, or their grant options, that one role granted to another out of a list."""
    place = next((place for place, entry in enumerate(entries) if entry[:2] == (grantee, grantor)), None)
    if place is None:
        return
    _, _, privileges, options = entries[place]
    lost = [letter for letter in letters if letter in options]
    kept = "".join(letter for letter in options if letter not in letters)
    left = privileges if statement.grant_option else "".join(p for p in privileges if p not in letters)
    if left:
        entries[place] = (grantee, grantor, left, kept)
    else:
        del entries[place]
    for letter in lost:
        if grantee == owner or any(entry[0] == grantee and letter in entry[3] for entry in entries):
            continue
        for other in [entry for entry in entries if entry[1] == grantee and letter in entry[2]]:
            if not statement.cascade:
                raise DependentObjectsStillExist("dependent privileges exist", hint="Use CASCADE to revoke them too.")
            whole = evolve(statement, grant_option=False)
            _revoke(entries, owner, other[0], grantee, letter, whole)
