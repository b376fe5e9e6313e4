"""The method oidc, against an issuer that signs tokens here."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from struct import pack, unpack
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb_server import RunningServer, oidc, start_server

jwt = pytest.importorskip("jwt", reason="the extra oidc is not installed")


class Issuer:
    """Signs tokens, and serves its document of discovery and its keys."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.asked: list[str] = []
        outer = self

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                page = outer.page(self.path)
                self.send_response(200 if page is not None else 404)
                self.end_headers()
                self.wfile.write(json.dumps(page).encode())

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.named = self.url
        self.add_key("first")
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add_key(self, name: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self.keys[name] = ec.generate_private_key(ec.SECP256R1())

    def page(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.named, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            to_jwk = jwt.algorithms.ECAlgorithm.to_jwk
            return {"keys": [to_jwk(k.public_key(), as_dict=True) | {"kid": n} for n, k in self.keys.items()]}
        return None

    def token(self, *, signed_by: str = "first", key: Any = None, algorithm: str = "ES256", **changes: Any) -> str:
        claims = {"iss": self.url, "aud": "heliosdb", "sub": "alice", "exp": time.time() + 600, "scope": "openid db"}
        said = {name: value for name, value in (claims | changes).items() if value is not None}
        return str(jwt.encode(said, key or self.keys[signed_by], algorithm, headers={"kid": signed_by}))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        opened.execute("CREATE ROLE alice LOGIN; CREATE ROLE al LOGIN")
        yield opened


def served(database: EmbeddedDatabase, issuer: Issuer, **options: str) -> RunningServer:
    rule = {"method": "oidc", "issuer": issuer.url, "audience": "heliosdb", **options}
    return start_server(database, port=0, hba=[rule])


def is_let_in(server: RunningServer, token: str, user: str = "alice") -> bool:
    try:
        with psycopg.connect(host="127.0.0.1", port=server.port, dbname="app", user=user, password=token) as client:
            assert client.execute("SELECT current_user").fetchone() == (user,)
        return True
    except psycopg.OperationalError as error:
        said = str(error)
    assert f'OIDC authentication failed for user "{user}"' in said
    return False


def test_a_token_of_the_issuer_lets_its_user_in(database: EmbeddedDatabase, issuer: Issuer) -> None:
    with served(database, issuer, scope="db") as server:
        assert is_let_in(server, issuer.token())
        assert is_let_in(server, issuer.token(aud=["other", "heliosdb"]))
        assert not is_let_in(server, issuer.token(), user="bob")
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_tokens_that_are_none_of_its(database: EmbeddedDatabase, issuer: Issuer) -> None:
    from cryptography.hazmat.primitives import serialization

    other = Issuer()
    public = issuer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    good = issuer.token()
    head, body, signature = good.split(".")
    forged = urlsafe_b64encode(json.dumps({"iss": issuer.url, "aud": "heliosdb", "sub": "root"}).encode()).decode()
    unsigned = urlsafe_b64encode(b'{"alg":"none","kid":"first"}').decode().rstrip("=")
    symmetric = urlsafe_b64encode(b'{"alg":"HS256","kid":"first"}').decode().rstrip("=")
    import hmac
    from hashlib import sha256

    confused = hmac.digest(pem, f"{symmetric}.{body}".encode(), sha256)
    tokens = [
        issuer.token(exp=time.time() - 3600),
        issuer.token(exp=None),
        issuer.token(nbf=time.time() + 3600),
        issuer.token(aud="other"),
        issuer.token(aud=None),
        issuer.token(iss=other.url),
        issuer.token(iss=None),
        issuer.token(sub=None),
        issuer.token(scope="openid"),
        issuer.token(scope=["db"]),
        issuer.token(key=other.keys["first"]),
        f"{head}.{forged}.{signature}",
        f"{unsigned}.{body}.",
        f"{symmetric}.{body}.{urlsafe_b64encode(confused).decode().rstrip('=')}",
        good[:-4],
        "no token",
        "a.b.c",
        "....",
        "é" * 100,
    ]
    other.server.shutdown()
    other.server.server_close()
    with served(database, issuer, scope="db") as server:
        assert [is_let_in(server, token) for token in tokens] == [False] * len(tokens)
        assert is_let_in(server, good)


def test_another_claim_is_the_name(database: EmbeddedDatabase, issuer: Issuer) -> None:
    with served(database, issuer, claim="preferred_username") as server:
        assert is_let_in(server, issuer.token(preferred_username="al"), user="al")
        assert not is_let_in(server, issuer.token())
        assert not is_let_in(server, issuer.token(preferred_username=["al"]), user="al")


def test_a_new_key_is_fetched_and_not_all_the_time(
    database: EmbeddedDatabase, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(database, issuer) as server:
        assert is_let_in(server, issuer.token())
        issuer.add_key("second")
        for _ in range(3):
            assert not is_let_in(server, issuer.token(signed_by="second"))  # fetched a moment ago
        assert issuer.asked.count("/keys") == 1
        monkeypatch.setattr(oidc, "PAUSE", 0)
        assert is_let_in(server, issuer.token(signed_by="second"))
        assert issuer.asked.count("/keys") == 2
        assert is_let_in(server, issuer.token())
        assert issuer.asked.count("/keys") == 2


def test_an_issuer_that_is_not_the_one_lets_nobody_in(database: EmbeddedDatabase, issuer: Issuer) -> None:
    issuer.named = "https://id.example.org"
    with served(database, issuer) as server:
        assert not is_let_in(server, issuer.token())


def test_an_issuer_that_is_gone_lets_nobody_in(database: EmbeddedDatabase, issuer: Issuer) -> None:
    token = issuer.token()
    with served(database, issuer) as server:
        issuer.server.shutdown()
        issuer.server.server_close()
        assert not is_let_in(server, token)


def bearer(server: RunningServer, *answers: bytes, mechanism: bytes = b"OAUTHBEARER") -> list[tuple[bytes, bytes]]:
    """Go through the exchange as alice: give what the server said, to its end or ReadyForQuery."""
    said = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client, client.makefile("rb") as stream:
        client.sendall(pack("!ii", 20, 3 << 16) + b"user\0alice\0\0")
        waiting = list(answers)
        while head := stream.read(5):
            kind, length = unpack("!ci", head)
            said.append((kind, stream.read(length - 4)))
            if kind == b"Z":
                break
            if kind == b"R" and said[-1][1][:4] in (pack("!i", 10), pack("!i", 11)) and waiting:
                answer = waiting.pop(0)
                if said[-1][1][:4] == pack("!i", 10):
                    answer = mechanism + b"\0" + pack("!i", len(answer)) + answer
                client.sendall(b"p" + pack("!i", len(answer) + 4) + answer)
    return said


def test_a_token_by_sasl(database: EmbeddedDatabase, issuer: Issuer) -> None:
    with served(database, issuer, exchange="oauthbearer", scope="db") as server:
        first, *rest = bearer(server, b"n,,\x01auth=Bearer " + issuer.token().encode() + b"\x01\x01")
        assert first == (b"R", pack("!i", 10) + b"OAUTHBEARER\0\0")
        assert rest[0] == (b"R", pack("!i", 0))
        assert rest[-1][0] == b"Z"
        for wrong in (b"n,,\x01auth=\x01\x01", b"n,,\x01host=x\x01auth=bearer no.to.ken\x01\x01"):
            _, told, end = bearer(server, wrong, b"\x01")
            assert told[1][:4] == pack("!i", 11)
            assert json.loads(told[1][4:]) == {
                "status": "invalid_token",
                "openid-configuration": f"{issuer.url}/.well-known/openid-configuration",
                "scope": "db openid",
            }
            assert end[0] == b"E"
            assert b'OIDC authentication failed for user "alice"' in end[1]


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n,,",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer x\x01",
        b"p=tls-unique,,\x01auth=Bearer x\x01\x01",
        b"n,a=root,\x01auth=Bearer x\x01\x01",
        b"n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01",
        b"n,,\x01auth=Bearer x\x01\x01rest",
        b"n,,\x01a1=x\x01auth=Bearer x\x01\x01",
    ],
)
def test_malformed_messages_are_refused(database: EmbeddedDatabase, issuer: Issuer, first: bytes) -> None:
    with served(database, issuer, exchange="oauthbearer") as server:
        assert b"C08P01\0" in bearer(server, first)[-1][1]
        assert b"C08P01\0" in bearer(server, first, mechanism=b"SCRAM-SHA-256")[-1][1]
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("issuer=https://id.example.org", "audience"),
        ("issuer=http://id.example.org audience=x", "not reached by https"),
        ("issuer=file:///etc/passwd audience=x", "not reached by https"),
        ("issuer=https:// audience=x", "not reached by https"),
        ("issuer=https://[ audience=x", "not reached by https"),
        ("issuer=https://id.example.org audience=x exchange=smoke", 'exchange: "smoke"'),
        ("issuer=https://id.example.org audience=x cafile=/nowhere", "cafile"),
        ("issuer=https://id.example.org audience=x algorithms=none", "algorithms"),
    ],
)
def test_options_that_make_no_sense(database: EmbeddedDatabase, options: str, message: str) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        start_server(database, port=0, hba=[f"host all all all oidc {options}"])


def test_what_is_missing_is_named(database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(FeatureNotSupported) as failure:
        start_server(database, port=0, hba=["host all all all oidc issuer=https://x.org audience=x"])
    assert failure.value.hint == "pip install heliosdb-server[oidc]"
