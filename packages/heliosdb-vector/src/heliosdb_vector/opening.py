"""What the section ``[vector]`` of the configuration decides when a database opens: how new indexes are quantized.

Indexes keep what was decided for them in their options (``WITH (...)``), so another configuration next time changes
none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb.spi import Opening

__all__ = ["ATTACHED", "TRAINING_SIZE", "Configured", "configure"]

ATTACHED = "heliosdb-vector"
"""The name by which the database keeps it."""

TRAINING_SIZE = (256, 10_000_000)
"""The least and the most vectors that codebooks are trained with: as many as they have centroids at least."""


@dataclass(frozen=True)
class Configured:
    """``pq_enabled``: new indexes may be product-quantized; ``pq_auto_compress``: they are, where they say nothing and
    their backend can; ``pq_training_size``: with so many vectors at most, None for the default of indexes.
    """

    pq_enabled: bool = True
    pq_auto_compress: bool = False
    pq_training_size: int | None = None


def configure(opening: Opening) -> None:
    """Take the options of the section; InvalidParameterValue for a value that means nothing."""
    if not _boolean(opening, "enabled", default=True):
        raise FeatureNotSupported(
            "vector.enabled is false, and the package heliosdb-vector is loaded",
            hint='Disable the package itself (HELIOSDB_DISABLE_PLUGINS=vector), and leave the section "vector" out.',
        )
    pq_enabled = _boolean(opening, "pq_enabled", default=True)
    pq_auto_compress = _boolean(opening, "pq_auto_compress", default=False)
    if pq_auto_compress and not pq_enabled:
        raise InvalidParameterValue("vector.pq_auto_compress needs vector.pq_enabled, which is false")
    size = opening.take("vector.pq_training_size")
    least, most = TRAINING_SIZE
    if size is not None and (type(size) is not int or not least <= size <= most):
        raise InvalidParameterValue(
            f'configuration key "vector.pq_training_size" must be an integer between {least} and {most}'
        )
    opening.attach(ATTACHED, Configured(pq_enabled, pq_auto_compress, size))


def _boolean(opening: Opening, name: str, *, default: bool) -> bool:
    found: Any = opening.take(f"vector.{name}")
    if found is None:
        return default
    if type(found) is not bool:
        raise InvalidParameterValue(f'configuration key "vector.{name}" must be a boolean')
    return found
