"""A simulated station and our server on a real socket: what we believe is what it says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.utils import timezone

from charging_profiles import assignments, clearing, comparison
from charging_profiles.models import Assignment, CompositeReading, Kind, Purpose
from charging_profiles.settling import settle
from plugcontrol.asgi import application
from simulator import SimulatedChargePoint
from stations.commands import SYSTEM, queue_command
from stations.forms import FORMS
from stations.models import ChargePoint, Command, EffectStatus

from .conftest import WIRE, make_profile, states
from .timetable import written

Ended = Callable[[Command], Awaitable[Command]]


class Server(uvicorn.Server):
    """uvicorn that leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def address(gateway: Any) -> AsyncIterator[str]:
    """host:port of our server."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, ws="websockets-sansio", lifespan="off", log_config=None, access_log=False)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
async def charger(address: str, station: ChargePoint, tag: Any) -> AsyncIterator[SimulatedChargePoint]:
    """11 kW, two connectors, files of no interest."""
    url = f"ws://{address}/ocpp/"
    async with SimulatedChargePoint(url, station.identity, speed=1000, seed=1, transfers_files=False) as charger:
        await charger.boot()
        yield charger


@pytest.fixture
def give(station: ChargePoint, ended: Ended) -> Callable[..., Awaitable[Assignment]]:
    """`await give(1, unit="W", …)`: a profile of the library at the station, whatever it says to that."""

    async def give(connector_id: int, name: str = "", **fields: Any) -> Assignment:
        def act() -> Assignment:
            session = fields.pop("transaction", None)
            profile = make_profile(name or f"Profile {connector_id}", **fields)
            return assignments.assign(profile, station, connector_id, origin=SYSTEM, transaction=session)

        row = await sync_to_async(act)()
        await ended(row.command)
        await row.arefresh_from_db()
        return row

    return give


@pytest.fixture
def ask(station: ChargePoint, ended: Ended) -> Callable[..., Awaitable[tuple[str, list[Any]]]]:
    """`await ask(1)`: what the station plans for the next hours, and where we believe something else."""

    async def ask(connector_id: int, hours: int = 4, unit: Any = "W") -> tuple[str, list[Any]]:
        duration_s = hours * 3600
        command = await sync_to_async(
            lambda: comparison.ask(station, connector_id, duration_s=duration_s, unit=unit, origin=SYSTEM)
        )()
        await ended(command)
        reading = await CompositeReading.objects.select_related("charge_point").aget(command=command)
        differences = await sync_to_async(comparison.differences)(reading)
        return written(comparison.reported(reading)), differences

    return ask


DAY = [{"start": 0, "limit": "8"}, {"start": 3600, "limit": "12.5"}, {"start": 7200, "limit": "6"}]


async def test_it_does_as_we_believe(charger: Any, give: Any, ask: Any) -> None:
    noon = timezone.now() - timedelta(minutes=30)
    rows = [
        await give(0, "All", kind=Kind.RELATIVE, periods=[{"start": 0, "limit": "10"}]),
        await give(1, "One", kind=Kind.ABSOLUTE, starts_at=noon, periods=DAY, duration_s=9000),
        await give(
            1, "Above", stack_level=3, starts_at=noon + timedelta(days=-7, hours=1), duration_s=1800, periods=DAY
        ),
        await give(0, "Cap", purpose=Purpose.CHARGE_POINT_MAX, unit="W", periods=[{"start": 0, "limit": "7000"}]),
    ]
    assert [row.state for row in rows] == ["installed"] * 4
    said, differences = await ask(1)
    assert (len(said.split(", ")) >= 4, differences) == (True, [])
    assert await ask(2) == ("0:00 6900", [])
    assert await ask(2, unit="A") == ("0:00 10", [])
    assert await ask(0) == ("0:00 7000", [])


async def test_a_difference_is_found(charger: Any, give: Any, ask: Any) -> None:
    await give(1, kind=Kind.RELATIVE, periods=[{"start": 0, "limit": "8"}])
    charger.smart_charging.clear({})  # a reset to factory settings that nobody told us of
    said, differences = await ask(1)
    assert said == "0:00 11000"
    assert [(difference.expected, difference.reported) for difference in differences] == [(5520, 11_000)]


async def test_a_session_s_own_profile_and_its_end(
    charger: SimulatedChargePoint, station: ChargePoint, give: Any, ask: Any, stored: Any
) -> None:
    await give(0, "All", kind=Kind.RELATIVE, periods=[{"start": 0, "limit": "10"}])
    await charger.plug(1)
    await charger.start(1, "CAFE")
    await charger.delivered()
    session = await stored(lambda: station.transactions.select_related("connector").get())
    row = await give(1, "Own", purpose=Purpose.TX, kind=Kind.RELATIVE, transaction=session, periods=DAY[:1])
    assert (row.state, row.payload["transactionId"]) == ("installed", session.pk)
    assert await ask(1) == ("0:00 5520", [])
    await charger.stop(1)
    await charger.delivered()
    assert await ask(1) == ("0:00 6900", [])
    await stored(lambda: settle(timezone.now()))
    assert await stored(states) == ["installed", "ended"]


async def test_a_profile_that_comes_with_a_remote_start(
    charger: SimulatedChargePoint, station: ChargePoint, ask: Any, stored: Any, ended: Ended
) -> None:
    payload = {"idTag": "CAFE", "connectorId": 2, "chargingProfile": {**WIRE, "chargingProfilePurpose": "TxProfile"}}
    command = await sync_to_async(queue_command)(station, "RemoteStartTransaction", payload)
    await ended(command)
    await _began(command, stored)
    await charger.delivered()
    await stored(lambda: settle(timezone.now()))
    row = await Assignment.objects.select_related("transaction").aget()
    assert row.transaction is not None
    assert (row.connector_id, row.transaction.is_running) == (2, True)
    assert await ask(2) == ("0:00 8280", [])


async def _began(command: Command, stored: Any) -> None:
    async with asyncio.timeout(10):
        while (await stored(lambda: Command.objects.get(pk=command.pk))).effect_status != EffectStatus.SEEN:
            await asyncio.sleep(0.02)


async def test_each_start_keeps_its_own_limit(
    charger: SimulatedChargePoint, station: ChargePoint, ask: Any, stored: Any, ended: Ended
) -> None:
    expert = {"connectorId": 0, "csChargingProfiles": WIRE}
    await ended(await sync_to_async(queue_command)(station, "SetChargingProfile", expert))
    for connector_id, limit in ((1, "8"), (2, "10")):
        form = FORMS["RemoteStartTransaction"](
            {"id_tag": "CAFE", "connector_id": connector_id, "limit": limit, "unit": "A"}
        )
        assert form.is_valid()
        command = await sync_to_async(queue_command)(station, *form.command)
        await ended(command)
        await _began(command, stored)
    await charger.delivered()
    assert [await ask(1), await ask(2)] == [("0:00 5520", []), ("0:00 6900", [])]
    assert await stored(states) == ["installed"] * 3


async def test_what_it_cannot_it_refuses_and_we_know_before(charger: Any, station: ChargePoint, give: Any) -> None:
    refused = await give(1, stack_level=99)
    assert refused.state == "refused"
    assert await sync_to_async(states)() == ["refused"]


async def test_clearing(charger: Any, station: ChargePoint, give: Any, ask: Any, ended: Ended) -> None:
    await give(1, "One", kind=Kind.RELATIVE, periods=[{"start": 0, "limit": "8"}])
    await give(2, "Two", kind=Kind.RELATIVE, periods=[{"start": 0, "limit": "8"}])
    await ended(await sync_to_async(lambda: clearing.clear_matching(station, connector_id=1, origin=SYSTEM))())
    assert await ask(1) == ("0:00 11000", [])
    assert await ask(2) == ("0:00 5520", [])
    await ended(await sync_to_async(lambda: clearing.clear_all(station, origin=SYSTEM))())
    assert await ask(2) == ("0:00 11000", [])
