"""The systems that are compared: a server that is not started yet, in front of an empty database of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench import rig, store

OURS, OURS_SQLITE = "plugcontrol-postgresql", "plugcontrol-sqlite"
RIVAL, RIVAL_TUNED, OCPP_RPC = "rival", "rival-tuned", "ocpp-rpc"
NAMES = {
    OURS: "plugcontrol, PostgreSQL",
    RIVAL: "`ocpp` + asyncpg, as documented",
    RIVAL_TUNED: "`ocpp` + asyncpg, uvloop, validation inline",
    OCPP_RPC: "`ocpp-rpc`, strict, stores nothing",
    OURS_SQLITE: "plugcontrol, SQLite",
}


class OcppRpc(rig.Server):
    """`bench/ocpp_rpc.mjs`, with the packages locked for tests/third_party."""

    def __init__(self, folder: rig.Folder) -> None:
        super().__init__(folder, OCPP_RPC)
        self.program = _program("node")
        self.environment = {}
        self.arguments = (str(_installed() / "ocpp_rpc.mjs"), str(self.port))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed; leave {OCPP_RPC} out with --systems.")
    return found


def _installed() -> Path:
    """A folder outside the tree with ocpp-rpc exactly as locked; npm fills it once for each lock file."""
    locked = rig.ROOT / "tests" / "third_party"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256((locked / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = cache / "plugcontrol-bench" / f"ocpp-rpc-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "ocpp-rpc").is_dir():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(locked / name, folder)
        quiet = "--loglevel=error", "--no-audit", "--no-fund"
        command = [_program("npm"), "ci", "--ignore-scripts", "--prefer-offline", *quiet]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=300)  # noqa: S603
    shutil.copy(rig.ROOT / "bench" / "ocpp_rpc.mjs", folder)
    return folder


class Systems:
    """Folder and PostgreSQL of a run, and servers on them. To be used with `with`: everything is gone afterwards."""

    def __init__(self, env: dict[str, str] | None = None) -> None:
        """`env` is added to PostgreSQL's environment."""
        rig.end_tidily_on_sigterm()
        self.folder = rig.Folder()
        self.postgres = rig.Postgres(self.folder, env)
        self._templates: dict[str, str] = {}
        self._files: dict[str, Path] = {}

    def __enter__(self) -> Systems:
        self.postgres.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.postgres.stop("immediate")
        self.folder.remove()

    def server(
        self, system: str, stations: dict[str, int], **environment: str
    ) -> tuple[rig.Server, store.Store | None]:
        """A server whose database knows `stations` ({prefix: count}), and the view on that database if it has one."""
        if system == OCPP_RPC:
            return OcppRpc(self.folder), None
        if system == OURS:
            url = self.database("bench_plugcontrol", stations)
            return rig.Plugcontrol(self.folder, url, **environment), store.Store(url, store.PLUGCONTROL)
        if system == OURS_SQLITE:
            lite = rig.Plugcontrol(self.folder, "", **environment)
            shutil.copy(self._file(stations), lite.sqlite)
            return lite, store.Store(str(lite.sqlite), store.PLUGCONTROL)
        url = self.postgres.fresh("bench_rival")
        return rig.Rival(self.folder, url, tuned=system == RIVAL_TUNED), store.Store(url, store.RIVAL)

    def database(self, name: str, stations: dict[str, int]) -> str:
        """The URL of a database with our tables and these stations: migrated once, copied every time."""
        key = repr(stations)
        if key not in self._templates:
            template = f"installation_{len(self._templates)}"
            rig.Plugcontrol(self.folder, self.postgres.fresh(template), stations).prepare()
            self._templates[key] = template
        return self.postgres.fresh(name, like=self._templates[key])

    def _file(self, stations: dict[str, int]) -> Path:
        """The same as a file of SQLite."""
        key = repr(stations)
        if key not in self._files:
            made = rig.Plugcontrol(self.folder, "", stations)
            made.prepare()
            self._files[key] = made.sqlite
        return self._files[key]


@contextlib.contextmanager
def running(*servers: rig.Server) -> Iterator[None]:
    """Start servers, and stop those that run in the end."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            if server.process is not None:
                server.stop()


def differences(what: str, database: store.Store | None, acknowledged: dict[str, int]) -> list[str]:
    """Sentences about every sum in which the database is not what was acknowledged."""
    if database is None:
        return []
    stored = database.totals()
    return [
        f"{what}: {name}: {acknowledged.get(name, 0)} acknowledged, {count} stored"
        for name, count in stored.items()
        if count != acknowledged.get(name, 0)
    ]
