"""System versioning is a package's; the core says which."""

from __future__ import annotations

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import FeatureNotSupported, UndefinedObject


@pytest.mark.parametrize("action", ["ADD", "DROP", "add column note text, Add"])
def test_system_versioning_is_refused_with_the_package_that_has_it(action: str) -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int)")
        with pytest.raises(FeatureNotSupported) as caught:
            database.execute(f"ALTER TABLE t {action} SYSTEM VERSIONING")
        assert caught.value.sqlstate == "0A000"
        assert caught.value.hint == "It is a statement of its own, of the package heliosdb-temporal."
        assert caught.value.position == len(f"ALTER TABLE t {action} ") + 1
        assert database.query("SELECT count(*) FROM pg_attribute WHERE attname = 'note'") == [(0,)]


def test_a_column_may_be_called_system() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int)")
        database.execute("ALTER TABLE t ADD system text")
        database.execute("ALTER TABLE t DROP system")
        with pytest.raises(UndefinedObject, match="versioning"):
            database.execute("ALTER TABLE t ADD COLUMN system versioning")
