"""The comparison behind docs/performance.md (`make bench`): plugcontrol beside the rival, in turns, in one run.

python -m bench.run                                  three rounds of 10 s for each mix and system, then memory
python -m bench.run --rounds 1 --seconds 3 --systems plugcontrol-postgresql rival --mixes meter_values --idle 0
python -m bench.run --write docs/performance.md      puts the tables between its bench markers

Every measurement starts a server with an empty database in a PostgreSQL cluster of this run's own. After each, the
database must hold exactly the rows that were acknowledged, with the same sums; else the run fails (exit code 1).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench import load, rig, store

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
IDLE_WARMUP, SETTLE_S = 50, 3
SYSTEMS = {
    "plugcontrol-postgresql": "plugcontrol, PostgreSQL",
    "rival": "`ocpp` + asyncpg, as documented",
    "rival-tuned": "`ocpp` + asyncpg, uvloop, validation inline",
    "plugcontrol-sqlite": "plugcontrol, SQLite",
}


@dataclass
class Sample:
    """One measurement: what the generator saw and the CPU time of server and PostgreSQL per message."""

    result: load.Result
    server_ms: float
    postgres_ms: float


class Bench:
    """The programs of one run and everything measured so far."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.folder = rig.Folder()
        self.postgres = rig.Postgres(self.folder)
        self.samples: dict[tuple[str, str], list[Sample]] = {}
        self.idle_kb: dict[str, float] = {}
        self.faults: list[str] = []

    def server(self, system: str) -> tuple[rig.Server, store.Store]:
        """A server that is not started yet, with an empty database, and the view on that database."""
        extra = dict(pair.split("=", 1) for pair in self.given.env)
        stations = {"BENCH": self.given.stations, "WARM": IDLE_WARMUP, "IDLE": self.given.idle}
        if system == "plugcontrol-sqlite":
            lite = rig.Plugcontrol(self.folder, "", stations, **extra)
            return lite, store.Store(str(lite.sqlite), store.PLUGCONTROL)
        if system == "plugcontrol-postgresql":
            url = self.postgres.fresh("bench_plugcontrol")
            return rig.Plugcontrol(self.folder, url, stations, **extra), store.Store(url, store.PLUGCONTROL)
        url = self.postgres.fresh("bench_rival")
        return rig.Rival(self.folder, url, tuned=system == "rival-tuned"), store.Store(url, store.RIVAL)

    def measure(self, system: str, mix: str) -> Sample:
        """One system, one mix, one window; afterwards the database is compared with what was acknowledged."""
        server, database = self.server(system)
        server.start()
        edges: list[tuple[float, float]] = []

        def edge() -> None:
            edges.append((rig.cpu_seconds(server.pid), rig.cpu_seconds(self.postgres.pid)))

        try:
            given = self.given
            result = uvloop.run(load.drive(server.url, mix, given.stations, given.seconds, given.warmup, edge))
            self.compare(f"{system} {mix}", result, database)
        finally:
            server.stop()
        messages = max(result.calls, 1) / 1000
        server_ms, postgres_ms = ((after - before) / messages for before, after in zip(*edges, strict=True))
        return Sample(result, server_ms, postgres_ms)

    def compare(self, what: str, result: load.Result, database: store.Store) -> None:
        for error, count in result.errors.items():
            self.faults.append(f"{what}: {count} × {error}")
        for name, stored in database.totals().items():
            if stored != (acknowledged := result.stored.get(name, 0)):
                self.faults.append(f"{what}: {name}: {acknowledged} acknowledged, {stored} stored")

    def throughput(self) -> None:
        for mix in self.given.mixes:
            for number in range(1, self.given.rounds + 1):
                for system in self.given.systems:
                    sample = self.measure(system, mix)
                    self.samples.setdefault((mix, system), []).append(sample)
                    note(
                        f"{mix} {number} {system}: {sample.result.calls_per_s:.0f}/s p99 {sample.result.p99_ms:.0f} ms"
                    )

    def memory(self) -> None:
        """Growth of the server's resident memory by idle, accepted stations, after some that came and went."""
        for system in self.given.systems:
            server, _database = self.server(system)
            server.start()
            try:
                self.idle_kb[system] = uvloop.run(idle_kb(server, self.given.idle))
            finally:
                server.stop()
            note(f"idle {system}: {self.idle_kb[system]:.1f} kB per connection")

    def close(self) -> None:
        self.postgres.stop("immediate")
        self.folder.remove()


async def idle_kb(server: rig.Server, count: int) -> float:
    warm = load.Fleet(load.idle_script, IDLE_WARMUP, "WARM")
    await warm.open(server.url)
    await warm.close()
    await asyncio.sleep(SETTLE_S)
    before = rig.rss_bytes(server.pid)
    fleet = load.Fleet(load.idle_script, count, "IDLE")
    await fleet.open(server.url)
    await asyncio.sleep(SETTLE_S)
    grown = rig.rss_bytes(server.pid) - before
    await fleet.close()
    return grown / len(fleet.stations) / 1000


