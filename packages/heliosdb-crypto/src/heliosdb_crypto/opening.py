"""What happens when a database opens: which key it is given, and whether it needs one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, InvalidPassword, ObjectNotInPrerequisiteState
from heliosdb.spi import Opening

__all__ = ["ATTACHED", "FILE", "NAME", "ROTATION", "open_keyring"]

ATTACHED = "heliosdb-crypto"
"""The name by which the database keeps its keyring."""

USES = ("files", "temporary", "archives")

ROTATION = "heliosdb-crypto rotation"
"""The name by which it keeps what goes on in the background."""

FILE = "keys"
"""The word by which the volume knows the keyring: ``heliosdb.keys`` in a folder."""

NAME = "aes256-gcm"
"""The codec's name."""

ALGORITHMS = (NAME, "aes-256-gcm")


def open_keyring(opening: Opening) -> None:
    """Have everything encrypted that the database writes, if it is given a key; refuse one that needs another."""
    enabled, at_rest = (_boolean(opening, name) for name in ("encryption.enabled", "encryption.at_rest"))
    algorithm = opening.take("encryption.algorithm")
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise FeatureNotSupported(
            f'encryption.algorithm "{algorithm}" is not supported', hint=f"Available values: {', '.join(ALGORITHMS)}."
        )
    given = [opening.take(name) for name in ("encryption_key", "encryption.key")]
    source = opening.take("encryption.key_source")
    key = next((value for value in given if value is not None), None)
    content = opening.volume.whole(FILE)
    if content is None and enabled is False:
        return
    if key is None and source is not None:
        from heliosdb_crypto.providers import provided

        key = provided(source)
    if key is None:
        if content is not None:
            from heliosdb_crypto.cipher import HOW_TO_GIVE_ONE
            from heliosdb_crypto.keyring import is_at_rest

            if is_at_rest(content):
                raise InvalidPassword(
                    f"{_name(opening)} is encrypted, and no encryption key was given", hint=HOW_TO_GIVE_ONE
                )
            # Sessions may be given the key: what they put aside must not be readable.
            opening.add_codec(NAME, _of_this_process, uses=("temporary",))
        elif enabled:
            raise InvalidParameterValue(
                "encryption.enabled is true, and no key is stated",
                hint='key_source = { environment = "HELIOSDB_KEY" }',
            )
        return
    _open(opening, content, key, at_rest)


def _boolean(opening: Opening, name: str) -> bool | None:
    found = opening.take(name)
    if found is not None and type(found) is not bool:
        raise InvalidParameterValue(f'configuration key "{name}" must be a boolean')
    return found


def _open(opening: Opening, content: bytes | None, key: Any, at_rest: bool | None) -> None:
    from heliosdb_crypto.keyring import Keyring
    from heliosdb_crypto.providers import master_key
    from heliosdb_crypto.rotation import Rotation

    if content is None and not opening.is_new and at_rest is not False:
        raise ObjectNotInPrerequisiteState(
            f"{_name(opening)} is not encrypted, and an encryption key was given",
            hint="Back it up, and restore it into a new database that is opened with the key; or give the key for "
            "encrypted columns alone, with encryption.at_rest = false.",
        )
    master = master_key(key)
    opening.on_close(master.close)
    if content is None:
        keyring = Keyring.create(opening.volume, master, at_rest=at_rest is not False)
        opening.on_begin(keyring.save)
    else:
        keyring = Keyring.open(opening.volume, content, master)
    opening.on_close(keyring.close)
    if at_rest is not None and at_rest != keyring.at_rest:
        raise ObjectNotInPrerequisiteState(
            f"{_name(opening)} is {'' if keyring.at_rest else 'not '}encrypted, and encryption.at_rest says otherwise"
        )
    opening.add_codec(NAME, keyring, uses=USES if keyring.at_rest else ("temporary", "archives"))
    opening.attach(ATTACHED, keyring)
    opening.attach(ROTATION, Rotation())


def _of_this_process(parameters: Mapping[str, Any] | None = None) -> Any:
    """Make a codec whose key nobody keeps."""
    from heliosdb_crypto.cipher import Aes256Gcm

    return Aes256Gcm(os.urandom(32), 0)


def _name(opening: Opening) -> str:
    return "the database" if opening.path is None else f'database "{opening.path}"'
