"""What stations say of their sessions, however oddly, and all at once (F16, F22-F24, F27, F28, F30-F32, F38, F40)."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as dial

from bench import messages, rig, wire
from bench.messages import BOOT
from tests.hostile import CODES, bent_answers, bent_calls
from tests.our_commands import ACCEPTED, PAYLOADS

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign
from .stations import Line, LineLost, Pulse, Station

pytestmark = pytest.mark.faults

OPERATIONS = Path(rig.ROOT) / "docs" / "operations.md"
KEY = "00FF3A0304050607A0A1A2A3A4A5A6A7A8A9AAAB"
_minutes = count()


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(minutes: float) -> str:
    return stamp(datetime.now(UTC) - timedelta(minutes=minutes))


def start(connector_id: int, wh: int = 1000, **said: Any) -> dict[str, Any]:
    return {"connectorId": connector_id, "idTag": "CAFE", "meterStart": wh, "timestamp": ago(60), **said}


def stop(transaction_id: int, wh: int = 12_000, **said: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": wh, "timestamp": ago(5), **said}


def register(connector_id: int, transaction_id: int | None, wh: int, at: str) -> dict[str, Any]:
    """MeterValues with one reading of the register."""
    said = {} if transaction_id is None else {"transactionId": transaction_id}
    return {
        "connectorId": connector_id,
        **said,
        "meterValue": [{"timestamp": at, "sampledValue": [{"value": str(wh)}]}],
    }


async def switch_on(run: Campaign, numbers: Iterable[int]) -> list[Line]:
    stations = [Station(identity(number)) for number in numbers]
    return await asyncio.gather(*(station.switch_on(run.server.url) for station in stations))


async def spread(lines: list[Line], cases: int, case: Callable[[Line, int], Awaitable[Any]]) -> list[Any]:
    """The results of `case(line, number)` for so many numbers, one after the other on each line."""

    async def some(line: Line, numbers: range) -> list[Any]:
        return [await case(line, number) for number in numbers]

    each = await asyncio.gather(*(some(line, range(n, cases, len(lines))) for n, line in enumerate(lines)))
    return [result for results in each for result in results]


async def sessions(run: Campaign, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    columns = ("id", "ended_by", "energy_wh", "flags", "started_at", "stopped_at", "meter_stop_wh")
    rows = await run.query(f"SELECT {', '.join(columns)} FROM transactions_transaction")  # noqa: S608 - names only
    known = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    return {number: known[number] for number in ids}


async def number(run: Campaign, sql: str) -> int:
    return int((await run.query(sql))[0][0])


async def test_odd_sessions(campaign: NewCampaign) -> None:
    """F22, F23, F28, F30, F31: repeated, unknown, backwards, with wrong clocks, over a power cut."""
    async with campaign("F22, F23, F28, F30, F31 odd sessions") as run:
        lines = await switch_on(run, range(1, 11))
        # the last leaves orphans
        for part in (_repeated_stops, _wrong_clocks, _falling_meters, _power_cuts, _unknown_numbers):
            await part(run, lines)


async def _repeated_stops(run: Campaign, lines: list[Line]) -> None:
    cases, times = short_or_long((10, 5), (50, 10))

    async def case(line: Line, n: int) -> int:
        session = (await line.call("StartTransaction", start(100 + n)))["transactionId"]
        said = stop(session)
        for repeat in range(times):
            await line.call("StopTransaction", said, f"s{session}" if repeat % 2 else "")
        return session

    ended = await sessions(run, await spread(lines, cases, case))
    right = sum(row["ended_by"] == "station" and row["energy_wh"] == 11_000 for row in ended.values())
    run.promise(f"F22: {cases} stops said {times} times are stored once", right, right == cases == len(ended))
    run.zero("F22: orphans of repeated stops", await number(run, "SELECT count(*) FROM transactions_orphanedstop"))


def _clocks() -> dict[str, tuple[Callable[[datetime], str | None], str]]:
    """How each kind of clock writes a moment, and the flag that its sessions get."""
    return {
        "a day ahead": (lambda at: stamp(at + timedelta(days=1)), "clock_suspect"),
        "a day behind": (lambda at: stamp(at - timedelta(days=1)), ""),  # cannot be told from a queue
        "without a zone": (lambda at: stamp(at).removesuffix("Z"), ""),  # UTC, noted as a repair
        "of 1970": (lambda at: f"1970-01-01T00:{at.minute:02d}:{at.second:02d}Z", "clock_suspect"),
        "on 29 February": (lambda at: f"2024-02-29T12:{at.minute:02d}:{at.second:02d}Z", ""),
        "on a 29 February that was not": (lambda at: f"2025-02-29T12:{at.minute:02d}:00Z", "no_timestamp"),
        "in words": (lambda at: "half past eight", "no_timestamp"),
        "absent": (lambda at: None, "no_timestamp"),
    }


async def _wrong_clocks(run: Campaign, lines: list[Line]) -> None:
    kinds, times = list(_clocks().items()), short_or_long(3, 20)

    async def case(line: Line, n: int) -> tuple[int, str]:
        write, flag = kinds[n % len(kinds)][1]
        times_said = [write(datetime.now(UTC) - timedelta(minutes=minutes)) for minutes in (2, 1)]
        said = [{"timestamp": text} if text is not None else {} for text in times_said]
        begin = {key: value for key, value in start(200 + n, n).items() if key != "timestamp"} | said[0]
        session = (await line.call("StartTransaction", begin))["transactionId"]
        end = {key: value for key, value in stop(session, n + 500).items() if key != "timestamp"} | said[1]
        await line.call("StopTransaction", end)
        return session, flag

    expected = dict(await spread(lines, len(kinds) * times, case))
    ended = await sessions(run, expected)
    run.zero("F28: not closed", sum(row["ended_by"] != "station" for row in ended.values()), len(ended))
    backwards = sum(row["stopped_at"] < row["started_at"] for row in ended.values())
    run.zero("F28: of negative duration", backwards, len(ended))
    run.zero("F28: with another energy", sum(row["energy_wh"] != 500 for row in ended.values()), len(ended))
    unlike = {n: row["flags"] for n, row in ended.items() if (expected[n] in row["flags"]) != bool(expected[n])}
    odd = [n for n, row in ended.items() if not expected[n] and {"clock_suspect", "no_timestamp"} & set(row["flags"])]
    run.promise(
        "F28: flagged as their clocks deserve", {**unlike, **dict.fromkeys(odd)} or "all", not unlike and not odd
    )
    repairs = await number(run, "SELECT count(*) FROM stations_repair WHERE rule = 'time_without_zone'")
    run.promise("F28: times without a zone are noted", f"{repairs} repairs", repairs > 0)


async def _falling_meters(run: Campaign, lines: list[Line]) -> None:
    cases = short_or_long(10, 50)

    async def case(line: Line, n: int) -> tuple[int, str]:
        connector_id = 400 + n
        session = (await line.call("StartTransaction", start(connector_id, 5000)))["transactionId"]
        if n % 2:
            await line.call("StopTransaction", stop(session, 4000))
            return session, "meter_lower"
        for minutes, wh in ((50, 6000), (40, 10), (30, 400)):
            await line.call("MeterValues", register(connector_id, session, wh, ago(minutes)))
        await line.call("StopTransaction", stop(session, 500))
        return session, "meter_"

    expected = dict(await spread(lines, cases, case))
    ended = await sessions(run, expected)
    run.zero("F30: not closed", sum(row["ended_by"] != "station" for row in ended.values()), cases)
    run.zero("F30: of negative energy", sum(row["energy_wh"] < 0 for row in ended.values()), cases)
    unflagged = sum(not any(flag.startswith(expected[n]) for flag in row["flags"]) for n, row in ended.items())
    run.zero("F30: without a flag", unflagged, cases)


async def _power_cuts(run: Campaign, lines: list[Line]) -> None:
    cases = short_or_long(10, 100)
    begun = await spread(
        lines, cases, lambda line, n: _id_of(line.call("StartTransaction", start(600 + n, timestamp=ago(30 + n))))
    )
    for line in lines:
        line.cut()
    lines[:] = await asyncio.gather(*(line.station.switch_on(run.server.url) for line in lines))
    open_after = sum(row["ended_by"] == "" for row in (await sessions(run, begun)).values())
    run.promise("F31: a boot alone ends no session", f"{open_after} of {cases} run on", open_after == cases)

    order = [n for first in range(len(lines)) for n in range(first, cases, len(lines))]
    of_case = dict(zip(order, begun, strict=True))

    async def goes_on(line: Line, n: int) -> None:
        if n % 2:
            await line.call("StopTransaction", stop(of_case[n]))
        else:
            await line.call("StartTransaction", start(600 + n, 7000, timestamp=ago(1)))

    await spread(lines, cases, goes_on)
    ended = await sessions(run, begun)
    stopped = sum(ended[of_case[n]]["ended_by"] == "station" for n in range(cases) if n % 2)
    left = [ended[of_case[n]] for n in range(cases) if not n % 2]
    superseded = sum(row["ended_by"] == "superseded" and "stop_missing" in row["flags"] for row in left)
    run.promise("F31: a stop after the boot closes its session", stopped, stopped == cases // 2)
    run.promise("F31: the next start ends what was left, flagged", superseded, superseded == len(left))


async def _id_of(answer: Awaitable[dict[str, Any]]) -> int:
    return int((await answer)["transactionId"])


async def _unknown_numbers(run: Campaign, lines: list[Line]) -> None:
    cases = short_or_long(20, 200)

    async def case(line: Line, n: int) -> None:
        for unknown in (1_000_000_000 + n, -1):
            said = stop(unknown, idTag="NOBODY", timestamp=ago(1000 + n))
            await line.call("StopTransaction", said)
            await line.call("MeterValues", register(900 + n, unknown, n, ago(1000 + n + (unknown < 0) / 2)))

    await spread(lines, cases, case)
    orphans = await number(run, "SELECT count(*) FROM transactions_orphanedstop")
    run.promise("F23: stops of unknown sessions are kept", f"{orphans} of {2 * cases}", orphans == 2 * cases)
    readings = await run.query(
        "SELECT v.reported_transaction_id FROM transactions_metervalue v "
        "JOIN stations_connector c ON c.id = v.connector_id WHERE c.connector_id >= 900"
    )
    numbers = sum(said == str(1_000_000_000 + n) for (said,) in readings for n in range(cases))
    run.promise("F23: their readings are kept", f"{len(readings)} of {2 * cases}", len(readings) == 2 * cases)
    run.promise("F23: with the number said, if it was one", f"{numbers} of {cases}", numbers == cases)


async def test_f24_queues_replayed(campaign: NewCampaign) -> None:
    """Stations that were away say at full speed what they kept, while others only want to be heard."""
    stations, each = short_or_long((5, 200), (20, 1000))
    async with campaign("F24 queues replayed at full speed") as run:
        *lines, other = await switch_on(run, range(1, stations + 2))
        pulse = Pulse(other)
        beating = asyncio.create_task(pulse.beat())
        begun = time.monotonic()
        ids = await asyncio.gather(*(_replay(line, each) for line in lines))
        took_s = time.monotonic() - begun
        beating.cancel()
        p99_s = pulse.p99_s()
        run.promise("all delivered ≤ 60 s", f"{took_s:.1f} s", took_s <= 60)
        run.promise("Heartbeat p99 of another station ≤ 1 s", f"{p99_s:.3f} s", p99_s <= 1)
        rows = await run.query(
            "SELECT transaction_id, energy_wh FROM transactions_metervalue WHERE energy_wh IS NOT NULL ORDER BY id"
        )
        of_session = {session: [wh for known, wh in rows if known == session] for session in ids}
        expected = list(range(1, each - 1))
        wrong = sum(list(dict.fromkeys(found)) != expected for found in of_session.values())
        run.zero("stations whose readings are not there once, in order", wrong, stations)
        ended = await sessions(run, ids)
        run.zero("sessions with another energy", sum(row["energy_wh"] != each for row in ended.values()), stations)
        run.tell(f"{stations} × {each} messages in {took_s:.1f} s; Heartbeat p99 of others {p99_s * 1000:.0f} ms")


async def _replay(line: Line, messages_each: int) -> int:
    """A session of so many messages, long ago; returns its id."""
    begun = datetime.now(UTC) - timedelta(days=2)
    moments = [stamp(begun + timedelta(seconds=second)) for second in range(messages_each)]
    session = int((await line.call("StartTransaction", start(1, 0, timestamp=moments[0])))["transactionId"])
    for wh, at in enumerate(moments[1:-1], 1):
        await line.call("MeterValues", register(1, session, wh, at))
    await line.call("StopTransaction", stop(session, messages_each, timestamp=moments[-1]))
    return session


async def test_f27_first_words_together(campaign: NewCampaign) -> None:
    """Stations that nobody knew say all their connectors in one breath, on two processes."""
    rounds, stations = short_or_long((2, 40), (20, 200))
    async with campaign("F27 first messages together", servers=2, UNKNOWN_CHARGE_POINTS="accept") as run:
        fresh = (Station(f"FRESH-{n}") for n in count())
        errors: Counter[str] = Counter()
        for _ in range(rounds):
            new = [next(fresh) for _ in range(stations)]
            lines = await asyncio.gather(*(station.switch_on(run.servers[n % 2].url) for n, station in enumerate(new)))
            said = [(line, messages.status(n, "Available", 1_760_000_000_000)) for line in lines for n in range(3)]
            answers = await asyncio.gather(*(line.begin("StatusNotification", status) for line, status in said))
            errors.update(str(answer[2]) for answer in answers if answer[0] == 4)
            for station in new:
                station.leave()
        run.zero("CALLERRORs", errors.total(), rounds * stations * 3)
        counts = await run.query(
            "SELECT s.identity, count(c.id) FROM stations_chargepoint s LEFT JOIN stations_connector c "
            "ON c.charge_point_id = s.id WHERE substr(s.identity, 1, 6) = 'FRESH-' GROUP BY s.identity"
        )
        wrong = [row for row in counts if row[1] != 3]
        run.promise("stations with exactly three connectors", f"{len(counts) - len(wrong)}", not wrong)
        run.promise("stations known", f"{len(counts)}", len(counts) == rounds * stations)
        run.tell(f"{rounds} rounds of {stations} stations")


SET_KEYS = """
from stations.credentials import hashed
from stations.models import ChargePoint
kind, stored = hashed("{key}")
ChargePoint.objects.update(credential_kind=kind, credential_hash=stored, security_profile=1)
"""


async def test_f16_everybody_at_once(campaign: NewCampaign) -> None:
    """All stations come back to a server that has just started, each with its password."""
    stations, within_s = short_or_long((300, 10), (1000, 20))
    async with campaign("F16 stations back at the same moment") as run:
        run.manage("shell", "-c", SET_KEYS.format(key=KEY))
        run.server.kill()
        await run.start()
        wire.allow_many_sockets()
        begun = time.monotonic()
        booted = await asyncio.gather(*(_boots(run, identity(n)) for n in range(1, stations + 1)))
        took_s = time.monotonic() - begun
        run.promise("handshakes without an error", f"{sum(booted)} of {stations}", all(booted))
        run.promise(f"all booted ≤ {within_s} s", f"{took_s:.1f} s", took_s <= within_s)
        run.tell(f"{stations} stations with passwords booted in {took_s:.1f} s")


async def _boots(run: Campaign, name: str) -> bool:
    pair = base64.b64encode(name.encode() + b":" + bytes.fromhex(KEY)).decode()
    answered = asyncio.get_running_loop().create_future()
    headers = f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {pair}\r\n"
    try:
        line = await wire.connect(
            run.server.url, name, lambda text: answered.done() or answered.set_result(text), lambda _: None, 10, headers
        )
    except (wire.HandshakeError, OSError):
        return False
    line.send(messages.call("1", "BootNotification", BOOT))
    async with asyncio.timeout(30):
        text = await answered
    line.transport.abort()
    return b'"Accepted"' in text


async def test_f32_numbers_are_never_given_again(campaign: NewCampaign) -> None:
    """Over kills, and over an older backup that was restored as docs/operations.md says."""
    kills, starts = short_or_long((2, 150), (20, 5000))
    async with campaign("F32 numbers of sessions") as run:
        given: list[int] = []
        for kill in range(kills):
            given += await _many_starts(run, starts)
            if kill == kills // 2:
                dump = await asyncio.to_thread(run.postgres.dump, run.database_url)
            under_way = asyncio.create_task(_many_starts(run, starts))
            await asyncio.sleep(random.uniform(0.05, 0.3))
            run.server.kill()
            given += await under_way
            await run.start(run.server)
        given += await _many_starts(run, starts)
        url = await asyncio.to_thread(run.postgres.restore, dump, "older")
        await asyncio.to_thread(_step_over, url)
        server = run.new_server(DATABASE_URL=url)
        await run.start(server)
        run.servers.append(server)
        after = await _many_starts(run, 10, server.url)
        run.zero("numbers given twice", len(given) + len(after) - len({*given, *after}), len(given) + len(after))
        run.promise("all positive and below 2³¹", f"{min(given)}…{max(after)}", min(given) > 0 and max(after) < 2**31)
        run.promise("after the backup", f"{min(after)}, before {max(given)}", min(after) > max(given) + 1000)
        run.tell(f"{len(given) + len(after):,} starts, {kills} kills, one older backup")


async def _many_starts(run: Campaign, starts: int, url: str = "") -> list[int]:
    """Numbers of sessions begun on ten stations until the line is lost."""

    async def some(n: int) -> list[int]:
        given: list[int] = []
        try:
            line = await Station(identity(n)).switch_on(url or run.server.url)
            for _ in range(max(1, starts // 10)):
                moment = stamp(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(_minutes)))
                given.append((await line.call("StartTransaction", start(1, timestamp=moment)))["transactionId"])
            line.cut()
        except (LineLost, ConnectionError, OSError, wire.HandshakeError, RuntimeError):
            pass
        return given

    return [number for numbers in await asyncio.gather(*(some(n) for n in range(1, 11))) for number in numbers]


def _step_over(url: str) -> None:
    """The statement of the handbook for PostgreSQL."""
    text = OPERATIONS.read_text()
    statement = text[text.index("SELECT setval(") :].partition(";")[0]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_f38_a_day_in_minutes(campaign: NewCampaign) -> None:
    """Many messages: memory stays flat, and the last are answered as quickly as the first."""
    total, stations = short_or_long((6000, 20), (1_000_000, 50))
    async with campaign("F38 many messages") as run:
        lines = await switch_on(run, range(1, stations + 1))
        sessions_of = {line: (await line.call("StartTransaction", start(1, 0)))["transactionId"] for line in lines}
        parts, rss_mb, p99_ms = 10, [], []
        clock = messages.Clock()

        async def part(line: Line) -> list[float]:
            took = []
            for _ in range(total // parts // stations):
                at = clock.tick()
                begun = time.monotonic()
                await line.call("MeterValues", register(1, sessions_of[line], at % 10**9, messages.iso(at).decode()))
                took.append(time.monotonic() - begun)
            return took

        for _ in range(parts):
            took = sorted(value for values in await asyncio.gather(*map(part, lines)) for value in values)
            p99_ms.append(took[int(len(took) * 0.99)] * 1000)
            rss_mb.append(rig.rss_bytes(run.server.pid) / 1e6)
        warm, last = max(rss_mb[1:4]), rss_mb[-1]
        run.promise("memory is flat after the warm-up", f"{warm:.0f} → {last:.0f} MB", last <= warm + 5)
        first_ms, last_ms = min(p99_ms[:3]), min(p99_ms[-3:])
        run.promise("p99 stays", f"{first_ms:.0f} → {last_ms:.0f} ms", last_ms <= 1.5 * first_ms + 20)
        stored = await number(run, "SELECT count(*) FROM transactions_metervalue")
        run.promise("every one is stored", f"{stored:,}", stored == total // parts // stations * stations * parts)
        running = await number(run, "SELECT count(*) FROM transactions_transaction WHERE ended_by = ''")
        run.promise("running sessions are the stations'", running, running == stations)
        run.tell(f"{stored:,} messages; memory {warm:.0f} → {last:.0f} MB; p99 {first_ms:.0f} → {last_ms:.0f} ms")


class Hostile:
    """A station that says what it likes on one socket and tells what comes back."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self._numbers = socket, count(1)

    def say(self, text: str, unique_id: str = "") -> set[str]:
        """The codes of what answers it, RESULT for a CALLRESULT; ends behind a Heartbeat of its own."""
        n = next(self._numbers)
        self.socket.send(text.replace("#", unique_id or f"h{n}"))
        self.socket.send(f'[2,"fence{n}","Heartbeat",{{}}]')
        codes = set()
        while (frame := self.hear())[1] != f"fence{n}":
            codes.add("RESULT" if frame[0] == 3 else frame[2])
        return codes

    def hear(self) -> list[Any]:
        return list(json.loads(self.socket.recv(timeout=30)))


