"""The bar of long works: drawn where there is a terminal, with a total where that is known."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from heliosdb.cli import counting as module
from heliosdb.cli.counting import counting


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    shown = Screen()
    monkeypatch.setattr(module, "PATIENCE", 0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return shown


def test_bytes_of_the_place_fill_a_bar(screen: Screen) -> None:
    with redirect_stderr(screen), counting("big.csv", 1000, is_bytes=True) as counter:
        counter("big.csv", 250)
        counter("big.csv", 750)
    assert counter.amount == 1000
    assert "1000/1000" in screen.getvalue()


def test_rows_have_no_total_where_bytes_are_known(screen: Screen) -> None:
    with redirect_stderr(screen), counting("big.hda", 1000, is_bytes=True) as counter:
        counter("table data public.t", 5000)
    assert "5000/?" in screen.getvalue()
    with redirect_stderr(screen), counting("app.db", 9000) as counter:
        counter("table data public.t", 9000)
    assert "9000/9000" in screen.getvalue()


def test_nothing_is_drawn_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("big.csv", 1000) as counter:
        counter("big.csv", 1000)
    assert capsys.readouterr().err == ""
    assert counter.seconds > 0


def test_the_bar_is_taken_away_at_the_end(screen: Screen) -> None:
    with redirect_stderr(screen), counting("big.csv", 10) as counter:
        counter("big.csv", 1)
    # The cursor is shown again, and the line is empty.
    assert screen.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")
