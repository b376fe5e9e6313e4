"""An authority that signs certificates, for tests of encrypted connections."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Files(NamedTuple):
    """A certificate and its key, in PEM."""

    cert: str
    key: str


class Authority:
    """Signs certificates; ``file`` is its own."""

    def __init__(self, folder: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = self._sign("authority", self._key, is_authority=True, digest="SHA256").cert

    def sign(self, common_name: str, *, kind: str = "ec", digest: str | None = "SHA256", days: int = 1) -> Files:
        """Make a certificate for localhost, or a user, with a key of its own."""
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        key: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if kind == "ec"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
        return self._sign(common_name, key, is_authority=False, digest=digest, days=days)

    def _sign(self, name: str, key: Any, *, is_authority: bool, digest: str | None, days: int = 1) -> Files:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self._key, getattr(hashes, digest or "SHA256")())
        )
        files = Files(*(str(self._folder / f"{name}.{end}") for end in ("crt", "key")))
        Path(files.cert).write_bytes(made.public_bytes(serialization.Encoding.PEM))
        key_file = Path(files.key)
        key_file.touch(0o600)
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
