"""What the store relies on in a volume: blobs that stay what they are, and a manifest that is whole."""

from __future__ import annotations

import pytest

from heliosdb.spi import Volume

__all__ = ["VolumeSuite"]


class VolumeSuite:
    """Subclass it and override the fixture ``volume`` so that it gives a new, empty volume."""

    @pytest.fixture
    def volume(self) -> Volume:
        """A new volume."""
        raise NotImplementedError("override the fixture volume")

    def test_a_new_volume_is_empty(self, volume: Volume) -> None:
        """There is no manifest, and no blob."""
        assert volume.manifest() is None
        with pytest.raises(KeyError):
            volume.get("anything")

    def test_blobs_come_back_as_they_were(self, volume: Volume) -> None:
        """Every byte, whatever the size, under any name that the store makes."""
        contents = {"a": b"", "segments/0001": bytes(range(256)), "b.2": b"\x00" * 100_000}
        for name, content in contents.items():
            volume.put(name, content)
        assert {name: volume.get(name) for name in contents} == contents

    def test_a_deleted_blob_is_gone_and_deleting_again_does_nothing(self, volume: Volume) -> None:
        """Vacuum may repeat itself after a crash."""
        volume.put("a", b"1")
        volume.put("b", b"2")
        volume.delete("a")
        volume.delete("a")
        volume.delete("never there")
        with pytest.raises(KeyError):
            volume.get("a")
        assert volume.get("b") == b"2"

    def test_the_manifest_is_replaced_as_a_whole(self, volume: Volume) -> None:
        """The last one counts, a shorter one leaves nothing of a longer one."""
        volume.replace_manifest(b"a long manifest")
        volume.replace_manifest(b"short")
        assert volume.manifest() == b"short"
        volume.replace_manifest(b"")
        assert volume.manifest() == b""

    def test_log_positions_rise_where_there_is_a_log(self, volume: Volume) -> None:
        """``append`` returns the position after the record; a volume without a log takes records and forgets them."""
        positions = [volume.append(b"x" * size) for size in (1, 0, 1000)]
        volume.sync()
        if volume.keeps_log:
            assert positions == sorted(set(positions))
        else:
            assert len(positions) == 3
