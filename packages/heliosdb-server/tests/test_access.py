"""Rules for who may come in: the first that fits decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb_server import start_server
from heliosdb_server.access import address_of, read_rules
from heliosdb_server.authentication import METHODS
from heliosdb_server.options import config_fields


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        yield opened


def decided(lines: Any, user: str = "me", database: str = "app", address: str = "10.1.2.3", tls: bool = False) -> str:
    """Return the method of the rule that decides, "" for none."""
    found = (r.method for r in read_rules(lines) if r.fits(user, database, address_of(address), tls))
    return next(found, "")


FILE = """
# TYPE    DATABASE        USER            ADDRESS                 METHOD
hostssl   all             root            all                     scram-sha-256
host      all             root            all                     reject   # never in plain text
host      app,"all", two  me              10.0.0.0/8              md5
host      sameuser        all             192.168.1.0 255.255.255.0  password
host      all             "all"           ::1/128                 trust
hostnossl all             all             2001:db8::/32           trust
"""


@pytest.mark.parametrize(
    ("who", "method"),
    [
        ({"user": "root", "tls": True}, "scram-sha-256"),
        ({"user": "root"}, "reject"),
        ({}, "md5"),
        ({"database": "all"}, "md5"),
        ({"database": "two"}, "md5"),
        ({"database": "three"}, ""),
        ({"user": "you"}, ""),
        ({"address": "11.0.0.1"}, ""),
        ({"address": "::ffff:10.9.9.9"}, "md5"),
        ({"address": "192.168.1.77", "user": "x", "database": "x"}, "password"),
        ({"address": "192.168.1.77", "user": "x", "database": "y"}, ""),
        ({"address": "192.168.2.77", "user": "x", "database": "x"}, ""),
        ({"address": "::1"}, ""),
        ({"address": "::1", "user": "all"}, "trust"),
        ({"address": "2001:db8::7%eth0"}, "trust"),
        ({"address": "2001:db8::7", "tls": True}, ""),
    ],
)
def test_the_first_rule_that_fits_decides(who: dict[str, Any], method: str) -> None:
    assert decided(FILE, **who) == method


def test_tables_say_what_lines_say() -> None:
    table = {"type": "hostssl", "user": ["me", "you"], "address": ["10.0.0.0/8", "::1"], "method": "certificate"}
    (made,) = read_rules([table])
    (other,) = read_rules(["hostssl all me,you 10.0.0.0/8 cert"])
    assert (made.method, made.users, made.client_certificate) == (other.method, other.users, "verify-full")
    assert [str(network) for network in made.networks or ()] == ["10.0.0.0/8", "::1/128"]
    assert decided([table, "host all all all reject"], tls=True, user="you", address="::1") == "cert"
    assert decided([table, "host all all all reject"], tls=True, user="they", address="::1") == "reject"


@pytest.mark.parametrize(
    ("given_rules", "message"),
    [
        ("", "no rule"),
        ([], "no rule"),
        (7, "must be a list"),
        ([7], "rule 1 of hba: it must be a line or a table"),
        (["host all all"], "there is no address"),
        (["host all all 10.0.0.0/8"], "there is no method"),
        (["host all all all trust", "remote all all all trust"], 'rule 2 of hba: there is no type "remote"'),
        (["host all all 10.0.0.1/8 trust"], "host bits set"),
        (["host all all example.com trust"], "names of hosts are not looked up"),
        (["host all all 10.0.0.0 255.0.255.0 trust"], "invalid address"),
        (["host all all all guess"], 'no authentication method "guess"'),
        (["host all all all trust really"], "is not name=value"),
        (["host all all all trust really=yes"], "really"),
        (["host all all all trust a=1 a=2"], "a is there twice"),
        (['host all "me all trust'], "quote that does not end"),
        ([{"method": "trust", "user": ","}], "user must be a name"),
        ([{"method": "trust", "user": 7}], "user must be a name"),
        ([{"method": "trust", "colour": ["red"]}], "colour"),
        ([{"user": "me"}], "method"),
        ([{"method": "trust", "address": []}], "no address"),
        (["hostssl all all all trust clientcert=maybe"], 'clientcert: "maybe"'),
        (["host all all all trust clientcert=verify-ca"], "rules of type hostssl"),
        (["host all all all cert"], "rules of type hostssl"),
    ],
)
def test_rules_that_make_no_sense_are_refused(given_rules: Any, message: str) -> None:
    with pytest.raises(InvalidParameterValue) as failure:
        read_rules(given_rules)
    assert message in f"{failure.value.message} {failure.value.hint}"


@pytest.mark.parametrize(
    "line",
    [
        "local all all all trust",
        "host +staff all all trust",
        "host all @file all trust",
        "host all all samenet trust",
    ],
)
def test_what_only_postgresql_can_is_refused(line: str) -> None:
    with pytest.raises(FeatureNotSupported):
        read_rules([line])


@given(st.lists(st.text(max_size=40), max_size=3))
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    with suppress(InvalidParameterValue, FeatureNotSupported):
        for found in read_rules(lines):
            assert found.method in METHODS
            found.fits("me", "app", ip_address("::1"), True)


def test_clients_are_told_why_they_are_refused(database: EmbeddedDatabase) -> None:
    rules = ["host all bad all reject", "host app,me helios 127.0.0.0/8 trust"]
    with start_server(database, port=0, hba=rules) as server:
        with psycopg.connect(f"{server.url}app?user=helios") as client:
            assert client.execute("SELECT 1").fetchone() == (1,)
        for user, name, message in (
            ("bad", "app", 'rejects connection for host "127.0.0.1", user "bad", database "app", no encryption'),
            ("me", "app", 'no pg_hba.conf entry for host "127.0.0.1", user "me", database "app", no encryption'),
        ):
            with pytest.raises(psycopg.OperationalError, match=message):
                psycopg.connect(f"{server.url}{name}?user={user}")


def test_members_of_a_role(database: EmbeddedDatabase) -> None:
    database.execute("CREATE ROLE staff; CREATE ROLE day IN ROLE staff; CREATE ROLE ann LOGIN IN ROLE day")
    database.execute('CREATE ROLE bob LOGIN; CREATE ROLE "+staff" LOGIN; CREATE ROLE root LOGIN SUPERUSER')
    rules = ["host shop +staff all trust", "host samerole all all trust", 'host plus "+staff" all trust']
    allowed = {
        ("shop", "ann"), ("staff", "ann"), ("day", "ann"), ("ann", "ann"), ("bob", "bob"), ("root", "root"),
        ("plus", "+staff"),
    }  # fmt: skip
    with start_server(database, port=0, hba=rules) as server:
        for name in ("shop", "staff", "day", "ann", "bob", "root", "plus"):
            for user in ("ann", "bob", "root", "+staff", "nobody"):
                where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "dbname": name, "user": user}
                if (name, user) in allowed:
                    psycopg.connect(**where).close()
                else:
                    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry"):
                        psycopg.connect(**where)


def test_addresses_that_may_come(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0, allowed_ips=["192.168.1.0/24", "127.0.0.1"]) as server:
        psycopg.connect(f"{server.url}app?user=helios").close()
    with start_server(database, port=0, allowed_ips=["192.168.1.0/24"]) as server:
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry for host"):
            psycopg.connect(f"{server.url}app?user=helios")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "example.com", "0", "127.1"])
@pytest.mark.parametrize("rules", [{}, {"hba": ["host all me 10.0.0.0/8 trust"]}, {"allowed_ips": ["10.0.0.1"]}])
def test_who_trusts_strangers_does_not_listen_to_them(database: EmbeddedDatabase, host: str, rules: Any) -> None:
    with pytest.raises(InvalidParameterValue, match="trusts everybody does not listen") as failure:
        start_server(database, port=0, host=host, **rules)
    assert "127.0.0.1" in str(failure.value.hint)


def test_a_name_for_this_machine_is_looked_at_when_it_listens(
    database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heliosdb_server import config

    monkeypatch.setattr(config, "_is_loopback", lambda host: True)  # as though 0.0.0.0 were a name that means it
    with pytest.raises(InvalidParameterValue, match="trusts everybody does not listen"):
        start_server(database, port=0, host="0.0.0.0")


def test_trust_for_this_machine_alone_may_listen_everywhere(database: EmbeddedDatabase) -> None:
    rules = ["host all all 127.0.0.1/32 trust", "host all all ::1/128 trust", "host all all all reject"]
    with start_server(database, port=0, host="0.0.0.0", hba=rules) as server:
        psycopg.connect(f"host=127.0.0.1 port={server.port} user=helios dbname=app").close()


def test_the_configuration_has_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.conf"
    rules.write_text("host all all 127.0.0.1/32 trust\n")
    assert config_fields({"server.hba_file": str(rules)}) == {"hba": "host all all 127.0.0.1/32 trust\n"}
    options = {"server.hba": [{"method": "reject"}], "server.allowed_ips": ["::1"], "server.tls_required": True}
    assert config_fields(options) == {"hba": [{"method": "reject"}], "allowed_ips": ["::1"], "tls_required": True}
    for wrong in (
        {"server.hba_file": str(tmp_path / "nowhere")},
        {"server.hba_file": str(rules), "server.hba": []},
        {"server.hba": "host all all all trust"},
        {"server.tls_required": "yes"},
        {"server.max_message_size": True},
    ):
        with pytest.raises(InvalidParameterValue):
            config_fields(wrong)


@pytest.mark.parametrize("short", [{"auth": "trust"}, {"allowed_ips": ["::1"]}])
def test_rules_and_the_short_way_contradict_each_other(database: EmbeddedDatabase, short: Any) -> None:
    with pytest.raises(InvalidParameterValue, match="contradict"):
        start_server(database, hba=["host all all all trust"], **short)
