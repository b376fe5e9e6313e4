"""Methods of other packages: entry points of the group ``heliosdb.authenticators``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue
from heliosdb_server import start_server

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "authentication.md"


@pytest.fixture
def turnstile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Install the method that the guide shows; its word is "open sesame"."""
    (code,) = re.findall(r"^```python\n(import hmac\n.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "turnstile.py").write_text(code)
    installed = tmp_path / "turnstile-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: turnstile\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[heliosdb.authenticators]\nturnstile = turnstile:Turnstile\n")
    (tmp_path / "word").write_text("open sesame\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield str(tmp_path / "word")
    sys.modules.pop("turnstile", None)


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        yield opened


def test_a_method_of_another_package(database: EmbeddedDatabase, turnstile: str) -> None:
    with start_server(database, port=0, hba=[f'host all all all turnstile word_file="{turnstile}"']) as server:
        with psycopg.connect(f"{server.url}app?user=helios", password="open sesame") as client:
            assert client.execute("SELECT current_user").fetchone() == ("helios",)
        for password, message in (
            ("sesame", 'password authentication failed for user "helios"'),
            ("", "fe_sendauth: no password supplied|empty password"),
        ):
            with pytest.raises(psycopg.OperationalError, match=message):
                psycopg.connect(f"{server.url}app?user=helios", password=password)


def test_a_method_that_breaks_lets_nobody_in(database: EmbeddedDatabase, turnstile: str) -> None:
    Path(turnstile).unlink()
    with start_server(database, port=0, hba=[f"host all all all turnstile word_file={turnstile}"]) as server:
        with pytest.raises(psycopg.OperationalError, match='turnstile authentication failed for user "helios"'):
            psycopg.connect(f"{server.url}app?user=helios", password="open sesame")
        assert server.get_status().active_connections == 0


@pytest.mark.parametrize(
    ("options", "message"), [("", "missing a required argument"), ("word_file=x colour=red", "colour")]
)
def test_options_are_looked_at_when_the_server_is_configured(
    database: EmbeddedDatabase, turnstile: str, options: str, message: str
) -> None:
    with pytest.raises(InvalidParameterValue, match=f"rule 1 of hba: .*{message}"):
        start_server(database, port=0, hba=[f"host all all all turnstile {options}"])


def test_methods_there_are_none_of(database: EmbeddedDatabase) -> None:
    with pytest.raises(InvalidParameterValue, match='there is no authentication method "turnstile"') as failure:
        start_server(database, port=0, auth="turnstile")
    assert "scram-sha-256" in str(failure.value.hint)
