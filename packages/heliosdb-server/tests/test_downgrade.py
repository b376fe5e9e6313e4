"""Somebody between client and server who wants the weaker of two ways: each attempt ends the connection."""

from __future__ import annotations

import hmac
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import pbkdf2_hmac, sha256
from pathlib import Path
from struct import pack, unpack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server

SSL = pack("!ii", 8, 80877103)
PASSWORD = "correct horse"
END_POINT = b"p=tls-server-end-point,,"


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        yield opened


@contextmanager
def served(database: EmbeddedDatabase, files: Any, **options: Any) -> Iterator[RunningServer]:
    options = {"auth": "scram-sha-256", "users": {"me": PASSWORD}} | options
    with start_server(database, port=0, tls_cert=files.cert, tls_key=files.key, **options) as server:
        yield server


class Client:
    """Speaks SCRAM, and says what it is told to in place of what it should."""

    def __init__(self, server: RunningServer, *, encrypted: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        if encrypted:
            self.socket.sendall(SSL)
            assert self.socket.recv(1) == b"S"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        body = b"user\0me\0\0"
        self.socket.sendall(pack("!ii", len(body) + 8, 3 << 16) + body)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *problem: object) -> None:
        self.socket.close()

    def read(self) -> tuple[bytes, bytes]:
        head = self._exactly(5)
        kind, length = unpack("!ci", head)
        return kind, self._exactly(length - 4)

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self.socket.recv(size - len(found))
            if not piece:
                raise EOFError
            found += piece
        return found

    def send(self, body: bytes) -> None:
        self.socket.sendall(b"p" + pack("!i", len(body) + 4) + body)

    def offered(self) -> list[bytes]:
        """Return the mechanisms that the server offers."""
        kind, body = self.read()
        assert (kind, body[:4]) == (b"R", pack("!i", 10))
        return body[4:].rstrip(b"\0").split(b"\0")

    def exchange(
        self, mechanism: bytes, header: bytes, *, binding: bytes = b"", sent_header: bytes | None = None, **changes: Any
    ) -> tuple[bytes, bytes]:
        """Go through SCRAM; return the first message that is no challenge."""
        bare = b"n=,r=" + b"fyko+d2lbbFgONRv9qkxdawL"
        first = header + bare
        self.send(mechanism + b"\0" + pack("!i", len(first)) + first)
        kind, body = self.read()
        if (kind, body[:4]) != (b"R", pack("!i", 11)):
            return kind, body
        challenge = body[4:]
        nonce, salt, count = (part[2:] for part in challenge.split(b","))
        nonce = changes.get("nonce", nonce)
        bound = b64encode((header if sent_header is None else sent_header) + binding)
        without = changes.get("without", b"c=" + bound + b",r=" + nonce)
        salted = pbkdf2_hmac("sha256", PASSWORD.encode(), b64decode(salt), int(count))
        key = hmac.digest(salted, b"Client Key", "sha256")
        signed = b",".join((bare, challenge, without))
        signature = hmac.digest(sha256(key).digest(), signed, "sha256")
        proof = changes.get("proof", bytes(a ^ b for a, b in zip(key, signature, strict=True)))
        self.send(without + b",p=" + b64encode(proof + changes.get("more", b"")))
        kind, body = self.read()
        if (kind, body[:4]) == (b"R", pack("!i", 12)):
            server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
            assert body[4:] == b"v=" + b64encode(server)
            return self.read()
        return kind, body


def digest_of(files: Any) -> bytes:
    return sha256(ssl.PEM_cert_to_DER_cert(Path(files.cert).read_text())).digest()


ACCEPTED = (b"R", pack("!i", 0))


