"""A part of SQLAlchemy's compliance suite; ``make clients`` runs all of it."""

from __future__ import annotations

import pytest

from tests.clients.compliance.__main__ import in_the_process, over_the_server

PART = "not ComponentReflectionTest and not IntegerTest and not NumericTest and not BinaryTest"


@pytest.mark.timeout(600)
def test_the_dialect_in_the_process_passes_sqlalchemys_suite() -> None:
    outcome = in_the_process("-k", PART)
    assert not outcome.failed, outcome.output
    assert len(outcome.passed) > 400


@pytest.mark.timeout(600)
def test_sqlalchemys_dialect_of_postgresql_passes_its_suite_over_the_server() -> None:
    outcome = over_the_server("-k", "FetchLimitOffset or Cursors or Isolation or JSONTest or Returning or HasTable")
    assert not outcome.failed, outcome.output
    assert len(outcome.passed) > 100
