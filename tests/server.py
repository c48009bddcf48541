"""The real server as a process of its own, for what only a real one shows."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from . import warm

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`manage.py serve --prepare`, or another command, on a free port; what it prints is kept."""

    def __init__(
        self, command: list[str], environment: dict[str, str], ready_when: str | None = "Stop with Ctrl-C"
    ) -> None:
        self.port = int(environment["PORT"])
        self.output: list[str] = []
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._ready_when = ready_when
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output.append(line)
            if self._ready_when is not None and self._ready_when in line:
                self._ready.set()
        self._ready.set()

    def wait_until_ready(self) -> None:
        """Until it printed `ready_when`; a server that prints nothing we know is asked until it answers."""
        if self._ready_when is None:
            self._poll()
            return
        assert self._ready.wait(START_TIMEOUT_S), self.log
        assert self._process.poll() is None, self.log

    def _poll(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self.get("/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(self.log)

    @property
    def log(self) -> str:
        return "".join(self.output)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def charger_address(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 20) -> int:
        """Exit code once the process has ended and its output is read."""
        code = self._process.wait(timeout_s)
        self._reader.join(5)
        return code

    def stop(self) -> int:
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(self.page + path, timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


def environment(data_dir: Path, **more: Any) -> dict[str, str]:
    """A server's environment of its own: SQLite in `data_dir` unless told otherwise."""
    values = {
        "DATA_DIR": str(data_dir),
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "plugcontrol.settings",
        "PYTHONWARNINGS": "default",
    }
    return values | {name: str(value) for name, value in more.items()}


def manage(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return warm.manage(arguments, {**os.environ, **env})


@functools.cache
def _empty_database() -> Path:
    """A SQLite file with all migrations applied, made once by each test process: that takes longer than a server."""
    folder = Path(tempfile.mkdtemp(prefix="plugcontrol-empty-"))
    prepared = manage("prepare", env=environment(folder))
    assert prepared.returncode == 0, prepared.stderr
    return folder / "plugcontrol.sqlite3"


def spare_migrations(env: dict[str, str]) -> None:
    """Put an empty database where a server with this environment would make one."""
    file = Path(env["DATA_DIR"]) / "plugcontrol.sqlite3"
    if not env["DATABASE_URL"] and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_empty_database(), file)


@contextmanager
def serving(env: dict[str, str], *arguments: str, from_nothing: bool = False) -> Iterator[Server]:
    """A server until the block ends; `from_nothing`: it makes its database itself, as on a new machine."""
    if not from_nothing:
        spare_migrations(env)
    server = Server([sys.executable, "manage.py", "serve", "--prepare", *arguments], env)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
