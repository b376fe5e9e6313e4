"""The functions behind the plugin's operators, its scalar functions, its aggregate and its table function.

They are declared strict (the default): none is called with NULL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import ColumnValues
from heliosdb_plugin_example.semver import Version, hash_key, parse, sort_key
from heliosdb_plugin_example.trigrams import THRESHOLD, shared, similarity, trigrams

__all__ = [
    "bump",
    "distance",
    "distance_column",
    "is_prerelease",
    "latest_step",
    "major",
    "numbers",
    "parts",
    "satisfies",
    "similar",
    "similarity",
]


def semver_lt(left: Version, right: Version) -> bool:
    """``<``."""
    return sort_key(left) < sort_key(right)


def semver_le(left: Version, right: Version) -> bool:
    """``<=``."""
    return sort_key(left) <= sort_key(right)


def semver_eq(left: Version, right: Version) -> bool:
    """``=``."""
    return hash_key(left) == hash_key(right)


def semver_ge(left: Version, right: Version) -> bool:
    """``>=``."""
    return sort_key(left) >= sort_key(right)


def semver_gt(left: Version, right: Version) -> bool:
    """``>``."""
    return sort_key(left) > sort_key(right)


def semver_ne(left: Version, right: Version) -> bool:
    """``<>``."""
    return hash_key(left) != hash_key(right)


def major(version: Version) -> int:
    """Return the first number."""
    return version.major


def numbers(version: Version) -> tuple[int, ...]:
    """Return the three numbers as an array."""
    return (version.major, version.minor, version.patch)


def is_prerelease(version: Version) -> bool:
    """Return whether there is a prerelease part."""
    return version.prerelease != ""


def bump(version: Version, part: str) -> Version:
    """Return the next version: ``major``, ``minor`` or ``patch`` raised by one, the rest cleared."""
    match part.lower():
        case "major":
            return Version(version.major + 1, 0, 0)
        case "minor":
            return Version(version.major, version.minor + 1, 0)
        case "patch":
            # 1.2.3-rc.1 is followed by 1.2.3
            return Version(version.major, version.minor, version.patch + (not version.prerelease))
    raise InvalidParameterValue(f'version part "{part}" is not major, minor or patch')


_COMPARATOR = re.compile(r"\s*(\^|~|>=|<=|>|<|=)?\s*(\S+)")
_HOLDS: dict[str, Callable[[Version, Version], bool]] = {
    "": semver_eq, "=": semver_eq, ">=": semver_ge, "<=": semver_le, ">": semver_gt, "<": semver_lt,
}  # fmt: skip


def satisfies(version: Version, wanted: str) -> bool:
    """Return whether a version is in a range: comparators that all must hold, ``||`` between alternatives.

    ``^1.2`` allows changes below the first number that is not zero, ``~1.2`` patches only; a prerelease is only in a
    range that names a prerelease of the same three numbers.
    """
    alternatives = [_comparators(part) for part in wanted.split("||")]
    return any(_in_range(version, comparators) for comparators in alternatives)


def _comparators(text: str) -> list[tuple[str, Version]]:
    found: list[tuple[str, Version]] = []
    for operator, spelled in _COMPARATOR.findall(text.replace(",", " ")):
        version = parse(spelled, strict=False)
        if version is None:
            raise InvalidParameterValue(f'invalid version range: "{text.strip()}"')
        if operator == "~":
            found += [(">=", version), ("<", Version(version.major, version.minor + 1, 0))]
        elif operator == "^":
            found += [(">=", version), ("<", _next_breaking(version))]
        else:
            found.append((operator, version))
    if not found:
        raise InvalidParameterValue(f'invalid version range: "{text.strip()}"')
    return found


def _next_breaking(version: Version) -> Version:
    if version.major:
        return Version(version.major + 1, 0, 0)
    return Version(0, version.minor + 1, 0) if version.minor else Version(0, 0, version.patch + 1)


def _in_range(version: Version, comparators: list[tuple[str, Version]]) -> bool:
    if version.prerelease and not any(v.prerelease and v[:3] == version[:3] for _, v in comparators):
        return False
    return all(_HOLDS[operator](version, wanted) for operator, wanted in comparators)


# [aggregate]
def latest_initial() -> Version | None:
    """Begin without a version: of no rows the latest is NULL."""
    return None


def latest_step(state: Version | None, version: Version) -> Version:
    """Keep the greater one."""
    return version if state is None or semver_gt(version, state) else state


# [end aggregate]


# [table function]
def parts(version: Version) -> Iterator[tuple[str, str]]:
    """Yield (part, value) for each part that the version has."""
    for name, value in zip(Version._fields, version, strict=True):
        if value != "":
            yield name, str(value)


# [end table function]


def distance(left: str, right: str) -> float:
    """``<->``: 0 for texts with the same trigrams, 1 for texts that share none."""
    return 1.0 - similarity(left, right)


# [column form]
def distance_column(left: str | ColumnValues, right: str | ColumnValues) -> list[float] | None:
    """``<->`` for many rows: the trigrams of a column are kept with its block, so each text is cut up once."""
    if isinstance(left, str):
        left, right = right, left
    if isinstance(left, str) or not isinstance(right, str):
        return None  # two columns: row by row
    sets, wanted = left.form(trigrams_of_column), trigrams(right)
    return [1.0 - shared(some, wanted) for some in sets]


def trigrams_of_column(column: ColumnValues) -> list[frozenset[str]]:
    """Return the trigrams of each text."""
    return list(map(trigrams, column.values))


# [end column form]


def similar(left: str, right: str) -> bool:
    """``%``: whether the similarity reaches the threshold."""
    return similarity(left, right) >= THRESHOLD
