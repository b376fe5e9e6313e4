"""CREATE, ALTER and DROP ROLE (USER, GROUP), and RENAME of one.

Who may do what is as in PostgreSQL 15: a role that may create roles (CREATEROLE) may change all but superusers, and
what only a superuser has (SUPERUSER, REPLICATION, BYPASSRLS) only a superuser gives. Passwords are kept as verifiers.
(https://www.postgresql.org/docs/15/sql-createrole.html)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.definitions import OWNER, Role
from heliosdb.catalog.result import Result
from heliosdb.catalog.roles import PREDEFINED, is_superuser
from heliosdb.catalog.settings import initial_values
from heliosdb.commands.ddl import apply, done, edit_of
from heliosdb.commands.memberships import add_members, drop_members, without_members
from heliosdb.commands.names import role_of
from heliosdb.commands.role_uses import uses_of
from heliosdb.errors import (
    DependentObjectsStillExist,
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidParameterValue,
    ObjectInUse,
    ReservedName,
    SqlSyntaxError,
    UndefinedObject,
)
from heliosdb.passwords import is_password, make_verifier
from heliosdb.sql import statements as tree
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliosdb.commands.context import CommandSession

__all__ = [
    "check_role_name",
    "execute_alter_role",
    "execute_create_role",
    "execute_drop_role",
    "rename_role",
    "require_createrole",
]

POWERS = ("superuser", "replication", "bypassrls")
"""What only a superuser gives."""
SWITCHES = (*POWERS, "inherit", "createrole", "createdb", "login")
LARGEST_LIMIT = 2**31 - 1


def execute_create_role(session: CommandSession, statement: tree.CreateRole) -> Result:
    """Execute CREATE ROLE, USER and GROUP."""
    catalog = session.catalog
    given = _by_name(session, statement.options)
    name = statement.name.name or ""
    made = Role(
        oid=session.database.next_oid(), name=name, superuser=False, createrole=False, createdb=False,
        login=statement.kind == "user", replication=False, bypassrls=False,
    )  # fmt: skip
    made = evolve(made, **_attributes(session, made, given))
    if made.superuser or made.replication or made.bypassrls:
        if not is_superuser(catalog, session.role):
            power = next(power for power in POWERS if getattr(made, power))
            raise InsufficientPrivilege(
                f"must be superuser to create {power} users".replace("superuser users", "superusers")
            )
    elif not _may_create_roles(session):
        raise InsufficientPrivilege("permission denied to create role")
    check_role_name(name)
    if name in catalog.roles:
        raise DuplicateObject(f'role "{name}" already exists')
    edit = edit_of(session)
    edit.put(made)
    apply(session, edit)
    for option, admin in (("in_role", False), ("members", False), ("admin", True)):
        found = given.get(option)
        if found is None:
            continue
        members = _roles_of(session, found)
        if option == "in_role":
            for role in members:
                add_members(session, role, [made], admin=False)
        else:
            add_members(session, made, members, admin=admin)
    return done("CREATE ROLE")


def execute_alter_role(session: CommandSession, statement: tree.AlterRole) -> Result:
    """Execute ALTER ROLE, USER and GROUP, but for RENAME."""
    if statement.role is None or statement.database is not None:
        what = "ALL" if statement.role is None else "... IN DATABASE"
        raise FeatureNotSupported(
            f"ALTER ROLE {what} SET is not supported", hint="Give each role its settings.",
            position=statement.position or None,
        )  # fmt: skip
    role = role_of(session, statement.role)
    if role in PREDEFINED:
        raise ReservedName(f'role name "{role.name}" is reserved', detail="Cannot alter reserved roles.")
    if statement.setting is not None:
        return _change_settings(session, role, statement.setting)
    given = _by_name(session, statement.options)
    members = given.get("members")
    if members is not None and members.action is not None:
        return _change_group(session, role, members)
    if members is not None:
        raise FeatureNotSupported(
            "ALTER ROLE ... USER is not supported", hint="Use GRANT.", position=members.position or None
        )
    _check_may_alter(session, role, given)
    changed = evolve(role, **_attributes(session, role, given))
    if role.oid == OWNER and not changed.superuser:
        raise FeatureNotSupported(
            f'role "{role.name}" must stay a superuser', detail="It is the one that the database began with."
        )
    edit = edit_of(session)
    edit.put(changed)
    apply(session, edit)
    return done("ALTER ROLE")


def _check_may_alter(session: CommandSession, role: Role, given: dict[str, tree.Option]) -> None:
    if is_superuser(session.catalog, session.role):
        return
    if role.superuser or "superuser" in given:
        raise InsufficientPrivilege("must be superuser to alter superuser roles or change superuser attribute")
    if role.replication or "replication" in given:
        raise InsufficientPrivilege("must be superuser to alter replication roles or change replication attribute")
    if "bypassrls" in given:
        raise InsufficientPrivilege("must be superuser to change bypassrls attribute")
    if not _may_create_roles(session) and not (role.oid == session.role and given.keys() <= {"password"}):
        raise InsufficientPrivilege("permission denied")


def _change_group(session: CommandSession, role: Role, members: tree.Option) -> Result:
    found = _roles_of(session, members)
    if members.action == "add":
        add_members(session, role, found, admin=False)
    else:
        drop_members(session, role, found)
    return done("ALTER ROLE")


def _roles_of(session: CommandSession, option: tree.Option) -> list[Role]:
    assert isinstance(option.value, tuple)
    return [role_of(session, name) for name in option.value if isinstance(name, tree.RoleName)]


def _change_settings(session: CommandSession, role: Role, statement: Any) -> Result:
    """Execute ALTER ROLE ... SET and RESET: with what the role's sessions begin."""
    catalog = session.catalog
    if not is_superuser(catalog, session.role):
        if role.superuser:
            raise InsufficientPrivilege("must be superuser to alter superusers")
        if role.oid != session.role and not _may_create_roles(session):
            raise InsufficientPrivilege("permission denied")
    settings = dict(role.settings)
    if isinstance(statement, tree.Reset):
        if statement.name is None:
            settings.clear()
        else:
            settings.pop(statement.name.lower(), None)
    elif statement.default:
        settings.pop(statement.name.lower(), None)
    else:
        from heliosdb.commands.settings import text_of_set

        name = statement.name.lower()
        text = session.show_setting(name) if statement.from_current else text_of_set(session, statement)
        values = initial_values(session.registries.settings, {name: text})
        setting = session.registries.settings[name]
        if setting.permit is not None and not is_superuser(catalog, session.role):
            resolve_implementation(setting.permit)(session, setting.name, values[name])
        if setting.write is not None:
            raise FeatureNotSupported(f"\"{statement.name}\" cannot be a role's setting: it is the session's")
        settings[name] = text
    edit = edit_of(session)
    edit.put(evolve(role, settings=tuple(settings.items())))
    apply(session, edit)
    return done("ALTER ROLE")


