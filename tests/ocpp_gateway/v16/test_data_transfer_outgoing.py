"""DataTransfer to a station: what it answers stands on the row, data and all (OCPP 1.6 §5.6)."""

import pytest
from asgiref.sync import sync_to_async

from stations.commands import queue_command, wait_for
from stations.models import Command

#: Easee: lifts the schedule that the box keeps itself.
OVERRIDE = {"vendorId": "no.easee", "messageId": "OverrideSchedule"}


@pytest.fixture
def send(station):
    return sync_to_async(lambda payload: queue_command(station, "DataTransfer", payload))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": "Accepted"}, "accepted"),
        ({"status": "Accepted", "data": '{"until": "06:00"}'}, "accepted"),
        ({"status": "Accepted", "data": "ä" * 10_000}, "accepted"),
        ({"status": "Rejected", "data": "not now"}, "rejected"),
        ({"status": "UnknownVendorId"}, "rejected"),
        ({"status": "UnknownMessageId"}, "rejected"),
    ],
)
async def test_the_answer_is_kept(cp, send, answer, status):
    command = await send(OVERRIDE)
    await (await cp.expects("DataTransfer", **OVERRIDE)).replies(**answer)
    row = await wait_for(command.pk, 10)
    assert (row.status, row.answer) == (status, answer)


async def test_data_that_is_no_text_is_kept_as_its_json(cp, send):
    command = await send({**OVERRIDE, "data": "now"})
    await (await cp.expects("DataTransfer", **OVERRIDE, data="now")).replies(status="Accepted", data={"until": 6})
    row = await wait_for(command.pk, 10)
    assert (row.status, row.answer["data"].replace(" ", "")) == ("accepted", '{"until":6}')


async def test_a_callerror(cp, send):
    command = await send(OVERRIDE)
    await (await cp.expects("DataTransfer", **OVERRIDE)).fails("NotImplemented", "no vendors here")
    row = await wait_for(command.pk, 10)
    assert (row.status, row.error_code, row.error_description) == ("failed", "NotImplemented", "no vendors here")


async def test_theirs_may_cross_ours(cp, send):
    command = await send(OVERRIDE)
    call = await cp.expects("DataTransfer", **OVERRIDE)
    assert await cp.call("DataTransfer", vendorId="no.easee") == {"status": "UnknownVendorId"}
    await call.replies(status="Accepted")
    assert (await wait_for(command.pk, 10)).status == "accepted"
    assert await Command.objects.acount() == 1
