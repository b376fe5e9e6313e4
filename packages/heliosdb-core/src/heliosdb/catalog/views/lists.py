"""The views that people read: pg_tables, pg_indexes, pg_settings, pg_roles and kin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve

from heliosdb.catalog.access import allowed
from heliosdb.catalog.settings import TRANSACTION_SETTINGS, show_setting
from heliosdb.catalog.views.columns import PG_CATALOG
from heliosdb.catalog.views.locks import pg_locks
from heliosdb.catalog.views.support import (
    DATABASE_OID,
    OWNER,
    catalog_view,
    describe,
    no_rows,
    owner_name,
    row_maker,
    system_relations,
    type_oid,
)

__all__ = ["CATALOG_VIEWS", "DATABASE_OID"]

Row = tuple[Any, ...]

EPOCH = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970."""

TABLESPACES = ((1663, "pg_default"), (1664, "pg_global"))

_settings_row = row_maker(PG_CATALOG["pg_settings"])


def pg_tables(session: Any) -> Iterator[Row]:
    """Tables, those of the system included."""
    for relation in session.catalog.relations():
        if relation.kind == "table":
            triggers = bool(
                session.catalog.relations_referencing(relation.oid)
                or any(constraint.foreign is not None for constraint in relation.constraints)
            )
            yield (
                relation.schema, relation.name, owner_name(session, relation.owner), None, bool(relation.indexes),
                False, triggers, False,
            )  # fmt: skip


def pg_views(session: Any) -> Iterator[Row]:
    """Views, those of the system included (their definition is not SQL)."""
    definition = describe("view_definition")
    for relation in session.catalog.relations():
        if relation.kind == "view":
            yield relation.schema, relation.name, owner_name(session, relation.owner), definition(session, relation)
    for _, view in system_relations(session):
        yield view.schema, view.name, owner_name(session, OWNER), None


def pg_indexes(session: Any) -> Iterator[Row]:
    """Indexes with their definitions."""
    definition = describe("index_definition")
    for relation in session.catalog.relations():
        for index in relation.indexes:
            yield relation.schema, relation.name, index.name, None, definition(session, relation, index)


def pg_sequences(session: Any) -> Iterator[Row]:
    """Sequences with where they stand."""
    for relation in session.catalog.sequences():
        options = relation.sequence
        last, called = session.database.sequences.state(options)
        yield (
            relation.schema, relation.name, owner_name(session, relation.owner), type_oid(session, options.type),
            options.start, options.minimum, options.maximum, options.increment, options.cycle, options.cache,
            last if called and allowed(session.catalog, session.role, relation, "Ur") else None,
        )  # fmt: skip


def pg_settings(session: Any) -> Iterator[Row]:
    """Run-time parameters."""
    for name in sorted(session.registries.settings):
        setting = session.registries.settings[name]
        bare = evolve(setting, unit=None)
        boot = show_setting(bare, setting.default)
        key = setting.name.lower()
        if key in TRANSACTION_SETTINGS:
            value, start, source = session.show_setting(setting.name), boot, "override"
        else:
            value, start = show_setting(bare, session.setting(key)), show_setting(bare, session.settings.initial(key))
            source = session.settings.source(key)
        yield _settings_row(
            name=setting.name,
            setting=value,
            unit=setting.unit,
            category="Customized Options" if "." in setting.name else "HeliosDB",
            short_desc=setting.description,
            context=setting.context,
            vartype=setting.kind,
            source=source,
            min_val=None if setting.minimum is None else f"{setting.minimum:.10g}",
            max_val=None if setting.maximum is None else f"{setting.maximum:.10g}",
            enumvals=setting.values or None,
            boot_val=boot,
            reset_val=start,
            pending_restart=False,
        )


def pg_database(session: Any) -> Iterator[Row]:
    """The one database."""
    yield (
        DATABASE_OID, session.database.name, OWNER, 6, "c", False, True, -1, 0, 0, 1663, "C", "C", None, None, None,
    )  # fmt: skip


def pg_tablespace(session: Any) -> Iterator[Row]:
    """Tablespaces: the names that PostgreSQL's tools expect."""
    for oid, name in TABLESPACES:
        yield oid, name, OWNER, None, None


