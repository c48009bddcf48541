"""Load generator: N charge points, one CALL in flight each, the next one as soon as the answer is there.

python -m bench.load ws://127.0.0.1:8000/ocpp --mix meter_values --stations 200 --seconds 10 --warmup 3

`meter_values`: boot and StartTransaction, then MeterValues of three phases (ten samples: what the settings we recommend
make a station send) back to back, StopTransaction in the end. `meter_values_short`: the same with four samples.
`sessions`: Preparing, Authorize, StartTransaction, Charging, six MeterValues, StopTransaction, Finishing, Available,
Heartbeat, and again. Only answers inside the window count; a CALLERROR, lost socket or missing answer fails the run.
The server must know and accept the charge points BENCH-00001, BENCH-00002 … and accept any tag.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from bench import messages, wire

MAX_STATIONS, MAX_SECONDS, SETUP_S, DRAIN_S, OPEN_S = 5_000, 300, 120, 60, 60
METER_VALUES_PER_SESSION = 6
HANDSHAKES_AT_ONCE = 50

#: Yielded by a script when its station is set up and waits for the load to begin.
READY = b""
Script = Generator[bytes, bytes, None]


class NotAcceptedError(Exception):
    """The server does not serve this station."""


@dataclass
class Result:
    """What one run measured; `stored` is what the database must hold, warm-up and last answers included."""

    mix: str
    stations: int
    seconds: float
    calls: int
    calls_per_s: float
    sessions_per_s: float
    p50_ms: float
    p99_ms: float
    generator_cores: float
    stored: dict[str, int]
    errors: dict[str, int]


@dataclass
class Run:
    """State that the stations of one run share."""

    going: bool = True
    measuring: bool = False
    latencies: list[float] = field(default_factory=list)
    sessions: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    ready: int = 0
    done: int = 0


class Station:
    """One charge point: feeds the answers it gets into its script and sends what the script yields."""

    def __init__(self, run: Run, number: int, script: Callable[[Station], Script], prefix: str = "BENCH") -> None:
        self.run, self.identity, self.id_tag = run, messages.identity(prefix, number), f"TAG{number:05d}"
        self.clock, self.register_wh, self.step_wh = messages.Clock(), number * 1000, 5 + number % 7
        self.unique_id, self.sent_at, self.action = 0, 0.0, ""
        self.script = script(self)
        self.finished = False
        self._expected = b""
        self.line: wire.Line

    async def open(self, url: str, headers: str = "") -> None:
        """Connect, with further header lines, and begin."""
        headers += "Sec-WebSocket-Protocol: ocpp1.6\r\n"
        self.line = await wire.connect(url, self.identity, self.on_text, self.on_end, OPEN_S, headers)
        self.advance(next(self.script))

    def advance(self, text: bytes) -> None:
        """Send a CALL the script yielded, or wait for the others."""
        if text is READY:
            self.run.ready += 1
            return
        self._expected = b'[3,"%d",' % self.unique_id
        self.sent_at = time.perf_counter()
        self.line.send(text)

    def on_text(self, text: bytes) -> None:
        if text.startswith(self._expected) or self._is_answer(text):
            if self.run.measuring:
                self.run.latencies.append(time.perf_counter() - self.sent_at)
            self.proceed(text)

    def proceed(self, answer: bytes = b"") -> None:
        try:
            self.advance(self.script.send(answer))
        except StopIteration:
            self.finish()
        except NotAcceptedError as refusal:
            self.run.errors[str(refusal)] += 1
            self.finish()

    def finish(self) -> None:
        if not self.finished:
            self.finished = True
            self.run.done += 1

    def on_end(self, line: wire.Line) -> None:
        if not self.finished:
            self.run.errors[f"socket closed by the server ({line.close_code})"] += 1
            self.finish()

    def call(self, action: str, payload: dict[str, Any]) -> bytes:
        self.unique_id, self.action = self.unique_id + 1, action
        return messages.call(self.unique_id, action, payload)

    def meter_values(self, transaction_id: int, phases: int) -> bytes:
        self.unique_id, self.action, self.register_wh = (
            self.unique_id + 1,
            "MeterValues",
            self.register_wh + self.step_wh,
        )
        at_ms = self.clock.tick()
        return messages.meter_values(self.unique_id, 1, transaction_id, at_ms, self.register_wh, phases=phases)

    def _is_answer(self, text: bytes) -> bool:
        """Whether an unusually written message answers our CALL; CALLs of the server are refused, errors counted."""
        message = json.loads(text)
        if message[0] == 2:
            self.line.send(json.dumps([4, message[1], "NotSupported", "", {}]).encode())
        elif message[0] == 3 and message[1] == str(self.unique_id):
            return True
        else:
            self.run.errors[f"{self.action}: {message[2] if message[0] == 4 else 'answer to something else'}"] += 1
            self.finish()
        return False


class PacedStation(Station):
    """Says the next thing when it is due, not as soon as it may: what waits behind a late answer is late itself."""

    def __init__(self, run: Run, number: int, script: Callable[[Station], Script], prefix: str = "BENCH") -> None:
        super().__init__(run, number, script, prefix)
        self.interval_s, self.due = 0.0, 0.0

    def pace(self, interval_s: float, first_at: float) -> None:
        """From now on a CALL every `interval_s`, the first one at `first_at` of time.perf_counter()."""
        self.interval_s, self.due = interval_s, first_at
        self._wait(b"")

    def proceed(self, answer: bytes = b"") -> None:
        if not self.interval_s or not self.run.going:
            super().proceed(answer)
            return
        self.due += self.interval_s
        self._wait(answer)

    def _wait(self, answer: bytes) -> None:
        if (early_s := self.due - time.perf_counter()) > 0:
            asyncio.get_running_loop().call_later(early_s, self._say, answer)
        else:
            self._say(answer)

    def _say(self, answer: bytes) -> None:
        super().proceed(answer)
        if self.run.going:
            self.sent_at = self.due


def _boot(station: Station) -> Generator[bytes, bytes, None]:
    answer = yield station.call("BootNotification", messages.BOOT)
    state = json.loads(answer)[2]["status"]
    if state != "Accepted":
        raise NotAcceptedError(f"BootNotification was answered {state}: is the station registered?")


def _start(station: Station) -> Generator[bytes, bytes, int]:
    answer = yield station.call(
        "StartTransaction", messages.start(1, station.id_tag, station.register_wh, station.clock.tick())
    )
    station.run.stored["transactions"] += 1
    return int(json.loads(answer)[2]["transactionId"])


def _meter_values(station: Station, transaction_id: int, phases: int = 3) -> Generator[bytes, bytes, None]:
    yield station.meter_values(transaction_id, phases)
    stored = station.run.stored
    stored["meter_values"] += 1
    stored["register_wh"] += station.register_wh


def _stop(station: Station, transaction_id: int, meter_start_wh: int) -> Generator[bytes, bytes, None]:
    payload = messages.stop(transaction_id, station.id_tag, station.register_wh, station.clock.tick())
    yield station.call("StopTransaction", payload)
    station.run.stored["stops"] += 1
    station.run.stored["energy_wh"] += station.register_wh - meter_start_wh


def _status(station: Station, state: str) -> Generator[bytes, bytes, None]:
    yield station.call("StatusNotification", messages.status(1, state, station.clock.tick()))
    station.run.stored["statuses"] += 1


def meter_values_script(station: Station, phases: int = 3) -> Script:
    """One long transaction of back-to-back MeterValues."""
    yield from _boot(station)
    meter_start_wh = station.register_wh
    transaction_id = yield from _start(station)
    yield READY
    while station.run.going:
        yield from _meter_values(station, transaction_id, phases)
    yield from _stop(station, transaction_id, meter_start_wh)


def sessions_script(station: Station) -> Script:
    """Whole sessions, one after the other; the one that is open when the time is over is brought to its end."""
    yield from _boot(station)
    yield READY
    while station.run.going:
        yield from _session(station)
        station.run.sessions += station.run.measuring


def _session(station: Station) -> Generator[bytes, bytes, None]:
    yield from _status(station, "Preparing")
    yield station.call("Authorize", {"idTag": station.id_tag})
    meter_start_wh = station.register_wh
    transaction_id = yield from _start(station)
    yield from _status(station, "Charging")
    for _ in range(METER_VALUES_PER_SESSION):
        yield from _meter_values(station, transaction_id)
    yield from _stop(station, transaction_id, meter_start_wh)
    yield from _status(station, "Finishing")
    yield from _status(station, "Available")
    yield station.call("Heartbeat", {})


def idle_script(station: Station) -> Script:
    """Boot and stay."""
    yield from _boot(station)
    yield READY


def short_script(station: Station) -> Script:
    return meter_values_script(station, phases=1)


MIXES: dict[str, Callable[[Station], Script]] = {
    "meter_values": meter_values_script,
    "meter_values_short": short_script,
    "sessions": sessions_script,
}


class Fleet:
    """Stations that are connected, accepted and ready."""

    def __init__(
        self,
        script: Callable[[Station], Script],
        count: int,
        prefix: str = "BENCH",
        *,
        per_second: float = 0,
        at_once: int = HANDSHAKES_AT_ONCE,
        headers: Callable[[str], str] = lambda _identity: "",
    ) -> None:
        """`per_second` paces all together; `headers` (lines with their ends) go with the handshake of an identity."""
        kind = PacedStation if per_second else Station
        self.run, self.per_second, self.at_once, self.headers = Run(), per_second, at_once, headers
        self.stations = [kind(self.run, number, script, prefix) for number in range(1, min(count, MAX_STATIONS) + 1)]

    async def open(self, url: str) -> None:
        """Connect all; returns when every station is ready."""
        wire.allow_many_sockets()
        gate = asyncio.Semaphore(self.at_once)

        async def one(station: Station) -> None:
            async with gate:
                await station.open(url, self.headers(station.identity))

        await asyncio.gather(*(one(station) for station in self.stations))
        await self._reached(lambda: self.run.ready + self.run.done, SETUP_S)
        if self.run.ready < len(self.stations):
            raise RuntimeError(f"only {self.run.ready} of {len(self.stations)} are ready: {dict(self.run.errors)}")

    def begin(self) -> None:
        now = time.perf_counter()
        for number, station in enumerate(self.stations):
            if isinstance(station, PacedStation):
                station.pace(len(self.stations) / self.per_second, now + number / self.per_second)
            else:
                station.proceed()

    async def drain(self) -> None:
        """Let every station bring its script to an end; what stays without an answer is an error."""
        self.run.going = False
        await self._reached(lambda: self.run.done, DRAIN_S)
        if missing := len(self.stations) - self.run.done:
            self.run.errors["no answer"] += missing

    async def close(self) -> None:
        for station in self.stations:
            station.finished = True
            if hasattr(station, "line") and not station.line.transport.is_closing():
                station.line.close()
        await asyncio.sleep(0.2)

    async def _reached(self, count: Callable[[], int], seconds: float) -> None:
        end = time.monotonic() + seconds
        while count() < len(self.stations) and time.monotonic() < end:
            await asyncio.sleep(0.02)


async def drive(
    url: str,
    mix: str,
    stations: int,
    seconds: float,
    warmup: float,
    at_edge: Callable[[], None] = lambda: None,
    *,
    per_second: float = 0,
    prefix: str = "BENCH",
) -> Result:
    """Run one mix and measure `seconds` of it; `at_edge` is called when the window opens and when it closes.

    With `per_second` the stations together send that many CALLs a second, evenly, and a latency counts from the moment
    its CALL was due; otherwise each sends the next one as soon as it has its answer.
    """
    fleet = Fleet(MIXES[mix], stations, prefix, per_second=per_second)
    run = fleet.run
    await fleet.open(url)
    gc.collect()
    gc.freeze()
    try:
        fleet.begin()
        await asyncio.sleep(warmup)
        at_edge()
        run.measuring, begun, cpu = True, time.perf_counter(), time.process_time()
        await asyncio.sleep(min(seconds, MAX_SECONDS))
        run.measuring, took, cpu = False, time.perf_counter() - begun, time.process_time() - cpu
        at_edge()
        await fleet.drain()
    finally:
        gc.unfreeze()
        await fleet.close()
    return _result(mix, stations, run, took, cpu)


def _result(mix: str, stations: int, run: Run, took: float, cpu: float) -> Result:
    ordered = sorted(run.latencies) or [0.0]
    return Result(
        mix=mix,
        stations=stations,
        seconds=round(took, 3),
        calls=len(run.latencies),
        calls_per_s=round(len(run.latencies) / took, 1),
        sessions_per_s=round(run.sessions / took, 1),
        p50_ms=round(ordered[len(ordered) // 2] * 1000, 2),
        p99_ms=round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
        generator_cores=round(cpu / took, 3),
        stored=dict(run.stored),
        errors=dict(run.errors),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="for example ws://127.0.0.1:8000/ocpp; the identity is appended")
    parser.add_argument("--mix", choices=MIXES, default="meter_values")
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warmup", type=float, default=2)
    parser.add_argument("--per-second", type=float, default=0, help="CALLs of all stations together; 0: what they can")
    given = parser.parse_args()
    wire.loopback(given.url)
    result = uvloop.run(
        drive(given.url, given.mix, given.stations, given.seconds, given.warmup, per_second=given.per_second)
    )
    print(json.dumps(asdict(result), indent=2))
    return 1 if result.errors else 0


if __name__ == "__main__":
    sys.exit(main())
