from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from heliosdb.plugin.requirements import InvalidSpecifier, requirement_on, satisfies, version_key


@pytest.mark.parametrize(
    ("version", "specifier", "expected"),
    [
        ("0.1.0", ">=0.1,<0.2", True),
        ("0.2.0", ">=0.1,<0.2", False),
        ("0.2.0rc1", ">=0.1,<0.2", False),
        ("0.1", "==0.1.0", True),
        ("0.1.7", "~=0.1.2", True),
        ("0.2.0", "~=0.1.2", False),
        ("1.4", "~=1.2", True),
        ("0.1.5", "==0.1.*", True),
        ("0.10.5", "==0.1.*", False),
        ("0.1.5", "!=0.1.*", False),
        ("1.0.post1", ">1.0", False),
        ("1.0.post1", ">=1.0", True),
        ("0.1.0+local.2", "==0.1.0", True),
        ("1!0.1", ">=0.9", True),
        ("0.1.0", "", True),
    ],
)
def test_ranges_mean_what_pep_440_says(version: str, specifier: str, expected: bool) -> None:
    assert satisfies(version, specifier) is expected


@pytest.mark.parametrize("specifier", [">=", "0.1", ">=0.1,<x", ">=0.1.*", "=>0.1", ">=0.1;rm"])
def test_what_cannot_be_read_is_an_error_and_never_a_pass(specifier: str) -> None:
    with pytest.raises(InvalidSpecifier):
        satisfies("0.1.0", specifier)


def test_the_requirement_on_the_core_is_found_among_others() -> None:
    lines = ["attrs>=23", 'Heliosdb_Core[extra] (>=0.1,<0.2) ; python_version > "3"', "heliosdb-core-tools>=9"]
    assert requirement_on("heliosdb-core", lines) == ">=0.1,<0.2"
    assert requirement_on("heliosdb-core", lines[:1]) is None
    assert requirement_on("heliosdb-core", ["heliosdb-core"]) == ""


_VERSIONS = st.builds(
    lambda release, suffix: ".".join(map(str, release)) + suffix,
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.sampled_from(["", "a1", "b2", "rc1", ".post1", ".dev1", "a1.dev2", "rc1.post1.dev1"]),
)


@given(_VERSIONS, _VERSIONS)
def test_versions_sort_as_the_reference_implementation_sorts_them(first: str, second: str) -> None:
    assert (version_key(first) < version_key(second)) == (Version(first) < Version(second))
    assert (version_key(first) == version_key(second)) == (Version(first) == Version(second))


@given(_VERSIONS, st.sampled_from(["==", "!=", ">=", "<=", ">", "<"]), _VERSIONS)
def test_clauses_agree_with_the_reference_implementation(version: str, operator: str, wanted: str) -> None:
    expected = SpecifierSet(f"{operator}{wanted}").contains(version, prereleases=True)
    assert satisfies(version, f"{operator}{wanted}") == expected
