"""What may come over an open line, at the real server: H26–H33, S18 (docs/threat-model.md)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import count

import pytest

from .conftest import STATION, STATION_KEY
from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, basic, dial, frame, upgrade

pytestmark = pytest.mark.server

MIB = 1024 * 1024
#: A frame of the server's that does not come within this time will not come.
AT_ONCE_S = 5.0
#: What the server lets a station send, and how long the flood lasts.
PER_SECOND, FLOOD_S = 200, 6
READ = """SELECT count(*) FROM stations_message m JOIN stations_chargepoint c ON c.id = m.charge_point_id
          WHERE c.identity = 'CP1' AND m.direction = 'in'"""


async def until(target, sql: str, expected, within_s: float = AT_ONCE_S) -> None:
    deadline = time.monotonic() + within_s
    while (found := target.query(sql)) != expected:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def server_settings():
    return {"STATION_MESSAGES_PER_SECOND": str(PER_SECOND), "UNKNOWN_CHARGE_POINTS": "accept"}


#: Stations without a password, who suffer with nobody.
OTHERS = [f"OTHER{number}" for number in range(5)]


async def test_h26_binary_frames(target):
    async with target.station() as line:
        await line.send(frame('[2,"b1","Heartbeat",{}]', BINARY))
        assert (await line.reply_to("b1")).startswith('[3,"b1"')
        await line.send(frame(b"\xff\xfe\0garbage", BINARY))
        await target.heartbeat(line, "b2")
    await until(target, r"SELECT count(*) FROM stations_message WHERE kind = 0 AND text LIKE '%garbage%'", [(1,)])


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (frame(b"\xff\xfe\xfd"), 1007),
        (frame(b"\xc3"), 1007),
        (frame("[2]", masked=False), 1002),
        (frame("x", 0x3), 1002),
        (frame("x", 0xB), 1002),
        (frame(b"x" * 126, PING), 1002),
        (frame("x", PING, final=False), 1002),
        (frame("x", reserved=4), 1002),
        (frame("x", reserved=2), 1002),
        (frame("x", CONTINUATION), 1002),
        (frame("x", final=False) + frame("y"), 1002),
        (frame(b"\x03", 0x8), 1002),
    ],
)
async def test_h27_frames_that_no_websocket_sends(target, attack, code):
    lines = len(target.server.output)
    async with target.station() as line:
        await line.send(attack)
        assert await line.close_code() == code
        assert await line.ended_after() < AT_ONCE_S
    async with target.station() as line:
        await target.heartbeat(line)
    assert "Traceback" not in "".join(target.server.output[lines:])


async def test_h28_a_frame_that_announces_a_terabyte(target):
    async with target.station() as line:
        await target.heartbeat(line)
        before, began = target.memory_mb, time.monotonic()
        await line.send(frame(b"x", length=2**40))
        assert await line.close_code() == 1009
        assert time.monotonic() - began < 1
        assert target.memory_mb - before < 2


async def test_h28_one_byte_more_than_a_mebibyte(target):
    async with target.station() as line:
        await line.send(frame(b" " * (MIB - 23) + b'[2,"m","Heartbeat",{}]'))
        await line.reply_to("m")
        await line.send(frame(b" " * (MIB + 1)))
        assert await line.close_code() == 1009


async def test_h29_compression_is_not_spoken(target):
    async with dial(target.port) as line:
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
        await line.send(upgrade(STATION, offer, basic(STATION, STATION_KEY)))
        answer = await line.answer()
        assert answer.status == 101
        assert "sec-websocket-extensions" not in answer.headers
        await line.send(frame(b"\xabV\x02\x00", reserved=4))
        assert await line.close_code() == 1002


@pytest.mark.parametrize("piece", [b"x", b""])
async def test_h30_a_message_in_endless_pieces(target, piece):
    async with target.station() as line:
        await target.heartbeat(line)
        before = target.memory_mb
        closing = asyncio.create_task(line.close_code())
        await line.send(frame(piece, TEXT, final=False))
        more = frame(piece, CONTINUATION, final=False) * 1000
        for _ in range(1100):  # what a mebibyte of single bytes takes
            if closing.done():
                break
            await line.send(more)
            await asyncio.sleep(0)
        assert await closing == 1009
        assert target.memory_mb - before < 5


async def test_h30_a_message_in_honest_pieces(target):
    text = b'[2,"pieces",\n"Heartbeat",{}]'
    async with target.station() as line:
        await line.send(frame(text[:1], TEXT, final=False))
        for byte in text[1:-1]:
            await line.send(frame(bytes([byte]), CONTINUATION, final=False))
        await line.send(frame(b"between", PING))
        await line.send(frame(text[-1:], CONTINUATION))
        assert await line.frame() == (PONG, b"between")
        await line.reply_to("pieces")


async def test_h31_a_thousand_pings(target):
    async with target.station() as line, target.station(OTHERS[0]) as other:
        await line.send(frame(b"p" * 125, PING) * 1000)
        for _ in range(1000):
            assert await line.frame() == (PONG, b"p" * 125)
        began = time.monotonic()
        await target.heartbeat(other)
        assert time.monotonic() - began < 1


async def test_h31_pings_of_somebody_who_reads_no_pong(target):
    """The answers would lie in the server's memory: it stops reading until they are read."""
    async with target.station() as line, target.station(OTHERS[0]) as other:
        await target.heartbeat(line)
        before = target.memory_mb
        line.writer.transport.pause_reading()
        pings = frame(b"p" * 125, PING) * 1000
        sent, deadline = 0, time.monotonic() + 10
        with contextlib.suppress(TimeoutError):
            while sent < 400 and time.monotonic() < deadline:  # 50 MB of pongs
                line.writer.write(pings)
                async with asyncio.timeout(2):
                    await line.writer.drain()
                sent += 1
        assert target.memory_mb - before < 5
        await target.heartbeat(other)


