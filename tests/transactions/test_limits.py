"""Limits in one step (§5.16): the frame that leaves, and the row of it."""

from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async

from stations.commands import Origin, wait_for
from stations.connectors import get_connector
from stations.forms.limits import LimitForm
from stations.models import Command, CommandSource, ConfigurationKey
from tests.conftest import make_station
from tests.scenarios.speech import starts, stops
from transactions.limits import FIRST_PROFILE_ID, LimitRefused, lift_limit, limit_connector


@pytest.fixture
async def station(gateway):
    return await sync_to_async(make_station)()


@pytest.fixture
def limit(station):
    """`command = await limit(amperes=10)`"""

    def send(connector_id=1, **wanted):
        return limit_connector(get_connector(station.pk, connector_id), **wanted)

    return sync_to_async(send)


@pytest.fixture
def lift(station):
    return sync_to_async(lambda: lift_limit(get_connector(station.pk, 1)))


def default_profile(limit, unit="A", connector=1, **period):
    return {
        "chargingProfileId": FIRST_PROFILE_ID + connector,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit, **period}],
        },
    }


def tx_profile(transaction, limit, **period):
    return {
        **default_profile(limit, **period),
        "chargingProfilePurpose": "TxProfile",
        "transactionId": transaction,
    }


async def accepts(cp, command, connector, profile):
    call = await cp.expects("SetChargingProfile", connectorId=connector, csChargingProfiles=profile)
    await call.replies(status="Accepted")
    return await wait_for(command.pk, 10)


async def test_without_a_session_it_is_the_default(cp, limit):  # TC_056
    row = await accepts(cp, await limit(amperes=10), 1, default_profile(10))
    assert (row.status, row.answer) == ("accepted", {"status": "Accepted"})


async def test_in_a_session_it_is_the_session_s(cp, tag, limit):  # TC_057
    number = await starts(cp)
    row = await accepts(cp, await limit(amperes=10), 1, tx_profile(number, 10))
    assert row.status == "accepted"
    await stops(cp, number)
    await accepts(cp, await limit(amperes=12), 1, default_profile(12))


async def test_a_session_next_door_is_another_matter(cp, tag, limit):
    await starts(cp, connectorId=2)
    await accepts(cp, await limit(amperes=10), 1, default_profile(10))


async def test_the_whole_station(cp, limit):
    await accepts(cp, await limit(0, watts=11_000), 0, default_profile(11_000, "W", connector=0))


async def test_lifting_names_the_one_profile(cp, lift):  # TC_067
    command = await lift()
    await (await cp.expects("ClearChargingProfile", id=FIRST_PROFILE_ID + 1)).replies(status="Accepted")
    assert (await wait_for(command.pk, 10)).status == "accepted"


async def test_lifting_what_is_not_there(cp, lift):
    command = await lift()
    await (await cp.expects("ClearChargingProfile", id=FIRST_PROFILE_ID + 1)).replies(status="Unknown")
    row = await wait_for(command.pk, 10)
    assert (row.status, row.answer) == ("rejected", {"status": "Unknown"})


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_the_station_refuses(cp, limit, status):
    command = await limit(amperes=10)
    call = await cp.expects("SetChargingProfile", connectorId=1, csChargingProfiles=default_profile(10))
    await call.replies(status=status)
    row = await wait_for(command.pk, 10)
    assert (row.status, row.answer) == ("rejected", {"status": status})


async def test_the_row_names_who_limited(cp, limit):
    origin = Origin(CommandSource.API, actor="API key night", remote_address="10.0.0.7")
    command = await limit(amperes=10, origin=origin)
    assert (command.source, command.actor, command.remote_address) == ("api", "API key night", "10.0.0.7")


# Units: the station's allowed ones, what is asked, what is sent

