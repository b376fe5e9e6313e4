"""The testkit's suites for the plugin and its parts: what the engine relies on."""

from __future__ import annotations

from typing import Any

from heliosdb_plugin_example.trigrams import THRESHOLD, similarity
from heliosdb_testkit import AccessMethodSuite, FunctionSuite, OperatorSuite, PluginSuite, StatementSuite, TypeSuite


class TestPlugin(PluginSuite):
    plugin = "semver"


class TestSemver(TypeSuite):
    plugin = "semver"
    type_name = "semver"
    # The example of section 11 of the specification, and build metadata, which does not count.
    ordered = (
        ("0.0.0-0",),
        ("0.0.0",),
        ("0.9.10",),
        ("1.0.0-1",),
        ("1.0.0-9",),
        ("1.0.0-10",),
        ("1.0.0-alpha",),
        ("1.0.0-alpha.1",),
        ("1.0.0-alpha.beta",),
        ("1.0.0-beta",),
        ("1.0.0-beta.2",),
        ("1.0.0-beta.11",),
        ("1.0.0-rc.1", "1.0.0-rc.1+exp.sha.5114f85"),
        ("1.0.0", "1.0.0+20130313144700", "1.0.0+21AF26D3----117B344092BD"),
        ("1.0.1",),
        ("1.10.0",),
        ("99999999999999999999999.0.0",),
    )
    canonical = {"1.2.3": "1.2.3", "  1.2.3-x.7.z.92+build.1 ": "1.2.3-x.7.z.92+build.1", "0.0.4--": "0.0.4--"}
    invalid = (
        "",
        "1",
        "1.2",
        "v1.2.3",
        "01.2.3",
        "1.02.3",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3+",
        "1.2.3-a..b",
        "1.2.3.4",
        "1.2.\u0663",
    )


class TestOperators(OperatorSuite):
    plugin = "semver"
    operators = (
        *((symbol, "semver", "semver") for symbol in ("<", "<=", "=", ">=", ">", "<>")),
        ("@@", "semver", "text"),
        ("%", "text", "text"),
        ("<->", "text", "text"),
    )
    samples = {
        "semver": ("1.0.0", "1.0.0+build", "1.0.0-rc.1", "1.0.0-rc.2", "2.1.0", "0.9.9"),
        "text": (">=1.0", "^1.0 || ^2.0", "1.2.3"),
    }
    answers = {
        ("1.4.2", "@@", "^1.2"): "t",
        ("2.0.0", "@@", "^1.2"): "f",
        ("0.2.9", "@@", "^0.2.3"): "t",
        ("0.3.0", "@@", "^0.2.3"): "f",
        ("1.2.9", "@@", "~1.2.3"): "t",
        ("1.3.0", "@@", "~1.2.3"): "f",
        ("1.5.0", "@@", ">=1.2 <1.4 || >=1.5"): "t",
        ("1.4.5", "@@", ">=1.2, <1.4 || >=1.5"): "f",
        ("2.0.0-rc.1", "@@", ">=1.0"): "f",
        ("2.0.0-rc.2", "@@", ">=2.0.0-rc.1"): "t",
        ("numpy", "<->", "numpy"): "0",
        ("numpy", "<->", "xyz"): "1",
        ("numpy", "%", "numpi"): "t",
    }


class TestFunctions(FunctionSuite):
    plugin = "semver"
    calls = {
        ("semver_major", ("semver",), ("12.3.4",)): "12",
        ("semver_is_prerelease", ("semver",), ("1.0.0-rc.1",)): "t",
        ("semver_is_prerelease", ("semver",), ("1.0.0+rc.1",)): "f",
        ("semver_bump", ("semver", "text"), ("1.2.3", "major")): "2.0.0",
        ("semver_bump", ("semver", "text"), ("1.2.3", "MINOR")): "1.3.0",
        ("semver_bump", ("semver", "text"), ("1.2.3+build", "patch")): "1.2.4",
        ("semver_bump", ("semver", "text"), ("1.2.3-rc.1", "patch")): "1.2.3",
        ("trigram_similarity", ("text", "text"), ("word", "two words")): "0.36363636363636365",
        ("trigram_similarity", ("text", "text"), ("", "")): "0",
    }
    errors = {
        ("semver_bump", ("semver", "text"), ("1.2.3", "tiny")): "22023",
        ("semver_satisfies", ("semver", "text"), ("1.2.3", "")): "22023",
        ("semver_satisfies", ("semver", "text"), ("1.2.3", ">=x")): "22023",
    }


class TestStatements(StatementSuite):
    plugin = "semver"
    statements = {
        "AUDIT VERSIONS OF releases (version)": "audit_versions",
        'audit versions of public."Releases" ("the version");': "audit_versions",
        "SELECT * FROM releases STABLE BY version": "stable",
        "SELECT * FROM releases r STABLE BY version WHERE true": "stable",
    }
    rejected = {
        "AUDIT VERSIONS releases (version)": 16,
        "AUDIT VERSIONS OF releases version": 28,
        "AUDIT VERSIONS OF releases (version) now": 38,
        "SELECT * FROM releases STABLE BY 'version'": 34,
    }
    untouched = (
        "SELECT audit, versions FROM stable",
        "SELECT * FROM releases stable",
        "SELECT * FROM releases AS stable ORDER BY stable.version",
        "SELECT 'AUDIT VERSIONS OF x (y)'",
    )


def like(pattern: str) -> Any:
    """Return what matches a LIKE pattern of letters and ``%``."""
    import re

    compiled = re.compile(re.escape(pattern).replace("%", ".*"), re.DOTALL)
    return lambda values: values[0] is not None and compiled.fullmatch(values[0]) is not None


def similar(text: str) -> Any:
    """Return what is similar to a text."""
    return lambda values: values[0] is not None and similarity(values[0], text) >= THRESHOLD


class TestTrigram(AccessMethodSuite):
    plugin = "semver"
    method = "trigram"
    operator_class = "trigram_ops"
    values = (
        ("numpy",),
        ("numpydoc",),
        ("pandas",),
        ("two words",),
        ("words of two",),
        ("",),
        ("-- !",),
        (None,),
        ("ΟΔΟΣ ΣΟΦΙΑΣ",),
        ("a" * 500,),
        ("NumPy",),
    )
    searches = (
        (1, "numpi", similar("numpi")),
        (1, "word two", similar("word two")),
        (1, "", similar("")),
        (2, "%ump%", like("%ump%")),
        (2, "two%", like("two%")),
        (2, "%", like("%")),
        (2, "%ΟΣ%", like("%ΟΣ%")),
        (2, "num%doc", like("num%doc")),
        (2, "", like("")),
    )
    orderings = (("<->", "numpi"), ("<->", "two"), ("<->", ""))
