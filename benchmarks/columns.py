"""What encrypted columns cost: the same statements on a plain table, and on one whose values the client encrypts.

    python benchmarks/columns.py [--rows 20000] [--rounds 5]

Each figure is a median of ratios, round by round in one process: how many times longer the encrypted table takes. The
client's way (``cryptography``'s AESGCM and AESSIV around each value, in bytea columns) is the least that can be had for
the same protection, and the peer to compare with; it has no LIKE, no order and no types.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from heliosdb import Config, EmbeddedDatabase
from heliosdb_crypto import EncryptionKey

TABLES = {
    "plain": "id int PRIMARY KEY, email text, ssn text UNIQUE",
    "encrypted": "id int PRIMARY KEY, email text ENCRYPTED, ssn text ENCRYPTED DETERMINISTIC UNIQUE",
    "client": "id int PRIMARY KEY, email bytea, ssn bytea UNIQUE",
}


class Client:
    """What a program does that encrypts its values itself."""

    def __init__(self) -> None:
        self._gcm, self._siv = AESGCM(os.urandom(32)), AESSIV(os.urandom(64))

    def email(self, value: str) -> bytes:
        """Encrypt with a nonce."""
        nonce = os.urandom(12)
        return nonce + self._gcm.encrypt(nonce, value.encode(), b"email")

    def ssn(self, value: str) -> bytes:
        """Encrypt so that equal values are alike."""
        return self._siv.encrypt(value.encode(), [b"ssn"])

    def read(self, data: bytes) -> str:
        """Decrypt an email."""
        return self._gcm.decrypt(data[:12], data[12:], b"email").decode()


def cases(db: EmbeddedDatabase, client: Client, rows: int) -> dict[str, Callable[[str], None]]:
    """Return what is timed, by name: functions of the table's name."""

    def insert(table: str) -> None:
        db.execute(f"DELETE FROM {table}")
        values = [(i, f"user{i}@example.org", f"{i:09}") for i in range(rows)]
        given = [(i, client.email(e), client.ssn(s)) for i, e, s in values] if table == "client" else values
        db.prepare(f"INSERT INTO {table} VALUES ($1, $2, $3)").execute_many(given)

    def scan(table: str) -> None:
        found = db.query(f"SELECT email FROM {table}")
        texts = [client.read(row[0]) for row in found] if table == "client" else [row[0] for row in found]
        assert len(texts) == rows

    def find(table: str) -> None:
        for i in range(0, rows, max(1, rows // 500)):
            value = client.ssn(f"{i:09}") if table == "client" else f"{i:09}"
            (row,) = db.query(f"SELECT id FROM {table} WHERE ssn = $1", (value,))
            assert row[0] == i

    def join(table: str) -> None:
        assert db.query(f"SELECT count(*) FROM {table} a JOIN {table} b ON a.ssn = b.ssn") == [(rows,)]

    def others(table: str) -> None:
        assert db.query(f"SELECT sum(id) FROM {table}") == [(rows * (rows - 1) // 2,)]

    return {
        "insert many": insert,
        "read every value": scan,
        "find by deterministic key": find,
        "join by deterministic key": join,
        "other columns only": others,
    }


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    client = Client()
    with EmbeddedDatabase(":memory:", config=Config(encryption_key=EncryptionKey.generate())) as db:
        for table, columns in TABLES.items():
            db.execute(f"CREATE TABLE {table} ({columns})")
        print(f"{options.rows} rows; times longer than\n{'':30} plain  client's")
        for name, run in cases(db, client, options.rows).items():
            ratios: dict[str, list[float]] = {"plain": [], "client": []}
            for _ in range(options.rounds):
                taken = {}
                for table in TABLES:
                    begin = time.perf_counter()
                    run(table)
                    taken[table] = time.perf_counter() - begin
                for peer, found in ratios.items():
                    found.append(taken["encrypted"] / taken[peer])
            plain, own = (statistics.median(found) for found in ratios.values())
            print(f"{name:30} {plain:5.2f}  {own:5.2f}")


if __name__ == "__main__":
    main()
