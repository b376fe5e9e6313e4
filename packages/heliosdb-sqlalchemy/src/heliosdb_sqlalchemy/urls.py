"""What a URL says: ``heliosdb:///path[@branch][?branch=...&timeout=...]``.

    heliosdb:///app.db              a path, relative to where the process is
    heliosdb:////srv/app.db         an absolute one
    heliosdb://                     a new database in memory, and so is heliosdb:///:memory:
    heliosdb:///app.db@experiment   a branch, as behind a server's name of a database
    heliosdb:///a@b.db?branch=main  what the query names wins, so that a path may have an @

There is no host, user or password: nothing is connected to. A key is no part of a URL, which programs like to log; it
goes in by ``connect_args={"encryption_key": ...}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import ArgumentError

from heliosdb_sqlalchemy.databases import MEMORY

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

__all__ = ["arguments"]


def arguments(url: URL) -> dict[str, Any]:
    """Return the arguments of a connection: path, branch, timeout; ArgumentError for what no connection has."""
    stated = {"user": url.username, "password": url.password, "host": url.host, "port": url.port}
    for name, value in stated.items():
        if value is not None:
            raise ArgumentError(
                f"a heliosdb URL has no {name}: the database is in this process. A path stands behind three slashes, "
                "as in heliosdb:///app.db; a server is reached by postgresql+psycopg://"
            )
    path, branch = url.database or MEMORY, None
    options = dict(url.query)
    if "branch" in options:
        branch = _one("branch", options.pop("branch"))
    else:
        folder, slash, name = path.rpartition("/")
        name, at, behind = name.partition("@")
        if at:
            if not behind or not name:
                raise ArgumentError(f"there is no name on one side of the @ in {path!r}")
            path, branch = f"{folder}{slash}{name}", behind
    found: dict[str, Any] = {"path": path, "branch": branch}
    if "timeout" in options:
        text = _one("timeout", options.pop("timeout"))
        try:
            found["timeout"] = float(text)
        except ValueError:
            raise ArgumentError(f"timeout must be a number of seconds, not {text!r}") from None
    if options:
        raise ArgumentError(f"a heliosdb URL has no option {', '.join(sorted(options))}; it has branch and timeout")
    return found


def _one(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"{name} is given more than once")
    return value
