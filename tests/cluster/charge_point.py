"""A charge point written with PyPI `ocpp`, which other people wrote."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from websockets.asyncio.client import ClientConnection

METER_START_WH = 1000
STEP_WH = 111
BOOT = call.BootNotification(charge_point_model="Wall", charge_point_vendor="Acme")


class ChargePoint(OcppChargePoint):
    """One socket of a station; a station that comes back is a new one of these."""

    def __init__(self, identity: str, socket: ClientConnection) -> None:
        super().__init__(identity, socket, response_timeout=20)
        self.socket = socket
        self.triggered = asyncio.Event()
        self.asked: list[str] = []

    @on("TriggerMessage")
    async def on_trigger(self, requested_message: str, **_: Any) -> call_result.TriggerMessage:
        self.asked.append(requested_message)
        self.triggered.set()
        return call_result.TriggerMessage(status="Accepted")

    async def boot(self) -> str:
        return str((await self.call(BOOT, suppress=False)).status)

    async def beat(self) -> None:
        await self.call(call.Heartbeat(), suppress=False)

    async def authorize(self, id_tag: str) -> str:
        return str((await self.call(call.Authorize(id_tag=id_tag), suppress=False)).id_tag_info["status"])

    async def begin(self, id_tag: str) -> int:
        request = call.StartTransaction(
            connector_id=1, id_tag=id_tag, meter_start=METER_START_WH, timestamp="2026-11-01T10:00:00Z"
        )
        answer = await self.call(request, suppress=False)
        assert answer.id_tag_info["status"] == "Accepted"
        return int(answer.transaction_id)

    async def report(self, transaction_id: int, *minutes: int) -> None:
        """A reading for each of these minutes after the start."""
        for minute in minutes:
            reading = {
                "timestamp": f"2026-11-01T10:{minute:02}:00Z",
                "sampled_value": [{"value": str(METER_START_WH + STEP_WH * minute), "unit": "Wh"}],
            }
            request = call.MeterValues(connector_id=1, transaction_id=transaction_id, meter_value=[reading])
            await self.call(request, suppress=False)

    async def end(self, transaction_id: int, minute: int) -> None:
        request = call.StopTransaction(
            meter_stop=METER_START_WH + STEP_WH * minute + 7,
            timestamp=f"2026-11-01T10:{minute:02}:30Z",
            transaction_id=transaction_id,
        )
        await self.call(request, suppress=False)

    def drop(self) -> None:
        """The line is cut: no close frame, no goodbye."""
        self.socket.transport.abort()

    async def closed(self, within_s: float) -> int:
        """The close code of a socket that the other side ends."""
        await asyncio.wait_for(self.socket.wait_closed(), within_s)
        return int(self.socket.close_code or 0)

    @property
    def is_connected(self) -> bool:
        return self.socket.state is websockets.State.OPEN


@contextlib.asynccontextmanager
async def connected(address: str, identity: str = "CP1") -> AsyncIterator[ChargePoint]:
    async with websockets.connect(f"{address}/{identity}", subprotocols=["ocpp1.6"]) as socket:
        charge_point = ChargePoint(identity, socket)
        listening = asyncio.create_task(charge_point.start())
        try:
            yield charge_point
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
