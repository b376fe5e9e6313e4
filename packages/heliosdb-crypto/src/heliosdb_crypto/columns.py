"""Encrypted columns: ``email text ENCRYPTED``, ``ssn text ENCRYPTED DETERMINISTIC [DOMAIN name]``.

The stored form of such a column (``heliosdb.spi.StoredForm``) is a bytea:

    1 | nonce (12) | AES-256-GCM(key of the column; nonce; value; column)        ENCRYPTED
    2 | AES-SIV(key of the domain; value; domain)                                ENCRYPTED DETERMINISTIC

**Keys** are derived from the keyring's key for columns, which stays as long as the database does: one for each column,
one for each domain. What is authenticated besides the value is which column (its number is never given to another) or
which domain it belongs to, and the way it was encrypted, so no ciphertext passes for another column's. It may be moved
between rows of its column: rows have no name of their own.

**Deterministic** encryption gives equal values equal ciphertexts wherever the domain is the same; that is what makes
equality, unique keys and references work, and what it gives away. Only types are allowed whose equal values are one
Python value, so that ``1.0`` and ``1.00`` do not become two keys.

**Nonces** are random: NIST SP 800-38D allows 2^32 values under one key, here for each column.

The value is written as its Python class says, so that an int of 5 is the same as int2 and as int8; what is no text,
number, truth value or bytes goes through the frames in which rows are stored.

Sources: NIST SP 800-38D (GCM), RFC 5297 (SIV), RFC 5869 (HKDF).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from heliosdb.errors import (
    DataCorrupted,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidTableDefinition,
    ObjectNotInPrerequisiteState,
)
from heliosdb.spi import ClauseContext, ColumnDefinition, ColumnForm, Cursor, Session, StoredFrames
from heliosdb_crypto.opening import ATTACHED, FILE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

    from heliosdb_crypto.keyring import Keyring

__all__ = [
    "FORM", "Encrypted", "bind_encrypted", "check_column", "equality_hint", "from_stored", "lock", "parse_encrypted",
    "to_search", "to_stored", "unlock",
]  # fmt: skip

FORM = "encrypted"
"""The name of the stored form."""

RANDOM, DETERMINISTIC = b"\x01", b"\x02"
NONCE = 12
DOMAIN = "default"

HELD = "heliosdb-crypto columns"
"""Where a session's memory has its keys; False where it gave them back."""

EXACT = frozenset(
    ["text", "varchar", "bytea", "uuid", "bool"]
    + ["int2", "int4", "int8", "oid"]
    + ["date", "time", "timestamp", "timestamptz"]
)
"""Types whose equal values are one Python value."""


# -- keys --------------------------------------------------------------------------------------------------------------


class ColumnKeys:
    """The ciphers of a database's columns, each derived when it is first needed; what one session holds."""

    def __init__(self, secret: bytes, database: str) -> None:
        self._secret = secret
        self._database = database
        self._random: dict[int, AESGCM] = {}
        self._deterministic: dict[str, AESSIV] = {}

    @classmethod
    def of(cls, keyring: Keyring) -> ColumnKeys:
        """Return those of a keyring."""
        return cls(bytes(keyring.columns), keyring.database)

    def random(self, column: int) -> AESGCM:
        """Return the cipher of one column."""
        found = self._random.get(column)
        if found is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            found = self._random[column] = AESGCM(self._derived(f"column {column}", 32))
        return found

    def deterministic(self, domain: str) -> AESSIV:
        """Return the cipher of a domain."""
        found = self._deterministic.get(domain)
        if found is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV

            found = self._deterministic[domain] = AESSIV(self._derived(f"domain {domain}", 64))
        return found

    def _derived(self, what: str, size: int) -> bytes:
        from heliosdb_crypto.keys import derived

        return derived(self._secret, f"heliosdb {what}".encode(), self._database.encode(), size)


def held(session: Any) -> ColumnKeys | None:
    """Return the keys that a session holds: those of its database, unless it gave them back or was given others."""
    found = session.memory.get(HELD)
    if found is None:
        keyring = session.database.attached.get(ATTACHED)
        found = session.memory[HELD] = False if keyring is None else ColumnKeys.of(keyring)
    return found or None


