"""Stations that do not wait for answers: what one write batch holds together (§4.1.1 of OCPP-J is a "should")."""

from asgiref.sync import sync_to_async

from stations.models import Connector
from tests.conftest import make_station
from transactions.models import DailyEnergy, MeterValue, OrphanedStop, Transaction

from .speech import at, meter_value, start, stop, the_session


async def sends_all(cp, *calls):
    """Every CALL at once; returns the payloads of the answers, which come in the same order."""
    for number, (action, payload) in enumerate(calls):
        await cp.send([2, f"p{number}", action, payload])
    answers = [await cp.receive() for _ in calls]
    assert [answer[:2] for answer in answers] == [[3, f"p{number}"] for number in range(len(calls))]
    return [payload for _, _, payload in answers]


def readings(*meter_values, **said):
    return {"connectorId": 1, "meterValue": list(meter_values), **said}


async def test_the_same_start_twice_in_one_breath(cp, tag, stored):
    first, second = await sends_all(cp, ("StartTransaction", start()), ("StartTransaction", start(idTag="cafe")))
    assert first == second == {"idTagInfo": {"status": "Accepted"}, "transactionId": (await stored(the_session)).pk}


async def test_a_whole_session_without_its_number(cp, tag, stored):
    answers = await sends_all(
        cp,
        ("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}),
        ("StartTransaction", start()),
        *(("MeterValues", readings(meter_value(1000 + n, n), transactionId=-1)) for n in range(1, 20)),
        ("StopTransaction", stop(-1, idTag="CAFE")),
        ("StopTransaction", stop(-1, idTag="CAFE")),
    )
    session = await stored(the_session)
    assert (session.ended_by, session.energy_wh) == ("station", 11_000)
    assert answers[-2:] == [{"idTagInfo": {"status": "Accepted"}}] * 2
    assert await stored(MeterValue.objects.filter(transaction=session).count) == 19
    assert await stored(OrphanedStop.objects.count) == 0


async def test_sessions_that_replace_each_other_in_one_breath(cp, tag, stored):
    begins = [start(timestamp=at(60 * n), meterStart=1000 * n) for n in range(10)]
    await sends_all(cp, *(("StartTransaction", begin) for begin in begins))
    assert await stored(Transaction.objects.filter(ended_by="superseded").count) == 9
    assert (await stored(Transaction.objects.running().get)).meter_start_wh == 9000
    assert await stored(Connector.objects.count) == 1


async def test_the_same_readings_in_one_breath(cp, tag, stored):
    number = (await cp.call("StartTransaction", **start()))["transactionId"]
    curve = readings(meter_value(2000, 10), meter_value(3000, 20), transactionId=number)
    await sends_all(cp, *[("MeterValues", curve)] * 10, ("StopTransaction", stop(number)))
    assert await stored(MeterValue.objects.count) == 2
    assert (await stored(DailyEnergy.objects.get)).energy_wh == 11_000


async def test_two_stations_in_one_batch(cp, tag, stored, connect):
    await sync_to_async(make_station)("CP2")
    other = await connect("CP2")
    for number in range(20):
        for station in (cp, other):
            await station.send([2, f"p{number}", "StartTransaction", start(connectorId=number + 1)])
    numbers = {(await station.answer_to(f"p{n}"))[2]["transactionId"] for n in range(20) for station in (cp, other)}
    assert len(numbers) == 40
    assert await stored(Transaction.objects.filter(charge_point__identity="CP2").count) == 20


async def test_the_first_words_of_new_stations_together(gateway, connect, stored, settings):  # F27
    settings.UNKNOWN_CHARGE_POINTS = "accept"
    stations = [await connect(f"NEW-{number}") for number in range(10)]
    for station in stations:
        for connector in (0, 1, 2):
            status = {"connectorId": connector, "status": "Available", "errorCode": "NoError"}
            await station.send([2, f"s{connector}", "StatusNotification", status])
    for station in stations:
        assert [await station.receive() for _ in range(3)] == [[3, f"s{connector}", {}] for connector in (0, 1, 2)]
    assert await stored(Connector.objects.count) == 30
