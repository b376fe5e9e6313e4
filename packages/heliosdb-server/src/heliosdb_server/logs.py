"""Where the messages of ``heliosdb start`` go, and how they look: one line each on standard error, text or JSON.

    2026-11-20 18:00:00.123 UTC [4711] INFO heliosdb.server: listening at 127.0.0.1:5432
    {"time": "2026-11-20T18:00:00.123+00:00", "pid": 4711, "level": "info", "logger": "heliosdb.server", ...}

A message's text is ours and what users say are its arguments, which reach the line as data: control characters are
escaped, so that nobody writes a line of his own into a log. What belongs to a message as fields (``extra={"fields":
{...}}``) is members of the JSON object, and ``name=value`` behind the text.

Inside a program the logger ``heliosdb`` is the program's to set up, as any other library's.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

__all__ = ["FORMATS", "LEVELS", "JsonLines", "TextLines", "set_up"]

FORMATS = ("text", "json")
LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


def set_up(form: str, level: str) -> None:
    """Have the logger ``heliosdb`` write to standard error."""
    logging.addLevelName(LEVELS["trace"], "TRACE")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logger = logging.getLogger("heliosdb")
    logger.addHandler(handler)
    logger.setLevel(LEVELS[level])
    logger.propagate = False


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = getattr(record, "fields", {})
    return found


def _escaped(text: str) -> str:
    """Return a text without control characters, so that a line stays one."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


class TextLines(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message; a failure's trace is behind it."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        said = _escaped(f"{record.getMessage()}{fields}")
        line = f"{moment} UTC [{os.getpid()}] {record.levelname} {record.name}: {said}"
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"


class JsonLines(logging.Formatter):
    """Lines for programs: an object each."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message, its trace as a member."""
        found: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "pid": os.getpid(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info is not None:
            found["trace"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)
