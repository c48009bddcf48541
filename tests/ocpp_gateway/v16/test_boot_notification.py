"""BootNotification: a station introduces itself (OCPP 1.6 §4.2)."""

import re

from stations.models import ChargePoint
from tests.scenarios.speech import errors_of, repairs

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "Wall 22"}


async def test_the_answer_sets_clock_and_interval(cp, settings):
    answer = await cp.boots()
    assert set(answer) == {"status", "currentTime", "interval"}
    assert (answer["status"], answer["interval"]) == ("Accepted", settings.HEARTBEAT_INTERVAL)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["currentTime"])


async def test_a_boot_replaces_what_the_last_one_said(cp, stored):
    await cp.boots(firmwareVersion="1.0", iccid="8949")
    await cp.boots(firmwareVersion="1.1")
    row = await stored(ChargePoint.objects.get)
    assert (row.firmware_version, row.iccid) == ("1.1", "")


async def test_empty_texts_are_absent(cp, stored):
    assert (await cp.boots(iccid="", imsi="", meterType=None))["status"] == "Accepted"
    assert await stored(repairs) == {
        ("empty_dropped", "iccid"),
        ("empty_dropped", "imsi"),
        ("null_dropped", "meterType"),
    }


async def test_numbers_for_texts_are_read(cp, stored):
    await cp.boots(chargePointSerialNumber=20250001, firmwareVersion=1.5)
    row = await stored(ChargePoint.objects.get)
    assert (row.serial_number, row.firmware_version) == ("20250001", "1.5")


async def test_a_serial_number_too_long_is_cut_and_counted(cp, stored):
    await cp.boots(chargePointSerialNumber="S" * 26)
    assert (await stored(ChargePoint.objects.get)).serial_number == "S" * 25
    assert await stored(repairs) == {("too_long", "chargePointSerialNumber")}


async def test_members_of_other_versions_are_ignored(cp, stored):
    assert (await cp.boots(reason="PowerUp"))["status"] == "Accepted"
    assert await stored(repairs) == {("unknown_member", "reason")}


async def test_hostile_texts_are_only_texts(cp, stored):
    await cp.boots(chargePointVendor="<script>\0</script>", chargePointModel="'; DROP TABLE --")
    row = await stored(ChargePoint.objects.get)
    assert (row.vendor, row.model) == ("<script>\\u0000</scri", "'; DROP TABLE --")


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    (None, "OccurenceConstraintViolation"),
    ({"chargePointVendor": "Acme"}, "OccurenceConstraintViolation"),
    ({**BOOT, "chargePointModel": None}, "OccurenceConstraintViolation"),
    ({**BOOT, "chargePointModel": {"name": "Wall 22"}}, "TypeConstraintViolation"),
    ({**BOOT, "chargePointVendor": "A" * 201}, "PropertyConstraintViolation"),
    ([BOOT], "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "BootNotification", (payload for payload, _ in REFUSED)) == codes
    assert (await stored(ChargePoint.objects.get)).vendor == ""
