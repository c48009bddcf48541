"""A tiny central system written with PyPI `ocpp`: whatever reaches its handlers has passed the 1.6 JSON schemas."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Payload = dict[str, Any]

logging.getLogger("ocpp").setLevel(logging.CRITICAL)


class Desk(ChargePoint):
    """Serves one socket; every frame and every refusal of the schemas goes to the central system's books."""

    def __init__(self, identity: str, socket: ServerConnection, central: CentralSystem) -> None:
        super().__init__(identity, socket, response_timeout=5)
        self.central = central

    async def route_message(self, raw_msg: str) -> None:
        frame = json.loads(raw_msg)
        if frame[0] == 2:
            self.central.note(frame[2], frame[3])
        await super().route_message(raw_msg)

    async def _send(self, message: str) -> None:
        frame = json.loads(message)
        if frame[0] == 4:
            self.central.refusals.append(message)
        await super()._send(message)

    @on(Action.boot_notification)
    def on_boot(self, **_: Any) -> call_result.BootNotification:
        return call_result.BootNotification(
            current_time=_now(), interval=self.central.boot_interval_s, status=self.central.registration
        )

    @on(Action.authorize)
    def on_authorize(self, id_tag: str) -> call_result.Authorize:
        return call_result.Authorize(id_tag_info=self.central.info_on(id_tag))

    @on(Action.heartbeat)
    def on_heartbeat(self) -> call_result.Heartbeat:
        return call_result.Heartbeat(current_time=_now())

    @on(Action.status_notification)
    def on_status(self, **_: Any) -> call_result.StatusNotification:
        return call_result.StatusNotification()

    @on(Action.meter_values)
    def on_meter_values(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()

    @on(Action.firmware_status_notification)
    def on_firmware_status(self, **_: Any) -> call_result.FirmwareStatusNotification:
        return call_result.FirmwareStatusNotification()

    @on(Action.diagnostics_status_notification)
    def on_diagnostics_status(self, **_: Any) -> call_result.DiagnosticsStatusNotification:
        return call_result.DiagnosticsStatusNotification()

    @on(Action.log_status_notification)
    def on_log_status(self, **_: Any) -> call_result.LogStatusNotification:
        return call_result.LogStatusNotification()

    @on(Action.signed_firmware_status_notification)
    def on_signed_firmware_status(self, **_: Any) -> call_result.SignedFirmwareStatusNotification:
        return call_result.SignedFirmwareStatusNotification()

    @on(Action.security_event_notification)
    def on_security_event(self, **_: Any) -> call_result.SecurityEventNotification:
        return call_result.SecurityEventNotification()

    @on(Action.sign_certificate)
    def on_sign_certificate(self, **_: Any) -> call_result.SignCertificate:
        return call_result.SignCertificate(status="Accepted")

    @on(Action.start_transaction)
    def on_start(self, id_tag: str, **_: Any) -> call_result.StartTransaction:
        if self.central.fails("StartTransaction"):
            raise RuntimeError("as the test asked")
        self.central.last_transaction_id += 1
        return call_result.StartTransaction(
            transaction_id=self.central.last_transaction_id,
            id_tag_info=self.central.info_on(id_tag),
        )

    @on(Action.stop_transaction)
    def on_stop(self, **_: Any) -> call_result.StopTransaction:
        return call_result.StopTransaction()


class CentralSystem:
    """What it heard is in `heard`, as (action, payload); `registration`, `verdicts`, `parents` are what it answers."""

    def __init__(self) -> None:
        self.registration = "Accepted"
        self.boot_interval_s = 300
        self.verdicts: dict[str, str] = {}
        self.parents: dict[str, str] = {}
        self.status: HTTPStatus | None = None
        self.heard: list[tuple[str, Payload]] = []
        self.refusals: list[str] = []
        self.last_transaction_id = 4710
        self.desks: dict[str, Desk] = {}
        self.headers: list[Any] = []
        self._failures: dict[str, int] = {}
        self._news = asyncio.Condition()
        self._server: Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/"

    async def open(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=["ocpp1.6"],
            process_request=lambda socket, request: self._admit(socket, request),
            close_timeout=0.1,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def info_on(self, id_tag: str) -> Payload:
        info = {"status": self.verdicts.get(id_tag, "Accepted")}
        return info | {"parent_id_tag": self.parents[id_tag]} if id_tag in self.parents else info

    def fail(self, action: str, times: int) -> None:
        """Answer the next so many CALLs of this action with InternalError."""
        self._failures[action] = times

    def fails(self, action: str) -> bool:
        self._failures[action] = self._failures.get(action, 0) - 1
        return self._failures[action] >= 0

    def note(self, action: str, payload: Payload) -> None:
        self.heard.append((action, payload))
        asyncio.get_running_loop().create_task(self._tell())

    def actions(self) -> list[str]:
        return [action for action, _ in self.heard]

    def payloads(self, action: str) -> list[Payload]:
        return [payload for heard, payload in self.heard if heard == action]

    async def hears(self, action: str, times: int = 1, **members: Any) -> Payload:
        """The payload of the n-th CALL of this action that carries these members; waits up to 5 s."""

        def matching() -> list[Payload]:
            return [p for p in self.payloads(action) if members.items() <= p.items()]

        await self.until(lambda: len(matching()) >= times)
        return matching()[times - 1]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(condition)

    async def sends(self, identity: str, request: Any) -> Any:
        """Send a command; the answer has passed its schema."""
        return await self.desks[identity].call(request, suppress=False)

    async def drop(self, identity: str) -> None:
        """End the station's socket without a word."""
        self.desks[identity]._connection.transport.abort()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _admit(self, socket: ServerConnection, request: Any) -> Any:
        self.headers.append(request.headers)
        return None if self.status is None else socket.respond(self.status, "no\n")

    async def _serve(self, socket: ServerConnection) -> None:
        identity = socket.request.path.rsplit("/", 1)[1]
        desk = self.desks[identity] = Desk(identity, socket, self)
        await self._tell()
        with contextlib.suppress(ConnectionClosed):
            await desk.start()


def _now() -> str:
    return datetime.now(UTC).isoformat()


__all__ = ["CentralSystem", "call"]
