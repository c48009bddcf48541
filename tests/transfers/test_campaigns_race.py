"""Two server processes advance the same campaign at the same moment, while its stations speak."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from stations.commands import SYSTEM
from stations.models import ChargePoint, Command, CommandStatus, GatewayProcess
from stations.write_batch import Names, write_batch
from tests.conftest import make_station
from transfers import campaign_steps, campaigns, deadlines, updates
from transfers.models import FirmwareUpdate
from transfers.progress import saw_boot, saw_progress

from .firmware import make_firmware

pytestmark = pytest.mark.django_db(transaction=True)
State = FirmwareUpdate.State
TOGETHER = 4


def at_the_same_moment(*acts: Callable[[], Any]) -> list[Any]:
    """Run the acts in threads of their own, started together."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait(10)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def fleet(count: int) -> list[ChargePoint]:
    process = GatewayProcess.objects.create(channel="nobody", host="h", pid=1)
    return [make_station(f"CP{number:02}", gateway=process, connection=f"s{number}") for number in range(count)]


def advance() -> int:
    return campaign_steps.advance_all(timezone.now())


def test_nobody_is_begun_twice_or_too_many():
    stations = fleet(10)
    campaign = campaigns.start_campaign(stations, make_firmware(), origin=SYSTEM, name="Spring", at_once=4)
    at_the_same_moment(*[advance] * TOGETHER)
    assert Command.objects.count() == 4
    assert campaign.updates.exclude(state=State.WAITING).count() == 4
    assert Command.objects.values("charge_point").distinct().count() == 4


def test_the_same_key_at_the_same_moment():
    (station,) = fleet(1)
    firmware = make_firmware()
    begun = at_the_same_moment(
        *[lambda: updates.begin_update(station, firmware, idempotency_key="k").pk] * TOGETHER,
    )
    assert len(set(begun)) == 1
    assert Command.objects.count() == 1


def test_words_boots_and_the_clock_at_once():
    """Whoever comes first: every station has its end, and nobody waits for somebody who waits for him."""
    stations = fleet(8)
    campaign = campaigns.start_campaign(stations, make_firmware(), origin=SYSTEM, name="Spring", at_once=8)
    advance()
    Command.objects.update(status=CommandStatus.ACCEPTED, sent_at=timezone.now(), closed_at=timezone.now())

    def they_boot() -> None:
        names = [Names(station.pk, "BootNotification") for station in reversed(stations)]
        with transaction.atomic(), write_batch(names):
            for station in reversed(stations):
                ChargePoint.objects.filter(pk=station.pk).update(firmware_version="4.3.1")
                saw_boot(station, at=timezone.now())

    def they_speak() -> None:
        for station in stations:
            saw_progress(station, kind="firmware", status="Installing", request_id=None, at=timezone.now())

    at_the_same_moment(they_boot, they_speak, advance, lambda: deadlines.check(timezone.now()))
    advance()
    campaign.refresh_from_db()
    assert campaign.is_over
    assert set(campaign.updates.values_list("state", flat=True)) == {State.INSTALLED}
