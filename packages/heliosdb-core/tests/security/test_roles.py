"""Roles outlive the process and go along with dumps, their passwords are shown nowhere, and sessions begin as them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from heliosdb.cli.repl import history
from heliosdb.database import Database
from heliosdb.dump import dump_script, restore
from heliosdb.errors import Error, InvalidParameterValue, ObjectInUse
from heliosdb.passwords import is_password
from heliosdb.session import Session
from heliosdb.sql.secrets import without_passwords

MAKE = """
CREATE ROLE ann LOGIN PASSWORD 'geheim' CONNECTION LIMIT 3 VALID UNTIL '2031-02-03 04:05:06+00' CREATEDB;
CREATE ROLE "Team \"\"X\"\"" NOINHERIT;
GRANT "Team \"\"X\"\"" TO ann WITH ADMIN OPTION;
GRANT pg_monitor TO "Team \"\"X\"\"";
ALTER ROLE ann SET search_path = a, "B c";
ALTER ROLE ann SET application_name = 'it''s';
COMMENT ON ROLE ann IS 'the first';
CREATE SCHEMA s AUTHORIZATION ann;
CREATE TABLE s.t (id serial PRIMARY KEY);
ALTER TABLE s.t OWNER TO ann;
CREATE VIEW s.v AS SELECT id FROM s.t;
ALTER TABLE s.v OWNER TO "Team \"\"X\"\"";
CREATE TYPE s.mood AS ENUM ('fine');
ALTER TYPE s.mood OWNER TO ann;
CREATE TABLE s.numbered (id int GENERATED ALWAYS AS IDENTITY);
GRANT SELECT ON s.numbered_id_seq TO ann;
GRANT SELECT, UPDATE ON s.numbered TO ann WITH GRANT OPTION;
GRANT INSERT ON s.numbered TO ann;
SET ROLE ann;
GRANT SELECT ON s.numbered TO "Team \"\"X\"\"";
GRANT USAGE ON SEQUENCE s.t_id_seq TO PUBLIC;
GRANT USAGE ON SCHEMA s TO "Team \"\"X\"\"";
REVOKE DELETE ON s.t FROM ann;
RESET ROLE;
REVOKE ALL ON s.v FROM "Team \"\"X\"\"";
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
"""

SHOWN = {
    "roles": "SELECT rolname, rolsuper, rolinherit, rolcreatedb, rolcanlogin, rolconnlimit, rolpassword, rolvaliduntil,"
    " shobj_description(oid, 'pg_authid') FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1",
    "settings": "SELECT rolname, rolconfig FROM pg_roles WHERE rolconfig IS NOT NULL",
    "members": "SELECT roleid::regrole::text, member::regrole::text, grantor::regrole::text, admin_option"
    " FROM pg_auth_members WHERE member::regrole::text !~ '^pg_' ORDER BY 1, 2",
    "owners": "SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 's'::regnamespace"
    " AND relowner <> 10 ORDER BY 1",
    "granted": "SELECT relname, relacl FROM pg_class WHERE relacl IS NOT NULL ORDER BY 1",
    "schemas": "SELECT nspname, pg_get_userbyid(nspowner), nspacl FROM pg_namespace ORDER BY 1",
    "types": "SELECT typname, pg_get_userbyid(typowner) FROM pg_type WHERE typname = 'mood'",
}


def made(database: Database) -> Session:
    session = database.session()
    for text in MAKE.replace("\\", "").split(";\n"):
        session.execute(text)
    return session


def shown(session: Session) -> dict[str, list[tuple[object, ...]]]:
    return {name: list(session.execute(query)[-1].rows) for name, query in SHOWN.items()}


def test_roles_outlive_the_process(tmp_path: Path) -> None:
    first = Database(str(tmp_path / "app.helio"), plugins=[])
    before = shown(made(first))
    first.close()
    second = Database(str(tmp_path / "app.helio"), plugins=[])
    try:
        assert shown(second.session()) == before
        assert before["owners"] == [
            ("t", "ann"), ("t_id_seq", "ann"), ("t_pkey", "ann"), ("v", 'Team "X"'),
        ]  # fmt: skip
        assert before["members"] == [
            ('"Team ""X"""', "ann", "helios", True),
            ("pg_monitor", '"Team ""X"""', "helios", False),
        ]
    finally:
        second.close()


def test_a_dump_has_the_roles_and_whose_everything_is() -> None:
    first, second = Database(plugins=[]), Database(plugins=[])
    before = shown(made(first))
    text = "".join(dump_script(first))
    assert "geheim" not in text
    report = restore(second, BytesIO(text.encode()))
    assert report.skipped == {}
    assert shown(second.session()) == before
    # Roles that are there stay as they are.
    for statement in ("DROP SCHEMA s CASCADE", "ALTER ROLE ann NOLOGIN"):
        second.session().execute(statement)
    assert restore(second, BytesIO(text.encode())).skipped == {"roles that are there": 2}
    assert second.login("ann").login is False  # type: ignore[union-attr]


