"""The configuration of a database: what is fixed when it opens, from a TOML file, the environment and arguments.

Later sources win: defaults, then the file, then the environment, then arguments. The file is the one given, else the
one that ``HELIOSDB_CONFIG`` names, else ``heliosdb.toml`` in the current folder where there is one:

    [storage]
    in_memory = true

    [settings]
    work_mem = "16MB"

Run-time parameters (``work_mem``, ``TimeZone``) are no configuration: they are settings, and a ``[settings]`` table
gives their values for every session of the database.

A key that nobody knows is an error that names file and key (42704), for a misspelt key would otherwise be a wish that
is silently not granted; a value of the wrong type or outside its range is 22023. A section that is not the core's is
for a package: its keys wait in ``options`` until the database opens, and each that no plugin takes then is an error,
0A000 where the package is known that would (``opening.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Attribute, evolve, field, fields, frozen

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, UndefinedFile, UndefinedObject

__all__ = [
    "DEFAULT_FILE",
    "ENVIRONMENT",
    "KEYS",
    "Config",
    "configure_logging",
    "load_config",
    "log",
    "on_branch",
    "opening",
]

DEFAULT_FILE = "heliosdb.toml"
MEMORY = ":memory:"
EMBEDDED = "embedded"
MEGABYTE = 1 << 20
COMPRESSIONS = ("zstd", "lz4", "none")
LOG_LEVELS = ("trace", "debug", "info", "warn", "error")
_NUMBERS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


def _is_level(config: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and value not in LOG_LEVELS:
        raise InvalidParameterValue(
            f'invalid value for configuration argument "{attribute.name}": "{value}"',
            hint=f"Available values: {', '.join(LOG_LEVELS)}.",
        )


def _is_boolean(config: Any, attribute: Attribute[Any], value: Any) -> None:
    if type(value) is not bool:
        raise InvalidParameterValue(
            f'invalid value for configuration argument "{attribute.name}": {value!r}', hint="It must be True or False."
        )


def _is_mode(config: Any, attribute: Attribute[Any], value: Any) -> None:
    if value in (None, EMBEDDED, "hybrid"):
        return
    hints = {
        "in_memory": 'Open ":memory:".',
        "server": "Run heliosdb start, or call heliosdb_server.start_server.",
    }
    raise InvalidParameterValue(
        f'invalid value for configuration argument "mode": {value!r}',
        hint=hints.get(value, "Available values: embedded, hybrid.") if isinstance(value, str) else None,
    )


def _at_least(least: int, unit: str = "") -> Callable[[Any, Attribute[Any], Any], None]:
    """Return the validator of a number that may be left out."""

    def check(config: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and (type(value) is not int or value < least):
            raise InvalidParameterValue(
                f'invalid value for configuration argument "{attribute.name}": {value!r}',
                hint=f"It must be a whole number{unit} of at least {least}.",
            )

    return check


def _is_compression(config: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and value not in COMPRESSIONS:
        raise InvalidParameterValue(
            f'invalid value for configuration argument "{attribute.name}": {value!r}',
            hint=f"Available values: {', '.join(COMPRESSIONS)}.",
        )


PACKAGES = {
    "encryption_key": "heliosdb-crypto",
    "encryption": "heliosdb-crypto",
    "retention_days": "heliosdb-temporal",
    "temporal": "heliosdb-temporal",
    "vector": "heliosdb-vector",
    "server": "heliosdb-server",
    "mode": "heliosdb-server",
}
"""Arguments and sections that belong to packages of ours: who misses one is told which."""

PACKAGE_ARGUMENTS = ("encryption_key", "retention_days", "mode")
"""Attributes of Config that are options of packages."""


def package_of(option: str) -> str | None:
    """Return the package that an option belongs to, where it is one that we know."""
    return PACKAGES.get(option.partition(".")[0])


STORAGE = (
    "cache_size", "compression", "checkpoint_log_size", "checkpoint_commits", "compact_interval_hours",
    "background_write_rate",
)  # fmt: skip


@frozen(kw_only=True)
class Config:
    """What is fixed when a database opens.

    ``path`` None with ``in_memory``: nothing is kept. ``log_level`` None: logging stays as the program set it up.
    ``settings`` are the sessions' initial values, as text by lower-case name.

    Of a database on disk, sizes in bytes: ``cache_size`` bounds the blocks that are kept in memory after they were
    read; ``compression`` is what new files are compressed with; a checkpoint begins when the log has grown to
    ``checkpoint_log_size`` or has ``checkpoint_commits`` commits; every ``compact_interval_hours`` versions that
    nobody needs are dropped and the files put in order; what is written by itself is at most
    ``background_write_rate`` bytes a second. None: the default. ``read_only`` opens it for reading.

    ``options`` are those of packages, by section and key: ``{"temporal.snapshot_retention_days": 30}``;
    ``encryption_key``, ``retention_days`` and ``mode`` have a name here: mode "hybrid" is a database that serves others
    while it is used in this process, which the package heliosdb-server has; "embedded", or None, is one that does not.
    A database refuses to open with an option that no plugin takes.
    """

    path: str | None = None
    in_memory: bool = False
    log_level: str | None = field(default=None, validator=_is_level)
    settings: Mapping[str, str] = field(factory=dict)
    encryption_key: Any = field(default=None, repr=False)
    retention_days: int | None = None
    mode: str | None = field(default=None, validator=_is_mode)
    options: Mapping[str, Any] = field(factory=dict, repr=False)
    read_only: bool = field(default=False, validator=_is_boolean)
    cache_size: int | None = field(default=None, validator=_at_least(MEGABYTE, " (bytes)"))
    compression: str | None = field(default=None, validator=_is_compression)
    checkpoint_log_size: int | None = field(default=None, validator=_at_least(MEGABYTE, " (bytes)"))
    checkpoint_commits: int | None = field(default=None, validator=_at_least(1))
    compact_interval_hours: int | None = field(default=None, validator=_at_least(1))
    background_write_rate: int | None = field(default=None, validator=_at_least(64 << 10, " (bytes a second)"))

    def storage(self) -> dict[str, Any]:
        """Return what is stated of a database on disk, as arguments of ``Database``'s ``storage``."""
        stated = {name: getattr(self, name) for name in STORAGE}
        return {name: value for name, value in stated.items() if value is not None}

    def for_packages(self) -> dict[str, Any]:
        """Return what is stated for packages, as ``Database``'s ``options``."""
        stated = {**self.options, **{name: getattr(self, name) for name in PACKAGE_ARGUMENTS}}
        if stated["mode"] == EMBEDDED:
            # What every database is; there is nothing to be taken.
            del stated["mode"]
        return {name: value for name, value in stated.items() if value is not None}


