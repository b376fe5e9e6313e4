"""The options of CREATE and ALTER SEQUENCE, of SERIAL and of identity columns: defaults, ranges, errors
(sequence.c)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.definitions import Relation, SequenceOptions
from heliosdb.commands.binding import spelled_type, type_of
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, SqlSyntaxError
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["RANGES", "new_options", "new_sequence", "options_of"]

RANGES = {
    "int2": (-(2**15), 2**15 - 1),
    "int4": (-(2**31), 2**31 - 1),
    "int8": (-(2**63), 2**63 - 1),
}


def _number(option: tree.Option) -> int:
    text = option.text
    try:
        value = int(text or "")
    except ValueError:
        raise SqlSyntaxError(f"invalid input for {option.name}: {text}", position=option.position or None) from None
    if not -(2**63) <= value < 2**63:
        raise InvalidParameterValue(f'value "{text}" is out of range for type bigint')
    return value


def new_options(
    session: CommandSession, options: Iterable[tree.Option], *, type_name: str | None = None, identity: bool = False
) -> SequenceOptions:
    """Return the parameters of a new sequence; ``type_name`` is that of the column which it serves."""
    return options_of(session, options, None, type_name=type_name, identity=identity)


def options_of(
    session: CommandSession,
    options: Iterable[tree.Option],
    old: SequenceOptions | None,
    *,
    type_name: str | None = None,
    identity: bool = False,
) -> SequenceOptions:
    """Return a sequence's parameters after options were applied; ``old`` None: of a new one. ``owned_by`` is left
    alone."""
    given: dict[str, tree.Option] = {}
    for option in options:
        if option.name in given:
            raise SqlSyntaxError("conflicting or redundant options", position=option.position or None)
        given[option.name] = option
    for name in ("logged", "unlogged"):
        if name in given:
            raise FeatureNotSupported(f"sequence option {name.upper()} is not supported")
    kind = _type(session, given, old, type_name, identity)
    increment = 1 if old is None else old.increment
    if "increment" in given:
        increment = _number(given["increment"])
        if increment == 0:
            raise InvalidParameterValue("INCREMENT must not be zero")
    minimum, maximum = _bounds(session, given, old, kind, increment)
    start = _start(given, old, minimum, maximum, increment)
    cache = 1 if old is None else old.cache
    if "cache" in given:
        cache = _number(given["cache"])
        if cache <= 0:
            raise InvalidParameterValue(f"CACHE ({cache}) must be greater than zero")
    cycle = old.cycle if old is not None else False
    if "cycle" in given:
        cycle = given["cycle"].text != "false"
    made = SequenceOptions(
        type=kind,
        start=start,
        increment=increment,
        minimum=minimum,
        maximum=maximum,
        cache=cache,
        cycle=cycle,
        owned_by=None if old is None else old.owned_by,
        identity=identity if old is None else old.identity,
        storage=session.database.next_oid() if old is None else old.storage,
        restart=None if old is None else old.restart,
    )
    if "restart" in given:
        value = given["restart"]
        restart = start if value.value is None else _number(value)
        _check_range("RESTART", restart, minimum, maximum)
        made = evolve(made, storage=session.database.next_oid(), restart=restart)
    elif old is not None:
        last, _ = session.database.sequences.state(old)
        _check_range("RESTART", last, minimum, maximum)
    return made


def _type(
    session: CommandSession,
    given: dict[str, tree.Option],
    old: SequenceOptions | None,
    type_name: str | None,
    identity: bool,
) -> str:
    kind = old.type if old is not None else type_name or "int8"
    if "as" in given:
        written = given["as"].value
        assert isinstance(written, tree.TypeName)
        kind = type_of(session, written)[0]
    if kind not in RANGES:
        what = "identity column type" if identity else "sequence type"
        raise InvalidParameterValue(f"{what} must be smallint, integer, or bigint")
    return kind


def _bounds(
    session: CommandSession, given: dict[str, tree.Option], old: SequenceOptions | None, kind: str, increment: int
) -> tuple[int, int]:
    least, greatest = RANGES[kind]
    defaults = (1, greatest) if increment > 0 else (least, -1)
    minimum, maximum = defaults
    if old is not None:
        # A bound that was the old type's follows the type; any other stays.
        old_least, old_greatest = RANGES[old.type]
        minimum, maximum = old.minimum, old.maximum
        if kind != old.type:
            if old.maximum == old_greatest:
                maximum = greatest if increment > 0 else old.maximum
            if old.minimum == old_least:
                minimum = least if increment < 0 else old.minimum
    if "maxvalue" in given:
        maximum = defaults[1] if given["maxvalue"].value is None else _number(given["maxvalue"])
    if "minvalue" in given:
        minimum = defaults[0] if given["minvalue"].value is None else _number(given["minvalue"])
    display = spelled_type(session, kind)
    if not least <= maximum <= greatest:
        raise InvalidParameterValue(f"MAXVALUE ({maximum}) is out of range for sequence data type {display}")
    if not least <= minimum <= greatest:
        raise InvalidParameterValue(f"MINVALUE ({minimum}) is out of range for sequence data type {display}")
    if minimum >= maximum:
        raise InvalidParameterValue(f"MINVALUE ({minimum}) must be less than MAXVALUE ({maximum})")
    return minimum, maximum


def _start(
    given: dict[str, tree.Option], old: SequenceOptions | None, minimum: int, maximum: int, increment: int
) -> int:
    if "start" in given:
        start = _number(given["start"])
    elif old is not None:
        start = old.start
    else:
        start = minimum if increment > 0 else maximum
    _check_range("START", start, minimum, maximum)
    return start


def _check_range(word: str, value: int, minimum: int, maximum: int) -> None:
    if value < minimum:
        raise InvalidParameterValue(f"{word} value ({value}) cannot be less than MINVALUE ({minimum})")
    if value > maximum:
        raise InvalidParameterValue(f"{word} value ({value}) cannot be greater than MAXVALUE ({maximum})")


def new_sequence(
    session: CommandSession, schema: str, name: str, options: SequenceOptions, persistence: str = "permanent"
) -> Relation:
    """Return the definition of a new sequence."""
    return Relation(
        oid=session.database.next_oid(),
        schema=schema,
        name=name,
        kind="sequence",
        owner=session.role,
        persistence=persistence,
        sequence=options,
    )
