"""The command ``heliosdb semver``."""

from __future__ import annotations

import click

from heliosdb_plugin_example.functions import bump, satisfies
from heliosdb_plugin_example.semver import parse

__all__ = ["semver"]


@click.command()
@click.argument("version")
@click.option("--bump", "part", type=click.Choice(["major", "minor", "patch"]), help="Print the next version.")
@click.option("--satisfies", "wanted", metavar="RANGE", help="Fail unless the version is in the range.")
def semver(version: str, part: str | None, wanted: str | None) -> None:
    """Check a semantic version, and bump it or compare it with a range."""
    parsed = parse(version)
    if parsed is None:
        raise click.ClickException(f'"{version}" is not a semantic version')
    if wanted is not None and not satisfies(parsed, wanted):
        raise click.ClickException(f"{version} does not satisfy {wanted}")
    click.echo(str(parsed if part is None else bump(parsed, part)))
