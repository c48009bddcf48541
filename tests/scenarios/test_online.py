"""Dialogues of a station that is online, beside those of `certification`: what the cases there do not ask for."""

from stations.models import StatusRecord
from transactions.models import IdTag, IdTagGroup, Transaction

from .speech import at, meter_value, meters, shows, start, starts, stops, the_session


async def test_the_car_is_unplugged_and_the_session_goes_on(cp, tag, stored):
    await starts(cp)
    await shows(cp, "SuspendedEV", info="EV side disconnected")
    assert (await stored(the_session)).is_running


async def test_an_invalid_tag_is_told_so_after_the_start(cp, stored):
    answer = await cp.call("StartTransaction", **start(idTag="STRANGER"))
    assert answer["idTagInfo"]["status"] == "Invalid"
    await stops(cp, answer["transactionId"], meterStop=1010, reason="DeAuthorized")
    session = await stored(the_session)
    assert (session.stop_reason, session.energy_wh, session.flags) == ("DeAuthorized", 10, ["unauthorized"])


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
