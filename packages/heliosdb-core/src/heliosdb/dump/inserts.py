"""Consecutive INSERT statements of one table as one: scripts have thousands, and each costs what a hundred rows do.

Only rows of constants are put together, which mean the same in either form. Where the whole fails, the statements are
run one by one from the state before, so that the error is that of the one statement, and says its line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from heliosdb.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.session import Session

__all__ = ["InsertBatch"]

ROWS: Final = 500
"""Statements that are put together at most."""
SIZE: Final = 1 << 18
"""Characters of them at most, about."""

_NUMBER: Final = r"[-+]?[0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?"
_CONSTANT: Final = rf"(?:'(?:[^']|'')*+'|[eE]'(?:[^'\\]|''|\\.)*+'|{_NUMBER}|NULL|true|false)"
_ROW: Final = rf"\(\s*+{_CONSTANT}\s*+(?:,\s*+{_CONSTANT}\s*+)*+\)"
_insert: Final = re.compile(
    r"(INSERT\s+INTO\s+[^'()]+?(?:\([^'()]*\))?\s*(?:OVERRIDING\s+(?:SYSTEM|USER)\s+VALUE\s*)?VALUES)\s*"
    rf"({_ROW}(?:\s*+,\s*+{_ROW})*+)",
    re.IGNORECASE | re.DOTALL,
)


class InsertBatch:
    """What waits to be run; ``run(text, where)`` runs one statement and says where it stands if that fails."""

    def __init__(self, session: Session, run: Callable[[str, str], int]) -> None:
        self._session = session
        self._run = run
        self._head = ""
        self._rows: list[str] = []
        self._statements: list[tuple[str, str]] = []
        self._size = 0

    def take(self, text: str, where: str) -> int | None:
        """Put a statement off, and return how many rows were inserted meanwhile; None where it is no plain INSERT."""
        found = _insert.fullmatch(text)
        if found is None:
            return None
        head, rows = found.groups()
        done = 0
        if head != self._head or len(self._statements) >= ROWS or self._size >= SIZE:
            done = self.flush()
        self._head = head
        self._rows.append(rows)
        self._statements.append((text, where))
        self._size += len(rows)
        return done

    def flush(self) -> int:
        """Run what waits; return the number of rows."""
        statements, text = self._statements, f"{self._head} {', '.join(self._rows)}"
        self._head, self._rows, self._statements, self._size = "", [], [], 0
        if len(statements) > 1:
            self._session.execute("SAVEPOINT heliosdb_inserts")
            try:
                (result,) = self._session.execute(text)
            except Error:
                self._session.execute("ROLLBACK TO SAVEPOINT heliosdb_inserts")
            else:
                self._session.execute("RELEASE SAVEPOINT heliosdb_inserts")
                return result.row_count or 0
        return sum(self._run(one, where) for one, where in statements)
