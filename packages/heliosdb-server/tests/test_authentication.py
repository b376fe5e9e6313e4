"""Who may connect, and how they show it."""

from __future__ import annotations

import hmac
import os
import signal
import socket
import ssl
import warnings
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from hashlib import md5, sha256
from pathlib import Path
from struct import pack, unpack
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue, IoError
from heliosdb.passwords import scram_verifier
from heliosdb_server import RunningServer, ServerConfig, start_server, verifier
from server_processes import ServerProcess, run

SECRET = "correct horse é"


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        opened.execute("CREATE ROLE me LOGIN")
        yield opened


@pytest.mark.parametrize("auth", ["scram-sha-256", "password"])
@pytest.mark.parametrize("kept", [SECRET, verifier(SECRET)])
def test_the_right_password_lets_in_and_no_other(database: EmbeddedDatabase, auth: str, kept: str) -> None:
    with start_server(database, port=0, auth=auth, users={"app": kept}) as server:
        where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "dbname": "app"}
        said = []
        for user, password in (("app", "wrong"), ("nobody", SECRET), ("app", " ")):
            with pytest.raises(psycopg.OperationalError) as failure:
                psycopg.connect(**where, user=user, password=password)
            said.append(str(failure.value).replace(user, "?").splitlines()[0])
        assert said == [said[0]] * 3
        assert "password authentication failed" in said[0]
        assert server.get_status().active_connections == 0
        with psycopg.connect(**where, user="app", password=SECRET) as client:
            assert client.execute("SELECT current_user").fetchone() == ("app",)


def test_a_verifier_agrees_with_the_exchange_that_rfc_7677_prints() -> None:
    made = scram_verifier("pencil", salt=b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), iterations=4096)
    head, keys = made.rsplit("$", 1)
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    stored, server = map(b64decode, keys.split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    said = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}".encode()
    proof = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, said, "sha256"), strict=True))
    assert sha256(key).digest() == stored
    signature = b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert hmac.digest(server, said, "sha256") == signature


