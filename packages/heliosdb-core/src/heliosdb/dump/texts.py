"""What SQL's own functions say of definitions (``pg_get_constraintdef`` and kin), fetched once for a whole dump."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.session import Session

__all__ = ["DefinitionTexts"]


class DefinitionTexts:
    """Definitions as SQL, as the session sees them: with an empty search_path every name is qualified."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.constraints: dict[int, str] = dict(
            self._rows(
                "SELECT oid::pg_catalog.int8, pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint"
            )
        )
        self.indexes: dict[int, str] = dict(
            self._rows(
                "SELECT indexrelid::pg_catalog.int8, pg_catalog.pg_get_indexdef(indexrelid) FROM pg_catalog.pg_index"
                " WHERE indrelid >= 16384"
            )
        )
        self.defaults: dict[tuple[int, int], str] = {
            (relation, number): text
            for relation, number, text in self._rows(
                "SELECT adrelid::pg_catalog.int8, adnum::pg_catalog.int4, pg_catalog.pg_get_expr(adbin, adrelid)"
                " FROM pg_catalog.pg_attrdef"
            )
        }

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        (result,) = self._session.execute(query)
        return list(result.rows)

    def type(self, name: str, typmod: int) -> str:
        """Return a type as SQL."""
        spelled: str = self._session.types.format(name, typmod)
        return spelled
