"""Who may connect, and how they show it."""

from __future__ import annotations

import hmac
import os
import signal
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue, IoError
from heliosdb_server import ServerConfig, start_server, verifier
from server_processes import ServerProcess, run

SECRET = "correct horse é"


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        yield opened


@pytest.mark.parametrize("auth", ["scram-sha-256", "password"])
@pytest.mark.parametrize("kept", [SECRET, verifier(SECRET)])
def test_the_right_password_lets_in_and_no_other(database: EmbeddedDatabase, auth: str, kept: str) -> None:
    with start_server(database, port=0, auth=auth, users={"app": kept}) as server:
        where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "dbname": "app"}
        with psycopg.connect(**where, user="app", password=SECRET) as client:
            assert client.execute("SELECT current_user").fetchone() == ("app",)
        said = []
        for user, password in (("app", "wrong"), ("nobody", SECRET), ("app", " ")):
            with pytest.raises(psycopg.OperationalError) as failure:
                psycopg.connect(**where, user=user, password=password)
            said.append(str(failure.value).replace(user, "?").splitlines()[0])
        assert said == [said[0]] * 3
        assert "password authentication failed" in said[0]
        assert server.get_status().active_connections == 0


def test_a_verifier_agrees_with_the_exchange_that_rfc_7677_prints() -> None:
    made = verifier("pencil", salt=b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), iterations=4096)
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
        ({"auth": "scram-sha-256"}, "needs users"),
        ({"auth": "password", "users": {"app": "SCRAM-SHA-256$broken"}}, "verifier of user"),
        ({"tls_cert": "x"}, "belong together"),
        ({"tls_required": True}, "needs tls_cert"),
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
        clients = [psycopg.connect(f"{server.url}app?user=me") for _ in range(2)]
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(f"{server.url}app?user=me")
        for client in clients:
            client.close()


def test_encrypted_connections(database: EmbeddedDatabase, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    with start_server(database, port=0, tls_cert=cert, tls_key=key, tls_required=True) as server:
        with psycopg.connect(
            f"{server.url}app?user=me&sslmode=verify-full&host=localhost&hostaddr=127.0.0.1", sslrootcert=cert
        ) as client:
            assert client.pgconn.ssl_in_use
            assert client.execute("SELECT sum(g) FROM generate_series(1, 100000) g").fetchone() == (5000050000,)
        with pytest.raises(psycopg.OperationalError, match="encrypted connections only"):
            psycopg.connect(f"{server.url}app?user=me&sslmode=disable")


def certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate for localhost, signed by itself."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(cert_file), str(key_file)


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
