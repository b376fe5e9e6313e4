"""The part of ``heliosdb demo``: a server, and a client that knows nothing of it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from shutil import which

from heliosdb import EmbeddedDatabase
from heliosdb.spi import Stage
from heliosdb_server.running import start_server

__all__ = ["show"]

PSYCOPG = """\
import psycopg

with psycopg.connect(url) as client:
    query = "SELECT iata, name FROM airport WHERE country = %s AND iata > '' ORDER BY iata LIMIT 3"
    for iata, name in client.execute(query, ("IS",)):
        print(iata, name)
    try:
        client.execute("INSERT INTO airport (iata) SELECT iata FROM airport LIMIT 1")
    except psycopg.IntegrityError as error:
        print(error.sqlstate, error.diag.message_primary)
"""

PSQL = """\
import subprocess

query = "SELECT iata, name FROM airport WHERE country = 'IS' ORDER BY iata LIMIT 3"
print(subprocess.run(["psql", "-X", url, "-c", query], capture_output=True, text=True).stdout)
"""


STOP = """\
import subprocess

for command in ("status", "stop"):
    print(subprocess.run([program, command, path], capture_output=True, text=True).stdout)
"""


def show(stage: Stage) -> None:
    """Show it."""
    path = os.path.join(stage.folder, "demo.helio")
    with (
        EmbeddedDatabase(path) as database,
        start_server(database, port=0) as server,
    ):
        stage.say(f"heliosdb start does the same: listening at 127.0.0.1:{server.port}\n")
        url = server.info.url
        if find_spec("psycopg") is not None:
            stage.python(PSYCOPG, url=url)
        elif which("psql") is not None:
            stage.python(PSQL, url=url)
        else:
            stage.say("Neither psycopg nor psql is here to talk to it.")
        stage.say("")
        stage.python(STOP, program=os.path.join(os.path.dirname(sys.executable), "heliosdb"), path=path)
    stage.say("\nThe server has stopped; the database was open all the time.")
