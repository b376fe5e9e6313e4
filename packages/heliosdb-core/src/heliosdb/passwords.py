"""What is kept of a password: a verifier, from which nobody gets the password back.

    SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey     RFC 5802, RFC 7677
    md5 and 32 hexadecimal digits                         of the password with the role's name behind it

These are PostgreSQL's own texts, so that a role goes from one to the other with its verifier. Whoever gives such a
text where a password is expected has made the verifier already; it is kept as it is.

A password is prepared (SASLprep, RFC 4013) before it is hashed, as clients do; one that cannot be is hashed as it is.
(https://www.postgresql.org/docs/15/sasl-authentication.html)
"""

from __future__ import annotations

import hmac
import os
import re
import unicodedata
from base64 import b64decode, b64encode
from hashlib import md5, pbkdf2_hmac, sha256

from attrs import field, frozen

__all__ = ["ScramVerifier", "is_password", "make_verifier", "md5_verifier", "parse_scram", "prepared", "scram_verifier"]

ITERATIONS = 4096
_md5 = re.compile(r"md5[0-9a-f]{32}").fullmatch
_scram = re.compile(
    r"SCRAM-SHA-256\$([0-9]{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})"
).fullmatch


@frozen
class ScramVerifier:
    """The parts of a SCRAM verifier. Whoever has ``server_key`` and ``stored_key`` can play the server."""

    iterations: int
    salt: bytes = field(repr=False)
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def make_verifier(password: str, name: str, encryption: str) -> str:
    """Return what is kept of a role's password: ``encryption`` is "scram-sha-256" or "md5"."""
    if _md5(password) is not None or parse_scram(password) is not None:
        return password
    return md5_verifier(password, name) if encryption == "md5" else scram_verifier(password)


def md5_verifier(password: str, name: str) -> str:
    """Return the md5 verifier of the password of the role with a name."""
    return "md5" + md5((password + name).encode(), usedforsecurity=False).hexdigest()


def scram_verifier(password: str, *, iterations: int = ITERATIONS, salt: bytes | None = None) -> str:
    """Return the SCRAM-SHA-256 verifier of a password."""
    salt = os.urandom(16) if salt is None else salt
    salted = pbkdf2_hmac("sha256", prepared(password).encode(), salt, iterations)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def parse_scram(verifier: str) -> ScramVerifier | None:
    """Return the parts of a SCRAM verifier, None for another text."""
    found = _scram(verifier)
    if found is None:
        return None
    iterations, *parts = found.groups()
    try:
        salt, stored, server = (b64decode(part, validate=True) for part in parts)
    except ValueError:
        return None
    if not int(iterations) or len(stored) != 32 or len(server) != 32:
        return None
    return ScramVerifier(int(iterations), salt, stored, server)


def is_password(password: str, name: str, verifier: str) -> bool:
    """Return whether a password is that of the role with a name, of which a verifier is kept."""
    parts = parse_scram(verifier)
    if parts is None:
        return hmac.compare_digest(md5_verifier(password, name).encode(), verifier.encode())
    salted = pbkdf2_hmac("sha256", prepared(password).encode(), parts.salt, parts.iterations)
    return hmac.compare_digest(sha256(hmac.digest(salted, b"Client Key", "sha256")).digest(), parts.stored_key)


def prepared(password: str) -> str:
    """Return a password as SASLprep has it, or as it is where that refuses it."""
    if password.isascii():
        return password
    import stringprep

    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    text = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    refused = (
        stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
        stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
        stringprep.in_table_c8, stringprep.in_table_c9,
    )  # fmt: skip
    if not text or any(is_refused(character) for character in text for is_refused in refused):
        return password
    if any(map(stringprep.in_table_d1, text)):
        ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
        if not ends or any(map(stringprep.in_table_d2, text)):
            return password
    return text


def _text(data: bytes) -> str:
    return b64encode(data).decode()
