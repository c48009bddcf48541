"""What connections cost: memory of idle ones, a whole fleet at the door at once, and passwords.

python -m bench.connections            storms in five rounds
python -m bench.connections --quick    in two

2,000 accepted stations that boot and stay. For the storm they all connect with 1,000 handshakes in flight, and it is
over when every one has booted. For the passwords 1,000 connect at once, to a server that has just been started: with
keys as we make them, and with words as people choose them, whose hash is slow on purpose.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import statistics
import sys
import time
from collections.abc import Callable

import uvloop

from bench import load, report, rig
from bench.systems import NAMES, OURS, RIVAL, Systems, running

STATIONS, AT_ONCE, WARM_UP, SETTLE_S = 2_000, 1_000, 50, 3
WITH_PASSWORD, WITH_WORD = 1_000, 50
LARGEST_MEMORY, LARGEST_TIME, PASSWORD_LIMIT_S = 1.5, 1.2, 20
KEY, WORD = "00112233445566778899AABBCCDDEEFF00112233", "correct horse battery"
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
#: All stations get the same password; what it costs to check is the same as with different ones.
ENTER = """
from stations import credentials
from stations.models import ChargePoint
kind, stored = credentials.hashed({password!r})
ChargePoint.objects.update(credential_kind=kind, credential_hash=stored, security_profile=1)
"""


class Bench:
    def __init__(self, given: argparse.Namespace, systems: Systems) -> None:
        self.given, self.systems = given, systems
        self.faults: list[str] = []

    def idle_kb(self, system: str, headers: str = "") -> float:
        """Growth of the server's resident memory by idle stations, after some that came and went; kB for each."""
        server, _database = self.systems.server(system, {"WARM": WARM_UP, "BENCH": STATIONS})
        with running(server):
            kb = uvloop.run(self._idle_kb(server, headers))
        report.note(f"idle {system} {headers.strip()}: {kb:.1f} kB")
        return kb

    async def _idle_kb(self, server: rig.Server, headers: str) -> float:
        warm = load.Fleet(load.idle_script, WARM_UP, "WARM", headers=lambda _identity: headers)
        await warm.open(server.url)
        await warm.close()
        await asyncio.sleep(SETTLE_S)
        before = rig.rss_bytes(server.pid)
        fleet = load.Fleet(load.idle_script, STATIONS, headers=lambda _identity: headers)
        await fleet.open(server.url)
        await asyncio.sleep(SETTLE_S)
        grown = rig.rss_bytes(server.pid) - before
        self._judge("idle", fleet)
        await fleet.close()
        return grown / STATIONS / 1000

    def storm_s(self, system: str) -> float:
        """Seconds until all have booted."""
        server, _database = self.systems.server(system, {"WARM": WARM_UP, "BENCH": STATIONS})
        return self._storm_s(system, server, STATIONS, AT_ONCE)

    def password_s(self, password: str, count: int) -> float:
        """The same with HTTP Basic, all in flight at once."""
        server, _database = self.systems.server(OURS, {"WARM": WARM_UP, "BENCH": STATIONS})
        assert isinstance(server, rig.Plugcontrol)
        server.shell(ENTER.format(password=password))
        secret = bytes.fromhex(password) if password == KEY else password.encode()

        def headers(identity: str) -> str:
            pair = base64.b64encode(identity.encode() + b":" + secret).decode()
            return f"Authorization: Basic {pair}\r\n"

        return self._storm_s("passwords", server, count, count, headers)

    def _storm_s(
        self,
        what: str,
        server: rig.Server,
        count: int,
        at_once: int,
        headers: Callable[[str], str] = lambda _identity: "",
    ) -> float:
        async def storm() -> float:
            fleet = load.Fleet(load.idle_script, count, at_once=at_once, headers=headers)
            begun = time.perf_counter()
            await fleet.open(server.url)
            took = time.perf_counter() - begun
            self._judge(what, fleet)
            await fleet.close()
            return took

        with running(server):
            took = uvloop.run(storm())
        report.note(f"storm {what}, {count} stations: {took:.2f} s")
        return took

    def _judge(self, what: str, fleet: load.Fleet) -> None:
        self.faults += [f"{what}: {count} × {error}" for error, count in fleet.run.errors.items()]


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 5)
    storms: dict[str, list[float]] = {OURS: [], RIVAL: []}
    with Systems() as systems:
        bench = Bench(given, systems)
        ours, compressed, theirs = bench.idle_kb(OURS), bench.idle_kb(OURS, DEFLATE), bench.idle_kb(RIVAL)
        for _ in range(given.rounds):
            for system, took in storms.items():
                took.append(bench.storm_s(system))
        keys, words = bench.password_s(KEY, WITH_PASSWORD), bench.password_s(WORD, WITH_WORD)
        where = report.machine()
    memory = [
        (NAMES[OURS], f"{ours:.1f} kB"),
        (f"{NAMES[OURS]}; stations offer compression", f"{compressed:.1f} kB"),
        (NAMES[RIVAL], f"{theirs:.1f} kB"),
    ]
    medians = {system: statistics.median(took) for system, took in storms.items()}
    times = [(NAMES[system], f"{medians[system]:.2f} s", f"{max(took):.2f} s") for system, took in storms.items()]
    text = "\n".join(
        (
            where,
            "",
            report.table((f"{STATIONS:,} idle stations", "memory of each"), memory),
            "",
            f"RATIO memory: {ours / theirs:.2f}, with compression offered {compressed / theirs:.2f} "
            f"(goal: at most {LARGEST_MEMORY})",
            "",
            report.table(
                (f"{STATIONS:,} stations connect, {AT_ONCE:,} in flight", "all booted (median)", "slowest"), times
            ),
            "",
            f"RATIO storm: {medians[OURS] / medians[RIVAL]:.2f} (goal: at most {LARGEST_TIME})",
            "",
            f"With HTTP Basic, all at once, after a restart: {WITH_PASSWORD:,} stations with keys {keys:.1f} s (goal: "
            f"at most {PASSWORD_LIMIT_S} s); {WITH_WORD} with words {words:.1f} s, so 1,000 about "
            f"{words / WITH_WORD * 1000:.0f} s.",
        )
    )
    return report.finish(given, "connections", text, bench.faults)


if __name__ == "__main__":
    sys.exit(main())
