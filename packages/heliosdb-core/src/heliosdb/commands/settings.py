"""SET, RESET, SHOW and DISCARD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.result import Result
from heliosdb.catalog.roles import is_member, is_superuser
from heliosdb.catalog.settings import TRANSACTION_SETTINGS
from heliosdb.plan.nodes import OutputColumn
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.session import Session


def _text(value: tree.Expression) -> str:
    if isinstance(value, tree.Literal):
        return value.value
    if isinstance(value, tree.ColumnRef):
        return value.parts[-1]
    if isinstance(value, tree.TypeCast) and isinstance(value.operand, tree.Literal):
        is_interval = value.type.names[-1] == "interval"
        return f"INTERVAL '{value.operand.value}'" if is_interval else value.operand.value
    raise errors.SqlSyntaxError("SET takes constants only", position=value.position or None)


def _values(session: Session, name: str, values: tuple[tree.Expression, ...]) -> str:
    """Return the text of a SET; lists (search_path, datestyle) are joined, with quotes where an element needs them."""
    texts = [_text(value) for value in values]
    setting = session.registries.settings.get(name.lower())
    list_of = None if setting is None else setting.list_of
    if len(texts) > 1 and list_of is None:
        raise errors.InvalidParameterValue(f"SET {name} takes only one argument")
    if list_of == "identifiers":
        return ", ".join(
            text if text.isidentifier() and text.islower() else '"' + text.replace('"', '""') + '"' for text in texts
        )
    return ", ".join(texts)


def text_of_set(session: Any, statement: tree.Set) -> str:
    """Return the text of a SET."""
    return _values(session, statement.name, statement.values)


_SPECIAL = {"time zone": "timezone", "session characteristics": ""}


def execute_set(session: Session, statement: tree.Set) -> Result:
    """SET name = value, SET LOCAL, SET ... TO DEFAULT."""
    name = _SPECIAL.get(statement.name.lower(), statement.name)
    if statement.local and not session.block.is_explicit:
        session.notice("SET LOCAL can only be used in transaction blocks", severity="WARNING", sqlstate="25P01")
        return Result("SET")
    if name in ("role", "session_authorization"):
        return _set_role(session, name, statement)
    if statement.default:
        _reset(session, name, local=statement.local)
    else:
        session.set_setting(name, _values(session, name, statement.values), local=statement.local)
    return Result("SET")


def _reset(session: Session, name: str, *, local: bool = False) -> None:
    if name not in TRANSACTION_SETTINGS:
        session.settings.reset(name, local=local, in_transaction=session.block.is_open)
    elif session.block.is_explicit:
        # The value in which a transaction begins.
        session.set_setting(name, session.show_setting(f"default_{name}"))
    else:
        session.notice("RESET TRANSACTION can only be used in transaction blocks", severity="WARNING", sqlstate="25P01")


def _set_role(session: Session, name: str, statement: tree.Set) -> Result:
    if name == "session_authorization":
        _set_authorization(session, None if statement.default else _values(session, name, statement.values), statement)
        return Result("SET")
    wanted = "none" if statement.default else _values(session, name, statement.values)
    catalog = session.catalog
    role = catalog.role_by_oid(session.session_role) if wanted == "none" else catalog.roles.get(wanted)
    if role is None:
        raise errors.InvalidParameterValue(f'role "{wanted}" does not exist')
    if not is_member(catalog, session.session_role, role.oid):
        raise errors.InsufficientPrivilege(f'permission denied to set role "{role.name}"')
    session.become(role, local=statement.local)
    return Result("SET")


def _set_authorization(session: Session, name: str | None, statement: tree.Set | None = None) -> None:
    """Act as if the session had begun as a role; None: as the one that it did begin as."""
    catalog = session.catalog
    role = catalog.role_by_oid(session.authenticated_role) if name is None else catalog.roles.get(name)
    if role is None:
        raise errors.InvalidParameterValue(f'role "{name or session.session_user}" does not exist')
    if role.oid != session.authenticated_role and not is_superuser(catalog, session.authenticated_role):
        raise errors.InsufficientPrivilege("permission denied to set session authorization")
    session.become(role, of_session=True, local=statement is not None and statement.local)


def execute_reset(session: Session, statement: tree.Reset) -> Result:
    """RESET name, RESET ALL."""
    if statement.name is None:
        session.settings.reset_all(in_transaction=session.block.is_open)
    elif statement.name == "session_authorization":
        _set_authorization(session, None)
    elif statement.name == "role":
        _set_role(session, "role", tree.Set("role", (), default=True))
    else:
        _reset(session, _SPECIAL.get(statement.name.lower(), statement.name).lower())
    return Result("RESET")


def execute_show(session: Session, statement: tree.Show) -> Result:
    """SHOW name, SHOW ALL."""
    if statement.name is None:
        columns = tuple(OutputColumn(name=name, type="text") for name in ("name", "setting", "description"))
        registered = session.registries.settings
        rows = [
            (registered[name].name, session.show_setting(name), registered[name].description)
            for name in session.settings.names()
        ]
        return Result("SHOW", columns, rows, len(rows))
    name = _SPECIAL.get(statement.name.lower(), statement.name)
    text = session.show_setting(name)
    setting = session.settings.registered(name) if name not in ("role", "session_authorization") else None
    shown = name if setting is None else setting.name
    return Result("SHOW", (OutputColumn(name=shown, type="text"),), [(text,)], 1)


def execute_discard(session: Session, statement: tree.Discard) -> Result:
    """DISCARD ALL, PLANS, SEQUENCES, TEMP."""
    if statement.what == "all":
        if session.block.is_explicit:
            raise errors.ActiveSqlTransaction("DISCARD ALL cannot run inside a transaction block")
        _set_authorization(session, None)
        _drop_temporary(session)
        session.discard()
    elif statement.what == "plans":
        session.database.statements.clear()
    elif statement.what == "sequences":
        session.discard_sequences()
    else:
        _drop_temporary(session)
    return Result(f"DISCARD {'TEMP' if statement.what == 'temporary' else statement.what.upper()}")


def _drop_temporary(session: Session) -> None:
    if session.has_temporary_schema:
        from heliosdb.commands.temporary import drop_temporary_objects

        drop_temporary_objects(session)
