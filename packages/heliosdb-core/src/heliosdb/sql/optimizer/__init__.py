"""The optimizer: a bound statement in, a plan with access paths and join methods out.

    simplify    conditions are split at AND and moved down to where their columns come from; outer joins whose missing
    rows a condition
                rejects become inner ones; EXISTS and IN become semi joins                        (``pushdown``,
                ``decorrelate``)
    join order  inner joins are flattened and put together again, smallest result first           (``joins``)
    access      a filtered scan becomes an index scan where that is cheaper                       (``access``)
    top-k       LIMIT above ORDER BY bounds the sort                                              (``optimize``)

Rules of plugins run between the first two steps and at the end, in the order they ask for.
"""

from __future__ import annotations

from heliosdb.sql.optimizer.figures import Peek
from heliosdb.sql.optimizer.optimize import Optimized, optimize
from heliosdb.sql.optimizer.stored import depends_on_constants

__all__ = ["Optimized", "Peek", "depends_on_constants", "optimize"]
