"""StartTransactions that come again: their answer was lost, or they arrive at two gateways at once (F20, F21)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bench import messages

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign
from .proxy import Proxy
from .stations import LineLost, Station

pytestmark = pytest.mark.faults

STARTS = """
SELECT s.identity, t.id, t.id_tag, t.meter_start_wh, t.ended_by FROM transactions_transaction t
JOIN stations_connector c ON c.id = t.connector_id JOIN stations_chargepoint s ON s.id = c.charge_point_id
"""


class Clock(messages.Clock):
    def start(self, number: int) -> dict[str, Any]:
        return messages.start(1, f"CARD{number:04d}", number * 10, self.tick())


async def test_f20_answer_to_the_start_lost(campaign: NewCampaign) -> None:
    """The line breaks just before the answer: the station calls again and gets the same transaction, accepted."""
    count = short_or_long(30, 200)
    clock = Clock()
    async with campaign("F20 answer to StartTransaction lost", servers=2) as run, AsyncExitStack() as stack:
        breaking = [
            await stack.enter_async_context(Proxy(server.port, cut_before=lambda chunk: b"transactionId" in chunk))
            for server in run.servers
        ]

        async def begin(number: int) -> bool:
            """Lose one or two answers, then have one: whether it is right."""
            station, request = Station(identity(number)), clock.start(number)
            for attempt in range(1 + number % 2):
                line = await station.connect(breaking[(number + attempt) % 2].url)
                with pytest.raises(LineLost):
                    await line.begin("StartTransaction", request)
            line = await station.connect(run.servers[number // 2 % 2].url)
            answer = await line.call("StartTransaction", request, unique_id=f"again-{number}")
            again = await line.call("StartTransaction", request, unique_id=f"and-again-{number}")
            await line.call("MeterValues", _reading(answer["transactionId"], number * 10 + 5, clock.tick()))
            await line.call(
                "StopTransaction",
                messages.stop(answer["transactionId"], request["idTag"], number * 10 + 7, clock.tick()),
            )
            rows = [row[1:] for row in await run.query(STARTS) if row[0] == station.identity]
            station.leave()
            right = (answer["transactionId"], request["idTag"], number * 10, "station")
            return answer == again and answer["idTagInfo"]["status"] == "Accepted" and rows == [right]

        right = 0
        for first in range(1, count + 1, 20):
            numbers = range(first, min(first + 20, count + 1))
            right += sum(await asyncio.gather(*(begin(number) for number in numbers)))
        lost = sum(proxy.cuts for proxy in breaking)
        run.promise("one row, the same id, Accepted, stopped once", f"{right} of {count}", right == count)
        run.promise("answers were lost", f"{lost}", lost >= count)
        await _energy(run, 7 * count)
        run.tell(f"{lost} answers lost on the way to {count} stations, {right} sessions")


def _reading(transaction_id: int, wh: int, at_ms: int) -> dict[str, Any]:
    sampled = [{"value": f"{wh}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
    value = {"timestamp": messages.iso(at_ms).decode(), "sampledValue": sampled}
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}


async def _energy(run: Campaign, expected_wh: int) -> None:
    [(stored_wh,)] = await run.query("SELECT coalesce(sum(energy_wh), 0) FROM transactions_transaction")
    run.promise("energy equal to the Wh", f"{expected_wh} sent, {stored_wh} stored", stored_wh == expected_wh)


async def test_f21_the_same_start_at_two_gateways(campaign: NewCampaign) -> None:
    """A station with two living lines, for nobody rings the bell, says the same on both at the same moment."""
    rounds = short_or_long(60, 500)
    clock = Clock()
    async with campaign("F21 the same start at two gateways", servers=2) as run:
        assert run.redis is not None
        run.redis.kill()
        both = equal = 0

        async def race(number: int) -> None:
            nonlocal both, equal
            station, request = Station(identity(number)), clock.start(number)
            lines = [await station.connect(server.url) for server in run.servers]
            barrier = [
                line.begin("StartTransaction", request, f"start-{number}-{port}") for port, line in enumerate(lines)
            ]
            answers = await asyncio.gather(*barrier, return_exceptions=True)
            frames = [answer for answer in answers if isinstance(answer, list)]
            assert frames
            assert all(frame[0] == 3 for frame in frames), frames
            both += len(frames) == 2
            equal += len({str(frame[2]) for frame in frames}) == 1 and frames[0][2]["idTagInfo"]["status"] == "Accepted"
            station.leave()

        for first in range(1, rounds + 1, 10):
            await asyncio.gather(*(race(number) for number in range(first, min(first + 10, rounds + 1))))
        rows = await run.query(STARTS)
        run.promise("one row each", f"{len(rows)} of {rounds}", len(rows) == len({row[0] for row in rows}) == rounds)
        run.promise("the same answer, Accepted", f"{equal} of {rounds}", equal == rounds)
        run.promise("most stations had both answers", f"{both} of {rounds}", both > rounds / 2)
        run.tell(f"{rounds} starts at two processes at once, {both} answered by both, {len(rows)} rows")