FLOODS = {
    "calls": '[2,"%d","Heartbeat",{}]',
    "calls that are stored": '[2,"%d","Authorize",{"idTag":"CAFE"}]',
    "answers to nothing": '[3,"%d",{}]',
    "prose": "hello %d",
    "calls out of shape": '[2,"%d","Heartbeat"]',
}


async def waits_of(target, lines: list[Wire], until: float) -> float:
    """The time within which 99 of 100 exchanges of these stations are answered, one stored, one not, until then."""
    waits = []
    while time.monotonic() < until:
        for line in lines:
            began, number = time.monotonic(), len(waits)
            await target.heartbeat(line, f"h{number}")
            await line.send(frame(f'[2,"s{number}","Authorize",{{"idTag":"CAFE"}}]'))
            assert (await line.reply_to(f"s{number}")).startswith("[3")
            waits.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
    return sorted(waits)[int(len(waits) * 0.99)]


async def read_all(line: Wire) -> list[bytes]:
    """Every CALLERROR that comes until the line ends."""
    errors = []
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            opcode, payload = await line.frame()
            assert opcode != CLOSE, payload
            if opcode == TEXT and payload.startswith(b"[4"):
                errors.append(payload)
    return errors


async def flood(line: Wire, text: str) -> None:
    """Send as fast as the server reads."""
    for number in count():
        line.writer.write(b"".join(frame(text % (100 * number + one)) for one in range(100)))
        await line.writer.drain()


@pytest.mark.long
@pytest.mark.parametrize("kind", FLOODS)
async def test_h32_one_station_sends_as_fast_as_it_can(target, kind):
    """It is read more slowly, nothing of what it says is an error, and the others feel nothing."""
    async with contextlib.AsyncExitStack() as stack:
        others = [await stack.enter_async_context(target.station(name)) for name in OTHERS]
        calm = await waits_of(target, others, time.monotonic() + 2)
        await target.settled()
        memory, ((known,),) = target.memory_mb, target.query(READ)
        flooder, began = await stack.enter_async_context(target.station()), time.monotonic()
        reading = asyncio.create_task(read_all(flooder))
        flooding = asyncio.create_task(flood(flooder, FLOODS[kind]))
        busy = await waits_of(target, others, began + FLOOD_S)
        await target.settled()
        took, ((read,),), grown = time.monotonic() - began, target.query(READ), target.memory_mb - memory
        assert not flooding.done()
        flooding.cancel()
        flooder.reset()
        errors = await reading
    print(f"{kind}: {(read - known) / took:.0f}/s read, others {calm:.3f} → {busy:.3f} s, memory +{grown:.1f} MB")  # noqa: T201
    assert (read - known) / took < 1.3 * PER_SECOND
    assert busy < max(1, 25 * calm)  # calm: what this machine is busy with besides
    assert grown < 10
    assert kind == "calls out of shape" or errors == []


async def gone(target) -> None:
    await until(target, "SELECT connection FROM stations_chargepoint WHERE identity = 'CP1'", [("",)])


async def test_h33_who_leaves_in_the_middle_of_a_frame(target):
    for leave in (Wire.reset, lambda line: line.writer.write_eof()):
        async with target.station() as line:
            await target.heartbeat(line)
            files = target.open_files
            await line.send(frame('[2,"half","Heartbeat",{}]')[:9])
            leave(line)
            await gone(target)
            deadline = time.monotonic() + AT_ONCE_S
            while target.open_files >= files:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)


def test_nothing_of_all_that_was_an_error(target):
    """Last, over the whole module."""
    assert "Traceback" not in target.server.log
