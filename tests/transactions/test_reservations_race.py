"""A reservation ends once, even if two want its end at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from stations.connectors import get_connector
from stations.models import ChargePoint
from tests.conftest import make_station
from transactions import services
from transactions.models import IdTag, Reservation

from .conftest import one_batch

pytestmark = pytest.mark.django_db(transaction=True)
TRIES = 8


def at_once(*acts):
    """Run the acts in threads of their own, started together; returns their results."""
    start = Barrier(len(acts))

    def run(act):
        try:
            start.wait(10)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def starts(station: ChargePoint, at, meter_start_wh):
    with one_batch([station]):
        transaction, _verdict = services.start_transaction(
            station,
            connector_id=1,
            id_tag="CAFE",
            tag_too_long=False,
            meter_start_wh=meter_start_wh,
            timestamp=at,
            reservation_id=None,
            received_at=timezone.now(),
        )
    return transaction.pk


@pytest.mark.parametrize("minutes", [-2, 60])
def test_a_start_and_an_expiry(minutes):
    """Used in the end, whoever came first."""
    IdTag.objects.create(id_tag="CAFE")
    station, now = make_station(), timezone.now()
    connector = get_connector(station.pk, 1)
    end = now + timedelta(minutes=minutes)
    for number in range(TRIES):
        reservation = Reservation.objects.create(connector=connector, id_tag="CAFE", expires_at=end)
        Reservation.objects.filter(pk=reservation.pk).update(created_at=now - timedelta(hours=1))
        started, expired = at_once(
            lambda number=number: starts(station, now - timedelta(minutes=5), number),
            lambda: services.end_expired_reservations(now),
        )
        reservation.refresh_from_db()
        assert (reservation.status, reservation.transaction_id) == ("used", started)
        assert expired in ((0, 1) if minutes < 0 else (0,))


def test_two_clocks_at_once():
    connector = get_connector(make_station().pk, 1)
    long_ago = timezone.now() - timedelta(hours=1)
    for _ in range(TRIES):
        Reservation.objects.create(connector=connector, id_tag="CAFE", expires_at=long_ago)
        counts = at_once(*[lambda: services.end_expired_reservations(timezone.now())] * 2)
        assert sum(counts) == 1
