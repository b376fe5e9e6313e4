"""``heliosdb start``, ``status`` and ``stop`` as processes: modes, signals, exit statuses, what a kill leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import ObjectInUse
from heliosdb_server import control
from server_processes import HELIOSDB, SECONDS, ServerProcess, environment, run, status


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "app.db")


def count(path: str) -> int:
    with EmbeddedDatabase(path) as database:
        return int(database.query("SELECT count(*) FROM t")[0][0])


@pytest.mark.parametrize(("command", "spelling"), [("start", "--data"), ("server", "--data-dir"), ("server", "")])
def test_all_spellings_start_it(path: str, command: str, spelling: str) -> None:
    where = [spelling, path] if spelling else [path]
    with ServerProcess(*where, command=command) as server:
        with psycopg.connect(server.url) as client:
            assert client.execute("SHOW port").fetchone() == (str(server.port),)
            assert client.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert run("stop", *where).returncode == 0
        assert server.ended()[0] == 0


def test_status_says_how_it_is(path: str) -> None:
    with ServerProcess(path, "--max-connections", "7") as server, psycopg.connect(server.url) as client:
        client.execute("SELECT 1")
        said = status(path)
        assert (said["state"], said["process"], said["url"]) == ("running", server.process.pid, server.url)
        assert (said["active_connections"], said["max_connections"]) == (1, 7)
        assert 0 < said["uptime_seconds"] < SECONDS
        assert said["size_bytes"] > 0
        before = said["total_queries"]
        client.execute("SELECT 2")
        assert status(path)["total_queries"] == before + 1
        done = run("status", path)
        assert done.returncode == 0
        first, address, *_ = done.stdout.splitlines()
        assert first == f"running (PID {server.process.pid})"
        assert address.split() == ["address", server.url]
        assert "connections  1 of 7" in done.stdout


def test_the_file_of_a_server_is_for_its_owner_alone(path: str) -> None:
    with ServerProcess(path):
        found = os.stat(os.path.join(path, "heliosdb.server"))
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert run("stop", path).stdout == "stopped\n"
        assert not os.path.exists(os.path.join(path, "heliosdb.server"))


@pytest.mark.parametrize("way", ["stop", "SIGINT"])
def test_fast_rolls_back_and_tells_clients(path: str, way: str) -> None:
    with ServerProcess(path) as server:
        with psycopg.connect(server.url) as client:
            client.execute("CREATE TABLE t (id int)")
            client.execute("INSERT INTO t VALUES (1)")
            client.commit()
            client.execute("INSERT INTO t VALUES (2)")
            if way == "stop":
                assert run("stop", path).returncode == 0
            else:
                server.process.send_signal(signal.SIGINT)
            code, said = server.ended()
            assert (code, "Traceback" in said) == (0, False)
            with pytest.raises(psycopg.errors.AdminShutdown):
                client.execute("SELECT 1")
    assert count(path) == 1


@pytest.mark.parametrize("way", ["stop", "SIGTERM"])
def test_smart_waits_for_clients_and_lets_nobody_in(path: str, way: str) -> None:
    with ServerProcess(path) as server:
        with psycopg.connect(server.url, autocommit=True) as client:
            client.execute("CREATE TABLE t (id int)")
            if way == "stop":
                done = run("stop", path, "--mode", "smart", "--timeout", "0.2")
                assert (done.returncode, done.stderr) == (1, "Error: the server is still ending\n")
            else:
                server.process.send_signal(signal.SIGTERM)
                while status(path)["state"] == "running":
                    pass
            assert status(path)["state"] == "stopping"
            with pytest.raises(psycopg.OperationalError, match="the database system is shutting down"):
                psycopg.connect(server.url)
            client.execute("INSERT INTO t VALUES (1)")
        assert server.ended()[0] == 0
    assert count(path) == 1


def test_fast_stops_what_runs(path: str) -> None:
    ends: list[str | None] = []

    def run_long(query: str) -> None:
        with pytest.raises(psycopg.Error) as raised:
            psycopg.connect(server.url, autocommit=True).execute(query)
        ends.append(raised.value.sqlstate)

    queries = ("SELECT pg_sleep(1000)", "SELECT count(*) FROM generate_series(1, 1000000000000)")
    with ServerProcess(path) as server:
        threads = [threading.Thread(target=run_long, args=(query,)) for query in queries]
        for thread in threads:
            thread.start()
        with psycopg.connect(server.url, autocommit=True) as client:
            query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
            while client.execute(query).fetchone() != (len(queries) + 1,):
                pass
        assert run("stop", path).returncode == 0
        assert server.ended()[0] == 0
        for thread in threads:
            thread.join(SECONDS)
    assert ends == ["57P01"] * len(queries)


def test_a_stronger_mode_may_follow(path: str) -> None:
    with ServerProcess(path) as server, psycopg.connect(server.url) as client:
        assert run("stop", path, "--mode", "smart", "--timeout", "0.2").returncode == 1
        assert run("stop", path).returncode == 0
        assert server.ended()[0] == 0
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")


@pytest.mark.parametrize("way", ["stop", "SIGQUIT", "SIGKILL"])
def test_what_was_committed_outlives_a_sudden_end(path: str, way: str) -> None:
    """Clients commit as fast as they can; all that were told so find their rows, whoever was not may or may not."""
    told: list[int] = []
    with ServerProcess(path) as server:
        with psycopg.connect(server.url, autocommit=True) as client:
            client.execute("CREATE TABLE t (id int PRIMARY KEY)")
        enough = threading.Event()

        def commit(start: int) -> None:
            try:
                with psycopg.connect(server.url, autocommit=True) as client:
                    for number in range(start, start + 100_000):
                        client.execute("INSERT INTO t VALUES (%s)", (number,))
                        told.append(number)
                        if len(told) > 300:
                            enough.set()
            except psycopg.OperationalError:
                enough.set()

        threads = [threading.Thread(target=commit, args=(start,)) for start in (0, 1_000_000, 2_000_000)]
        for thread in threads:
            thread.start()
        assert enough.wait(SECONDS)
        if way == "stop":
            assert run("stop", path, "--mode", "immediate").returncode == 0
        else:
            server.process.send_signal(getattr(signal, way))
        assert server.process.wait(SECONDS) == (-9 if way == "SIGKILL" else 0)
        for thread in threads:
            thread.join(SECONDS)
        assert len(told) > 300
    with EmbeddedDatabase(path) as database:
        kept = {row[0] for row in database.query("SELECT id FROM t")}
    assert set(told) <= kept
    assert len(kept) <= len(told) + 3, "one statement of each client may have been under way"


def test_after_a_kill_nothing_is_said_to_run_and_a_server_can_be_started(path: str) -> None:
    with ServerProcess(path) as killed:
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(SECONDS)
        for command in ("status", "stop"):
            done = run(command, path)
            assert done.returncode == 3
            assert done.stderr == (
                f"Error: no server is running; the one with PID {killed.process.pid} has ended without a word\n"
            )
        assert status(path) == {"state": "stopped"}
    with ServerProcess(path) as server:
        assert status(path)["process"] == server.process.pid
        assert run("stop", path).returncode == 0
    assert run("status", path).returncode == 3
    assert run("status", path).stderr == "Error: no server is running\n"
    done = run("check", path)
    assert (done.returncode, "no problems" in done.stderr) == (0, True)


def test_a_server_that_does_not_answer_is_not_said_to_have_ended(path: str) -> None:
    with ServerProcess(path) as server:
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            done = run("status", path, "--timeout", "0.3")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert done.returncode == 1
        assert f"the server (PID {server.process.pid}) does not answer" in done.stderr
        assert run("status", path).returncode == 0


def test_where_there_is_no_database_the_status_is_four(tmp_path: Path) -> None:
    for command in ("status", "stop"):
        assert run(command, str(tmp_path / "nowhere")).returncode == 4
        assert run(command).returncode == 2
    (tmp_path / "heliosdb.server").write_text("no JSON")
    assert "does not say where a server is" in run("status", str(tmp_path)).stderr


def test_a_server_of_a_database_in_memory_is_found_by_its_pid_file(tmp_path: Path) -> None:
    file = str(tmp_path / "server.pid")
    with ServerProcess("--memory", "--pid-file", file) as server:
        said = status("--pid-file", file)
        assert (said["process"], said["size_bytes"]) == (server.process.pid, None)
        assert run("stop", "--pid-file", file).returncode == 0
        assert not os.path.exists(file)


def test_who_opens_a_database_that_is_served_is_told_where(path: str) -> None:
    with ServerProcess(path) as server:
        with pytest.raises(ObjectInUse) as raised:
            EmbeddedDatabase(path)
        assert raised.value.message == (
            f'database "{path}" is in use by process {server.process.pid}, which serves it at {server.url}'
        )
        assert raised.value.hint == f"Connect to the server: {server.url}"
        second = run("start", path)
        assert second.returncode == 1
        assert server.url in second.stderr


def test_a_client_that_is_killed_in_a_transaction_leaves_nothing_behind(path: str) -> None:
    script = """if True:
        import sys, psycopg
        client = psycopg.connect(sys.argv[1])
        client.execute("DELETE FROM t")
        client.execute("CREATE TEMP TABLE mine (id int)")
        client.execute("SELECT pg_advisory_lock(5)")
        print("ready", flush=True)
        sys.stdin.read()
    """
    with ServerProcess(path) as server, psycopg.connect(server.url, autocommit=True) as client:
        client.execute("CREATE TABLE t (id int)")
        client.execute("INSERT INTO t VALUES (1)")
        killed = subprocess.Popen(
            [os.path.join(os.path.dirname(HELIOSDB), "python"), "-c", script, server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        with killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == b"ready\n"
            killed.kill()
        # Waits for the lock of the row, which goes with the client.
        client.execute("UPDATE t SET id = 2")
        client.execute("SELECT pg_advisory_lock(5)")
        while status(path)["active_connections"] > 1:
            pass
        rows = client.execute("SELECT id FROM t").fetchall()
        left = client.execute("SELECT count(*) FROM pg_class WHERE relname = 'mine'").fetchone()
        locks = client.execute("SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()").fetchone()
        assert (rows, left, locks) == ([(2,)], (0,), (0,))


def test_lines_of_the_log_are_objects_where_that_is_wanted(path: str) -> None:
    with ServerProcess(path, "--log-format", "json", "--log-level", "debug") as server:
        psycopg.connect(server.url).close()
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(host="127.0.0.1", port=server.port, user="no\nbody %s", dbname="app")
        run("stop", path)
        lines: list[Any] = [json.loads(line) for line in server.ended()[1].splitlines()]
    assert {"time", "pid", "level", "logger", "message"} <= set(lines[0])
    assert {line["pid"] for line in lines} == {server.process.pid}
    said = [line["message"] for line in lines]
    assert f"listening at 127.0.0.1:{server.port}" in said
    refused, connected = (next(text for text in said if word in text) for word in ("FATAL", "has connected"))
    assert re.fullmatch(r'client at 127\.0\.0\.1:\d+: FATAL: role "no\nbody %s" does not exist', refused)
    assert re.fullmatch(r"session \d+: 'helios' has connected from 127\.0\.0\.1:\d+", connected)


def test_the_environment_says_where_to_listen(path: str) -> None:
    for variables, said in (
        ({"HELIOSDB_PORT": "many"}, "invalid value for server.port: 'many'"),
        ({"HELIOSDB_LISTEN_ADDR": "0.0.0.0"}, 'a server that trusts everybody does not listen at "0.0.0.0"'),
        ({"HELIOSDB_PROT": "1"}, "Perhaps HELIOSDB_PORT was meant."),
    ):
        done = run("start", path, variables=variables)
        assert done.returncode == 1
        assert said in done.stderr
    with ServerProcess(variables={"HELIOSDB_DATA_DIR": path, "HELIOSDB_LISTEN_ADDR": "::1"}) as server:
        assert status(path)["url"] == f"postgresql://helios@[::1]:{server.port}/app"
        with psycopg.connect(status(path)["url"]) as client:
            assert client.execute("SHOW listen_addresses").fetchone() == ("::1",)


def test_the_configuration_says_what_no_option_says(tmp_path: Path, path: str) -> None:
    (tmp_path / "some.toml").write_text(
        f'[storage]\npath = "{path}"\n[server]\nmax_connections = 3\nlisten_addr = "127.0.0.1"\nport = 1\n'
    )
    with ServerProcess("--config", str(tmp_path / "some.toml")) as server:
        assert status(path)["max_connections"] == 3
        assert server.port != 1
        assert run("stop", path).returncode == 0


def test_nobody_reads_the_secret_in_a_file_made_before(tmp_path: Path) -> None:
    path = tmp_path / "contact"
    (tmp_path / "contact.new").touch()
    (tmp_path / "contact.new").chmod(0o666)
    control.note(str(path), control.Contact(1, "127.0.0.1", 5432, "postgresql://127.0.0.1:5432/", "secret"))
    assert path.stat().st_mode & 0o777 == 0o600
    noted = control.noted(str(path))
    assert noted is not None
    assert noted.secret == "secret"
