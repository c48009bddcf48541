"""Old messages and connection attempts are deleted by the clock, a moment's worth at a time."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone

from stations import services
from stations.models import ChargePoint, Message

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def small_bites(monkeypatch):
    monkeypatch.setattr(services, "PRUNE_CHUNK", 3)


def messages(*days_ago: float) -> None:
    charger, _new = ChargePoint.objects.get_or_create(identity="BAY-1")
    for days in days_ago:
        Message.objects.create(charge_point=charger, at=NOW - timedelta(days=days), direction="in", kind=2, text="[]")


def ages() -> list[int]:
    return [(NOW - at).days for at in Message.objects.order_by("pk").values_list("at", flat=True)]


def test_old_messages_go_and_young_ones_stay():
    messages(20, 19, 18, 17, 16, 15, 3, 2, 1)
    assert services.prune_messages(NOW - timedelta(days=14)) == 6
    assert ages() == [3, 2, 1]
    assert services.prune_messages(NOW - timedelta(days=14)) == 0


def test_a_young_message_among_old_ones_stays():
    """Two processes write: keys do not grow exactly with time."""
    messages(20, 1, 19, 2)
    assert services.prune_messages(NOW - timedelta(days=14)) == 2
    assert ages() == [1, 2]


def test_a_round_ends_in_time_and_the_next_one_goes_on(monkeypatch):
    """The other jobs of the clock wait for it: chargers of dead processes must be offline in time."""
    messages(*range(30, 21, -1))
    seconds = itertools.count()
    monkeypatch.setattr(services.time, "monotonic", lambda: next(seconds) * services.PRUNE_S * 1.5)
    rounds = [services.prune_messages(NOW - timedelta(days=14)) for _ in range(4)]
    assert rounds == [3, 3, 3, 0]
