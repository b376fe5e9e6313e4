"""BACKUP and RESTORE."""

from __future__ import annotations

from heliosdb.sql.statements.base import Statement
from heliosdb.sql.statements.option import Option
from heliosdb.value import frozen

__all__ = ["Backup", "Restore"]


@frozen(eq=False, repr=False)
class Backup(Statement):
    """``BACKUP TO 'place' [WITH (option [= value], ...)]``."""

    place: str
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class Restore(Statement):
    """``RESTORE FROM 'place' [WITH (option [= value], ...)]``."""

    place: str
    options: tuple[Option, ...] = ()
