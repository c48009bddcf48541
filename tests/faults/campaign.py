"""A campaign: servers, stations and an operator at work, harm done to them, and an audit of what was promised."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import random
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg

from bench import messages, rig
from bench.audit import Check, audit, audit_commands, zero
from bench.rig import Folder, Plugcontrol, Postgres, Redis
from bench.store import PLUGCONTROL, Row, Store
from bench.swarm import TRANSACTION_ACTIONS, Swarm

#: As often and as long as docs/reliability.md says; otherwise the short form, which CI runs.
LONG = bool(os.environ.get("LONG"))
#: Stations that every database knows, accepted: SWARM-00001 and so on.
KNOWN_STATIONS = 1000
#: So long a command to a station of the swarm waits for its answer.
COMMAND_TIMEOUT_S = 5
PATIENCE_S, FINAL_S, POLL_S = 60, 60, 0.05
T = TypeVar("T")

PREPARE = f"""
from django.core.management import call_command
from django.utils import timezone
from bench.messages import BOOT, identity
from stations.models import ChargePoint, StationModel
call_command("prepare")
StationModel.objects.create(
    vendor=BOOT["chargePointVendor"], model=BOOT["chargePointModel"], command_timeout_s={COMMAND_TIMEOUT_S}
)
ChargePoint.objects.bulk_create(
    ChargePoint(identity=identity("SWARM", number), registration_status="Accepted", accepted_at=timezone.now())
    for number in range(1, {KNOWN_STATIONS} + 1)
)
call_command("create_api_key", "faults", "--scope", "admin")
"""


class AuditFailed(AssertionError):
    """Acknowledged facts were lost, doubled or changed. No busy machine is an excuse: CI gives no second try."""


def short_or_long(short: T, long: T) -> T:
    return long if LONG else short


@dataclass
class Report:
    """One line for each scenario, as docs/reliability.md shows them."""

    lines: list[str] = field(default_factory=list)

    def add(self, title: str, figures: str, broken: Sequence[Check]) -> None:
        verdict = "; ".join(f"**BROKEN** {check.promise}: {check.found}" for check in broken) or "kept"
        self.lines.append(f"| {title} | {figures} | {verdict} |")

    def __str__(self) -> str:
        return "\n".join(["| scenario | found | promises |", "|---|---|---|", *sorted(self.lines)])


class World:
    """What all campaigns share: a PostgreSQL cluster of their own, databases to be copied, an API key, the report."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.folder = Folder()
        self.postgres = Postgres(self.folder)
        self.postgres.start()
        self.secret_key = secrets.token_hex(32)
        self._sqlite = self.folder.path / "template.sqlite3"
        self._keys: dict[str, str] = {}
        self._dump: Path | None = None

    def _key(self, kind: str) -> str:
        """The operator's API key in all databases of a kind; the first asking makes what the others copy."""
        if kind not in self._keys:
            url = self.postgres.fresh("template") if kind == "postgresql" else f"sqlite:///{self._sqlite}"
            made = self.manage(Plugcontrol(self.folder, url), "shell", "-c", PREPARE)
            self._keys[kind] = made.split()[-1]
        return self._keys[kind]

    def manage(self, server: Plugcontrol, *arguments: str) -> str:
        """Run a `manage.py` command in the environment of a server; returns what it printed."""
        base = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=rig.ROOT, env=base | server.environment, capture_output=True, text=True, timeout=rig.READY_S * 5,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def database(self, kind: str, folder: Folder, postgres: Postgres) -> tuple[str, str]:
        """A fresh prepared database, `postgresql` (of that cluster) or `sqlite`: its URL and its operator's API key."""
        if not self.postgres.is_running:
            self.postgres.start()  # a scenario failed before it did
        key = self._key(kind)
        if kind == "sqlite":
            file = folder.path / "plugcontrol.sqlite3"
            shutil.copyfile(self._sqlite, file)
            return f"sqlite:///{file}", key
        name = f"faults_{secrets.token_hex(6)}"
        if postgres is self.postgres:
            return postgres.copy("template", name), key
        self._dump = self._dump or self.postgres.dump(self.postgres.url("template"))
        return postgres.restore(self._dump, name), key

    def close(self) -> None:
        self.postgres.stop("immediate")
        self.folder.remove()


