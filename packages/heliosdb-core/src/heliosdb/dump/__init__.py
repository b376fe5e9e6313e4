"""Everything logical that goes out of a database and comes back: dumps as SQL, archives, and their restoration.

    snapshot     one moment of catalog and rows
    definitions  the catalog as entries, in an order in which they can be made; tables, order, texts below it
    rows         the rows as COPY's text
    script       entries and rows as one SQL text                reader, runner: such texts back
    archive      entries and rows in one compressed file
    places       files, standard input and output, URLs
    backup       which of these, from where, to where

It knows sessions and the catalog, nothing of how they are stored: databases in memory and on disk are the same to it.
"""

from __future__ import annotations

from heliosdb.dump.backup import backup, restore
from heliosdb.dump.report import Report
from heliosdb.dump.script import dump_script
from heliosdb.dump.selection import DumpOptions

__all__ = ["DumpOptions", "Report", "backup", "dump_script", "restore"]
