"""How reservations end without a message of their own (§5.13)."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from stations.connectors import get_connector
from tests.conftest import make_station
from transactions.models import Reservation

from .speech import shows, starts


@pytest.fixture
def reserved(station):
    """`reservation = await reserved(connector)`: for CAFE, until in an hour."""

    def reserve(connector_id):
        connector = get_connector(station.pk, connector_id)
        expires_at = timezone.now() + timedelta(hours=1)
        return Reservation.objects.create(connector=connector, id_tag="CAFE", expires_at=expires_at)

    return sync_to_async(reserve)


@pytest.mark.parametrize("connector", [0, 1])
async def test_the_reserved_tag_charges(cp, tag, stored, reserved, connector):
    reservation = await reserved(connector)
    number = await starts(cp, reservationId=reservation.pk)
    await stored(reservation.refresh_from_db)
    assert (reservation.status, reservation.transaction_id) == ("used", number)


@pytest.mark.parametrize("status", ["Faulted", "Unavailable"])
async def test_a_connector_out_of_order_keeps_nothing(cp, stored, reserved, status):
    reservation = await reserved(1)
    await shows(cp, status)
    await stored(reservation.refresh_from_db)
    assert (reservation.status, reservation.ended_at is not None) == ("ended", True)


async def test_a_station_out_of_order_keeps_nothing(cp, stored, reserved):
    rows = [await reserved(connector) for connector in (0, 1, 2)]
    await shows(cp, "Faulted", connector=0)
    for row in rows:
        await stored(row.refresh_from_db)
    assert {row.status for row in rows} == {"ended"}


async def test_another_connector_is_another_matter(cp, stored, reserved):
    reservation = await reserved(1)
    await shows(cp, "Faulted", connector=2)
    await shows(cp, "Reserved", connector=1)
    await stored(reservation.refresh_from_db)
    assert reservation.status == "active"


async def test_an_old_fault_ends_no_reservation(cp, stored, reserved):
    await shows(cp, "Available")
    reservation = await reserved(1)
    await shows(cp, "Faulted", timestamp="2025-06-01T12:00:00Z")
    await stored(reservation.refresh_from_db)
    assert reservation.status == "active"


async def test_a_reservation_of_another_station_stays(tag, stored, reserved, connect):
    reservation = await reserved(1)
    await sync_to_async(make_station)("CP2")
    await starts(await connect("CP2"), reservationId=reservation.pk)
    await stored(reservation.refresh_from_db)
    assert reservation.status == "active"


async def test_a_free_connector_tells_that_its_time_is_over(cp, stored, reserved, station):
    past, running, station_wide = [await reserved(connector) for connector in (1, 2, 0)]
    over = timezone.now() - timedelta(seconds=5)
    await stored(lambda: Reservation.objects.exclude(pk=running.pk).update(expires_at=over))
    await shows(cp, "Reserved")
    for connector in (1, 2):
        await shows(cp, "Available", connector=connector)
    for row in (past, running, station_wide):
        await stored(row.refresh_from_db)
    assert [row.status for row in (past, running, station_wide)] == ["expired", "active", "active"]
    assert past.ended_at > over
