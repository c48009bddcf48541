"""The processes of a run: a PostgreSQL cluster of its own, the servers, and what /proc says about them.

Everything lives in a temporary folder and on free loopback ports, so that no run touches anybody's database.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_S, EXIT_S = 60, 15
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the third on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, its living children and those it has waited for."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    ticks = sum(int(tick) for tick in _stat(pid)[11:15])
    for child in pids:
        fields = _stat(child)
        if fields and int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / CLOCK_TICKS


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def end_tidily_on_sigterm() -> None:
    """Let `timeout` and Ctrl-C alike run the clean-up: no server or database of ours stays behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class Folder:
    """A temporary folder that the operating system's `postgres` user can reach too."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="plugcontrol-bench-"))
        self.path.chmod(0o755)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Postgres:
    """A cluster with PostgreSQL's default settings (fsync and synchronous_commit on)."""

    def __init__(self, folder: Folder) -> None:
        self.bin = self._binaries()
        self.home = folder.path / "postgresql"
        self.home.mkdir()
        # initdb and postgres refuse to be root
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.user:
            owner = pwd.getpwnam("postgres")
            os.chown(self.home, owner.pw_uid, owner.pw_gid)
        self.data, self.port = self.home / "data", free_port()
        self._command("initdb", "-D", str(self.data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")

    @staticmethod
    def _binaries() -> Path:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        on_path = shutil.which("initdb")
        if not found and not on_path:
            raise SystemExit("PostgreSQL's programs (initdb, pg_ctl) are not installed.")
        return found[-1] if found else Path(str(on_path)).parent

    def _command(self, program: str, *arguments: str) -> None:
        command = [*self.user, str(self.bin / program), *arguments]
        with (self.home.parent / "postgresql.log").open("ab") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd="/", timeout=120)  # noqa: S603

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.home}"
        log = str(self.home / "server.log")
        self._command("pg_ctl", "-D", str(self.data), "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self._command("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def fresh(self, name: str) -> str:
        """Drop and create database `name`; returns its URL."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "bench"]
        self._command("dropdb", *where, "--if-exists", "--force", name)
        self._command("createdb", *where, name)
        self._command("psql", *where, "-q", "-c", "CHECKPOINT", name)
        return f"postgresql://bench@127.0.0.1:{self.port}/{name}"

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])


class Server:
    """A central system in a process of its own that listens on a free loopback port."""

    def __init__(self, folder: Folder, name: str) -> None:
        self.name, self.port, self.log = name, free_port(), folder.path / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    url_path = ""
    arguments: tuple[str, ...] = ()
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self.url_path}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start and wait until it serves."""
        self.prepare()
        self.process = self._spawn(*self.arguments)
        end = time.monotonic() + READY_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{self.name} did not start; its log ends with:\n{self.tail()}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def prepare(self) -> None:
        """What must be done once before the first start."""

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/tmp",  # noqa: S108
            "LANG": "C.UTF-8",
            "ENV_FILE": os.devnull,
        } | self.environment
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _run(self, *arguments: str) -> None:
        if self._spawn(*arguments).wait(READY_S):
            raise SystemExit(f"{self.name} could not be prepared; its log ends with:\n{self.tail()}")

    def stop(self) -> int:
        """SIGTERM; the exit code, or SIGKILL and -9 after 15 s."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        assert self.process is not None
        try:
            return self.process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def kill(self) -> None:
        """kill -9 of the process and of whatever it started."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(EXIT_S)

    def tail(self, lines: int = 25) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


#: Migrates, and enters the stations as an operator would have done: `prefix count` pairs follow as arguments.
REGISTER = """
from django.core.management import call_command
from django.utils import timezone
from bench.messages import identity
from stations.models import ChargePoint
call_command("prepare")
ChargePoint.objects.bulk_create(
    ChargePoint(identity=identity(prefix, number), registration_status="Accepted", accepted_at=timezone.now())
    for prefix, count in {stations!r}.items() for number in range(1, count + 1)
)
"""


class Plugcontrol(Server):
    """`manage.py serve` as anyone runs it, in front of a database that knows `stations` ({prefix: count}).

    Without a database URL it is SQLite in a folder of its own.
    """

    url_path = "/ocpp"
    arguments = ("manage.py", "serve", "--prepare")

    def __init__(
        self, folder: Folder, database_url: str = "", stations: dict[str, int] | None = None, **environment: str
    ) -> None:
        super().__init__(folder, "plugcontrol")
        self.stations = stations or {}
        self.data = Path(tempfile.mkdtemp(prefix="data-", dir=folder.path))
        self.environment = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(self.data),
            "DATABASE_URL": database_url or f"sqlite:///{self.sqlite}",
            "UNKNOWN_ID_TAGS": "accept",
            "LOG_LEVEL": "WARNING",
        } | environment

    @property
    def sqlite(self) -> Path:
        return self.data / "plugcontrol.sqlite3"

    def prepare(self) -> None:
        if self.stations:
            self._run("manage.py", "shell", "-c", REGISTER.format(stations=self.stations))
            self.stations = {}

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Rival(Server):
    """bench.rival; `tuned` takes uvloop and validates without a hop into a thread."""

    def __init__(self, folder: Folder, database_url: str, tuned: bool = False) -> None:
        super().__init__(folder, "rival")
        style = ("uvloop", "inline") if tuned else ("asyncio", "threads")
        self.environment = {}
        self.arguments = (
            "-m", "bench.rival", "--dsn", database_url, "--port", str(self.port),
            "--loop", style[0], "--validation", style[1],
        )  # fmt: skip
