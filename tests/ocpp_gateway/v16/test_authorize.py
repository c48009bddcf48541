"""Authorize: the verdict on a tag, never about where it is used (OCPP 1.6 §4.1)."""

from datetime import UTC, datetime

import pytest

from tests.scenarios.speech import errors_of, repairs, starts
from transactions.models import IdTag, IdTagGroup, UnknownIdTag

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_OFF = datetime(2099, 1, 1, tzinfo=UTC)


async def verdict(cp, id_tag):
    return (await cp.call("Authorize", idTag=id_tag))["idTagInfo"]


async def test_a_known_tag_may_charge(cp, tag):
    assert await cp.call("Authorize", idTag="CAFE") == {"idTagInfo": {"status": "Accepted"}}


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ({"blocked": True}, "Blocked"),
        ({"blocked": True, "expires_at": LONG_AGO}, "Blocked"),
        ({"expires_at": LONG_AGO}, "Expired"),
        ({"archived_at": LONG_AGO}, "Invalid"),
        ({"expires_at": FAR_OFF}, "Accepted"),
    ],
)
async def test_what_the_tag_says_decides(cp, says, status):
    await IdTag.objects.acreate(id_tag="CAFE", **says)
    assert (await verdict(cp, "CAFE"))["status"] == status


async def test_the_end_of_the_tag_ends_the_stations_memory_of_it(cp):
    await IdTag.objects.acreate(id_tag="CAFE", expires_at=FAR_OFF)
    assert (await verdict(cp, "CAFE"))["expiryDate"] == "2099-01-01T00:00:00Z"


async def test_a_group_speaks_for_its_members(cp):
    group = await IdTagGroup.objects.acreate(parent_id_tag="FLEET")
    await IdTag.objects.acreate(id_tag="CAFE", group=group)
    assert await verdict(cp, "CAFE") == {"status": "Accepted", "parentIdTag": "FLEET"}
    await IdTagGroup.objects.aupdate(blocked=True)
    assert await verdict(cp, "CAFE") == {"status": "Blocked", "parentIdTag": "FLEET"}


async def test_the_number_of_a_group_is_no_tag(cp):
    await IdTagGroup.objects.acreate(parent_id_tag="FLEET")
    assert (await verdict(cp, "FLEET"))["status"] == "Invalid"


async def test_case_does_not_matter(cp, tag):
    assert [(await verdict(cp, spelling))["status"] for spelling in ("cafe", "Cafe", "CAFE")] == ["Accepted"] * 3


async def test_an_unknown_tag_is_refused_and_remembered(cp, stored):
    for _ in range(3):
        assert await verdict(cp, "STRANGER") == {"status": "Invalid"}
    row = await stored(UnknownIdTag.objects.get)
    assert (row.id_tag, row.count) == ("STRANGER", 3)


async def test_an_unknown_tag_is_welcome_where_the_operator_says_so(cp, settings):
    settings.UNKNOWN_ID_TAGS = "accept"
    assert await verdict(cp, "STRANGER") == {"status": "Accepted"}


async def test_a_busy_tag_is_not_concurrent_here(cp, tag):
    await IdTag.objects.aupdate(max_concurrent=1)
    await starts(cp)
    assert await verdict(cp, "CAFE") == {"status": "Accepted"}


async def test_a_number_is_read_as_text(cp, stored):
    await IdTag.objects.acreate(id_tag="1234")
    assert (await verdict(cp, 1234))["status"] == "Accepted"
    assert await stored(repairs) == {("text_from_number", "idTag")}


async def test_a_connector_that_does_not_belong_here_is_ignored(cp, tag, stored):
    assert (await cp.call("Authorize", idTag="CAFE", connectorId=2))["idTagInfo"]["status"] == "Accepted"
    assert await stored(repairs) == {("unknown_member", "connectorId")}


async def test_a_tag_too_long_is_nobodys(cp, stored):
    await IdTag.objects.acreate(id_tag="A" * 20)
    assert (await verdict(cp, "A" * 21))["status"] == "Invalid"
    assert ("too_long", "idTag") in await stored(repairs)


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"idTag": None}, "OccurenceConstraintViolation"),
    ({"IdTag": "CAFE"}, "OccurenceConstraintViolation"),
    ({"idTag": {"value": "CAFE"}}, "TypeConstraintViolation"),
    ({"idTag": ["CAFE"]}, "TypeConstraintViolation"),
    ({"idTag": "A" * 201}, "PropertyConstraintViolation"),
    (["CAFE"], "FormationViolation"),
    ("CAFE", "FormationViolation"),
    (None, "OccurenceConstraintViolation"),
]


async def test_what_cannot_be_read_is_named(cp):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "Authorize", (payload for payload, _ in REFUSED)) == codes


async def test_an_error_says_where(cp):
    await cp.send([2, "1", "Authorize", {}])
    assert await cp.receive() == [4, "1", "OccurenceConstraintViolation", "Missing member at $.idTag", {}]
