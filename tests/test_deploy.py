"""What stands in deploy/: its commands are run as they are written there, in other folders."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import psycopg
import pytest

from server_processes import ServerProcess, run, status

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
UNIT = (DEPLOY / "heliosdb.service").read_text()
CONTAINER = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text())


def key(name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)
    return str(found)


def words(instruction: str) -> list[str]:
    """Return the list of an instruction in the container's file, its options left out."""
    (found,) = re.findall(rf"^{instruction}\b[^\[\n]*(\[.*\])$", CONTAINER, re.MULTILINE)
    return [str(word) for word in json.loads(found)]


def test_the_service_starts_says_so_and_ends_as_its_unit_says(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=int(key("StateDirectoryMode"), 8))
    program, command, *arguments = shlex.split(key("ExecStart").replace("${STATE_DIRECTORY}", str(state)))
    assert (os.path.basename(program), command, key("Type")) == ("heliosdb", "start", "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        with ServerProcess(*arguments, variables={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as server:
            assert manager.recv(100) == b"READY=1"
            with psycopg.connect(server.url, autocommit=True) as client:
                client.execute("SELECT 1")
                server.process.send_signal(getattr(signal, key("KillSignal")))
                assert manager.recv(100) == b"STOPPING=1"
                assert server.ended()[0] == 0
    assert "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX" in UNIT, "the notification is sent by a Unix socket"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on the PATH")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    # The program need not be installed here.
    (tmp_path / "heliosdb.service").write_text(UNIT.replace("/usr/local/bin/heliosdb", shutil.which("true") or ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "heliosdb.service")], capture_output=True, text=True
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "heliosdb.service" in line]) == (0, [])


def test_the_container_starts_is_healthy_and_stops(tmp_path: Path) -> None:
    def here(text: str) -> str:
        return text.replace("/var/lib/heliosdb", str(tmp_path))

    program, command, *arguments = map(here, [*words("ENTRYPOINT"), *words("CMD")])
    assert (program, command) == ("heliosdb", "start")
    arguments[arguments.index("0.0.0.0")] = "127.0.0.1"  # not on a machine where tests run
    (check,) = re.findall(r"HEALTHCHECK .*CMD (\[.*\])", CONTAINER)
    _, *health = map(here, json.loads(check))
    assert run(*health).returncode == 4
    with ServerProcess(*arguments, password="secret") as server:
        assert run(*health).returncode == 0
        with psycopg.connect(f"{server.url}?password=secret"):
            assert status(*health[1:])["active_connections"] == 1
        (number,) = re.findall(r"^STOPSIGNAL (\w+)$", CONTAINER, re.MULTILINE)
        server.process.send_signal(getattr(signal, number))
        assert server.ended()[0] == 0
    assert run(*health).returncode == 3


def test_the_container_is_not_run_by_root() -> None:
    order = re.findall(r"^(RUN|USER|VOLUME|ENTRYPOINT)\b", CONTAINER, re.MULTILINE)
    assert order == ["RUN", "USER", "VOLUME", "ENTRYPOINT"]
    assert "USER heliosdb" in CONTAINER
