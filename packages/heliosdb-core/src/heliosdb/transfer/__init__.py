"""Files of other worlds into a database, and tables out into such files.

importing    a SQLite file, a dump in SQL, an archive, CSV, Parquet: told apart by content (``kinds``)
exporting    tables or a query's rows as CSV, Parquet, SQL or a SQLite file
"""

from __future__ import annotations

from heliosdb.transfer.csv_import import CsvDialect
from heliosdb.transfer.exporting import export
from heliosdb.transfer.importing import import_file

__all__ = ["CsvDialect", "export", "import_file"]