class Operator:
    """Somebody who gives commands over REST, the way any client does, and writes down which were taken."""

    #: Of a hundred commands as many as their weight.
    KINDS: tuple[tuple[int, str, dict[str, Any]], ...] = (
        (30, "DataTransfer", {"vendorId": "accept"}),
        (15, "DataTransfer", {"vendorId": "refuse"}),
        (10, "DataTransfer", {"vendorId": "error"}),
        (5, "DataTransfer", {"vendorId": "silence"}),
        (15, "GetConfiguration", {}),
        (10, "UnlockConnector", {"connectorId": 1}),
        (15, "ClearCache", {}),
    )

    def __init__(self, servers: Sequence[Plugcontrol], key: str, seed: int = 1) -> None:
        self._servers, self._random = servers, random.Random(seed)
        self._headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        #: Commands that a server said it has taken, by id.
        self.taken: dict[str, str] = {}
        self.refusals: Counter[str] = Counter()
        self._at_rest = asyncio.Event()

    async def command(
        self,
        identity: str,
        action: str,
        payload: dict[str, Any] | None = None,
        *,
        server: Plugcontrol | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Raise a command at a server, any if none is named, and return its row as JSON.

        `wait_s`, `valid_until`, `idempotency_key` as in docs/api.md. OSError if the server is away,
        AssertionError if it did not take the command.
        """
        body = {"action": action, "payload": payload or {}, **more}
        to = server or self._random.choice(self._servers)
        status, answer = await asyncio.to_thread(
            self._request, to, "POST", f"/api/v1/charge-points/{identity}/commands/", body
        )
        assert status in (200, 202), f"{status}: {answer}"
        row: dict[str, Any] = json.loads(answer)
        self.taken[row["id"]] = identity
        return row

    async def get(self, path: str, server: Plugcontrol | None = None) -> tuple[int, str]:
        """GET of a path: (status, body)."""
        return await asyncio.to_thread(self._request, server or self._servers[0], "GET", path, None)

    def _request(self, server: Plugcontrol, method: str, path: str, body: Any) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except http.client.HTTPException as error:  # cut off in the middle of an answer
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    async def work(self, identities: Sequence[str], per_second: float) -> None:
        """Give commands of all kinds until `rest`; what no server took is not promised."""
        weights = [weight for weight, _, _ in self.KINDS]
        while not await self._rests_within(self._random.uniform(0.5, 1.5) / per_second):
            [(_, action, payload)] = self._random.choices(self.KINDS, weights)
            try:
                await self.command(self._random.choice(identities), action, payload)
            except (OSError, AssertionError) as error:
                self.refusals[f"{error}"[:3] if isinstance(error, AssertionError) else "away"] += 1

    def rest(self) -> None:
        """Give no further command. The one on its way is still waited for: cancelled, it would arrive unnoticed, even
        after the last look at open commands."""
        self._at_rest.set()

    async def _rests_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._at_rest.wait(), seconds)
        return self._at_rest.is_set()


class Campaign:
    """One scenario on a fresh database; see the guide in conftest.py."""

    def __init__(
        self,
        world: World,
        title: str,
        *,
        servers: int = 1,
        redis: bool = False,
        database: str = "postgresql",
        postgres: Postgres | None = None,
        database_user: str = "",
        start: bool = True,
        **environment: str | int,
    ) -> None:
        self.world, self.title, self.kind, self._starts = world, title, database, start
        self.folder = Folder()
        self.postgres = postgres or world.postgres
        self.database_url, self.key = world.database(database, self.folder, self.postgres)
        self._servers_url = self._as(database_user) if database_user else self.database_url
        #: How long the stations' queues may take to empty in the end.
        self.patience_s = PATIENCE_S
        self.redis = Redis(self.folder.path) if redis or servers > 1 else None
        self._environment = {"SECRET_KEY": world.secret_key, "API_REQUESTS_PER_MINUTE": "100000"} | {
            name: str(value) for name, value in environment.items()
        }
        if self.redis is not None:
            self._environment["REDIS_URL"] = self.redis.url
        self.servers = [self.new_server() for _ in range(servers)]
        self.store = Store(self.database_url.removeprefix("sqlite:///"), PLUGCONTROL)
        self.ledger = self.folder.path / "ledger.jsonl"
        self.operator = Operator(tuple(self.servers), self.key)
        self.swarm: Swarm | None = None
        self.checks: list[Check] = []
        #: What ledger and database say in the end, beside what the scenario itself promises.
        self.audited: list[Check] = []
        self.figures: list[str] = []
        self._work: asyncio.Task[None] | None = None

    def _as(self, user: str) -> str:
        """The URL with which servers log in as a role that may only work with rows."""
        with psycopg.connect(self.database_url, autocommit=True) as admin:
            if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone():
                admin.execute(f'CREATE ROLE "{user}" LOGIN')
            admin.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{user}"')
            admin.execute(f'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "{user}"')
        return self.database_url.replace("//bench@", f"//{user}@")

    # What a scenario uses

    @property
    def server(self) -> Plugcontrol:
        return self.servers[0]

    @property
    def stations(self) -> Swarm:
        """The swarm that `drive` has started."""
        assert self.swarm is not None
        return self.swarm

    def new_server(self, **environment: str) -> Plugcontrol:
        """One more server on this database, not started."""
        server = Plugcontrol(self.folder, self._servers_url, **(self._environment | environment))
        server.log = server.prints_to = self.folder.path / f"{server.port}.log"
        server.arguments = ("manage.py", "serve")  # the database is prepared
        return server

    async def start(self, *servers: Plugcontrol) -> None:
        """Start these servers, all if none is named, and wait until they serve."""
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in servers or self.servers))

    async def drive(
        self,
        stations: int = 30,
        interval_s: float = 1.0,
        *,
        urls: Sequence[str] | None = None,
        commands_per_s: float = 2,
        hasty: bool = False,
    ) -> Swarm:
        """Let stations charge and an operator give them commands; returns when all are on the line.

        `urls`: where they connect to, the servers themselves if not given; put your proxies there. The other
        parameters are bench.swarm's.
        """
        assert stations <= KNOWN_STATIONS
        to = urls or [server.url for server in self.servers]
        self.swarm = Swarm(to, self.ledger, stations, interval_s, hasty=hasty)
        self.swarm.start()
        await self.everybody_back("first connection", PATIENCE_S)
        if commands_per_s:
            identities = [charger.identity for charger in self.swarm.chargers]
            self._work = asyncio.create_task(self.operator.work(identities, commands_per_s))
        return self.swarm

    async def load(self, least_s: float = 1.0, most_s: float | None = None) -> None:
        """Let everybody work for a while of random length."""
        await asyncio.sleep(random.uniform(least_s, most_s or least_s * 2))

    async def everybody_back(self, after: str, within_s: float = 10) -> float:
        """Promise that all stations are on the line and booted within this time; returns the seconds it took."""
        begun, expected = time.monotonic(), len(self.stations.chargers)
        while (online := self.stations.online()) < expected and time.monotonic() - begun < within_s:
            await asyncio.sleep(POLL_S)
        took_s = time.monotonic() - begun
        self.promise(f"{after}: all back ≤ {within_s:.0f} s", f"{online} in {took_s:.1f} s", online == expected)
        return took_s

    async def until(self, reached: Callable[[], bool | Awaitable[bool]], within_s: float = PATIENCE_S) -> float | None:
        """Seconds until a condition holds, None if it does not in time."""
        begun = time.monotonic()
        while time.monotonic() - begun < within_s:
            found = reached()
            if found if isinstance(found, bool) else await found:
                return time.monotonic() - begun
            await asyncio.sleep(POLL_S)
        return None

    async def ask(self, question: str) -> list[Row]:
        """Rows of one of bench.store's questions."""
        return await asyncio.to_thread(self.store.ask, question)

    async def query(self, sql: str, *parameters: Any) -> list[Row]:
        """Rows as they stand in the database, seen from outside; `%s` for parameters (`?` on SQLite)."""
        return await asyncio.to_thread(self._query, sql, parameters)

    def _query(self, sql: str, parameters: tuple[Any, ...]) -> list[Row]:
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.store.url, timeout=20)) as file:
                return file.execute(sql, parameters).fetchall()
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(sql, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def manage(self, *arguments: str) -> str:
        return self.world.manage(self.server, *arguments)

    def promise(self, promise: str, found: object, kept: bool) -> None:
        """A promise of this scenario; what is broken fails the test at its end, all of it at once."""
        self.checks.append(Check(promise, str(found), kept))

    def zero(self, promise: str, found: int, of: int | None = None) -> None:
        """Promise that something never happened."""
        self.checks.append(zero(promise, found, of))

    def tell(self, figure: str) -> None:
        """A figure for the report."""
        self.figures.append(figure)

    # Its frame: start, finish, audit

    async def __aenter__(self) -> Self:
        # as many visitors at once as a scenario wants, and the swarm never waits for them
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
        if self.redis is not None:
            self.redis.start()
        if self._starts:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self._clear_away)
            if error is None:
                await self._finish()
            else:
                await self._abandon()
                error.add_note(self._logs())
        if error is None:
            self._judge()

    async def _finish(self) -> None:
        await self._end_work()
        if self.swarm is not None:
            await self.swarm.settle(self.patience_s)
        open_after = await self.until(self._no_command_open, FINAL_S)
        if open_after is None:
            self.zero(f"commands still open after {FINAL_S} s", len(await self._open_commands()))
        if self.swarm is not None:
            await self.swarm.leave()
        for server in self.servers:
            if server.process is None:
                continue
            code = await asyncio.to_thread(server.stop)
            self.promise("the server ends cleanly", f"exit code {code}", code == 0)
        if self.swarm is not None:
            self.checks += self._conversation()
            self.audited += [*audit(self.ledger, self.store), *audit_commands(self.swarm.orders, self.store)]
        known = {key.replace("-", "") for key, _, _ in self.store.ask("commands")}
        lost = [key for key in self.operator.taken if key.replace("-", "") not in known]
        self.audited.append(
            zero("commands taken from the operator but not stored", len(lost), len(self.operator.taken))
        )
        logged = sum(server.log.read_text(errors="replace").count("Traceback") for server in self._logged())
        self.zero("unhandled exceptions logged", logged)

    async def _open_commands(self) -> list[Row]:
        return await self.query("SELECT id, action, status FROM stations_command WHERE status IN ('queued', 'sent')")

    async def _no_command_open(self) -> bool:
        return not await self._open_commands()

    async def _abandon(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
        if self.swarm is not None:
            with contextlib.suppress(Exception):  # the first error is the one that counts
                await self.swarm.leave()

    async def _end_work(self) -> None:
        self.operator.rest()
        if self._work is not None:
            await self._work

    def _clear_away(self) -> None:
        for server in self.servers:
            if server.process is not None and server.process.poll() is None:
                server.kill()
        if self.redis is not None:
            self.redis.kill()

    def _conversation(self) -> list[Check]:
        """What the stations themselves saw."""
        swarm = self.stations
        fatal = sum(n for error, n in swarm.errors.items() if error.split(":")[0] in TRANSACTION_ACTIONS)
        told = ", ".join(f"{n} × {error}" for error, n in sorted(swarm.errors.items()) if n) or "none"
        return [
            Check("there was load", f"{swarm.counts['MeterValues']} MeterValues", swarm.counts["MeterValues"] > 0),
            zero("CALLERROR, silence or giving up for Start, Stop, MeterValues", fatal),
            Check("other errors", told, not sum(swarm.errors.values())),
            zero("messages still queued in the end", swarm.queued()),
        ]

    def _judge(self) -> None:
        """Write the report's line; fail with every broken promise."""
        unsound = [check for check in self.audited if not check.kept]
        broken = [check for check in self.checks if not check.kept] + unsound
        figures = list(self.figures)
        if self.swarm is not None:
            counts = self.swarm.counts
            [(energy_wh,)] = self.store.ask("energy")
            figures += [
                f"{len(self.swarm.chargers)} stations, {counts['sockets']:,} sockets",
                f"acknowledged {counts['MeterValues']:,} MeterValues, {counts['StopTransaction']:,} sessions",
                f"{energy_wh:,} Wh",
            ]
        ends = Counter(row[1] for row in self.store.ask("commands"))
        if ends:
            figures.append(
                "commands: " + ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(ends.items()))
            )
        self.world.report.add(f"{self.title} ({self.kind})", "; ".join(figures), broken)
        lines = [f"{check.promise}: {check.found}" for check in broken]
        logs = self._logs() if lines else ""
        self.folder.remove()
        if lines:
            failure = AuditFailed if unsound else AssertionError
            raise failure("broken promises:\n  " + "\n  ".join(lines) + f"\n\n{logs}")

    def _logs(self) -> str:
        return "\n".join(f"log of port {server.port}:\n{server.tail(40)}" for server in self._logged())

    def _logged(self) -> list[Plugcontrol]:
        return [server for server in self.servers if server.log.exists()]


def identity(number: int) -> str:
    """Of a station that every campaign's database knows."""
    return messages.identity("SWARM", number)


def keep(report: Report, path: Path) -> None:
    """Leave the report where the reader of a long run finds it."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{report}\n")
