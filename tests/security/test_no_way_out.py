"""S25: plugcontrol connects to its database and its Redis, and to nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .. import outbound

ROOT = Path(__file__).resolve().parents[2]
#: From an empty folder to a session in a file; a page's files; firmware and diagnostics with a charge point of ours.
SCENES = (
    "tests/test_serve.py::test_from_nothing_to_a_session_in_a_file",
    "tests/simulator/test_against_plugcontrol.py",
    "tests/transfers/test_whole_way.py::test_diagnostics_by_http",
)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
def test_the_suite_itself_is_watched(address: str) -> None:
    """What tests/conftest.py does for each test: the attempt fails, and is remembered whoever swallows the error."""
    with (
        socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as line,
        pytest.raises(PermissionError, match="may not connect"),
    ):
        line.connect((address, 80))
    assert outbound.attempts == [f"{address}:80"]
    outbound.attempts.clear()


@pytest.mark.long
@pytest.mark.server
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes network namespaces")
def test_without_any_network_but_its_own_it_works() -> None:
    """The server's process too: a namespace with nothing but the loopback interface, and SQLite."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("needs unshare and ip")
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    inside = 'ip link set lo up && exec "$0" -m pytest -q -p no:cacheprovider -x "$@"'
    command = ["unshare", "--net", "sh", "-c", inside, sys.executable, *SCENES]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=own,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
