"""Fault campaign: a swarm under load, a fault, and an audit of what the server promised (exit code 1 if it lied).

python -m bench.faults                                        kill, postgres, sigterm on PostgreSQL
python -m bench.faults --database sqlite --scenarios kill sigterm
python -m bench.faults --scenarios silent                     stations that fall silent are shown offline within 60 s
python -m bench.faults --system rival --scenarios kill        what the audit says of the rival central system

The program makes a PostgreSQL cluster of its own in a temporary folder; nobody's database is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from bench import rig, store
from bench.audit import Check, audit, zero
from bench.swarm import TRANSACTION_ACTIONS, Swarm, Unanswered

BACK_S, EXIT_LIMIT_S, OFFLINE_S = 30, 10, 60
#: A CALL sent this long before SIGTERM at a load far below saturation has been read by then.
SURELY_READ_S = 0.25
DATABASE_DOWN_S = 15


class Campaign:
    """One scenario on fresh processes: server, database, swarm, and the promises found kept or broken."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.folder = rig.Folder()
        self.postgres = None if given.database == "sqlite" else rig.Postgres(self.folder)
        if self.postgres:
            self.postgres.start()
        self.server, self.store = self._system(self.postgres.fresh("faults") if self.postgres else "")
        self.ledger = self.folder.path / "ledger.jsonl"
        self.checks: list[Check] = []
        self.swarm: Swarm

    def _system(self, url: str) -> tuple[rig.Server, store.Store]:
        if self.given.system == "plugcontrol":
            ours = rig.Plugcontrol(self.folder, url, {"SWARM": self.given.stations})
            return ours, store.Store(url or str(ours.sqlite), store.PLUGCONTROL)
        return rig.Rival(self.folder, url), store.Store(url, store.RIVAL)

    async def run(self, scenario: Callable[[Campaign], Coroutine[Any, Any, None]]) -> list[Check]:
        """The scenario, then the audit; a server that does not come back is itself a broken promise."""
        self.server.start()
        self.swarm = Swarm(self.server.url, self.ledger, self.given.stations, self.given.interval)
        self.swarm.start()
        await self.everybody_back("first connection")
        try:
            await scenario(self)
        finally:
            await self.swarm.finish()
            code = await asyncio.to_thread(self.server.stop)
        self.checks.append(Check("the server ends cleanly", f"exit code {code}", code == 0))
        self.checks += [*self.conversation(), *audit(self.ledger, self.store)]
        return self.checks

    def conversation(self) -> list[Check]:
        """What the stations themselves saw."""
        swarm, errors = self.swarm, self.swarm.errors
        fatal = sum(n for error, n in errors.items() if error.split(":")[0] in TRANSACTION_ACTIONS)
        told = ", ".join(f"{n} × {error}" for error, n in sorted(errors.items())) or "none"
        counts = ", ".join(f"{name} {n:,}" for name, n in sorted(swarm.counts.items()))
        codes = ", ".join(f"{code or 'none'}: {n}" for code, n in swarm.close_codes.most_common())
        return [
            Check("load (acknowledged, sockets)", counts, swarm.counts["MeterValues"] > 0),
            Check("close codes seen", codes, True),
            zero("CALLERROR or silence for Start, Stop, MeterValues", fatal),
            Check("other errors", told, not errors),
            zero("messages still queued in the end", swarm.queued()),
        ]

    async def everybody_back(self, after: str, limit_s: float = BACK_S) -> None:
        """Wait for all stations; how long it took is a figure of the report."""
        begun, all_of_them = time.monotonic(), len(self.swarm.chargers)
        while (online := self.swarm.online()) < all_of_them and time.monotonic() - begun < limit_s:
            await asyncio.sleep(0.05)
        took = time.monotonic() - begun
        self.checks.append(
            Check(f"{after}: all back ≤ {limit_s:.0f} s", f"{online} in {took:.1f} s", online == all_of_them)
        )

    async def load(self) -> None:
        """Let the load run for a while of random length."""
        await asyncio.sleep(random.uniform(*self.given.pause))

    def close(self) -> None:
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()
        if self.postgres:
            self.postgres.stop("immediate")
        if self.given.keep:
            print(f"kept: {self.folder.path}", file=sys.stderr)
        else:
            self.folder.remove()


