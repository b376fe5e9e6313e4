"""Completion: what is offered where the cursor stands."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from command_line import Talk
from heliosdb.cli.completion import SqlCompleter


@pytest.fixture
def shop(talk: Talk) -> Talk:
    talk(
        'CREATE TABLE customer (id int, "Full Name" text, city text);\n'
        "CREATE SCHEMA archive;\nCREATE TABLE archive.customer (old_id int);\n"
        "CREATE TABLE item (id int, price numeric);\n"
    )
    return talk


def offered(talk: Talk, text: str) -> list[str]:
    """Return what is offered at the mark | in a text."""
    before, _, after = text.partition("|")
    document = Document(before + after, len(before))
    completions = SqlCompleter(talk.shell).get_completions(document, CompleteEvent(completion_requested=True))
    return [completion.text for completion in completions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM cust|", ["customer"]),
        ("SELECT * FROM item JOIN cust|", ["customer"]),
        ("INSERT INTO it|", ["item"]),
        ("SELECT * FROM archive.|", ["customer"]),
        ("SELECT c.| FROM customer c", ["id", '"Full Name"', "city"]),
        ("SELECT customer.ci| FROM customer", ["city"]),
        ("SELECT c.ol| FROM archive.customer AS c", ["old_id"]),
        ("SELECT x.| FROM customer c", []),
        ("SELECT pri| FROM item", ["price", "primary", "prior", "privileges"]),
        ("SELECT PRIM|", ["PRIMARY"]),
        ("SELECT jsonb_object_ag|", ["jsonb_object_agg"]),
        ("SET default_transaction_re|", ["default_transaction_read_only"]),
        ("SHOW work_m|", ["work_mem"]),
        ("UPDATE item SET pri|", ["price", "primary", "prior", "privileges"]),
        ("SELECT |", []),
        ("", []),
        ("SELECT 'don''t fro|", ["from"]),
        ("\\conn|", ["\\connect", "\\conninfo"]),
        ("\\d cust|", ["customer"]),
        ("\\dt+ it|", ["item"]),
        ("\\h create ta|", ["CREATE TABLE", "CREATE TABLE AS"]),
        ("\\pset fo|", ["footer", "format"]),
        ("\\x |", ["on", "off"]),
        ("\\nonsense x|", []),
    ],
)
def test_what_may_stand_at_the_cursor(shop: Talk, text: str, expected: list[str]) -> None:
    assert offered(shop, text) == expected


def test_every_command_is_offered_after_the_backslash(shop: Talk) -> None:
    assert {"\\d", "\\copy", "\\q", "\\timing"} <= set(offered(shop, "\\|"))


def test_files_are_offered_to_commands_that_take_one(shop: Talk) -> None:
    (shop.folder / "script.sql").touch()
    assert offered(shop, "\\i scr|") == ["ipt.sql"]


def test_the_lines_before_count(shop: Talk) -> None:
    assert offered(shop, "SELECT *\nFROM customer c\nWHERE c.ci|\nORDER BY 1") == ["city"]


def test_a_failed_transaction_does_not_break_completion(shop: Talk) -> None:
    shop("BEGIN;\nSELECT 1/0;\n")
    assert "SELECT" in offered(shop, "SEL|")
    assert isinstance(offered(shop, "SELECT * FROM cust|"), list)
