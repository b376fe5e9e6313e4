"""Record what PostgreSQL 15's parser says about mutated statements: writes rejected.jsonl beside this file.

Run by hand against a PostgreSQL 15 server when accepted.sql grows::

    python record_syntax.py "host=127.0.0.1 port=5432 user=postgres dbname=postgres"

Each text is sent within an aborted transaction, where the server parses it and goes no further, so nothing is executed.
It refuses to write if a statement of accepted.sql is not accepted. What the server says beyond its parser is left out:
kept are errors of code 42601 only. Statements of PostgreSQL that this grammar answers with 0A000 are not in the file.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

import psycopg
from psycopg import pq

from heliosdb.errors import Error, FeatureNotSupported
from heliosdb.sql.lexer import scan
from heliosdb.sql.parser import parse

HERE = Path(__file__).parent
WORDS = """
select from where ( ) , . ; * + - = < >= 'x' 1 1.5 a t.x null not in like between and or is as on using join left
case when then else end by group limit values default set table index unique primary key references check with to
for of all any exists array row cast :: [ ] $1 => distinct current_date interval int double precision varchar over
filter within union except lateral nulls first recursive escape collate at time zone only cube "Q" if begin
"""
WANTED = 1200
FIELDS = (pq.DiagnosticField.SQLSTATE, pq.DiagnosticField.MESSAGE_PRIMARY, pq.DiagnosticField.STATEMENT_POSITION)


def ask(connection: psycopg.pq.abc.PGconn, text: str) -> tuple[str, str, int | None]:
    """Return SQLSTATE (empty: accepted), message and position."""
    if connection.transaction_status != pq.TransactionStatus.INERROR:
        connection.exec_(b"rollback")
        connection.exec_(b"begin; select 1/0")
    result = connection.exec_(text.encode())
    fields = [(result.error_field(field) or b"").decode() for field in FIELDS]
    state = "" if fields[0] in ("25P02", "3B001") else fields[0]
    return state, fields[1], int(fields[2]) if fields[2] else None


def mutated(text: str, chance: random.Random) -> str:
    """Delete, double, swap, replace or insert a token."""
    tokens = scan(text)
    pieces = [text[a - 1 : b - 1] for a, b in zip(tokens.positions, tokens.ends)][:-1]
    i = chance.randrange(len(pieces))
    what = chance.random()
    if what < 0.3:
        del pieces[i]
    elif what < 0.45:
        pieces.insert(i, pieces[i])
    elif what < 0.65 and i + 1 < len(pieces):
        pieces[i], pieces[i + 1] = pieces[i + 1], pieces[i]
    elif what < 0.8:
        pieces[i] = chance.choice(WORDS.split())
    else:
        pieces.insert(i, chance.choice(WORDS.split()))
    return " ".join(pieces)


def main(conninfo: str) -> None:
    connection = psycopg.connect(conninfo, autocommit=True).pgconn
    chance = random.Random(15)
    accepted = (HERE / "accepted.sql").read_text().splitlines()
    wrong = [(text, answer) for text in accepted if (answer := ask(connection, text))[0]]
    if wrong:
        raise SystemExit("\n".join(map(str, wrong)))
    found: dict[str, tuple[str, int | None]] = {}
    while len(found) < WANTED:
        text = mutated(chance.choice(accepted), chance)
        if ";" in text or re.match(r"\s*(commit|rollback|abort|end)\b", text):
            continue
        state, message, position = ask(connection, text)
        if state != "42601":
            continue
        try:
            parse(text)
        except FeatureNotSupported:
            continue
        except Error:
            pass
        found[text] = (message, position)
    lines = (json.dumps([text, message, position]) for text, (message, position) in sorted(found.items()))
    (HERE / "rejected.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