async def kill(campaign: Campaign) -> None:
    """kill -9 of the server and a restart at once."""
    for number in range(1, campaign.given.times.get("kill", 5) + 1):
        await campaign.load()
        campaign.server.kill()
        await asyncio.to_thread(campaign.server.start)
        await campaign.everybody_back(f"kill {number}", 10)
    await campaign.load()


async def postgres(campaign: Campaign) -> None:
    """PostgreSQL away for 15 s: sockets close, nothing is answered with an error, everybody comes back."""
    if campaign.postgres is None:
        raise SystemExit("the scenario `postgres` needs --database postgresql")
    database = campaign.postgres
    for number in range(1, campaign.given.times.get("postgres", 2) + 1):
        await campaign.load()
        await asyncio.to_thread(database.stop, "immediate" if number % 2 else "fast")
        await asyncio.sleep(DATABASE_DOWN_S)
        still = campaign.swarm.online()
        await asyncio.to_thread(database.start)
        begun = time.monotonic()
        while campaign.swarm.last_answer_at < begun and time.monotonic() < begun + BACK_S:
            await asyncio.sleep(0.02)
        waited = time.monotonic() - begun
        campaign.checks += [
            zero(f"outage {number}: sockets open after {DATABASE_DOWN_S} s without the database", still),
            Check(f"outage {number}: first answer ≤ 5 s after the database is back", f"{waited:.1f} s", waited <= 5),
        ]
        await campaign.everybody_back(f"outage {number}")
    alive = campaign.server.process is not None and campaign.server.process.poll() is None
    campaign.checks.append(Check("the server process survives", "alive" if alive else "dead", alive))
    await campaign.load()


async def sigterm(campaign: Campaign) -> None:
    """SIGTERM under load: what was read is answered before the sockets close, and the process ends in time."""
    for number in range(1, campaign.given.times.get("sigterm", 3) + 1):
        await campaign.load()
        known = len(campaign.swarm.unanswered)
        process, begun = campaign.server.process, time.monotonic()
        assert process is not None
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(campaign.server.wait)
        took = time.monotonic() - begun
        await asyncio.sleep(0.3)
        campaign.checks += [
            Check(
                f"SIGTERM {number}: exit ≤ {EXIT_LIMIT_S} s",
                f"code {code}, {took:.1f} s",
                code == 0 and took <= EXIT_LIMIT_S,
            ),
            *_read_but_unanswered(f"SIGTERM {number}", campaign, campaign.swarm.unanswered[known:], begun),
        ]
        await asyncio.to_thread(campaign.server.start)
        await campaign.everybody_back(f"SIGTERM {number}", 10)
    await campaign.load()


def _read_but_unanswered(what: str, campaign: Campaign, cut_off: list[Unanswered], signalled_at: float) -> list[Check]:
    """Of the CALLs that were out when their socket ended: those the server had read, by its own tables or by time."""
    logged = {(identity, str(unique_id)) for identity, unique_id in campaign.store.ask("calls")}
    values = {(row[0], row[1], store.milliseconds(row[2])) for row in campaign.store.ask("meter_values")}
    starts = campaign.store.ask("transactions")
    values |= {(row[0], row[1], store.milliseconds(row[2])) for row in starts}
    values |= {(row[0], row[1], store.milliseconds(row[6])) for row in starts if row[6] is not None}
    values |= {(row[0], row[1], store.milliseconds(row[2])) for row in campaign.store.ask("statuses")}

    def is_stored(each: Unanswered) -> bool:
        facts = each.entry.facts
        by_key = (each.identity, facts.get("connector"), facts.get("at")) in values
        return by_key or (each.identity, str(each.unique_id)) in logged

    stored = [each for each in cut_off if is_stored(each)]
    early = sum(each.sent_at < signalled_at - SURELY_READ_S for each in cut_off)
    return [
        Check(
            f"{what}: stored but not answered",
            f"{len(stored)} of {len(cut_off)}{_ages(stored, signalled_at)}",
            not stored,
        ),
        zero(f"{what}: sent {SURELY_READ_S} s before the signal and not answered", early, len(cut_off)),
    ]


