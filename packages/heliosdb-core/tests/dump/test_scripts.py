"""Dumps as SQL: what goes out comes back, of one moment, and as much of it as was asked for."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.dump import DumpOptions, backup, dump_script, restore
from heliosdb.errors import (
    CharacterNotInRepertoire,
    DataCorrupted,
    DuplicateTable,
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    SqlSyntaxError,
    UndefinedTable,
)

fresh = EmbeddedDatabase.new_in_memory


def text_of(database: EmbeddedDatabase) -> str:
    return "".join(dump_script(database))


def script(text: str | bytes) -> io.BytesIO:
    return io.BytesIO(text.encode() if isinstance(text, str) else text)


def test_a_dump_makes_an_equal_database(everything: EmbeddedDatabase) -> None:
    text = text_of(everything)
    with fresh() as other:
        report = restore(other, script(text))
        assert text_of(other) == text
    assert report.rows == 25
    assert report.skipped == {}


@pytest.mark.parametrize("rows_per_insert", [1, 3])
def test_insert_statements_make_an_equal_database(everything: EmbeddedDatabase, rows_per_insert: int) -> None:
    text = "".join(dump_script(everything, DumpOptions(inserts=True, rows_per_insert=rows_per_insert)))
    assert "FROM stdin" not in text
    with fresh() as other:
        restore(other, script(text))
        assert text_of(other) == text_of(everything)


def test_the_schema_and_the_rows_apart_make_an_equal_database(everything: EmbeddedDatabase) -> None:
    # References in circles cannot be filled table by table.
    everything.execute("ALTER TABLE hen DROP CONSTRAINT laid")
    everything.execute("ALTER TABLE dropped DROP CONSTRAINT unproven")
    with fresh() as other:
        restore(other, script("".join(dump_script(everything, DumpOptions(schema_only=True)))))
        assert other.query("SELECT count(*) FROM kinds")[0][0] == 0
        restore(other, script("".join(dump_script(everything, DumpOptions(data_only=True)))))
        assert text_of(other) == text_of(everything)


def test_clean_replaces_what_is_there(everything: EmbeddedDatabase) -> None:
    text = "".join(dump_script(everything, DumpOptions(clean=True)))
    for database in (everything, fresh()):
        careful = "".join(dump_script(everything, DumpOptions(clean=True, if_exists=True)))
        restore(database, script(careful))
        everything.execute("DELETE FROM kinds")
        restore(database, script(text))
        assert database.query("SELECT count(*) FROM kinds")[0][0] == 7
        restore(everything, script(text))
    with fresh() as empty, pytest.raises(Error) as caught:
        restore(empty, script(text))
    assert caught.value.sqlstate in ("3F000", "42P01")


def test_existing_tables_are_refused_and_left_as_they_are(everything: EmbeddedDatabase) -> None:
    text = "".join(dump_script(everything, DumpOptions(tables=("public.kinds",))))
    with fresh() as other:
        other.execute("CREATE TABLE kinds (a int)")
        other.execute("INSERT INTO kinds VALUES (1)")
        with pytest.raises(DuplicateTable) as caught:
            restore(other, script(text))
        assert "line " in (caught.value.context or "")
        assert other.query("SELECT * FROM kinds") == [(1,)]


def test_a_pattern_chooses_tables(everything: EmbeddedDatabase) -> None:
    def tables(*patterns: str, **more: tuple[str, ...]) -> set[str]:
        text = "".join(dump_script(everything, DumpOptions(tables=patterns, **more)))  # type: ignore[arg-type]
        return {line.split(" (")[0].removeprefix("COPY ") for line in text.splitlines() if line.startswith("COPY ")}

    assert tables("KINDS") == {"public.kinds"}
    assert tables("shop.*") == {"shop.customer", "shop.purchase"}
    assert tables("?e?", "egg") == {"public.hen", "public.egg"}
    assert tables('"Odd ""schema"" – ü".*') == {'"Odd ""schema"" – ü"."Table; DROP TABLE t"'}
    assert tables("shop.*", exclude_tables=("*chase",)) == {"shop.customer"}
    assert tables(schemas=("shop",)) == {"shop.customer", "shop.purchase"}
    for wrong in ("absent", "public.absent", "KINDS?"):
        with pytest.raises(UndefinedTable, match="no matching tables"):
            tables(wrong)
    for improper in ("a.b.c", "", "a.", '"open'):
        with pytest.raises(InvalidParameterValue):
            tables(improper)


def test_a_chosen_table_comes_with_its_sequence_and_keys(everything: EmbeddedDatabase) -> None:
    text = "".join(dump_script(everything, DumpOptions(tables=("tree",))))
    with fresh() as other:
        restore(other, script(text))
        assert other.query("SELECT id, parent FROM tree ORDER BY id") == [(1, None), (2, 3), (3, 1)]
        with pytest.raises(Error) as caught:
            other.execute("INSERT INTO tree VALUES (9, 100)")
        assert caught.value.sqlstate == "23503"
    with fresh() as counting:
        counting.execute("CREATE TABLE c (id serial, x text)")
        counting.execute("INSERT INTO c (x) VALUES ('a'), ('b')")
        text = "".join(dump_script(counting, DumpOptions(tables=("c",))))
    with fresh() as other:
        restore(other, script(text))
        other.execute("INSERT INTO c (x) VALUES ('c')")
        assert other.query("SELECT id FROM c ORDER BY id") == [(1,), (2,), (3,)]


def test_a_dump_is_of_one_moment(everything: EmbeddedDatabase) -> None:
    before = text_of(everything)
    pieces = dump_script(everything)
    read = [next(pieces)]
    everything.execute("INSERT INTO tree VALUES (100, NULL)")
    everything.execute("CREATE TABLE newer (a int)")
    everything.execute("COMMENT ON TABLE kinds IS 'changed'")
    everything.execute("CREATE INDEX ON kinds (i4)")
    read.extend(pieces)
    assert "".join(read) == before
    assert "newer" in text_of(everything)


def test_a_dump_does_not_wait_for_writers_nor_they_for_it(everything: EmbeddedDatabase) -> None:
    with everything.begin_transaction() as writer:
        writer.execute("UPDATE tree SET parent = NULL")
        pieces = dump_script(everything)
        text = "".join(pieces)
        writer.execute("DELETE FROM tree")
        writer.commit()
    assert "3\t1\n2\t3\n" in text


def test_choices_that_contradict_each_other_are_refused(everything: EmbeddedDatabase) -> None:
    for options in (
        DumpOptions(schema_only=True, data_only=True),
        DumpOptions(clean=True, data_only=True),
        DumpOptions(if_exists=True),
        DumpOptions(rows_per_insert=0),
    ):
        with pytest.raises(InvalidParameterValue):
            list(dump_script(everything, options))


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("SELEC 1;", SqlSyntaxError, "syntax error"),
        (
            "CREATE TABLE t (a int);\n\nCOPY t FROM stdin;\n1\n2\n",
            DataCorrupted,
            "line 6: the file ends within the rows",
        ),
        ("CREATE TABLE t (a int);\nCOPY t FROM stdin;\nx\n\\.\n", Error, "invalid input syntax for type integer"),
        ("-- PostgreSQL database dump\n\nSELECT 1;\n", DataCorrupted, "the dump ends early, at line 4"),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\n", FeatureNotSupported, "cannot end it itself"),
        ("\\connect other\n", FeatureNotSupported, "line 1: the meta-command"),
        (b"SELECT '\xff';", CharacterNotInRepertoire, "line 1: invalid byte sequence"),
        (b"SELECT 1;\nSELECT '\x00';", CharacterNotInRepertoire, "line 2: invalid byte sequence"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, CharacterNotInRepertoire, "line 1: invalid byte sequence"),
    ],
)
def test_a_wrong_script_changes_nothing(text: str | bytes, error: type[Error], words: str) -> None:
    with fresh() as database:
        database.execute("CREATE TABLE kept (a int)")
        before = text_of(database)
        with pytest.raises(error, match=words):
            restore(database, script(text))
        assert text_of(database) == before


def test_an_error_says_which_line_of_which_file(tmp_path: Path) -> None:
    path = tmp_path / "wrong.sql"
    path.write_text("CREATE TABLE t (a int);\n\n-- a comment\nINSERT INTO t\nVALUES ('x');\n")
    with fresh() as database, pytest.raises(Error) as caught:
        restore(database, str(path))
    assert caught.value.sqlstate == "22P02"
    assert caught.value.context == f"line 4 of {path}"


def test_an_empty_script_is_an_empty_dump() -> None:
    with fresh() as database:
        for text in ("", "\n\n", "-- nothing", "/* nothing */", "\ufeff"):
            assert restore(database, script(text)).objects == 0


def test_what_is_not_supported_is_left_out_where_that_is_asked_for() -> None:
    text = """CREATE TABLE t (a int);
        CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING;
        CREATE TABLE u (a int) PARTITION BY RANGE (a);
        GRANT ALL ON TABLE t TO PUBLIC;
        GRANT SELECT ON TABLE t TO somebody;
        GRANT SELECT (a) ON TABLE t TO PUBLIC;
        GRANT EXECUTE ON FUNCTION f() TO PUBLIC;
        SET SESSION AUTHORIZATION somebody;
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
        ALTER TABLE ONLY t ALTER COLUMN a SET STATISTICS 10;
        INSERT INTO t VALUES (1);"""
    with fresh() as database:
        with pytest.raises(FeatureNotSupported):
            restore(database, script(text))
        report = restore(database, script(text), skip_unsupported=True)
        assert database.query("SELECT a FROM t") == [(1,)]
        assert report.skipped == {"CREATE RULE": 1, "CREATE TABLE": 1, "privileges": 5, "storage hints": 1}
        assert database.query("SELECT has_table_privilege('public', 't', 'DELETE')") == [(True,)]


def test_rows_are_read_wherever_the_pieces_end() -> None:
    """Ends of lines, of the mark, of characters: the file comes in pieces of any size."""
    lines = "".join(f"{n}\tü{n}\\\\.\n" for n in range(300))
    text = f"CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n{lines}\\.\n\nSELECT 1;\n".encode()

    class Slow(io.BytesIO):
        step = 1

        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(self.step)

        def seekable(self) -> bool:
            return True

    for step in (1, 2, 3, 7, 11, 64):
        with fresh() as database:
            file = Slow(text)
            file.step = step
            # The first bytes tell the format; a step below their number makes it a script all the same.
            restore(database, file)
            assert database.query("SELECT count(*), max(length(b)) FROM t")[0] == (300, 6)


def test_a_script_with_windows_line_ends_is_the_same() -> None:
    text = "CREATE TABLE t (a int, b text);\r\nCOPY t FROM stdin;\r\n1\tx\r\n\\.\r\nSELECT 1;\r\n"
    with fresh() as database:
        restore(database, script(text))
        assert database.query("SELECT a, b FROM t") == [(1, "x")]


def test_temporary_objects_stay_behind(everything: EmbeddedDatabase) -> None:
    everything.execute("CREATE TEMPORARY TABLE here_only (a int)")
    assert "here_only" not in text_of(everything)


def test_backup_writes_what_dump_script_yields(everything: EmbeddedDatabase, tmp_path: Path) -> None:
    path = tmp_path / "all.sql"
    report = backup(everything, str(path))
    assert path.read_text() == text_of(everything)
    assert (report.tables, report.rows) == (11, 25)


@pytest.mark.parametrize("archived", [False, True])
def test_rows_are_committed_in_steps_where_that_is_asked_for(everything: EmbeddedDatabase, archived: bool) -> None:
    everything.execute("INSERT INTO tree SELECT n FROM generate_series(10, 5000) n")
    file = io.BytesIO()
    backup(everything, file, file_format="archive" if archived else "sql")
    file.seek(0)
    with fresh() as other:
        before = other.database.store.last_scn
        report = restore(other, file, commit_rows=1000)
        assert report.rows == 25 + 4991
        assert text_of(other) == text_of(everything)
        assert other.database.store.last_scn > before + 1


def test_many_inserts_are_one_and_their_error_is_that_of_one(tmp_path: Path) -> None:
    rows = "".join(f"INSERT INTO t (a, b) VALUES ({n}, 'it''s; {n}');\n" for n in range(1200))
    made = "CREATE TABLE t (a int PRIMARY KEY, b text, c numeric DEFAULT 1.5);\n"
    with fresh() as database:
        assert restore(database, script(made + rows + "SELECT count(*) FROM t;\n")).rows == 1200
        assert database.query("SELECT count(*), min(b), sum(c) FROM t")[0][:2] == (1200, "it's; 0")
    for wrong, state, line in (
        ("INSERT INTO t (a, b) VALUES (7, 'again');\n", "23505", 702),
        ("INSERT INTO t (a, b) VALUES ('x', 'y');\n", "22P02", 702),
        ("INSERT INTO t (a, b) VALUES (5000);\n", "42601", 702),
    ):
        text = made + "".join(rows.splitlines(keepends=True)[:700]) + wrong + rows
        with fresh() as database, pytest.raises(Error) as caught:
            restore(database, script(text))
        assert (caught.value.sqlstate, caught.value.context) == (state, f"line {line} of the file")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1, DEFAULT)",
        "INSERT INTO t VALUES (1, 'a' || 'b')",
        "INSERT INTO t SELECT 1, 'x'",
        "INSERT INTO t DEFAULT VALUES",
        "INSERT INTO t VALUES (1, 'x') ON CONFLICT DO NOTHING",
        "INSERT INTO t VALUES (1, 'x') RETURNING (a)",
        "INSERT INTO t VALUES (1, E'a\\tb\\'')",
        "INSERT INTO t VALUES (1, 'back\\slash'), (2, NULL)",
        "insert into public.t(b, a) values ('x''y', -1.0e0), ($$z$$, 2)",
        "INSERT INTO t VALUES (1, 'a'\n'b')",
        "INSERT INTO t VALUES (1, -- why\n 'x')",
        "WITH w AS (SELECT 1) INSERT INTO t SELECT 1, 'x'",
    ],
)
def test_inserts_of_any_form_do_what_they_say(statement: str) -> None:
    made = "CREATE TABLE t (a int, b text DEFAULT 'none');"
    with fresh() as straight, fresh() as restored:
        for text in (made, statement, statement):
            straight.execute(text)
        restore(restored, script(f"{made}\n{statement};\n{statement};\n"))
        assert text_of(restored) == text_of(straight)


def test_a_database_on_disk_is_dumped_like_one_in_memory(everything: EmbeddedDatabase, tmp_path: Path) -> None:
    text = text_of(everything)
    path = str(tmp_path / "all.db")
    with EmbeddedDatabase(path) as made:
        restore(made, script(text))
        assert text_of(made) == text
        made.execute(f"BACKUP TO '{tmp_path / 'all.hda'}'")
    with EmbeddedDatabase(path) as opened:
        assert text_of(opened) == text
    with EmbeddedDatabase(str(tmp_path / "copy.db")) as copy:
        copy.execute(f"RESTORE FROM '{tmp_path / 'all.hda'}'")
        with pytest.raises(DuplicateTable):
            restore(copy, script("CREATE TABLE fresh (a int);\nCREATE TABLE hen (a int);\n"))
    with EmbeddedDatabase(str(tmp_path / "copy.db")) as opened:
        assert text_of(opened) == text
