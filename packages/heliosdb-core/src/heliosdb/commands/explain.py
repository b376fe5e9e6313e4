"""EXPLAIN: the plan as text or JSON, with actual rows under ANALYZE and the generated source under CODEGEN."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.result import Result
from heliosdb.codegen import compile_statement
from heliosdb.plan.nodes import OutputColumn
from heliosdb.session.execution import Execution
from heliosdb.sql import statements as tree
from heliosdb.sql.optimizer.describe import TimedCounts, describe

if TYPE_CHECKING:
    from heliosdb.session import Session

OPTIONS = ("analyze", "codegen", "costs", "format", "summary", "timing", "verbose")
UNSUPPORTED = ("buffers", "wal", "settings")


def execute_explain(session: Session, statement: tree.Explain) -> Result:
    """EXPLAIN [ANALYZE] statement, EXPLAIN (options) statement."""
    options = _options(statement)
    target = statement.statement
    planning = 0.0
    if isinstance(target, tree.Execute):
        from heliosdb.commands.prepared import plan_to_execute

        plan, parameters = plan_to_execute(session, target)
    else:
        if not isinstance(target, tree.Query | tree.Insert | tree.Update | tree.Delete | tree.Merge):
            raise errors.FeatureNotSupported(
                f"EXPLAIN of {type(target).__name__} is not supported", position=target.position or None
            )
        began = time.perf_counter()
        plan = session.plan_query(target)
        # A plan alone can be shown without them.
        parameters = session.query_parameters(plan) if session.command_parameters or options["analyze"] else ()
        planning = (time.perf_counter() - began) * 1000
    counts: dict[int, int] | None = None
    reports: dict[int, Any] = {}
    milliseconds = 0.0
    if options["analyze"]:
        compiled = compile_statement(plan.explained, session.registries, count_rows=True)
        execution = Execution(session, session.transaction, parameters, ())
        if options["timing"]:
            execution.counts = TimedCounts()
        started = time.perf_counter()
        try:
            for _ in compiled.run(execution):
                pass
        finally:
            execution.close()
        milliseconds = (time.perf_counter() - started) * 1000
        counts, reports = execution.counts, execution.reports
    described = describe(plan.explained, session, counts, reports, is_verbose=options["verbose"], parameters=parameters)
    if options["format"] == "json":
        document: dict[str, Any] = {"Plan": described.as_dict(costs=options["costs"])}
        if options["summary"]:
            document["Planning Time"] = round(planning, 3)
        if options["analyze"] and options["summary"]:
            document["Execution Time"] = round(milliseconds, 3)
        if options["codegen"]:
            document["Generated Source"] = plan.compiled.text
        text = json.dumps([document], indent=2)
        return _result([text], "json")
    lines = described.as_lines(costs=options["costs"])
    if options["summary"]:
        lines.append(f"Planning Time: {planning:.3f} ms")
    if options["analyze"] and options["summary"]:
        lines.append(f"Execution Time: {milliseconds:.3f} ms")
    if options["codegen"]:
        lines.extend(["Generated Source:", *("  " + line for line in plan.compiled.text.splitlines())])
    return _result(lines, "text")


def _result(lines: list[str], type_name: str) -> Result:
    return Result(
        "EXPLAIN", (OutputColumn(name="QUERY PLAN", type=type_name),), [(line,) for line in lines], len(lines)
    )


def _options(statement: tree.Explain) -> dict[str, Any]:
    values: dict[str, Any] = {
        "analyze": False, "codegen": False, "costs": True, "format": "text", "summary": None, "timing": None,
        "verbose": False,
    }  # fmt: skip
    for option in statement.options:
        name = option.name.lower()
        if name in UNSUPPORTED:
            if _boolean(name, _option_text(option)):
                raise errors.FeatureNotSupported(f"EXPLAIN option {name.upper()} is not supported")
            continue
        if name not in OPTIONS:
            raise errors.SqlSyntaxError(
                f'unrecognized EXPLAIN option "{option.name}"', position=option.position or None
            )
        text = _option_text(option)
        if name == "format":
            if text.lower() not in ("text", "json"):
                raise errors.FeatureNotSupported(f'EXPLAIN format "{text}" is not supported', hint="Use TEXT or JSON.")
            values[name] = text.lower()
        else:
            values[name] = _boolean(name, text)
    if values["timing"] and not values["analyze"]:
        raise errors.InvalidParameterValue("EXPLAIN option TIMING requires ANALYZE")
    values["timing"] = values["timing"] is not False
    if values["summary"] is None:
        values["summary"] = values["analyze"]
    return values


def _option_text(option: Any) -> str:
    value = option.value
    if value is None:
        return "on"
    return str(getattr(value, "value", value))


def _boolean(name: str, text: str) -> bool:
    word = text.lower()
    if word in ("on", "true", "1", ""):
        return True
    if word in ("off", "false", "0"):
        return False
    raise errors.SqlSyntaxError(f"{name} requires a Boolean value")
