"""Pairs of bytes on the store, beside a dict, opened again and again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import Error, FeatureNotSupported, InterfaceError, InvalidParameterValue
from heliosdb.store.kv import HccV2Compressor, HccV2Config, LsmStorageEngine, StorageConfig


@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_what_was_put(tmp_path: Path, seed: int) -> None:
    random, model, path = Random(seed), {}, str(tmp_path / "kv")
    engine = LsmStorageEngine(path, StorageConfig(memtable_size=20_000))
    keys = [bytes([random.randrange(256) for _ in range(random.randrange(4))]) for _ in range(60)]
    for _ in range(600):
        key, step = random.choice(keys), random.random()
        if step < 0.5:
            model[key] = value = bytes([random.randrange(256)]) * random.randrange(200)
            engine.put(key, value)
        elif step < 0.7:
            assert engine.delete(key) is (model.pop(key, None) is not None)
        elif step < 0.9:
            assert engine.get(key) == model.get(key)
        elif step < 0.97:
            low, high = sorted((random.choice(keys), random.choice(keys)))
            assert engine.scan(low, high) == sorted((k, v) for k, v in model.items() if low <= k < high)
        else:
            engine.close()
            engine = LsmStorageEngine(path)
    with engine:
        assert engine.scan(b"", b"\xff" * 5) == sorted(model.items())
    with pytest.raises(InterfaceError):
        engine.get(b"x")


def test_what_has_no_meaning_is_refused(tmp_path: Path) -> None:
    for name in ("use_direct_io", "enable_mmap", "write_buffer_size", "max_open_files", "bloom_filter_bits_per_key"):
        with pytest.raises(FeatureNotSupported, match=name):
            StorageConfig.of({name: 1})
    with pytest.raises(InvalidParameterValue, match="memtable"):
        StorageConfig.of({"memtable": 1})
    with pytest.raises(InvalidParameterValue):
        StorageConfig(memtable_size=0)
    with pytest.raises(FeatureNotSupported):
        StorageConfig(enable_bloom_filters=False)
    path = str(tmp_path / "db")
    EmbeddedDatabase(path).close()
    with pytest.raises(Error, match="no store of keys and values"):
        LsmStorageEngine(path)
    path = str(tmp_path / "kv")
    with LsmStorageEngine(path) as engine:
        engine.put(b"key", b"value")
        with pytest.raises(InvalidParameterValue):
            engine.put("key", b"value")  # type: ignore[arg-type]
    with pytest.raises(Error, match="no database of tables"):
        EmbeddedDatabase(path)
    with LsmStorageEngine(path) as engine:
        assert engine.get(b"key") == b"value"


@pytest.mark.parametrize("kind", ["zstd", "lz4", "none"])
def test_columns_come_back_as_they_were(kind: str) -> None:
    columns = [list(range(1000)), ["same"] * 1000, [None, 1.5, True, b"x", "y"] * 200, []]
    compressor = HccV2Compressor(HccV2Config(compression_type=kind))
    packed = compressor.compress(columns)
    assert compressor.decompress(packed) == columns
    assert sum(len(column.data) for column in packed[:2]) < 500
