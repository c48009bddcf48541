"""What a third reader found: each of these went wrong before."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils import timezone

from jobs.models import Job
from people.access import Access
from people.models import Preferences
from screens.charts import Chart, Series
from screens.exports import queue_export
from screens.pages import back
from screens.tables import Format
from screens.tag_numbers import hide_tags
from stations.models import Message, Site
from transactions.models import Correction, EndedBy, Transaction
from transactions.services import stop_transaction

from ..conftest import make_station
from ..people import browser, browser_of, person, person_at
from .transactions.conftest import Sites

pytestmark = pytest.mark.django_db


def test_a_viewer_reads_no_tag_number_in_a_charger_s_messages() -> None:
    site = Site.objects.create(name="North")
    station = make_station("CP-1", site=site)
    frame = json.dumps([2, "1", "Authorize", {"idTag": "04A1B2C3D4F2"}])
    Message.objects.create(
        charge_point=station, at=timezone.now(), direction="in", kind=2, action="Authorize", unique_id="1", text=frame
    )
    url = f"/chargers/{station.pk}/?tab=messages"
    page = browser_of(person_at("viewer", site)).get(url).content.decode()
    assert "04A1B2C3D4F2" not in page
    assert "04A1…F2" in page
    assert "04A1B2C3D4F2" in browser("operator").get(url).content.decode()


def test_a_tag_number_is_hidden_in_json_within_json_too() -> None:
    """Stations tell of taps in the `data` of a DataTransfer, which is text."""
    data = json.dumps({"idTag": "04A1B2C3D4F2", "deeper": json.dumps({"parentIdTag": "FLEET00001"})})
    frame = json.dumps([2, "1", "DataTransfer", {"vendorId": "V", "data": data}])
    viewer = Access(person("viewer"))
    hidden = hide_tags(frame, viewer)
    assert "04A1B2C3D4F2" not in hidden
    assert "FLEET00001" not in hidden
    assert json.loads(json.loads(hidden)[3]["data"])["idTag"] == "04A1…F2"
    assert hide_tags('"\\' * 50_000, viewer) == '"\\' * 50_000


def test_a_correction_without_a_reading_forgets_the_one_of_the_correction_before() -> None:
    stuck = Sites().running(register_wh=5000, energy_wh=4000, register_at=timezone.now() - timedelta(hours=1))
    operator, url = browser("operator"), f"/transactions/{stuck.pk}/close/"
    end = f"{timezone.localtime() - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
    for reading, energy in (("500", 499_000), ("", 4000)):
        answer = operator.post(url, {"stopped_at": end, "meter_stop_kwh": reading, "reason": "Typed wrongly"})
        assert answer.status_code == 302
        stuck.refresh_from_db()
        assert stuck.energy_wh == energy
    assert stuck.meter_stop_wh == 5000


def test_closing_twice_with_the_same_reading_counts_once_after_a_fall_of_the_meter() -> None:
    began = {"meter_start_wh": 1000, "register_wh": 200, "energy_wh": 3000, "flags": ["meter_reset"]}
    stuck = Sites().running(**began, register_at=timezone.now() - timedelta(hours=1))
    operator, url = browser("operator"), f"/transactions/{stuck.pk}/close/"
    end = f"{timezone.localtime() - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
    for _press in range(2):
        operator.post(url, {"stopped_at": end, "meter_stop_kwh": "0.7", "reason": "Pressed twice"})
    assert Correction.objects.count() == 2
    assert Transaction.objects.get().energy_wh == 3500
    now = timezone.now()
    said = {"id_tag": None, "tag_too_long": False, "reason": None, "readings": [], "received_at": now}
    station = stuck.charge_point
    stop_transaction(station, transaction_id=stuck.pk, meter_stop_wh=700, timestamp=now, **said)
    row = Transaction.objects.get()
    assert (row.ended_by, row.energy_wh) == (EndedBy.STATION, 3500)


def test_a_zone_without_a_name_of_its_own_is_called_as_browsers_and_we_know_it() -> None:
    """Django calls Etc/GMT-5 "+05", which neither Intl nor zoneinfo takes."""
    with timezone.override("Etc/GMT-5"):
        chart = Chart("c", "line", [datetime(2026, 1, 1, tzinfo=UTC)], [Series("s", "kW", [1])])
        assert chart.data["zone"] == "Etc/GMT-5"
        request: Any = RequestFactory().post("/")
        request.user = person("operator")
        queue_export(request, request.GET, Format.CSV, "sites")
    assert Job.objects.get().parameters["zone"] == "Etc/GMT-5"


@pytest.mark.parametrize("target", ["overview", "?page=2", "x y"])
def test_the_way_back_may_be_any_address_of_ours(target: str) -> None:
    """Django's redirect takes a word without a slash for the name of a view."""
    request = RequestFactory().post("/", {"next": target})
    assert back(request, "/").status_code == 302


def test_a_filter_that_no_database_can_keep_is_refused() -> None:
    """PostgreSQL's JSON holds no NUL."""
    asked = {"scope": "sites", "format": "csv", "query": "person=%00"}
    assert browser("operator").post("/jobs/export/", asked).status_code == 400


@pytest.mark.parametrize("before", ["9" * 5000, "0" * 20 + "9" * 30, "0" * 30 + "9" * 5000])
def test_a_place_in_the_log_that_is_none_is_not_found(before: str) -> None:
    assert browser("operator").get(f"/messages/?before={before}").status_code == 404


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_the_ends_of_the_calendar_are_errors_beside_their_fields(moment: str, zone: str) -> None:
    """As UTC they lie in no year that Python or a database knows."""
    station, client = make_station("CP-1"), browser("operator")
    Preferences.objects.create(user=person("operator"), time_zone=zone)
    commands = {
        "GetDiagnostics": {"location": "http://example.org/x", "start_time": moment},
        "UpdateFirmware": {"location": "http://example.org/x", "retrieve_date": moment},
        "ReserveNow": {"connector_id": "1", "id_tag": "A", "reservation_id": "1", "expiry_date": moment},
    }
    for action, entered in commands.items():
        answer = client.post(f"/chargers/{station.pk}/send/{action}/", {"if_offline": "drop", **entered})
        assert answer.status_code == 422
        assert {"start_time", "retrieve_date", "expiry_date"} & set(answer.context["form"].errors)


def test_the_links_to_a_report_s_file_may_lead_to_a_page_that_asks_first() -> None:
    """With `download` the browser would save that page as the file."""
    Sites().session()
    page = browser("operator").get("/reports/").content.decode()
    links = re.findall(r"<a [^>]*/reports/export/[^>]*>", page)
    assert len(links) == 3
    assert not any("download" in link for link in links)