def unlock(key: str, session: Any) -> bool:
    """``heliosdb_unlock(key)``: let this session read encrypted columns; InvalidPassword for another key."""
    from heliosdb_crypto.keyring import Keyring
    from heliosdb_crypto.providers import master_key

    volume = session.database.volume
    content = volume.whole(FILE)
    if content is None:
        raise _without_keyring()
    master = master_key(key)
    try:
        keyring = Keyring.open(volume, content, master)
    finally:
        master.close()
    session.memory[HELD] = ColumnKeys.of(keyring)
    keyring.close()
    return True


def lock(session: Any) -> bool:
    """``heliosdb_lock()``: let this session read no encrypted column; whether it could before."""
    before = held(session)
    session.memory[HELD] = False
    return before is not None


# -- the form ----------------------------------------------------------------------------------------------------------


def to_stored(form: ColumnForm, column: str) -> Callable[[Any, Any], bytes | None]:
    """Return what encrypts the values of a column."""
    seal = _sealer(form)

    def store(value: Any, session: Any) -> bytes | None:
        keys = session.memory.get(HELD) or held(session)
        if keys is None:
            raise _without_key(column)
        return None if value is None else seal(keys, _plain(value, session))

    return store


def to_search(form: ColumnForm, column: str, lenient: bool) -> Callable[[Any, Any], bytes | None]:
    """Return what encrypts what a deterministic column is compared with."""
    seal = _sealer(form)

    def search(value: Any, session: Any) -> bytes | None:
        keys = session.memory.get(HELD) or held(session)
        if keys is None:
            if lenient and session.setting("encryption.without_key") == "null":
                return None
            raise _without_key(column)
        return seal(keys, _plain(value, session))

    return search


def from_stored(form: ColumnForm, column: str, lenient: bool) -> Callable[[bytes, Any], Any]:
    """Return what decrypts the values of a column."""
    from cryptography.exceptions import InvalidTag

    number, domain, associated = form.id, form.argument, _associated(form)
    deterministic = form.deterministic

    def read(data: bytes, session: Any) -> Any:
        keys = session.memory.get(HELD) or held(session)
        if keys is None:
            if lenient and session.setting("encryption.without_key") == "null":
                return None
            raise _without_key(column)
        try:
            if deterministic:
                plain = keys.deterministic(domain).decrypt(data[1:], [associated])
            else:
                plain = keys.random(number).decrypt(data[1 : 1 + NONCE], data[1 + NONCE :], associated)
        except (InvalidTag, ValueError):
            raise DataCorrupted(
                f'a value of encrypted column "{column}" does not decrypt: it was changed, or is another column\'s'
            ) from None
        return _value(plain, session)

    return read