def rename_role(session: CommandSession, name: str, new: str) -> Result:
    """Execute ALTER ROLE ... RENAME TO."""
    catalog = session.catalog
    role = catalog.roles.get(name)
    if role is None:
        raise UndefinedObject(f'role "{name}" does not exist')
    for oid, what in ((session.session_role, "session"), (session.role, "current")):
        if role.oid == oid:
            raise FeatureNotSupported(f"{what} user cannot be renamed")
    check_role_name(name)
    check_role_name(new)
    if new in catalog.roles:
        raise DuplicateObject(f'role "{new}" already exists')
    if role.superuser and not is_superuser(catalog, session.role):
        raise InsufficientPrivilege("must be superuser to rename superusers")
    if not _may_create_roles(session):
        raise InsufficientPrivilege("permission denied to rename role")
    verifier = role.verifier
    if verifier is not None and verifier.startswith("md5"):
        # The old name is part of what was hashed.
        verifier = None
        session.notice("MD5 password cleared because of role rename")
    edit = edit_of(session)
    edit.put(evolve(role, name=new, verifier=verifier))
    apply(session, edit)
    return done("ALTER ROLE")


def execute_drop_role(session: CommandSession, statement: tree.Drop) -> Result:
    """Execute DROP ROLE, USER and GROUP: all of the roles or, after an error, none."""
    if not _may_create_roles(session):
        raise InsufficientPrivilege("permission denied to drop role")
    catalog = session.catalog
    dropped: list[Role] = []
    for named in statement.objects:
        name = named.name.name
        role = catalog.roles.get(name)
        if role is None:
            if not statement.if_exists:
                raise UndefinedObject(f'role "{name}" does not exist')
            session.notice(f'role "{name}" does not exist, skipping')
            continue
        if role in PREDEFINED or role.oid == OWNER:
            raise DependentObjectsStillExist(f"cannot drop role {name} because it is required by the database system")
        for oid, what in ((session.role, "current"), (session.session_role, "session")):
            if role.oid == oid:
                raise ObjectInUse(f"{what} user cannot be dropped")
        if role.superuser and not is_superuser(catalog, session.role):
            raise InsufficientPrivilege("must be superuser to drop superusers")
        if role not in dropped:
            dropped.append(role)
    edit = edit_of(session)
    for role in dropped:
        uses = uses_of(session, role)
        if uses:
            raise DependentObjectsStillExist(
                f'role "{role.name}" cannot be dropped because some objects depend on it', detail="\n".join(uses)
            )
        edit.drop(role.oid)
    gone = {role.oid for role in dropped}
    for other in list(catalog.roles.values()):
        if other.oid not in gone and (left := without_members(other, gone)) is not other:
            edit.put(left)
    apply(session, edit)
    return done("DROP ROLE")