@frozen
class Key:
    """A key of the file: the attribute of Config it sets and its type; or the package that it belongs to."""

    attribute: str | None
    kind: type = str
    package: str | None = None
    values: tuple[str, ...] = ()
    hint: str | None = None


KEYS: dict[str, Key] = {
    "storage.path": Key("path"),
    "storage.in_memory": Key("in_memory", bool),
    "log.level": Key("log_level", values=LOG_LEVELS),
    "storage.read_only": Key("read_only", bool),
    "storage.cache_size": Key("cache_size", int),
    "performance.buffer_pool_size": Key("cache_size", int),
    "storage.compression": Key("compression", values=COMPRESSIONS),
    "storage.checkpoint_log_size": Key("checkpoint_log_size", int),
    "storage.checkpoint_commits": Key("checkpoint_commits", int),
    "storage.compact_interval_hours": Key("compact_interval_hours", int),
    "storage.background_write_rate": Key("background_write_rate", int),
    # Known keys of parts that are not here yet: better a clear answer than a misspelling's.
    "performance.enable_simd": Key(None, object, "a parallel executor"),
    "performance.worker_threads": Key(
        None,
        object,
        "a parallel executor",
        hint="One interpreter runs one thread at a time: a number of threads would change nothing.",
    ),
    "performance.parallel_query": Key(None, object, "a parallel executor"),
}
"""Every key of the core's sections, as ``section.name``."""

