"""SecurityEventNotification: something the station thinks we should know (white paper A04)."""

from datetime import UTC, datetime

import pytest

from stations.models import SecurityEvent
from tests.scenarios.speech import errors_of, repairs

TAMPERED = {"type": "TamperDetectionActivated", "timestamp": "2025-06-01T12:00:00Z"}


async def test_an_event_is_kept(cp, stored):
    assert await cp.call("SecurityEventNotification", **TAMPERED, techInfo="lid open") == {}
    event = await stored(SecurityEvent.objects.get)
    assert (event.type, event.tech_info, event.is_critical) == ("TamperDetectionActivated", "lid open", True)
    assert event.occurred_at == datetime(2025, 6, 1, 12, tzinfo=UTC)


async def test_the_list_of_events_is_open(cp, stored):
    await cp.call("SecurityEventNotification", **{**TAMPERED, "type": "CoffeeSpilled"})
    event = await stored(SecurityEvent.objects.get)
    assert (event.type, event.is_critical) == ("CoffeeSpilled", False)


async def test_an_unreadable_time_becomes_the_arrival(cp, stored):
    await cp.call("SecurityEventNotification", **{**TAMPERED, "timestamp": "yesterday"})
    event = await stored(SecurityEvent.objects.get)
    assert event.occurred_at == event.received_at
    assert await stored(repairs) == {("unreadable_time", "timestamp")}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_time_that_no_page_can_show_becomes_the_arrival(cp, stored, time):
    await cp.call("SecurityEventNotification", **{**TAMPERED, "timestamp": time})
    event = await stored(SecurityEvent.objects.get)
    assert event.occurred_at == event.received_at


async def test_long_details_are_cut(cp, stored):
    await cp.call("SecurityEventNotification", **TAMPERED, techInfo="x" * 300)
    assert (await stored(SecurityEvent.objects.get)).tech_info == "x" * 255
    assert await stored(repairs) == {("too_long", "techInfo")}


async def test_an_event_without_details_has_none(cp, stored):
    await cp.call("SecurityEventNotification", **TAMPERED, techInfo="")
    assert (await stored(SecurityEvent.objects.get)).tech_info == ""


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"type": "FirmwareUpdated"}, "OccurenceConstraintViolation"),
    ({"timestamp": "2025-06-01T12:00:00Z"}, "OccurenceConstraintViolation"),
    ({**TAMPERED, "type": {}}, "TypeConstraintViolation"),
    ({**TAMPERED, "type": "T" * 501}, "PropertyConstraintViolation"),
    ({**TAMPERED, "techInfo": "x" * 2551}, "PropertyConstraintViolation"),
    ([], "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "SecurityEventNotification", (payload for payload, _ in REFUSED)) == codes
    assert await stored(SecurityEvent.objects.count) == 0
