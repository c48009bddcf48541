"""Reservations over the wire (§5.13, §5.1): asked, answered, used, given back, over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import DataError, InterfaceError, OperationalError
from django.utils import timezone

from plugcontrol.clockwork import JOBS
from stations import commands
from stations.commands import Origin, queue_command, wait_for
from stations.connectors import get_connector
from stations.models import ChargePoint, Command, CommandSource, ConfigurationKey
from tests.conftest import make_station
from tests.scenarios.speech import shows, starts, written
from transactions import reservations
from transactions.models import IdTag, IdTagGroup, Reservation
from transactions.reservations import NotReservable, cancel, reserve
from transactions.services import close_unanswered_reservations, end_expired_reservations

REFUSALS = ["Faulted", "Occupied", "Rejected", "Unavailable"]


def in_minutes(number):
    return (timezone.now() + timedelta(minutes=number)).replace(microsecond=0)


@pytest.fixture
async def station(gateway):
    return await sync_to_async(make_station)()


@pytest.fixture
async def tag(gateway):
    fleet = await IdTagGroup.objects.acreate(parent_id_tag="FLEET")
    await IdTag.objects.acreate(id_tag="F00D", group=fleet)
    return await IdTag.objects.acreate(id_tag="CAFE", holder="Anna", group=fleet)


@pytest.fixture
def asks(station, tag):
    """`reservation = await asks(connector)`: reserve for CAFE, for an hour."""

    def ask(connector_id=1, id_tag="CAFE", minutes=60, **details):
        connector = get_connector(station.pk, connector_id)
        return reserve(connector, id_tag, in_minutes(minutes), **details)

    return sync_to_async(ask)


@pytest.fixture
def cancels(gateway):
    return sync_to_async(cancel)


@pytest.fixture
def expert(station):
    """`command = await expert(action, payload)`: what somebody sends by hand."""
    return sync_to_async(lambda action, payload: queue_command(station, action, payload))


def reserve_now(reservation, **said):
    return {
        "connectorId": 1,
        "expiryDate": written(reservation.expires_at),
        "idTag": "CAFE",
        "parentIdTag": "FLEET",
        "reservationId": reservation.pk,
        **said,
    }


async def now(reservation):
    await reservation.arefresh_from_db()
    return reservation.status


async def answers(cp, reservation, status="Accepted", **said):
    """The station answers ReserveNow; returns the reservation's state when the answer is stored."""
    await (await cp.expects("ReserveNow", **reserve_now(reservation, **said))).replies(status=status)
    await wait_for(reservation.command_id, 10)
    return await now(reservation)


async def test_accepted(cp, asks):  # TC_046
    reservation = await asks(origin=Origin(CommandSource.API, actor="API key door"))
    assert reservation.status == "requested"
    assert await answers(cp, reservation) == "active"
    command = await Command.objects.aget()
    assert (command.status, command.actor, command.answer) == ("accepted", "API key door", {"status": "Accepted"})


@pytest.mark.parametrize("word", REFUSALS)
async def test_refused(cp, asks, word):  # TC_048
    reservation = await asks()
    assert await answers(cp, reservation, word) == "refused"
    assert (reservation.answer, reservation.ended_at is not None) == (word, True)
    assert (await Command.objects.aget()).status == "rejected"


async def test_any_connector_of_the_station(cp, station, tag):  # TC_049
    reservation = await sync_to_async(reserve)(station, "CAFE", in_minutes(60))
    assert await answers(cp, reservation, connectorId=0) == "active"


async def test_a_tag_without_a_group_has_no_parent(cp, station, tag):
    await IdTag.objects.acreate(id_tag="LONE")
    connector = await sync_to_async(get_connector)(station.pk, 1)
    reservation = await sync_to_async(reserve)(connector, "LONE", in_minutes(60))
    payload = reserve_now(reservation, idTag="LONE")
    del payload["parentIdTag"]
    await (await cp.expects("ReserveNow", **payload)).replies(status="Accepted")


# What is refused before the station is asked


