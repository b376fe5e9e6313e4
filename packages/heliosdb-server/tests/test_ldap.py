"""The method ldap, against a directory in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb_server import start_server

pytest.importorskip("ldap3", reason="the extra ldap is not installed")
pytest.importorskip("ldaptor", reason="there is no directory to ask")


@contextmanager
def directory(*files: str) -> Iterator[int]:
    """Run a directory; give its port."""
    command = [sys.executable, str(Path(__file__).with_name("ldap_server.py")), *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with directory() as found:
        yield found


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        opened.execute('CREATE ROLE alice LOGIN; CREATE ROLE bob; CREATE ROLE "all@example.org" LOGIN')
        yield opened


def answers(database: EmbeddedDatabase, tried: list[tuple[str, str]], **options: Any) -> list[str]:
    """Return for names and passwords whether they were let in ("in"), else what was said, without the name."""
    found = []
    rule = {"method": "ldap", "ldapserver": "127.0.0.1", **options}
    with start_server(database, port=0, hba=[rule]) as server:
        for user, password in tried:
            try:
                where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "dbname": "app"}
                with psycopg.connect(**where, user=user, password=password) as client:
                    assert client.execute("SELECT current_user").fetchone() == (user,)
                found.append("in")
            except psycopg.OperationalError as error:
                found.append(str(error).partition("FATAL:  ")[2].replace(f'"{user}"', "?").strip())
    return found


REFUSED = "LDAP authentication failed for user ?"

TRIED = [
    ("alice", "wonderland"),
    ("alice", "wrong"),
    ("nobody", "wonderland"),
    ("alice,ou=people", "wonderland"),
    ("*", "wonderland"),
    ("al*", "wonderland"),
    ("alice)(uid=*", "wonderland"),
    ("alice+cn=Alice", "wonderland"),
    ("Alice\\", "wonderland"),
    ('"', "wonderland"),
]


def test_a_name_is_bound_as_it_is(database: EmbeddedDatabase, port: int) -> None:
    around = {"ldapprefix": "uid=", "ldapsuffix": ",ou=people,dc=org", "ldapport": port}
    assert answers(database, TRIED, **around) == ["in"] + [REFUSED] * (len(TRIED) - 1)


@pytest.mark.parametrize("reader", [{}, {"ldapbinddn": "cn=reader,dc=org", "ldapbindpasswd": "read only"}])
def test_an_entry_is_searched(database: EmbeddedDatabase, port: int, reader: dict[str, str]) -> None:
    said = answers(database, TRIED, ldapbasedn="dc=org", ldapport=str(port), **reader)
    assert said == ["in"] + [REFUSED] * (len(TRIED) - 1)


def test_two_entries_are_nobody(database: EmbeddedDatabase, port: int) -> None:
    mail = {"ldapbasedn": "dc=org", "ldapsearchattribute": "mail", "ldapport": port}
    assert answers(database, [("all@example.org", "wonderland")], **mail) == [REFUSED]


def test_no_password_is_not_an_anonymous_visit(database: EmbeddedDatabase, port: int) -> None:
    import socket
    from struct import pack

    rule = f"host all all all ldap ldapserver=127.0.0.1 ldapport={port} ldapbasedn=dc=org"
    with start_server(database, port=0, hba=[rule]) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(pack("!ii", 20, 3 << 16) + b"user\0alice\0\0" + b"p" + pack("!i", 5) + b"\0")
            client.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: client.recv(4096), b""))
    assert b"empty password returned by client" in said


def test_a_reader_that_the_directory_refuses_lets_nobody_in(database: EmbeddedDatabase, port: int) -> None:
    reader = {"ldapbinddn": "cn=reader,dc=org", "ldapbindpasswd": "wrong"}
    assert answers(database, TRIED[:1], ldapbasedn="dc=org", ldapport=port, **reader) == [REFUSED]


def test_a_directory_that_is_not_there_lets_nobody_in(database: EmbeddedDatabase) -> None:
    assert answers(database, TRIED[:1], ldapbasedn="dc=org", ldapport=1) == [REFUSED]


def test_the_directory_shows_a_certificate(database: EmbeddedDatabase, authority: Any, tmp_path: Path) -> None:
    cert, key = authority.sign("directory")
    (tmp_path / "other").mkdir()
    stranger = type(authority)(tmp_path / "other")
    with directory(cert, key) as port:
        secure = {"ldapserver": "localhost", "ldapscheme": "ldaps", "ldapport": port, "ldapbasedn": "dc=org"}
        assert answers(database, TRIED[:2], ldapcafile=authority.file, **secure) == ["in", REFUSED]
        assert answers(database, TRIED[:1], ldapcafile=stranger.file, **secure) == [REFUSED]
        other_name = secure | {"ldapserver": "127.0.0.1"}  # the certificate is for localhost
        assert answers(database, TRIED[:1], ldapcafile=authority.file, **other_name) == [REFUSED]


def test_a_directory_without_tls_gets_no_password(database: EmbeddedDatabase, port: int, authority: Any) -> None:
    tls = {"ldaptls": 1, "ldapcafile": authority.file}
    assert answers(database, TRIED[:1], ldapbasedn="dc=org", ldapport=port, **tls) == [REFUSED]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "needs ldapbasedn"),
        ("ldapbasedn=dc=org ldapprefix=uid=", "do not go with"),
        ("ldapbasedn=dc=org ldapbinddn=cn=reader", "belong together"),
        ("ldapprefix=uid= ldapbinddn=cn=reader ldapbindpasswd=x", "belong together"),
        ("ldapbasedn=dc=org ldapscheme=http", "ldapscheme"),
        ("ldapbasedn=dc=org ldaptls=2", "ldaptls"),
        ("ldapbasedn=dc=org ldaptls=1 ldapscheme=ldaps", "contradict"),
        ("ldapbasedn=dc=org ldapport=many", "many"),
        ("ldapbasedn=dc=org ldapcafile=x", "needs ldapscheme=ldaps"),
        ("ldapbasedn=dc=org ldaptls=1 ldapcafile=/nowhere", "invalid CA"),
        ("ldapbasedn=dc=org ldapurl=ldap://x", "ldapurl"),
    ],
)
def test_options_that_make_no_sense(database: EmbeddedDatabase, options: str, message: str) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        start_server(database, port=0, hba=[f"host all all all ldap ldapserver=127.0.0.1 {options}"])


def test_what_is_missing_is_named(database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ldap3", None)
    with pytest.raises(FeatureNotSupported) as failure:
        start_server(database, port=0, hba=["host all all all ldap ldapserver=x ldapbasedn=dc=org"])
    assert failure.value.hint == "pip install heliosdb-server[ldap]"