def test_what_is_offered(database: EmbeddedDatabase, authority: Any) -> None:
    files = authority.sign("server")
    with served(database, files) as server:
        with Client(server, encrypted=True) as client:
            assert client.offered() == [b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"]
            assert client.exchange(b"SCRAM-SHA-256-PLUS", END_POINT, binding=digest_of(files)) == ACCEPTED
        with Client(server, encrypted=False) as client:
            assert client.offered() == [b"SCRAM-SHA-256"]
            assert client.exchange(b"SCRAM-SHA-256", b"y,,") == ACCEPTED
        with Client(server, encrypted=True) as client:
            assert client.offered()
            assert client.exchange(b"SCRAM-SHA-256", b"n,,") == ACCEPTED


def test_a_client_that_was_shown_another_offer_is_refused(database: EmbeddedDatabase, authority: Any) -> None:
    with served(database, authority.sign("server")) as server, Client(server, encrypted=True) as client:
        client.offered()
        kind, body = client.exchange(b"SCRAM-SHA-256", b"y,,")
        assert kind == b"E"
        assert b"C08P01\0" in body
        assert b"SCRAM channel binding negotiation error" in body


def test_a_proof_for_another_certificate_is_refused(database: EmbeddedDatabase, authority: Any, tmp_path: Path) -> None:
    files = authority.sign("server")
    for binding in (
        digest_of(authority.sign("between")),
        b"",
        b"\0" * 32,
        digest_of(files)[:-1],
        digest_of(files) + b"x",
    ):
        with served(database, files) as server, Client(server, encrypted=True) as client:
            client.offered()
            assert client.exchange(b"SCRAM-SHA-256-PLUS", END_POINT, binding=binding)[0] == b"E"


@pytest.mark.parametrize(
    ("mechanism", "header", "sent_header"),
    [
        (b"SCRAM-SHA-256-PLUS", b"n,,", None),
        (b"SCRAM-SHA-256-PLUS", b"y,,", None),
        (b"SCRAM-SHA-256-PLUS", b"p=tls-unique,,", None),
        (b"SCRAM-SHA-256", END_POINT, None),
        (b"SCRAM-SHA-256", b"n,,", b"y,,"),
        (b"SCRAM-SHA-256-PLUS", END_POINT, b"n,,"),
        (b"SCRAM-SHA-1", b"n,,", None),
        (b"PLAIN", b"", None),
        (b"", b"", None),
        (b"SCRAM-SHA-256", b"n,a=helios,", None),
        (b"SCRAM-SHA-256", b"n,,m=1,", None),
        (b"SCRAM-SHA-256", b"", None),
    ],
)
def test_mechanism_and_binding_go_together(
    database: EmbeddedDatabase, authority: Any, mechanism: bytes, header: bytes, sent_header: bytes | None
) -> None:
    files = authority.sign("server")
    with served(database, files) as server, Client(server, encrypted=True) as client:
        client.offered()
        kind, body = client.exchange(mechanism, header, binding=digest_of(files), sent_header=sent_header)
        assert kind == b"E"
        assert b"C08P01\0" in body or b"C0A000\0" in body


def test_plus_is_not_for_lines_in_plain_text(database: EmbeddedDatabase, authority: Any) -> None:
    files = authority.sign("server")
    with served(database, files) as server, Client(server, encrypted=False) as client:
        client.offered()
        assert client.exchange(b"SCRAM-SHA-256-PLUS", END_POINT, binding=digest_of(files))[0] == b"E"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": b"fyko+d2lbbFgONRv9qkxdawL"},
        {"nonce": b"another"},
        {"without": b"c=biws"},
        {"without": b""},
        {"without": b"r=x,c=biws"},
        {"proof": b""},
        {"proof": b"\0" * 32},
        {"proof": b"\0" * 31},
        {"more": b"\0"},
        {"proof": b"\0" * 64},
    ],
)
def test_final_messages_that_prove_nothing(database: EmbeddedDatabase, authority: Any, changes: Any) -> None:
    with served(database, authority.sign("server")) as server, Client(server, encrypted=False) as client:
        client.offered()
        kind, body = client.exchange(b"SCRAM-SHA-256", b"n,,", **changes)
        assert kind == b"E"
        assert b"C08P01\0" in body or b"C28P01\0" in body


