"""A simulated station is updated from our address, over real sockets: signed, tampered with, and signed only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from simulator import Override, SimulatedChargePoint
from stations.models import ChargePoint
from transfers import deadlines, updates
from transfers.models import FirmwareUpdate

from .firmware import IMAGE, make_firmware
from .test_whole_way import address, charger  # noqa: F401 - fixtures

State, Failure = FirmwareUpdate.State, FirmwareUpdate.Failure
Stored = Callable[[Callable[[], Any]], Awaitable[Any]]


async def followed(update: FirmwareUpdate, stored: Stored) -> FirmwareUpdate:
    """The update when it has its end; the clock runs meanwhile."""
    rows = FirmwareUpdate.objects.select_related("transfer", "charge_point")
    async with asyncio.timeout(20):
        while (row := await stored(lambda: rows.get(pk=update.pk))).ended_at is None:
            await stored(lambda: deadlines.check(timezone.now()))
            await asyncio.sleep(0.05)
    return row


def begin(station: ChargePoint, *, signed: bool) -> FirmwareUpdate:
    return updates.begin_update(station, make_firmware(signed=True), signed=signed)


async def test_a_signed_update(charger: SimulatedChargePoint, station: ChargePoint, stored: Stored) -> None:  # noqa: F811
    update = await sync_to_async(begin)(station, signed=True)
    row = await followed(update, stored)

    assert (row.state, row.version_before, row.version_after) == (State.INSTALLED, "1.0.0", "4.3.1")
    words = [word for word, _at in row.steps]
    assert words[:5] == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"]
    assert row.transfer.bytes_done == len(IMAGE)
    assert row.transfer.expires_at <= timezone.now() + timedelta(seconds=1)


async def test_an_image_that_was_tampered_with(
    charger: SimulatedChargePoint,  # noqa: F811
    station: ChargePoint,
    stored: Stored,
) -> None:
    def begin_with_another_image() -> FirmwareUpdate:
        firmware = make_firmware(signed=True)
        Path(firmware.file.path).write_bytes(IMAGE[::-1])
        return updates.begin_update(station, firmware, signed=True)

    row = await followed(await sync_to_async(begin_with_another_image)(), stored)
    assert (row.state, row.failure, row.status) == (State.FAILED, Failure.SIGNATURE, "InvalidSignature")
    assert row.charge_point.firmware_version == "1.0.0"


async def test_a_station_that_takes_signed_updates_only(
    charger: SimulatedChargePoint,  # noqa: F811
    station: ChargePoint,
    stored: Stored,
) -> None:
    charger.overrides["UpdateFirmware"] = Override.read("error:NotSupported")
    row = await followed(await sync_to_async(begin)(station, signed=False), stored)
    assert (row.state, row.signed, row.tries) == (State.INSTALLED, True, 1)
