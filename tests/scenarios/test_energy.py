"""From registers to kWh, over the wire (§4.7, §10 of the behaviour page)."""

from transactions.models import DailyEnergy, MeterValue

from .speech import at, meter_value, meters, minute, starts, stops, the_session

REGISTER = "Energy.Active.Import.Register"
INTERVAL = "Energy.Active.Import.Interval"


async def test_transaction_data_is_not_counted_twice(cp, tag, stored):
    number = await starts(cp)
    curve = [meter_value(1000 + 100 * minutes, minutes) for minutes in range(0, 60, 10)]
    await meters(cp, *curve, transactionId=number)
    for _ in range(2):
        await stops(cp, number, transactionData=curve)
    assert await stored(MeterValue.objects.count) == 6
    assert (await stored(the_session)).energy_wh == 11_000
    assert (await stored(DailyEnergy.objects.get)).energy_wh == 11_000


async def test_signed_values_byte_for_byte(cp, tag, stored):
    ocmf = 'OCMF|{"FV":"1.0","ID":"é\\u20ac","RD":[]}|{"SD":"' + "3045" * 700 + '"}'
    signed = {"value": ocmf, "format": "SignedData", "context": "Transaction.End", "unit": "Wh", "measurand": REGISTER}
    reading = {"timestamp": at(60), "sampledValue": [signed]}
    await stops(cp, await starts(cp), transactionData=[reading])
    assert (await stored(MeterValue.objects.get)).samples == [signed]
    assert (await stored(the_session)).energy_wh == 11_000


async def test_kwh_and_wh_in_one_session(cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value("1.5", 10, unit="kWh"), meter_value("2000", 20, unit="Wh"), transactionId=number)
    assert (await stored(the_session)).energy_wh == 1000
    await meters(cp, meter_value("3.25", 30, unit="kWh"), meter_value("4000", 40), transactionId=number)
    assert (await stored(the_session)).energy_wh == 3000


async def test_intervals_are_no_registers(cp, tag, stored):
    number = await starts(cp)
    for minutes, wh in ((15, 500), (30, 400), (45, 300)):
        await meters(cp, meter_value(wh, minutes, measurand=INTERVAL, context="Sample.Clock"), transactionId=number)
    session = await stored(the_session)
    assert (session.energy_wh, session.register_wh, session.flags) == (0, 1000, [])
    kept = await stored(lambda: [row.samples[0]["value"] for row in MeterValue.objects.order_by("timestamp")])
    assert kept == ["500", "400", "300"]


async def test_exports_and_phases_are_no_registers(cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value(9000, 10, measurand="Energy.Active.Export.Register"), transactionId=number)
    await meters(cp, meter_value(400, 20, measurand=REGISTER, phase="L1"), transactionId=number)
    assert (await stored(the_session)).energy_wh == 0


async def test_the_meter_falls_during_the_session(cp, tag, stored):
    number = await starts(cp)
    for minutes, wh in ((10, 3000), (20, 50), (30, 1050)):
        await meters(cp, meter_value(wh, minutes), transactionId=number)
    await stops(cp, number, meterStop=1550)
    session = await stored(the_session)
    assert (session.energy_wh, session.flags) == (550, ["meter_reset"])  # what the station swears to, and a remark


async def test_the_last_reading_is_below_the_first(cp, tag, stored):
    await stops(cp, await starts(cp), meterStop=10)
    session = await stored(the_session)
    assert (session.meter_stop_wh, session.energy_wh, session.flags) == (10, 0, ["meter_lower"])


async def test_the_register_of_the_session_beside_that_of_the_meter(cp, tag, stored):
    number = await starts(cp, meterStart=1_000_000)
    await meters(cp, meter_value(500, 10), transactionId=number)
    await meters(cp, meter_value(1_000_500, 15))
    await meters(cp, meter_value(1500, 20), transactionId=number)
    await stops(cp, number, meterStop=1_002_000)
    session = await stored(the_session)
    assert (session.energy_wh, session.flags) == (2000, [])


async def test_the_stations_meter_is_nobodys_session(cp, tag, stored):
    await starts(cp)
    await meters(cp, meter_value(777_000, 15, context="Sample.Clock"), connector=0)
    assert (await stored(the_session)).energy_wh == 0
    assert (await stored(MeterValue.objects.get)).transaction_id == 0


async def test_readings_without_a_number_find_their_session(cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value(6000, 30))
    await meters(cp, meter_value(900, -30))
    rows = MeterValue.objects.order_by("timestamp").values_list("timestamp", "transaction_id")
    assert await stored(lambda: list(rows)) == [(minute(-30), 0), (minute(30), number)]
    assert (await stored(the_session)).energy_wh == 5000


async def test_readings_in_any_order(cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value(5000, 40), meter_value(3000, 20), meter_value(4000, 30), transactionId=number)
    session = await stored(the_session)
    assert (session.energy_wh, session.register_at, session.flags) == (4000, minute(40), [])


async def test_an_old_reading_moves_nothing(cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value(5000, 40), transactionId=number)
    await meters(cp, meter_value(3000, 20), transactionId=number)
    session = await stored(the_session)
    assert (session.register_wh, session.energy_wh, session.flags) == (5000, 4000, [])


async def test_readings_of_an_unknown_session_are_orphans(cp, stored):
    await meters(cp, meter_value(5, 1), transactionId=4711)
    row = await stored(MeterValue.objects.get)
    assert (row.transaction_id, row.reported_transaction_id) == (0, "4711")
