"""StartTransaction: always a real transaction, whatever the tag (OCPP 1.6 §4.8, errata 3.17)."""

from datetime import UTC, datetime

import pytest

from stations.models import Connector
from tests.scenarios.speech import errors_of, minute, repairs, start, starts, the_session
from transactions.models import IdTag, IdTagGroup, Transaction, UnknownIdTag

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_session_begins(cp, tag, stored):
    answer = await cp.call("StartTransaction", **start())
    session = await stored(the_session)
    assert answer == {"idTagInfo": {"status": "Accepted"}, "transactionId": session.pk}
    assert (session.tag_id, session.started_at, session.meter_start_wh) == (tag.pk, minute(0), 1000)
    assert (session.is_running, session.flags) == (True, [])


async def test_numbers_are_positive_and_new(cp, tag):
    numbers = [await starts(cp, connectorId=connector) for connector in (1, 2, 3)]
    assert 0 < numbers[0] < numbers[1] < numbers[2] < 2**31


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ({"blocked": True}, "Blocked"),
        ({"expires_at": LONG_AGO}, "Expired"),
        ({"archived_at": LONG_AGO}, "Invalid"),
    ],
)
async def test_a_refused_tag_still_gets_its_session(cp, stored, says, status):
    await IdTag.objects.acreate(id_tag="CAFE", **says)
    answer = await cp.call("StartTransaction", **start())
    session = await stored(the_session)
    assert (answer["idTagInfo"]["status"], answer["transactionId"]) == (status, session.pk)
    assert (session.authorization_status, session.flags) == (status, ["unauthorized"])


async def test_an_unknown_tag_still_gets_its_session(cp, stored):
    answer = await cp.call("StartTransaction", **start(idTag="STRANGER"))
    assert (answer["idTagInfo"], answer["transactionId"]) == ({"status": "Invalid"}, (await stored(the_session)).pk)
    assert (await stored(UnknownIdTag.objects.get)).id_tag == "STRANGER"


async def test_the_group_comes_with_the_verdict(cp):
    group = await IdTagGroup.objects.acreate(parent_id_tag="FLEET")
    await IdTag.objects.acreate(id_tag="CAFE", group=group)
    answer = await cp.call("StartTransaction", **start())
    assert answer["idTagInfo"] == {"status": "Accepted", "parentIdTag": "FLEET"}


async def test_case_does_not_matter_and_is_kept(cp, tag, stored):
    assert (await cp.call("StartTransaction", **start(idTag="cafe")))["idTagInfo"]["status"] == "Accepted"
    session = await stored(the_session)
    assert (session.id_tag, session.tag_id) == ("cafe", tag.pk)


async def test_a_reservation_zero_is_none(cp, tag, stored):
    await starts(cp, reservationId=0)
    assert (await stored(the_session)).reservation_id is None


async def test_connector_zero_is_odd_but_served(cp, tag, stored):
    await starts(cp, connectorId=0)
    assert (await stored(the_session)).flags == ["connector_zero"]
    assert (await stored(Connector.objects.get)).connector_id == 0


async def test_slips_of_the_pen_are_mended(cp, tag, stored):
    answer = await cp.call("StartTransaction", **start(connectorId="1", meterStart=1000.6, reservationId=None))
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert (await stored(the_session)).meter_start_wh == 1001
    assert await stored(repairs) == {
        ("number_from_text", "connectorId"),
        ("rounded", "meterStart"),
        ("null_dropped", "reservationId"),
    }


@pytest.mark.parametrize(
    ("time", "rule"),
    [
        ("", "empty_dropped"),
        (None, "null_dropped"),
        ("noon", "unreadable_time"),
        ("0000-00-00T00:00:00Z", "unreadable_time"),
    ],
)
async def test_without_a_time_the_arrival_counts(cp, tag, stored, time, rule):
    await starts(cp, timestamp=time)
    session = await stored(the_session)
    assert (session.started_at, session.flags) == (session.start_received_at, ["no_timestamp"])
    assert (rule, "timestamp") in await stored(repairs)


@pytest.mark.parametrize(
    "time",
    [
        "2025-06-01T12:00:00Z",
        "2025-06-01T12:00:00.0000000Z",
        "2025-06-01T14:00:00+02:00",
        "2025-06-01T14:00:00+02",
        "2025-06-01T12:00:00",
        "2025-06-01 12:00:00Z",
    ],
)
async def test_every_spelling_of_a_time(cp, tag, stored, time):
    await starts(cp, timestamp=time)
    assert (await stored(the_session)).started_at == minute(0)


async def test_a_tag_too_long_is_nobodys(cp, stored):
    await IdTag.objects.acreate(id_tag="A" * 20)
    answer = await cp.call("StartTransaction", **start(idTag="A" * 21))
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert set((await stored(the_session)).flags) == {"tag_too_long", "unauthorized"}


async def test_implausible_meters_are_no_reason_to_refuse(cp, tag, stored):
    for connector, wh in enumerate((-5, 0, 2**31, 2**63 - 1), start=1):
        await starts(cp, connectorId=connector, meterStart=wh)
    meters = Transaction.objects.order_by("pk").values_list("meter_start_wh", flat=True)
    assert await stored(lambda: list(meters)) == [-5, 0, 2**31, 2**63 - 1]


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    (start(connectorId=None), "OccurenceConstraintViolation"),
    (start(idTag=None), "OccurenceConstraintViolation"),
    (start(meterStart=None), "OccurenceConstraintViolation"),
    (start(connectorId=-1), "PropertyConstraintViolation"),
    (start(connectorId=2**31), "PropertyConstraintViolation"),
    (start(connectorId=1.5), "TypeConstraintViolation"),
    (start(connectorId=False), "TypeConstraintViolation"),
    (start(meterStart="full"), "TypeConstraintViolation"),
    (start(meterStart=2**63), "PropertyConstraintViolation"),
    (start(meterStart=10**40), "PropertyConstraintViolation"),
    (start(idTag=["CAFE"]), "TypeConstraintViolation"),
    (start(idTag="A" * 201), "PropertyConstraintViolation"),
    ([start()], "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "StartTransaction", (payload for payload, _ in REFUSED)) == codes
    assert await stored(Transaction.objects.count) == 0