@pytest.mark.parametrize(
    ("id_tag", "fields", "said"),
    [
        ("NEW", None, "Unknown"),
        ("CAFE", {"blocked": True}, "Blocked"),
        ("CAFE", {"expires_at": in_minutes(-1)}, "Expired"),
        ("CAFE", {"archived_at": in_minutes(-1)}, "Unknown"),
        ("", None, "1 to 20 characters"),
        ("A" * 21, None, "1 to 20 characters"),
    ],
)
async def test_a_tag_that_may_not_charge(asks, stored, id_tag, fields, said):
    if fields:
        await IdTag.objects.filter(id_tag=id_tag).aupdate(**fields)
    with pytest.raises(NotReservable, match=said) as refusal:
        await asks(id_tag=id_tag)
    assert refusal.value.field == "id_tag"
    assert not await stored(Reservation.objects.exists)


async def test_an_unknown_tag_where_they_are_welcome(cp, asks, settings):
    settings.UNKNOWN_ID_TAGS = "accept"
    assert (await asks(id_tag="NEW")).status == "requested"


async def test_an_end_in_the_past(asks):
    with pytest.raises(NotReservable, match="future") as refusal:
        await asks(minutes=-1)
    assert refusal.value.field == "expires_at"


async def test_an_end_that_is_far_away(asks, stored):
    with pytest.raises(NotReservable, match="within a year") as refusal:
        await asks(minutes=367 * 24 * 60)
    assert refusal.value.field == "expires_at"
    assert not await stored(Reservation.objects.exists)


async def test_a_connector_that_is_reserved_already(cp, asks):
    await answers(cp, await asks())
    with pytest.raises(NotReservable, match="reserved already") as refusal:
        await asks(id_tag="F00D")
    assert refusal.value.field == "connector"
    assert (await asks(2)).status == "requested"


async def test_a_station_that_reserves_single_connectors_only(cp, asks, station):
    key = await ConfigurationKey.objects.acreate(
        charge_point=station, key="ReserveConnectorZeroSupported", value="FALSE"
    )
    with pytest.raises(NotReservable, match="single connectors only"):
        await asks(0)
    key.value = "true"
    await key.asave()
    assert (await asks(0)).status == "requested"


# What the station does not answer


async def test_a_station_that_is_away(asks):
    reservation = await asks()
    assert (reservation.status, reservation.answer) == ("refused", "Not delivered")
    assert reservation.ended_at is not None


async def test_a_callerror_is_a_refusal(cp, asks):
    reservation = await asks()
    await (await cp.expects("ReserveNow", **reserve_now(reservation))).fails("NotSupported", "no such thing")
    await wait_for(reservation.command_id, 10)
    assert await by_the_clock() == 1
    assert (await now(reservation), reservation.answer) == ("refused", "NotSupported no such thing")
    assert await cp.is_silent()


async def by_the_clock():
    [job] = [job for job in JOBS if job.name == "reservations without an answer are refused"]
    return await sync_to_async(job.run)()


async def test_silence_is_a_refusal_that_the_station_is_told(cp, asks):
    reservation = await asks()
    await cp.expects("ReserveNow", **reserve_now(reservation))
    await sync_to_async(commands.close_command)(await Command.objects.aget(), "timed_out")
    assert await by_the_clock() == 1
    assert await now(reservation) == "refused"
    assert (await Command.objects.aget(action="CancelReservation")).payload == {"reservationId": reservation.pk}
    assert await by_the_clock() == 0


async def test_a_malformed_answer_is_no_answer(cp, asks):
    reservation = await asks()
    await (await cp.expects("ReserveNow", **reserve_now(reservation))).replies(status=["what"])
    await wait_for(reservation.command_id, 10)
    assert await by_the_clock() == 1
    assert await now(reservation) == "refused"
    await (await cp.expects("CancelReservation", reservationId=reservation.pk)).replies(status="Rejected")


async def test_what_is_still_under_way_is_left_alone(cp, asks):
    reservation = await asks()
    await cp.expects("ReserveNow", **reserve_now(reservation))
    assert await by_the_clock() == 0
    assert await now(reservation) == "requested"


