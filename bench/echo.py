"""A server that answers at once and stores nothing: shows what the load generator itself can drive, and at what cost.

python -m bench.echo --port 9100 --seconds 30     then     python -m bench.load ws://127.0.0.1:9100/ocpp
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import itertools
import json

import uvloop

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NOW = "2026-01-01T00:00:00.000Z"
_transaction_ids = itertools.count(1)


def answer(text: bytes) -> bytes:
    """The CALLRESULT a polite central system would give to the CALL in `text`."""
    _two, unique_id, action, _payload = json.loads(text)
    accepted = {"idTagInfo": {"status": "Accepted"}}
    payloads = {
        "BootNotification": {"status": "Accepted", "currentTime": NOW, "interval": 300},
        "Heartbeat": {"currentTime": NOW},
        "Authorize": accepted,
        "StopTransaction": accepted,
    }
    payload = payloads.get(action, {})
    if action == "StartTransaction":
        payload = {**accepted, "transactionId": next(_transaction_ids)}
    return json.dumps([3, unique_id, payload], separators=(",", ":")).encode()


class Echo(asyncio.Protocol):
    """Expects whole frames of 126 to 65,535 bytes or less per read, as bench.wire sends them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.upgraded = False

    def data_received(self, data: bytes) -> None:
        if not self.upgraded:
            self.upgraded = True
            self.transport.write(_upgrade(data))
            return
        if data[0] != 0x81:
            self.transport.close()
            return
        reply = answer(data[8:] if data[1] == 0xFE else data[6:])
        size = len(reply)
        head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126, size >> 8, size & 0xFF))
        self.transport.write(head + reply)


def _upgrade(request: bytes) -> bytes:
    key = next(
        line.split(b":", 1)[1].strip() for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key")
    )
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324 - RFC 6455 names SHA-1
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


async def serve(port: int, seconds: float) -> None:
    """Listen on 127.0.0.1 for `seconds`."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=4096)
    await asyncio.sleep(seconds)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    uvloop.run(serve(given.port, min(given.seconds, 600)))