KEY = "ChargingScheduleAllowedChargingRateUnit"
CONVERSIONS = [
    (None, {"amperes": 10}, default_profile(10)),
    (None, {"watts": 6000}, default_profile(6000, "W")),
    ("", {"watts": 6000}, default_profile(6000, "W")),
    ("Current,Power", {"watts": 6000}, default_profile(6000, "W")),
    ("Current", {"watts": 11_040}, default_profile(16)),
    ("Current", {"watts": 6000}, default_profile(8.6)),
    ("'A'", {"watts": 3680, "phases": 1}, default_profile(16, numberPhases=1)),
    ("current", {"watts": 7360, "phases": 2}, default_profile(16, numberPhases=2)),
    ("Power", {"amperes": 16}, default_profile(11_040, "W")),
    (" W ", {"amperes": 16, "phases": 1}, default_profile(3680, "W", numberPhases=1)),
    ("Power", {"amperes": 0}, default_profile(0, "W")),
    ("Current", {"watts": 0}, default_profile(0)),
    ("Furlong", {"amperes": 10}, default_profile(10)),
    (None, {"amperes": Decimal("9.96")}, default_profile(9.9)),
    (None, {"amperes": 16.1}, default_profile(16.1)),
    (None, {"amperes": 6, "phases": 3}, default_profile(6, numberPhases=3)),
]


@pytest.mark.parametrize(("units", "asked", "profile"), CONVERSIONS)
async def test_the_unit_is_one_that_the_station_takes(station, limit, units, asked, profile):
    if units is not None:
        await ConfigurationKey.objects.acreate(charge_point=station, key=KEY.lower(), value=units)
    command = await limit(**asked)
    assert command.payload == {"connectorId": 1, "csChargingProfiles": profile}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "either amperes or watts"),
        ({"amperes": 10, "watts": 6000}, "either amperes or watts"),
        ({"amperes": -1}, "between 0 and"),
        ({"amperes": 1000.1}, "between 0 and"),
        ({"watts": 1_000_001}, "between 0 and"),
        ({"amperes": float("nan")}, "between 0 and"),
        ({"watts": float("inf")}, "between 0 and"),
        ({"amperes": 5.9}, "0 pauses"),
        ({"amperes": Decimal("0.05")}, "0 pauses"),
        ({"amperes": 10, "phases": 0}, "phases"),
        ({"amperes": 10, "phases": 4}, "phases"),
    ],
)
async def test_what_no_connector_can_follow_is_not_sent(limit, stored, asked, said):
    with pytest.raises(LimitRefused, match=said):
        await limit(**asked)
    assert not await stored(Command.objects.exists)


async def test_too_few_watts_for_a_station_of_amperes(station, limit):
    await ConfigurationKey.objects.acreate(charge_point=station, key=KEY, value="Current")
    with pytest.raises(LimitRefused, match="0 pauses"):
        await limit(watts=4000)


@pytest.mark.parametrize(
    ("units", "asked", "said"),
    [
        ("Power", {"amperes": 5.9}, "0 pauses"),
        ("Current", {"watts": 1_000_000, "phases": 1}, "between 0 and 1000 A"),
    ],
)
async def test_bounds_hold_for_what_is_asked_and_for_what_is_sent(station, limit, stored, units, asked, said):
    await ConfigurationKey.objects.acreate(charge_point=station, key=KEY, value=units)
    with pytest.raises(LimitRefused, match=said):
        await limit(**asked)
    assert not await stored(Command.objects.exists)


async def test_a_session_s_limit_takes_the_place_of_the_standing_one(cp, tag, limit):
    """The same profile id, which a station holds once (§5.16): that is what docstring and form say."""
    await accepts(cp, await limit(amperes=16), 1, default_profile(16))
    number = await starts(cp)
    await accepts(cp, await limit(amperes=10), 1, tx_profile(number, 10))
    assert "set the standing one again" in str(LimitForm.explanation)


async def test_a_station_that_is_away(limit):
    assert (await limit(amperes=10)).status == "undelivered"
