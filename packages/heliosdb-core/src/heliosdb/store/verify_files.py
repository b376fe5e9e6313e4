"""Are the files of a store as they were written? Every checksum of every segment, index run and log.

The store may be in use meanwhile: files that a checkpoint replaces while they are looked at are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from heliosdb.errors import DataCorrupted
from heliosdb.store.files import RUN_PREFIX, SEGMENT_PREFIX, StoreFiles, log_number
from heliosdb.store.log import read_log
from heliosdb.store.manifest import decode_manifest

if TYPE_CHECKING:
    from heliosdb.store.store import Store

__all__ = ["FileProblem", "verify_files"]


class FileProblem(NamedTuple):
    """A file, and what is damaged in it."""

    name: str
    message: str


def verify_files(store: Store, on_progress: Callable[[str, int], None]) -> Iterator[FileProblem]:
    """Yield what is damaged. ``on_progress`` is called with each file's name and size."""
    volume = store.volume
    if not volume.keeps_log:
        return
    files = StoreFiles(volume, store.options)
    content = volume.whole("manifest")
    if content is None:
        return
    try:
        manifest = decode_manifest(content, files.codecs)
    except DataCorrupted as error:
        yield FileProblem("manifest", error.message)
        return
    for name in sorted(manifest.files()):
        found = list(_of_file(files, name))
        if found and volume.whole("manifest") != content:
            return  # a checkpoint came in between, and has replaced what was to be read
        yield from found
        on_progress(name, volume.size(name) if name in volume.names() else 0)
    for name in volume.names():
        number = log_number(name)
        if number is not None and number >= manifest.log:
            try:
                for _ in read_log(volume, number, files.codecs):
                    pass
            except DataCorrupted as error:
                yield FileProblem(name, error.message)


def _of_file(files: StoreFiles, name: str) -> Iterator[FileProblem]:
    try:
        if name.startswith(SEGMENT_PREFIX):
            yield from (FileProblem(name, message) for message in files.read_segment(name).verify())
        elif name.startswith(RUN_PREFIX):
            yield from (FileProblem(name, message) for message in files.read_run(name).verify())
    except DataCorrupted as error:
        yield FileProblem(name, error.message)
