"""Conformance suites and pytest fixtures for authors of HeliosDB plugins.

A suite is a class of tests. A plugin's test file subclasses it, fills in the few attributes that name what is under
test, and pytest runs everything that the engine relies on: see docs/plugins.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_testkit.access_method_suite import AccessMethodSuite as AccessMethodSuite
    from heliosdb_testkit.codec_suite import CodecSuite as CodecSuite
    from heliosdb_testkit.faulty_volume import FaultyVolume as FaultyVolume
    from heliosdb_testkit.faulty_volume import PowerLoss as PowerLoss
    from heliosdb_testkit.function_suite import FunctionSuite as FunctionSuite
    from heliosdb_testkit.operator_suite import OperatorSuite as OperatorSuite
    from heliosdb_testkit.plugin_suite import PluginSuite as PluginSuite
    from heliosdb_testkit.statement_suite import StatementSuite as StatementSuite
    from heliosdb_testkit.surroundings import RestingSession as RestingSession
    from heliosdb_testkit.surroundings import registries_of as registries_of
    from heliosdb_testkit.type_suite import TypeSuite as TypeSuite
    from heliosdb_testkit.volume_suite import VolumeSuite as VolumeSuite

_HOMES = {
    "AccessMethodSuite": "access_method_suite",
    "FaultyVolume": "faulty_volume",
    "CodecSuite": "codec_suite",
    "FunctionSuite": "function_suite",
    "OperatorSuite": "operator_suite",
    "PluginSuite": "plugin_suite",
    "PowerLoss": "faulty_volume",
    "RestingSession": "surroundings",
    "StatementSuite": "statement_suite",
    "TypeSuite": "type_suite",
    "VolumeSuite": "volume_suite",
    "registries_of": "surroundings",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    # pytest imports this package in every run, for the fixtures; the suites come when a test file names them.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
