"""The access methods ``hnsw`` (a graph of neighbours) and ``ivf``, also ``ivfflat`` (lists around middles).

What WITH (...) says becomes a ``Plan``; a backend that cannot follow it refuses, when the index is made and not when
somebody searches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb.spi import IndexDefinition, driver, driver_names
from heliosdb_vector.index.measures import MEASURES
from heliosdb_vector.index.structures import Plan
from heliosdb_vector.index.vector_index import VectorIndex
from heliosdb_vector.opening import ATTACHED, TRAINING_SIZE, Configured

if TYPE_CHECKING:
    from heliosdb.spi import Index
    from heliosdb_vector.index.structures import Backend

__all__ = ["HnswMethod", "IvfFlatMethod", "IvfMethod"]

GROUP = "heliosdb.vector_backends"
QUANTIZATIONS = {"none": "none", "scalar": "scalar", "product": "product", "pq": "product", "binary": "binary"}
BASE, EACH = 3000.0, 100.0
"""What a search costs, and each row that it names, in rows of a sequential scan."""


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise InvalidParameterValue(
                f"value {text} out of bounds", detail=f'Valid values are between "{least}" and "{most}".'
            )
        return value

    return read


def _quantization(text: str) -> str:
    if text.lower() not in QUANTIZATIONS:
        raise InvalidParameterValue(
            f'invalid value for option "quantization": {text}', hint=f"Available values: {', '.join(QUANTIZATIONS)}."
        )
    return QUANTIZATIONS[text.lower()]


def _centroids(text: str) -> int:
    value = int(text)
    if value not in (16, 32, 64, 128, 256):
        raise InvalidParameterValue(
            f"pq_centroids cannot be {text}", hint="Codes are of whole bits: 16, 32, 64, 128 or 256 centroids."
        )
    return value


def _backend(text: str) -> str:
    if text not in driver_names(GROUP):
        raise InvalidParameterValue(
            f'vector backend "{text}" does not exist', hint=f"There are: {', '.join(driver_names(GROUP))}."
        )
    return text


SHARED: dict[str, Callable[[str], Any]] = {
    "quantization": _quantization,
    "pq_subquantizers": _whole(1, 4000),
    "pq_centroids": _centroids,
    "pq_training_size": _whole(*TRAINING_SIZE),
    "backend": _backend,
}


class _VectorMethod:
    exact = False
    unique = False
    ordered = False
    many_keys = True
    likely = True
    strategies: Mapping[str, Mapping[int, str]] = {}
    setting: str

    def create(self, definition: IndexDefinition) -> Index:
        """Return an empty index; FeatureNotSupported where the backend cannot follow the options."""
        (class_name,) = definition.operator_classes
        plan = self.plan(definition)
        if plan.quantization != "product":
            for name in ("pq_subquantizers", "pq_centroids", "pq_training_size"):
                if name in definition.options:
                    raise InvalidParameterValue(f"{name} needs quantization = 'product'")
        setting = self.setting
        (typmod,) = definition.typmods or (-1,)
        return VectorIndex(
            plan,
            chosen_backend(plan, definition.options.get("backend")),
            MEASURES[class_name],
            definition.support[0],
            lambda read: int(read(setting)),
            typmod if typmod > 0 else None,
            definition.oid,
        )

    def plan(self, definition: IndexDefinition) -> Plan:
        """Return what the options say."""
        measure, options = MEASURES[definition.operator_classes[0]], definition.options
        return Plan(
            method="ivf" if isinstance(self, IvfMethod) else "hnsw",
            metric=measure.metric,
            unit=measure.unit,
            links=options.get("m", 16),
            effort=options.get("ef_construction", 64),
            lists=options.get("lists"),
            quantization=options.get("quantization", "none"),
            subquantizers=options.get("pq_subquantizers"),
            centroids=options.get("pq_centroids", 256),
            sample=options.get("pq_training_size", Plan.sample),
        )

    def settle(
        self, options: Mapping[str, Any], operator_classes: tuple[str, ...], attached: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the options of a new index, with what the configuration says of quantization."""
        configured: Configured = attached.get(ATTACHED, Configured())
        settled = dict(options)
        if "quantization" not in settled and configured.pq_auto_compress:
            compressed = {**settled, "quantization": "product"}
            definition = IndexDefinition(oid=0, columns=1, operator_classes=operator_classes, options=compressed)
            if _found(self.plan(definition), settled.get("backend")) is not None:
                settled = compressed
        if settled.get("quantization") == "product":
            if not configured.pq_enabled:
                raise FeatureNotSupported(
                    "product quantization is switched off", hint="The configuration says vector.pq_enabled = false."
                )
            if configured.pq_training_size is not None:
                settled.setdefault("pq_training_size", configured.pq_training_size)
        return settled

    def refusal(self, options: Mapping[str, Any], setting: Callable[[str], Any]) -> str | None:
        """Return why searches are not to go through an index with these options, None where they may."""
        recall = setting("heliosdb.vector_recall")
        if recall >= 1.0:
            return "heliosdb.vector_recall = 1 asks for the exact order"
        if recall and options.get("quantization", "none") != "none":
            return f"heliosdb.vector_recall = {recall:g}, and what an index with quantization finds is not measured"
        return None

    def cost(self, rows: float, selectivity: float) -> float:
        """Return the cost of naming a part of the rows."""
        return BASE + min(rows, 100.0) + EACH * rows * selectivity


class HnswMethod(_VectorMethod):
    """``USING hnsw``."""

    name = "hnsw"
    setting = "hnsw.ef_search"
    options: Mapping[str, Callable[[str], Any]] = {"m": _whole(2, 100), "ef_construction": _whole(4, 1000), **SHARED}


class IvfMethod(_VectorMethod):
    """``USING ivf``."""

    name = "ivf"
    setting = "ivfflat.probes"
    options: Mapping[str, Callable[[str], Any]] = {"lists": _whole(1, 32768), **SHARED}


class IvfFlatMethod(IvfMethod):
    """``USING ivfflat``."""

    name = "ivfflat"


def chosen_backend(plan: Plan, name: str | None) -> Backend:
    """Return the backend that an index names, or the first that can do what it wants."""
    if name is not None:
        if name in PREFERRED and find_spec(name) is None:
            raise FeatureNotSupported(
                f'vector backend "{name}" is not installed', hint=f"pip install heliosdb-vector[{name}]"
            )
        made: Backend = driver(GROUP, name)()
        refusal = made.refusal(plan)
        if refusal is not None:
            others = [other for other in driver_names(GROUP) if _made(other, plan) is not None]
            hint = f"These can: {', '.join(others)}." if others else None
            raise FeatureNotSupported(f'vector backend "{name}" does not support {refusal}', hint=hint)
        return made
    found = _found(plan, None)
    if found is not None:
        return found
    problem = driver(GROUP, "faiss")().refusal(plan)
    raise FeatureNotSupported(f"no vector backend supports {problem}")


PREFERRED = ("hnswlib", "faiss", "usearch")
"""The backends of this package, each named as the module that it needs; those of others come behind them."""


def _found(plan: Plan, name: str | None) -> Backend | None:
    """Return the named backend, or the first, that can follow a plan."""
    names = (*PREFERRED, *sorted(set(driver_names(GROUP)) - set(PREFERRED))) if name is None else (name,)
    return next((made for other in names if (made := _made(other, plan)) is not None), None)


def _made(name: str, plan: Plan) -> Backend | None:
    """Return a backend whose library is installed and that can follow a plan."""
    if name in PREFERRED and find_spec(name) is None:
        return None
    made: Backend = driver(GROUP, name)()
    return made if made.refusal(plan) is None else None
