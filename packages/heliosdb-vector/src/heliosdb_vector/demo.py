"""The part of ``heliosdb demo``: questions about Python, asked of its language reference by meaning.

The text comes with Python itself (``pydoc_data``), the model with the package ``wordllama``: 16 MB of weights that need
nothing but NumPy, so nothing is downloaded and 800 paragraphs are embedded in less than a second.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec

from heliosdb import EmbeddedDatabase
from heliosdb.spi import Stage

__all__ = ["show"]

NEEDED = {"wordllama": "the model", "bm25s": "the search by words", "pydoc_data": "the text, a part of Python itself"}

QUESTIONS = (
    "how do I leave a loop early",
    "difference between single and double quotes",
    "which numbers have a fraction",
)

FILL = """\
from pathlib import Path
import wordllama
from pydoc_data.topics import topics

model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
bodies = {}
for topic, text in topics.items():
    for part in text.split("\\n\\n"):
        body = " ".join(part.split())
        if len(body) > 60 and body[0].isupper() and body.endswith("."):
            bodies.setdefault(body, topic)

db.execute("CREATE TABLE paragraph (id serial PRIMARY KEY, topic text, body text, embedding vector(256))")
rows = zip(bodies.values(), bodies, model.embed(list(bodies), norm=True))
db.prepare("INSERT INTO paragraph (topic, body, embedding) VALUES ($1, $2, $3)").execute_many(list(rows))
db.execute("CREATE INDEX by_meaning ON paragraph USING hnsw (embedding vector_cosine_ops)")

db.execute("CREATE TABLE question (id serial PRIMARY KEY, words text, embedding vector(256))")
for question, embedding in zip(questions, model.embed(questions, norm=True)):
    db.execute("INSERT INTO question (words, embedding) VALUES ($1, $2)", (question, embedding))
print(len(bodies), "paragraphs of the Python language reference,", len(questions), "questions")
"""

NEAREST = """\
SELECT q.words AS question, p.topic, left(p.body, 70) AS answer FROM question q CROSS JOIN LATERAL (
    SELECT topic, body FROM paragraph ORDER BY embedding <=> q.embedding LIMIT 2
) p ORDER BY q.id"""

FILTERED = """\
SELECT topic, left(body, 70) AS answer FROM paragraph WHERE topic <> 'break'
ORDER BY embedding <=> (SELECT embedding FROM question WHERE id = 1) LIMIT 3"""

EXPLAINED = (
    "EXPLAIN SELECT body FROM paragraph ORDER BY embedding <=> (SELECT embedding FROM question WHERE id = 1) LIMIT 3",
    "EXPLAIN SELECT body FROM paragraph WHERE id < 20 "
    "ORDER BY embedding <=> (SELECT embedding FROM question WHERE id = 1) LIMIT 3",
)

HYBRID = """\
from heliosdb_vector import HybridQuery, HybridSearchEngine, SearchConfig

engine = HybridSearchEngine(SearchConfig(db, "paragraph", text="body"))
question = "what is __missing__ good for"
for found in engine.search(HybridQuery(model.embed([question], norm=True)[0], question, limit=3)):
    print(found.row["topic"], "-", found.row["body"][:120])
"""


def show(stage: Stage) -> None:
    """Show it; where the model or the text is not installed, say how to install it."""
    missing = [f"{name} ({what})" for name, what in NEEDED.items() if find_spec(name) is None]
    if missing:
        stage.say(f"This part needs {' and '.join(missing)}.\nInstall: pip install 'heliosdb-vector[demo]'")
        return
    with EmbeddedDatabase(os.path.join(stage.folder, "vectors.helio")) as db:
        _import_quietly()
        names = stage.python(FILL, db=db, questions=list(QUESTIONS))
        stage.say("\nThe nearest paragraphs to each question, found by the index:\n")
        stage.sql(db, NEAREST)
        stage.say("\nA condition leaves as many rows as were asked for:\n")
        stage.sql(db, FILTERED)
        stage.say("\nWhich way a query goes, the planner decides; few rows are quicker compared than looked up:\n")
        stage.sql(db, *EXPLAINED)
        stage.say("\nBy meaning and by words, fused:\n")
        stage.python(HYBRID, db=db, model=names["model"])


def _import_quietly() -> None:
    """Import the model's package, which makes every logger of the process write to the terminal where none does yet."""
    root, quiet = logging.getLogger(), logging.NullHandler()
    root.addHandler(quiet)
    try:
        import wordllama  # noqa: F401
    finally:
        root.removeHandler(quiet)
