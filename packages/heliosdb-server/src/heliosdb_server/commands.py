"""The command ``heliosdb start``."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

import click

__all__ = ["start"]


@click.command(
    epilog="\b\nExamples:\n"
    "  heliosdb start app.db\n"
    "  heliosdb start --memory --port 0\n"
    "  PGPASSWORD=... heliosdb start app.db --listen 0.0.0.0 --auth scram-sha-256 --user app"
)
@click.argument("path", metavar="[PATH]", required=False)
@click.option("--data-dir", "--data", "data_dir", metavar="PATH", help="The database, another way to say PATH.")
@click.option("--memory", is_flag=True, help="Serve a new database in memory.")
@click.option("--listen", metavar="HOST", help="Where to listen (127.0.0.1).")
@click.option("--port", "-p", type=click.IntRange(0, 65535), help="The port (5432); 0: any free one.")
@click.option("--auth", metavar="METHOD", help="How clients show who they are (trust).")
@click.option("--allow", multiple=True, metavar="CIDR", help="From where clients may come (everywhere); repeatable.")
@click.option("--hba", metavar="FILE", help="Rules for who may come, as in pg_hba.conf, in place of the two above.")
@click.option("--user", metavar="NAME", help="Who may connect, with the password in PGPASSWORD.")
@click.option("--max-connections", type=click.IntRange(1), help="Clients at once (100).")
@click.option("--tls-cert", metavar="FILE", help="The certificate, in PEM.")
@click.option("--tls-key", metavar="FILE", help="Its key, in PEM.")
@click.option("--tls-ca", metavar="FILE", help="The authorities that sign certificates of clients, in PEM.")
@click.option("--tls-required", is_flag=True, help="Refuse connections that are not encrypted.")
@click.option("--config", "config_file", metavar="FILE", help="Read the configuration from this TOML file.")
def start(
    path: str | None,
    data_dir: str | None,
    memory: bool,
    listen: str | None,
    port: int | None,
    auth: str | None,
    allow: tuple[str, ...],
    hba: str | None,
    user: str | None,
    max_connections: int | None,
    tls_cert: str | None,
    tls_key: str | None,
    tls_ca: str | None,
    tls_required: bool,
    config_file: str | None,
) -> None:
    """Serve the database at PATH to PostgreSQL's clients, until Ctrl-C or SIGTERM.

    What no option says is taken from the section [server] of the configuration.
    """
    if sum((path is not None, data_dir is not None, memory)) != 1:
        raise click.UsageError("give one of PATH, --data-dir and --memory")
    import heliosdb
    from heliosdb_server.config import ServerConfig
    from heliosdb_server.options import config_fields, rules_text
    from heliosdb_server.server import Server, new_event_loop

    users = {}
    if user is not None:
        password = os.environ.get("PGPASSWORD")
        if not password:
            raise click.UsageError("--user needs a password in PGPASSWORD")
        users[user] = password
    where = ":memory:" if memory else path or data_dir
    chosen = heliosdb.load_config(config_file, overrides={"path": where})
    given = {
        "host": listen,
        "port": port,
        "auth": auth,
        "allowed_ips": allow or None,
        "hba": None if hba is None else rules_text(hba),
        "max_connections": max_connections,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "tls_ca": tls_ca,
        "tls_required": tls_required or None,
    }
    stated = {name: value for name, value in given.items() if value is not None}
    # Before the database is opened: one that is not there would be made.
    config = ServerConfig(
        **config_fields(chosen.for_packages()) | stated,
        users=users,
    )
    with heliosdb.EmbeddedDatabase(where, config=chosen) as database:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(Server(database.database, config)))


async def _serve(server: object) -> None:
    from heliosdb_server.server import Server

    assert isinstance(server, Server)
    await server.start()
    # What is there by now stays: collections need not look at it again.
    gc.collect()
    gc.freeze()
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    click.echo(f"listening at {server.config.host}:{server.port}", err=True)
    await ended.wait()
    click.echo("ending", err=True)
    await server.stop()
