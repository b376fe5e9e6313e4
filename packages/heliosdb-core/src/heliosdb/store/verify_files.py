"""Are the files of a store as they were written? Every checksum of every segment, index run and log.

Segments of large commits that only the log names are among them. The store may be in use meanwhile: where a checkpoint
has replaced files while they were looked at, those that it put in their place are looked at, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from heliosdb.errors import DataCorrupted, FeatureNotSupported
from heliosdb.store.files import BLOBS_PREFIX, RUN_PREFIX, SEGMENT_PREFIX, log_number
from heliosdb.store.kept_index import read_blobs
from heliosdb.store.log import LogChain, log_name, read_log
from heliosdb.store.manifest import Manifest, decode_manifest
from heliosdb.store.records import decode_record

if TYPE_CHECKING:
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.log import LogReader

__all__ = ["FileProblem", "verify_files"]


class FileProblem(NamedTuple):
    """A file, what is damaged in it, and the relation that it is of, where that is known."""

    name: str
    message: str
    relation: int | None = None


def verify_files(
    files: StoreFiles, on_progress: Callable[[str, int], None] = lambda name, size: None
) -> Iterator[FileProblem]:
    """Yield each damaged place. ``on_progress`` is called with each file's name and size."""
    volume = files.volume
    if not volume.keeps_log:
        return
    seen: set[str] = set()
    while True:
        content = volume.whole("manifest")
        try:
            manifest = Manifest() if content is None else decode_manifest(content, files.codecs)
        except DataCorrupted as error:
            yield FileProblem("manifest", error.message)
            manifest = Manifest(log=0)
        wanted = _owners(manifest)
        damaged_logs = []
        logs = LogChain(manifest.log)
        for name in volume.names():
            number = log_number(name)
            if number is not None and number >= manifest.log:
                damaged_logs += _of_log(files, number, wanted, logs)
        for name in sorted(wanted.keys() - seen):
            found = list(_of_file(files, name, wanted[name]))
            if found and volume.whole("manifest") != content:
                break
            seen.add(name)
            yield from found
            on_progress(name, volume.size(name) if name in volume.names() else 0)
        if volume.whole("manifest") == content:
            yield from damaged_logs
            return


def _owners(manifest: Manifest) -> dict[str, int]:
    """Return the files that a manifest names, with the relations that they are of."""
    owners: dict[str, int] = {}
    for relation in manifest.relations:
        runs = [run for index in relation.indexes for run in index.runs]
        owners.update(dict.fromkeys([*relation.segments, *runs], relation.oid))
    return owners


def _of_log(files: StoreFiles, number: int, wanted: dict[str, int], logs: LogChain) -> list[FileProblem]:
    """Return what is damaged in a log, and whether the one before ends too early; ``wanted`` takes the segments that
    it names."""
    name = log_name(number)
    try:
        reader = read_log(files.volume, number, files.codecs)
        found = [FileProblem(name, message) for message in _of_records(files, reader, wanted)]
        return [*found, *_before(reader, logs)]
    except DataCorrupted as error:
        found = [FileProblem(name, error.message)]
    try:
        # The first damage ends a log that is opened; here all of it is wanted.
        reader = read_log(files.volume, number, files.codecs, salvage=True)
        messages = list(_of_records(files, reader, wanted))
    except DataCorrupted:
        return found
    places = [f'file "{name}" is corrupt from offset {start} to {end}' for start, end in reader.damaged]
    return ([FileProblem(name, message) for message in [*places, *messages]] or found) + _before(reader, logs)


def _before(reader: LogReader, logs: LogChain) -> list[FileProblem]:
    problem = logs.problem_before(reader)
    logs.add(reader)
    return [] if problem is None else [FileProblem(reader.name, problem.message)]


def _of_records(files: StoreFiles, reader: LogReader, wanted: dict[str, int]) -> Iterator[str]:
    for record in reader:
        try:
            decoded = decode_record(files.frames, record.payload)
        except (DataCorrupted, FeatureNotSupported) as error:
            yield f'file "{reader.name}", the record that ends at offset {record.end}: {error.message}'
            continue
        wanted.update({segment.name: segment.relation for segment in decoded.segments})


def _of_file(files: StoreFiles, name: str, relation: int) -> Iterator[FileProblem]:
    messages: list[str] = []
    try:
        if name.startswith(SEGMENT_PREFIX):
            messages = files.read_segment(name).verify()
        elif name.startswith(RUN_PREFIX):
            messages = files.read_run(name).verify()
        elif name.startswith(BLOBS_PREFIX):
            read_blobs(files, name)
    except DataCorrupted as error:
        messages = [error.message]
    for message in messages:
        yield FileProblem(name, message, relation)
