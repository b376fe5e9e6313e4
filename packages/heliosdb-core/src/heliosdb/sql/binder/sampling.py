"""TABLESAMPLE: a condition on row ids.

Whether a row belongs to a sample is computed from its id and a seed, so that REPEATABLE gives the same sample as long
as the table is the same. BERNOULLI decides for each row, SYSTEM for runs of rows that are stored together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidTablesampleArgument,
    InvalidTablesampleRepeat,
    UndefinedObject,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Call, Column, Constant, Expression
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import coerce_to_type
from heliosdb.types.definitions import CastContext, ScalarFunction, Volatility

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope

__all__ = ["check_sample", "sampled"]

RUN_BITS = 6
"""SYSTEM takes or leaves as many rows at once as this many bits count."""
WORD = (1 << 64) - 1


def is_sampled(row_id: int, percentage: float | None, seed: float | None, run_bits: int, session: Any) -> bool:
    """Return whether a row is in the sample; a seed of -infinity stands for one that every statement has anew."""
    if percentage is None:
        raise InvalidTablesampleArgument("TABLESAMPLE parameter cannot be null")
    if not 0 <= percentage <= 100:
        raise InvalidTablesampleArgument("sample percentage must be between 0 and 100")
    if seed is None:
        raise InvalidTablesampleRepeat("TABLESAMPLE REPEATABLE parameter cannot be null")
    if seed == float("-inf"):
        seed = float(session.statement_timestamp)
    state = hash((seed, row_id >> run_bits)) & WORD
    # SplitMix64's output function: one step mixes well enough.
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & WORD
    return ((state ^ (state >> 31)) >> 11) / (1 << 53) * 100 < percentage


IS_SAMPLED = ScalarFunction(
    "is_sampled",
    ("int8", "float4", "float8", "int4"),
    "bool",
    is_sampled,
    strict=False,
    volatility=Volatility.VOLATILE,
    needs_session=True,
)


def check_sample(item: ast.RangeTable, is_table: bool) -> None:
    """Refuse to sample what is no table."""
    if item.sample is not None and not is_table:
        raise FeatureNotSupported(
            "TABLESAMPLE clause can only be applied to tables and materialized views",
            position=item.name.position or item.position or None,
        )


def sampled(binder: Binder, scope: Scope, sample: ast.TableSample, plan: nodes.PlanNode, source: int) -> nodes.PlanNode:
    """Return the rows of a table's scan that the clause keeps."""
    method = sample.method.parts[-1]
    position = sample.method.position or sample.position or None
    if method not in ("bernoulli", "system"):
        raise UndefinedObject(f"tablesample method {sample.method} does not exist", position=position)
    if len(sample.arguments) != 1:
        raise InvalidTablesampleArgument(
            f"tablesample method {method} requires 1 argument, not {len(sample.arguments)}", position=position
        )
    percentage = _number(binder, scope, sample.arguments[0], "float4")
    seed: Expression = Constant(type="float8", value=float("-inf"), nullable=False)
    if sample.repeatable is not None:
        seed = _number(binder, scope, sample.repeatable, "float8")
    binder.volatile_calls += 1
    row_id = Column(type="int8", source=source, index=-1, name="ctid", nullable=False)
    run_bits = Constant(type="int4", value=0 if method == "bernoulli" else RUN_BITS, nullable=False)
    condition = Call(
        type="bool",
        function=IS_SAMPLED,
        arguments=(row_id, percentage, seed, run_bits),
        argument_types=IS_SAMPLED.arguments,
        position=position,
    )
    return nodes.Filter(input=plan, condition=condition)


def _number(binder: Binder, scope: Scope, node: ast.Expression, type_: str) -> Expression:
    bound = binder.expression_in("TABLESAMPLE", node, scope)
    converted = coerce_to_type(binder, bound, type_, -1, CastContext.ASSIGNMENT)
    if converted is None:
        from heliosdb.errors import DatatypeMismatch

        raise DatatypeMismatch(
            f"argument of TABLESAMPLE must be type {binder.display(type_)}, not type {binder.display(bound.type)}",
            position=getattr(node, "position", None) or None,
        )
    return converted