@pytest.fixture
def fails_for(monkeypatch):
    """`fails_for(connector_id, error)`: the reservation of one connector cannot be refused."""

    def fail(connector_id, error):
        refuse = reservations._refuse

        def refuse_or_fail(reservation, command):
            if reservation.connector.connector_id == connector_id:
                raise error
            return refuse(reservation, command)

        monkeypatch.setattr(reservations, "_refuse", refuse_or_fail)

    return fail


async def unanswered(cp, asks):
    rows = [await asks(), await asks(2)]
    await Command.objects.aupdate(status="timed_out")
    return rows


@pytest.mark.parametrize("error", [ValueError("what"), DataError("what")])
async def test_one_that_cannot_be_refused_does_not_hold_up_the_rest(cp, asks, fails_for, error):
    first, second = await unanswered(cp, asks)
    fails_for(1, error)
    assert await sync_to_async(close_unanswered_reservations)(timezone.now()) == 1
    assert (await now(first), await now(second)) == ("requested", "refused")


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_a_database_that_is_away_holds_up_all(cp, asks, fails_for, error):
    await unanswered(cp, asks)
    fails_for(1, error())
    with pytest.raises(error):
        await sync_to_async(close_unanswered_reservations)(timezone.now())


# Given back


@pytest.mark.parametrize("word", ["Accepted", "Rejected"])
async def test_cancelled(cp, asks, cancels, word):  # TC_051, TC_052
    reservation = await asks()
    await answers(cp, reservation)
    command = await cancels(reservation)
    await (await cp.expects("CancelReservation", reservationId=reservation.pk)).replies(status=word)
    await wait_for(command.pk, 10)
    assert (await now(reservation), reservation.ended_at is not None) == ("cancelled", True)


async def test_a_cancellation_waits_for_a_station_that_is_away(cp, asks, cancels, connect):
    reservation = await asks()
    await answers(cp, reservation)
    await cp.disconnect()
    command = await cancels(reservation)
    assert (command.status, command.valid_until) == ("queued", reservation.expires_at)
    back = await connect("CP1")
    await (await back.expects("CancelReservation", reservationId=reservation.pk)).replies(status="Accepted")
    await wait_for(command.pk, 10)
    assert await now(reservation) == "cancelled"


async def test_a_cancellation_of_something_far_away_waits_as_long_as_a_command_may(cp, station, tag, cancels):
    reservation = await sync_to_async(reserve)(station, "CAFE", in_minutes(60 * 24 * 90))
    await answers(cp, reservation, connectorId=0)
    await cp.disconnect()
    command = await cancels(reservation)
    assert command.status == "queued"
    assert in_minutes(60 * 24 * 30 - 1) < command.valid_until < in_minutes(60 * 24 * 30 + 1)


async def test_a_cancellation_that_fails_changes_nothing(cp, asks, cancels):
    reservation = await asks()
    await answers(cp, reservation)
    command = await cancels(reservation)
    await (await cp.expects("CancelReservation", reservationId=reservation.pk)).fails("InternalError")
    await wait_for(command.pk, 10)
    assert await now(reservation) == "active"


async def test_what_has_not_left_is_taken_back_without_a_word(cp, asks, cancels, expert):
    await expert("ClearCache", {})
    busy = await cp.expects("ClearCache")
    reservation = await asks()
    assert await cancels(reservation) is None
    assert await now(reservation) == "cancelled"
    await busy.replies(status="Accepted")
    assert await cp.is_silent()


async def test_what_is_over_is_not_cancelled(cp, asks, cancels):
    reservation = await asks()
    await answers(cp, reservation, "Occupied")
    with pytest.raises(NotReservable, match="over"):
        await cancels(reservation)


# Used


@pytest.mark.parametrize("connector", [0, 1])
@pytest.mark.parametrize("id_tag", ["CAFE", "cafe", "F00D"])  # F00D has the same parent: TC_053
async def test_a_start_that_leaves_the_number_out(cp, asks, connector, id_tag):
    reservation = await asks(connector)
    await answers(cp, reservation, connectorId=connector)
    number = await starts(cp, idTag=id_tag, timestamp=written(timezone.now()))
    assert (await now(reservation), reservation.transaction_id) == ("used", number)


