"""Keys and values of bytes, straight on the versioned store: no SQL, no catalog.

    put, delete     a commit each, durable when the call returns
    get             the newest published value
    scan            all pairs of one moment, in the order of the keys, whatever others write meanwhile

One relation holds rows (key, value) with a unique btree on the key. The names are those of the full HeliosDB's storage
API; a ``StorageConfig`` takes its keys, and those that mean nothing here are refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from types import TracebackType
from typing import Any

from attrs import define, field, fields, frozen

from heliosdb.encoding.classes import ClassTable
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import FeatureNotSupported, InterfaceError, InvalidParameterValue, WrongObjectType
from heliosdb.store.access_method import IndexSpec
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.commits import Author
from heliosdb.store.directory import DirectoryVolume
from heliosdb.store.options import StorageOptions
from heliosdb.store.snapshot import REGISTERING
from heliosdb.store.store import Store
from heliosdb.store.versions import PRUNED, Row
from heliosdb.store.volume import Volume

__all__ = ["CompressedColumn", "HccV2Compressor", "HccV2Config", "LsmStorageEngine", "StorageConfig"]

PAIRS, KEYS = 9101, 9102
"""The relation and its index; a database of tables has neither."""

_SPEC = IndexSpec(
    oid=KEYS, relation_oid=PAIRS, key=itemgetter(0), key_column=0, unique=True, constraint="pairs_key", table="pairs"
)


def _unless_none(config: Any, attribute: Any, value: Any) -> None:
    if value is not None:
        raise FeatureNotSupported(f"storage option {attribute.name} has no meaning here")


def _positive(config: Any, attribute: Any, value: Any) -> None:
    if type(value) is not int or value <= 0:
        raise InvalidParameterValue(f"storage option {attribute.name} must be a positive number, not {value!r}")


@frozen(kw_only=True)
class StorageConfig:
    """How a store is opened. Sizes are bytes.

    ``memtable_size`` is how long the log grows before it moves into segments, ``block_cache_size`` bounds what is
    kept of what was read. Bloom filters are always there, and have the size that suits them. What is None by default is
    refused.
    """

    memtable_size: int = field(default=16 << 20, validator=_positive)
    block_cache_size: int = field(default=256 << 20, validator=_positive)
    enable_compression: bool = True
    compression_type: str = "zstd"
    compression_level: int | None = None
    enable_bloom_filters: bool = True
    write_buffer_size: int | None = field(default=None, validator=_unless_none)
    compaction_threads: int | None = field(default=None, validator=_unless_none)
    max_background_jobs: int | None = field(default=None, validator=_unless_none)
    target_file_size: int | None = field(default=None, validator=_unless_none)
    use_direct_io: bool | None = field(default=None, validator=_unless_none)
    max_open_files: int | None = field(default=None, validator=_unless_none)
    enable_mmap: bool | None = field(default=None, validator=_unless_none)
    enable_statistics: bool | None = field(default=None, validator=_unless_none)
    bloom_filter_bits_per_key: int | None = field(default=None, validator=_unless_none)

    def __attrs_post_init__(self) -> None:
        if not self.enable_bloom_filters:
            raise FeatureNotSupported("storage option enable_bloom_filters cannot be off")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> StorageConfig:
        """Return the configuration with these options; InvalidParameterValue for one that does not exist."""
        unknown = sorted(set(options) - {attribute.name for attribute in fields(cls)})
        if unknown:
            raise InvalidParameterValue(f"there is no storage option {unknown[0]}")
        return cls(**options)

    def codecs(self) -> FileCodecs:
        """Return what files pass."""
        names = (self.compression_type,) if self.enable_compression else ()
        return FileCodecs(names, level=self.compression_level)


class LsmStorageEngine:
    """An open store of pairs. Any number of threads may use it; close it, or use it as a context manager."""

    def __init__(self, path: str, config: StorageConfig | None = None, *, volume: Volume | None = None) -> None:
        """Open or make the store at a path (``volume``: other bytes than a folder's)."""
        chosen = StorageConfig() if config is None else config
        options = StorageOptions(
            cache_size=chosen.block_cache_size, checkpoint_log_size=chosen.memtable_size, codecs=chosen.codecs()
        )
        place = DirectoryVolume(path) if volume is None else volume
        try:
            self._store = store = Store(place, (), options)
            if store.last_scn and PAIRS not in store.lines.root.stored:
                raise WrongObjectType(f'"{path}" is no store of keys and values')
        except BaseException:
            place.close()
            raise
        store.specs_of = lambda line, oid: (_SPEC,)
        if not store.last_scn:
            store.define_index(None, PAIRS, _SPEC)
        self._relation = store.create_relation(None, PAIRS)
        self._index = store.index(None, PAIRS, KEYS)
        self._author = store.commits.author_number(Author(application_name="kv"))
        self._is_open = True

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None where there is none."""
        self._require_open()
        store = self._store
        while True:
            published, pruned = store.published, False
            for row_id in self._index.row_ids(key, published):
                row = self._relation.row(row_id, published)
                if row is PRUNED:
                    pruned = True
                elif row is not None and row[0] == key:
                    value: bytes = row[1]
                    return value
            if not pruned and published == store.published:
                return None

    def put(self, key: bytes, value: bytes) -> None:
        """Insert or replace a pair."""
        _require_bytes(key, value)
        self._commit(key, (key, value))

    def delete(self, key: bytes) -> bool:
        """Delete a pair, and say whether there was one."""
        _require_bytes(key)
        return self._commit(key, None)

    def scan(self, start: bytes, end: bytes) -> list[tuple[bytes, bytes]]:
        """Return all pairs from ``start`` to before ``end``, in order."""
        _require_bytes(start, end)
        return list(self._pairs(start, end))

    def close(self) -> None:
        """Make a last checkpoint and let go of the files. Harmless a second time."""
        if self._is_open:
            self._is_open = False
            self._store.close()

    def __enter__(self) -> LsmStorageEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _commit(self, key: bytes, row: Row | None) -> bool:
        self._require_open()
        store, relation = self._store, self._relation
        with store.commit_lock:
            present = self._row_id(key)
            if present is None and row is None:
                return False
            row_id = relation.row_ids.take() if present is None else present
            changed = {row_id >> BLOCK_BITS: {row_id & SLOT_MASK: row}}
            store.apply([(relation, changed, {}, True)], next(store.transaction_ids), self._author)
            scn = store.last_scn
        if store.journal is not None:
            store.journal.wait(scn)
        return True

    def _row_id(self, key: bytes) -> int | None:
        for row_id in self._index.newest_row_ids(key):
            row = self._relation.newest(row_id)[1]
            if row is not None and row[0] == key:
                return row_id
        return None

    def _pairs(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        self._require_open()
        store, relation, tree = self._store, self._relation, self._index.tree
        assert tree is not None
        readers, reader = store.snapshots.readers, object()
        readers[reader] = REGISTERING
        readers[reader] = scn = store.published
        try:
            orders = self._index.orders(tree, scn)
            for keys in tree.order.windows((start,), (end,), high_inclusive=False, orders=orders):
                for key in keys:
                    for row_id in self._index.row_ids(key, scn):
                        row = relation.row(row_id, scn)
                        if row is not None and row[0] == key:
                            yield row
                            break
        finally:
            del readers[reader]

    def _require_open(self) -> None:
        if not self._is_open:
            raise InterfaceError("the store is closed")


def _require_bytes(*values: Any) -> None:
    for value in values:
        if type(value) is not bytes:
            raise InvalidParameterValue(f"keys and values are bytes, not {type(value).__name__}")


@frozen(kw_only=True)
class HccV2Config:
    """How columns are compressed: ``zstd``, ``lz4`` or ``none`` behind the columnar encoding."""

    compression_type: str = "zstd"
    compression_level: int | None = None


@define
class CompressedColumn:
    """A column as segments store it. ``count`` values; ``data`` is self-delimiting."""

    count: int
    data: bytes


class HccV2Compressor:
    """The codec of the segments' columns, for columns of one's own."""

    def __init__(self, config: HccV2Config | None = None) -> None:
        chosen = HccV2Config() if config is None else config
        names = () if chosen.compression_type == "none" else (chosen.compression_type,)
        self._chain = FileCodecs(names, level=chosen.compression_level).new()
        self._frames = StoredFrames(ClassTable())

    def compress(self, data: Sequence[Sequence[Any]]) -> list[CompressedColumn]:
        """Return each column of values, compressed."""
        return [CompressedColumn(len(column), self._chain.encode(self._frames.encode(column), b"")) for column in data]

    def decompress(self, columns: Sequence[CompressedColumn]) -> list[list[Any]]:
        """Return the values again; DataCorrupted where they cannot be."""
        return [self._frames.decode(self._chain.decode(column.data, b"")) for column in columns]
