"""TLS: the server's certificate, whose certificates of clients count, and what a proof can be bound to.

A key that others can read, a key with a passphrase that nobody can be asked for, a version that is broken: refused when
the server is configured, not when the first client comes.
"""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path
from typing import Any, NamedTuple

from heliosdb.errors import InvalidParameterValue

__all__ = ["VERSIONS", "Encryption", "common_name", "encryption"]

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
"""The versions that may be asked for at least; what is older is broken (RFC 8996)."""


class Encryption(NamedTuple):
    """How a server encrypts. ``binding``: the digest of its certificate, for SCRAM-SHA-256-PLUS; None where the
    certificate's signature has no digest (Ed25519)."""

    context: ssl.SSLContext
    binding: bytes | None


def encryption(cert: str, key: str, ca: str | None, min_version: str) -> Encryption:
    """Return how a server encrypts, by files in PEM; InvalidParameterValue where that does not go.

    ``ca``: the authorities whose certificates clients may show.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[min_version]
    _look_at(key)

    def no_passphrase() -> str:
        raise InvalidParameterValue(f"the key {Path(key).name} needs a passphrase, which nobody can be asked for")

    try:
        context.load_cert_chain(cert, key, no_passphrase)
    except (OSError, ssl.SSLError) as error:
        raise InvalidParameterValue(f"cannot use {Path(cert).name} for TLS: {error}") from None
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (OSError, ssl.SSLError) as error:
            raise InvalidParameterValue(f"cannot use {Path(ca).name} for client certificates: {error}") from None
        context.verify_mode = ssl.CERT_OPTIONAL
    return Encryption(context, _end_point(Path(cert).read_bytes()))


def _look_at(key: str) -> None:
    """Refuse a key that others than its owner can read (root's may be read by a group)."""
    try:
        status = os.stat(key)
    except OSError as error:
        raise InvalidParameterValue(f"cannot use {Path(key).name} for TLS: {error.strerror}") from None
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & (0o037 if status.st_uid == 0 else 0o077):
        raise InvalidParameterValue(
            f"others than its owner can read the key {Path(key).name}", hint="chmod 600 would change that."
        )


def _end_point(pem: bytes) -> bytes | None:
    """Return the digest of a certificate by the hash of its signature, SHA-256 for older ones (RFC 5929, section 4)."""
    # cryptography takes 40 ms to import: nobody without TLS needs it.
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes

    certificate = x509.load_pem_x509_certificates(pem)[0]
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    return certificate.fingerprint(hashes.SHA256() if algorithm.name in ("md5", "sha1") else algorithm)


def common_name(shown: dict[str, Any] | None) -> str | None:
    """Return the common name in a certificate that was verified, as ``getpeercert`` gives it; None where there is
    none, or more than one."""
    subject = (shown or {}).get("subject", ())
    names = [value for part in subject for name, value in part if name == "commonName"]
    return names[0] if len(names) == 1 else None
