"""A campaign over fifty stations, of which some fail, while the server is killed in the middle of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from simulator import Hardware, Override, SimulatedChargePoint
from simulator.link import Patience

from ..server import free_port
from .conftest import Installation

pytestmark = pytest.mark.server

GOOD = [f"GOOD-{number:02}" for number in range(40)]
REFUSING = [f"REFUSING-{number}" for number in range(4)]
BREAKING = [f"BREAKING-{number}" for number in range(4)]
AWAY = [f"AWAY-{number}" for number in range(2)]
#: These let the server wait for their download until it was killed and is back, however quick the others are.
SLOW = GOOD[12:18]
TRIES = 3
PATIENCE_S = 120
IMAGE_BYTES = 100_000
AT_ONCE = 12

START = """
from django.core.files.base import ContentFile
from stations.commands import Origin
from stations.models import ChargePoint
from stations.services import approve_charge_point
from transfers import campaigns, firmware_files
stations = [ChargePoint.objects.create(identity=identity, recipe_mode="off") for identity in {identities}]
for station in stations:
    approve_charge_point(station)
image = ContentFile(bytes({image_bytes}), name="acme-4.3.1.bin")
firmware = firmware_files.store(image, name="Acme", version="4.3.1")
options = dict(at_once={at_once}, per_minute=1000, retries={retries})
campaigns.start_campaign(stations, firmware, origin=Origin(), name="Spring", **options)
"""
TIME_IS_OVER = """
from django.utils import timezone
from transfers.models import Campaign
Campaign.objects.update(ends_at=timezone.now())
"""
#: What is waited for is here: the next try, and our question to a station whose word got lost with the server.
TIME_PASSES = """
from datetime import timedelta
from django.utils import timezone
from transfers.models import FirmwareUpdate
now = timezone.now()
rows = FirmwareUpdate.objects.filter(ended_at=None)
rows.filter(state="waiting").update(next_try_at=None)
quiet = rows.filter(due_at__gt=now, asked_at=None, begun_at__lt=now - timedelta(seconds=15))
quiet.exclude(status="Installed").update(due_at=now)
"""
ENDED = "SELECT COUNT(*) FROM transfers_firmwareupdate WHERE ended_at IS NOT NULL"
UNDER_WAY = "SELECT COUNT(*) FROM transfers_firmwareupdate WHERE ended_at IS NULL AND state <> 'waiting'"
TABLE = """
    SELECT s.identity, u.state, u.failure, u.version_after, u.tries,
        (SELECT COUNT(*) FROM stations_command c WHERE c.charge_point_id = s.id AND c.action = 'UpdateFirmware')
    FROM transfers_firmwareupdate u JOIN stations_chargepoint s ON s.id = u.charge_point_id ORDER BY s.identity
"""


class Breaking:
    """A station whose downloads fail."""

    def __init__(self, station: SimulatedChargePoint) -> None:
        self._station = station
        self._usual = station.firmware.begin
        station.firmware.begin = self.begin  # type: ignore[method-assign]

    async def begin(self, _update: Any) -> None:
        for word in ("Downloading", "DownloadFailed"):
            await self._station.tell("FirmwareStatusNotification", {"status": word})


class Slow:
    """A station that accepts its update and does nothing about it before `may_begin`."""

    def __init__(self, station: SimulatedChargePoint, may_begin: asyncio.Event) -> None:
        self._station, self._may_begin = station, may_begin
        self._usual = station.firmware.begin
        station.firmware.begin = self.begin  # type: ignore[method-assign]

    async def begin(self, update: Any) -> None:
        self._station.tasks.spawn(self._begin_later(update))

    async def _begin_later(self, update: Any) -> None:
        await self._may_begin.wait()
        await self._usual(update)


def station(identity: str, address: str, may_begin: asyncio.Event) -> SimulatedChargePoint:
    made = SimulatedChargePoint(
        address,
        identity,
        hardware=Hardware(connectors=1),
        speed=300.0,
        patience=Patience(first_s=0.2, longest_s=1.0, call_timeout_s=10.0),
        seed=5,
    )
    if identity in REFUSING:
        made.overrides["UpdateFirmware"] = Override.read("error:InternalError")
    if identity in BREAKING:
        Breaking(made)
    if identity in SLOW:
        Slow(made, may_begin)
    return made


async def until(alone: Installation, sql: str, least: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (count := alone.query(sql)[0][0]) < least:
        assert time.monotonic() < deadline, f"{count} of {least}: {alone.query(TABLE)}"
        await asyncio.sleep(0.1)


async def test_a_campaign_survives_its_server(alone: Installation) -> None:
    port = free_port()
    (server,) = alone.start(port)
    identities = [*GOOD, *REFUSING, *BREAKING, *AWAY]
    program = START.format(identities=identities, retries=TRIES - 1, image_bytes=IMAGE_BYTES, at_once=AT_ONCE)
    may_begin = asyncio.Event()
    async with AsyncExitStack() as stack:
        stations = [station(name, server.charger_address, may_begin) for name in identities if name not in AWAY]
        await asyncio.to_thread(alone.run, "shell", "-c", program)
        for made in stations:
            await stack.enter_async_context(made)
        await asyncio.gather(*(made.boot() for made in stations))

        await until(alone, ENDED, 10)
        await until(alone, UNDER_WAY, len(SLOW))
        server.kill()
        ended_before = alone.query(ENDED)[0][0]
        assert ended_before < 40
        (server,) = alone.start(port)
        may_begin.set()

        deadline = time.monotonic() + PATIENCE_S
        while alone.query(ENDED)[0][0] < len(stations):
            assert time.monotonic() < deadline, alone.query(TABLE)
            await asyncio.sleep(3)
            await asyncio.to_thread(alone.run, "shell", "-c", TIME_PASSES)
        await asyncio.to_thread(alone.run, "shell", "-c", TIME_IS_OVER)
        await alone.until("SELECT state FROM transfers_campaign", "done")

    table = {row[0]: row[1:4] for row in alone.query(TABLE)}
    assert table == {
        **dict.fromkeys(GOOD, ("installed", "", "4.3.1")),
        **dict.fromkeys(REFUSING, ("failed", "refused", "1.0.0")),
        **dict.fromkeys(BREAKING, ("failed", "download", "1.0.0")),
        **dict.fromkeys(AWAY, ("failed", "not_sent", "")),
    }
    commands = {row[0]: row[4:] for row in alone.query(TABLE)}
    assert all(tries <= count <= TRIES + 1 for tries, count in commands.values()), commands
    assert [commands[name][0] for name in (*REFUSING, *BREAKING, *AWAY)] == [*[TRIES] * 8, 0, 0]
    assert sum(count == 1 for count, _ in commands.values()) >= 30  # nobody is updated twice without a reason
    fetched = alone.query("SELECT bytes_done FROM transfers_transfer WHERE done_at IS NOT NULL")
    # a server killed between a last byte and its note of it leaves that one unnoted: at most those under way then
    assert sum(count >= IMAGE_BYTES for (count,) in fetched) >= len(GOOD) - AT_ONCE
    assert "Traceback" not in server.log