def _ages(stored: list[Unanswered], signalled_at: float) -> str:
    """What they were and when they were sent, seen from the signal."""
    if not stored:
        return ""
    times = [(each.sent_at - signalled_at) * 1000 for each in stored]
    actions = ", ".join(
        f"{count} {name}" for name, count in Counter(each.entry.action for each in stored).most_common()
    )
    return f": {actions}, sent {min(times):+.0f} to {max(times):+.0f} ms from the signal"


async def silent(campaign: Campaign) -> None:
    """A fifth of the stations stops reading and sending without ending TCP."""
    await campaign.load()
    mute = campaign.swarm.chargers[::5]
    names = {charger.identity for charger in mute}
    others = {charger.identity for charger in campaign.swarm.chargers} - names
    for charger in mute:
        charger.mute()
    begun, wrong, took = time.monotonic(), 0, 0.0
    while time.monotonic() - begun < OFFLINE_S + 5:
        online = {row[0] for row in await asyncio.to_thread(campaign.store.ask, "online")}
        wrong = max(wrong, len(others - online))
        took = time.monotonic() - begun
        if not online & names:
            break  # before a station that waits for an answer gives up by itself and calls again
        await asyncio.sleep(1)
    for charger in mute:
        charger.unmute()
    campaign.checks += [
        Check(f"silent stations are offline ≤ {OFFLINE_S} s", f"the last after {took:.0f} s", took < OFFLINE_S),
        zero("other stations shown offline meanwhile", wrong, len(others)),
    ]
    await campaign.everybody_back("silence")


SCENARIOS = {"kill": kill, "postgres": postgres, "sigterm": sigterm, "silent": silent}


def table(scenario: str, given: argparse.Namespace, checks: list[Check]) -> str:
    head = [
        f"\n**{scenario}** ({given.system}, {given.database}, {given.stations} stations)\n",
        "| promise | found | |",
        "|---|---|---|",
    ]
    return "\n".join(
        [*head, *(f"| {check.promise} | {check.found} | {'ok' if check.kept else '**BROKEN**'} |" for check in checks)]
    )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS)
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--system", choices=["plugcontrol", "rival"], default="plugcontrol")
    parser.add_argument("--stations", type=int, default=150)
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between two MeterValues of a connector")
    parser.add_argument("--pause", type=float, nargs=2, default=[4, 8], help="seconds of load between two faults")
    parser.add_argument("--times", type=int, help="how often each fault happens (5 kills, 2 outages, 3 SIGTERMs)")
    parser.add_argument("--keep", action="store_true", help="keep ledger, logs and database")
    given = parser.parse_args()
    given.stations = min(given.stations, 1000)
    given.times = dict.fromkeys(SCENARIOS, min(given.times, 50)) if given.times else {}
    given.scenarios = given.scenarios or [
        name for name in SCENARIOS if name != "silent" and (given.database, name) != ("sqlite", "postgres")
    ]
    return given


def main() -> int:
    rig.end_tidily_on_sigterm()
    given, broken = options(), 0
    for name in given.scenarios:
        campaign = Campaign(given)
        try:
            checks = uvloop.run(campaign.run(SCENARIOS[name]))
        finally:
            campaign.close()
        print(table(name, given, checks), flush=True)
        broken += sum(not check.kept for check in checks)
    print(f"\n{broken} promises broken" if broken else "\nall promises kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
