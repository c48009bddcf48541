"""Dialogues of a station that is online, numbered as the certification of central systems numbers them."""

from datetime import UTC, datetime

import pytest

from stations.models import ChargePoint, Connector, StatusRecord
from transactions.models import IdTag, IdTagGroup, MeterValue, Transaction

from .speech import at, meter_value, meters, shows, start, starts, stops, the_session


def states():
    return dict(Connector.objects.order_by("connector_id").values_list("connector_id", "status"))


async def test_cold_boot(cp, stored, settings):  # TC_001
    answer = await cp.boots(firmwareVersion="4.2.0")
    assert (answer["status"], answer["interval"]) == ("Accepted", settings.HEARTBEAT_INTERVAL)
    for connector in (0, 1, 2):
        assert await shows(cp, "Available", connector) == {}
    assert (await cp.call("Heartbeat"))["currentTime"].endswith("Z")
    assert await stored(states) == {0: "Available", 1: "Available", 2: "Available"}
    assert (await stored(ChargePoint.objects.get)).firmware_version == "4.2.0"


async def test_plug_first(cp, tag, stored):  # TC_003
    await shows(cp, "Preparing")
    assert (await cp.call("Authorize", idTag="CAFE"))["idTagInfo"]["status"] == "Accepted"
    number = await starts(cp)
    await shows(cp, "Charging")
    for minutes in (15, 30, 45):
        await meters(cp, meter_value(1000 + 200 * minutes, minutes), transactionId=number)
    assert await stops(cp, number, idTag="CAFE") == {"idTagInfo": {"status": "Accepted"}}
    await shows(cp, "Finishing")
    await shows(cp, "Available")
    session = await stored(the_session)
    assert (session.energy_wh, session.ended_by, session.stop_reason, session.flags) == (11_000, "station", "Local", [])
    assert await stored(MeterValue.objects.filter(transaction=number).count) == 3


async def test_id_first(cp, tag, stored):  # TC_004_1
    assert (await cp.call("Authorize", idTag="CAFE"))["idTagInfo"]["status"] == "Accepted"
    await shows(cp, "Preparing")
    answer = await cp.call("StartTransaction", **start())
    await shows(cp, "Charging")
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert (await stored(the_session)).is_running
    assert await stored(states) == {1: "Charging"}


async def test_id_first_and_no_plug(cp, tag, stored):  # TC_004_2
    await cp.call("Authorize", idTag="CAFE")
    await shows(cp, "Preparing")
    await shows(cp, "Available")
    assert await stored(states) == {1: "Available"}
    assert await stored(Transaction.objects.count) == 0


async def test_the_car_is_unplugged(cp, tag, stored):  # TC_005_1
    number = await starts(cp)
    await shows(cp, "SuspendedEV")
    assert await stops(cp, number, reason="EVDisconnected") == {}
    await shows(cp, "Finishing")
    session = await stored(the_session)
    assert (session.stop_reason, session.energy_wh) == ("EVDisconnected", 11_000)


async def test_the_car_is_unplugged_and_the_session_goes_on(cp, tag, stored):  # TC_005_2, .3
    await starts(cp)
    await shows(cp, "SuspendedEV", info="EV side disconnected")
    assert (await stored(the_session)).is_running


async def test_a_cached_tag_starts_without_asking(cp, tag, stored):  # TC_007
    await shows(cp, "Preparing")
    assert (await cp.call("StartTransaction", **start()))["idTagInfo"]["status"] == "Accepted"
    assert (await stored(the_session)).tag_id == tag.pk


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (None, "Invalid"),  # TC_023_1
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "Expired"),  # TC_023_2
        ({"blocked": True}, "Blocked"),  # TC_023_3
    ],
)
async def test_a_tag_is_refused(cp, stored, says, status):
    if says is not None:
        await IdTag.objects.acreate(id_tag="CAFE", **says)
    await shows(cp, "Preparing")
    assert (await cp.call("Authorize", idTag="CAFE"))["idTagInfo"]["status"] == status
    await shows(cp, "Available")
    assert await stored(Transaction.objects.count) == 0


async def test_the_lock_fails(cp, tag, stored):  # TC_024
    await cp.call("Authorize", idTag="CAFE")
    await shows(cp, "Faulted", errorCode="ConnectorLockFailure")
    connector = await stored(Connector.objects.get)
    assert (connector.status, connector.error_code) == ("Faulted", "ConnectorLockFailure")


