"""Version requirements: may a plugin's distribution be used with this core?

Installers check ``heliosdb-core>=0.1,<0.2`` when they install, but an in-place upgrade of the core, or an installer
that skips the check between members of a workspace, leaves plugins behind that were built for another one. So the
host checks again.

This is the part of PEP 440 and PEP 508 that requirements on released versions use: release numbers, pre-, post- and
development releases, the operators ``== != >= <= > < ~=`` and ``==1.*``. Environment markers on a requirement of the
core are not evaluated: such a requirement is taken as it stands. A specifier that cannot be read is an error, never a
pass.
"""

from __future__ import annotations

import re
from functools import cache

__all__ = ["InvalidSpecifier", "normalized_name", "requirement_on", "satisfies", "version_key"]

VersionKey = tuple[int, tuple[int, ...], tuple[int, int], tuple[int, int], tuple[int, int]]

_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)*")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?")
_CLAUSE = re.compile(r"(~=|===|==|!=|>=|<=|>|<)\s*(\S+)")
_PHASES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


@cache
def _version_pattern() -> re.Pattern[str]:
    # Compiled when a version is met that is more than numbers, which most are not: it would cost each opening 2 ms.
    return re.compile(
        r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
        r"(?:[-_.]?(?P<pre>a|b|rc|alpha|beta|c|pre|preview)[-_.]?(?P<pre_number>\d*))?"
        r"(?:(?:[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>\d*))|-(?P<bare_post>\d+))?"
        r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>\d*))?"
        r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
        re.IGNORECASE,
    )


class InvalidSpecifier(ValueError):
    """A version or a specifier that cannot be read."""


def normalized_name(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_on(name: str, requirements: list[str]) -> str | None:
    """Return the specifier that a list of ``Requires-Dist`` has for a distribution (``">=0.1,<0.2"``), or None."""
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match and normalized_name(match[1]) == name:
            return match[2].strip()
    return None


def version_key(version: str) -> VersionKey:
    """Return a key that sorts versions as PEP 440 does; InvalidSpecifier when the text is no version."""
    if _NUMBERS.fullmatch(version):
        return (0, _without_zeros(version.split(".")), (3, 0), (0, 0), (1, 0))
    match = _version_pattern().fullmatch(version.strip())
    if match is None:
        raise InvalidSpecifier(f'"{version}" is not a version')
    release = _without_zeros(match["release"].split("."))
    is_post = match["post"] is not None or match["bare_post"] is not None
    pre = (_PHASES[match["pre"].lower()], int(match["pre_number"] or 0)) if match["pre"] else (3, 0)
    if match["dev"] and not match["pre"] and not is_post:
        pre = (-1, 0)  # 1.0.dev1 comes before 1.0a1
    post = (1, int(match["post_number"] or match["bare_post"] or 0)) if is_post else (0, 0)
    dev = (0, int(match["dev_number"] or 0)) if match["dev"] else (1, 0)
    return (int(match["epoch"] or 0), release, pre, post, dev)


def satisfies(version: str, specifier: str) -> bool:
    """Return whether a version meets every clause of a specifier; InvalidSpecifier when it cannot be read."""
    return all(_meets(version, clause.strip()) for clause in specifier.split(",") if clause.strip())


def _meets(version: str, clause: str) -> bool:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        raise InvalidSpecifier(f'"{clause}" is not a version specifier')
    operator, wanted = match[1], match[2]
    if operator == "===":
        return version == wanted
    if wanted.endswith(".*"):
        if operator not in ("==", "!="):
            raise InvalidSpecifier(f'"{clause}" is not a version specifier')
        return _has_prefix(version, wanted[:-2]) == (operator == "==")
    have, want = version_key(_public(version)), version_key(_public(wanted))
    if operator == "~=":
        return have >= want and _has_prefix(version, wanted.rpartition(".")[0])
    if operator in (">", "<") and have[:2] == want[:2]:
        # "<2.0" excludes 2.0rc1 and ">2.0" excludes 2.0.post1 (PEP 440, exclusive ordered comparison).
        pre_or_post = want[2] != (3, 0) if operator == "<" else want[3] != (0, 0)
        if not pre_or_post:
            return False
    comparisons = {"==": have == want, "!=": have != want, ">=": have >= want, "<=": have <= want}
    return (comparisons | {">": have > want, "<": have < want})[operator]


def _public(version: str) -> str:
    return version.partition("+")[0]


def _has_prefix(version: str, prefix: str) -> bool:
    wanted = [int(number) for number in _release(prefix)]
    have = [int(number) for number in _release(version)]
    have += [0] * (len(wanted) - len(have))
    return have[: len(wanted)] == wanted


def _release(version: str) -> list[str]:
    if _NUMBERS.fullmatch(version):
        return version.split(".")
    match = _version_pattern().fullmatch(version.strip())
    if match is None:
        raise InvalidSpecifier(f'"{version}" is not a version')
    return match["release"].split(".")


def _without_zeros(numbers: list[str]) -> tuple[int, ...]:
    """Return a release without its trailing zeros: 1.0 is 1."""
    release = tuple(int(number) for number in numbers)
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    return release