def note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def machine(folder: Path) -> str:
    """One line on what was measured where, with the price of one commit to the disk."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    cpu = model.partition(":")[2].strip() or platform.processor()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({cpu}), Linux {platform.release()}, "
        f"Python {platform.python_version()}, fdatasync {fdatasync_ms(folder):.2f} ms"
    )


def fdatasync_ms(folder: Path) -> float:
    """Median time to make 8 kB durable where the databases live."""
    took = []
    with (folder / "probe").open("wb", buffering=0) as file:
        file.write(bytes(8192 * 100))  # like PostgreSQL's log, whose files are reused
        os.fsync(file.fileno())
        file.seek(0)
        for _ in range(100):
            file.write(bytes(8192))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def throughput_table(bench: Bench) -> list[str]:
    lines = []
    for mix in bench.given.mixes:
        lines += [
            "",
            f"**{mix}**",
            "",
            "| system | messages/s (median) | lowest – highest | sessions/s | p50 | p99 | server CPU per message "
            "| PostgreSQL CPU per message | generator CPU |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [throughput_row(system, bench.samples[mix, system]) for system in bench.given.systems]
        lines += ["", *ratios(bench, mix)]
    return lines


def throughput_row(system: str, samples: list[Sample]) -> str:
    results, middle = [sample.result for sample in samples], statistics.median
    speeds = [result.calls_per_s for result in results]
    sessions = middle([result.sessions_per_s for result in results])
    postgres = middle([sample.postgres_ms for sample in samples])
    cells = (
        SYSTEMS[system],
        f"{middle(speeds):,.0f}",
        f"{min(speeds):,.0f} – {max(speeds):,.0f}",
        f"{sessions:,.0f}" if sessions else "–",
        f"{middle([result.p50_ms for result in results]):.0f} ms",
        f"{middle([result.p99_ms for result in results]):.0f} ms",
        f"{middle([sample.server_ms for sample in samples]):.3f} ms",
        "–" if system.endswith("sqlite") else f"{postgres:.3f} ms",
        f"{middle([result.generator_cores for result in results]):.2f} cores",
    )
    return f"| {' | '.join(cells)} |"


def median_speed(bench: Bench, mix: str, system: str) -> float:
    return statistics.median(sample.result.calls_per_s for sample in bench.samples[mix, system])


def ratios(bench: Bench, mix: str) -> list[str]:
    ours = [system for system in bench.given.systems if system.startswith("plugcontrol")]
    theirs = [system for system in bench.given.systems if system.startswith("rival")]
    return [
        f"RATIO {mix}: {SYSTEMS[our]} is {median_speed(bench, mix, our) / median_speed(bench, mix, their):.1f} × "
        f"{SYSTEMS[their]}  "
        for our in ours
        for their in theirs
    ]


def memory_table(bench: Bench) -> list[str]:
    if not bench.idle_kb:
        return []
    head = [
        "",
        f"**memory per idle connection** ({bench.given.idle} accepted stations)",
        "",
        "| system | kB |",
        "|---|---:|",
    ]
    return head + [f"| {SYSTEMS[system]} | {kb:.1f} |" for system, kb in bench.idle_kb.items()]


def report(bench: Bench) -> str:
    given = bench.given
    lines = [
        machine(bench.folder.path) + "  ",
        f"{given.stations} stations, one CALL in flight each; {given.rounds} rounds of {given.seconds:g} s in turns "
        f"after {given.warmup:g} s of warm-up; server, database and generator share the cores.",
        *throughput_table(bench),
        *memory_table(bench),
        "",
        "After every measurement the database held exactly what was acknowledged."
        if not bench.faults
        else "**FAILED**",
        *(f"- {fault}" for fault in bench.faults),
    ]
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    """Put `text` between the markers of a page, which is made if it is missing."""
    page = path.read_text() if path.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    head, _, rest = page.partition(BEGIN)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warmup", type=float, default=3)
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--mixes", nargs="*", choices=load.MIXES, default=list(load.MIXES))
    parser.add_argument("--idle", type=int, default=2000, help="idle connections for the memory figure; 0 skips it")
    parser.add_argument("--env", nargs="*", default=[], metavar="NAME=VALUE", help="more environment for plugcontrol")
    parser.add_argument("--write", type=Path, metavar="docs/performance.md")
    return parser.parse_args()


def main() -> int:
    rig.end_tidily_on_sigterm()
    bench = Bench(options())
    bench.postgres.start()
    try:
        bench.throughput()
        if bench.given.idle:
            bench.memory()
        text = report(bench)
    finally:
        bench.close()
    print(text)
    if bench.given.write:
        write(bench.given.write, text)
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main())
