"""Stored rows read back as what the station sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from transactions.models import MeterValue
from transactions.samples import Sample, merge, rows_of, samples_of

ENERGY = "Energy.Active.Import.Register"


def stored(*samples: Sample) -> MeterValue:
    (row,) = rows_of(samples)
    meter_value = MeterValue(context=row.context)
    merge(meter_value, row)
    return meter_value


def said(row: MeterValue) -> list[tuple]:
    return [(sample.value, sample.measurand, sample.phase, sample.unit) for sample in samples_of(row)]


def test_columns_speak_in_base_units_with_their_defaults():
    row = stored(Sample("1.234", unit="kWh"), Sample("16.10", measurand="Current.Import", phase="L2-N"))
    assert samples_of(row) == [
        Sample("1234", "Sample.Periodic", "Raw", ENERGY, None, "Outlet", "Wh"),
        Sample("16.1", "Sample.Periodic", "Raw", "Current.Import", "L2", "Outlet", "A"),
    ]


def test_nobody_knows_where_the_state_of_charge_was_measured():
    (sample,) = samples_of(stored(Sample("81", measurand="SoC", location="EV", unit="Percent")))
    assert (sample.value, sample.location, sample.unit) == ("81", None, "Percent")


@pytest.mark.parametrize(
    "kept",
    [
        Sample("1234.4"),  # rounded in its column
        Sample("1,234", unit="kWh"),  # a decimal comma
        Sample("7", location="Inlet"),
        Sample("OCMF|…", format="SignedData"),
        Sample("400", measurand="Voltage", phase="L1-L2"),
        Sample("nonsense"),
    ],
)
def test_what_was_kept_as_it_was_sent_is_said_once(kept):
    assert samples_of(stored(kept)) == [kept]


def test_a_column_beside_a_kept_sample_of_another_place_is_said_too():
    row = stored(Sample("7", location="Inlet"), Sample("9", location="Outlet"))
    assert said(row) == [("9", ENERGY, None, "Wh"), ("7", None, None, None)]


@pytest.mark.parametrize(("stored_as", "shown"), [("230.500", "230.5"), ("230.000", "230"), ("100", "100")])
def test_trailing_zeros_of_columns_are_not_what_the_station_sent(stored_as, shown):
    (sample,) = samples_of(MeterValue(context="Trigger", voltage_v=Decimal(stored_as)))
    assert sample.value == shown