def test_what_is_recorded_is_good_for_nothing(database: EmbeddedDatabase, authority: Any) -> None:
    with served(database, authority.sign("server")) as server:
        challenges = set()
        for _ in range(5):
            with Client(server, encrypted=False) as client:
                client.offered()
                first = b"n,,n=,r=same"
                client.send(b"SCRAM-SHA-256\0" + pack("!i", len(first)) + first)
                challenges.add(client.read()[1])
        assert len(challenges) == 5


def test_names_that_do_not_exist_are_challenged_like_others(database: EmbeddedDatabase, authority: Any) -> None:
    with served(database, authority.sign("server")) as server:
        salts = []
        for user in (b"me", b"nobody", b"nobody", b"nobody2"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
                body = b"user\0" + user + b"\0\0"
                client.sendall(pack("!ii", len(body) + 8, 3 << 16) + body)
                client.recv(1000)
                first = b"n,,n=,r=x"
                answer = b"SCRAM-SHA-256\0" + pack("!i", len(first)) + first
                client.sendall(b"p" + pack("!i", len(answer) + 4) + answer)
                said = client.recv(1000)[9:].split(b",")
                salts.append((len(b64decode(said[1][2:])), said[1], said[2]))
        assert [size for size, _, _ in salts] == [16] * 4
        assert salts[1] == salts[2] != salts[3]
        assert {count for _, _, count in salts} == {b"i=4096"}


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text("nyp=,rac\0é", max_size=30).map(str.encode)), st.binary(max_size=60))
def test_any_other_words_are_refused(scram_server: RunningServer, first: bytes, final: bytes) -> None:
    with Client(scram_server, encrypted=False) as client, suppress(EOFError, ConnectionError):
        client.offered()
        client.send(b"SCRAM-SHA-256\0" + pack("!i", len(first)) + first)
        kind, body = client.read()
        if kind == b"R":
            assert body[:4] == pack("!i", 11)
            client.send(final)
            kind, body = client.read()
        assert kind == b"E"
        assert b"XX000" not in body


@pytest.fixture(scope="module")
def scram_server(database: EmbeddedDatabase) -> Iterator[RunningServer]:
    with start_server(database, port=0, auth="scram-sha-256", users={"me": PASSWORD}) as server:
        yield server


# -- TLS ---------------------------------------------------------------------------------------------------------------


def test_who_must_encrypt_is_not_let_in_without(database: EmbeddedDatabase, authority: Any) -> None:
    with served(database, authority.sign("server"), tls_required=True) as server:
        with Client(server, encrypted=False) as client:
            kind, body = client.read()
            assert kind == b"E"
            assert b"C28000\0" in body
            assert b"no encryption" in body
        with Client(server, encrypted=True) as client:
            client.offered()


def test_what_is_said_before_encryption_is_not_heard_behind_it(database: EmbeddedDatabase, authority: Any) -> None:
    body = b"user\0me\0\0"
    startup = pack("!ii", len(body) + 8, 3 << 16) + body
    with served(database, authority.sign("server")) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(SSL + startup)  # in one packet: the request, and words slipped in behind it
            found = b""
            with suppress(ConnectionError):
                while piece := client.recv(4096):
                    found += piece
            assert b"received unencrypted data after SSL request" in found
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
                client.sendall(SSL)
                client.sendall(startup)  # at any time before the handshake
                found = b""
                with suppress(ConnectionError):
                    while piece := client.recv(4096):
                        found += piece
                assert b"SCRAM" not in found


def test_encryption_is_asked_for_once(database: EmbeddedDatabase, authority: Any) -> None:
    with served(database, authority.sign("server")) as server:
        client = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        client.sendall(SSL)
        assert client.recv(1) == b"S"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(client) as encrypted:
            encrypted.sendall(SSL)
            assert b"C0A000\0" in encrypted.recv(4096)
