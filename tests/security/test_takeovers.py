"""Two addresses that take a charger's line from each other: S28 (docs/threat-model.md)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from people.access import access_of
from screens.overview.attention import concerns
from stations import presence, takeovers
from stations.models import ChargePoint, GatewayProcess, LineSwap, SecurityEvent
from tests.people import person

HOME, ELSEWHERE = "192.168.1.57", "203.0.113.9"


async def events(stored) -> list[tuple[str, str]]:
    return await stored(lambda: list(SecurityEvent.objects.values_list("type", "tech_info")))


async def test_an_alarm_after_four_swaps_in_a_minute(station, connect, stored):
    for address in (HOME, ELSEWHERE, HOME, ELSEWHERE):
        assert (await connect(address=address)).status == 101
    assert await events(stored) == []
    last = await connect(address=HOME)
    words = f"its line changed hands 4 times within a minute: {HOME}, {ELSEWHERE}"
    assert await events(stored) == [("LineContested", words)]
    assert await stored(lambda: SecurityEvent.objects.get().is_critical)
    assert await last.call("Heartbeat")  # the newest has the line, whoever it is
    for address in (ELSEWHERE, HOME, ELSEWHERE):
        await connect(address=address)
    assert len(await events(stored)) == 1  # it is not said at each swap

    def shown(who: str) -> list[tuple[str, str]]:
        return [
            (concern.subject, concern.url) for concern in concerns(access_of(person(who))) if "take" in concern.text
        ]

    url = f"/chargers/{station.pk}/?tab=security"
    assert await stored(lambda: shown("operator")) == [("CP1", url)]
    await stored(lambda: SecurityEvent.objects.update(received_at=timezone.now() - timedelta(days=2)))
    assert await stored(lambda: shown("operator")) == []


async def test_swaps_at_two_processes_are_counted_together(station, gateway, stored):
    """What one process saw is in rows: another one's swaps add up with it."""
    await gateway.registered()

    def swap(address: str, number: int) -> None:
        process = presence.start_process(f"gateway.{number}")
        line = presence.Line(
            gateway_id=process.pk,
            connection=f"{number}",
            protocol="ocpp1.6",
            remote_address=address,
            subprotocol_missing=False,
            security_profile=0,
        )
        with transaction.atomic():
            former = presence.connect(station.pk, line, at=timezone.now())
            if former and former != address:
                takeovers.note_swap(station, old_address=former, new_address=address, at=timezone.now())

    for number, address in enumerate((HOME, ELSEWHERE) * 3):
        await sync_to_async(swap)(address, number)
    assert [kind for kind, _words in await events(stored)] == ["LineContested"]


@pytest.mark.parametrize(
    "addresses",
    [
        [HOME] * 8,
        [HOME, ELSEWHERE, HOME, ELSEWHERE],
        [f"100.64.0.{number}" for number in range(8)],  # a mobile network that gives it a new one each time
    ],
)
async def test_a_bad_line_is_no_alarm(station, connect, stored, addresses):
    for address in addresses:
        await connect(address=address)
    assert await events(stored) == []


async def test_slow_swaps_are_no_alarm(station, connect, stored):
    for address in (HOME, ELSEWHERE) * 4:
        await connect(address=address)
        await stored(lambda: LineSwap.objects.update(at=timezone.now() - timedelta(minutes=2)))
    assert await events(stored) == []


async def test_who_was_gone_is_not_swapped(station, connect, stored):
    for address in (HOME, ELSEWHERE) * 3:
        await (await connect(address=address)).disconnect()
        await stored(lambda: None)
    assert await stored(LineSwap.objects.count) == 0


async def test_the_line_of_a_dead_process_is_not_swapped(station, connect, stored):
    await connect(address=HOME)
    await stored(lambda: GatewayProcess.objects.update(beat_at=timezone.now() - timedelta(minutes=1)))
    await connect(address=ELSEWHERE)
    assert await stored(LineSwap.objects.count) == 0


def test_swaps_are_forgotten(db):
    charge_point = ChargePoint.objects.create(identity="CP1")
    for hours in (0, 2):
        at = timezone.now() - timedelta(hours=hours)
        LineSwap.objects.create(charge_point=charge_point, at=at, old_address=HOME, new_address=ELSEWHERE)
    assert takeovers.prune(timezone.now()) == 1
    assert LineSwap.objects.count() == 1