async def test_a_start_before_the_answer(cp, asks):
    reservation = await asks()
    call = await cp.expects("ReserveNow", **reserve_now(reservation))
    number = await starts(cp, timestamp=written(timezone.now()))
    await call.replies(status="Occupied")
    await wait_for(reservation.command_id, 10)
    assert (await now(reservation), reservation.transaction_id) == ("used", number)


async def test_its_own_connector_comes_before_the_whole_station(cp, asks):
    whole = await asks(0)
    await answers(cp, whole, connectorId=0)
    own = await asks(1, id_tag="F00D")
    await answers(cp, own, idTag="F00D")
    await starts(cp, timestamp=written(timezone.now()))
    assert (await now(own), await now(whole)) == ("used", "active")


@pytest.mark.parametrize(
    "said", [{"idTag": "LONE"}, {"connectorId": 2}, {"timestamp": written(timezone.now() - timedelta(hours=2))}]
)
async def test_a_start_that_is_not_meant(cp, asks, said):
    await IdTag.objects.acreate(id_tag="LONE")
    reservation = await asks()
    await answers(cp, reservation)
    await starts(cp, **{"timestamp": written(timezone.now()), **said})
    assert await now(reservation) == "active"


async def test_a_start_and_an_expiry_at_once(cp, asks):
    """Whoever comes first: in the end the reservation was used."""
    reservation = await asks()
    await answers(cp, reservation)
    ends = reservation.expires_at
    assert await sync_to_async(end_expired_reservations)(ends + timedelta(seconds=61)) == 1
    assert await now(reservation) == "expired"
    number = await starts(cp, timestamp=written(timezone.now()))
    assert (await now(reservation), reservation.transaction_id) == ("used", number)
    assert await sync_to_async(end_expired_reservations)(ends + timedelta(seconds=61)) == 0
    assert await now(reservation) == "used"


async def test_a_reservation_is_used_once(cp, asks):
    reservation = await asks()
    await answers(cp, reservation)
    first = await starts(cp, timestamp=written(timezone.now()))
    await starts(cp, timestamp=written(timezone.now()), meterStart=2000)
    assert (await now(reservation), reservation.transaction_id) == ("used", first)


async def test_it_expires_a_minute_after_its_end(cp, asks):  # TC_047
    reservation = await asks()
    await answers(cp, reservation)
    assert await sync_to_async(end_expired_reservations)(reservation.expires_at + timedelta(seconds=59)) == 0
    assert await sync_to_async(end_expired_reservations)(reservation.expires_at + timedelta(seconds=61)) == 1
    assert await now(reservation) == "expired"


async def test_a_fault_ends_it(cp, asks, stored):
    reservation = await asks()
    await answers(cp, reservation)
    await shows(cp, "Faulted")
    assert await stored(lambda: Reservation.objects.get().status) == "ended"


# An expert's own numbers


def by_hand(number, **said):
    return {
        "connectorId": 1,
        "expiryDate": written(in_minutes(30)),
        "idTag": "CAFE",
        "reservationId": number,
        **said,
    }


async def sends(cp, expert, action, payload, status):
    command = await expert(action, payload)
    await (await cp.expects(action, **payload)).replies(status=status)
    return await wait_for(command.pk, 10)


FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


async def test_a_start_during_a_reservation_for_ever(cp, tag, expert):
    await sends(cp, expert, "ReserveNow", by_hand(77, expiryDate=written(FOR_EVER)), "Accepted")
    row = await Reservation.objects.aget()
    assert datetime(9999, 1, 1, tzinfo=UTC) < row.expires_at < FOR_EVER - timedelta(days=1)
    number = await starts(cp, timestamp=written(timezone.now()))
    assert (await now(row), row.transaction_id) == ("used", number)


