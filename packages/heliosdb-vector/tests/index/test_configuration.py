"""The section ``[vector]`` of the configuration decides for new indexes, and for new ones only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import DatatypeMismatch, FeatureNotSupported, InvalidParameterValue

from .conftest import clustered, fill, ids

VECTORS = clustered(3, 700, 8)


def opened(path: Path, **options: Any) -> EmbeddedDatabase:
    config = Config(options={f"vector.{name}": value for name, value in options.items()})
    return EmbeddedDatabase(str(path / "d.helio"), config=config, plugins=["vector"], strict=True)


def kept(database: EmbeddedDatabase) -> dict[str, tuple[str, Any]]:
    """Return the quantization and the options of each index."""
    rows = database.query(
        "SELECT s.index_name, s.quantization, c.reloptions FROM pg_vector_index_stats s "
        "JOIN pg_class c ON c.relname = s.index_name"
    )
    return {name: (quantization, options) for name, quantization, options in rows}


def test_new_indexes_are_compressed_where_they_say_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, enabled=True, pq_auto_compress=True, pq_training_size=300) as database:
        fill(database, VECTORS)
        database.execute("CREATE INDEX silent ON items USING hnsw (v)")
        database.execute("CREATE INDEX plain ON items USING hnsw (v) WITH (quantization = 'none')")
        database.execute(
            "CREATE INDEX stated ON items USING hnsw (v) WITH (quantization = 'pq', pq_training_size = 400)"
        )
        database.execute("CREATE INDEX taxicab ON items USING hnsw (v vector_l1_ops)")  # no backend can
        compressed = {
            "silent": ("product", ["quantization=product", "pq_training_size=300"]),
            "plain": ("none", ["quantization=none"]),
            "stated": ("product", ["quantization=product", "pq_training_size=400"]),
            "taxicab": ("none", None),
        }
        assert kept(database) == compressed
        (silent,) = database.query("SELECT bytes_per_vector FROM pg_vector_index_stats WHERE index_name = 'silent'")
        assert silent[0] == 2.0
    with opened(tmp_path, pq_enabled=False) as database:
        assert kept(database) == compressed
        database.execute("CREATE INDEX later ON items USING hnsw (v)")
        assert kept(database)["later"] == ("none", None)
        with pytest.raises(FeatureNotSupported, match="product quantization is switched off"):
            database.execute("CREATE INDEX refused ON items USING ivf (v) WITH (quantization = 'pq')")
        database.execute("CREATE INDEX scalar ON items USING hnsw (v) WITH (quantization = 'scalar')")


def test_the_training_size_is_how_many_vectors_an_index_learns_from(tmp_path: Path) -> None:
    query = "SELECT index_name, training_vectors FROM pg_vector_index_stats ORDER BY index_name"
    with opened(tmp_path, pq_training_size=300) as database:
        fill(database, VECTORS)
        database.execute("CREATE INDEX a ON items USING hnsw (v) WITH (quantization = 'pq')")
        database.execute("CREATE INDEX b ON items USING hnsw (v) WITH (quantization = 'pq', pq_training_size = 500)")
        database.execute("CREATE INDEX c ON items USING ivf (v) WITH (lists = 5)")
        database.execute("CREATE INDEX d ON items USING hnsw (v)")
        learned = [("a", 300), ("b", 500), ("c", 700), ("d", 0)]
        assert [tuple(row) for row in database.query(query)] == learned
    with opened(tmp_path) as database:
        assert [tuple(row) for row in database.query(query)] == learned


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"enabled": False}, FeatureNotSupported, "vector.enabled is false"),
        ({"enabled": 1}, InvalidParameterValue, "vector.enabled"),
        ({"pq_enabled": "yes"}, InvalidParameterValue, "vector.pq_enabled"),
        ({"pq_auto_compress": True, "pq_enabled": False}, InvalidParameterValue, "needs vector.pq_enabled"),
        ({"pq_training_size": 255}, InvalidParameterValue, "between 256 and 10000000"),
        ({"pq_training_size": True}, InvalidParameterValue, "must be an integer"),
    ],
)
def test_what_means_nothing_keeps_the_database_closed(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        opened(tmp_path, **options)
    opened(tmp_path).close()


def test_the_training_size_needs_product_quantization(database: EmbeddedDatabase) -> None:
    fill(database, VECTORS[:10])
    with pytest.raises(InvalidParameterValue, match="pq_training_size needs quantization = 'product'"):
        database.execute("CREATE INDEX ON items USING hnsw (v) WITH (pq_training_size = 300)")


@pytest.mark.parametrize("method", ["hnsw", "ivf"])
def test_distance_ops_is_the_euclidean_class_of_vectors(database: EmbeddedDatabase, method: str) -> None:
    fill(database, VECTORS)
    database.execute(f"CREATE INDEX near ON items USING {method} (v distance_ops)")
    query = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 3"
    database.execute("SET ivfflat.probes = 100")
    nearest = np.argsort(((VECTORS - VECTORS[7]) ** 2).sum(axis=1))[:3].tolist()
    assert ids(database, query, [VECTORS[7]]) == nearest
    shown = database.query("EXPLAIN " + query.replace("$1", "(SELECT v FROM items WHERE id = 7)"))
    assert "Index Scan using near" in str([tuple(row) for row in shown])
    assert "distance_ops" in database.query("SELECT indexdef FROM pg_indexes WHERE indexname = 'near'")[0][0]
    database.execute("CREATE TABLE halves (v halfvec(2))")
    with pytest.raises(DatatypeMismatch, match='"distance_ops" does not accept data type halfvec'):
        database.execute(f"CREATE INDEX ON halves USING {method} (v distance_ops)")