def _sealer(form: ColumnForm) -> Callable[[ColumnKeys, bytes], bytes]:
    number, domain, associated = form.id, form.argument, _associated(form)
    if form.deterministic:
        return lambda keys, plain: DETERMINISTIC + keys.deterministic(domain).encrypt(plain, [associated])

    def seal(keys: ColumnKeys, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return RANDOM + nonce + keys.random(number).encrypt(nonce, plain, associated)

    return seal


def _associated(form: ColumnForm) -> bytes:
    if form.deterministic:
        return DETERMINISTIC + b"heliosdb domain " + form.argument.encode()
    return RANDOM + b"heliosdb column %d" % form.id


def _without_key(column: str) -> InsufficientPrivilege:
    return InsufficientPrivilege(
        f'column "{column}" is encrypted, and this session does not have the key',
        hint="Open the database with encryption_key, or call heliosdb_unlock($1) with it.",
    )


def _without_keyring() -> ObjectNotInPrerequisiteState:
    return ObjectNotInPrerequisiteState(
        "the database has no encryption key",
        hint="Open it with one: Config(encryption_key=...) or the variable HELIOSDB_ENCRYPTION_KEY for a new database, "
        "and encryption.at_rest = false besides for one whose files are not encrypted.",
    )


# -- values ------------------------------------------------------------------------------------------------------------


def _plain(value: Any, session: Any) -> bytes:
    """Return a value as bytes, never none at all; equal values of ``EXACT`` types give equal bytes."""
    kind = type(value)
    if kind is str:
        return b"s" + value.encode("utf-8", "surrogatepass")  # type: ignore[no-any-return]
    if kind is int:
        return b"i%d" % value
    if kind is bytes:
        return b"b" + value  # type: ignore[no-any-return]
    if kind is bool:
        return b"1" if value else b"0"
    return b"f" + StoredFrames(session.registries.types.stored_classes).encode([value])


def _value(plain: bytes, session: Any) -> Any:
    tag, rest = plain[:1], plain[1:]
    if tag == b"s":
        return rest.decode("utf-8", "surrogatepass")
    if tag == b"i":
        return int(rest)
    if tag == b"b":
        return rest
    if tag == b"f":
        (value,) = StoredFrames(session.registries.types.stored_classes).decode(rest)
        return value
    if tag in (b"0", b"1"):
        return tag == b"1"
    raise DataCorrupted("an encrypted value is of a kind that this version of heliosdb-crypto does not know")


# -- definitions -------------------------------------------------------------------------------------------------------


@frozen
class Encrypted:
    """What stands behind ENCRYPTED: whether it is DETERMINISTIC, and in which domain."""

    deterministic: bool
    domain: str


def parse_encrypted(cursor: Cursor) -> Encrypted:
    """Read ``[DETERMINISTIC [DOMAIN name]]`` behind ENCRYPTED."""
    if not cursor.accept_keyword("deterministic"):
        return Encrypted(False, "")
    return Encrypted(True, cursor.identifier() if cursor.accept_keyword("domain") else DOMAIN)


def bind_encrypted(context: ClauseContext, column: ColumnDefinition, option: Encrypted) -> ColumnDefinition:
    """Give a column its form."""
    if column.form is not None:
        raise InvalidTableDefinition(f'column "{column.name}" is stored in two forms')
    text = "ENCRYPTED"
    if option.deterministic:
        quoted = option.domain.replace('"', '""')
        text += " DETERMINISTIC" if option.domain == DOMAIN else f' DETERMINISTIC DOMAIN "{quoted}"'
    form = ColumnForm(name=FORM, type="bytea", text=text, deterministic=option.deterministic, argument=option.domain)
    return evolve(column, form=form)


def check_column(column: ColumnDefinition, session: Session) -> None:
    """Refuse a column that cannot be encrypted so: for its type, or because the session has no key."""
    form = column.form
    assert form is not None
    if held(session) is None:
        if ATTACHED not in session.database.attached and session.database.volume.whole(FILE) is None:
            raise _without_keyring()
        raise _without_key(column.name)
    if form.deterministic and column.type not in EXACT:
        shown = session.registries.types.format(column.type)
        raise FeatureNotSupported(
            f'column "{column.name}" of type {shown} cannot be {form.text}',
            detail="Equal values of this type may be written differently, and so would their ciphertexts be.",
            hint="Use ENCRYPTED, which needs no equality.",
        )


def equality_hint(column: ColumnDefinition) -> str:
    """Return what to do where a column that is only ENCRYPTED shall have an index or a key."""
    if column.type in EXACT:
        return "Use ENCRYPTED DETERMINISTIC, which shows which values are equal, and nothing else of them."
    return "There is no ENCRYPTED DETERMINISTIC for this type; encrypt its text, or have the key on another column."


def encrypted_columns(session: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of ``heliosdb_encrypted_columns``."""
    is_readable = held(session) is not None
    for relation in session.catalog.relations():
        for column in relation.columns:
            form = column.form
            if form is not None and form.name == FORM and not column.dropped:
                shown = session.registries.types.format(column.type, column.typmod)
                domain = form.argument if form.deterministic else None
                yield relation.schema, relation.name, column.name, shown, form.deterministic, domain, is_readable
