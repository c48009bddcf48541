"""What a reserved connector lets nobody else do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator import Habits, NotPossible, live

from .central_system import call


@pytest.fixture
def reserve(central, cp):
    async def reserve(connector_id=1, id_tag="CAFE", number=55, within_s=600.0, parent=None) -> str:
        expiry = (cp.pace.now() + timedelta(seconds=within_s)).isoformat()
        request = call.ReserveNow(
            connector_id=connector_id,
            expiry_date=expiry,
            id_tag=id_tag,
            reservation_id=number,
            parent_id_tag=parent,
        )
        return (await central.sends("SIM-1", request)).status

    return reserve


async def test_the_right_card_uses_it(central, cp, reserve):
    assert await reserve() == "Accepted"
    await central.hears("StatusNotification", connectorId=1, status="Reserved")
    with pytest.raises(NotPossible, match="reserved"):
        await cp.start(1, "B00C")
    await cp.plug(1)
    await cp.start(1, "cafe")
    await cp.stop(1)
    await cp.unplug(1)
    await cp.start(1, "B00C")

    [first, second] = central.payloads("StartTransaction")
    assert (first["idTag"], first["reservationId"]) == ("cafe", 55)
    assert "reservationId" not in second


async def test_a_card_of_the_group_uses_it(central, cp, reserve):
    central.parents["B00C"] = "FLEET"
    assert await reserve(parent="fleet") == "Accepted"
    assert not cp.may_start(cp.connectors[1], "B00C")
    await cp.authorize("B00C")
    await cp.start(1, "B00C")

    assert central.payloads("StartTransaction")[0]["reservationId"] == 55


async def test_a_remote_start_respects_it(central, cp, reserve):
    await reserve()
    refused = await central.sends("SIM-1", call.RemoteStartTransaction(id_tag="B00C", connector_id=1))
    accepted = await central.sends("SIM-1", call.RemoteStartTransaction(id_tag="CAFE", connector_id=1))
    start = await central.hears("StartTransaction", connectorId=1)

    assert (refused.status, accepted.status) == ("Rejected", "Accepted")
    assert start["reservationId"] == 55


async def test_it_is_cancelled(central, cp, reserve):
    await reserve()
    accepted = await central.sends("SIM-1", call.CancelReservation(reservation_id=55))
    await central.hears("StatusNotification", connectorId=1, status="Available", times=2)
    rejected = await central.sends("SIM-1", call.CancelReservation(reservation_id=55))

    assert (accepted.status, rejected.status) == ("Accepted", "Rejected")


async def test_it_expires(central, cp, reserve):
    assert await reserve(within_s=0.2) == "Accepted"
    await central.hears("StatusNotification", connectorId=1, status="Reserved")
    await central.hears("StatusNotification", connectorId=1, status="Available", times=2)

    assert cp.reservations.on(1) is None


async def test_the_same_number_moves_it(central, cp, reserve):
    await reserve(connector_id=1)
    assert await reserve(connector_id=2) == "Accepted"
    await central.hears("StatusNotification", connectorId=1, status="Available", times=2)
    await central.hears("StatusNotification", connectorId=2, status="Reserved")


async def test_refusals(central, cp, reserve):
    await cp.start(1)
    await cp.fault(2)

    assert await reserve(connector_id=1) == "Occupied"
    assert await reserve(connector_id=2) == "Faulted"
    assert await reserve(connector_id=0) == "Occupied"
    assert await reserve(connector_id=9) == "Rejected"
    assert await reserve(connector_id=1, within_s=-1) == "Rejected"
    await cp.set_status(2, "Available")
    await central.sends("SIM-1", call.ChangeAvailability(connector_id=2, type="Inoperative"))
    assert await reserve(connector_id=2) == "Unavailable"


async def test_two_reservations_of_one_connector(reserve):
    assert await reserve(number=1) == "Accepted"
    assert await reserve(number=2) == "Occupied"


@pytest.mark.parametrize("status", ["Faulted", "Unavailable"])
async def test_it_ends_with_the_connector(cp, reserve, status):
    await reserve()
    await cp.set_status(1, status)
    await cp.set_status(1, "Available")
    await cp.start(1, "B00C")

    assert cp.reservations.on(1) is None


async def test_connector_0_keeps_the_last_one_free(central, cp, reserve):
    assert await reserve(connector_id=0) == "Accepted"
    await cp.start(1, "B00C")
    with pytest.raises(NotPossible, match="reserved"):
        await cp.start(2, "B00C")
    await cp.start(2, "CAFE")

    assert [p.get("reservationId") for p in central.payloads("StartTransaction")] == [None, 55]


async def test_connector_0_where_it_is_not_supported(cp, reserve):
    cp.configuration.set("ReserveConnectorZeroSupported", "false")

    assert await reserve(connector_id=0) == "Rejected"


async def test_the_driver_who_came_for_nothing_leaves_it_reserved(cp, reserve):
    await reserve()
    await cp.plug(1)
    await cp.unplug(1)

    assert cp.connectors[1].status == "Reserved"


async def test_drivers_leave_it_to_the_one_it_is_for(central, cp, reserve):
    await reserve(connector_id=1)
    await reserve(connector_id=2, id_tag="BEEF", number=56)
    await live(cp, Habits(id_tags=("B00C", "BEEF", "CAFE"), sessions=2, session_minutes=5, idle_minutes=1))

    started = [(p["connectorId"], p["idTag"], p["reservationId"]) for p in central.payloads("StartTransaction")[:2]]
    assert sorted(started) == [(1, "CAFE", 55), (2, "BEEF", 56)]
