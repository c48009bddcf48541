"""StopTransaction: never refused (OCPP 1.6 §4.10)."""

from datetime import UTC, datetime

import pytest

from tests.scenarios.speech import at, errors_of, meter_value, minute, repairs, starts, stop, stops, the_session
from transactions.models import DailyEnergy, IdTag, IdTagGroup, MeterValue, OrphanedStop

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_session_ends(cp, tag, stored):
    number = await starts(cp)
    assert await stops(cp, number, idTag="CAFE", reason="Remote") == {"idTagInfo": {"status": "Accepted"}}
    session = await stored(the_session)
    assert (session.ended_by, session.stop_reason, session.stop_id_tag) == ("station", "Remote", "CAFE")
    assert (session.stopped_at, session.meter_stop_wh, session.energy_wh) == (minute(60), 12_000, 11_000)
    assert (await stored(DailyEnergy.objects.get)).energy_wh == 11_000


async def test_without_a_tag_there_is_no_verdict(cp, tag, stored):
    assert await stops(cp, await starts(cp)) == {}
    assert (await stored(the_session)).stop_reason == "Local"


async def test_an_empty_tag_is_no_tag(cp, tag):
    assert await stops(cp, await starts(cp), idTag="") == {}


@pytest.mark.parametrize(("says", "status"), [({"blocked": True}, "Blocked"), ({"expires_at": LONG_AGO}, "Expired")])
async def test_a_refused_tag_prevents_no_stop(cp, tag, stored, says, status):
    await IdTag.objects.acreate(id_tag="OTHER", **says)
    answer = await stops(cp, await starts(cp), idTag="OTHER")
    assert answer["idTagInfo"]["status"] == status
    assert (await stored(the_session)).energy_wh == 11_000


async def test_a_stranger_may_stop(cp, tag, stored):
    assert await stops(cp, await starts(cp), idTag="STRANGER") == {"idTagInfo": {"status": "Invalid"}}
    assert (await stored(the_session)).stop_id_tag == "STRANGER"


async def test_a_colleague_may_stop(cp, stored):
    group = await IdTagGroup.objects.acreate(parent_id_tag="FLEET")
    await IdTag.objects.acreate(id_tag="CAFE", group=group)
    await IdTag.objects.acreate(id_tag="BEEF", group=group)
    answer = await stops(cp, await starts(cp), idTag="beef")
    assert answer == {"idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}
    assert (await stored(the_session)).ended_by == "station"


async def test_a_reason_nobody_knows_is_another_one(cp, tag, stored):
    await stops(cp, await starts(cp), reason="Meteorite")
    assert (await stored(the_session)).stop_reason == "Other"
    assert await stored(repairs) == {("unknown_enum", "reason")}


async def test_without_a_reading_the_last_one_counts(cp, tag, stored):
    number = await starts(cp)
    await cp.call("MeterValues", connectorId=1, transactionId=number, meterValue=[meter_value(7000, 30)])
    await stops(cp, number, meterStop=None)
    session = await stored(the_session)
    assert (session.energy_wh, session.flags) == (6000, ["no_meter_stop"])


async def test_without_a_time_the_arrival_counts(cp, tag, stored):
    await stops(cp, await starts(cp), timestamp="soon")
    session = await stored(the_session)
    assert (session.stopped_at, session.flags) == (session.stop_received_at, ["no_timestamp"])


async def test_slips_of_the_pen_are_mended(cp, tag, stored):
    number = await starts(cp)
    await stops(cp, str(number), meterStop="12000.0", reason="local", transactionData=meter_value(11_000, 50))
    session = await stored(the_session)
    assert (session.energy_wh, session.stop_reason) == (11_000, "Local")
    assert await stored(repairs) == {
        ("number_from_text", "transactionId"),
        ("number_from_text", "meterStop"),
        ("integer_from_float", "meterStop"),
        ("enum_case", "reason"),
        ("object_to_list", "transactionData"),
    }


async def test_its_readings_are_kept(cp, tag, stored):
    begin, end = (meter_value(wh, when, context=why) for wh, when, why in BEGIN_AND_END)
    await stops(cp, await starts(cp), transactionData=[begin, end])
    rows = MeterValue.objects.order_by("timestamp").values_list("energy_wh", "context")
    assert await stored(lambda: list(rows)) == [(1000, "Transaction.Begin"), (12_000, "Transaction.End")]


BEGIN_AND_END = [(1000, 0, "Transaction.Begin"), (12_000, 60, "Transaction.End")]


@pytest.mark.parametrize("number", [0, -2, 4711, 2**31, 2**63 - 1, 2**70])
async def test_an_unknown_number_is_answered_and_kept(cp, stored, number):
    assert await stops(cp, number, transactionData=[meter_value(7, 1)]) == {}
    orphan = await stored(OrphanedStop.objects.get)
    assert (orphan.reported_transaction_id, orphan.meter_stop_wh, orphan.stopped_at) == (
        str(number),
        12_000,
        minute(60),
    )
    assert orphan.transaction_data == [{"timestamp": "2025-06-01T12:01:00+00:00", "sampledValue": [{"value": "7"}]}]


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"meterStop": 1, "timestamp": at(0)}, "OccurenceConstraintViolation"),
    (stop(1.5), "TypeConstraintViolation"),
    (stop(True), "TypeConstraintViolation"),
    (stop("one"), "TypeConstraintViolation"),
    (stop(1, meterStop=[]), "TypeConstraintViolation"),
    (stop(1, meterStop=2**63), "PropertyConstraintViolation"),
    (stop(1, idTag={}), "TypeConstraintViolation"),
    (stop(1, transactionData="none"), "TypeConstraintViolation"),
    (stop(1, transactionData=[None]), "TypeConstraintViolation"),
    ("stop", "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "StopTransaction", (payload for payload, _ in REFUSED)) == codes
    assert await stored(OrphanedStop.objects.count) == 0
