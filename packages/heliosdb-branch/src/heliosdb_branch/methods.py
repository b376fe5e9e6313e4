"""The methods of the embedded API: ``db.create_branch(...)`` and its kin, each one statement or view in Python."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from heliosdb.errors import UndefinedObject

__all__ = ["Branch", "create_branch", "delete_branch", "get_branch_info", "list_branches"]


@frozen
class Branch:
    """A branch as it was when asked for. ``divergence_point``: the SCN at which it left its parent, None of main.
    ``commits``: how many were made on it since, under its present name, as far as they are known; ``list_branches``
    does not count them. ``age_days``: whole days. ``is_active``: whether a session works on it."""

    name: str
    parent: str | None
    created_at: datetime | None
    size_bytes: int
    age_days: int
    is_active: bool
    divergence_point: int | None
    commits: int | None = None

    @property
    def size_mb(self) -> float:
        """The size in units of 1048576 bytes."""
        return self.size_bytes / 1048576


def create_branch(db: Any, name: str, source: str | None = None) -> Branch:
    """Start a branch from another one (None: the current one), and return it."""
    start = "" if source is None else f" FROM {_quoted(source)}"
    db.execute(f"CREATE BRANCH {_quoted(name)}{start}")
    return get_branch_info(db, name)


def delete_branch(db: Any, name: str) -> None:
    """Drop a branch; what starts from it stays."""
    db.execute(f"DROP BRANCH {_quoted(name)}")


def get_branch_info(db: Any, name: str) -> Branch:
    """Return one branch; UndefinedObject where there is none of this name."""
    for branch in list_branches(db):
        if branch.name == name:
            history = db.database.history
            commits = history.commits.between((branch.divergence_point or 0) + 1, history.published)
            return evolve(branch, commits=sum(commit.author.timeline == name for commit in commits))
    raise UndefinedObject(f'branch "{name}" does not exist')


def list_branches(db: Any) -> list[Branch]:
    """Return all branches, main first."""
    database = db.database
    lines = {line.id: line for line in database.history.timelines()}
    rows = db.query("""
        SELECT branch_name, parent_branch, created_at, size_bytes,
               extract(day FROM now() - created_at)::int, branch_id, fork_point_lsn
        FROM pg_database_branches
    """)
    return [
        Branch(
            name, parent, created_at, size_bytes, 0 if age_days is None else age_days,
            database.users_of(lines[number]) > 0, fork,
        )
        for name, parent, created_at, size_bytes, age_days, number, fork in map(tuple, rows)
    ]  # fmt: skip


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