def pg_timezone_names(session: Any) -> Iterator[Row]:
    """Time zones with their present offsets."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo, available_timezones

    now = datetime.now(UTC)
    for name in sorted(available_timezones()):
        local = now.astimezone(ZoneInfo(name))
        offset = local.utcoffset()
        microseconds = 0 if offset is None else round(offset.total_seconds()) * 1_000_000
        yield name, local.tzname(), interval(microseconds), bool(local.dst())


def interval(microseconds: int) -> Any:
    """Return an interval datum."""
    from heliosdb.types.interval import Interval

    return Interval(0, 0, microseconds)


def pg_timezone_abbrevs(session: Any) -> Iterator[Row]:
    """Abbreviations of time zones with a fixed offset that date and time input knows."""
    from heliosdb.types.zone_abbreviations import DAYLIGHT_ABBREVIATIONS, STANDARD_ABBREVIATIONS

    every = [(name, seconds, False) for name, seconds in STANDARD_ABBREVIATIONS.items()]
    every += [(name, seconds, True) for name, seconds in DAYLIGHT_ABBREVIATIONS.items()]
    for name, seconds, is_dst in sorted(every):
        yield name.upper(), interval(seconds * 1_000_000), is_dst


def pg_prepared_statements(session: Any) -> Iterator[Row]:
    """Statements that this session has prepared, by PREPARE or by the protocol."""
    for name, made in session.prepared.items():
        yield (
            name,
            made.text,
            made.prepared_at // 1000 - EPOCH,
            _type_oids(session, made.parameter_types),
            True,
            None,
            None,
        )
    for name, made in session.protocol_prepared.items():
        if name:
            text = "" if made.text is None else made.text.shown or made.text.text
            yield name, text, made.prepared_at // 1000 - EPOCH, _type_oids(session, made.types), False, None, None


def _type_oids(session: Any, types: Iterable[str | None]) -> tuple[int, ...]:
    return tuple([0 if name is None else type_oid(session, name) for name in types])


def pg_cursors(session: Any) -> Iterator[Row]:
    """Cursors that are open in this session."""
    for name, cursor in session.cursors.items():
        yield name, getattr(cursor, "text", None), bool(getattr(cursor, "is_held", False)), False, None, None


CATALOG_VIEWS = (
    catalog_view("pg_conversion", no_rows, "Encoding conversions; text is UTF-8 throughout."),
    catalog_view("pg_cursors", pg_cursors, "Open cursors of this session."),
    catalog_view("pg_database", pg_database, "The database."),
    catalog_view("pg_default_acl", no_rows, "Default privileges; there are none."),
    catalog_view("pg_event_trigger", no_rows, "Event triggers; there are none."),
    catalog_view("pg_foreign_data_wrapper", no_rows, "Foreign-data wrappers; there are none."),
    catalog_view("pg_foreign_server", no_rows, "Foreign servers; there are none."),
    catalog_view("pg_foreign_table", no_rows, "Foreign tables; there are none."),
    catalog_view("pg_indexes", pg_indexes, "Indexes with their definitions."),
    catalog_view("pg_locks", pg_locks, "Table and advisory locks that are held, and every lock that is waited for."),
    catalog_view("pg_matviews", no_rows, "Materialized views; there are none."),
    catalog_view("pg_partitioned_table", no_rows, "Partitioned tables; there are none."),
    catalog_view("pg_policies", no_rows, "Row security policies; there are none."),
    catalog_view("pg_policy", no_rows, "Row security policies; there are none."),
    catalog_view("pg_prepared_statements", pg_prepared_statements, "Prepared statements of this session."),
    catalog_view("pg_publication", no_rows, "Publications; there are none."),
    catalog_view("pg_publication_namespace", no_rows, "Schemas of publications; there are none."),
    catalog_view("pg_publication_rel", no_rows, "Tables of publications; there are none."),
    catalog_view("pg_rules", no_rows, "Rules other than those of views; there are none."),
    catalog_view("pg_seclabel", no_rows, "Security labels; there are none."),
    catalog_view("pg_sequences", pg_sequences, "Sequences and where they stand."),
    catalog_view("pg_settings", pg_settings, "Run-time parameters."),
    catalog_view("pg_statistic_ext", no_rows, "Extended statistics; there are none."),
    catalog_view("pg_subscription", no_rows, "Subscriptions; there are none."),
    catalog_view("pg_tables", pg_tables, "Tables."),
    catalog_view("pg_tablespace", pg_tablespace, "Tablespaces."),
    catalog_view("pg_timezone_abbrevs", pg_timezone_abbrevs, "Time zone abbreviations."),
    catalog_view("pg_timezone_names", pg_timezone_names, "Time zones."),
    catalog_view("pg_trigger", no_rows, "Triggers; there are none."),
    catalog_view("pg_ts_config", no_rows, "Text search configurations; there are none."),
    catalog_view("pg_user_mapping", no_rows, "User mappings; there are none."),
    catalog_view("pg_views", pg_views, "Views with their definitions."),
)
