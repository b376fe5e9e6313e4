"""The statements that are no query: one file a statement or a small family, each with functions ``execute_*(session,
statement) -> Result``.

``COMMANDS`` says which function executes which syntax node. The core registers the table like a plugin's statements,
by import string, so that a statement's module is imported when the first such statement runs.
"""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS: dict[str, str] = {
    "CreateExtension": "heliosdb.commands.extension:execute_create_extension",
}
