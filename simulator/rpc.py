"""OCPP-J 1.6 §4 over one open socket, from the station's side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from .errors import CallFailed, CallTimedOut, Offline

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4

Payload = dict[str, Any]
#: Is given (unique_id, action, payload) of every CALL; sends the answer by itself, when it likes.
CallReceiver = Callable[[str, str, Payload], None]


class Connection:
    """One socket: our CALLs go out one at a time (§4.1.1), those of the central system are handed on as they come."""

    def __init__(self, socket: ClientConnection, receive_call: CallReceiver, call_timeout_s: float) -> None:
        self._socket = socket
        self._receive_call = receive_call
        self._call_timeout_s = call_timeout_s
        self._turn = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[Payload]] = {}

    async def call(self, action: str, payload: Payload) -> Payload:
        """The payload of the CALLRESULT; raises CallFailed for a CALLERROR, CallTimedOut or Offline."""
        async with self._turn:
            unique_id = str(uuid4())
            reply: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            self._waiting[unique_id] = reply
            try:
                async with asyncio.timeout(self._call_timeout_s):
                    await self._send([CALL, unique_id, action, payload])
                    return await reply
            except TimeoutError:
                raise CallTimedOut(f"no answer to {action} within {self._call_timeout_s:g} s") from None
            finally:
                del self._waiting[unique_id]

    async def answer(self, unique_id: str, payload: Payload | CallFailed) -> None:
        """Answer a CALL of the central system with a CALLRESULT or a CALLERROR."""
        if isinstance(payload, CallFailed):
            await self._send([CALL_ERROR, unique_id, payload.code, payload.description, {}])
        else:
            await self._send([CALL_RESULT, unique_id, payload])

    async def read_until_closed(self) -> None:
        """Take in frames until the socket ends; then every CALL still open fails as Offline."""
        try:
            async for text in self._socket:
                self._receive(text)
        except ConnectionClosed:
            pass  # how it ended makes no difference to a station: it connects again
        finally:
            for reply in self._waiting.values():
                if not reply.done():
                    reply.set_exception(Offline("connection lost before the answer"))

    async def close(self) -> None:
        await self._socket.close()

    def abort(self) -> None:
        """Vanish without a closing handshake, as a station does that loses power."""
        self._socket.transport.abort()

    async def _send(self, frame: list[Any]) -> None:
        try:
            await self._socket.send(msgspec.json.encode(frame).decode())
        except ConnectionClosed:
            raise Offline("connection lost") from None

    def _receive(self, text: str | bytes) -> None:
        """Anything that is no frame, and answers nobody waits for, are dropped (§4.2)."""
        try:
            frame = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        match frame:
            case [2, str(unique_id), str(action), *rest]:
                payload = rest[0] if rest and isinstance(rest[0], dict) else {}
                self._receive_call(unique_id, action, payload)
            case [3, str(unique_id), payload, *_]:
                self._settle(unique_id, payload if isinstance(payload, dict) else {})
            case [4, str(unique_id), code, *rest]:
                self._settle(unique_id, CallFailed(str(code), str(rest[0]) if rest else ""))

    def _settle(self, unique_id: str, reply: Payload | CallFailed) -> None:
        waiting = self._waiting.get(unique_id)
        if waiting is None or waiting.done():
            return
        if isinstance(reply, CallFailed):
            waiting.set_exception(reply)
        else:
            waiting.set_result(reply)