@pytest.mark.parametrize("id_tag", ["CAFE", "LONE"])
async def test_a_start_beside_a_row_without_an_end(cp, station, tag, id_tag):
    await IdTag.objects.acreate(id_tag="LONE")
    connector = await sync_to_async(get_connector)(station.pk, 1)
    row = await Reservation.objects.acreate(connector=connector, id_tag="CAFE", expires_at=FOR_EVER)
    number = await starts(cp, idTag=id_tag, timestamp=written(timezone.now()))
    assert number > 0
    assert await now(row) == ("used" if id_tag == "CAFE" else "active")


@pytest.mark.parametrize("year", ["0001", "9999"])
async def test_a_start_whose_clock_is_far_off(cp, asks, year):
    await answers(cp, await asks())
    assert await starts(cp, timestamp=f"{year}-01-01T00:00:00Z") > 0


@pytest.mark.parametrize("number", [77, 0, -1, 2**31, 2**62])
async def test_any_number_may_be_chosen(cp, tag, expert, number):
    await sends(cp, expert, "ReserveNow", by_hand(number), "Accepted")
    row = await Reservation.objects.aget()
    assert (row.reservation_id, str(row), row.status) == (number, f"#{number}", "active")
    await sends(cp, expert, "CancelReservation", {"reservationId": number}, "Accepted")
    assert await now(row) == "cancelled"


async def test_a_refused_one_leaves_no_row(cp, tag, expert, stored):
    await sends(cp, expert, "ReserveNow", by_hand(77), "Occupied")
    assert not await stored(Reservation.objects.exists)


async def test_the_same_number_replaces(cp, tag, expert):
    await sends(cp, expert, "ReserveNow", by_hand(77), "Accepted")
    await sends(cp, expert, "ReserveNow", by_hand(77, idTag="F00D", connectorId=5), "Accepted")
    rows = [row async for row in Reservation.objects.order_by("pk").values_list("id_tag", "status")]
    assert rows == [("CAFE", "cancelled"), ("F00D", "active")]


async def test_a_number_of_ours_may_be_replaced_by_hand(cp, asks, expert):
    ours = await asks()
    await answers(cp, ours)
    await sends(cp, expert, "ReserveNow", by_hand(ours.pk, idTag="F00D"), "Accepted")
    assert await now(ours) == "cancelled"
    await starts(cp, idTag="F00D", reservationId=ours.pk, timestamp=written(timezone.now()))
    assert (await Reservation.objects.aget(id_tag="F00D")).status == "used"
    assert await now(ours) == "cancelled"


async def test_a_number_used_by_hand_is_not_used_again_by_us(cp, asks, expert):
    first = await asks(2)
    await answers(cp, first, "Occupied", connectorId=2)
    await sends(cp, expert, "ReserveNow", by_hand(first.pk + 2), "Accepted")  # the row of it takes one number itself
    ours = await asks(2)
    assert ours.reservation_id == first.pk + 3


async def test_the_same_number_at_two_stations(cp, tag, expert, connect):
    neighbour = await sync_to_async(make_station)("CP2")
    other = await connect("CP2")
    await sends(cp, expert, "ReserveNow", by_hand(77), "Accepted")
    wish = by_hand(77)
    command = await sync_to_async(queue_command)(neighbour, "ReserveNow", wish)
    await (await other.expects("ReserveNow", **wish)).replies(status="Accepted")
    await wait_for(command.pk, 10)
    await starts(other, reservationId=77, timestamp=written(timezone.now()))
    used = await Reservation.objects.select_related("connector").aget(status="used")
    assert used.connector.charge_point_id == neighbour.pk
    assert await Reservation.objects.filter(status="active").acount() == 1


async def test_an_archived_station_takes_none(asks, station):
    await ChargePoint.objects.aupdate(archived_at=timezone.now())
    with pytest.raises(commands.StationArchived):
        await asks()


async def test_a_stored_answer_is_looked_at_once(cp, asks):
    reservation = await asks()
    await answers(cp, reservation)
    assert await sync_to_async(close_unanswered_reservations)(timezone.now()) == 0