def test_a_dump_of_one_table_has_no_roles() -> None:
    from heliosdb.dump import DumpOptions

    database = Database(plugins=[])
    made(database)
    assert "ROLE" not in "".join(dump_script(database, DumpOptions(tables=("s.t",))))


def test_a_server_is_told_what_it_has_to_know_of_a_role() -> None:
    database = Database(plugins=[])
    made(database)
    found = database.login("ann")
    assert found is not None
    assert (found.name, found.login, found.superuser, found.connection_limit) == ("ann", True, False, 3)
    assert found.valid_until == 1927857906.0
    assert found.verifier is not None
    assert is_password("geheim", "ann", found.verifier)
    assert found.verifier not in repr(found)
    assert found.verifier not in repr(database.session().catalog.roles["ann"])
    assert database.login("nobody") is None


def test_a_session_begins_as_a_role_with_its_settings() -> None:
    database = Database(plugins=[])
    made(database)
    session = database.session(user="ann", settings={"application_name": "given"})
    assert list(session.execute("SELECT current_user, session_user")[-1].rows) == [("ann", "ann")]
    assert session.show_setting("search_path") == 'a, "B c"'
    assert session.show_setting("application_name") == "given"
    session.execute("SET search_path = x")
    session.execute("RESET search_path")
    assert session.show_setting("search_path") == 'a, "B c"'
    role = database.login("ann").oid  # type: ignore[union-attr]
    assert database.sessions_of(role) == 1
    session.execute("DISCARD ALL")
    assert session.user == "ann"
    session.close()
    assert database.sessions_of(role) == 0


def test_a_session_keeps_its_role_when_that_is_renamed_and_another_takes_the_name() -> None:
    database = Database(plugins=[])
    root = database.session()
    root.execute("CREATE ROLE ann LOGIN")
    session = database.session(user="ann")
    root.execute("ALTER ROLE ann RENAME TO anna")
    root.execute("CREATE ROLE ann SUPERUSER")
    assert list(session.execute("SELECT current_user")[-1].rows) == [("anna",)]
    assert session.show_setting("is_superuser") == "off"


SECRETS = [
    "CREATE ROLE x PASSWORD 'geheim'",
    "create user x with encrypted password E'geh\\145im' login",
    "ALTER ROLE x PASSWORD $q$geheim$q$",
    "ALTER ROLE x /* of 'geh' */ PASSWORD /* here */ 'geheim'",
    "ALTER ROLE x PASSWORD 'ge'\n'heim'",
    "ALTER ROLE x PASSWORD 'geheim",
    "SELECT 1; ALTER ROLE x PASSWORD 'geheim'; SELECT 'password', 'x'",
]


@pytest.mark.parametrize("text", SECRETS)
def test_passwords_are_left_out_of_what_is_shown(text: str) -> None:
    seen = without_passwords(text)
    assert "heim" not in seen
    assert seen.startswith(text[:10])


@pytest.mark.parametrize("text", ["SELECT 'password'", "SELECT password FROM t WHERE a = 'x'", "SELECT 'x'"])
def test_other_texts_are_shown_as_they_are(text: str) -> None:
    assert without_passwords(text) == text


def test_no_password_is_seen_in_pg_stat_activity_or_kept_with_the_text() -> None:
    database = Database(plugins=[])
    session = database.session()
    seen: list[str] = []

    def note(notice: object) -> None:
        seen.append(session.current_query)

    session.on_notice = note
    session.execute("CREATE ROLE x PASSWORD 'geheim' SYSID 5")
    assert seen == ["CREATE ROLE x PASSWORD '********' SYSID 5"]
    assert not any("geheim" in text for text in database.statements._texts)


def test_the_shells_history_has_no_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOSDB_HISTORY", str(tmp_path / "history"))
    history().append_string("ALTER ROLE x PASSWORD 'geheim';")
    assert "ALTER ROLE x PASSWORD '********';" in (tmp_path / "history").read_text()


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("DROP ROLE ann, bob", ObjectInUse),
        ("DROP ROLE bob, current_user", InvalidParameterValue),
    ],
)
def test_of_several_roles_all_are_dropped_or_none(statement: str, error: type[Error]) -> None:
    database = Database(plugins=[])
    session = database.session()
    session.execute("CREATE ROLE ann SUPERUSER")
    session.execute("CREATE ROLE bob")
    session.execute("SET SESSION AUTHORIZATION ann")
    with pytest.raises(error):
        session.execute(statement)
    assert {"ann", "bob"} <= set(session.catalog.roles)
