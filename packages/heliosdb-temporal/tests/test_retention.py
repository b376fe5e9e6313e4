"""What the configuration asks to be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import Retention

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"retention_days": 30}, Retention(30 * DAY)),
        ({"options": {"temporal.snapshot_retention_days": 1}}, Retention(DAY)),
        ({"retention_days": 2, "options": {"temporal.snapshot_retention_days": 2}}, Retention(2 * DAY)),
        ({"options": {"temporal.time_travel_enabled": True}}, Retention()),
        ({"retention_days": 7, "options": {"temporal.time_travel_enabled": True}}, Retention(7 * DAY)),
        ({"options": {"temporal.time_travel_enabled": False}}, None),
        ({}, None),
    ],
)
def test_the_configuration_says_what_is_kept(config: dict[str, Any], kept: Retention | None) -> None:
    with EmbeddedDatabase(":memory:", config=Config(**config)) as db:
        assert db.database.history.retentions().get(0) == kept


@pytest.mark.parametrize(
    "config",
    [
        {"retention_days": 0},
        {"retention_days": -1},
        {"retention_days": True},
        {"retention_days": 36_501},
        {"options": {"temporal.snapshot_retention_days": "30"}},
        {"options": {"temporal.time_travel_enabled": 1}},
        {"retention_days": 1, "options": {"temporal.snapshot_retention_days": 2}},
        {"retention_days": 1, "options": {"temporal.time_travel_enabled": False}},
    ],
)
def test_what_makes_no_sense_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterValue):
        EmbeddedDatabase(":memory:", config=Config(**config))


def test_a_wish_holds_until_another_one(tmp_path: Path) -> None:
    path = str(tmp_path / "kept.helio")

    def held(config: Config | None = None) -> Retention | None:
        with EmbeddedDatabase(path, config=config) as db:
            return db.database.history.retentions().get(0)

    assert held(Config(retention_days=3)) == Retention(3 * DAY)
    assert held() == Retention(3 * DAY)
    assert held(Config(options={"temporal.time_travel_enabled": True})) == Retention()
    assert held(Config(options={"temporal.time_travel_enabled": False})) is None
    assert held() is None
