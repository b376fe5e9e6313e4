"""Plans become Python functions.

``compile_statement`` turns an optimized plan into one generated function; ``compile_row_function`` turns bound
expressions over one source into a function of a row (index keys, checks, defaults). How pipelines are fused is told
in ``pipeline``, how NULL logic is emitted in ``expressions``.
"""

from __future__ import annotations

from heliosdb.codegen.compile import CompiledStatement, compile_row_function, compile_statement

__all__ = ["CompiledStatement", "compile_row_function", "compile_statement"]