async def test_an_invalid_tag_is_told_so_after_the_start(cp, stored):  # TC_037_3, online
    answer = await cp.call("StartTransaction", **start(idTag="STRANGER"))
    assert answer["idTagInfo"]["status"] == "Invalid"
    await stops(cp, answer["transactionId"], meterStop=1010, reason="DeAuthorized")
    session = await stored(the_session)
    assert (session.stop_reason, session.energy_wh, session.flags) == ("DeAuthorized", 10, ["unauthorized"])


async def test_data_transfer(cp):  # TC_064
    answer = await cp.call("DataTransfer", vendorId="com.example", messageId="Ping", data="?")
    assert answer == {"status": "UnknownVendorId"}


async def test_a_new_start_ends_what_was_left_open(cp, tag, stored):
    first = await starts(cp)
    await meters(cp, meter_value(8000, 30), transactionId=first)
    second = await starts(cp, meterStart=9000, timestamp=at(120))
    old = await stored(lambda: Transaction.objects.get(pk=first))
    assert (old.ended_by, old.meter_stop_wh, old.energy_wh, old.flags) == ("superseded", 8000, 7000, ["stop_missing"])
    assert (await stored(lambda: Transaction.objects.get(pk=second))).is_running


async def test_the_stop_that_comes_too_late_is_the_truth(cp, tag, stored):
    first = await starts(cp)
    await starts(cp, meterStart=9000, timestamp=at(120))
    await stops(cp, first, meterStop=8800, timestamp=at(119))
    old = await stored(lambda: Transaction.objects.get(pk=first))
    assert (old.ended_by, old.energy_wh, old.flags) == ("station", 7800, [])


async def test_a_start_on_the_other_connector_ends_nothing(cp, tag, stored):
    await starts(cp)
    await starts(cp, connectorId=2, timestamp=at(5))
    assert await stored(Transaction.objects.running().count) == 2


async def test_two_sessions_at_most(cp, stored):
    await IdTag.objects.acreate(id_tag="CAFE", max_concurrent=1)
    await starts(cp)
    elsewhere = await cp.call("StartTransaction", **start(connectorId=2, timestamp=at(5)))
    assert elsewhere["idTagInfo"]["status"] == "ConcurrentTx"
    session = await stored(lambda: Transaction.objects.get(pk=elsewhere["transactionId"]))
    assert (session.authorization_status, session.flags) == ("ConcurrentTx", ["unauthorized"])


async def test_the_same_connector_is_never_elsewhere(cp, stored):
    await IdTag.objects.acreate(id_tag="CAFE", max_concurrent=1)
    await starts(cp)
    again = await cp.call("StartTransaction", **start(timestamp=at(90), meterStart=9000))
    assert again["idTagInfo"]["status"] == "Accepted"


async def test_a_limit_counts_whatever_the_spelling(cp, stored):
    await IdTag.objects.acreate(id_tag="CAFE", max_concurrent=1)
    await starts(cp, idTag="cafe")
    elsewhere = await cp.call("StartTransaction", **start(idTag="Cafe", connectorId=2, timestamp=at(5)))
    assert elsewhere["idTagInfo"]["status"] == "ConcurrentTx"


async def test_without_a_limit_nothing_is_concurrent(cp, tag):
    for connector in (1, 2, 3):
        answer = await cp.call("StartTransaction", **start(connectorId=connector))
        assert answer["idTagInfo"]["status"] == "Accepted"


async def test_a_colleague_stops(cp, stored):
    group = await IdTagGroup.objects.acreate(parent_id_tag="FLEET")
    for number in ("CAFE", "BEEF"):
        await IdTag.objects.acreate(id_tag=number, group=group)
    session = await cp.call("StartTransaction", **start())
    verdict = await cp.call("Authorize", idTag="BEEF")
    assert verdict["idTagInfo"]["parentIdTag"] == session["idTagInfo"]["parentIdTag"] == "FLEET"
    await stops(cp, session["transactionId"], idTag="BEEF")
    assert (await stored(the_session)).stop_id_tag == "BEEF"


async def test_states_do_not_end_a_session(cp, tag, stored):
    await starts(cp)
    for status in ("Charging", "Finishing", "Available", "Unavailable", "Faulted"):
        await shows(cp, status)
    assert (await stored(the_session)).is_running
    assert await stored(StatusRecord.objects.count) == 5
