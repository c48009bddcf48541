"""MeterValues: readings of a connector's or the station's meter (OCPP 1.6 §4.7)."""

from decimal import Decimal

from tests.scenarios.speech import at, errors_of, meter_value, meters, minute, repairs, starts, the_session
from transactions.models import MeterValue


def reading(*samples, **said):
    return {"timestamp": at(10), "sampledValue": list(samples), **said}


def the_row():
    return MeterValue.objects.get()


def registers():
    return list(MeterValue.objects.order_by("timestamp").values_list("energy_wh", flat=True))


async def test_the_usual_measurands_have_columns(cp, tag, stored):
    number = await starts(cp)
    samples = [
        {"value": "1500.5", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "11", "measurand": "Power.Active.Import", "unit": "kW"},
        {"value": "15.9", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
        {"value": "16.0", "measurand": "Current.Import", "phase": "L2", "unit": "A"},
        {"value": "230.1", "measurand": "Voltage", "phase": "L1-N", "unit": "V"},
        {"value": "42", "measurand": "SoC", "unit": "Percent", "location": "EV"},
    ]
    assert await meters(cp, reading(*samples), transactionId=number) == {}
    row = await stored(the_row)
    assert (row.transaction_id, row.timestamp, row.context) == (number, minute(10), "Sample.Periodic")
    assert (row.energy_wh, row.power_w, row.current_l1_a) == (1501, 11_000, Decimal("15.9"))
    assert (row.current_l2_a, row.voltage_l1_v, row.soc_percent) == (16, Decimal("230.1"), 42)


async def test_a_bare_value_is_the_register_in_wh(cp, tag, stored):
    await meters(cp, reading({"value": "1500"}), transactionId=await starts(cp))
    row = await stored(the_row)
    assert (row.energy_wh, row.context, row.samples) == (1500, "Sample.Periodic", None)
    assert (await stored(the_session)).energy_wh == 500


async def test_the_station_has_a_meter_too(cp, stored):
    assert await meters(cp, reading({"value": "9", "context": "Sample.Clock"}), connector=0) == {}
    row = await stored(lambda: MeterValue.objects.select_related("connector").get())
    assert (row.connector.connector_id, row.transaction_id, row.context) == (0, 0, "Sample.Clock")


async def test_other_measurands_are_kept_as_sent(cp, stored):
    samples = [
        {"value": "50.01", "measurand": "Frequency", "unit": "Hertz"},
        {"value": "7", "measurand": "Request.Energy"},
        {"value": "399", "measurand": "Voltage", "phase": "L1-L2", "unit": "V"},
    ]
    assert await meters(cp, reading(*samples)) == {}
    assert (await stored(the_row)).samples == [{**samples[0], "unit": "Hz"}, *samples[1:]]


async def test_both_spellings_of_celsius(cp, stored):
    hot = {"value": "61", "measurand": "Temperature", "location": "Body"}
    await meters(cp, reading({**hot, "unit": "Celcius"}), reading({**hot, "unit": "Celsius"}, timestamp=at(11)))
    units = [row.samples[0]["unit"] for row in await stored(lambda: list(MeterValue.objects.all()))]
    assert units == ["Celsius", "Celsius"]


async def test_each_context_has_its_row(cp, stored):
    await meters(
        cp, reading({"value": "1"}, {"value": "2", "context": "Trigger"}, {"value": "3", "context": "CurrentMax"})
    )
    rows = MeterValue.objects.order_by("energy_wh").values_list("energy_wh", "context")
    assert await stored(lambda: list(rows)) == [(1, "Sample.Periodic"), (2, "Trigger"), (3, "Other")]


async def test_texts_that_are_no_numbers_are_kept_and_not_calculated_with(cp, tag, stored):
    words = ["NaN", "Infinity", "", "twelve", "1e999", "-"]
    await meters(cp, reading(*({"value": word} for word in words)), transactionId=await starts(cp))
    row = await stored(the_row)
    assert (row.energy_wh, [sample["value"] for sample in row.samples]) == (None, words)
    assert (await stored(the_session)).energy_wh == 0


async def test_a_decimal_comma_and_blanks(cp, stored):
    await meters(cp, reading({"value": " 1,5 ", "unit": "kWh"}))
    row = await stored(the_row)
    assert (row.energy_wh, row.samples) == (1500, [{"value": " 1,5 ", "unit": "kWh"}])


async def test_numbers_for_texts(cp, stored):
    await meters(cp, reading({"value": 1500}), reading({"value": 1.5, "unit": "kWh"}, timestamp=at(11)))
    assert await stored(registers) == [1500, 1500]
    assert await stored(repairs) == {("text_from_number", "meterValue.sampledValue.value")}


async def test_one_object_for_a_list(cp, stored):
    one = {"timestamp": at(1), "sampledValue": {"value": "5"}}
    assert await cp.call("MeterValues", connectorId=1, meterValue=one) == {}
    assert await stored(registers) == [5]
    assert await stored(repairs) == {("object_to_list", "meterValue"), ("object_to_list", "meterValue.sampledValue")}


async def test_the_names_of_ocpp_15(cp, stored):
    assert await cp.call("MeterValues", connectorId=1, values=[{"timestamp": at(1), "values": [{"value": "5"}]}]) == {}
    assert await stored(registers) == [5]


async def test_nothing_measured_is_nothing_stored(cp, stored):
    assert await meters(cp) == {}
    assert await meters(cp, reading(), {"timestamp": at(1)}) == {}
    assert await stored(MeterValue.objects.count) == 0


async def test_readings_without_a_time_are_of_their_arrival(cp, stored):
    assert await meters(cp, {"sampledValue": [{"value": "5"}]}, reading({"value": "6"}, timestamp="?")) == {}
    row = await stored(the_row)  # one moment, so one row
    assert (row.energy_wh, row.samples) == (5, [{"value": "6"}])
    assert row.timestamp > minute(60)


async def test_a_member_without_a_value(cp, stored):
    await cp.send_text(
        '[2,"1","MeterValues",{"connectorId":1,"transactionId":,"meterValue":['
        '{"timestamp":"2025-06-01T12:00:00Z","sampledValue":[{"value":"5"}]}]}]'
    )
    assert await cp.answer_to("1") == [3, "1", {}]
    assert await stored(registers) == [5]


async def test_no_number_is_too_odd(cp, stored):
    for minutes, number in enumerate((0, -1, 4711, 2**31, 2**63 - 1, 10**30, "12")):
        assert await meters(cp, meter_value(5, minutes), transactionId=number) == {}
    kept = MeterValue.objects.order_by("timestamp").values_list("reported_transaction_id", flat=True)
    assert await stored(lambda: list(kept)) == ["", "", "4711", str(2**31), str(2**63 - 1), str(10**30), "12"]


async def test_repetition_changes_nothing(cp, tag, stored):
    number = await starts(cp)
    for _ in range(3):
        await meters(cp, meter_value(1500, 10), meter_value(2000, 20), transactionId=number)
    assert await stored(registers) == [1500, 2000]
    assert (await stored(the_session)).energy_wh == 1000


async def test_further_samples_of_a_moment_join_its_row(cp, stored):
    await meters(cp, reading({"value": "5"}))
    await meters(cp, reading({"value": "7", "measurand": "SoC"}))
    row = await stored(the_row)
    assert (row.energy_wh, row.soc_percent) == (5, 7)


VALUES = {"connectorId": 1, "meterValue": [{"timestamp": at(1), "sampledValue": [{"value": "5"}]}]}


def with_sample(**sample):
    return {**VALUES, "meterValue": [reading({"value": "5", **sample})]}


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"connectorId": 1}, "OccurenceConstraintViolation"),
    ({"meterValue": VALUES["meterValue"]}, "OccurenceConstraintViolation"),
    ({**VALUES, "connectorId": -1}, "PropertyConstraintViolation"),
    ({**VALUES, "connectorId": 2**31}, "PropertyConstraintViolation"),
    ({**VALUES, "connectorId": 0.5}, "TypeConstraintViolation"),
    ({**VALUES, "connectorId": True}, "TypeConstraintViolation"),
    ({**VALUES, "transactionId": "x"}, "TypeConstraintViolation"),
    ({**VALUES, "meterValue": "5"}, "TypeConstraintViolation"),
    ({**VALUES, "meterValue": [None]}, "TypeConstraintViolation"),
    ({**VALUES, "meterValue": [reading(None)]}, "TypeConstraintViolation"),
    ({**VALUES, "meterValue": [reading("5")]}, "TypeConstraintViolation"),
    (with_sample(value={"wh": 5}), "TypeConstraintViolation"),
    (with_sample(unit=["Wh"]), "TypeConstraintViolation"),
    ([VALUES], "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "MeterValues", (payload for payload, _ in REFUSED)) == codes
    assert await stored(MeterValue.objects.count) == 0
