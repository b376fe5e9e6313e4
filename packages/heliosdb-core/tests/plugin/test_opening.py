"""What a plugin can do before a database is read: take options, keep small files, and have all bytes pass a codec."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase, connect
from heliosdb.database import Database
from heliosdb.encoding.codecs import codec_chain
from heliosdb.errors import DataCorrupted, DuplicateObject, FeatureNotSupported, InvalidParameterValue, UndefinedObject
from heliosdb.plugin import hookimpl
from heliosdb.spi import Opening, Retention
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume

SENTENCE = "nobody shall read this sentence in any file"


class Toy:
    """A stream cipher of no worth, which has what a real one needs: a salt in the header, and it checks the place."""

    name = "toy"

    def __init__(self, secret: bytes, parameters: Mapping[str, Any] | None = None) -> None:
        self.parameters = dict(parameters or {"salt": os.urandom(8).hex(), "package": "heliosdb-toy"})
        self._key = hashlib.sha256(secret + bytes.fromhex(self.parameters["salt"])).digest()

    def _turned(self, chunk: bytes, associated: bytes) -> bytes:
        stream = hashlib.shake_128(self._key + associated).digest(len(chunk))
        return bytes(a ^ b for a, b in zip(chunk, stream, strict=True))

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        return self._turned(chunk + hashlib.sha256(self._key + chunk).digest()[:8], associated)

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        found = self._turned(chunk, associated)
        if hashlib.sha256(self._key + found[:-8]).digest()[:8] != found[-8:]:
            raise DataCorrupted("a chunk is not what was encoded, or stands elsewhere")
        return found[:-8]


def toys(made: list[Toy] | None = None) -> ModuleType:
    """Return a plugin that takes the option ``toy.secret``, and remembers in the volume that there was one."""
    module = ModuleType("toys")

    def database_opening(opening: Opening) -> None:
        secret = opening.take("toy.secret")
        if secret is None:
            if opening.volume.whole("toy") is not None:
                raise InvalidParameterValue("toy.secret is missing")
            return
        if opening.is_new:
            opening.volume.replace("toy", b"here")

        def make(parameters: Mapping[str, Any] | None = None) -> Toy:
            toy = Toy(secret, parameters)
            if parameters is None and made is not None:
                made.append(toy)
            return toy

        opening.add_codec("toy", make)

    module.database_opening = hookimpl(database_opening)  # type: ignore[attr-defined]
    return module


def opened(path: str, secret: bytes | None = b"secret", **options: Any) -> EmbeddedDatabase:
    config = Config(options={} if secret is None else {"toy.secret": secret}, **options)
    return EmbeddedDatabase(path, config=config, plugins=[toys()], strict=True)


def raw(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def fill(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE telling_name (id int PRIMARY KEY, body text UNIQUE)")
    database.execute("INSERT INTO telling_name SELECT g, $1 || g FROM generate_series(1, 5000) g", (SENTENCE,))
    database.execute("UPDATE telling_name SET body = body || ' again' WHERE id % 7 = 0")


def test_everything_in_the_folder_passes_the_codec(tmp_path: Path) -> None:
    path = tmp_path / "d"
    expected = [(g, f"{SENTENCE}{g}" + " again" * (g % 7 == 0)) for g in range(1, 5001)]
    with opened(str(path)) as database:
        fill(database)
        # In the log alone, and then in segments, index runs and a manifest.
        for step in (
            "SELECT 1",
            "CHECKPOINT",
            "VACUUM",
            "INSERT INTO telling_name VALUES (0, 'the sentence in the log')",
        ):
            database.execute(step)
            content = raw(path)
            assert len(content) > 5_000
            for secret in (b"nobody shall", b"telling_name", b"the sentence in"):
                assert secret not in content, step
        database.execute("DELETE FROM telling_name WHERE id = 0")
    for _ in range(3):
        with opened(str(path)) as database:
            assert database.query("SELECT * FROM telling_name ORDER BY id") == expected
            assert database.query("SELECT id FROM telling_name WHERE body = $1", (f"{SENTENCE}3",)) == [(3,)]
            database.execute("UPDATE telling_name SET body = body WHERE id = 5")
    assert b"nobody shall" not in raw(path)


def test_opening_again_and_again_leaves_no_logs_behind(tmp_path: Path) -> None:
    volume = FaultyVolume()
    for _ in range(5):
        database = Database(volume=volume, options={"toy.secret": b"secret"}, plugins=[toys()], strict=True)
        volume = volume.kill()
    assert len([name for name in volume.names() if name.startswith("log-")]) <= 2
    assert not database.closed


def test_what_the_codec_refuses_names_the_file(tmp_path: Path) -> None:
    with opened(str(tmp_path / "d")) as database:
        fill(database)
    with pytest.raises(InvalidParameterValue, match="is missing"):
        opened(str(tmp_path / "d"), None)
    with pytest.raises(DataCorrupted, match="manifest"):
        opened(str(tmp_path / "d"), b"another")


def test_who_does_not_have_the_codec_is_told_the_package(tmp_path: Path) -> None:
    with opened(str(tmp_path / "d")) as database:
        fill(database)
    with pytest.raises(FeatureNotSupported, match='"toy" is in the package heliosdb-toy') as raised:
        connect(str(tmp_path / "d"), plugins=[])
    assert raised.value.hint == "pip install heliosdb-toy"
    for strange in ("x; rm -rf", "--index-url=http://x", 7, ""):
        with pytest.raises(UndefinedObject):
            codec_chain(["toy"], find=missing, parameters={"toy": {"package": strange}})


def missing(name: str) -> Any:
    raise UndefinedObject(f'codec "{name}" does not exist')


def test_temporary_files_lie_in_the_folder_and_pass_the_codec_but_no_compression(tmp_path: Path) -> None:
    made: list[Toy] = []
    path = str(tmp_path / "d")
    config = Config(options={"toy.secret": b"secret"})
    with EmbeddedDatabase(path, config=config, plugins=[toys(made)], strict=True) as database:
        fill(database)
        assert database.database.temporary.folder == path
        assert database.database.temporary.codecs.names == ("toy",)
        database.execute("SET work_mem = '64kB'")
        before = len(made)
        rows = database.query("SELECT body FROM telling_name ORDER BY body DESC")
        assert rows == sorted(rows, reverse=True)
        assert len(made) > before
    in_memory = EmbeddedDatabase(":memory:", config=config, plugins=[toys()], strict=True)
    assert in_memory.database.temporary.folder is None
    assert in_memory.database.temporary.codecs.names == ("toy",)


def test_what_a_killed_process_left_of_temporary_files_goes_at_the_next_opening(tmp_path: Path) -> None:
    with opened(str(tmp_path / "d")) as database:
        fill(database)
    (tmp_path / "d" / "heliosdb-temporary-12345-7").write_bytes(b"left over")
    (tmp_path / "d" / "heliosdb.other.new").write_bytes(b"left over")
    opened(str(tmp_path / "d")).close()
    left = [name for name in os.listdir(tmp_path / "d") if "temporary" in name or name.endswith(".new")]
    assert left == []


def test_archives_pass_the_codec_and_are_read_with_it(tmp_path: Path) -> None:
    with opened(str(tmp_path / "d")) as database:
        fill(database)
        expected = database.query("SELECT * FROM telling_name ORDER BY id")
        database.execute(f"BACKUP TO '{tmp_path / 'archive'}'")
    content = (tmp_path / "archive").read_bytes()
    assert (b'"toy"' in content, b"nobody shall" in content, b"telling_name" in content) == (True, False, False)
    with opened(str(tmp_path / "other")) as database:
        database.execute(f"RESTORE FROM '{tmp_path / 'archive'}'")
        assert database.query("SELECT * FROM telling_name ORDER BY id") == expected


def test_what_leaves_the_codec_behind_says_so(tmp_path: Path) -> None:
    with opened(str(tmp_path / "d")) as database:
        fill(database)
        script, archive = tmp_path / "script.sql", tmp_path / "archive"
        with pytest.raises(FeatureNotSupported, match="a script is plain text") as raised:
            database.execute(f"BACKUP TO '{script}'")
        assert raised.value.hint is not None
        assert '"plain"' in raised.value.hint
        assert not script.exists()
        database.execute(f"BACKUP TO '{script}' WITH (plain)")
        database.execute(f"BACKUP TO '{archive}' WITH (plain, compression = none)")
    assert SENTENCE in script.read_text()
    assert SENTENCE.encode() in archive.read_bytes()
    assert b'"toy"' not in archive.read_bytes()
    with EmbeddedDatabase(":memory:", plugins=[]) as database:
        database.execute(f"RESTORE FROM '{archive}'")
        assert database.query("SELECT count(*) FROM telling_name") == [(5000,)]


def test_a_codec_is_added_once_and_an_option_is_taken_once(tmp_path: Path) -> None:
    with pytest.raises(DuplicateObject, match='codec "toy"'):
        EmbeddedDatabase(":memory:", config=Config(options={"toy.secret": b"x"}), plugins=[twice()], strict=True)


def twice() -> ModuleType:
    module = ModuleType("twice")

    def database_opening(opening: Opening) -> None:
        assert opening.take("toy.secret") == b"x"
        assert opening.take("toy.secret") is None
        for _ in range(2):
            opening.add_codec("toy", lambda parameters=None: Toy(b"x", parameters))

    module.database_opening = hookimpl(database_opening)  # type: ignore[attr-defined]
    return module


def test_an_option_that_nobody_takes_is_refused() -> None:
    for name in ("toy.secret", "toyy.x", "another"):
        with pytest.raises(UndefinedObject, match=f'"{name}"'):
            connect(config=Config(options={name: 1}), plugins=[])


# -- codecs that change while the database is open --------------------------------------------------------------------


def generations(current: list[int]) -> ModuleType:
    """Return a plugin whose codec has a number in its parameters; files of another than the current one are old."""
    module = ModuleType("generations")

    def database_opening(opening: Opening) -> None:
        def make(parameters: Mapping[str, Any] | None = None) -> Toy:
            number = current[0] if parameters is None else parameters["number"]
            toy = Toy(b"%d" % number, parameters)
            toy.parameters["number"] = number
            return toy

        make.is_current = lambda parameters: parameters["number"] == current[0]  # type: ignore[attr-defined]
        opening.add_codec("toy", make)

    module.database_opening = hookimpl(database_opening)  # type: ignore[attr-defined]
    return module


def numbers(folder: Path) -> set[int]:
    return {int(number) for number in re.findall(rb'"number":(\d+)', raw(folder))}


def test_files_whose_codec_is_out_of_date_are_written_anew_while_the_database_is_used(tmp_path: Path) -> None:
    current, folder = [1], tmp_path / "d"
    open_it = partial(EmbeddedDatabase, str(folder), plugins=[generations(current)], strict=True)
    with open_it() as database:
        fill(database)
        database.execute("CREATE TABLE other AS SELECT g AS n FROM generate_series(1, 100) g")
        database.execute("CHECKPOINT")
    expected = [(g, f"{SENTENCE}{g}" + " again" * (g % 7 == 0)) for g in range(1, 5001)]
    with open_it() as database:
        assert numbers(folder) == {1}
        current[0] = 2
        database.execute("INSERT INTO other VALUES (101)")
        told: list[tuple[int, int]] = []
        maintenance = database.database.store.maintenance
        assert maintenance is not None
        assert maintenance.rewrite(lambda done, files: told.append((done, files))) == 0
        assert numbers(folder) == {2}
        assert told == sorted(told)
        assert told[-1][0] == told[-1][1] > 2
        assert maintenance.rewrite(lambda done, files: told.clear()) == 0
        assert told
        assert database.query("SELECT * FROM telling_name ORDER BY id") == expected
    with open_it() as database:
        assert database.query("SELECT * FROM telling_name ORDER BY id") == expected
        assert database.query("SELECT id FROM telling_name WHERE body = $1", (f"{SENTENCE}3",)) == [(3,)]
        assert database.query("SELECT count(*) FROM other") == [(101,)]
        assert verify(database.database).problems == ()


def test_a_file_that_passed_another_codec_is_not_taken_for_one_of_the_database(tmp_path: Path) -> None:
    with opened(str(tmp_path / "d")) as database:
        fill(database)
    with EmbeddedDatabase(str(tmp_path / "plain"), plugins=[]) as database:
        fill(database)
    shutil.copy(tmp_path / "plain" / "heliosdb.manifest", tmp_path / "d" / "heliosdb.manifest")
    with pytest.raises(DataCorrupted, match=r'manifest.*has not passed the codec "toy"'):
        opened(str(tmp_path / "d"))


def test_a_file_in_the_place_of_another_is_damage(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "d"), plugins=[]) as database:
        fill(database)
        database.execute("CREATE TABLE other AS SELECT * FROM telling_name")
        database.execute("CHECKPOINT")
    segments = sorted((tmp_path / "d").glob("segment-*"), key=lambda file: file.stat().st_size)[-2:]
    first, second = (segment.read_bytes() for segment in segments)
    segments[0].write_bytes(second)
    segments[1].write_bytes(first)
    with EmbeddedDatabase(str(tmp_path / "d"), plugins=[]) as database:
        for table in ("telling_name", "other"):
            with pytest.raises(DataCorrupted, match="segment-"):
                database.query(f"SELECT sum(length(body)) FROM {table}")


def test_an_old_manifest_that_was_put_back_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    with EmbeddedDatabase(str(folder), plugins=[]) as database:
        fill(database)
        database.execute("CHECKPOINT")
        old = (folder / "heliosdb.manifest").read_bytes()
        database.execute("DELETE FROM telling_name WHERE id > 10")
        database.execute("CHECKPOINT")
    (folder / "heliosdb.manifest").write_bytes(old)
    with pytest.raises(DataCorrupted, match=r'file "log-\d+" is missing'):
        EmbeddedDatabase(str(folder), plugins=[])


def test_what_a_plugin_attaches_lives_as_long_as_the_database(tmp_path: Path) -> None:
    seen: list[str] = []
    module = ModuleType("attaching")

    def database_opening(opening: Opening) -> None:
        opening.attach("attaching", seen)
        opening.on_close(lambda: seen.append("closed"))
        if opening.take("attaching.fail"):
            raise InvalidParameterValue("no")

    module.database_opening = hookimpl(database_opening)  # type: ignore[attr-defined]
    module.database_closing = hookimpl(lambda database: database.attached["attaching"].append("closing"))  # type: ignore[attr-defined]
    with EmbeddedDatabase(str(tmp_path / "d"), plugins=[module], strict=True) as database:
        assert database.database.attached["attaching"] is seen
        assert seen == []
    assert seen == ["closing", "closed"]
    with pytest.raises(InvalidParameterValue):
        EmbeddedDatabase(":memory:", config=Config(options={"attaching.fail": 1}), plugins=[module], strict=True)
    assert seen == ["closing", "closed", "closed"]


class TestRetain:
    """What a plugin says that is kept where the database does not say so itself."""

    @staticmethod
    def keeping(retention: Retention, times: int = 1) -> ModuleType:
        module = ModuleType("keeping")
        module.database_opening = hookimpl(lambda opening: [opening.retain(retention) for _ in range(times)])  # type: ignore[attr-defined]
        return module

    @staticmethod
    def held(path: Path, *plugins: ModuleType) -> dict[int, Retention]:
        with EmbeddedDatabase(str(path), plugins=list(plugins), strict=True) as database:
            return database.database.history.retentions()

    def test_a_database_that_is_made_is_told(self, tmp_path: Path) -> None:
        assert self.held(tmp_path / "d", self.keeping(Retention(7))) == {0: Retention(7)}
        assert self.held(tmp_path / "d") == {0: Retention(7)}
        assert self.held(tmp_path / "d", self.keeping(Retention(8))) == {0: Retention(7)}

    def test_any_other_goes_by_it_while_it_is_open(self, tmp_path: Path) -> None:
        assert self.held(tmp_path / "d") == {}
        assert self.held(tmp_path / "d", self.keeping(Retention(7))) == {0: Retention(7)}
        assert self.held(tmp_path / "d") == {}

    def test_what_has_been_told_goes_first_and_what_is_taken_back_gives_way(self, tmp_path: Path) -> None:
        keeping = self.keeping(Retention(7))
        with EmbeddedDatabase(str(tmp_path / "d"), plugins=[keeping], strict=True) as database:
            history = database.database.history
            history.retain(Retention(0))
            assert database.database.store.needed(16384) == ()
            history.retain(None)
            assert history.retentions() == {0: Retention(7)}
            assert database.database.store.needed(16384) is None
        assert self.held(tmp_path / "d") == {}

    def test_one_plugin_says_it(self, tmp_path: Path) -> None:
        with pytest.raises(DuplicateObject, match="said twice"):
            self.held(tmp_path / "d", self.keeping(Retention(7), times=2))
