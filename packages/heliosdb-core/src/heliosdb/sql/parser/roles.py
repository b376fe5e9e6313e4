"""Roles: their names, CREATE and ALTER ROLE, GRANT and REVOKE, policies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from heliosdb.errors import FeatureNotSupported, ReservedName, SqlSyntaxError
from heliosdb.sql.parser import expressions, objects, options, settings
from heliosdb.sql.statements import (
    AlterDefaultPrivileges,
    AlterPolicy,
    AlterRole,
    CreatePolicy,
    CreateRole,
    DropOwned,
    Expression,
    Grant,
    GrantRole,
    Literal,
    ObjectName,
    Option,
    Privilege,
    QualifiedName,
    ReassignOwned,
    RoleName,
    Statement,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "alter_default_privileges",
    "alter_policy",
    "alter_role",
    "create_policy",
    "create_role",
    "drop_owned",
    "grant",
    "reassign_owned",
    "revoke",
    "role",
    "role_list",
]

_SPECIAL: Final = frozenset({"current_user", "current_role", "session_user"})
_SWITCHES: Final = frozenset({"superuser", "createrole", "replication", "createdb", "login", "bypassrls"})


def role(p: Parser) -> RoleName:
    """Read a role in any of its spellings (RoleSpec)."""
    position = p.position
    kind = p.kind
    if kind in _SPECIAL:
        p.advance()
        return RoleName(None, kind, position=position)  # type: ignore[arg-type]
    name = p.non_reserved_word()
    if name == "public":
        return RoleName(None, "public", position=position)
    if name == "none":
        raise ReservedName('role name "none" is reserved', position=position)
    return RoleName(name, position=position)


def role_name(p: Parser) -> RoleName:
    """Read the name of a role to be made (RoleId)."""
    found = role(p)
    if found.special == "public":
        raise ReservedName('role name "public" is reserved', position=found.position)
    if found.special is not None:
        raise ReservedName(f"{found.special.upper()} cannot be used as a role name here", position=found.position)
    return found


def role_list(p: Parser) -> tuple[RoleName, ...]:
    """Read roles separated by commas."""
    return p.separated(lambda: role(p))


def create_role(p: Parser, kind: str) -> CreateRole:
    """Read CREATE ROLE, USER or GROUP behind those words."""
    name = role_name(p)
    if p.kind in ("with", "with_la"):
        p.advance()
    return CreateRole(kind, name, role_options(p, create=True), position=p.start_position)  # type: ignore[arg-type]


def role_options(p: Parser, *, create: bool) -> tuple[Option, ...]:
    found: list[Option] = []
    while (option := role_option(p, create)) is not None:
        found.append(option)
    return tuple(found)


def role_option(p: Parser, create: bool) -> Option | None:
    position = p.position
    kind = p.kind
    if kind == "IDENT":
        return role_switch(p)
    if kind == "password":
        p.advance()
        if p.accept("null"):
            return Option("password", position=position)
        return Option("password", string_literal(p), position=position)
    if kind in ("encrypted", "unencrypted"):
        p.advance()
        p.expect("password")
        password = string_literal(p)
        if kind == "unencrypted":
            raise FeatureNotSupported(
                "UNENCRYPTED PASSWORD is no longer supported",
                hint="Remove UNENCRYPTED to store the password in encrypted form instead.",
                position=position,
            )
        return Option("password", password, position=position)
    if kind == "inherit":
        p.advance()
        return Option("inherit", options.word("true", position), position=position)
    if kind == "connection":
        p.advance()
        p.expect("limit")
        return Option("connection_limit", signed_integer(p), position=position)
    if kind == "valid":
        p.advance()
        p.expect("until")
        return Option("valid_until", string_literal(p), position=position)
    if kind == "user":
        p.advance()
        return Option("members", role_list(p), position=position)
    if not create:
        return None
    if kind == "sysid":
        p.advance()
        if p.kind != "ICONST":
            p.unexpected()
        return Option("sysid", p.constant(), position=position)
    if kind in ("admin", "role"):
        p.advance()
        return Option("admin" if kind == "admin" else "members", role_list(p), position=position)
    if kind == "in":
        p.advance()
        p.one_of("role", "group")
        return Option("in_role", role_list(p), position=position)
    return None


def role_switch(p: Parser) -> Option:
    position = p.position
    name = p.values[p.i]
    value = "true"
    if name == "noinherit":
        name, value = "inherit", "false"
    elif name not in _SWITCHES:
        if name.startswith("no") and name[2:] in _SWITCHES:
            name, value = name[2:], "false"
        else:
            raise SqlSyntaxError(f'unrecognized role option "{name}"', position=position)
    p.advance()
    return Option(name, options.word(value, position), position=position)


def string_literal(p: Parser) -> Literal:
    """Read a string as a Literal."""
    if p.kind != "SCONST":
        p.unexpected()
    return p.constant()


def signed_integer(p: Parser) -> Literal:
    """Read an integer with an optional sign as a Literal."""
    following = p.next_kind() if p.kind in ("+", "-") else p.kind
    if following != "ICONST":
        if p.kind in ("+", "-"):
            p.advance()
        p.unexpected()
    return options.numeric_only(p)


def alter_role(p: Parser, kind: str) -> Statement:
    """Read ALTER ROLE, USER or GROUP behind those words, but for RENAME."""
    if kind != "group" and p.accept("all"):
        target = None
    else:
        target = role(p)
    if kind == "group":
        position = p.position
        action = p.one_of("add", "drop")
        p.expect("user")
        members = Option("members", role_list(p), action=action, position=position)  # type: ignore[arg-type]
        return AlterRole(target, (members,), position=p.start_position)
    database = None
    if p.accept("in"):
        p.expect("database")
        database = p.identifier()
    if p.kind in ("set", "reset") or target is None or database is not None:
        return AlterRole(target, (), database, settings.set_or_reset(p), position=p.start_position)
    if p.kind in ("with", "with_la"):
        p.advance()
    return AlterRole(target, role_options(p, create=False), position=p.start_position)


# -- privileges -------------------------------------------------------------------------------------------------------


def privileges(p: Parser) -> tuple[Privilege, ...]:
    """Read ``ALL [PRIVILEGES] [(columns)]`` or a list."""
    if p.kind == "all":
        position = p.position
        p.advance()
        p.accept("privileges")
        columns = p.parenthesized_names() if p.kind == "(" else ()
        return (Privilege("all", columns, position=position),)
    return p.separated(lambda: privilege(p))


def privilege(p: Parser) -> Privilege:
    position = p.position
    if p.kind in ("select", "references", "create"):
        name = p.kind
        p.advance()
    elif p.kind == "alter" and p.next_kind() == "system":
        p.advance()
        p.advance()
        return Privilege("alter system", position=position)
    else:
        name = p.identifier()
    columns = p.parenthesized_names() if p.kind == "(" else ()
    return Privilege(name, columns, position=position)


def grant(p: Parser) -> Statement:
    """Read GRANT behind that word."""
    what = privileges(p)
    if p.kind == "to" and what[0].name != "all":
        p.advance()
        grantees = role_list(p)
        admin = False
        if p.accept("with"):
            p.expect_all("admin", "option")
            admin = True
        return GrantRole(True, what, grantees, admin, granted_by(p), position=p.start_position)
    p.expect("on")
    kind, found, in_schema = grant_target(p)
    p.expect("to")
    grantees = grantee_list(p)
    option = False
    if p.accept("with"):
        p.expect_all("grant", "option")
        option = True
    return Grant(True, what, kind, found, grantees, option, granted_by(p), in_schema, position=p.start_position)


def revoke(p: Parser) -> Statement:
    """Read REVOKE behind that word."""
    option = admin = False
    if p.kind == "grant" or (p.kind == "admin" and p.next_kind() == "option"):
        admin = p.kind == "admin"
        option = not admin
        p.advance()
        p.expect_all("option", "for")
    what = privileges(p)
    if p.kind == "from" and what[0].name != "all" and not option:
        p.advance()
        grantees = role_list(p)
        by = granted_by(p)
        return GrantRole(False, what, grantees, admin, by, p.cascade(), position=p.start_position)
    if admin:
        p.unexpected()
    p.expect("on")
    kind, found, in_schema = grant_target(p)
    p.expect("from")
    grantees = grantee_list(p)
    by = granted_by(p)
    return Grant(False, what, kind, found, grantees, option, by, in_schema, p.cascade(), position=p.start_position)


def granted_by(p: Parser) -> RoleName | None:
    if not p.accept("granted"):
        return None
    p.expect("by")
    return role(p)


def grantee_list(p: Parser) -> tuple[RoleName, ...]:
    return p.separated(lambda: grantee(p))


def grantee(p: Parser) -> RoleName:
    p.accept("group")
    return role(p)


_TARGETS: Final = {
    ("table",): "table",
    ("sequence",): "sequence",
    ("foreign", "data", "wrapper"): "foreign data wrapper",
    ("foreign", "server"): "server",
    ("function",): "function",
    ("procedure",): "procedure",
    ("routine",): "routine",
    ("database",): "database",
    ("domain",): "domain",
    ("language",): "language",
    ("large", "object"): "large object",
    ("parameter",): "parameter",
    ("schema",): "schema",
    ("tablespace",): "tablespace",
    ("type",): "type",
}
_ALL_IN_SCHEMA: Final = {
    "tables": "table",
    "sequences": "sequence",
    "functions": "function",
    "procedures": "procedure",
    "routines": "routine",
}
_ENDS: Final = frozenset({",", ".", "to", "from", "["})


def grant_target(p: Parser) -> tuple[str, tuple[ObjectName, ...], bool]:
    """Read what privileges are on: the kind, the objects, and whether they are schemas whose contents are meant."""
    if p.kind == "all":
        p.advance()
        kind = _ALL_IN_SCHEMA[p.one_of(*_ALL_IN_SCHEMA)]
        p.expect_all("in", "schema")
        return kind, p.separated(lambda: objects.named(p, "schema")), True
    for words, kind in _TARGETS.items():
        if p.at_keyword(*words) and (p.kind in ("foreign", "table") or p.next_kind(len(words)) not in _ENDS):
            p.reset(p.i + len(words))
            return kind, p.separated(partial(target, p, kind)), False
    if p.kind == "foreign":
        p.advance()
        p.accept("data")
        p.unexpected()
    return "table", p.separated(lambda: objects.relation_named(p, "table")), False


def target(p: Parser, kind: str) -> ObjectName:
    if kind in ("table", "sequence"):
        return objects.relation_named(p, kind)
    if kind in ("function", "procedure", "routine"):
        return objects.routine(p, kind)
    if kind in ("type", "domain"):
        return objects.any_named(p, kind)
    if kind == "large object":
        return objects.large_object(p)
    if kind == "parameter":
        return objects.any_named(p, kind)
    return objects.named(p, kind)


def alter_default_privileges(p: Parser) -> AlterDefaultPrivileges:
    """Read ALTER DEFAULT PRIVILEGES behind those words."""
    roles: tuple[RoleName, ...] = ()
    schemas: tuple[str, ...] = ()
    while p.kind in ("in", "for"):
        if p.accept("in"):
            p.expect("schema")
            schemas += p.names()
        else:
            p.advance()
            p.one_of("role", "user")
            roles += role_list(p)
    position = p.position
    granting = p.one_of("grant", "revoke") == "grant"
    option = False
    if not granting and p.accept("grant"):
        p.expect_all("option", "for")
        option = True
    what = privileges(p)
    p.expect("on")
    kinds = {**_ALL_IN_SCHEMA, "types": "type", "schemas": "schema"}
    kind = kinds[p.one_of(*kinds)]
    p.expect("to" if granting else "from")
    grantees = grantee_list(p)
    if granting and p.accept("with"):
        p.expect_all("grant", "option")
        option = True
    cascade = False if granting else p.cascade()
    action = Grant(granting, what, kind, (), grantees, option, None, False, cascade, position=position)
    return AlterDefaultPrivileges(roles, schemas, action, position=p.start_position)


def drop_owned(p: Parser) -> DropOwned:
    """Read DROP OWNED behind those words."""
    p.expect("by")
    roles = role_list(p)
    return DropOwned(roles, p.cascade(), position=p.start_position)


def reassign_owned(p: Parser) -> ReassignOwned:
    """Read REASSIGN behind that word."""
    p.expect_all("owned", "by")
    roles = role_list(p)
    p.expect("to")
    return ReassignOwned(roles, role(p), position=p.start_position)


# -- policies ---------------------------------------------------------------------------------------------------------


def create_policy(p: Parser) -> CreatePolicy:
    """Read CREATE POLICY behind those words."""
    name = p.identifier()
    p.expect("on")
    table = p.qualified_name()
    permissive = True
    if p.accept("as"):
        position = p.position
        if p.kind != "IDENT":
            p.unexpected()
        word = p.values[p.i]
        if word not in ("permissive", "restrictive"):
            raise SqlSyntaxError(
                f'unrecognized row security option "{word}"',
                hint="Only PERMISSIVE or RESTRICTIVE policies are supported currently.",
                position=position,
            )
        p.advance()
        permissive = word == "permissive"
    command = p.one_of("all", "select", "insert", "update", "delete") if p.accept("for") else "all"
    roles = role_list(p) if p.accept("to") else ()
    using, check = policy_expressions(p)
    return CreatePolicy(
        name,
        table,
        permissive,
        command,  # type: ignore[arg-type]
        roles,
        using,
        check,
        position=p.start_position,
    )


def policy_expressions(p: Parser) -> tuple[Expression | None, Expression | None]:
    using = check = None
    if p.accept("using"):
        p.expect("(")
        using = expressions.expression(p)
        p.expect(")")
    if p.accept("with"):
        p.expect("check")
        p.expect("(")
        check = expressions.expression(p)
        p.expect(")")
    return using, check


def alter_policy(p: Parser, name: str, table: QualifiedName) -> AlterPolicy:
    """Read ALTER POLICY behind its table."""
    roles = role_list(p) if p.accept("to") else None
    using, check = policy_expressions(p)
    return AlterPolicy(name, table, roles, using, check, position=p.start_position)