def check_role_name(name: str) -> None:
    """Refuse the names that are kept for roles of the system's own."""
    if name.startswith("pg_"):
        raise ReservedName(f'role name "{name}" is reserved', detail='Role names starting with "pg_" are reserved.')


def require_createrole(session: CommandSession, role: Role) -> None:
    """Refuse what is for those who may change a role."""
    if role in PREDEFINED:
        raise ReservedName(
            f'role name "{role.name}" is reserved', detail='Role names starting with "pg_" are reserved.'
        )
    if role.superuser and not is_superuser(session.catalog, session.role):
        raise InsufficientPrivilege("must be superuser to comment on superuser roles")
    if not _may_create_roles(session):
        raise InsufficientPrivilege("must have CREATEROLE privilege")


def _may_create_roles(session: CommandSession) -> bool:
    found = session.catalog.role_by_oid(session.role)
    return found is not None and (found.superuser or found.createrole)


def _by_name(session: CommandSession, options: Sequence[tree.Option]) -> dict[str, tree.Option]:
    """Return options by name; SqlSyntaxError where one is there twice. SYSID says nothing, and is said to."""
    found: dict[str, tree.Option] = {}
    for option in options:
        if option.name == "sysid":
            session.notice("SYSID can no longer be specified")
            continue
        if option.name in found:
            raise SqlSyntaxError("conflicting or redundant options", position=option.position or None)
        found[option.name] = option
    return found


def _attributes(session: CommandSession, role: Role, given: dict[str, tree.Option]) -> dict[str, Any]:
    """Return the fields of a role that the options give."""
    fields: dict[str, Any] = {}
    for name, option in given.items():
        text = option.value.value if isinstance(option.value, tree.Literal) else None
        if name in SWITCHES:
            fields[name] = text == "true"
        elif name == "connection_limit":
            limit = int(text or "0")
            if not -1 <= limit <= LARGEST_LIMIT:
                raise InvalidParameterValue(f"invalid connection limit: {limit}")
            fields["connection_limit"] = limit
        elif name == "valid_until":
            fields["valid_until"] = session.types.input("timestamptz")(text, -1, session)
        elif name == "password":
            fields["verifier"] = _verifier(session, role, text)
    return fields


def _verifier(session: CommandSession, role: Role, password: str | None) -> str | None:
    if password is None:
        return None
    if not password or is_password("", role.name, password):
        session.notice("empty string is not a valid password, clearing password")
        return None
    return make_verifier(password, role.name, session.setting("password_encryption"))
