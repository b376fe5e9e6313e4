"""The hook implementations. Only registrations and import strings stand here: what nobody uses is not imported.

``pyproject.toml`` names this module in the entry-point group ``heliosdb``.
"""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import (
    AccessMethodFactory,
    Aggregate,
    BackgroundWorker,
    Cast,
    CastContext,
    CatalogView,
    Clause,
    Command,
    Operator,
    OperatorClass,
    ScalarFunction,
    Setting,
    Statement,
    StoredClass,
    TableFunction,
    Type,
    Volatility,
)

HOME = "heliosdb_plugin_example"

COMPARISONS = {"<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">": "gt", "<>": "ne"}
COMMUTATORS = {"<": ">", "<=": ">=", "=": "=", ">=": "<=", ">": "<", "<>": "<>"}
NEGATORS = {"<": ">=", "<=": ">", "=": "<>", ">=": "<", ">": "<=", "<>": "="}
SELECTIVITIES = {"<": "lt", "<=": "lt", "=": "eq", ">=": "gt", ">": "gt", "<>": "neq"}
BTREE = {1: "<", 2: "<=", 3: "=", 4: ">=", 5: ">"}


# [types]
@hookimpl
def register_types() -> list[Type]:
    """The type ``semver``."""
    return [
        Type(
            "semver",
            "semver",
            input=f"{HOME}.semver:semver_input",
            output=f"{HOME}.semver:semver_output",
            receive=f"{HOME}.semver:semver_receive",
            send=f"{HOME}.semver:semver_send",
            to_python=f"{HOME}.semver:semver_to_python",
            from_python=f"{HOME}.semver:semver_from_python",
            python_types=(f"{HOME}.semver:Version",),
            stored=(StoredClass("semver", f"{HOME}.semver:Version", f"{HOME}.semver:Version._make"),),
            needs_session=True,
            schema="public",
            description="a semantic version",
        )
    ]


# [end types]


# [casts]
@hookimpl
def register_casts() -> list[Cast]:
    """A cast to the three numbers; casts from and to text come with the type's input and output."""
    return [Cast("semver", "_int4", CastContext.EXPLICIT, f"{HOME}.functions:numbers")]


# [end casts]


# [functions]
@hookimpl
def register_functions() -> list[ScalarFunction | Aggregate | TableFunction]:
    """Scalar functions, the aggregate ``latest`` and the table function ``semver_parts``."""

    def scalar(name: str, arguments: tuple[str, ...], returns: str, function: str) -> ScalarFunction:
        return ScalarFunction(name, arguments, returns, f"{HOME}.functions:{function}", schema="public")

    distance = ScalarFunction(
        "trigram_distance",
        ("text", "text"),
        "float8",
        f"{HOME}.functions:distance",
        column_form=f"{HOME}.functions:distance_column",
        schema="public",
    )
    comparisons = [
        scalar(f"semver_{suffix}", ("semver", "semver"), "bool", f"semver_{suffix}") for suffix in COMPARISONS.values()
    ]
    return [
        *comparisons,
        scalar("semver_major", ("semver",), "int4", "major"),
        scalar("semver_is_prerelease", ("semver",), "bool", "is_prerelease"),
        scalar("semver_bump", ("semver", "text"), "semver", "bump"),
        scalar("semver_satisfies", ("semver", "text"), "bool", "satisfies"),
        scalar("trigram_similarity", ("text", "text"), "float8", "similarity"),
        distance,
        scalar("trigram_similar", ("text", "text"), "bool", "similar"),
        Aggregate(
            "latest",
            ("semver",),
            "semver",
            initial=f"{HOME}.functions:latest_initial",
            step=f"{HOME}.functions:latest_step",
            schema="public",
            description="the greatest version",
        ),
        TableFunction(
            "semver_parts",
            ("semver",),
            "record",
            f"{HOME}.functions:parts",
            columns=(("part", "text"), ("value", "text")),
            volatility=Volatility.IMMUTABLE,
            schema="public",
            rows=5.0,
        ),
    ]


# [end functions]


# [operators]
@hookimpl
def register_operators() -> list[Operator]:
    """The comparisons, ``@@`` (version satisfies range), ``%`` and ``<->`` (text similar to, distance of)."""
    comparisons = [
        Operator(
            symbol,
            "semver",
            "semver",
            "bool",
            f"semver_{suffix}",
            commutator=COMMUTATORS[symbol],
            negator=NEGATORS[symbol],
            selectivity=SELECTIVITIES[symbol],
            hashes=symbol == "=",
            merges=symbol == "=",
            schema="public",
        )
        for symbol, suffix in COMPARISONS.items()
    ]
    return [
        *comparisons,
        Operator("@@", "semver", "text", "bool", "semver_satisfies", schema="public"),
        Operator("%", "text", "text", "bool", "trigram_similar", commutator="%", schema="public"),
        Operator("<->", "text", "text", "float8", "trigram_distance", commutator="<->", schema="public"),
    ]


# [end operators]


# [operator classes]
@hookimpl
def register_operator_classes() -> list[OperatorClass]:
    """How ``semver`` is sorted, grouped and indexed by btree, and which operators a trigram index serves."""
    keys = {"hash_key": f"{HOME}.semver:hash_key", "sort_key": f"{HOME}.semver:sort_key"}
    return [
        OperatorClass("semver_ops", "btree", "semver", operators=BTREE, schema="public", **keys),
        OperatorClass("semver_ops", "hash", "semver", operators={1: "="}, schema="public", **keys),
        OperatorClass(
            "trigram_ops", "trigram", "text", operators={1: "%", 2: "~~"}, ordering_operators=("<->",), schema="public"
        ),
    ]


# [end operator classes]


# [access methods]
@hookimpl
def register_access_methods() -> list[AccessMethodFactory]:
    """``CREATE INDEX ... USING trigram``."""
    return [AccessMethodFactory("trigram", f"{HOME}.trigram:TrigramMethod", "similar and containing text")]


# [end access methods]


# [statements]
@hookimpl
def register_statements() -> list[Statement]:
    """``AUDIT VERSIONS OF table (column)``."""
    return [
        Statement(
            name="audit_versions",
            words=("AUDIT", "VERSIONS"),
            parse=f"{HOME}.audit:parse",
            execute=f"{HOME}.audit:execute",
            read_only=True,
            check="heliosdb.spi:anyone",
        )
    ]


# [end statements]


# [clauses]
@hookimpl
def register_clauses() -> list[Clause]:
    """``FROM table STABLE BY column``: without prereleases."""
    return [
        Clause(
            name="stable",
            point="table",
            words=("STABLE", "BY"),
            parse=f"{HOME}.stable:parse",
            bind=f"{HOME}.stable:bind",
        )
    ]


# [end clauses]


# [catalog views]
@hookimpl
def register_catalog_views() -> list[CatalogView]:
    """``semver_columns``: where versions are stored."""
    return [
        CatalogView(
            name="semver_columns",
            columns=(("table_schema", "text"), ("table_name", "text"), ("column_name", "text")),
            rows=f"{HOME}.views:semver_columns",
            description="The columns of type semver.",
        )
    ]


# [end catalog views]


# [settings]
@hookimpl
def register_settings() -> list[Setting]:
    """``semver.strict`` and ``semver.census_interval``."""
    return [
        Setting(
            name="semver.strict",
            kind="bool",
            default=True,
            description="Whether versions must have exactly three numbers; off, 'v1.2' is read as 1.2.0.",
            reader=f"{HOME}.semver:semver_input",
            affects_plans=True,
        ),
        Setting(
            name="semver.census_interval",
            kind="integer",
            default=60_000,
            description="How often the census counts the columns of type semver; 0: never.",
            reader=f"{HOME}.census:count",
            unit="ms",
            minimum=0,
            maximum=2**31 - 1,
        ),
    ]


# [end settings]


# [background workers]
@hookimpl
def register_background_workers() -> list[BackgroundWorker]:
    """Counts the columns of type semver from time to time and logs the number."""
    return [BackgroundWorker(name="semver_census", run=f"{HOME}.census:count", interval="semver.census_interval")]


# [end background workers]


# [commands]
@hookimpl
def register_commands() -> list[Command]:
    """``heliosdb semver VERSION``."""
    return [Command(name="semver", command=f"{HOME}.command:semver", description="Check, compare and bump versions.")]


# [end commands]
