"""What a statement answers: its command tag and, where rows come back, their columns and the rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from heliosdb.plan.nodes import OutputColumn

__all__ = ["Result"]


@frozen
class Result:
    """The outcome of one statement.

    ``tag`` is PostgreSQL's command tag without the row count of queries (``"CREATE TABLE"``, ``"INSERT"``).
    ``columns`` is None where the statement returns no rows; ``rows`` are tuples of datums and may be a generator that
    is read once, or batches of them where the statement has been run ``live``. ``row_count`` is the number of rows
    returned or changed, None where the command has none or it is not known yet.
    """

    tag: str
    columns: tuple[OutputColumn, ...] | None = None
    rows: Iterable[Any] = ()
    row_count: int | None = None

    @property
    def status(self) -> str:
        """PostgreSQL's whole command tag: ``SELECT 3``, ``INSERT 0 1``."""
        if self.row_count is None or self.tag.split()[0] not in _COUNTED:
            return self.tag
        return f"{self.tag}{' 0' if self.tag == 'INSERT' else ''} {self.row_count}"


_COUNTED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "FETCH", "MOVE"})