SECTIONS = frozenset({name.partition(".")[0] for name in KEYS} | {"settings"})
"""The core's sections."""

ENVIRONMENT = {
    "HELIOSDB_DATA_DIR": "storage.path",
    "HELIOSDB_LOG_LEVEL": "log.level",
    "HELIOSDB_CACHE_SIZE": "storage.cache_size",
    "HELIOSDB_PORT": "server.port",
    "HELIOSDB_LISTEN_ADDR": "server.listen_addr",
    "HELIOSDB_ENCRYPTION_KEY": "encryption.key",
    "HELIOSDB_WORKER_THREADS": "performance.worker_threads",
}
"""Environment variables and the keys they set."""

OTHER_VARIABLES = frozenset(
    {"HELIOSDB_CONFIG", "HELIOSDB_PLUGINS", "HELIOSDB_DISABLE_PLUGINS", "HELIOSDB_HISTORY", "HELIOSDB_KEY"}
)
"""Variables with our prefix that are no keys; ``HELIOSDB_KEY`` is the one that configurations name for a secret."""


def load_config(
    file: str | None = None, *, environment: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Return the configuration from a file, the environment and arguments, the later ones winning.

    ``file``: a TOML file that must exist; None: see the module. ``environment`` defaults to ``os.environ``.
    ``overrides`` are attributes of Config by name; None values are left out.
    """
    import os

    environment = os.environ if environment is None else environment
    config = Config()
    chosen = file or environment.get("HELIOSDB_CONFIG")
    if chosen is None and os.path.exists(DEFAULT_FILE):
        chosen = DEFAULT_FILE
    if chosen is not None:
        config = _with(config, _file_values(chosen), chosen)
    config = _with(config, _environment_values(environment), "the environment")
    return _overridden(config, overrides or {})


def opening(path: str | None, config: Config | None, stated: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the arguments of ``Database`` for a path argument and a configuration: where (None: in memory), and how.

    The argument wins; without one the configuration decides. A path and a configuration that says ``in_memory``
    contradict each other: InvalidParameterValue. The level of logging is set. ``stated`` are attributes of ``Config``
    that win over it, such as ``encryption_key``.
    """
    if any(value is not None for value in (stated or {}).values()):
        config = _overridden(Config() if config is None else config, stated or {})
    if config is None:
        return {"path": path}
    if config.in_memory:
        if path not in (None, MEMORY):
            raise InvalidParameterValue(f'the configuration says "in_memory", and the path is "{path}"')
        path = MEMORY
    configure_logging(config)
    return {
        "path": config.path if path is None else path,
        "settings": dict(config.settings),
        "storage": config.storage(),
        "read_only": config.read_only,
        "options": config.for_packages(),
    }


def on_branch(name: str | None) -> dict[str, Any]:
    """Return the settings of a session that is to work on a branch (None: on main)."""
    return {} if name is None else {"heliosdb.branch": name}


def configure_logging(config: Config) -> None:
    """Give the logger ``heliosdb`` the level of the configuration, where it states one; handlers are the program's."""
    if config.log_level is not None:
        # logging costs 5 ms to import, and a database that logs nothing does not need it.
        import logging

        logging.getLogger("heliosdb").setLevel(_NUMBERS[config.log_level])


def log(level: str, message: str, *arguments: Any) -> None:
    """Say something to the logger ``heliosdb``.

    What is less than a warning nobody hears unless the program has set logging up, so then it is not imported for it.
    """
    number = _NUMBERS[level]
    if number >= _NUMBERS["warn"] or "logging" in sys.modules:
        import logging

        logging.getLogger("heliosdb").log(number, message, *arguments)


def _file_values(path: str) -> dict[str, Any]:
    # tomllib costs 8 ms and most databases have no file.
    import tomllib

    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        raise UndefinedFile(f'configuration file "{path}" does not exist') from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidParameterValue(f'configuration file "{path}" is not valid TOML', detail=str(error)) from None
    except OSError as error:
        raise UndefinedFile(f'could not open configuration file "{path}": {error.strerror}') from None
    values: dict[str, Any] = {}
    for section, entries in document.items():
        if not isinstance(entries, dict):
            raise _unknown(section, path)
        for name, value in entries.items():
            values[f"{section}.{name}"] = value
    return values


def _environment_values(environment: Mapping[str, str]) -> dict[str, Any]:
    from difflib import get_close_matches

    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith("HELIOSDB_") or name in OTHER_VARIABLES:
            continue
        if name not in ENVIRONMENT:
            known = sorted({*ENVIRONMENT, *OTHER_VARIABLES})
            similar = get_close_matches(name, known, 1)
            hint = f"Perhaps {similar[0]} was meant." if similar else f"There are: {', '.join(known)}."
            raise UndefinedObject(f'unrecognized environment variable "{name}"', hint=hint)
        values[ENVIRONMENT[name]] = text
    return values


def _with(config: Config, values: Mapping[str, Any], source: str) -> Config:
    settings = dict(config.settings)
    options = dict(config.options)
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name.startswith("settings."):
            settings[name.removeprefix("settings.").lower()] = _setting_text(name, value, source)
            continue
        if "." in name and name.partition(".")[0] not in SECTIONS:
            options[name] = value
            continue
        key = KEYS.get(name)
        if key is None:
            raise _unknown(name, source)
        if key.attribute is None:
            raise FeatureNotSupported(
                f'configuration key "{name}" in {source} needs {key.package}, which is not installed',
                hint=key.hint,
            )
        checked = _checked(name, key, value, source)
        if changes.setdefault(key.attribute, checked) != checked:
            # Two names of one thing, as cache_size and buffer_pool_size are.
            raise InvalidParameterValue(f'configuration key "{name}" in {source} contradicts another for the same')
    return evolve(config, settings=settings, options=options, **changes)


def _checked(name: str, key: Key, value: Any, source: str) -> Any:
    if key.kind is int and type(value) is str and (size := _size(value)) is not None:
        value = size
    if type(value) is not key.kind:
        raise InvalidParameterValue(f'configuration key "{name}" in {source} must be a {_KINDS[key.kind]}')
    if key.values and value not in key.values:
        raise InvalidParameterValue(
            f'invalid value for configuration key "{name}" in {source}: "{value}"',
            hint=f"Available values: {', '.join(key.values)}.",
        )
    return value


def _size(text: str) -> int | None:
    """Return a number of bytes: digits, and a unit as PostgreSQL's settings have them; None where it is none."""
    number, unit = text.strip().rstrip("kMGTB"), text.strip().lstrip("0123456789")
    shift = {"": 0, "B": 0, "kB": 10, "MB": 20, "GB": 30, "TB": 40}.get(unit)
    return int(number) << shift if shift is not None and number.isdecimal() else None


_KINDS = {str: "string", bool: "boolean", int: "integer"}


def _setting_text(name: str, value: Any, source: str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float):
        return str(value)
    raise InvalidParameterValue(f'configuration key "{name}" in {source} must be a string, a number or a boolean')


def _unknown(name: str, source: str) -> UndefinedObject:
    from difflib import get_close_matches

    similar = get_close_matches(name, KEYS, 1) or [key for key in KEYS if key.rpartition(".")[2] == name][:1]
    return UndefinedObject(
        f'unrecognized configuration key "{name}" in {source}',
        hint=f'Perhaps "{similar[0]}" was meant.' if similar else None,
    )


def _overridden(config: Config, overrides: Mapping[str, Any]) -> Config:
    from difflib import get_close_matches

    known = {attribute.name for attribute in fields(Config)}
    for name in overrides:
        if name not in known:
            similar = get_close_matches(name, known, 1)
            raise UndefinedObject(
                f'unrecognized configuration argument "{name}"',
                hint=f'Perhaps "{similar[0]}" was meant.' if similar else None,
            )
    given = {name: value for name, value in overrides.items() if value is not None}
    settings = {name.lower(): str(value) for name, value in given.pop("settings", {}).items()}
    options = {**config.options, **given.pop("options", {})}
    return evolve(config, settings={**config.settings, **settings}, options=options, **given)
