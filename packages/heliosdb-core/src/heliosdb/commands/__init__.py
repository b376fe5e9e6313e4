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
    "Begin": "heliosdb.commands.transaction_control:execute_begin",
    "Commit": "heliosdb.commands.transaction_control:execute_commit",
    "Deallocate": "heliosdb.commands.prepared:execute_deallocate",
    "Discard": "heliosdb.commands.settings:execute_discard",
    "Execute": "heliosdb.commands.prepared:execute_execute",
    "Explain": "heliosdb.commands.explain:execute_explain",
    "Prepare": "heliosdb.commands.prepared:execute_prepare",
    "PrepareTransaction": "heliosdb.commands.transaction_control:execute_prepare_transaction",
    "PreparedTransaction": "heliosdb.commands.transaction_control:execute_prepare_transaction",
    "Release": "heliosdb.commands.transaction_control:execute_release",
    "Reset": "heliosdb.commands.settings:execute_reset",
    "Rollback": "heliosdb.commands.transaction_control:execute_rollback",
    "RollbackTo": "heliosdb.commands.transaction_control:execute_rollback_to",
    "Savepoint": "heliosdb.commands.transaction_control:execute_savepoint",
    "Set": "heliosdb.commands.settings:execute_set",
    "SetConstraints": "heliosdb.commands.transaction_control:execute_set_constraints",
    "SetTransaction": "heliosdb.commands.transaction_control:execute_set_transaction",
    "Show": "heliosdb.commands.settings:execute_show",
}

DROPS: dict[str, str] = {
    "extension": "heliosdb.commands.extension:execute_drop_extension",
}
"""Executors of DROP for kinds of objects that have their own: kind as ``Drop`` has it -> ``execute(session, Drop)``."""
