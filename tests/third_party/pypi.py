"""A charge point of PyPI `ocpp` that obeys in everything; the library's schemas check every command of ours."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from .conftest import KEY


class ChargePoint(OcppChargePoint):
    """Says yes to everything; what it was told is taken with `hears`."""

    def __init__(self, identity: str, socket: ClientConnection) -> None:
        super().__init__(identity, socket, response_timeout=20)
        self._told: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.periods: list[dict[str, Any]] = []  # of its composite schedule

    async def _handle_call(self, msg: Any) -> None:
        await super()._handle_call(msg)
        self._told.put_nowait((msg.action, msg.payload))

    async def hears(self, action: str) -> dict[str, Any]:
        """The next command of that name, once it is answered."""
        async with asyncio.timeout(20):
            while True:
                told, payload = await self._told.get()
                if told == action:
                    return payload

    async def boot(self, version: str = "1.0", serial: str | None = None) -> None:
        request = call.BootNotification(
            charge_point_model="Wall",
            charge_point_vendor="Acme",
            charge_point_serial_number=serial,
            firmware_version=version,
        )
        assert (await self.call(request, suppress=False)).status == "Accepted"

    async def has_firmware(self, status: str) -> None:
        await self.call(call.FirmwareStatusNotification(status=status), suppress=False)

    async def has_signed_firmware(self, status: str, request_id: int) -> None:
        request = call.SignedFirmwareStatusNotification(status=status, request_id=request_id)
        await self.call(request, suppress=False)

    async def has_log(self, status: str, request_id: int) -> None:
        await self.call(call.LogStatusNotification(status=status, request_id=request_id), suppress=False)

    async def has_diagnostics(self, status: str) -> None:
        await self.call(call.DiagnosticsStatusNotification(status=status), suppress=False)

    @on("UpdateFirmware")
    async def on_firmware(self, **_: Any) -> call_result.UpdateFirmware:
        return call_result.UpdateFirmware()

    @on("GetDiagnostics")
    async def on_diagnostics(self, **_: Any) -> call_result.GetDiagnostics:
        return call_result.GetDiagnostics(file_name="diagnostics.tar.gz")

    @on("SignedUpdateFirmware")
    async def on_signed_firmware(self, **_: Any) -> call_result.SignedUpdateFirmware:
        return call_result.SignedUpdateFirmware(status="Accepted")

    @on("GetLog")
    async def on_log(self, **_: Any) -> call_result.GetLog:
        return call_result.GetLog(status="Accepted", filename="security.log")

    @on("GetConfiguration")
    async def on_configuration(self, key: list[str] | None = None) -> call_result.GetConfiguration:
        known = {"SecurityProfile": "2", "CpoName": "plugcontrol"}
        wanted = known.keys() if key is None else {*key}
        rows = [{"key": name, "readonly": False, "value": known[name]} for name in known.keys() & wanted]
        return call_result.GetConfiguration(configuration_key=rows, unknown_key=[*wanted - known.keys()])

    @on("ChangeConfiguration")
    async def on_change(self, **_: Any) -> call_result.ChangeConfiguration:
        return call_result.ChangeConfiguration(status="Accepted")

    @on("ExtendedTriggerMessage")
    async def on_trigger(self, **_: Any) -> call_result.ExtendedTriggerMessage:
        return call_result.ExtendedTriggerMessage(status="Accepted")

    @on("CertificateSigned")
    async def on_certificate(self, **_: Any) -> call_result.CertificateSigned:
        return call_result.CertificateSigned(status="Accepted")

    @on("SetChargingProfile")
    async def on_profile(self, **_: Any) -> call_result.SetChargingProfile:
        return call_result.SetChargingProfile(status="Accepted")

    @on("GetCompositeSchedule")
    async def on_composite(
        self, connector_id: int, duration: int, charging_rate_unit: str
    ) -> call_result.GetCompositeSchedule:
        return call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start=datetime.now(UTC).isoformat(),
            charging_schedule={
                "duration": duration,
                "charging_rate_unit": charging_rate_unit,
                "charging_schedule_period": self.periods,
            },
        )


@asynccontextmanager
async def on_line(address: str, identity: str, **options: Any) -> AsyncIterator[ChargePoint]:
    async with connect(f"{address}/{identity}", subprotocols=["ocpp1.6"], proxy=None, **options) as socket:  # type: ignore[list-item]
        charge_point = ChargePoint(identity, socket)
        listening = asyncio.create_task(charge_point.start())
        try:
            yield charge_point
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def refused(address: str, identity: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as told:
        async with on_line(address, identity, **options):
            pass
    return told.value.response.status_code


def basic(identity: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{identity}:".encode() + bytes.fromhex(KEY)).decode()}
