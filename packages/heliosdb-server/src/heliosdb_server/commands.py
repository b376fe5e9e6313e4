"""The command ``heliosdb start``, which is called ``server``, too."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from attrs import evolve

from heliosdb_server.logs import FORMATS, LEVELS

if TYPE_CHECKING:
    from heliosdb_server.server import Server

__all__ = ["start"]

SIGNALS = {"SIGTERM": "smart", "SIGINT": "fast", "SIGQUIT": "immediate"}
"""PostgreSQL's."""


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
@click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True, help="Give a setting its value, as SET would; repeatable."
)
@click.option("--pid-file", metavar="FILE", help="Say in this file, too, where the server is; for stop and status.")
@click.option("--log-level", type=click.Choice(list(LEVELS)), help="What is logged on standard error (info).")
@click.option("--log-format", type=click.Choice(FORMATS), default="text", show_default=True, help="How a line looks.")
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
    settings: tuple[str, ...],
    pid_file: str | None,
    log_level: str | None,
    log_format: str,
) -> None:
    """Serve the database at PATH to PostgreSQL's clients, until heliosdb stop or a signal.

    SIGTERM waits until the clients have gone, SIGINT (Ctrl-C) rolls back what they do, SIGQUIT ends on the spot. What
    no option says is taken from the configuration, the server's from its section [server].
    """
    if sum((path is not None, data_dir is not None, memory)) > 1:
        raise click.UsageError("give one of PATH, --data-dir and --memory")
    import heliosdb
    from heliosdb_server.config import ServerConfig
    from heliosdb_server.logs import set_up
    from heliosdb_server.options import config_fields, rules_text
    from heliosdb_server.server import Server, new_event_loop
    from heliosdb_server.service import service_of

    users = {}
    if user is not None:
        password = os.environ.get("PGPASSWORD")
        if not password:
            raise click.UsageError("--user needs a password in PGPASSWORD")
        users[user] = password
    overrides = {
        "path": ":memory:" if memory else path or data_dir,
        "log_level": log_level,
        "settings": dict(_pair(text) for text in settings),
    }
    chosen = heliosdb.load_config(config_file, overrides=overrides)
    # What a server's statements cost somebody will ask; a look-up takes 0.3 us longer for it.
    chosen = evolve(chosen, settings={"pg_stat_statements.track": "top", **chosen.settings})
    if chosen.path is None and not chosen.in_memory:
        raise click.UsageError("give PATH, --data-dir or --memory, or storage.path in the configuration")
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
    config.require_accounts(chosen.in_memory or chosen.path is None or not os.path.exists(chosen.path))
    set_up(log_format, chosen.log_level or "info")
    with heliosdb.EmbeddedDatabase(None, config=chosen) as database:
        server = Server(database.database, config, pid_file)
        service = service_of(database.database)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(server, service.entered))
    # The last thing: whoever waits for the end waits for this.
    server.life.end()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"--set: NAME=VALUE is needed, not {text!r}")
    return name, value


async def _serve(server: Server, entered: Callable[[Server], None]) -> None:
    await server.start()
    # What is there by now stays: collections need not look at it again.
    gc.collect()
    gc.freeze()
    entered(server)
    server.life.exit = lambda: _exit(server)
    loop = asyncio.get_running_loop()
    for name, mode in SIGNALS.items():
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, server.life.ask, mode)
        except NotImplementedError:
            # Windows' loops know no signals.
            signal.signal(number, lambda *_, mode=mode: loop.call_soon_threadsafe(server.life.ask, mode))
    _tell_service_manager("READY=1")
    await server.life.until_end()
    _tell_service_manager("STOPPING=1")
    await server.stop()


def _exit(server: Server) -> None:
    """End the process on the spot: nothing is rolled back or written."""
    server.life.end()
    os._exit(0)


def _tell_service_manager(state: str) -> None:
    """Tell systemd how it is, where that has started the process (sd_notify(3))."""
    import socket

    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
        except OSError as error:
            click.echo(f"the service manager cannot be told {state}: {error.strerror}", err=True)
