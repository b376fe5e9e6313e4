"""The part of ``heliosdb demo``: a DELETE that should not have been, found by AS OF and undone by REVERT."""

from __future__ import annotations

import os

from heliosdb import Config, EmbeddedDatabase
from heliosdb.spi import Stage

__all__ = ["show"]

FILL = (
    "CREATE TABLE orders (id int PRIMARY KEY, customer text, state text)",
    "INSERT INTO orders SELECT i, 'customer ' || i % 7, CASE i % 3 WHEN 0 THEN 'sent' ELSE 'new' END "
    "FROM generate_series(1, 3000) i",
)
MISTAKE = "DELETE FROM orders WHERE state = 'new' OR id < 100  -- it should have been AND"
LATER = "UPDATE orders SET state = 'paid' WHERE id = 999"
FIND = (
    "SELECT count(*) FROM orders",
    "SELECT scn, count(*) AS gone FROM ("
    " SELECT heliosdb_scn_at(max(system_time_end)) AS scn FROM orders FOR SYSTEM_TIME ALL"
    " GROUP BY system_row HAVING bool_and(system_time_end IS NOT NULL)) d GROUP BY scn",
)
LOST = (
    "SELECT state, count(*) FROM orders AS OF SCN {before} WHERE id NOT IN (SELECT id FROM orders) "
    "GROUP BY state ORDER BY state"
)
UNDO = ("REVERT TRANSACTION {number}", "SELECT state, count(*) FROM orders GROUP BY state ORDER BY state")


def show(stage: Stage) -> None:
    """Show it."""
    config = Config(options={"temporal.time_travel_enabled": True})
    with EmbeddedDatabase(os.path.join(stage.folder, "temporal.helio"), config=config) as db:
        stage.sql(db, *FILL, MISTAKE, LATER)
        stage.say("\nRows are missing. Which commit took them?\n")
        stage.sql(db, *FIND)
        ((scn, _),) = db.query(FIND[1])
        stage.say("\nWhat was there before it:\n")
        stage.sql(db, LOST.format(before=scn - 1))
        number = db.query("SELECT heliosdb_scn_transaction($1)", [scn])[0][0]
        stage.say("\nThat transaction alone is undone; what came later stays:\n")
        stage.sql(db, *[text.format(number=number) for text in UNDO])
