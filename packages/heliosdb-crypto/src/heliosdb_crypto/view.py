"""The view ``heliosdb_encryption``: what is encrypted, under which key, since when, and how far a rotation is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from heliosdb.spi import SessionContext, file_headers
from heliosdb_crypto.opening import ATTACHED, NAME, ROTATION

__all__ = ["rows"]

PARTS = {"log": "log", "segment": "tables", "run": "indexes", "manifest": "manifest"}

EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()


def rows(session: SessionContext) -> Iterator[tuple[Any, ...]]:
    """Yield the master key, the data keys, and of each kind of file what is encrypted under which."""
    database: Any = session.database  # type: ignore[attr-defined]
    keyring = database.attached.get(ATTACHED)
    known = {} if keyring is None else {key.number: key for key in keyring.data_keys()}
    if keyring is not None:
        yield ("master key", None, f"{keyring.master_kind} {keyring.master_id}", None, None, None, "current")
        for key in known.values():
            state = (
                "current" if key.number == keyring.current else database.attached[ROTATION].error or "being replaced"
            )
            yield ("data key", NAME, str(key.number), _time(key.created), None, None, state)
    found: dict[tuple[str, int | None], list[int]] = {}
    for name, size, header in file_headers(database.volume):
        part = PARTS.get(name.partition("-")[0], "other")
        number = None if header is None else header.codec_parameters.get(NAME, {}).get("key")
        counts = found.setdefault((part, number), [0, 0])
        counts[0] += 1
        counts[1] += size
    for (part, number), (files, size) in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
        if number is None:
            yield (part, None, None, None, files, size, "not encrypted")
        else:
            since = _time(known[number].created) if number in known else None
            state = "current" if keyring is not None and number == keyring.current else "to be written anew"
            yield (part, NAME, str(number), since, files, size, state)


def _time(seconds: float) -> int:
    """Return a timestamptz: microseconds since 2000."""
    return round((seconds - EPOCH) * 1_000_000)
