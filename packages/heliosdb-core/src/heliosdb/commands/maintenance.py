"""ANALYZE and VACUUM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.access import is_owner
from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.session import Session

__all__ = ["execute_analyze", "execute_vacuum"]

TABLES = ("table", "materialized view")


def _targets(session: Session, targets: tuple[tree.VacuumTarget, ...], word: str) -> Iterator[Relation]:
    """Yield the tables that are named, or all of the database."""
    catalog = session.catalog
    if not targets:
        every = (relation for relation in catalog.relations() if relation.kind in TABLES)
        yield from (relation for relation in every if is_owner(catalog, session.role, relation))
        return
    for target in targets:
        parts = target.name.parts
        found = catalog.lookup_relation(parts[-2] if len(parts) > 1 else None, parts[-1], session.search_path)
        if found is None:
            raise errors.UndefinedTable(f'relation "{".".join(parts)}" does not exist')
        for name in target.columns:
            if found.column(name) is None:
                raise errors.UndefinedColumn(f'column "{name}" of relation "{found.name}" does not exist')
        if found.kind not in TABLES:
            session.notice(
                f'skipping "{found.name}" --- cannot {word} non-tables or special system tables', severity="WARNING"
            )
            continue
        if not is_owner(catalog, session.role, found):
            session.notice(f'permission denied to {word} "{found.name}", skipping it', severity="WARNING")
            continue
        yield found


def _options(options: tuple[Any, ...], allowed: tuple[str, ...], word: str) -> dict[str, bool]:
    """Return the boolean options of a parenthesized list; 0A000 for what does nothing here."""
    values: dict[str, bool] = {}
    for option in options:
        name = option.name.lower()
        if name not in allowed:
            raise errors.FeatureNotSupported(
                f"{word} option {name.upper()} is not supported", position=option.position or None
            )
        text = "on" if option.value is None else str(getattr(option.value, "value", option.value)).lower()
        if text not in ("on", "off", "true", "false", "1", "0"):
            raise errors.SqlSyntaxError(f"{name} requires a Boolean value", position=option.position or None)
        values[name] = text in ("on", "true", "1")
    return values


def _analyze(session: Session, relation: Relation, *, verbose: bool) -> None:
    statistics = session.database.statistics.analyze(session, relation)
    if verbose:
        session.notice(
            f'"{relation.schema}.{relation.name}": {len(statistics.sample)} rows in sample, '
            f"{statistics.rows:.0f} estimated total rows",
            severity="INFO",
        )


def execute_analyze(session: Session, statement: tree.Analyze) -> Result:
    """ANALYZE [table [(columns)], ...]: take a large sample of the tables, of which all columns' statistics are
    made.
    """
    options = _options(statement.options, ("verbose",), "ANALYZE")
    for relation in _targets(session, statement.targets, "analyze"):
        _analyze(session, relation, verbose=options.get("verbose", False))
    return Result("ANALYZE")


def execute_vacuum(session: Session, statement: tree.Vacuum) -> Result:
    """VACUUM [(ANALYZE)] [table, ...]: drop row versions and index entries that no snapshot needs any more."""
    if session.block.is_open:
        raise errors.ActiveSqlTransaction("VACUUM cannot run inside a transaction block")
    options = _options(statement.options, ("analyze", "verbose"), "VACUUM")
    targets = list(_targets(session, statement.targets, "vacuum"))
    verbose = options.get("verbose", False)
    store, line = session.database.store, session.transaction
    dropped = {item.oid: store.vacuum_relation(line.relation(item.oid)) for item in targets}
    # On disk, space comes back when what is left is written anew.
    trimmed = {} if store.maintenance is None else store.maintenance.checkpoint(compact=dropped.keys())
    for relation in targets:
        if verbose:
            oid = relation.oid
            session.notice(
                f'vacuumed "{relation.schema}.{relation.name}": {line.relation(oid).count} rows, '
                f"{dropped[oid] + trimmed.get(oid, 0)} older versions dropped",
                severity="INFO",
            )
        if options.get("analyze", False):
            _analyze(session, relation, verbose=verbose)
    return Result("VACUUM")
