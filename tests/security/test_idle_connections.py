"""Who opens connections and says little or nothing: H24, H25, S17 (docs/threat-model.md)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

import pytest

from bench.wire import allow_many_sockets
from plugcontrol.http_line import Callers

from .conftest import STATION, STATION_KEY
from .wire import Wire, basic, dial, upgrade

pytestmark = pytest.mark.server

#: Neither of them is a proxy that the server trusts.
ATTACKER, CHARGER = "127.0.0.2", "127.0.0.3"
MOST = 1000


@pytest.fixture(scope="module")
def server_settings(tls_settings_of_server):
    allow_many_sockets()
    return {"MAX_WAITING_CONNECTIONS": str(MOST), **tls_settings_of_server}


async def open_from(address: str, port: int) -> Wire:
    return Wire(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))


@contextlib.asynccontextmanager
async def crowd(size: int, port: int, address: str = ATTACKER):
    """So many open connections."""
    lines: list[Wire] = []
    try:
        for _ in range(size // 50):
            lines += await asyncio.gather(*(open_from(address, port) for _ in range(50)))
        yield lines
    finally:
        for line in lines:
            line.reset()


async def connects_within(port: int, within_s: float) -> None:
    began = time.monotonic()
    line = await open_from(CHARGER, port)
    await line.send(upgrade(STATION, basic(STATION, STATION_KEY)))
    assert (await line.answer()).status == 101
    line.reset()
    assert time.monotonic() - began < within_s


async def drip(line: Wire, text: bytes) -> float:
    """Send a byte a second until the server has had enough; seconds until then."""
    began = time.monotonic()
    ending = asyncio.create_task(line.ended_after(30))
    for byte in text:
        line.writer.write(bytes([byte]))
        done, _waiting = await asyncio.wait([ending], timeout=1)
        if done:
            break
    await ending
    return time.monotonic() - began


@pytest.mark.long
async def test_h24_a_head_that_never_ends(target):
    request = upgrade(STATION, "X-Slow: " + "x" * 100)
    async with crowd(500, target.port) as lines:
        dripping = [asyncio.create_task(drip(line, request)) for line in lines]
        for _ in range(5):
            await connects_within(target.port, 2)
            await asyncio.sleep(1)
        ended = await asyncio.gather(*dripping)
    assert max(ended) < 15
    assert min(ended) > 5
    assert "Traceback" not in target.server.log


@pytest.mark.long
async def test_h24_a_second_request_that_never_ends(target):
    """A kept line has no more patience than a new one."""
    async with dial(target.port) as line:
        await line.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await line.answer()).status == 200
        assert await drip(line, b"GET /healthz HTTP/1.1\r\nHost: " + b"x" * 30) < 15


@pytest.mark.long
async def test_h24_over_tls(target):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with dial(target.tls_port, context) as line:
        assert await drip(line, upgrade(STATION)) < 15
    async with dial(target.tls_port) as line:  # never says hello
        assert await line.ended_after(20) < 16.5


@pytest.mark.long
async def test_h25_five_thousand_connections_of_one_address(target):
    await connects_within(target.port, 5)
    before = target.memory_mb
    async with crowd(5000, target.port) as lines:
        await connects_within(target.port, 2)
        for line in lines[-100:]:
            assert (await line.answer()).status == 429
        assert target.memory_mb - before < 200
        waits = [asyncio.create_task(line.ended_after(20)) for line in lines[:MOST]]
        await asyncio.gather(*waits)
    assert "Traceback" not in target.server.log
    deadline = time.monotonic() + 20
    while True:  # when they are gone it may come again
        line = await open_from(ATTACKER, target.port)
        await line.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status = (await line.answer()).status
        line.reset()
        if status == 200:
            break
        assert time.monotonic() < deadline


@pytest.mark.long
async def test_h25_the_tls_line_has_the_same_limit(target):
    async with crowd(MOST, target.tls_port):
        deadline = time.monotonic() + 10
        while True:
            line = await open_from(ATTACKER, target.tls_port)
            with contextlib.suppress(TimeoutError):
                if await line.ended_after(1) < 1:
                    break
            line.reset()
            assert time.monotonic() < deadline
        await connects_within(target.port, 2)


def test_a_proxy_speaks_for_many(settings):
    """Connections of a trusted proxy are not counted as those of one caller: see Callers."""
    settings.MAX_WAITING_CONNECTIONS = 3
    callers = Callers()
    assert [callers.enter("192.0.2.1") for _ in range(4)] == [True, True, True, False]
    assert [callers.enter("127.0.0.1") for _ in range(9)] == [True] * 9
    callers.leave("192.0.2.1")
    assert callers.enter("192.0.2.1")
    # whoever has one IPv6 address has 2⁶⁴ of them
    assert [callers.enter(f"2001:db8::{number}") for number in range(4)] == [True, True, True, False]
    assert callers.enter("2001:db8:0:1::1")
