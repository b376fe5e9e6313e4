"""Everything a plugin author may use: value classes to register, Protocols to implement, Protocols to call.

Nothing else of the core is promised. Names are re-exported on first use, so that a plugin module that only lists its
registrations does not import the engine.

    register                implement                     call
    Type, ScalarFunction,   AccessMethod, Index,          SessionContext, Session, ClauseContext, Cursor,
    Statement, Clause, ...  Volume, ...                   Result, expressions and plan nodes
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb.catalog.changes import CatalogEdit as CatalogEdit
    from heliosdb.catalog.commit import Commit as Commit
    from heliosdb.catalog.definitions import ColumnDefinition as ColumnDefinition
    from heliosdb.catalog.definitions import ColumnForm as ColumnForm
    from heliosdb.catalog.definitions import Constraint as Constraint
    from heliosdb.catalog.definitions import Index as _CatalogIndex
    from heliosdb.catalog.definitions import Relation as Relation
    from heliosdb.catalog.registrations import AccessMethodFactory as AccessMethodFactory
    from heliosdb.catalog.registrations import BackgroundWorker as BackgroundWorker
    from heliosdb.catalog.registrations import Clause as Clause
    from heliosdb.catalog.registrations import ClauseContext as ClauseContext
    from heliosdb.catalog.registrations import ColumnOption as ColumnOption
    from heliosdb.catalog.registrations import Command as Command
    from heliosdb.catalog.registrations import DatabaseMethod as DatabaseMethod
    from heliosdb.catalog.registrations import Demo as Demo
    from heliosdb.catalog.registrations import Location as Location
    from heliosdb.catalog.registrations import MetaCommand as MetaCommand
    from heliosdb.catalog.registrations import PhysicalOperator as PhysicalOperator
    from heliosdb.catalog.registrations import PlannerRule as PlannerRule
    from heliosdb.catalog.registrations import RelationOption as RelationOption
    from heliosdb.catalog.registrations import RelationResolver as RelationResolver
    from heliosdb.catalog.registrations import RowsRequest as RowsRequest
    from heliosdb.catalog.registrations import Stage as Stage
    from heliosdb.catalog.registrations import Statement as Statement
    from heliosdb.catalog.registrations import StoredForm as StoredForm
    from heliosdb.catalog.registries import CatalogView as CatalogView
    from heliosdb.catalog.registries import PluginStatus as PluginStatus
    from heliosdb.catalog.registries import Registries as Registries
    from heliosdb.catalog.registries import Setting as Setting
    from heliosdb.catalog.result import Result as Result
    from heliosdb.catalog.roles import Login as Login
    from heliosdb.catalog.storage import OBJECTS_RELATION
    from heliosdb.commands.context import CommandSession, DatabaseContext
    from heliosdb.commands.ddl import apply as _apply_edit
    from heliosdb.commands.privileges import anyone as anyone
    from heliosdb.commands.privileges import require_owner as require_owner
    from heliosdb.commands.privileges import require_privilege as require_privilege
    from heliosdb.commands.privileges import require_schema as require_schema
    from heliosdb.commands.privileges import require_superuser as require_superuser
    from heliosdb.commands.rebind import check_definition as check_definition
    from heliosdb.commands.row_changes import RowChange as RowChange
    from heliosdb.commands.row_changes import RowChanges as RowChanges
    from heliosdb.encoding.classes import StoredClass as StoredClass
    from heliosdb.encoding.codecs import Codec as Codec
    from heliosdb.encoding.stored_column import StoredColumn as StoredColumn
    from heliosdb.encoding.stored_frames import StoredFrames as StoredFrames
    from heliosdb.opening import Opening as Opening
    from heliosdb.passwords import ScramVerifier as ScramVerifier
    from heliosdb.passwords import is_password as is_password
    from heliosdb.passwords import make_verifier as make_verifier
    from heliosdb.passwords import parse_scram as parse_scram
    from heliosdb.plan import expressions as expressions
    from heliosdb.plan import nodes as nodes
    from heliosdb.plan.forms import spelled as spelled
    from heliosdb.plan.nodes import OutputColumn as OutputColumn
    from heliosdb.plugin.drivers import driver as driver
    from heliosdb.plugin.drivers import driver_names as driver_names
    from heliosdb.plugin.host import load_plugins as load_plugins
    from heliosdb.session.live import LiveRows as LiveRows
    from heliosdb.session.past import definitions as definitions
    from heliosdb.sql import statements as statements
    from heliosdb.sql.parser import Parser
    from heliosdb.sql.parser import parse as parse
    from heliosdb.sql.secrets import without_passwords as without_passwords
    from heliosdb.store.access_method import ALL_NAMED as ALL_NAMED
    from heliosdb.store.access_method import AccessMethod as AccessMethod
    from heliosdb.store.access_method import Index as Index
    from heliosdb.store.access_method import IndexChange as IndexChange
    from heliosdb.store.access_method import IndexDefinition as IndexDefinition
    from heliosdb.store.access_method import Likely as Likely
    from heliosdb.store.access_method import LikelySearch as LikelySearch
    from heliosdb.store.access_method import Named as Named
    from heliosdb.store.access_method import Nearest as Nearest
    from heliosdb.store.access_method import Ordered as Ordered
    from heliosdb.store.access_method import Persisted as Persisted
    from heliosdb.store.access_method import Progress as Progress
    from heliosdb.store.column_source import ColumnBatch as ColumnBatch
    from heliosdb.store.column_source import ColumnSource as ColumnSource
    from heliosdb.store.column_values import ColumnValues as ColumnValues
    from heliosdb.store.commits import Author as Author
    from heliosdb.store.commits import Commit as _StoredCommit
    from heliosdb.store.file_header import FileHeader as FileHeader
    from heliosdb.store.file_header import file_headers as file_headers
    from heliosdb.store.holds import Pin as Pin
    from heliosdb.store.holds import Retention as Retention
    from heliosdb.store.past import CommitRecords as CommitRecords
    from heliosdb.store.past import History as History
    from heliosdb.store.snapshot import Snapshot as Snapshot
    from heliosdb.store.timeline import Timeline as Timeline
    from heliosdb.store.volume import Announces as Announces
    from heliosdb.store.volume import Volume as Volume
    from heliosdb.transaction.differences import Difference as Difference
    from heliosdb.transaction.differences import differences as differences
    from heliosdb.transaction.differences import is_same_datum as is_same_datum
    from heliosdb.transaction.locks import RelationLock as RelationLock
    from heliosdb.transaction.row_origins import row_origins as row_origins
    from heliosdb.transaction.row_versions import RowVersion as RowVersion
    from heliosdb.transaction.row_versions import first_readable as first_readable
    from heliosdb.transaction.row_versions import row_ids_of_key as row_ids_of_key
    from heliosdb.transaction.row_versions import row_versions as row_versions
    from heliosdb.types.definitions import Aggregate as Aggregate
    from heliosdb.types.definitions import CallTypes as CallTypes
    from heliosdb.types.definitions import Cast as Cast
    from heliosdb.types.definitions import CastContext as CastContext
    from heliosdb.types.definitions import Collation as Collation
    from heliosdb.types.definitions import Implementation as Implementation
    from heliosdb.types.definitions import Operator as Operator
    from heliosdb.types.definitions import OperatorClass as OperatorClass
    from heliosdb.types.definitions import ScalarFunction as ScalarFunction
    from heliosdb.types.definitions import SessionContext as SessionContext
    from heliosdb.types.definitions import TableFunction as TableFunction
    from heliosdb.types.definitions import Type as Type
    from heliosdb.types.definitions import TypeLookup as TypeLookup
    from heliosdb.types.definitions import Volatility as Volatility
    from heliosdb.types.definitions import WindowFunction as WindowFunction
    from heliosdb.types.definitions import WindowPartition as WindowPartition
    from heliosdb.types.definitions import resolve_implementation as resolve_implementation

    CATALOG_RELATION = OBJECTS_RELATION
    CommitRecord = _StoredCommit
    Cursor = Parser
    Database = DatabaseContext
    IndexObject = _CatalogIndex
    apply_edit = _apply_edit
    Session = CommandSession

_HOMES: dict[str, tuple[str, ...]] = {
    "heliosdb.catalog.definitions": ("ColumnDefinition", "ColumnForm", "Constraint", "Relation", "Index IndexObject"),
    "heliosdb.catalog.registrations": (
        "AccessMethodFactory",
        "BackgroundWorker",
        "Clause",
        "ClauseContext",
        "ColumnOption",
        "Command",
        "DatabaseMethod",
        "Location",
        "Demo",
        "MetaCommand",
        "PhysicalOperator",
        "PlannerRule",
        "RelationOption",
        "RelationResolver",
        "RowsRequest",
        "Stage",
        "Statement",
        "StoredForm",
    ),
    "heliosdb.catalog.registries": ("CatalogView", "PluginStatus", "Registries", "Setting"),
    "heliosdb.catalog.changes": ("CatalogEdit",),
    "heliosdb.catalog.commit": ("Commit",),
    "heliosdb.catalog.result": ("Result",),
    "heliosdb.catalog.roles": ("Login",),
    "heliosdb.session.live": ("LiveRows",),
    "heliosdb.catalog.storage": ("OBJECTS_RELATION CATALOG_RELATION",),
    "heliosdb.commands.context": ("CommandSession Session", "DatabaseContext Database"),
    "heliosdb.commands.ddl": ("apply apply_edit",),
    "heliosdb.commands.privileges": (
        "anyone",
        "require_owner",
        "require_privilege",
        "require_schema",
        "require_superuser",
    ),
    "heliosdb.commands.rebind": ("check_definition",),
    "heliosdb.commands.row_changes": ("RowChange", "RowChanges"),
    "heliosdb.encoding.classes": ("StoredClass",),
    "heliosdb.encoding.codecs": ("Codec",),
    "heliosdb.encoding.stored_column": ("StoredColumn",),
    "heliosdb.encoding.stored_frames": ("StoredFrames",),
    "heliosdb.opening": ("Opening",),
    "heliosdb.passwords": ("ScramVerifier", "is_password", "make_verifier", "parse_scram"),
    "heliosdb.plan": ("expressions", "nodes"),
    "heliosdb.plan.forms": ("spelled",),
    "heliosdb.plan.nodes": ("OutputColumn",),
    "heliosdb.plugin.drivers": ("driver", "driver_names"),
    "heliosdb.plugin.host": ("load_plugins",),
    "heliosdb.sql": ("statements",),
    "heliosdb.sql.parser.cursor": ("Parser Cursor",),
    "heliosdb.sql.parser.entry": ("parse",),
    "heliosdb.sql.secrets": ("without_passwords",),
    "heliosdb.store.access_method": (
        "ALL_NAMED",
        "AccessMethod",
        "Index",
        "IndexChange",
        "IndexDefinition",
        "Likely",
        "LikelySearch",
        "Named",
        "Nearest",
        "Ordered",
        "Persisted",
        "Progress",
    ),
    "heliosdb.store.column_source": ("ColumnBatch", "ColumnSource"),
    "heliosdb.store.column_values": ("ColumnValues",),
    "heliosdb.store.commits": ("Author", "Commit CommitRecord"),
    "heliosdb.store.holds": ("Pin", "Retention"),
    "heliosdb.store.past": ("CommitRecords", "History"),
    "heliosdb.store.file_header": ("FileHeader", "file_headers"),
    "heliosdb.store.snapshot": ("Snapshot",),
    "heliosdb.store.timeline": ("Timeline",),
    "heliosdb.store.volume": ("Announces", "Volume"),
    "heliosdb.session.past": ("definitions",),
    "heliosdb.transaction.row_versions": ("RowVersion", "first_readable", "row_ids_of_key", "row_versions"),
    "heliosdb.transaction.differences": ("Difference", "differences", "is_same_datum"),
    "heliosdb.transaction.locks": ("RelationLock",),
    "heliosdb.transaction.row_origins": ("row_origins",),
    "heliosdb.types.definitions": (
        "Aggregate",
        "CallTypes",
        "Cast",
        "CastContext",
        "Collation",
        "Implementation",
        "Operator",
        "OperatorClass",
        "ScalarFunction",
        "SessionContext",
        "TableFunction",
        "Type",
        "TypeLookup",
        "Volatility",
        "WindowFunction",
        "WindowPartition",
        "resolve_implementation",
    ),
}

# Public name -> (module, name there); "A B" in a list above means that A is offered as B.
_NAMES = {
    name.rpartition(" ")[2]: (module, name.partition(" ")[0]) for module, names in _HOMES.items() for name in names
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> object:
    home = _NAMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(home[0])
    value: object = getattr(module, home[1], None)
    if value is None:
        value = import_module(f"{home[0]}.{home[1]}")  # a module, such as heliosdb.plan.nodes
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
