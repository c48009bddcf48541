"""Charts: what the script draws, in words and as a table."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import timezone, translation

from screens.charts import Chart, Series

from .transactions.conftest import utc

NOON = utc(2026, 11, 21, 12)
MOMENTS = [NOON + timedelta(minutes=number) for number in range(3)]


def rendered(chart):
    return render_to_string("screens/parts/chart.html", {"chart": chart})


def test_a_line_is_drawn_from_seconds_in_the_reader_s_zone():
    chart = Chart("power", "line", MOMENTS, [Series("Power", "kW", [Decimal("1.5"), None, 3], "--st-charging")])
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        data = chart.data
    assert data["x"] == [at.timestamp() for at in MOMENTS]
    assert data["zone"] == "Asia/Tokyo"
    assert data["series"][0]["values"] == [1.5, None, 3.0]
    assert (data["series"][0]["color"], data["series"][0]["scale"]) == ("--st-charging", "kW")


def test_the_summary_names_the_highest_amount_and_where_it_was():
    chart = Chart(
        "power", "line", MOMENTS, [Series("Power", "kW", [1, 11.04, 3], places=1), Series("SoC", "%", [None] * 3)]
    )
    with timezone.override(ZoneInfo("Europe/Berlin")), translation.override("de"):
        assert "11,0 kW" in chart.summary
        assert "21.11.2026 13:01" in chart.summary
    assert "SoC: no values." in chart.summary


def test_the_table_says_the_same():
    chart = Chart("energy", "bar", ["Anna", "Ben"], [Series("Energy", "kWh", [Decimal("12.345"), None])])
    assert [(place, amounts) for place, amounts in chart.rows()] == [("Anna", ["12.35 kWh"]), ("Ben", ["–"])]
    page = rendered(chart)
    assert 'data-chart="energy" role="img" aria-label="Energy: at most 12.35 kWh (Anna)."' in page
    assert "As a table" in page


def test_hostile_labels_are_text_in_all_three():
    hostile = '</script><svg/onload="alert(1)">'
    chart = Chart("energy", "bar", [hostile], [Series(hostile, "kWh", [1])])
    page = rendered(chart)
    assert page.count("<svg") == 0
    assert page.count("</script>") == 1
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', page)[1])
    assert data["x"] == [hostile]


def test_a_chart_without_any_amount_is_none():
    assert not Chart("power", "line", [], [])
    assert not Chart("power", "line", MOMENTS, [Series("Power", "kW", [None, None, None])])
    assert Chart("power", "line", MOMENTS, [Series("Power", "kW", [None, 0, None])])
