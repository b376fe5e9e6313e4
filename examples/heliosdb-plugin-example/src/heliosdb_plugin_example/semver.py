"""The type ``semver``: semantic versions (https://semver.org/spec/v2.0.0.html), their text, their binary form, their
order.

The datum is a ``Version``, a named tuple; a subclass of tuple, because exactly a ``tuple`` inside an array is a row
of its next dimension. Python would order it wrongly (``1.0.0-rc.1`` comes before ``1.0.0``, and ``rc.9`` before
``rc.10``) and take build metadata into account, which the specification forbids: so the operator class gives
``sort_key`` and ``hash_key``, and whatever sorts, groups or indexes versions uses those.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from heliosdb.errors import InvalidBinaryRepresentation, InvalidTextRepresentation

if TYPE_CHECKING:
    from heliosdb.spi import SessionContext

__all__ = ["Version", "hash_key", "parse", "semver_input", "semver_output", "semver_receive", "semver_send", "sort_key"]

_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_STRICT = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?", re.ASCII)
_LENIENT = re.compile(
    rf"[vV=]?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?", re.ASCII
)
_FORMAT = 1
"""First byte of the binary form, so that it can change."""


class Version(NamedTuple):
    """A semantic version; ``prerelease`` and ``build`` are as written, without their leading mark."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    def __str__(self) -> str:
        prerelease = f"-{self.prerelease}" if self.prerelease else ""
        build = f"+{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.patch}{prerelease}{build}"


# [input and output]
def semver_input(text: str, typmod: int, session: SessionContext) -> Version:
    """Read a version; the setting ``semver.strict`` decides how much may be missing."""
    version = parse(text.strip(), strict=bool(session.setting("semver.strict")))
    if version is None:
        raise InvalidTextRepresentation(f'invalid input syntax for type semver: "{text}"')
    return version


def semver_output(datum: Version, session: SessionContext) -> str:
    """Write a version as it was read, bar what was missing."""
    return str(datum)


# [end input and output]


def parse(text: str, *, strict: bool = True) -> Version | None:
    """Return the version that a text is, or None."""
    match = (_STRICT if strict else _LENIENT).fullmatch(text)
    if match is None:
        return None
    prerelease = match[4] or ""
    if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in prerelease.split(".")):
        return None  # numeric identifiers have no leading zeros
    return Version(int(match[1]), int(match[2] or 0), int(match[3] or 0), prerelease, match[5] or "")


def semver_send(datum: Version) -> bytes:
    """Write the binary form: a format byte and the text."""
    return bytes([_FORMAT]) + str(datum).encode()


def semver_receive(data: bytes) -> Version:
    """Read the binary form."""
    if data[:1] != bytes([_FORMAT]):
        raise InvalidBinaryRepresentation(f"unsupported semver version number {data[0] if data else 'missing'}")
    version = parse(data[1:].decode("ascii", "replace"))
    if version is None:
        raise InvalidBinaryRepresentation("invalid semver in binary format")
    return version


def semver_to_python(datum: Version) -> Version:
    """Give the datum out as it is."""
    return datum


def semver_from_python(value: Any) -> Version:
    """Take a Version, or a text that is one, from Python."""
    version = value if isinstance(value, Version) else parse(str(value))
    if version is None:
        raise InvalidTextRepresentation(f'invalid input syntax for type semver: "{value}"')
    return version


# [order]
def sort_key(version: Version) -> tuple[Any, ...]:
    """Return what sorts as the specification's precedence (section 11): a release after its prereleases, build
    ignored."""
    if not version.prerelease:
        return (version.major, version.minor, version.patch, 1)
    identifiers = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in version.prerelease.split("."))
    return (version.major, version.minor, version.patch, 0, identifiers)


def hash_key(version: Version) -> tuple[Any, ...]:
    """Return what is equal for versions of equal precedence."""
    return version[:4]


# [end order]
