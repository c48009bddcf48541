"""The server's clock is set while it works (F29): who is online and when a command times out do not depend on it."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bench.swarm import Order as Heard

from .campaign import COMMAND_TIMEOUT_S, Campaign, identity, short_or_long
from .conftest import NewCampaign
from .stations import Order, Station

pytestmark = pytest.mark.faults

#: Longer than a round of the clock job that ends commands which nobody waits for any more.
SLOW_S = 12
#: Of another model than the swarm's stations: its commands wait for longer.
PATIENT = {"chargePointVendor": "Acme", "chargePointModel": "Patient"}


class ServerClock:
    """What a server started by `serve_by_another_clock` takes for the time."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "offset"
        self.jump(timedelta())

    def jump(self, offset: timedelta) -> None:
        """From now on the clock is wrong by this much."""
        draft = self.file.with_suffix(".draft")
        draft.write_text(f"{offset.total_seconds()}")
        draft.rename(self.file)


@pytest.mark.parametrize("database", short_or_long(["postgresql"], ["postgresql", "sqlite"]))
async def test_f29_server_clock_jumps(campaign: NewCampaign, tmp_path: Path, database: str) -> None:
    """An hour forward, back, another day: nobody seems offline, commands time out when they should, energy is right."""
    hour = timedelta(hours=1)
    jumps = short_or_long([hour, timedelta()], [hour, timedelta(), -hour, timedelta(), 25 * hour] * 4)
    clock = ServerClock(tmp_path)
    jumping = campaign("F29 the server's clock jumps", database=database, CLOCK_OFFSET=str(clock.file))
    jumping.server.arguments = ("-m", "tests.faults.serve_by_another_clock")
    async with jumping as run:
        swarm = await run.drive(short_or_long(20, 200), interval_s=1)
        # one that never answers, and one that answers when the clock job that ends lost commands has had its chance
        mute, slow = Station(identity(901), lambda _order: None), Station(identity(902), _slowly)
        await mute.switch_on(run.server.url)
        await (await slow.connect(run.server.url)).call("BootNotification", PATIENT)
        names = {charger.identity for charger in swarm.chargers} | {mute.identity, slow.identity}
        offline: set[str] = set()
        watching = asyncio.create_task(_watch(run, names, offline))
        worst_s = 0.0
        ends = []
        for offset in jumps:
            waiting = [asyncio.create_task(_ask(run, station)) for station in (mute, slow)]
            await mute.orders_reach(len(ends) + 1)
            await slow.orders_reach(len(ends) + 1)
            clock.jump(offset)
            (silent, took_s), (answered, _took_s) = await asyncio.gather(*waiting)
            worst_s = max(worst_s, abs(took_s - COMMAND_TIMEOUT_S))
            ends.append((silent, answered))
            await asyncio.sleep(short_or_long(0, 40))
        watching.cancel()
        for order in slow.orders:  # for the audit, which knows only what the swarm has heard
            heard = Heard(slow.identity, order.action, order.payload, "Accepted")
            swarm.orders[order.unique_id].append(heard)
        right = ends.count(("timed_out", "accepted"))
        run.zero("stations shown offline", len(offline), len(names))
        run.promise("command time-outs within ± 2 s", f"{worst_s:.1f} s off", worst_s <= 2)
        run.promise("silence times out, an answer counts", f"{right} of {len(jumps)}: {ends}", right == len(jumps))
        run.zero("lines lost", swarm.counts["lost sockets"])
        run.tell(f"{len(jumps)} jumps; command time-outs at most {worst_s:.1f} s off")
        mute.leave()
        slow.leave()


async def _slowly(_order: Order) -> dict[str, str]:
    await asyncio.sleep(SLOW_S)
    return {"status": "Accepted"}


async def _ask(run: Campaign, station: Station) -> tuple[str, float]:
    """How a command ends, and after how many seconds since the station heard it."""
    row = await run.operator.command(station.identity, "DataTransfer", {"vendorId": "faults"}, wait_s=60)
    return row["status"], time.monotonic() - station.orders[-1].at


async def _watch(run: Campaign, names: set[str], offline: set[str]) -> None:
    """Note who of `names` is not online by what the server says, as long as somebody wants to know."""
    while True:
        _status, page = await run.operator.get("/api/v1/charge-points/?online=true&page_size=1000")
        offline.update(names - _identities(page))
        await asyncio.sleep(0.2)


def _identities(page: str) -> set[str]:
    return {row["identity"] for row in json.loads(page)["results"]}
