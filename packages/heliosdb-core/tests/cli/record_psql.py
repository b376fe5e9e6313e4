"""Record what psql 15 prints for ``psql.sql``: ``python record_psql.py "host=... dbname=..."`` with an empty database.

The server is made with ``initdb -E UTF8 --no-locale``, TimeZone is UTC. psql puts its own name before a file's; that is
left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run psql and write both outputs."""
    command = ["psql", "--no-psqlrc", "--quiet", "--file", "psql.sql", sys.argv[1]]
    settings = {"PGOPTIONS": "-c TimeZone=UTC"}
    done = subprocess.run(command, cwd=HERE, env=os.environ | settings, capture_output=True, text=True, check=True)
    (HERE / "psql.out").write_text(done.stdout)
    (HERE / "psql.err").write_text(done.stderr.replace("psql:psql.sql:", "psql.sql:"))


if __name__ == "__main__":
    main()
