"""StatusNotification: the state of a connector or of the station (OCPP 1.6 §4.9)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stations.models import Connector, StatusRecord
from tests.scenarios.speech import at, errors_of, minute, repairs, shows

REPORT = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


def the_connector():
    return Connector.objects.get()


def history():
    return list(StatusRecord.objects.order_by("pk").values_list("status", flat=True))


async def test_the_state_of_a_connector(cp, stored):
    assert await shows(cp, "Charging", timestamp=at(5)) == {}
    connector = await stored(the_connector)
    assert (connector.connector_id, connector.status, connector.status_at) == (1, "Charging", minute(5))


async def test_every_transition_is_taken(cp, stored):
    states = ["Available", "Finishing", "Reserved", "SuspendedEV", "Charging", "Available", "SuspendedEVSE", "Faulted"]
    for number, status in enumerate(states):
        await shows(cp, status, timestamp=at(number))
    assert (await stored(the_connector)).status == "Faulted"
    assert await stored(history) == states


async def test_without_a_time_the_arrival_counts(cp, stored):
    await shows(cp, "Preparing")
    record = await stored(StatusRecord.objects.get)
    assert record.reported_at == record.received_at == (await stored(the_connector)).status_at


async def test_a_time_that_is_none_is_as_good_as_none(cp, stored):
    assert await shows(cp, "Preparing", timestamp="25:61") == {}
    assert (await stored(the_connector)).status == "Preparing"
    assert await stored(repairs) == {("unreadable_time", "timestamp")}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_time_that_no_page_can_show_is_the_arrival(cp, stored, time):
    await shows(cp, "Preparing", timestamp=time)
    record = await stored(StatusRecord.objects.get)
    assert record.reported_at == record.received_at


async def test_an_old_report_is_history(cp, stored):
    await shows(cp, "Available", timestamp=at(60))
    await shows(cp, "Faulted", timestamp=at(10), errorCode="GroundFailure")
    connector = await stored(the_connector)
    assert (connector.status, connector.error_code) == ("Available", "NoError")
    assert await stored(history) == ["Available", "Faulted"]


async def test_a_clock_in_the_future_does_not_freeze_the_state(cp, stored):
    await shows(cp, "Charging", timestamp="2090-01-01T00:00:00Z")
    await shows(cp, "Available")
    assert (await stored(the_connector)).status == "Available"
    assert [record.clock_suspect for record in await stored(lambda: list(StatusRecord.objects.order_by("pk")))] == [
        True,
        False,
    ]


@pytest.mark.parametrize("seconds", [0, 30, None])
async def test_a_clock_that_was_ahead_and_has_been_set_does_not_freeze_the_state(cp, stored, seconds):
    """Some minutes are within the tolerance; after the next boot they are gone."""
    now = timezone.now()
    await shows(cp, "Charging", timestamp=(now + timedelta(minutes=4)).isoformat())
    told = {} if seconds is None else {"timestamp": (now - timedelta(seconds=seconds)).isoformat()}
    await shows(cp, "Available", **told)
    assert (await stored(the_connector)).status == "Available"


async def test_an_old_report_of_a_clock_that_is_ahead_is_history(cp, stored):
    now = timezone.now()
    await shows(cp, "Available", timestamp=(now + timedelta(minutes=4)).isoformat())
    await shows(cp, "Faulted", timestamp=(now + timedelta(minutes=3)).isoformat())
    await shows(cp, "Charging", timestamp=(now - timedelta(hours=1)).isoformat())
    assert (await stored(the_connector)).status == "Available"


async def test_the_station_is_not_its_connectors(cp, stored):
    await shows(cp, "Available", connector=1)
    await shows(cp, "Faulted", connector=0, errorCode="OtherError")
    rows = await stored(lambda: list(Connector.objects.order_by("connector_id").values_list("connector_id", "status")))
    assert rows == [(0, "Faulted"), (1, "Available")]


async def test_an_error_beside_another_state_is_a_warning(cp, stored):
    await shows(cp, "Charging", errorCode="HighTemperature", info="62 °C", vendorId="acme", vendorErrorCode="E12")
    connector = await stored(the_connector)
    assert (connector.status, connector.error_code, connector.is_warning) == ("Charging", "HighTemperature", True)
    assert (connector.info, connector.vendor_id, connector.vendor_error_code) == ("62 °C", "acme", "E12")


async def test_no_error_clears_the_warning(cp, stored):
    await shows(cp, "Charging", errorCode="HighTemperature", info="62 °C")
    await shows(cp, "Charging")
    connector = await stored(the_connector)
    assert (connector.is_warning, connector.info) == (False, "")


async def test_the_word_null_is_nothing(cp, stored):
    await shows(cp, "Available", info="null", vendorErrorCode="null", vendorId="")
    connector = await stored(the_connector)
    assert (connector.info, connector.vendor_error_code, connector.vendor_id) == ("", "", "")


async def test_an_unknown_error_is_another_error(cp, stored):
    assert await shows(cp, "Faulted", errorCode="Error") == {}
    assert (await stored(the_connector)).error_code == "OtherError"
    assert await stored(repairs) == {("unknown_enum", "errorCode")}


async def test_an_unknown_state_leaves_the_known_one(cp, stored):
    await shows(cp, "Available")
    assert await shows(cp, "Dreaming") == {}
    assert (await stored(the_connector)).status == "Available"
    assert await stored(history) == ["Available", "Dreaming"]


async def test_slips_of_the_pen_are_mended(cp, stored):
    assert await shows(cp, "available", connector="1", errorCode="noerror", timestamp="2025-06-01 14:00:00+02") == {}
    assert (await stored(the_connector)).status_at == minute(0)
    assert await stored(repairs) == {
        ("enum_case", "status"),
        ("number_from_text", "connectorId"),
        ("enum_case", "errorCode"),
    }


async def test_a_long_info_is_cut(cp, stored):
    await shows(cp, "Available", info="i" * 60)
    assert (await stored(the_connector)).info == "i" * 50


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({**REPORT, "status": None}, "OccurenceConstraintViolation"),
    ({"connectorId": 1, "status": "Available"}, "OccurenceConstraintViolation"),
    ({**REPORT, "connectorId": -1}, "PropertyConstraintViolation"),
    ({**REPORT, "connectorId": 2**31}, "PropertyConstraintViolation"),
    ({**REPORT, "connectorId": 1.5}, "TypeConstraintViolation"),
    ({**REPORT, "connectorId": True}, "TypeConstraintViolation"),
    ({**REPORT, "connectorId": "one"}, "TypeConstraintViolation"),
    ({**REPORT, "status": []}, "TypeConstraintViolation"),
    ({**REPORT, "info": "i" * 501}, "PropertyConstraintViolation"),
    (None, "OccurenceConstraintViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "StatusNotification", (payload for payload, _ in REFUSED)) == codes
    assert await stored(Connector.objects.count) == 0
