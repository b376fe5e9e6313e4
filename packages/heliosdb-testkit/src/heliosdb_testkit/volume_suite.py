"""What the store relies on in a volume: files that hold what was appended, and a manifest that is whole."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from heliosdb.errors import DataCorrupted, InternalFailure, ReadOnlySqlTransaction
from heliosdb.spi import Volume

__all__ = ["VolumeSuite"]


class VolumeSuite:
    """Subclass it and override the fixture ``volume`` so that it gives a new, empty volume.

    A volume that keeps a log overrides ``reopened``, too, and where it can be opened for reading only,
    ``reopened_read_only``.
    """

    @pytest.fixture
    def volume(self) -> Volume:
        """A new volume."""
        raise NotImplementedError("override the fixture volume")

    @pytest.fixture
    def reopened(self, volume: Volume) -> Callable[[], Volume]:
        """What closes the volume and opens it again."""
        if volume.keeps_log:
            raise NotImplementedError("override the fixture reopened")
        pytest.skip("the volume keeps nothing")

    @pytest.fixture
    def reopened_read_only(self, volume: Volume) -> Callable[[], Volume]:
        """What closes the volume and opens it for reading."""
        pytest.skip("the volume cannot be opened for reading only")

    def test_a_new_volume_is_empty(self, volume: Volume) -> None:
        """There is no manifest, and no file."""
        assert volume.whole("manifest") is None
        assert volume.names() == []
        assert not volume.read_only

    def test_files_hold_what_was_appended(self, volume: Volume) -> None:
        """Every byte, whatever the size and the pieces, and ``append`` tells where it begins."""
        assert volume.append("log-1", b"abc") == 0
        assert volume.append("log-1", [b"", b"d", b"ef"]) == 3
        assert volume.append("log-1", b"") == 6
        assert volume.append("log-1", [bytes(range(256)) * 4096] * 3) == 6
        assert volume.append("seg-2-a", ()) == 0
        assert volume.append("many-1", [b"%d," % number for number in range(5000)]) == 0
        volume.sync("log-1")
        assert volume.size("log-1") == 6 + 3 * 256 * 4096
        assert volume.size("seg-2-a") == 0
        assert volume.read("log-1", 0, 6) == b"abcdef"
        assert volume.read("log-1", 6) == bytes(range(256)) * 4096 * 3
        assert volume.read("many-1") == b"".join(b"%d," % number for number in range(5000))
        assert volume.names() == ["log-1", "many-1", "seg-2-a"]

    def test_parts_of_a_file_can_be_read(self, volume: Volume) -> None:
        """At any offset, any length, nothing included."""
        volume.append("seg-1", b"0123456789")
        assert volume.read("seg-1") == b"0123456789"
        assert volume.read("seg-1", 7) == b"789"
        assert volume.read("seg-1", 3, 4) == b"3456"
        assert volume.read("seg-1", 10) == b""
        assert volume.read("seg-1", 10, 0) == b""

    def test_reading_past_the_end_names_file_and_offset(self, volume: Volume) -> None:
        """A short file is corruption, never a short answer."""
        volume.append("seg-1", b"0123456789")
        for offset, length in ((8, 3), (11, None), (11, 0), (0, 11)):
            with pytest.raises(DataCorrupted, match=f'"seg-1".*offset {offset}'):
                volume.read("seg-1", offset, length)

    def test_a_missing_file_is_named(self, volume: Volume) -> None:
        """Whatever asks for it."""
        for ask in (volume.read, volume.size, volume.sync):
            with pytest.raises(DataCorrupted, match='"seg-404" is missing'):
                ask("seg-404")
        for change in (volume.truncate, volume.reserve):
            with pytest.raises(DataCorrupted, match='"seg-404" is missing'):
                change("seg-404", 0)
        assert volume.names() == []

    def test_other_names_are_refused(self, volume: Volume) -> None:
        """A volume takes the names that the store makes, and no way out of its folder."""
        names = ("", "log", "manifest", "../log-1", "log-1/2", "log-1.", "LOG-1", "log-1\n", "log-\u0661", "-1", "a-")
        for name in (*names, "a-" + "1" * 100, "log-1\0", "c:log-1"):
            for change in (volume.delete, volume.read, volume.size, volume.sync):
                with pytest.raises(InternalFailure):
                    change(name)
            with pytest.raises(InternalFailure):
                volume.append(name, b"x")
            for cut in (volume.truncate, volume.reserve):
                with pytest.raises(InternalFailure):
                    cut(name, 0)
        assert volume.names() == []

    def test_a_truncated_file_goes_on_at_its_new_end(self, volume: Volume) -> None:
        """What was cut off does not come back."""
        volume.append("log-1", b"0123456789")
        volume.truncate("log-1", 4)
        assert volume.read("log-1") == b"0123"
        assert volume.append("log-1", b"x") == 4
        assert volume.read("log-1") == b"0123x"
        volume.truncate("log-1", 5)
        volume.truncate("log-1", 6)
        assert volume.read("log-1") == b"0123x", "nothing is cut off beyond the end"
        volume.truncate("log-1", 0)
        assert volume.size("log-1") == 0

    def test_room_is_no_content(self, volume: Volume) -> None:
        """Nobody sees it; appends fill it, and go on where it ends."""
        volume.append("log-1", b"0123")
        volume.reserve("log-1", 100)
        assert volume.size("log-1") == 4
        assert volume.read("log-1") == b"0123"
        for offset, length in ((4, 1), (0, 100), (5, None)):
            with pytest.raises(DataCorrupted, match=f'"log-1".*offset {offset}'):
                volume.read("log-1", offset, length)
        volume.reserve("log-1", 50)
        volume.reserve("log-1", 2)
        assert volume.append("log-1", b"45") == 4
        volume.sync("log-1")
        assert volume.append("log-1", [b"x" * 90, b"y" * 90]) == 6
        assert volume.size("log-1") == 186
        assert volume.read("log-1") == b"012345" + b"x" * 90 + b"y" * 90
        volume.reserve("log-1", 300)
        volume.reserve("log-1", 100_000)
        assert volume.append("log-1", b"end") == 186
        volume.sync("log-1")
        assert volume.read("log-1", 180) == b"yyyyyyend"

    def test_room_is_given_back_by_truncating(self, volume: Volume) -> None:
        """Wherever the file is cut, at its very end, too."""
        volume.append("log-1", b"0123456789")
        for size, left in ((10, b"0123456789"), (20, b"0123456789"), (4, b"0123")):
            volume.reserve("log-1", 1000)
            volume.truncate("log-1", size)
            assert volume.read("log-1") == left
        assert volume.append("log-1", b"x") == 4
        volume.delete("log-1")
        assert volume.append("log-1", b"new") == 0
        assert volume.read("log-1") == b"new"

    def test_room_is_zeros_when_the_volume_is_opened_again(
        self, volume: Volume, reopened: Callable[[], Volume]
    ) -> None:
        """As many as there were, fewer or none; and of what was given back there are none."""
        for name in ("log-1", "log-2"):
            volume.append(name, b"0123")
            volume.reserve(name, 1000)
            volume.append(name, b"45")
        volume.truncate("log-2", 6)
        volume.sync("log-1")
        volume.sync("log-2")
        again = reopened()
        found = again.read("log-1")
        assert found[:6] == b"012345"
        assert not found[6:].strip(b"\0")
        assert len(found) == again.size("log-1") <= 1000
        assert again.read("log-2") == b"012345"
        again.truncate("log-1", 6)
        assert again.append("log-1", b"6") == 6
        assert again.read("log-1") == b"0123456"

    def test_a_deleted_file_is_gone_and_deleting_again_does_nothing(self, volume: Volume) -> None:
        """Vacuum may repeat itself after a crash; a new file under the name begins empty."""
        volume.append("seg-1", b"1")
        volume.append("seg-2", b"2")
        volume.delete("seg-1")
        volume.delete("seg-1")
        volume.delete("seg-404")
        with pytest.raises(DataCorrupted):
            volume.read("seg-1")
        assert volume.names() == ["seg-2"]
        assert volume.append("seg-1", b"new") == 0
        assert volume.read("seg-1") == b"new"

    def test_small_files_are_replaced_as_a_whole(self, volume: Volume) -> None:
        """The last content counts, a shorter one leaves nothing of a longer one, and each has its own name."""
        volume.replace("manifest", b"a long manifest" * 10_000)
        volume.replace("manifest", b"short")
        assert volume.whole("manifest") == b"short"
        volume.replace("manifest", b"")
        assert volume.whole("manifest") == b""
        assert volume.whole("another") is None
        volume.replace("another", b"content")
        assert (volume.whole("manifest"), volume.whole("another")) == (b"", b"content")
        assert volume.names() == []
        for name in ("", "log-1", "../manifest", "Manifest", "manifest.new"):
            with pytest.raises(InternalFailure):
                volume.whole(name)
            with pytest.raises(InternalFailure):
                volume.replace(name, b"content")

    def test_everything_is_there_when_it_is_opened_again(self, volume: Volume, reopened: Callable[[], Volume]) -> None:
        """Files, their sizes, and the manifest; appending goes on where it ended."""
        volume.append("log-1", b"0123456789")
        volume.truncate("log-1", 8)
        volume.append("seg-1", b"x" * 100_000)
        volume.append("seg-2", b"gone")
        volume.sync("log-1")
        volume.delete("seg-2")
        volume.replace("manifest", b"manifest")
        again = reopened()
        assert again.whole("manifest") == b"manifest"
        assert again.names() == ["log-1", "seg-1"]
        assert again.size("seg-1") == 100_000
        assert again.append("log-1", b"x") == 8
        assert again.read("log-1") == b"01234567x"

    def test_a_volume_opened_for_reading_refuses_changes(
        self, volume: Volume, reopened_read_only: Callable[[], Volume]
    ) -> None:
        """And gives what is there."""
        volume.append("log-1", b"0123456789")
        volume.replace("manifest", b"manifest")
        again = reopened_read_only()
        assert again.read_only
        assert again.whole("manifest") == b"manifest"
        assert again.read("log-1", 1, 2) == b"12"
        changes: list[Callable[[], object]] = [
            lambda: again.append("log-1", b"x"),
            lambda: again.append("log-2", b"x"),
            lambda: again.truncate("log-1", 0),
            lambda: again.reserve("log-1", 100),
            lambda: again.sync("log-1"),
            lambda: again.delete("log-1"),
            lambda: again.replace("manifest", b"other"),
        ]
        for change in changes:
            with pytest.raises(ReadOnlySqlTransaction):
                change()
        assert again.names() == ["log-1"]
        assert again.whole("manifest") == b"manifest"

    def test_threads_read_while_one_appends(self, volume: Volume) -> None:
        """Many files, so that a bounded number of handles goes round."""
        names = [f"seg-{number}" for number in range(200)]
        for name in names:
            volume.append(name, name.encode() * 100)

        def read(start: int) -> bool:
            return all(
                volume.read(name, 0, 100 * len(name)) == name.encode() * 100 for name in names[start:] + names[:start]
            )

        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(read, start) for start in range(0, 200, 25)]
            for name in names:
                volume.append(name, b"more")
                volume.sync(name)
            assert all(answer.result() for answer in answers)
        assert all(volume.read(name) == name.encode() * 100 + b"more" for name in names)

    def test_a_file_grows_while_it_is_synced(self, volume: Volume) -> None:
        """One thread appends, another makes durable what is there."""
        volume.append("log-1", b"")
        with ThreadPoolExecutor(1) as pool:
            syncs = [pool.submit(volume.sync, "log-1") for _ in range(20)]
            offsets = []
            for number in range(200):
                if not number % 20:
                    volume.reserve("log-1", (number + 10) * 5)
                offsets.append(volume.append("log-1", b"%05d" % number))
            for sync in syncs:
                sync.result()
        assert offsets == list(range(0, 1000, 5))
        assert volume.read("log-1") == b"".join(b"%05d" % number for number in range(200))

    def test_closing_twice_does_nothing(self, volume: Volume) -> None:
        """A database may be closed by its user and again at the end of the process."""
        volume.close()
        volume.close()
