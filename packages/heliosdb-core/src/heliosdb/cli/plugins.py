"""``heliosdb plugins``: what is installed and what became of it."""

from __future__ import annotations

import json

import click

from heliosdb.cli.table import Style, Table, format_table
from heliosdb.plugin.host import load_plugins

__all__ = ["list_plugins"]


def list_plugins(*, as_json: bool) -> None:
    """Print the plugins, the core first."""
    rows = load_plugins().plugins
    if as_json:
        fields = ("name", "package", "version", "status", "error")
        document = [
            {**{name: getattr(row, name) for name in fields}, "registered": [list(entry) for entry in row.registered]}
            for row in rows
        ]
        click.echo(json.dumps(document, indent=2))
        return
    table = Table(
        ["name", "package", "version", "status", "registered", "error"],
        ["text", "text", "text", "text", "int8", "text"],
        [(row.name, row.package, row.version, row.status, str(len(row.registered)), row.error) for row in rows],
    )
    for line in format_table(table, Style()):
        click.echo(line)
