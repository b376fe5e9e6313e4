"""The statements that are no query: one file a statement or a small family, each with functions ``execute_*(session,
statement) -> Result``.

``COMMANDS`` says which function executes which syntax node. The core registers the table like a plugin's statements,
by import string, so that a statement's module is imported when the first such statement runs.
"""

from __future__ import annotations

__all__ = ["COMMANDS", "DROPS"]

COMMANDS: dict[str, str] = {
    "AlterDatabaseSet": "heliosdb.commands.databases:execute_alter_database_set",
    "AlterDomain": "heliosdb.commands.domains:execute_alter_domain",
    "AlterEnum": "heliosdb.commands.types:execute_alter_enum",
    "AlterObject": "heliosdb.commands.sequences:execute_alter_object",
    "AlterOwner": "heliosdb.commands.rename:execute_alter_owner",
    "AlterSchema": "heliosdb.commands.rename:execute_alter_schema",
    "AlterTable": "heliosdb.commands.alter_table:execute_alter_table",
    "Analyze": "heliosdb.commands.maintenance:execute_analyze",
    "Begin": "heliosdb.commands.transaction_control:execute_begin",
    "Checkpoint": "heliosdb.commands.databases:execute_checkpoint",
    "Comment": "heliosdb.commands.comment:execute_comment",
    "CloseCursor": "heliosdb.commands.cursors:execute_close",
    "Commit": "heliosdb.commands.transaction_control:execute_commit",
    "Copy": "heliosdb.commands.copy:execute_copy",
    "CreateCompositeType": "heliosdb.commands.types:execute_create_composite",
    "CreateDatabase": "heliosdb.commands.databases:execute_create_database",
    "CreateDomain": "heliosdb.commands.domains:execute_create_domain",
    "CreateEnum": "heliosdb.commands.types:execute_create_enum",
    "CreateExtension": "heliosdb.commands.extension:execute_create_extension",
    "CreateIndex": "heliosdb.commands.create_index:execute_create_index",
    "CreateSchema": "heliosdb.commands.schemas:execute_create_schema",
    "CreateSequence": "heliosdb.commands.sequences:execute_create_sequence",
    "CreateTable": "heliosdb.commands.create_table:execute_create_table",
    "CreateTableAs": "heliosdb.commands.create_table_as:execute_create_table_as",
    "CreateView": "heliosdb.commands.views:execute_create_view",
    "Deallocate": "heliosdb.commands.prepared:execute_deallocate",
    "DeclareCursor": "heliosdb.commands.cursors:execute_declare",
    "Discard": "heliosdb.commands.settings:execute_discard",
    "Drop": "heliosdb.commands.drop:execute_drop",
    "Execute": "heliosdb.commands.prepared:execute_execute",
    "Fetch": "heliosdb.commands.cursors:execute_fetch",
    "Explain": "heliosdb.commands.explain:execute_explain",
    "Lock": "heliosdb.commands.lock:execute_lock",
    "Prepare": "heliosdb.commands.prepared:execute_prepare",
    "PrepareTransaction": "heliosdb.commands.transaction_control:execute_prepare_transaction",
    "PreparedTransaction": "heliosdb.commands.transaction_control:execute_prepare_transaction",
    "Reindex": "heliosdb.commands.reindex:execute_reindex",
    "Release": "heliosdb.commands.transaction_control:execute_release",
    "Rename": "heliosdb.commands.rename:execute_rename",
    "Reset": "heliosdb.commands.settings:execute_reset",
    "Rollback": "heliosdb.commands.transaction_control:execute_rollback",
    "RollbackTo": "heliosdb.commands.transaction_control:execute_rollback_to",
    "Savepoint": "heliosdb.commands.transaction_control:execute_savepoint",
    "Select": "heliosdb.commands.create_table_as:execute_select_into",
    "Set": "heliosdb.commands.settings:execute_set",
    "SetConstraints": "heliosdb.commands.transaction_control:execute_set_constraints",
    "SetTransaction": "heliosdb.commands.transaction_control:execute_set_transaction",
    "Show": "heliosdb.commands.settings:execute_show",
    "Truncate": "heliosdb.commands.truncate:execute_truncate",
    "Vacuum": "heliosdb.commands.maintenance:execute_vacuum",
}

DROPS: dict[str, str] = {
    "aggregate": "heliosdb.commands.drop_missing:execute_drop_missing",
    "domain": "heliosdb.commands.types:execute_drop_type",
    "function": "heliosdb.commands.drop_missing:execute_drop_missing",
    "group": "heliosdb.commands.drop_missing:execute_drop_missing",
    "procedure": "heliosdb.commands.drop_missing:execute_drop_missing",
    "role": "heliosdb.commands.drop_missing:execute_drop_missing",
    "routine": "heliosdb.commands.drop_missing:execute_drop_missing",
    "trigger": "heliosdb.commands.drop_missing:execute_drop_missing",
    "type": "heliosdb.commands.types:execute_drop_type",
    "user": "heliosdb.commands.drop_missing:execute_drop_missing",
    "database": "heliosdb.commands.databases:execute_drop_database",
    "extension": "heliosdb.commands.extension:execute_drop_extension",
}
"""Executors of DROP for kinds of objects that have their own: kind as ``Drop`` has it -> ``execute(session, Drop)``."""
