"""What open pages cost the stations: throughput with browsers on the overview beside throughput without, in turns.

python -m bench.live                              five rounds of 10 s each way: 50 browsers, 500 stations
python -m bench.live --rounds 2 --seconds 5

Every browser watches the figures and the sites of the overview and the chargers of 60 tiles, all of which change all
the time. Every measurement starts a server with an empty database; browsers may cost a fifth at most.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

import uvloop

from bench import load, rig, store, wire

PERSONS = 5
TILES = 60
LARGEST_LOSS = 0.2
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


@dataclass
class Browsers:
    """Open pages that only count what they are told."""

    port: int
    sessions: list[str]
    lines: list[wire.Line] = field(default_factory=list)
    messages: int = 0
    received_bytes: int = 0
    lost: int = 0
    is_over: bool = False

    async def open(self, count: int) -> None:
        for number in range(count):
            session = self.sessions[number % len(self.sessions)]
            headers = f"Origin: http://127.0.0.1:{self.port}\r\nCookie: sessionid={session}\r\n"
            line = await wire.connect(
                f"ws://127.0.0.1:{self.port}/ws", "ui/", self.on_text, self.on_end, headers=headers
            )
            topics = ["overview", *(f"station:{pk}" for pk in range(1, TILES + 1))]
            line.send(json.dumps({"subscribe": topics}).encode())
            self.lines.append(line)

    def on_text(self, text: bytes) -> None:
        self.messages += 1
        self.received_bytes += len(text)

    def on_end(self, _line: wire.Line) -> None:
        self.lost += not self.is_over

    def close(self) -> None:
        self.is_over = True
        for line in self.lines:
            line.close()


@dataclass
class Sample:
    calls_per_s: float
    p99_ms: float
    server_ms: float
    messages_per_browser_s: float = 0.0
    kb_per_browser_s: float = 0.0


class Bench:
    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.folder = rig.Folder()
        self.postgres = rig.Postgres(self.folder)
        self.faults: list[str] = []

    def measure(self, browsers: int) -> Sample:
        """One window on a server of its own; afterwards the database is compared with what was acknowledged."""
        url = self.postgres.fresh("bench_live")
        server = rig.Plugcontrol(self.folder, url, {"BENCH": self.given.stations})
        server.start()
        try:
            sessions = _log_in(server)
            result, pages, edges = uvloop.run(self.drive(server, sessions, browsers))
        finally:
            server.stop()
        self.judge(browsers, result, pages, store.Store(url, store.PLUGCONTROL))
        (begun, cpu_before, messages_before, bytes_before), (ended, cpu, messages, received) = edges
        per_browser = max(browsers, 1) * (ended - begun)
        return Sample(
            result.calls_per_s,
            result.p99_ms,
            (cpu - cpu_before) * 1000 / max(result.calls, 1),
            (messages - messages_before) / per_browser,
            (received - bytes_before) / 1024 / per_browser,
        )

    async def drive(
        self, server: rig.Plugcontrol, sessions: list[str], count: int
    ) -> tuple[load.Result, Browsers, list[tuple[float, float, int, int]]]:
        pages = Browsers(server.port, sessions)
        edges: list[tuple[float, float, int, int]] = []

        def edge() -> None:
            edges.append((time.perf_counter(), rig.cpu_seconds(server.pid), pages.messages, pages.received_bytes))

        opening = asyncio.create_task(pages.open(count))
        given = self.given
        result = await load.drive(server.url, "meter_values", given.stations, given.seconds, given.warmup, edge)
        await opening
        pages.close()
        return result, pages, edges

    def judge(self, browsers: int, result: load.Result, pages: Browsers, database: store.Store) -> None:
        self.faults += [f"{count} × {error}" for error, count in result.errors.items()]
        if pages.lost:
            self.faults.append(f"{pages.lost} browsers lost their line")
        if browsers and pages.messages < browsers * self.given.seconds / 2:
            self.faults.append(f"browsers were told only {pages.messages} times")
        for name, stored in database.totals().items():
            if stored != (acknowledged := result.stored.get(name, 0)):
                self.faults.append(f"{name}: {acknowledged} acknowledged, {stored} stored")

    def close(self) -> None:
        self.postgres.stop("immediate")
        self.folder.remove()


def _log_in(server: rig.Plugcontrol) -> list[str]:
    command = [sys.executable, "manage.py", "shell", "-c", LOG_IN.format(count=PERSONS)]
    environment = server.environment | {"PATH": "/usr/bin:/bin", "ENV_FILE": "/dev/null"}
    done = subprocess.run(command, cwd=rig.ROOT, env=environment, capture_output=True, text=True, timeout=rig.READY_S)  # noqa: S603
    if done.returncode:
        raise SystemExit(done.stderr)
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("SESSION")]


def table(samples: dict[int, list[Sample]]) -> str:
    heads = "browsers", "messages/s", "p99", "server CPU per message", "told, per browser"
    lines = [f"| {' | '.join(heads)} |", "|---|---:|---:|---:|---:|"]
    for browsers, taken in samples.items():
        rate, p99, cpu, told, size = (
            statistics.median(getattr(sample, name) for sample in taken) for name in Sample.__dataclass_fields__
        )
        heard = f"{told:.2f}/s, {size:.1f} kB/s" if browsers else "–"
        lines.append(f"| {browsers} | {rate:.0f} | {p99:.0f} ms | {cpu:.2f} ms | {heard} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warmup", type=float, default=5)
    parser.add_argument("--stations", type=int, default=500)
    parser.add_argument("--browsers", type=int, default=50)
    given = parser.parse_args()
    rig.end_tidily_on_sigterm()
    bench = Bench(given)
    samples: dict[int, list[Sample]] = {0: [], given.browsers: []}
    try:
        bench.postgres.start()
        for number in range(1, given.rounds + 1):
            for browsers in samples:
                sample = bench.measure(browsers)
                samples[browsers].append(sample)
                print(f"round {number}, {browsers} browsers: {sample.calls_per_s:.0f}/s", file=sys.stderr, flush=True)
    finally:
        bench.close()
    print(table(samples))
    without, with_browsers = (statistics.median(s.calls_per_s for s in taken) for taken in samples.values())
    ratio = with_browsers / without
    print(f"\nwith browsers {ratio:.2f} of the throughput without")
    print("\n".join(bench.faults))
    return 1 if bench.faults or ratio < 1 - LARGEST_LOSS else 0


if __name__ == "__main__":
    sys.exit(main())