# pings of the lines beside it, in another thread, use `random` while Hypothesis draws
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_f40_hostile_frames(campaign: NewCampaign) -> None:
    """Bent frames of every action, both ways: each is answered rightly or not at all, and the socket stays."""
    calls, answers = short_or_long((250, 25), (20_000, 2_000))
    harshly = settings(max_examples=calls, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    async with campaign("F40 hostile frames") as run:
        # no swarm: some bent frames are good ones, and no ledger knows their sessions
        pulses = [Pulse(line) for line in await switch_on(run, range(1, 6))]
        beating = asyncio.gather(*(pulse.beat() for pulse in pulses))
        url = f"{run.server.url}/{identity(900)}"
        with dial(url, subprotocols=["ocpp1.6"], max_size=None, compression=None) as socket:  # type: ignore[list-item]
            station = Hostile(socket)
            station.say('[2,"#","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"Light"}]')

            @harshly
            @given(text=bent_calls())
            def said(text: str) -> None:
                assert station.say(text) <= {"RESULT", *CODES}

            await asyncio.to_thread(said)
            loop = asyncio.get_running_loop()

            @settings(harshly, max_examples=answers)
            @given(action=st.sampled_from(sorted(ACCEPTED)), data=st.data())
            def answered(action: str, data: st.DataObject) -> None:
                # drawn first: an example too long for Hypothesis ends here, and leaves no CALL without an answer
                bent = data.draw(bent_answers(ACCEPTED[action]))
                order = run.operator.command(identity(900), action, PAYLOADS[action])
                asyncio.run_coroutine_threadsafe(order, loop).result(60)
                while (frame := station.hear())[0] != 2:
                    pass
                assert station.say(bent, frame[1]) <= {"RESULT", *CODES}
                station.say(f'[4,"{frame[1]}","GenericError","",{{}}]')  # if that was none, the next need not wait

            await asyncio.to_thread(answered)
        run.promise("the others are on the line", "lost" if beating.done() else "all five", not beating.done())
        beating.cancel()
        p99_s = max(pulse.p99_s() for pulse in pulses)
        run.promise("Heartbeat p99 of the others ≤ 1 s", f"{p99_s:.3f} s", p99_s <= 1)
        # readiness is asked until it is there
        logged = run.server.log.read_text().splitlines()
        complaints = [line for line in logged if "[error" in line and "/readyz" not in line]
        run.zero(f"errors logged {complaints[:3]}", len(complaints))
        run.tell(f"{calls:,} bent CALLs, {answers:,} bent answers on one socket")
