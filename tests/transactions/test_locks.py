"""What rows are locked for, and what is read once they are: two connections, so PostgreSQL only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection
from django.db import transaction as database
from django.utils import timezone

from stations import presence, rotation
from stations.models import ChargePoint, Command
from stations.presence import Line
from tests.conftest import make_station
from transactions import local_lists
from transactions.models import LocalList

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not connection.features.has_select_for_update, reason="locks rows on PostgreSQL only"),
]


def elsewhere(pool, act):
    """Run `act` on a connection of its own that waits for no lock longer than a second."""

    def run():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            return act()
        finally:
            connection.close()

    return pool.submit(run)


def connects(station: ChargePoint) -> None:
    process = presence.start_process("c")
    line = Line(
        gateway_id=process.pk,
        connection="1",
        protocol="ocpp1.6",
        remote_address="",
        subprotocol_missing=False,
        security_profile=0,
    )
    presence.connect(station.pk, line, at=timezone.now())


def speaks(station: ChargePoint) -> None:
    rotation.spoke(station.pk, credential_hash="", security_profile=0, at=timezone.now())


@pytest.mark.parametrize("act", [connects, speaks])
def test_a_station_that_comes_back_holds_up_nothing_that_is_stored_of_it(act):
    station = make_station()
    with ThreadPoolExecutor(1) as pool, database.atomic():
        act(station)
        elsewhere(pool, lambda: Command.objects.create(charge_point=station, action="Reset")).result(10)
    assert Command.objects.count() == 1


def test_a_list_s_command_is_the_one_it_has_when_the_lock_is_ours():
    station = make_station()
    first, second = (Command.objects.create(charge_point=station, action=f"A{number}") for number in range(2))
    LocalList.objects.create(charge_point=station, state="pending", command=first)
    begun = Event()

    def reads():
        begun.set()
        with database.atomic():
            return local_lists._locked(station.pk).command

    with ThreadPoolExecutor(1) as pool:
        with database.atomic():
            local_list = local_lists._locked(station.pk)
            read = elsewhere(pool, reads)
            assert begun.wait(5)
            Event().wait(0.3)  # until it waits for our lock
            local_list.command = second
            local_list.save()
        assert read.result(10) == second
