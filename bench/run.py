"""The comparison at the head of docs/performance.md: plugcontrol beside other central systems, in turns, in one run.

python -m bench.run                                  three rounds of 10 s for each mix and system
python -m bench.run --quick                          two rounds of 4 s of the two mixes that matter
python -m bench.run --rounds 1 --seconds 3 --systems plugcontrol-postgresql rival --mixes meter_values

Every measurement starts a server with an empty database in a PostgreSQL cluster of this run's own. After each, the
database must hold exactly the rows that were acknowledged, with the same sums; else the run fails (exit code 1).
`ocpp-rpc` has no database: it shows what a server may reach that promises nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass

import uvloop

from bench import load, report, rig
from bench.systems import NAMES, OCPP_RPC, OURS, OURS_SQLITE, Systems, differences, running

HEADS = (
    *("system", "messages/s (median)", "lowest – highest", "sessions/s", "p50", "p99", "server CPU per message"),
    *("PostgreSQL CPU per message", "generator CPU"),
)
QUICK = {"rounds": 2, "seconds": 4.0, "warmup": 2.0, "mixes": ["meter_values", "sessions"]}


@dataclass
class Sample:
    """One measurement: what the generator saw and the CPU time of server and PostgreSQL per message."""

    result: load.Result
    server_ms: float
    postgres_ms: float


class Bench:
    """The programs of one run and everything measured so far."""

    def __init__(self, given: argparse.Namespace, systems: Systems) -> None:
        self.given, self.systems = given, systems
        self.samples: dict[tuple[str, str], list[Sample]] = {}
        self.faults: list[str] = []

    def measure(self, system: str, mix: str) -> Sample:
        """One system, one mix, one window; afterwards the database is compared with what was acknowledged."""
        given = self.given
        extra = dict(pair.split("=", 1) for pair in given.env) if system in (OURS, OURS_SQLITE) else {}
        server, database = self.systems.server(system, {"BENCH": given.stations}, **extra)
        edges: list[tuple[float, float]] = []

        def edge() -> None:
            edges.append((rig.cpu_seconds(server.pid), rig.cpu_seconds(self.systems.postgres.pid)))

        with running(server):
            result = uvloop.run(load.drive(server.url, mix, given.stations, given.seconds, given.warmup, edge))
        what = f"{system} {mix}"
        self.faults += [f"{what}: {count} × {error}" for error, count in result.errors.items()]
        self.faults += differences(what, database, result.stored)
        messages = max(result.calls, 1) / 1000
        server_ms, postgres_ms = ((after - before) / messages for before, after in zip(*edges, strict=True))
        return Sample(result, server_ms, postgres_ms)

    def throughput(self) -> None:
        for mix in self.given.mixes:
            for number in range(1, self.given.rounds + 1):
                for system in self.given.systems:
                    sample = self.measure(system, mix)
                    self.samples.setdefault((mix, system), []).append(sample)
                    speed, p99 = sample.result.calls_per_s, sample.result.p99_ms
                    report.note(f"{mix} {number} {system}: {speed:.0f}/s p99 {p99:.0f} ms")

    def median(self, mix: str, system: str, figure: str) -> float:
        """`speed` in messages/s, or `cpu`: milliseconds of server and PostgreSQL per message."""
        samples = self.samples[mix, system]
        if figure == "speed":
            return statistics.median(sample.result.calls_per_s for sample in samples)
        return statistics.median(sample.server_ms + sample.postgres_ms for sample in samples)


def _row(system: str, samples: list[Sample]) -> tuple[str, ...]:
    results, middle = [sample.result for sample in samples], statistics.median
    speeds = [result.calls_per_s for result in results]
    sessions = middle([result.sessions_per_s for result in results])
    postgres = middle([sample.postgres_ms for sample in samples])
    return (
        NAMES[system],
        f"{middle(speeds):,.0f}",
        f"{min(speeds):,.0f} – {max(speeds):,.0f}",
        f"{sessions:,.0f}" if sessions else "–",
        f"{middle([result.p50_ms for result in results]):.0f} ms",
        f"{middle([result.p99_ms for result in results]):.0f} ms",
        f"{middle([sample.server_ms for sample in samples]):.3f} ms",
        "–" if system in (OURS_SQLITE, OCPP_RPC) else f"{postgres:.3f} ms",
        f"{middle([result.generator_cores for result in results]):.2f} cores",
    )


def _ratios(bench: Bench, mix: str) -> list[str]:
    """What the tables say in one figure each: ours by everybody else's, and our two databases by each other."""
    measured = bench.given.systems
    ours = [system for system in (OURS, OURS_SQLITE) if system in measured]
    pairs = [(our, their) for our in ours for their in measured if their not in ours]
    pairs += [(OURS_SQLITE, OURS)] if len(ours) == 2 else []
    lines = []
    for our, their in pairs:
        speed, cpu = (bench.median(mix, our, each) / bench.median(mix, their, each) for each in ("speed", "cpu"))
        lines.append(
            f"RATIO {mix}: {NAMES[our]} is {speed:.2f} × {NAMES[their]}, with {cpu:.3f} × its CPU per message  "
        )
    return lines


def _report(bench: Bench) -> str:
    given = bench.given
    lines = [
        report.machine(bench.systems.folder.path) + "  ",
        f"{given.stations} stations, one CALL in flight each; {given.rounds} rounds of {given.seconds:g} s in turns "
        f"after {given.warmup:g} s of warm-up; server, database and generator share the cores.",
    ]
    for mix in given.mixes:
        rows = [_row(system, bench.samples[mix, system]) for system in given.systems]
        lines += ["", f"**{mix}**", "", report.table(HEADS, rows), "", *_ratios(bench, mix)]
    if not bench.faults:
        lines += ["", "After every measurement the database held exactly what was acknowledged."]
    return "\n".join(lines)


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--warmup", type=float)
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--systems", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--mixes", nargs="+", choices=load.MIXES)
    parser.add_argument("--env", nargs="*", default=[], metavar="NAME=VALUE", help="more environment for plugcontrol")
    given = parser.parse_args()
    usual = QUICK if given.quick else {"rounds": 3, "seconds": 10.0, "warmup": 3.0, "mixes": list(load.MIXES)}
    for name, value in usual.items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    with Systems() as systems:
        bench = Bench(given, systems)
        bench.throughput()
        text = _report(bench)
    return report.finish(given, "run", text, bench.faults)


if __name__ == "__main__":
    sys.exit(main())
