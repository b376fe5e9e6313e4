"""Encodings: how values become keys that hash, compare and order as their operator classes say."""

from __future__ import annotations

from heliosdb.encoding.keys import MAX, MIN, NULL, NULL_FIRST, Descending, KeyColumn, KeyShape

__all__ = ["MAX", "MIN", "NULL", "NULL_FIRST", "Descending", "KeyColumn", "KeyShape"]
