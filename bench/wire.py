"""The cheapest honest WebSocket client: hand-built frames on an asyncio protocol.

The generator shares two cores with the server and its database, so every microsecond here is stolen from what is
measured. Frames go out with a zero masking key, which RFC 6455 §5.3 allows a client to choose and a server must unmask
like any other; the payload then needs no copy. Neither compression nor fragmentation is offered.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import resource
from collections.abc import Callable
from urllib.parse import quote, urlsplit

TEXT, CLOSE, PING = 0x1, 0x8, 0x9
MAX_HEADER_BYTES = 16_384


class HandshakeError(Exception):
    """The handshake was answered with something else than 101."""


def loopback(url: str) -> tuple[str, int, str]:
    """Host, port and path of a ws:// URL; ValueError unless it stays on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "ws" or not (host == "localhost" or ipaddress.ip_address(host).is_loopback):
        raise ValueError(f"only ws:// URLs of a loopback address are driven, not {url!r}")
    return host, parts.port or 80, parts.path.rstrip("/")


def allow_many_sockets() -> None:
    """Raise the soft limit of open files to the hard one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One final frame, masked with the key 0."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, 0x80 | size, 0, 0, 0, 0)) + payload
    if size < 65_536:
        return bytes((0x80 | opcode, 0xFE, size >> 8, size & 0xFF, 0, 0, 0, 0)) + payload
    return bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big") + bytes(4) + payload


class Line(asyncio.Protocol):
    """One WebSocket of a charge point: calls `on_text` for every message and `on_end` once.

    `close_code` is what the server's close frame said, None where TCP ended without one.
    """

    def __init__(self, request: bytes, on_text: Callable[[bytes], None], on_end: Callable[[Line], None]) -> None:
        self.on_text, self.on_end = on_text, on_end
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.close_code: int | None = None
        self._request, self._rest, self._is_open = request, b"", False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        # nearly every read is exactly one short text frame
        if self._is_open and not self._rest and data[0] == 0x81 and data[1] == len(data) - 2 < 126:
            self.on_text(data[2:])
            return
        self._rest += data
        if self._is_open or self._read_handshake():
            self._read_frames()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(HandshakeError("closed during the handshake"))
        self.on_end(self)

    def send(self, text: bytes) -> None:
        self.transport.write(frame(text))

    def close(self, code: int = 1000) -> None:
        self.transport.write(frame(code.to_bytes(2, "big"), CLOSE))
        self.transport.close()

    def _read_handshake(self) -> bool:
        head, end, rest = self._rest.partition(b"\r\n\r\n")
        if not end and len(head) < MAX_HEADER_BYTES:
            return False
        self._is_open = head.split(b"\r\n", 1)[0].split()[1:2] == [b"101"]
        self._rest = rest
        if not self.opened.done():
            if self._is_open:
                self.opened.set_result(None)
            else:
                self.opened.set_exception(HandshakeError(head.split(b"\r\n", 1)[0].decode("latin-1")))
                self.transport.close()
        return self._is_open

    def _read_frames(self) -> None:
        while (found := _split(self._rest)) is not None:
            opcode, payload, self._rest = found
            if opcode == TEXT:
                self.on_text(payload)
            elif opcode == PING:
                self.transport.write(frame(payload, 0xA))
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 1005
                self.transport.write(frame(payload[:2], CLOSE))
                self.transport.close()


def _split(data: bytes) -> tuple[int, bytes, bytes] | None:
    """First frame of a server's bytes as (opcode, payload, rest), or None while it is not complete."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(data[2:10], "big"), 10
    if len(data) < start or len(data) < start + size:
        return None
    return data[0] & 0x0F, data[start : start + size], data[start + size :]


async def connect(
    url: str,
    identity: str,
    on_text: Callable[[bytes], None],
    on_end: Callable[[Line], None],
    timeout_s: float = 10,
    headers: str = "Sec-WebSocket-Protocol: ocpp1.6\r\n",
) -> Line:
    """Open the socket of `identity` below `url`; HandshakeError or OSError if that fails."""
    host, port, path = loopback(url)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {path}/{quote(identity)} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            transport, line = await loop.create_connection(lambda: Line(request, on_text, on_end), host, port)
            try:
                await line.opened
            except BaseException:
                transport.abort()
                raise
    except TimeoutError:
        raise HandshakeError("no answer to the handshake") from None
    return line
