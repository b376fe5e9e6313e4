"""The statements that are no query: one file a statement or a small family, each with functions ``execute_*(session,
statement) -> Result``.

``COMMANDS`` says which function executes which syntax node. The core registers the table like a plugin's statements,
by import string, so that a statement's module is imported when the first such statement runs.
"""

from __future__ import annotations

__all__ = ["COMMANDS", "DROPS"]

COMMANDS: dict[str, str] = {
    "CreateExtension": "heliosdb.commands.extension:execute_create_extension",
    "CreateIndex": "heliosdb.commands.create_index:execute_create_index",
    "CreateSchema": "heliosdb.commands.schemas:execute_create_schema",
    "CreateTable": "heliosdb.commands.create_table:execute_create_table",
    "Drop": "heliosdb.commands.drop:execute_drop",
}

DROPS: dict[str, str] = {
    "extension": "heliosdb.commands.extension:execute_drop_extension",
}
"""Executors of DROP for kinds of objects that have their own: kind as ``Drop`` has it -> ``execute(session, Drop)``."""