def test_a_verifier_does_not_hold_the_password_and_is_never_the_same() -> None:
    assert SECRET not in verifier(SECRET)
    assert verifier(SECRET) != verifier(SECRET)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "0.0.0.0"}, "trusts everybody does not listen"),
        ({"auth": "guess"}, 'no authentication method "guess"'),
        ({"auth": "scram-sha-256"}, "no role has a password"),
        ({"hba": ["host all me all md5", "host all all all reject"]}, "no role has a password"),
        ({"superuser_reserved_connections": 100}, "must be less than max_connections"),
        ({"tls_cert": "x"}, "belong together"),
        ({"tls_required": True}, "needs tls_cert"),
        ({"tls_ca": "x"}, "needs tls_cert"),
        ({"tls_min_version": "TLSv1.1"}, 'tls_min_version: "TLSv1.1"'),
        ({"auth": "cert"}, "need tls_cert"),
        ({"hba": ["hostssl all all all scram-sha-256"], "users": {"me": "x"}}, "need tls_cert"),
        ({"auth": "cert", "tls_cert": "x", "tls_key": "x"}, "need tls_ca"),
        ({"auth": "password", "users": {"app": ""}}, "is empty"),
        ({"allowed_ips": "::1"}, "must be a list"),
        ({"tls_cert": "/nowhere", "tls_key": "/nowhere"}, "cannot use nowhere"),
        ({"port": 1 << 16}, "out of range"),
        ({"max_connections": 0}, "must be positive"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused(database: EmbeddedDatabase, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        start_server(database, **options)


def test_passwords_are_shown_nowhere() -> None:
    assert SECRET not in repr(ServerConfig(auth="password", users={"app": SECRET}))


def test_a_port_that_is_taken_is_an_error(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0) as server, pytest.raises(IoError, match=f"127.0.0.1:{server.port}"):
        start_server(database, port=server.port)


def test_no_more_clients_than_may_be(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0, max_connections=2) as server:
        clients = [psycopg.connect(f"{server.url}app?user=helios") for _ in range(2)]
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(f"{server.url}app?user=helios")
        for client in clients:
            client.close()


def test_encrypted_connections(database: EmbeddedDatabase, authority: Any) -> None:
    cert, key = authority.sign("server")
    with start_server(database, port=0, tls_cert=cert, tls_key=key, tls_required=True) as server:
        with psycopg.connect(encrypted(server, sslmode="verify-full", sslrootcert=authority.file)) as client:
            assert client.pgconn.ssl_in_use
            assert client.execute("SELECT sum(g) FROM generate_series(1, 100000) g").fetchone() == (5000050000,)
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry .* no encryption"):
            psycopg.connect(f"{server.url}app?user=helios&sslmode=disable")


def encrypted(server: RunningServer, **options: str) -> str:
    """Return where a client connects, by a name that the certificate has."""
    stated = {"user": "me", "dbname": "app", "sslmode": "require"} | options
    return f"host=localhost hostaddr=127.0.0.1 port={server.port} " + " ".join(f"{k}='{v}'" for k, v in stated.items())


@pytest.mark.parametrize(("kind", "digest"), [("ec", "SHA256"), ("ec", "SHA384"), ("rsa", "SHA512")])
def test_a_proof_is_bound_to_the_certificate(
    database: EmbeddedDatabase, authority: Any, kind: str, digest: str
) -> None:
    cert, key = authority.sign("server", kind=kind, digest=digest)
    tls = {"tls_cert": cert, "tls_key": key}
    with start_server(database, port=0, auth="scram-sha-256", users={"me": SECRET}, **tls) as server:
        for binding in ("require", "prefer", "disable"):
            psycopg.connect(encrypted(server, password=SECRET, channel_binding=binding)).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(encrypted(server, password="wrong", channel_binding="require"))
        with pytest.raises(psycopg.OperationalError, match="channel binding"):
            psycopg.connect(encrypted(server, password=SECRET, channel_binding="require", sslmode="disable"))


def test_md5_and_what_is_kept_for_it(database: EmbeddedDatabase) -> None:
    users = {"old": "md5" + md5(f"{SECRET}old".encode()).hexdigest(), "new": verifier(SECRET)}
    asked = []
    with start_server(database, port=0, auth="md5", users=users) as server:
        for user in ("old", "new", "nobody"):
            where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "dbname": "app", "user": user}
            asked.append(first_question(server, user))
            if user in users:
                with psycopg.connect(**where, password=SECRET) as client:
                    assert client.execute("SELECT current_user").fetchone() == (user,)
            with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{user}"'):
                psycopg.connect(**where, password="wrong")
    assert asked == [5, 10, 10]
    for auth in ("scram-sha-256", "password"):
        with start_server(database, port=0, auth=auth, users=users) as server:
            connect = partial(psycopg.connect, host="127.0.0.1", port=server.port, dbname="app", user="old")
            if auth == "password":
                connect(password=SECRET).close()
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                connect(password=SECRET if auth == "scram-sha-256" else "wrong")


def first_question(server: RunningServer, user: str) -> int:
    """Return the code of the authentication that the server asks for first."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        body = b"\0\3\0\0user\0" + user.encode() + b"\0\0"
        client.sendall(pack("!i", len(body) + 4) + body)
        kind, _, code = unpack("!cii", client.recv(9))
    assert kind == b"R"
    return int(code)


def test_certificates_of_clients(database: EmbeddedDatabase, authority: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    stranger = type(authority)(tmp_path / "elsewhere").sign("me")
    cert, key = authority.sign("server")
    mine, late = authority.sign("me"), authority.sign("late", days=-1)
    tls = {"tls_cert": cert, "tls_key": key, "tls_ca": authority.file}
    with start_server(database, port=0, auth="certificate", **tls) as server:
        for files, user, message in (
            (mine, "me", None),
            (mine, "you", 'certificate authentication failed for user "you"'),
            (mine, "Me", "certificate authentication failed"),
            (None, "me", "connection requires a valid client certificate"),
            (stranger, "me", "SSL|closed|reset"),
            (late, "late", "SSL|closed|reset"),
        ):
            shown = {"sslcert": files.cert, "sslkey": files.key} if files else {"sslcert": str(tmp_path / "none")}
            where = encrypted(server, user=user, sslrootcert=authority.file, **shown)
            if message is None:
                psycopg.connect(where).close()
            else:
                with pytest.raises(psycopg.OperationalError, match=message):
                    psycopg.connect(where)
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry"):
            psycopg.connect(encrypted(server, sslmode="disable"))
    rules = [
        "hostssl all me all scram-sha-256 clientcert=verify-ca",
        "hostssl all all all trust clientcert=verify-full",
    ]
    with start_server(database, port=0, host="0.0.0.0", hba=rules, users={"me": SECRET}, **tls) as server:
        shown = {"sslcert": mine.cert, "sslkey": mine.key}
        psycopg.connect(encrypted(server, password=SECRET, **shown)).close()
        for options, message in (
            ({"password": "wrong", **shown}, "password authentication failed"),
            ({"password": SECRET, "sslcert": str(tmp_path / "none")}, "valid client certificate"),
            ({"user": "late", **shown}, "certificate authentication failed"),
        ):
            with pytest.raises(psycopg.OperationalError, match=message):
                psycopg.connect(encrypted(server, **options))


def test_versions_of_tls(database: EmbeddedDatabase, authority: Any) -> None:
    cert, key = authority.sign("server")
    with start_server(database, port=0, tls_cert=cert, tls_key=key, tls_min_version="TLSv1.3") as server:
        psycopg.connect(encrypted(server)).close()
        with pytest.raises(psycopg.OperationalError, match=r"SSL|closed|reset"):
            psycopg.connect(encrypted(server, ssl_max_protocol_version="TLSv1.2"))
    with start_server(database, port=0, tls_cert=cert, tls_key=key) as server:
        psycopg.connect(encrypted(server, ssl_max_protocol_version="TLSv1.2")).close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(pack("!ii", 8, 80877103))
            assert client.recv(1) == b"S"
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(client)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_key_that_others_can_read_is_refused(database: EmbeddedDatabase, authority: Any, mode: int) -> None:
    cert, key = authority.sign("server")
    os.chmod(key, mode)
    with pytest.raises(InvalidParameterValue, match="others than its owner"):
        start_server(database, port=0, tls_cert=cert, tls_key=key)


def test_a_key_with_a_passphrase_is_refused(database: EmbeddedDatabase, authority: Any) -> None:
    from cryptography.hazmat.primitives import serialization

    cert, key = authority.sign("server")
    plain = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    Path(key).write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"locked"),
        )
    )
    with pytest.raises(InvalidParameterValue, match="needs a passphrase"):
        start_server(database, port=0, tls_cert=cert, tls_key=key)


def test_other_spellings_of_options(database: EmbeddedDatabase, authority: Any) -> None:
    cert, key = authority.sign("server")
    options: dict[str, Any] = {"enable_ssl": True, "ssl_cert": cert, "ssl_key": key, "connection_timeout": 30}
    users = {"me": SECRET}
    addresses = ["127.0.0.0/8", "192.168.1.0/24"]
    with start_server(
        database, port=0, auth_method="password", users=users, allowed_ips=addresses, **options
    ) as server:
        psycopg.connect(encrypted(server, password=SECRET)).close()
    for wrong, message in (
        ({"enable_ssl": True}, "enable_ssl goes with"),
        ({"enable_ssl": False, "ssl_cert": cert, "ssl_key": key}, "enable_ssl goes with"),
        ({"auth": "trust", "auth_method": "password"}, "another name of auth"),
    ):
        with pytest.raises(InvalidParameterValue, match=message):
            start_server(database, port=0, **wrong)


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with ServerProcess(str(path), "--auth", "scram-sha-256", "--user", "app", password=SECRET) as process:
        with psycopg.connect(
            host="127.0.0.1", port=process.port, user="app", password=SECRET, dbname="app", autocommit=True
        ) as client:
            client.execute("CREATE TABLE t AS SELECT 1 AS a")
            process.process.send_signal(signal.SIGINT)
            assert process.ended()[0] == 0
            with pytest.raises(psycopg.errors.AdminShutdown):
                client.execute("SELECT 1")
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT a FROM t") == [(1,)]
    (tmp_path / "heliosdb.toml").write_text('[server]\nport = 1\nlisten_addr = "127.0.0.1"\nmax_connections = 1\n')
    with ServerProcess("--memory", "--config", str(tmp_path / "heliosdb.toml")) as process:
        with psycopg.connect(process.url), pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(process.url)
        process.process.send_signal(signal.SIGINT)
        assert process.ended()[0] == 0
    nowhere = str(tmp_path / "not made")
    for arguments, status, message in (
        ([], 2, "give PATH"),
        (["x", "--memory"], 2, "give one of PATH"),
        (["--memory", "--user", "x"], 2, "needs a password"),
        ([nowhere, "--listen", "0.0.0.0"], 1, "trusts everybody does not listen"),
    ):
        done = run("start", *arguments)
        assert done.returncode == status
        assert message in done.stderr
    assert not os.path.exists(nowhere)
