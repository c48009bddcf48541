"""A charge point for tests: speaks frames to the ASGI application, says what it got."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

from asgiref.testing import ApplicationCommunicator

from plugcontrol.asgi import application

PATIENCE_S = 10


class CallFailed(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class OurCall:
    """A CALL of the central system, waiting for the test to answer it."""

    def __init__(self, charge_point: FakeChargePoint, frame: list[Any]) -> None:
        self._charge_point = charge_point
        self.unique_id, self.action, self.payload = frame[1], frame[2], frame[3]

    async def replies(self, **payload: Any) -> None:
        await self._charge_point.send([3, self.unique_id, payload])

    async def fails(self, code: str, description: str = "") -> None:
        await self._charge_point.send([4, self.unique_id, code, description, {}])


class FakeChargePoint:
    """One socket. `connect()` returns the HTTP status: 101 when accepted.

    `certificate` is the one (PEM) that whoever ends TLS says the station has shown.
    """

    def __init__(
        self,
        identity: str = "CP1",
        *,
        path: str | None = None,
        subprotocols: tuple[str, ...] = ("ocpp1.6",),
        headers: tuple[tuple[bytes, bytes], ...] = (),
        address: str = "192.168.1.57",
        scheme: str = "ws",
        extensions: tuple[str, ...] = ("websocket.http.response",),
        certificate: str | None = None,
    ) -> None:
        self.identity = identity
        raw_path = (path if path is not None else f"/ocpp/{identity}").encode()
        self._socket = ApplicationCommunicator(
            application,
            {
                "type": "websocket",
                "path": raw_path.decode(),
                "raw_path": raw_path,
                "query_string": b"",
                "headers": list(headers),
                "subprotocols": list(subprotocols),
                "client": (address, 50000),
                "scheme": scheme,
                "extensions": {name: {} for name in extensions}
                | ({} if certificate is None else {"tls": {"client_cert_chain": [certificate]}}),
            },
        )
        self._counter = 0
        self._calls_of_theirs: deque[list[Any]] = deque()
        self.status = 0
        self.subprotocol: str | None = None
        self.response_headers: dict[bytes, bytes] = {}
        self.close_code: int | None = None
        self.closed_by: dict[str, Any] = {}

    async def connect(self) -> int:
        await self._socket.send_input({"type": "websocket.connect"})
        answer = await self._socket.receive_output(PATIENCE_S)
        if answer["type"] == "websocket.accept":
            self.status, self.subprotocol = 101, answer["subprotocol"]
        elif answer["type"] == "websocket.http.response.start":
            self.status, self.response_headers = answer["status"], dict(answer["headers"])
            await self._socket.receive_output(PATIENCE_S)
            await self._hang_up()
        else:
            self.status = 403
            await self._hang_up()
        return self.status

    async def boots(self, **payload: Any) -> dict[str, Any]:
        return await self.call(
            "BootNotification", **{"chargePointVendor": "Acme", "chargePointModel": "Wall 22", **payload}
        )

    async def call(self, action: str, /, **payload: Any) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT; raises CallFailed for a CALLERROR."""
        self._counter += 1
        return await self.exchange([2, f"m{self._counter}", action, payload])

    async def exchange(self, frame: list[Any]) -> dict[str, Any]:
        await self.send(frame)
        answer = await self.answer_to(frame[1])
        if answer[0] == 4:
            raise CallFailed(answer[2], answer[3])
        return answer[2]

    async def send(self, frame: Any) -> None:
        await self.send_text(json.dumps(frame))

    async def send_text(self, text: str) -> None:
        await self._socket.send_input({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send_input({"type": "websocket.receive", "bytes": data})

    async def receive(self) -> list[Any]:
        """The next frame; raises ConnectionError when the central system closes."""
        event = await self._socket.receive_output(PATIENCE_S)
        if event["type"] == "websocket.close":
            self.closed_by, self.close_code = event, event.get("code", 1000)
            await self._hang_up()
            raise ConnectionError(f"closed with {self.close_code}")
        return json.loads(event["text"])

    async def answer_to(self, unique_id: Any) -> list[Any]:
        """The CALLRESULT or CALLERROR for an id; CALLs that come in between wait for `expects`."""
        while True:
            frame = await self.receive()
            if frame[0] != 2 and frame[1] == unique_id:
                return frame
            assert frame[0] == 2, f"unexpected {frame}"
            self._calls_of_theirs.append(frame)

    async def expects(self, action: str, **payload: Any) -> OurCall:
        """The next CALL of the central system, which must be this one."""
        call = await self.hears()
        assert (call.action, call.payload) == (action, payload)
        return call

    async def hears(self) -> OurCall:
        """The next CALL of the central system, whatever it is."""
        frame = self._calls_of_theirs.popleft() if self._calls_of_theirs else await self.receive()
        assert frame[0] == 2, f"expected a CALL, got {frame}"
        return OurCall(self, frame)

    async def is_silent(self) -> bool:
        return await self._socket.receive_nothing(0.1, 0.01)

    async def closes(self) -> int:
        """Wait until the central system closes the socket; returns its code."""
        try:
            while True:
                await self.receive()
        except ConnectionError:
            assert self.close_code is not None
            return self.close_code

    async def disconnect(self) -> None:
        """Leave, and wait until the application has noticed."""
        if self.status == 101 and self.close_code is None:
            await self._hang_up()

    async def _hang_up(self) -> None:
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(self._socket.wait(), PATIENCE_S)
