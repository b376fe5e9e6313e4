"""Key providers: where a key comes from, as ``[encryption] key_source`` says it.

    key_source = { environment = "HELIOSDB_KEY" }
    key_source = { file = "/run/secrets/heliosdb" }
    key_source = { callable = "my_app.secrets:database_key" }
    key_source = { vault = "database", url = "https://vault:8200" }

A provider is a driver of the group ``heliosdb.key_providers``: called with the value behind its name, and the other
entries as keyword arguments, it returns what ``encryption_key`` may be, or a ``MasterKey``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from heliosdb.errors import InvalidParameterValue, UndefinedFile, UndefinedObject
from heliosdb.spi import driver, resolve_implementation
from heliosdb_crypto.keys import KEY_SIZE, EncryptionKey, key_or_passphrase
from heliosdb_crypto.master import LocalKey, MasterKey

__all__ = ["from_callable", "from_environment", "from_file", "master_key", "provided"]

LARGEST_FILE = 4096


def master_key(value: Any) -> MasterKey:
    """Return the master key of what ``encryption_key`` was given, or a provider returned."""
    if isinstance(value, MasterKey):
        return value
    return LocalKey(key_or_passphrase(value))


def provided(source: Any) -> Any:
    """Return what a ``key_source`` gives: a table with the name of one provider, and its other entries."""
    if isinstance(source, str):
        # One variable or line has no tables: environment=NAME.
        kind, equals, argument = source.partition("=")
        if not equals:
            raise _wrong(source)
        source = {kind.strip(): argument.strip()}
    if not isinstance(source, Mapping) or not source:
        raise _wrong(source)
    (kind, argument), *others = source.items()
    try:
        make: Callable[..., Any] = driver("heliosdb.key_providers", kind)
    except UndefinedObject as error:
        raise InvalidParameterValue(error.message, hint=error.hint) from None
    try:
        signature(make).bind(argument, **dict(others))
        return make(argument, **dict(others))
    except TypeError as error:
        raise InvalidParameterValue(f'encryption.key_source: provider "{kind}": {error}') from None


def _wrong(source: Any) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"encryption.key_source must be a table with a provider's name, not {type(source).__name__}",
        hint='key_source = { environment = "HELIOSDB_KEY" }',
    )


def from_environment(name: str) -> EncryptionKey | str:
    """Return the key or passphrase that a variable holds."""
    found = os.environ.get(name)
    if not found:
        raise UndefinedObject(
            f'environment variable "{name}", which should hold the encryption key, is not set',
            hint="encryption.key_source names it.",
        )
    return key_or_passphrase(found)


def from_file(path: str) -> EncryptionKey | str:
    """Return the key that a file holds: 32 bytes, 64 hexadecimal digits, or a passphrase in one line.

    A file that everybody may write to is refused (InvalidParameterValue): whoever writes it chooses the key.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UndefinedFile(f'could not read the encryption key from "{path}": {error.strerror}') from None
    if os.name == "posix" and mode & stat.S_IWOTH:
        raise InvalidParameterValue(
            f'the file "{path}" holds an encryption key, and everybody may write to it', hint=f"chmod 600 {path}"
        )
    if len(content) > LARGEST_FILE:
        raise InvalidParameterValue(f'the file "{path}" is too large to hold an encryption key')
    if len(content) == KEY_SIZE:
        return EncryptionKey(content)
    try:
        return key_or_passphrase(content.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise InvalidParameterValue(
            f'the file "{path}" holds no encryption key: {len(content)} bytes that are no text',
            hint="32 bytes, 64 hexadecimal digits, or a passphrase.",
        ) from None


def from_callable(function: str | Callable[[], Any]) -> Any:
    """Return what a function returns: given as one, or as ``"package.module:name"``."""
    found = resolve_implementation(function) if isinstance(function, str) else function
    if not callable(found):
        raise InvalidParameterValue(f"encryption.key_source: {function!r} cannot be called")
    return found()
