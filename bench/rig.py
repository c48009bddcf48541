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

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
READY_S, PREPARED_S, EXIT_S = 120, 300, 15
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
    """A cluster with PostgreSQL's default settings (fsync and synchronous_commit on); `env` is added to its own."""

    def __init__(self, folder: Folder, env: dict[str, str] | None = None) -> None:
        self.env = [f"{name}={value}" for name, value in (env or {}).items()]
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
        command = [*self.user, "env", *self.env, str(self.bin / program), *arguments]
        with (self.home.parent / "postgresql.log").open("ab") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd="/", timeout=120)  # noqa: S603

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.home}"
        log = str(self.home / "server.log")
        self._command("pg_ctl", "-D", str(self.data), "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self._command("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def url(self, name: str) -> str:
        return f"postgresql://bench@127.0.0.1:{self.port}/{name}"

    def copy(self, template: str, name: str) -> str:
        """Create database `name` with everything that `template`, which nobody uses, holds; returns its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def fresh(self, name: str, like: str = "template1") -> str:
        """Drop and create database `name` as a copy of another one that nobody uses; returns its URL."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "bench"]
        self._command("dropdb", *where, "--if-exists", "--force", name)
        url = self.copy(like, name)
        self._command("psql", *where, "-q", "-c", "CHECKPOINT", name)
        return url

    def dump(self, url: str) -> Path:
        """pg_dump of one database, as docs/operations.md wants it; the file."""
        file = self.home.parent / f"{url.rpartition('/')[2]}.dump"
        with file.open("wb") as target:
            subprocess.run([str(self.bin / "pg_dump"), "-Fc", url], check=True, stdout=target, timeout=600)  # noqa: S603
        return file

    def restore(self, dump: Path, name: str) -> str:
        """A new database from a dump; returns its URL."""
        url = self.fresh(name)
        command = [str(self.bin / "pg_restore"), "--no-owner", "--exit-on-error", "-d", url, str(dump)]
        subprocess.run(command, check=True, timeout=600)  # noqa: S603
        return url

    @property
    def is_running(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres"), connect_timeout=5):
            return True
        return False

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])


class Redis:
    """A redis-server that nobody else uses and that keeps nothing, to be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("redis-server is not installed.")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(  # noqa: S603
            [program, *options, "--dir", str(self._folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + READY_S
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.05)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def flush(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(EXIT_S)
            self._process = None


class Server:
    """A central system in a process of its own that listens on a free loopback port."""

    def __init__(self, folder: Folder, name: str) -> None:
        self.name, self.port, self.log = name, free_port(), folder.path / f"{name}.log"
        #: Where it prints to, its log unless a scenario says otherwise.
        self.prints_to = self.log
        self.process: subprocess.Popen[bytes] | None = None

    program = sys.executable
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
        with self.prints_to.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [self.program, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _run(self, *arguments: str) -> None:
        if self._spawn(*arguments).wait(PREPARED_S):
            raise SystemExit(f"{self.name} could not be prepared; its log ends with:\n{self.tail()}")

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

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
        """Its last lines; none where it prints elsewhere."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


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


#: Logs some administrators in and prints their sessions.
LOG_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
for number in range({count}):
    user = User.objects.create_superuser(f"bench{{number}}")
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.create()
    print("SESSION", session.session_key)
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

    def shell(self, script: str) -> list[str]:
        """Lines that a script in `manage.py shell` prints; it runs beside the server, on its database and data."""
        command = [sys.executable, "manage.py", "shell", "-c", script]
        environment = self.environment | {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PREPARED_S)  # noqa: S603
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout.splitlines()

    def log_in(self, persons: int) -> list[str]:
        """Session keys of administrators made for this."""
        lines = self.shell(LOG_IN.format(count=persons))
        return [line.split()[1] for line in lines if line.startswith("SESSION")]

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
