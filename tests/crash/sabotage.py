"""What happens when one safeguard is missing: a round must fail, or the safeguard is not needed or not looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from heliosdb.store import log

from .rounds import Violation, run_round

__all__ = ["SAFEGUARDS", "Safeguard", "rounds_until_noticed"]


class Safeguard(NamedTuple):
    """A step of the device, or "checksum" for the comparison of the log's, and the steps at which to lose power."""

    name: str
    focus: Sequence[str] = ()


SAFEGUARDS = (
    Safeguard("sync log"),
    Safeguard("sync segment", ("append", "replace write")),
    Safeguard("sync names log", ("append log", "sync log")),
    Safeguard("sync names segment", ("replace sync names",)),
    Safeguard("replace sync", ("replace sync names", "replace write")),
    Safeguard("replace rename", ("replace sync names", "replace rename")),
    Safeguard("replace sync names", ("delete", "append log")),
    Safeguard("truncate", ("append log", "sync log")),
    Safeguard("give back", ("append log", "replace sync")),
    Safeguard("checksum", ("append log", "sync log")),
)


def rounds_until_noticed(safeguard: Safeguard, rounds: int, first_seed: int = 1) -> int | None:
    """Return after how many rounds without a safeguard something is lost; None: it was never noticed."""
    with _without_checksum() if safeguard.name == "checksum" else _as_it_is():
        for number in range(rounds):
            try:
                run_round(first_seed + number, frozenset({safeguard.name}), safeguard.focus)
            except Violation:
                return number + 1
    return None


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextmanager
def _without_checksum() -> Iterator[None]:
    """Let every checksum of the log be the same, so that comparing them says nothing."""
    real = log.crc32
    log.crc32 = lambda data, start=0: 0  # type: ignore[assignment]
    try:
        yield
    finally:
        log.crc32 = real
