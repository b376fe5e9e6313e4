"""A key management system's key, against a transit engine of our own on the loopback."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import DataCorrupted, InvalidParameterValue, InvalidPassword, IoError
from heliosdb_crypto import EncryptionKey
from heliosdb_crypto.vault import VaultKey

TOKEN = "s.the-token"


class Transit(ThreadingHTTPServer):
    """What Vault's documentation says of ``transit/encrypt`` and ``transit/decrypt``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys = {"database": os.urandom(32), "other": os.urandom(32)}
        self.asked: list[str] = []
        self.broken = False
        self.elsewhere: tuple[int, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Transit

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(self.path)
        if self.server.elsewhere is not None:
            status, url = self.server.elsewhere
            self.answer(status, b"", {"Location": url + self.path})
            return
        _, version, mount, action, name = self.path.split("/")
        if self.server.broken:
            self.answer(200, b"<html>")
            return
        if (
            self.headers["X-Vault-Token"] != TOKEN
            or (version, mount) != ("v1", "transit")
            or name not in self.server.keys
        ):
            self.answer(403, b'{"errors": ["permission denied"]}')
            return
        cipher = AESGCM(self.server.keys[name])
        associated = base64.b64decode(content["associated_data"])
        if action == "encrypt":
            nonce = os.urandom(12)
            sealed = nonce + cipher.encrypt(nonce, base64.b64decode(content["plaintext"]), associated)
            found = {"ciphertext": "vault:v1:" + base64.b64encode(sealed).decode()}
        else:
            try:
                sealed = base64.b64decode(content["ciphertext"].removeprefix("vault:v1:"))
                found = {"plaintext": base64.b64encode(cipher.decrypt(sealed[:12], sealed[12:], associated)).decode()}
            except (InvalidTag, ValueError):
                self.answer(400, b'{"errors": ["cipher: message authentication failed"]}')
                return
        self.answer(200, json.dumps({"data": found}).encode())

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.answer(404, b"")

    def answer(self, status: int, content: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Transit]:
    server = Transit()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transit]:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    with serving() as server:
        yield server


def opened(path: Path, vault: Transit, name: str = "database") -> EmbeddedDatabase:
    config = Config(options={"encryption.key_source": {"vault": name, "url": vault.url}})
    return EmbeddedDatabase(str(path), config=config, strict=True)


def test_a_database_under_a_key_that_never_leaves_the_vault(vault: Transit, tmp_path: Path) -> None:
    with opened(tmp_path / "d", vault) as database:
        database.execute("CREATE TABLE t AS SELECT 'sentence' AS a")
    keyring = json.loads((tmp_path / "d" / "heliosdb.keys").read_text())
    assert keyring["master"] == {"kind": "vault", "id": "database"}
    assert set(vault.asked) == {"/v1/transit/encrypt/database"}
    with opened(tmp_path / "d", vault) as database:
        assert database.query("SELECT a FROM t") == [("sentence",)]
        assert vault.asked[-1] == "/v1/transit/decrypt/database"
        database.rotate_master_key(VaultKey("other", vault.url))
    with pytest.raises(InvalidPassword, match="not the one"):
        opened(tmp_path / "d", vault)
    with opened(tmp_path / "d", vault, "other") as database:
        database.rotate_master_key(EncryptionKey(b"k" * 32))
    with EmbeddedDatabase(str(tmp_path / "d"), config=Config(encryption_key=b"k" * 32), strict=True) as database:
        assert database.query("SELECT a FROM t") == [("sentence",)]


def test_what_the_vault_refuses_is_an_error_that_shows_no_token(
    vault: Transit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(tmp_path / "d", vault).close()
    with pytest.raises(InvalidPassword, match="does not allow"):
        opened(tmp_path / "new", vault, "no-such-key")
    monkeypatch.setenv("VAULT_TOKEN", "s.another")
    with pytest.raises(InvalidPassword) as raised:
        opened(tmp_path / "d", vault)
    assert "s.another" not in repr(raised.value)
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    vault.keys["database"] = os.urandom(32)
    with pytest.raises(DataCorrupted, match=r"heliosdb\.keys"):
        opened(tmp_path / "d", vault)
    vault.broken = True
    with pytest.raises(IoError, match="could not be asked"):
        opened(tmp_path / "d", vault)
    gone = VaultKey("database", "http://127.0.0.1:9")
    with pytest.raises(IoError, match="could not be asked to encrypt: URLError"):
        gone.wrap(b"x", b"y")


@pytest.mark.parametrize("url", ["", "ftp://x", "file:///etc/passwd", "https://", "http://vault.example.com:8200"])
def test_keys_go_over_no_open_wire(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    with pytest.raises(InvalidParameterValue):
        VaultKey("database", url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_is_sent_to_nobody_else(vault: Transit, tmp_path: Path, status: int) -> None:
    with serving() as other:
        vault.elsewhere = status, other.url
        with pytest.raises(IoError, match=f"{status}"):
            opened(tmp_path / "d", vault)
        assert len(vault.asked) == 1
        assert other.asked == []
