"""What a sample becomes: a column, a kept sample, or both (OCPP 1.6 §7.33, §7.43)."""

from decimal import Decimal

import pytest

from transactions.models import MeterValue
from transactions.samples import Row, Sample, merge, rows_of

ENERGY = "Energy.Active.Import.Register"


def columns(row: Row) -> dict:
    return {name: filling.value for name, filling in row.fillings.items()}


def kept(row: Row) -> list[dict]:
    return [sample.raw() for sample in row.kept]


def row_of(*samples: Sample) -> Row:
    (row,) = rows_of(samples)
    return row


def test_a_bare_value_is_the_energy_register_in_wh():  # L22
    row = row_of(Sample("1234"))
    assert (row.context, columns(row), kept(row)) == ("Sample.Periodic", {"energy_wh": 1234}, [])


@pytest.mark.parametrize(
    ("sample", "column", "value"),
    [
        (Sample("1.234", unit="kWh"), "energy_wh", 1234),
        (Sample("1234", measurand=ENERGY, unit="Wh", location="Outlet", format="Raw"), "energy_wh", 1234),
        (Sample(" 1234 "), "energy_wh", 1234),  # quirk 72
        (Sample("-5"), "energy_wh", -5),
        (Sample("1.2E3"), "energy_wh", 1200),
        (Sample("11.04", measurand="Power.Active.Import", unit="kW"), "power_w", 11040),
        (Sample("11040", measurand="Power.Active.Import"), "power_w", 11040),
        (Sample("16.1", measurand="Current.Import", unit="A"), "current_a", Decimal("16.1")),
        (Sample("16", measurand="Current.Import", phase="L1"), "current_l1_a", 16),
        (Sample("16", measurand="Current.Import", phase="L2-N"), "current_l2_a", 16),  # quirk 61
        (Sample("230.5", measurand="Voltage", unit="V"), "voltage_v", Decimal("230.5")),
        (Sample("230", measurand="Voltage", phase="L3-N", unit="V"), "voltage_l3_v", 230),
        (Sample("81", measurand="SoC", location="EV", unit="Percent"), "soc_percent", 81),
        (Sample("32", measurand="Current.Offered", unit="A"), "current_offered_a", 32),
        (Sample("32", measurand="current.import", phase="l1", unit="a"), "current_l1_a", 32),  # quirk 60
    ],
)
def test_a_column_says_it_all(sample, column, value):
    row = row_of(sample)
    assert (columns(row), kept(row)) == ({column: value}, [])


@pytest.mark.parametrize(
    "sample",
    [
        Sample("400", measurand="Voltage", phase="L1-L2"),  # L25: not a phase voltage
        Sample("1000", phase="L1"),  # energy of one phase
        Sample("5", measurand="Energy.Active.Import.Interval", unit="Wh"),  # L24
        Sample("5", measurand="Energy.Active.Export.Register", unit="Wh"),
        Sample("5", measurand="Energy.Reactive.Import.Register", unit="varh"),
        Sample("5", unit="varh"),
        Sample("5", measurand="Power.Active.Import", unit="A"),
        Sample("16", measurand="Current.Import", phase="N"),
        Sample("50", measurand="Frequency", unit="Hz"),  # quirk 58
        Sample("20", measurand="Temperature", unit="Celcius", location="Body"),  # L27, quirk 56
        Sample("7", measurand="Request.Energy"),  # mobilityhouse/ocpp#54
        Sample("power"),  # quirk 60
        Sample("OCMF|{...}|{...}", format="SignedData"),
        Sample("1000", format="SignedData", measurand=ENERGY),
        *[Sample(text) for text in ("", " ", "NaN", "sNaN", "Infinity", "-Infinity", "null", "12 34", "1_000")],
        *[Sample(text) for text in ("1,2,3", "0x10", "9" * 30, "1E+999999999", "-1E+18")],
        Sample("999.9996", measurand="SoC"),  # rounds to one digit too many
        Sample("1000000", measurand="Current.Import"),
    ],
)
def test_what_no_column_can_say_is_kept_as_sent(sample):
    row = row_of(sample)
    assert (columns(row), kept(row)) == ({}, [sample.raw()])


@pytest.mark.parametrize(
    ("sample", "column", "value"),
    [
        (Sample("1234.5"), "energy_wh", 1235),
        (Sample("1.2345678", unit="kWh"), "energy_wh", 1235),
        (Sample("16.12345", measurand="Current.Import"), "current_a", Decimal("16.123")),
        (Sample("230,5", measurand="Voltage"), "voltage_v", Decimal("230.5")),
        (Sample("500", location="Inlet"), "energy_wh", 500),
        (Sample("16", measurand="Current.Import", phase="L1-N", location="Body"), "current_l1_a", 16),  # quirk 61
        (Sample("1.00000000000000000000000000000001"), "energy_wh", 1),
    ],
)
def test_what_a_column_says_only_in_part_is_kept_beside_it(sample, column, value):
    row = row_of(sample)
    assert (columns(row), kept(row)) == ({column: value}, [sample.raw()])


def test_signed_data_is_kept_byte_for_byte_whatever_its_length():  # L26
    block = " OCMF|" + "x\t" * 50_000 + "\n"
    assert kept(row_of(Sample(block, format="SignedData")))[0]["value"] == block


@pytest.mark.parametrize("outlet_first", [True, False])
def test_the_outlet_has_the_column(outlet_first):
    outlet, inlet = Sample("100", location="Outlet"), Sample("105", location="Inlet")
    row = row_of(*([outlet, inlet] if outlet_first else [inlet, outlet]))
    assert (columns(row), kept(row)) == ({"energy_wh": 100}, [inlet.raw()])


def test_of_two_samples_for_a_column_the_first_wins_and_both_stay():
    row = row_of(Sample("100"), Sample("101", unit="Wh"), Sample("0.1", unit="kWh"), Sample("100"))
    assert (columns(row), kept(row)) == ({"energy_wh": 100}, [{"value": "101", "unit": "Wh"}])


def test_every_context_is_a_row_and_an_unknown_one_is_other():  # quirk 59
    begin, end, odd = (Sample("1", context=name) for name in ("Transaction.Begin", "transaction.end", "CurrentMax"))
    rows = rows_of([begin, end, odd])
    assert [row.context for row in rows] == ["Transaction.Begin", "Transaction.End", "Other"]
    assert [kept(row) for row in rows] == [[], [], [odd.raw()]]


def test_merging_adds_and_does_not_double():
    stored = MeterValue(energy_wh=100, samples=[{"value": "x"}])
    again = row_of(Sample("100"), Sample("x"), Sample("230", measurand="Voltage"))
    assert merge(stored, again) == {"voltage_v"}
    assert not merge(stored, again)
    assert merge(stored, row_of(Sample("101"))) == {"samples"}
    assert not merge(stored, row_of(Sample("101")))
    assert (stored.energy_wh, stored.samples) == (100, [{"value": "x"}, {"value": "101"}])


def test_merging_gives_the_outlet_its_column():
    inlet, outlet = Sample("105", location="Inlet"), Sample("100")
    stored = MeterValue(energy_wh=105, samples=[inlet.raw()])
    assert merge(stored, row_of(outlet)) == {"energy_wh"}
    assert (stored.energy_wh, stored.samples) == (100, [inlet.raw()])
    assert not merge(stored, row_of(inlet))


def test_thousands_of_different_samples_take_no_time_squared():
    row = row_of(*(Sample(str(number)) for number in range(20_000)))
    assert (row.energy_wh, len(row.kept)) == (0, 19_999)
