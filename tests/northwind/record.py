"""Record PostgreSQL's answers to the questions: ``python -m tests.northwind.record``.

Needs the data set, and a server: the one in POSTGRESQL_REFERENCE, else a throw-away cluster.
"""

from __future__ import annotations

from tests.chinook.record import record

from .data import ANSWERS, QUESTIONS, statements

if __name__ == "__main__":
    record("northwind/questions", QUESTIONS, ANSWERS, statements())
