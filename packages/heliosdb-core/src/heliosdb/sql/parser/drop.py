"""DROP of everything, COMMENT ON, SECURITY LABEL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import InvalidParameterValue
from heliosdb.sql.parser import objects, roles
from heliosdb.sql.statements import Comment, Drop, ObjectName, Option, QualifiedName, SecurityLabel, Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.sql.parser.cursor import Parser

__all__ = ["comment", "drop", "security_label"]


def drop(p: Parser) -> Statement:
    """Read DROP behind that word."""
    kind = p.kind
    if kind in ("function", "procedure", "routine"):
        p.advance()
        return several(p, kind, lambda: objects.routine(p, kind))
    if kind == "aggregate":
        p.advance()
        return several(p, kind, lambda: objects.aggregate(p))
    if kind in ("type", "domain"):
        p.advance()
        return several(p, kind, lambda: objects.type_named(p, kind))
    if kind == "operator":
        p.advance()
        if p.kind in ("class", "family"):
            kind = f"operator {p.one_of('class', 'family')}"
            return one(p, kind, lambda: objects.operator_class(p, kind))
        return several(p, kind, lambda: objects.operator(p))
    if kind in objects.ON_TABLE_KINDS:
        p.advance()
        return one(p, kind, lambda: objects.on_table(p, kind))
    if kind == "cast":
        p.advance()
        return one(p, kind, lambda: objects.cast(p))
    if kind == "transform":
        p.advance()
        return one(p, kind, lambda: objects.transform(p))
    if kind == "owned":
        p.advance()
        return roles.drop_owned(p)
    if kind == "user" and p.next_kind() == "mapping":
        raise p.unsupported("DROP USER MAPPING")
    if kind in ("role", "user", "group"):
        p.advance()
        return drop_roles(p)
    if kind in ("database", "tablespace", "subscription"):
        p.advance()
        return plain(p, kind)
    if kind == "index" and p.next_kind() == "concurrently":
        p.advance()
        p.advance()
        return several(p, kind, lambda: objects.any_named(p, kind), concurrently=True)
    found = objects.kind_of_object(p, objects.ANY_NAME_KINDS + objects.NAME_KINDS)
    if found is None:
        p.unexpected()
    if tuple(found.split()) in objects.ANY_NAME_KINDS:
        return several(p, found, lambda: objects.any_named(p, found))
    return several(p, found, lambda: objects.named(p, found))


def several(p: Parser, kind: str, item: Callable[[], ObjectName], *, concurrently: bool = False) -> Drop:
    """Read ``[IF EXISTS] a, b [CASCADE]``."""
    exists = p.if_exists()
    found = p.separated(item)
    return Drop(kind, found, exists, p.cascade(), concurrently, position=p.start_position)


def one(p: Parser, kind: str, item: Callable[[], ObjectName]) -> Drop:
    """Read ``[IF EXISTS] a [CASCADE]``."""
    exists = p.if_exists()
    found = item()
    return Drop(kind, (found,), exists, p.cascade(), position=p.start_position)


def drop_roles(p: Parser) -> Drop:
    exists = p.if_exists()
    named = roles.role_list(p)
    for role in named:
        if role.name is None:
            raise InvalidParameterValue("cannot use special role specifier in DROP ROLE", position=role.position)
    found = tuple(ObjectName("role", QualifiedName((role.called,)), position=role.position) for role in named)
    return Drop("role", found, exists, position=p.start_position)


def plain(p: Parser, kind: str) -> Drop:
    """Read a database, tablespace or subscription, of which one at a time is dropped."""
    exists = p.if_exists()
    found = objects.named(p, kind)
    if kind == "subscription":
        return Drop(kind, (found,), exists, p.cascade(), position=p.start_position)
    options: tuple[Option, ...] = ()
    if kind == "database" and p.kind in ("with", "("):
        p.accept("with")
        p.expect("(")
        options = p.separated(lambda: force_option(p))
        p.expect(")")
    return Drop(kind, (found,), exists, options=options, position=p.start_position)


def force_option(p: Parser) -> Option:
    position = p.position
    p.expect("force")
    return Option("force", position=position)


_COMMENT_KINDS = (
    ("column",),
    ("constraint",),
    ("policy",),
    ("rule",),
    ("trigger",),
    ("large", "object"),
    ("database",),
    ("role",),
    ("subscription",),
    ("tablespace",),
)


def comment(p: Parser) -> Comment:
    """Read COMMENT behind that word."""
    p.expect("on")
    found = objects.object_name(p, more=_COMMENT_KINDS)
    p.expect("is")
    text = None if p.accept("null") else p.string()
    return Comment(found, text, position=p.start_position)


def security_label(p: Parser) -> SecurityLabel:
    """Read SECURITY LABEL behind SECURITY."""
    p.expect("label")
    provider = None
    if p.accept("for"):
        provider = p.string() if p.kind == "SCONST" else p.non_reserved_word()
    p.expect("on")
    found = objects.object_name(p, more=tuple(k for k in _COMMENT_KINDS if k[0] not in _NOT_LABELLED))
    p.expect("is")
    label = None if p.accept("null") else p.string()
    return SecurityLabel(found, label, provider, position=p.start_position)


_NOT_LABELLED = frozenset({"constraint", "policy", "rule", "trigger"})
