"""How throughput grows with gateway processes: one, two and four on one database and one Redis.

python -m bench.processes            three rounds of 8 s for each number, in turns
python -m bench.processes --quick    one round of 5 s

Stations are divided evenly, as a proxy would. Generator, PostgreSQL and all processes share this machine's cores, so on
a small one the interesting column is the CPU per message: while it stays the same, more cores mean more messages.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import load, report, rig
from bench.store import PLUGCONTROL, Store
from bench.systems import Systems, differences, running

STATIONS, COUNTS = 200, (1, 2, 4)
SECRET = "bench" * 12


@dataclass
class Sample:
    calls_per_s: float
    p99_ms: float
    server_ms: float
    postgres_ms: float
    redis_ms: float
    busy_cores: float


def _busy_s() -> float:
    """CPU seconds that all cores together have worked since the machine started."""
    first, *_rest = Path("/proc/stat").read_text().splitlines()
    user, nice, system, _idle, _wait, irq, softirq, *_rest = first.split()[1:]
    return sum(int(ticks) for ticks in (user, nice, system, irq, softirq)) / rig.CLOCK_TICKS


def measure(systems: Systems, layer: rig.Redis, count: int, seconds: float, faults: list[str]) -> Sample:
    """One window with `count` processes."""
    url = systems.database("bench_plugcontrol", {f"P{number}": STATIONS for number in range(max(COUNTS))})
    shared = {"REDIS_URL": layer.url, "SECRET_KEY": SECRET}
    servers = [rig.Plugcontrol(systems.folder, url, **shared) for _ in range(count)]
    edges: list[tuple[float, ...]] = []

    def edge() -> None:
        ours = sum(rig.cpu_seconds(server.pid) for server in servers)
        others = rig.cpu_seconds(systems.postgres.pid), rig.cpu_seconds(layer.pid)
        edges.append((ours, *others, _busy_s(), time.perf_counter()))

    async def drive() -> list[load.Result]:
        fleets = [
            load.drive(
                server.url, "meter_values", STATIONS // count, seconds, 2, edge if number == 0 else _nothing,
                prefix=f"P{number}",
            )
            for number, server in enumerate(servers)
        ]  # fmt: skip
        return await asyncio.gather(*fleets)

    with running(*servers):
        results = uvloop.run(drive())
    stored: dict[str, int] = {}
    for result in results:
        faults += [f"{count} processes: {times} × {error}" for error, times in result.errors.items()]
        stored = {name: stored.get(name, 0) + result.stored.get(name, 0) for name in {*stored, *result.stored}}
    faults += differences(f"{count} processes", Store(url, PLUGCONTROL), stored)
    calls = sum(result.calls for result in results)
    server_s, postgres_s, redis_s, busy_s, took = (after - before for before, after in zip(*edges, strict=True))
    cpu = (each * 1000 / max(calls, 1) for each in (server_s, postgres_s, redis_s))
    speed = sum(result.calls_per_s for result in results)
    report.note(f"{count} processes: {speed:.0f}/s")
    return Sample(speed, max(result.p99_ms for result in results), *cpu, busy_s / took)


def _nothing() -> None:
    pass


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args()
    rounds, seconds = given.rounds or (1 if given.quick else 3), 5 if given.quick else 8
    found: dict[int, list[Sample]] = {count: [] for count in COUNTS}
    faults: list[str] = []
    with Systems() as systems:
        layer = rig.Redis(systems.folder.path)
        layer.start()
        try:
            for _ in range(rounds):
                for count, samples in found.items():
                    samples.append(measure(systems, layer, count, seconds, faults))
        finally:
            layer.kill()
        where = report.machine()

    def row(count: int) -> tuple[str, ...]:
        speed, p99, *cpu, busy = (
            statistics.median(getattr(sample, name) for sample in found[count]) for name in Sample.__dataclass_fields__
        )
        return (f"{count}", f"{speed:,.0f}", f"{p99:.0f} ms", *(f"{each:.3f} ms" for each in cpu), f"{busy:.1f}")

    heads = (
        *("processes", "MeterValues/s", "p99", "server CPU per message", "PostgreSQL CPU per message"),
        *("Redis CPU per message", f"busy cores of {os.cpu_count()}"),
    )
    alone, two, four = (statistics.median(sample.calls_per_s for sample in found[count]) for count in COUNTS)
    text = "\n".join(
        (
            f"{where}; {STATIONS} stations in all, {rounds} rounds of {seconds} s in turns",
            "",
            report.table(heads, [row(count) for count in COUNTS]),
            "",
            f"RATIO processes: two make {two / alone:.2f} times the messages of one, four {four / alone:.2f} times.",
        )
    )
    return report.finish(given, "processes", text, faults)


if __name__ == "__main__":
    sys.exit(main())
