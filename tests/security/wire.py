"""A line to a server, byte by byte: what no well-behaved library would send."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PATIENCE_S = 30.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `headers` with their names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


def basic(user: str | bytes, password: str | bytes) -> str:
    """The header line of HTTP Basic; bytes go as they are."""
    words = [word.encode() if isinstance(word, str) else word for word in (user, password)]
    return "Authorization: Basic " + base64.b64encode(b":".join(words)).decode()


def upgrade(
    identity: str = "CP1",
    *headers: str,
    path: str | None = None,
    subprotocol: str | None = "ocpp1.6",
    key: str | None = KEY,
    version: str = "13",
    host: str | None = "localhost",
) -> bytes:
    """A WebSocket upgrade request; `headers` are whole lines, None leaves a usual one out."""
    lines = [
        f"GET {path if path is not None else '/ocpp/' + quote(identity)} HTTP/1.1",
        *([f"Host: {host}"] if host is not None else []),
        *("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Version: {version}"),
        *([f"Sec-WebSocket-Key: {key}"] if key is not None else []),
        *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol is not None else []),
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(
    payload: bytes | str = b"",
    opcode: int = TEXT,
    *,
    final: bool = True,
    masked: bool = True,
    reserved: int = 0,
    length: int | None = None,
) -> bytes:
    """One frame, with the masking key 0; `length` is what it claims to be long."""
    data = payload.encode() if isinstance(payload, str) else payload
    size = len(data) if length is None else length
    first = (0x80 if final else 0) | reserved << 4 | opcode
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 65_536:
        head = bytes((first, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + data


class Wire:
    """One TCP connection, perhaps with TLS around it. Whatever waits gives up after PATIENCE_S."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Write, and wait until it has left; a server that has gone is not this method's business."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(data)
            async with asyncio.timeout(PATIENCE_S):
                await self.writer.drain()

    async def answer(self) -> Answer:
        """The next HTTP answer, with its body where it says how long that is."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in head[1:] if line)
            headers = {name.lower(): value.strip() for name, _colon, value in pairs}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(head[0].split()[1]), headers, body)

    async def frame(self) -> tuple[int, bytes]:
        """The server's next frame: opcode and payload."""
        async with asyncio.timeout(PATIENCE_S):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def text(self) -> str:
        """The next text that comes; pings are answered on the way. ConnectionError if the line closes instead."""
        while True:
            opcode, payload = await self.frame()
            if opcode == TEXT:
                return payload.decode()
            if opcode == CLOSE:
                raise ConnectionError(f"closed with {int.from_bytes(payload[:2], 'big')}")
            if opcode == PING:
                await self.send(frame(payload, PONG))

    async def reply_to(self, unique_id: str) -> str:
        """The answer to the CALL with this id; other frames are passed over."""
        while not (text := await self.text()).startswith((f'[3,"{unique_id}"', f'[4,"{unique_id}"')):
            pass
        return text

    async def close_code(self) -> int | None:
        """The code of the server's close frame, None if the line ended without one."""
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def ended_after(self, within_s: float = PATIENCE_S) -> float:
        """Seconds until the server ends the line, whatever it says before; TimeoutError if it does not."""
        began = time.monotonic()
        async with asyncio.timeout(within_s):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65_536):
                    pass
        return time.monotonic() - began

    def reset(self) -> None:
        """End the line without a word."""
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def dial(port: int, context: ssl.SSLContext | None = None, *, source: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """A line to 127.0.0.1 from `source`, another address of this machine; it is cut at the end."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=context,
            server_hostname="localhost" if context else None,
            local_addr=(source, 0),
        )
    wire = Wire(reader, writer)
    try:
        yield wire
    finally:
        wire.reset()
