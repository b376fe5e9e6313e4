"""What is kept of a password, and whether a password fits it.

    SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey      RFC 5803's form, as PostgreSQL keeps it
    md5<32 hex digits>                                     of the password and the user's name, for old clients

Nothing here asks anybody. The hash of a password takes milliseconds on purpose: call ``fits`` in a thread.
"""

from __future__ import annotations

import hmac
import os
import re
import stringprep
import unicodedata
from base64 import b64decode, b64encode
from hashlib import md5, pbkdf2_hmac, sha256
from typing import NamedTuple

__all__ = ["ITERATIONS", "ScramKeys", "fits", "is_verifier", "md5_verifier", "mock_verifier", "scram_keys", "verifier"]

ITERATIONS = 4096
_scram = re.compile(
    r"SCRAM-SHA-256\$([0-9]{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})"
).fullmatch
_md5 = re.compile("md5[0-9a-f]{32}").fullmatch


class ScramKeys(NamedTuple):
    """What a SCRAM verifier holds."""

    iterations: int
    salt: bytes
    stored: bytes
    server: bytes


def verifier(password: str, *, iterations: int = ITERATIONS, salt: bytes | None = None) -> str:
    """Return what is kept of a password."""
    salt = os.urandom(16) if salt is None else salt
    salted = pbkdf2_hmac("sha256", _prepared(password).encode(), salt, iterations)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def md5_verifier(password: str, user: str) -> str:
    """Return what is kept of a password for the method md5."""
    return "md5" + md5((password + user).encode(), usedforsecurity=False).hexdigest()


def is_verifier(text: str) -> bool:
    """Whether a text is what is kept of a password, and not a password."""
    return text.startswith("SCRAM-SHA-256$") or _md5(text) is not None


def scram_keys(kept: str) -> ScramKeys | None:
    """Return what a SCRAM verifier holds; None where it is none."""
    found = _scram(kept)
    if found is None:
        return None
    iterations, salt, stored, server = found.groups()
    try:
        keys = ScramKeys(int(iterations), *(b64decode(part, validate=True) for part in (salt, stored, server)))
    except ValueError:
        return None
    return keys if keys.iterations else None


def fits(kept: str, user: str, password: str) -> bool:
    """Whether a password is the one of which this is kept."""
    keys = scram_keys(kept)
    if keys is None:
        return hmac.compare_digest(md5_verifier(password, user), kept)
    salted = pbkdf2_hmac("sha256", _prepared(password).encode(), keys.salt, keys.iterations)
    return hmac.compare_digest(sha256(hmac.digest(salted, b"Client Key", "sha256")).digest(), keys.stored)


def mock_verifier(secret: bytes, user: str) -> str:
    """Return what is kept of the password of somebody who does not exist: for one secret always the same salt, and
    keys that nothing fits."""
    salt = hmac.digest(secret, user.encode(), "sha256")[:16]
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(os.urandom(32))}:{_text(os.urandom(32))}"


def _prepared(password: str) -> str:
    """Return a password as SASLprep writes it, which clients hash; one that it does not allow stays as it is.

    (RFC 4013; https://www.postgresql.org/docs/15/sasl-authentication.html)
    """
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(one) else one for one in password if not stringprep.in_table_b1(one)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not prepared or any(_is_prohibited(one) for one in prepared):
        return password
    if any(map(stringprep.in_table_d1, prepared)):
        ends = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
        if not ends or any(map(stringprep.in_table_d2, prepared)):
            return password
    return prepared


_PROHIBITED = (
    stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
    stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
    stringprep.in_table_c8, stringprep.in_table_c9,
)  # fmt: skip


def _is_prohibited(character: str) -> bool:
    return any(table(character) for table in _PROHIBITED)


def _text(data: bytes) -> str:
    return b64encode(data).decode()
