"""One object of a dump: how it is made, how it is dropped, and where it belongs.

    pre-data    schemas, extensions, sequences, types, tables
    data        rows, and where sequences stand
    post-data   keys, indexes, references, views: what would slow the rows down, or needs them

An archive's table of contents holds these values; the SQL form writes them one after the other.
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen

__all__ = ["Entry", "Section"]

Section = Literal["pre-data", "data", "post-data"]


@frozen(kw_only=True)
class Entry:
    """``sql`` makes the object, all of it, its comments included; ``drop`` drops it, and ``drop_existing`` if it is
    there.

    ``table`` is the (schema, name) of the table that it is a part of, for those who want one table only, and
    ``references`` that of the table that a foreign key refers to. The entry of a table's rows has the names of the
    columns and the relation's OID in the dumped database.
    """

    section: Section
    kind: str
    schema: str
    name: str
    sql: str = ""
    drop: str = ""
    drop_existing: str = ""
    table: tuple[str, str] | None = None
    references: tuple[str, str] | None = None
    columns: tuple[str, ...] = ()
    relation: int = 0

    @property
    def title(self) -> str:
        """How messages call the object."""
        return f"{self.kind.lower()} {self.place}"

    @property
    def place(self) -> str:
        """The object's qualified name, for people."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def to_json(self) -> dict[str, Any]:
        """Return what an archive's table of contents holds."""
        return {
            "section": self.section,
            "kind": self.kind,
            "schema": self.schema,
            "name": self.name,
            "sql": self.sql,
            "drop": self.drop,
            "drop_existing": self.drop_existing,
            "table": self.table,
            "references": self.references,
            "columns": self.columns,
        }

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Entry:
        """Return the entry that ``to_json`` described."""
        return cls(
            section=given["section"],
            kind=given["kind"],
            schema=given["schema"],
            name=given["name"],
            sql=given["sql"],
            drop=given["drop"],
            drop_existing=given["drop_existing"],
            table=_pair(given["table"]),
            references=_pair(given["references"]),
            columns=tuple(given["columns"]),
        )


def _pair(given: Any) -> tuple[str, str] | None:
    return None if given is None else (given[0], given[1])
