"""A charge point written with PyPI `ocpp`: its schemas check every command of ours, and it does what it is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import websockets
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from websockets.asyncio.client import ClientConnection

from ..server import environment, manage, serving
from .core_commands import obeyed, send_core_commands, told

pytestmark = pytest.mark.server


class ChargePoint(OcppChargePoint):
    """Answers the core set; what it promises follows in the handlers that run after the answer."""

    def __init__(self, identity: str, socket: ClientConnection) -> None:
        super().__init__(identity, socket, response_timeout=20)
        self.told: dict[str, dict[str, Any]] = {}
        self.transaction_id = 0

    async def _handle_call(self, msg: Any) -> None:
        self.told[msg.action] = msg.payload
        await super()._handle_call(msg)

    async def boot(self) -> None:
        await self.call(call.BootNotification(charge_point_model="Wall", charge_point_vendor="Acme"), suppress=False)

    async def show(self, status: str) -> None:
        request = call.StatusNotification(connector_id=1, error_code="NoError", status=status)
        await self.call(request, suppress=False)

    @on("ChangeAvailability")
    async def on_availability(self, **_: Any) -> call_result.ChangeAvailability:
        return call_result.ChangeAvailability(status="Accepted")

    @after("ChangeAvailability")
    async def after_availability(self, **_: Any) -> None:
        await self.show("Unavailable")

    @on("ChangeConfiguration")
    async def on_change(self, **_: Any) -> call_result.ChangeConfiguration:
        return call_result.ChangeConfiguration(status="RebootRequired")

    @on("ClearCache")
    async def on_clear_cache(self) -> call_result.ClearCache:
        return call_result.ClearCache(status="Accepted")

    @on("DataTransfer")
    async def on_data(self, **_: Any) -> call_result.DataTransfer:
        return call_result.DataTransfer(status="UnknownVendorId")

    @on("GetConfiguration")
    async def on_configuration(self, **_: Any) -> call_result.GetConfiguration:
        known = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
        return call_result.GetConfiguration(configuration_key=known, unknown_key=["Foo"])

    @on("RemoteStartTransaction")
    async def on_start(self, **_: Any) -> call_result.RemoteStartTransaction:
        return call_result.RemoteStartTransaction(status="Accepted")

    @after("RemoteStartTransaction")
    async def after_start(self, id_tag: str, connector_id: int, **_: Any) -> None:
        request = call.StartTransaction(
            connector_id=connector_id, id_tag=id_tag, meter_start=1000, timestamp=datetime.now(UTC).isoformat()
        )
        self.transaction_id = (await self.call(request, suppress=False)).transaction_id

    @on("RemoteStopTransaction")
    async def on_stop(self, transaction_id: int) -> call_result.RemoteStopTransaction:
        is_known = transaction_id == self.transaction_id
        return call_result.RemoteStopTransaction(status="Accepted" if is_known else "Rejected")

    @after("RemoteStopTransaction")
    async def after_stop(self, transaction_id: int) -> None:
        request = call.StopTransaction(
            transaction_id=transaction_id, meter_stop=1001, timestamp=datetime.now(UTC).isoformat(), reason="Remote"
        )
        await self.call(request, suppress=False)

    @on("Reset")
    async def on_reset(self, **_: Any) -> call_result.Reset:
        return call_result.Reset(status="Accepted")

    @after("Reset")
    async def after_reset(self, **_: Any) -> None:
        await self.boot()

    @on("UnlockConnector")
    async def on_unlock(self, **_: Any) -> call_result.UnlockConnector:
        return call_result.UnlockConnector(status="UnlockFailed")


async def test_it_obeys_the_core_commands(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with serving(env) as server:
        for arguments in (("create_id_tag", "CAFE"), ("create_charge_point", "PYPI-1", "--accept")):
            assert (await asyncio.to_thread(manage, *arguments, env=env)).returncode == 0
        async with websockets.connect(f"{server.charger_address}/PYPI-1", subprotocols=["ocpp1.6"]) as socket:
            charge_point = ChargePoint("PYPI-1", socket)
            listening = asyncio.create_task(charge_point.start())
            await charge_point.boot()
            await charge_point.show("Available")
            rows = await asyncio.to_thread(send_core_commands, "PYPI-1", env)
            listening.cancel()

    assert rows == obeyed(charge_point.transaction_id)
    assert {action: charge_point.told[action] for action in rows} == told(charge_point.transaction_id)
