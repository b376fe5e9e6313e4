"""The part of ``heliosdb demo``: a database under a key, and what is to be found in its files."""

from __future__ import annotations

import os

from heliosdb import EmbeddedDatabase
from heliosdb.spi import Stage

__all__ = ["show"]

SENTENCE = "The key is under the third stone on the left"

CODE = """\
from pathlib import Path
from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import InvalidPassword
from heliosdb_crypto import EncryptionKey

key = EncryptionKey.generate()
for name, config in (("plain", Config(compression="none")), ("secret", Config(compression="none", encryption_key=key))):
    with EmbeddedDatabase(f"{folder}/{name}", config=config) as db:
        db.execute("CREATE TABLE note (id int PRIMARY KEY, body text)")
        db.execute("INSERT INTO note VALUES (1, $1)", (sentence,))
    found = [file.name for file in Path(folder, name).iterdir() if sentence.encode() in file.read_bytes()]
    print(f"{name}: the sentence stands in", ", ".join(found) or "no file")

with EmbeddedDatabase(f"{folder}/secret", config=Config(encryption_key=key)) as db:
    print("with its key:", db.query("SELECT body FROM note")[0]["body"])
for wrong in (EncryptionKey.generate(), None):
    try:
        EmbeddedDatabase(f"{folder}/secret", config=Config(encryption_key=wrong))
    except InvalidPassword as error:
        print("refused:", error.message.replace(folder, "..."))
"""


def show(stage: Stage) -> None:
    """Show it."""
    folder = os.path.join(stage.folder, "encryption")
    os.mkdir(folder)
    names = stage.python(CODE, folder=folder, sentence=SENTENCE)
    stage.say("\nWhat is encrypted, and under which key:\n")
    with EmbeddedDatabase(os.path.join(folder, "secret"), config=names["Config"](encryption_key=names["key"])) as db:
        stage.sql(db, "SELECT part, algorithm, key_id, files, state FROM heliosdb_encryption")
