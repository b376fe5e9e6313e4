"""Roles as entries of a dump, whose an object is, and what is granted on it.

Roles come first: what follows belongs to them. The role that a database begins with is there wherever a dump goes, and
those that every database has are, too. What is kept of passwords is part of a dump, as it is of ``pg_dumpall``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from heliosdb.catalog.access import NAMES, PUBLIC, default_list
from heliosdb.catalog.definitions import OWNER
from heliosdb.catalog.roles import PREDEFINED, is_superuser
from heliosdb.dump.entry import Entry
from heliosdb.dump.tables import comment
from heliosdb.sql.deparse import quote_identifier, quote_literal

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation, Role, Schema
    from heliosdb.catalog.view import CatalogSnapshot
    from heliosdb.session import Session

__all__ = ["access_text", "owner_text", "role_entries"]

SWITCHES = ("superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls")


def role_entries(session: Session) -> Iterator[Entry]:
    """Yield the roles, and then who is a member of which."""
    catalog = session.catalog
    if not is_superuser(catalog, session.role):
        # What is kept of passwords is for superusers only.
        return
    roles = sorted((role for role in catalog.roles.values() if role not in PREDEFINED), key=lambda role: role.oid)
    for role in roles:
        yield _role(session, role)
    grants = "".join(text for role in roles for text in _memberships(catalog, role))
    if grants:
        yield Entry(section="pre-data", kind="ROLE MEMBERS", schema="", name="roles", sql=grants)


def owner_text(catalog: CatalogSnapshot, kind: str, name: str, owner: int) -> str:
    """Return ALTER ... OWNER TO; nothing where the object belongs to the role that a database begins with."""
    if owner == OWNER or catalog.role_by_oid(owner) is None:
        return ""
    return f"ALTER {kind} {name} OWNER TO {quote_identifier(catalog.role_name(owner))};\n"


def access_text(catalog: CatalogSnapshot, kind: str, name: str, target: Relation | Schema) -> str:
    """Return the statements that make an object's access list of the one that it has when it is made."""
    if target.acl is None:
        return ""
    place = f"{kind} {name}"
    text = ""
    kept = {entry[:2]: entry for entry in target.acl}
    done = set()
    for grantee, grantor, privileges, _ in default_list(target):
        found = kept.get((grantee, grantor), (grantee, grantor, "", ""))
        if found[2] == privileges and not found[3]:
            done.add((grantee, grantor))
        else:
            text += f"REVOKE ALL ON {place} FROM {_grantee(catalog, grantee)};\n"
    for grantee, grantor, privileges, options in target.acl:
        if (grantee, grantor) in done:
            continue
        plain = [letter for letter in privileges if letter not in options]
        grants = ""
        for letters, more in ((plain, ""), (options, " WITH GRANT OPTION")):
            if letters:
                words = ", ".join(NAMES[letter] for letter in letters)
                grants += f"GRANT {words} ON {place} TO {_grantee(catalog, grantee)}{more};\n"
        if grantor != target.owner:
            by = quote_identifier(catalog.role_name(grantor))
            grants = f"SET SESSION AUTHORIZATION {by};\n{grants}RESET SESSION AUTHORIZATION;\n"
        text += grants
    return text


def _grantee(catalog: CatalogSnapshot, role: int) -> str:
    return "PUBLIC" if role == PUBLIC else quote_identifier(catalog.role_name(role))


def _role(session: Session, role: Role) -> Entry:
    name = quote_identifier(role.name)
    words = [switch.upper() if getattr(role, switch) else f"NO{switch.upper()}" for switch in SWITCHES]
    if role.connection_limit != -1:
        words.append(f"CONNECTION LIMIT {role.connection_limit}")
    if role.verifier is not None:
        words.append(f"PASSWORD {quote_literal(role.verifier)}")
    if role.valid_until is not None:
        until = session.types.output("timestamptz")(role.valid_until, session)
        words.append(f"VALID UNTIL {quote_literal(until)}")
    given = role.oid == OWNER
    text = f"{'ALTER' if given else 'CREATE'} ROLE {name} WITH {' '.join(words)};\n"
    for setting, value in role.settings:
        text += f"ALTER ROLE {name} SET {quote_identifier(setting)} TO {_setting(session, setting, value)};\n"
    text += comment("ROLE", name, role.comment)
    if given:
        changed = role.verifier or role.valid_until or role.settings or role.comment or role.connection_limit != -1
        return Entry(section="pre-data", kind="ROLE", schema="", name=role.name, sql=text if changed else "")
    return Entry(
        section="pre-data",
        kind="ROLE",
        schema="",
        name=role.name,
        sql=text,
        drop=f"DROP ROLE {name};\n",
        drop_existing=f"DROP ROLE IF EXISTS {name};\n",
    )


def _setting(session: Session, name: str, value: str) -> str:
    registered = session.registries.settings.get(name)
    # A list is written as one: each of its names would become part of one name otherwise.
    return value if registered is not None and registered.list_of and value else quote_literal(value)


def _memberships(catalog: CatalogSnapshot, member: Role) -> Iterator[str]:
    for found in member.memberships:
        option = " WITH ADMIN OPTION" if found.admin else ""
        grantor = catalog.role_by_oid(found.grantor)
        by = "" if grantor is None else f" GRANTED BY {quote_identifier(grantor.name)}"
        role = quote_identifier(catalog.role_name(found.role))
        yield f"GRANT {role} TO {quote_identifier(member.name)}{option}{by};\n"
