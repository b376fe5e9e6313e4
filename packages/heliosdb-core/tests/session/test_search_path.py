"""What search_path says is true for the very next statement."""

from __future__ import annotations

from heliosdb import EmbeddedDatabase


def test_a_definition_right_after_set_finds_types_on_the_new_path() -> None:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute("CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('sad'); CREATE TABLE s.t (a int)")
        database.query("SELECT 1")
        session = database.session()
        session.execute("SET search_path = s")
        session.execute("CREATE VIEW v AS SELECT 'sad'::mood AS m FROM t")
        session.execute("SET search_path = public")
        assert list(session.execute("SELECT m FROM s.v")[0].rows) == []
        session.close()
