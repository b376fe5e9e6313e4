"""The settings that the core reads, each with the name of its reader.

A setting is listed when something reads it, never before: SET of a parameter that changed nothing would be a lie. Where
PostgreSQL has values that need something the core does not have, the ``check`` refuses them (0A000) and says so.
Checks get (value, current value) and return what is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliosdb import __version__
from heliosdb.catalog.registries import Setting
from heliosdb.errors import FeatureNotSupported, InsufficientPrivilege, InvalidParameterValue

__all__ = ["SETTINGS", "SERVER_VERSION", "SERVER_VERSION_NUMBER"]

SERVER_VERSION = f"15.0 (HeliosDB {__version__})"
SERVER_VERSION_NUMBER = 150000

ISOLATION_LEVELS = ("serializable", "repeatable read", "read committed", "read uncommitted")
MESSAGE_LEVELS = ("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error")
HIGHEST = 2**31 - 1

_STYLES = {"iso": "ISO", "sql": "SQL", "postgres": "Postgres", "german": "German"}
_ORDERS = {
    "ymd": "YMD", "dmy": "DMY", "mdy": "MDY", "us": "MDY", "noneuro": "MDY", "noneuropean": "MDY",
    "euro": "DMY", "european": "DMY",
}  # fmt: skip
_OTHER_ENCODINGS = frozenset(
    [
        "latin1",
        "latin2",
        "latin3",
        "latin4",
        "latin5",
        "latin6",
        "latin7",
        "latin8",
        "latin9",
        "latin10",
        "iso88591",
        "iso885915",
        "iso88595",
        "iso88596",
        "iso88597",
        "iso88598",
        "win1250",
        "win1251",
        "win1252",
        "win1253",
        "win1254",
        "win1255",
        "win1256",
        "win1257",
        "win1258",
        "win866",
        "win874",
        "koi8r",
        "koi8u",
        "euccn",
        "eucjp",
        "euckr",
        "euctw",
        "eucjis2004",
        "gb18030",
        "gbk",
        "big5",
        "uhc",
        "sjis",
        "shiftjis",
        "shiftjis2004",
        "johab",
        "muleinternal",
        "sqlascii",
    ]
)


def check_datestyle(text: str, current: str | None) -> str:
    """Return ``style, order`` where the text may give one of the two; the other stays."""
    style, _, order = (current or "ISO, MDY").partition(", ")
    given_style = given_order = None
    for word in (part.strip().lower() for part in text.split(",")):
        if word == "default":
            style, order = "ISO", "MDY"
            continue
        as_style = next((full for prefix, full in _STYLES.items() if word.startswith(prefix[:4]) and word), None)
        as_order = _ORDERS.get(word)
        if as_style is None and as_order is None:
            raise _bad_datestyle(text, f'Unrecognized key word: "{word}".')
        if as_style is not None:
            if given_style not in (None, as_style):
                raise _bad_datestyle(text, 'Conflicting "datestyle" specifications.')
            given_style = as_style
        if as_order is not None:
            if given_order not in (None, as_order):
                raise _bad_datestyle(text, 'Conflicting "datestyle" specifications.')
            given_order = as_order
    if given_style == "German" and given_order is None:
        given_order = "DMY"
    return f"{given_style or style}, {given_order or order}"


def _bad_datestyle(text: str, detail: str) -> InvalidParameterValue:
    return InvalidParameterValue(f'invalid value for parameter "DateStyle": "{text}"', detail=detail)


def check_timezone(text: str, current: str | None) -> str:
    """Return the canonical name of a time zone."""
    from heliosdb.types.zones import parse_zone_setting

    return parse_zone_setting(text)


def check_client_encoding(text: str, current: str | None) -> str:
    """Accept UTF-8 only: text enters and leaves as Unicode; a server that speaks to other clients would convert."""
    plain = "".join(character for character in text.lower() if character.isalnum())
    if plain in ("utf8", "unicode"):
        return "UTF8"
    if plain in _OTHER_ENCODINGS:
        raise FeatureNotSupported(f'client encoding "{text}" is not supported', hint="Use UTF8.")
    raise InvalidParameterValue(f'invalid value for parameter "client_encoding": "{text}"')


def check_standard_conforming_strings(value: bool, current: bool | None) -> bool:
    """Accept ``on`` only: the lexer knows the other syntax only as E'...'."""
    if not value:
        raise FeatureNotSupported(
            "standard_conforming_strings = off is not supported", hint="Write strings with backslash escapes as E'...'."
        )
    return value


def check_synchronous_commit(value: str, current: str | None) -> str:
    """Accept what one process can promise; ``remote_*`` need replicas."""
    if value in ("remote_write", "remote_apply"):
        raise FeatureNotSupported(f"synchronous_commit = {value} needs replication, which is not supported")
    return value


def only(name: str, accepted: Any, why: str) -> Callable[[Any, Any], Any]:
    """Return a check that accepts one value and refuses every other, saying what it would need."""

    def check(value: Any, current: Any) -> Any:
        if value != accepted:
            raise FeatureNotSupported(f"a value of {name} other than {_spelled(accepted)} is not supported", detail=why)
        return value

    return check


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f'"{value}"' if isinstance(value, str) else str(value)


def needs_a_superuser(session: Any, name: str, value: Any) -> None:
    """Refuse a change to all but superusers."""
    from heliosdb.catalog.roles import is_superuser

    if not is_superuser(session.catalog, session.role):
        raise InsufficientPrivilege(f'permission denied to set parameter "{name}"')


def needs_a_door(session: Any, name: str, value: Any) -> None:
    """Refuse a limit on how long a session may be idle to one of the program itself, which nobody ends from outside."""
    if value and session.door is None:
        raise FeatureNotSupported(
            f"a value of {name} other than 0 is not supported",
            detail="Sessions in the program's own process are never ended from outside.",
        )


def check_application_name(text: str, current: str | None) -> str:
    """Replace each byte that is not printable ASCII by ``?``, as PostgreSQL does: the name goes to logs."""
    kept = text.encode()[:63].decode(errors="ignore").encode()
    return "".join(chr(byte) if 32 <= byte <= 126 else "?" for byte in kept)


def _session(name: str, kind: str, default: Any, description: str, reader: str, **more: Any) -> Setting:
    return Setting(name=name, kind=kind, default=default, description=description, reader=reader, **more)


def _milliseconds(name: str, description: str, reader: str) -> Setting:
    return _session(name, "integer", 0, description, reader, unit="ms", minimum=0, maximum=HIGHEST)


def _shown(name: str, kind: str, value: Any, description: str, reader: str, **more: Any) -> Setting:
    return _session(name, kind, value, description, reader, context="internal", **more)


HERE = "heliosdb.plugin.core_settings"


def _only(name: str, kind: str, accepted: Any, description: str, why: str, **more: Any) -> Setting:
    check = only(name, accepted, why)
    return _session(name, kind, accepted, description, f"{HERE}:only", check=check, **more)


SETTINGS: tuple[Setting, ...] = (
    # Names and dialect
    _session(
        "search_path", "string", '"$user", public',
        "Sets the schema search order for names that are not schema-qualified.",
        "heliosdb.session:Session", affects_plans=True, list_of="identifiers",
    ),
    _session(
        "standard_conforming_strings", "bool", True, "Causes '...' strings to treat backslashes literally.",
        "heliosdb.plugin.core_settings:check_standard_conforming_strings", check=check_standard_conforming_strings,
    ),
    # How values are read and printed
    _session(
        "TimeZone", "string", "UTC", "Sets the time zone for displaying and interpreting time stamps.",
        "heliosdb.types.zones:session_zone", check=check_timezone, affects_plans=True,
    ),
    _session(
        "DateStyle", "string", "ISO, MDY", "Sets the display format for date and time values.",
        "heliosdb.types.datetime_output:date_text", check=check_datestyle, affects_plans=True, list_of="words",
    ),
    _session(
        "IntervalStyle", "enum", "postgres", "Sets the display format for interval values.",
        "heliosdb.types.interval:interval_output", values=("postgres", "postgres_verbose", "sql_standard", "iso_8601"),
        affects_plans=True,
    ),
    _session(
        "bytea_output", "enum", "hex", "Sets the output format for bytea.", "heliosdb.types.bytea:bytea_output",
        values=("escape", "hex"), affects_plans=True,
    ),
    _session(
        "extra_float_digits", "integer", 1, "Sets the number of digits displayed for floating-point values.",
        "heliosdb.types.float:float8_output", minimum=-15, maximum=3, affects_plans=True,
    ),
    # Roles
    _session(
        "password_encryption", "enum", "scram-sha-256", "Chooses the algorithm for encrypting passwords.",
        "heliosdb.commands.roles:execute_create_role", values=("md5", "scram-sha-256"),
    ),
    # Transactions
    _session(
        "default_transaction_isolation", "enum", "read committed",
        "Sets the transaction isolation level of each new transaction.", "heliosdb.session:Session",
        values=ISOLATION_LEVELS,
    ),
    _session(
        "transaction_isolation", "enum", "read committed", "Sets the current transaction's isolation level.",
        "heliosdb.session:Session", values=ISOLATION_LEVELS,
    ),
    _session(
        "default_transaction_read_only", "bool", False, "Sets the default read-only status of new transactions.",
        "heliosdb.session:Session",
    ),
    _session(
        "transaction_read_only", "bool", False, "Sets the current transaction's read-only status.",
        "heliosdb.session:Session",
    ),
    # Limits
    _milliseconds(
        "statement_timeout", "Sets the maximum allowed duration of any statement.", "heliosdb.session:Session"
    ),
    _milliseconds(
        "lock_timeout", "Sets the maximum allowed duration of any wait for a lock.", "heliosdb.session:Session"
    ),
    _milliseconds(
        "idle_in_transaction_session_timeout",
        "Sets the maximum allowed idle time between queries, when in a transaction.",
        "heliosdb.session.idle:IdleWatch",
    ),
    _session(
        "idle_session_timeout", "integer", 0,
        "Sets the maximum allowed idle time between queries, when not in a transaction.",
        "heliosdb.session.environment:SessionEnvironment", unit="ms", minimum=0, maximum=HIGHEST,
        permit=f"{HERE}:needs_a_door",
    ),
    # What is noted of statements
    _session(
        "log_min_duration_statement", "integer", -1,
        "Sets the minimum execution time above which all statements will be logged.",
        "heliosdb.session.watch:StatementWatch", unit="ms", minimum=-1, maximum=HIGHEST,
        permit=f"{HERE}:needs_a_superuser",
    ),
    _session(
        "pg_stat_statements.track", "enum", "none", "Selects which statements are tracked by pg_stat_statements.",
        "heliosdb.session.watch:StatementWatch", values=("none", "top"), permit=f"{HERE}:needs_a_superuser",
    ),
    # The session and its client
    _session(
        "application_name", "string", "", "Sets the application name to be reported in statistics and logs.",
        "heliosdb.session:Session", check=check_application_name,
    ),
    _session(
        "client_encoding", "string", "UTF8", "Sets the client's character set encoding.",
        "heliosdb.plugin.core_settings:check_client_encoding", check=check_client_encoding,
    ),
    _session(
        "client_min_messages", "enum", "notice", "Sets the message levels that are sent to the client.",
        "heliosdb.session:Session", values=MESSAGE_LEVELS,
    ),
    # What tools and dumps set, whose other values need something that is not here
    _session(
        "synchronous_commit",
        "enum",
        "on",
        "Sets the current transaction's synchronization level.",
        "heliosdb.session.transactions:TransactionBlock",
        values=("local", "remote_write", "remote_apply", "on", "off"),
        check=check_synchronous_commit,
    ),
    # Row security has no policies yet, so that neither value leaves anything out; routine bodies are not checked, for
    # there are none.
    _session("row_security", "bool", True, "Enable row security.", f"{HERE}:SETTINGS"),
    _session(
        "check_function_bodies",
        "bool",
        True,
        "Check routine bodies during CREATE FUNCTION and CREATE PROCEDURE.",
        f"{HERE}:SETTINGS",
    ),
    _session(
        "work_mem", "integer", 256 * 1024, "Sets the maximum memory to be used for query workspaces.",
        "heliosdb.session.execution:Execution", unit="kB", minimum=64, maximum=HIGHEST,
    ),
    _session(
        "temp_file_limit", "integer", -1, "Limits the total size of all temporary files used by each process.",
        "heliosdb.store.temporary:TemporaryRows", unit="kB", minimum=-1, maximum=HIGHEST,
        permit=f"{HERE}:needs_a_superuser",
    ),
    *(
        _only(name, kind, accepted, description, why, **more)
        for name, kind, accepted, description, why, more in (
            (
                "default_transaction_deferrable",
                "bool",
                False,
                "Sets the default deferrable status of new transactions.",
                "Transactions never wait for a safe snapshot.",
                {},
            ),
            (
                "transaction_deferrable",
                "bool",
                False,
                "Whether to defer a read-only serializable transaction until it can be executed with no possible "
                "serialization failures.",
                "Transactions never wait for a safe snapshot.",
                {},
            ),
            (
                "log_statement",
                "enum",
                "none",
                "Sets the type of statements logged.",
                "log_min_duration_statement = 0 logs every statement.",
                {"values": ("none", "ddl", "mod", "all")},
            ),
            (
                "default_with_oids",
                "bool",
                False,
                "Creates new tables with an OID column; scripts of old versions turn it off.",
                "Rows have no OIDs.",
                {},
            ),
            (
                "default_tablespace",
                "string",
                "",
                "Sets the default tablespace to create tables and indexes in.",
                "There are no tablespaces.",
                {},
            ),
            (
                "default_table_access_method",
                "string",
                "heap",
                "Sets the default table access method for new tables.",
                "There is one way to store tables.",
                {},
            ),
            (
                "xmloption",
                "enum",
                "content",
                "Sets whether XML data in implicit parsing and serialization operations is to be considered as "
                "documents or content fragments.",
                "There is no XML type.",
                {"values": ("content", "document")},
            ),
            (
                "escape_string_warning",
                "bool",
                True,
                "Warn about backslash escapes in ordinary string literals.",
                "Ordinary string literals have no backslash escapes.",
                {},
            ),
        )
    ),
    # What can only be shown
    _shown(
        "server_version", "string", SERVER_VERSION, "Shows the server version.",
        "heliosdb.commands.settings:execute_show",
    ),
    _shown(
        "server_version_num", "integer", SERVER_VERSION_NUMBER, "Shows the server version as an integer.",
        "heliosdb.commands.settings:execute_show",
    ),
    _shown(
        "server_encoding", "string", "UTF8", "Shows the server (database) character set encoding.",
        "heliosdb.commands.settings:execute_show",
    ),
    _shown(
        "max_identifier_length", "integer", 63, "Shows the maximum identifier length.",
        "heliosdb.commands.settings:execute_show", minimum=63, maximum=63,
    ),
    _shown(
        "max_index_keys", "integer", 32, "Shows the maximum number of index keys.",
        "heliosdb.commands.settings:execute_show", minimum=32, maximum=32,
    ),
    _shown(
        "in_hot_standby", "bool", False, "Shows whether hot standby is currently active.",
        "heliosdb.commands.settings:execute_show",
    ),
    _shown(
        "integer_datetimes", "bool", True, "Shows whether datetimes are integer based.",
        "heliosdb.commands.settings:execute_show",
    ),
    _shown("lc_collate", "string", "C", "Shows the collation order locale.", "heliosdb.commands.settings:execute_show"),
    _shown(
        "lc_ctype", "string", "C", "Shows the character classification and case conversion locale.",
        "heliosdb.commands.settings:execute_show",
    ),
    _shown(
        "is_superuser", "bool", True, "Shows whether the current user is a superuser.",
        "heliosdb.commands.settings:execute_show",
    ),
)  # fmt: skip
