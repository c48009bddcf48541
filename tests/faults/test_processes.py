"""Gateways that are killed or told to stop under load (F01, F02)."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter, defaultdict

import pytest

from bench.rig import Plugcontrol
from bench.store import milliseconds
from bench.swarm import Unanswered

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign

pytestmark = pytest.mark.faults

KILLS, RESTARTS, EXIT_S = short_or_long(2, 20), short_or_long(2, 20), 10
#: A CALL sent this long before SIGTERM at a load far below saturation has been read by then, if the server was running
#: all the while: the last answer it gave shows until when it was.
SURELY_READ_S = 0.25
#: What rounding does to a time in the message log.
MS = 0.001


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
async def test_f01_gateway_killed(campaign: NewCampaign, database: str) -> None:
    """kill -9 and a start at once: nothing acknowledged is gone, everybody comes back by himself."""
    async with campaign("F01 gateway killed", database=database) as run:
        await run.drive(short_or_long(30, 150))
        slowest_s = 0.0
        for number in range(1, KILLS + 1):
            await run.load(*short_or_long((1, 3), (5, 20)))
            run.server.kill()
            await run.start(run.server)
            slowest_s = max(slowest_s, await run.everybody_back(f"kill {number}"))
        await run.load()
        run.tell(f"{KILLS} kills; all back ≤ {slowest_s:.1f} s after the restart")


async def test_f01_all_back_after_a_kill(campaign: NewCampaign) -> None:
    """500 of 500 stations are in service within ten seconds of a restart."""
    stations = short_or_long(250, 500)
    async with campaign("F01 everybody back") as run:
        await run.drive(stations, interval_s=4)  # shorter than any session, so that each sends something
        await run.load(1)
        run.server.kill()
        await run.start(run.server)
        run.tell(f"all {stations} back {await run.everybody_back('kill'):.1f} s after the restart")
        await run.load(10, 15)  # until everybody has sent something


@pytest.mark.parametrize(("database", "servers"), [("postgresql", 2), ("sqlite", 1)])
async def test_f02_deploy(campaign: NewCampaign, database: str, servers: int) -> None:
    """SIGTERM and a new process, one server after the other: what was read is answered, the process ends in time."""
    async with campaign("F02 rolling restarts", database=database, servers=servers) as run:
        await run.drive(short_or_long(30, 150))
        longest_s = back_s = 0.0
        for number in range(1, RESTARTS + 1):
            await run.load(*short_or_long((1, 2), (3, 6)))
            server = run.servers[number % servers]
            longest_s = max(longest_s, await _stop(run, server, f"SIGTERM {number}"))
            await run.start(server)
            back_s = max(back_s, await run.everybody_back(f"SIGTERM {number}"))
        await run.load()
        run.tell(
            f"{RESTARTS} restarts of {servers}; exit ≤ {longest_s:.1f} s, all back ≤ {back_s:.1f} s after the start"
        )


async def test_f03_stations_that_take_a_close_for_good(campaign: NewCampaign) -> None:
    """Firmware that never comes back after a Close frame: their switch lets the server end TCP without one."""
    odd = 10
    async with campaign("F03 stays away after a Close") as run:
        await run.query(
            "UPDATE stations_chargepoint SET no_close_frame = true WHERE identity LIKE 'SWARM%%' AND identity <= %s",
            identity(odd),
        )
        await run.drive(2 * odd)
        for charger in run.stations.chargers[:odd]:
            charger.obeys_close = True
        for number in range(1, RESTARTS + 1):
            await run.load(1)
            await _stop(run, run.server, f"SIGTERM {number}")
            await run.start(run.server)
            await run.everybody_back(f"SIGTERM {number}")
        dark = sum(charger.is_dark for charger in run.stations.chargers)
        run.zero("stations that stayed away", dark, odd)
        run.promise("the others are told why", dict(run.stations.close_codes), run.stations.close_codes[1012] >= odd)
        run.tell(f"{odd - dark} of {odd} back after each of {RESTARTS} restarts")


async def _stop(run: Campaign, server: Plugcontrol, what: str) -> float:
    """SIGTERM; the seconds until the process has ended."""
    known, begun, lived_at = len(run.stations.unanswered), time.monotonic(), run.stations.answered_at[server.url]
    asleep_s = begun - lived_at
    signalled_at = time.time()
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(server.wait)
    took_s = time.monotonic() - begun
    await asyncio.sleep(0.3)  # the stations' own loop hears of it
    run.promise(f"{what}: exit ≤ {EXIT_S} s", f"code {code}, {took_s:.1f} s", code == 0 and took_s <= EXIT_S)
    cut_off = run.stations.unanswered[known:]
    stored = await _read(run, cut_off)
    kinds = ", ".join(f"{count} {action}" for action, count in Counter(each.action for each in stored).items())
    run.promise(f"{what}: stored but not answered", f"{len(stored)} of {len(cut_off)} {kinds}", not stored)
    early = sum(each.sent_at < signalled_at - asleep_s - SURELY_READ_S for each in cut_off)
    run.zero(f"{what}: sent {SURELY_READ_S} s before the signal and not answered", early, len(cut_off))
    return took_s


async def _read(run: Campaign, cut_off: list[Unanswered]) -> list[Unanswered]:
    """Of the CALLs that were out when their socket ended: those the server had read, by its message log.

    Read in the meantime: a station soon says it again to another server, half of them under the same id.
    """
    read_at = defaultdict(list)
    for station, unique_id, at in await run.ask("calls"):
        read_at[station, str(unique_id)].append(milliseconds(at) / 1000)
    return [
        each
        for each in cut_off
        if any(each.sent_at - MS <= at <= each.lost_at + MS for at in read_at[each.identity, str(each.unique_id)])
    ]
