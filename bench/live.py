"""What open pages cost the stations: throughput with browsers on the overview beside throughput without, in turns.

python -m bench.live            five rounds of 10 s each way: 50 browsers, 500 stations
python -m bench.live --quick    two rounds of 5 s

Every browser watches the figures and the sites of the overview and the chargers of 60 tiles, all of which change all
the time. Every measurement starts a server with an empty database; browsers may cost a fifth at most.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass, field

import uvloop

from bench import load, report, rig, wire
from bench.systems import OURS, Systems, differences, running

PERSONS = 5
TILES = 60
LARGEST_LOSS = 0.2


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
    def __init__(self, given: argparse.Namespace, systems: Systems) -> None:
        self.given, self.systems = given, systems
        self.faults: list[str] = []

    def measure(self, browsers: int) -> Sample:
        """One window on a server of its own; afterwards the database is compared with what was acknowledged."""
        server, database = self.systems.server(OURS, {"BENCH": self.given.stations})
        assert isinstance(server, rig.Plugcontrol)
        with running(server):
            sessions = server.log_in(PERSONS)
            result, pages, edges = uvloop.run(self.drive(server, sessions, browsers))
        self.judge(browsers, result, pages)
        self.faults += differences(f"{browsers} browsers", database, result.stored)
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

    def judge(self, browsers: int, result: load.Result, pages: Browsers) -> None:
        self.faults += [f"{count} × {error}" for error, count in result.errors.items()]
        if pages.lost:
            self.faults.append(f"{pages.lost} browsers lost their line")
        if browsers and pages.messages < browsers * self.given.seconds / 2:
            self.faults.append(f"browsers were told only {pages.messages} times")


def _table(samples: dict[int, list[Sample]]) -> str:
    rows = []
    for browsers, taken in samples.items():
        rate, p99, cpu, told, size = (
            statistics.median(getattr(sample, name) for sample in taken) for name in Sample.__dataclass_fields__
        )
        heard = f"{told:.2f}/s, {size:.1f} kB/s" if browsers else "–"
        rows.append((f"{browsers}", f"{rate:,.0f}", f"{p99:.0f} ms", f"{cpu:.3f} ms", heard))
    return report.table(("browsers", "messages/s", "p99", "server CPU per message", "told, per browser"), rows)


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--warmup", type=float, default=5)
    parser.add_argument("--stations", type=int, default=500)
    parser.add_argument("--browsers", type=int, default=50)
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 5)
    given.seconds = given.seconds or (5 if given.quick else 10)
    samples: dict[int, list[Sample]] = {0: [], given.browsers: []}
    with Systems() as systems:
        bench = Bench(given, systems)
        for number in range(1, given.rounds + 1):
            for browsers in samples:
                sample = bench.measure(browsers)
                samples[browsers].append(sample)
                report.note(f"round {number}, {browsers} browsers: {sample.calls_per_s:.0f}/s")
        where = report.machine()
    without, with_browsers = (statistics.median(s.calls_per_s for s in taken) for taken in samples.values())
    ratio = with_browsers / without
    if ratio < 1 - LARGEST_LOSS:
        bench.faults.append(f"browsers cost more than {LARGEST_LOSS:.0%} of the throughput")
    text = (
        f"{where}; {given.stations} stations, {given.rounds} rounds of {given.seconds:g} s in turns\n\n"
        f"{_table(samples)}\n\nRATIO live: with browsers {ratio:.2f} of the throughput without."
    )
    return report.finish(given, "live", text, bench.faults)


if __name__ == "__main__":
    sys.exit(main())
