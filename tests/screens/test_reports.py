"""The reports' pages: what they add up, for whom, and what people take along."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.urls import reverse
from django.utils import timezone

from jobs import kinds
from jobs.models import Job
from jobs.progress import Progress
from stations.models import ChargePoint, Connector, Site
from tests.admin_cast import make_transaction
from tests.people import browser, browser_of, holder, person, person_at
from transactions.models import DailyEnergy, IdTag

pytestmark = pytest.mark.django_db
NOVEMBER = "since=2026-11-01&until=2026-11-30"


def make_connector(identity: str, site: Site | None) -> Connector:
    station = ChargePoint.objects.create(identity=identity, site=site)
    return Connector.objects.create(charge_point=station, connector_id=1)


class Garages:
    """Anna charges in the north, Ben in the south, each on two days of November."""

    def __init__(self) -> None:
        self.north, self.south = Site.objects.create(name="North"), Site.objects.create(name="South")
        self.bays = make_connector("N-1", self.north), make_connector("S-1", self.south)
        self.anna = IdTag.objects.create(id_tag="04A1B2C3D4", holder="Anna")
        self.ben = IdTag.objects.create(id_tag="04FFEE99AA", holder="=Ben")
        for bay, tag, factor in ((self.bays[0], self.anna, 1), (self.bays[1], self.ben, 10)):
            for day in (3, 17):
                at = datetime(2026, 11, day, 12, tzinfo=UTC)
                make_transaction(
                    bay, tag, at, energy_wh=1234 * factor, stopped_at=at + timedelta(hours=2), id_tag=tag.id_tag
                )
                DailyEnergy.objects.create(connector=bay, day=at.date(), energy_wh=1234 * factor)


@pytest.fixture
def garages(db):
    return Garages()


def page(client, query=NOVEMBER, path="/reports/"):
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer
    return answer.content.decode()


def rows_of(answer):
    text = b"".join(answer.streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


def test_energy_sessions_and_time_by_person(garages):
    html = page(browser("viewer"))

    assert "27.15 <small>kWh</small>" in html
    assert "8:00 <small>h</small>" in html
    for cell in ("=Ben", "24.68", "90.9", "Anna", "2.47", "9.1", "4:00"):
        assert cell in html
    assert html.index("=Ben") < html.index("Anna")
    assert "time zone UTC" in html
    assert "A session counts as a whole on the day it began" in html
    assert 'role="img" aria-label="Energy: at most 13.57 kWh (3 Nov 2026)."' in html


@pytest.mark.parametrize(
    ("by", "words"), [("site", ["North", "South"]), ("charger", ["N-1", "S-1"]), ("group", ["Without a group"])]
)
def test_by_everything_else(garages, by, words):
    html = page(browser("viewer"), f"{NOVEMBER}&by={by}")

    assert "27.15" in html
    assert all(word in html for word in words)


def test_months_are_columns(garages):
    html = page(browser("viewer"), "since=2026-10-01&until=2026-11-30&per=month&by=person")

    assert "Oct 2026</th>" in html
    assert "Nov 2026</th>" in html
    assert html.count("24.68") == 2


def test_one_person_over_time(garages):
    html = page(browser("viewer"), f"{NOVEMBER}&subject=name-Anna")

    assert "Person: <bdi>Anna</bdi>" in html
    assert html.count("<tr>") >= 30
    assert "=Ben" not in html
    assert "Statement with every session" in html


def test_a_statement_lists_every_session_in_the_installations_zone(garages, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    html = page(browser("operator"), f"{NOVEMBER}&subject=name-Anna", "/reports/statement/")

    assert "Statement for Anna" in html.replace("<bdi>", "").replace("</bdi>", "")
    assert "3 Nov 2026 13:00" in html
    assert "04A1B2C3D4" in html
    assert "2 sessions" in html
    assert "2.47" in html
    assert "04FFEE99AA" not in html


def test_numbers_of_tags_are_masked_for_viewers(garages):
    query = f"{NOVEMBER}&by=tag"
    assert "04A1B2C3D4" in page(browser("operator"), query)
    html = page(browser("viewer"), query)
    assert "04A1B2C3D4" not in html
    assert "04A1…D4" in html
    exported = browser("viewer").get(f"/reports/export/?{query}&format=csv&per=month")
    assert ["2026-11", "Anna", "04A1…D4", "2.468", "2", "14400"] in rows_of(exported)


def test_people_of_one_site_see_that_sites_use_only(garages):
    client = browser_of(person_at("viewer", garages.north))
    for by in ("person", "site", "charger", "tag"):
        html = page(client, f"{NOVEMBER}&by={by}")
        assert "2.47" in html
        assert not any(other in html for other in ("=Ben", "S-1", "South", "24.68"))
        rows = rows_of(client.get(f"/reports/export/?{NOVEMBER}&by={by}&format=csv"))
        assert sum(Decimal(row[-3]) for row in rows[1:]) == Decimal("2.468")


def test_what_lies_at_other_sites_is_not_even_named(garages):
    client = browser_of(person_at("viewer", garages.north))

    assert "=Ben" not in page(client, f"{NOVEMBER}&subject=name-%3DBen").replace("name-=Ben", "")
    assert client.get(f"/reports/statement/?{NOVEMBER}&subject=name-%3DBen").status_code == 404
    assert "Select a valid choice" in page(client, f"{NOVEMBER}&site={garages.south.pk}")


def test_a_site_is_chosen(garages):
    html = page(browser("viewer"), f"{NOVEMBER}&site={garages.north.pk}")

    assert "2.47" in html
    assert "=Ben" not in html


def test_holders_have_no_reports(garages):
    client = browser_of(holder(garages.anna))

    for path in ("/reports/", "/reports/statement/", "/reports/export/"):
        assert client.get(path).status_code == 403
    assert browser("anonymous").get("/reports/").status_code == 302


def test_exports_are_the_same_in_every_language(garages):
    client = browser("operator", headers={"Accept-Language": "de"})
    rows = rows_of(client.get(f"/reports/export/?{NOVEMBER}&by=person&format=csv"))

    assert rows[0] == ["day", "person", "energy_kwh", "sessions", "duration_s"]
    assert rows[1:] == [
        ["2026-11-03", "'=Ben", "12.340", "1", "7200"],
        ["2026-11-03", "Anna", "1.234", "1", "7200"],
        ["2026-11-17", "'=Ben", "12.340", "1", "7200"],
        ["2026-11-17", "Anna", "1.234", "1", "7200"],
    ]


def test_german_excel_gets_its_own_numbers_and_dates(garages):
    answer = browser("operator").get(f"/reports/export/?{NOVEMBER}&by=person&format=csv_de")
    text = b"".join(answer.streaming_content).decode()

    assert text.startswith("\ufeffday;person;energy_kwh;sessions;duration_s\r\n")
    assert "03.11.2026;Anna;1,234;1;7200" in text


def test_xlsx_has_dates_numbers_and_sums(garages):
    answer = browser("operator").get(f"/reports/export/?{NOVEMBER}&by=charger&format=xlsx")
    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    rows = list(book.worksheets[0].iter_rows(values_only=True))

    assert rows[1] == (datetime(2026, 11, 3), None, "N-1", 1.234, 1, 7200)
    assert list(book["sums"].iter_rows(values_only=True)) == [
        ("energy_kwh", "sessions", "duration_s"),
        (27.148, 4, 28800),
    ]
    assert 'filename="plugcontrol-report-charger-2026-11-01_2026-11-30.xlsx"' in answer["Content-Disposition"]


def test_a_large_report_becomes_a_job(garages, monkeypatch):
    monkeypatch.setattr("screens.reports.views.DIRECT_ROWS", 3)
    client = browser("operator")
    url = f"/reports/export/?{NOVEMBER}&by=person&format=csv"
    assert "in the background" in page(client, f"{NOVEMBER}&by=person&format=csv", "/reports/export/")
    assert not Job.objects.exists()

    answer = client.post(url)
    job = Job.objects.get()
    assert answer["Location"] == reverse("screens:job", args=[job.pk])
    assert (job.kind, job.owner) == ("export_report", person("operator"))
    result = kinds.find(job.kind)(job, Progress())
    result.content.seek(0)
    assert len(result.content.read().splitlines()) == 5


def test_a_job_asks_again_what_its_owner_may(garages, monkeypatch):
    monkeypatch.setattr("screens.reports.views.DIRECT_ROWS", 3)
    operator = person("operator")
    browser("operator").post(f"/reports/export/?{NOVEMBER}&format=csv")
    job = Job.objects.get()
    operator.groups.clear()

    with pytest.raises(kinds.JobFailed, match="You may not export this any more"):
        kinds.find(job.kind)(Job.objects.get(pk=job.pk), Progress())


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("since=2026-12-01&until=2026-11-01", "This is before the first day"),
        ("since=1971-01-01&until=2026-11-01", "at most 30 years"),
        ("since=nonsense", "Enter a valid date"),
        ("by=nonsense", "Select a valid choice"),
        ("since=0001-01-01", "greater than or equal to"),
    ],
)
def test_senseless_questions_are_answered_beside_the_field(garages, query, error):
    client = browser("viewer")
    assert error in page(client, query)
    assert client.get(f"/reports/export/?{query}&format=csv").status_code == 400
    assert client.get(f"/reports/statement/?{query}&subject=name-Anna").status_code == 404


def test_days_of_a_long_period_become_months(garages):
    html = page(browser("viewer"), "since=2026-01-01&until=2026-12-31&per=day")

    assert "Days are shown for periods of up to three months" in html
    assert "Nov 2026</th>" in html


@pytest.mark.parametrize(("per", "title"), [("day", "Day"), ("month", "Month"), ("year", "Year")])
def test_the_chart_says_what_stands_below_it(garages, per, title):
    html = page(browser("viewer"), f"since=2026-11-01&until=2026-11-30&per={per}")
    assert f'<th scope="col">{title}</th><th scope="col" class="num">Energy</th>' in html


def test_without_any_wish_it_is_this_month(garages):
    garages.anna.transactions.update(started_at=timezone.now())
    html = page(browser("viewer"), "")

    first = timezone.localdate().replace(day=1)
    assert "2.47" in html
    assert f"{first.day} {first:%b %Y}" in html


def test_an_empty_period_offers_a_longer_one(garages):
    html = page(browser("viewer"), "since=2020-01-01&until=2020-01-31")

    assert "No sessions in this period" in html
    assert "period=12_months" in html


def test_htmx_gets_the_part_below_the_filter(garages):
    headers = {"HX-Request": "true", "HX-Target": "list"}
    html = browser("viewer").get(f"/reports/?{NOVEMBER}", headers=headers).content.decode()

    assert "<html" not in html
    assert "27.15" in html


@pytest.mark.parametrize("by", ["person", "tag", "group", "charger", "site"])
def test_the_database_is_asked_a_bounded_number_of_times(garages, by, django_assert_max_num_queries):
    client = browser("viewer")
    for number in range(60):
        tag = IdTag.objects.create(id_tag=f"T{number}", holder=f"Person {number}")
        bay = make_connector(f"BAY-{number}", garages.north)
        make_transaction(bay, tag, datetime(2026, 11, 5, tzinfo=UTC), id_tag=tag.id_tag)
    page(client)
    # twelve are the house's: session (4), person, preferences, permissions (2), memberships, cards (2), sites
    with django_assert_max_num_queries(20):
        page(client, f"since=2026-10-01&until=2026-11-30&per=month&by={by}")


def test_hostile_names_stay_text(garages):
    IdTag.objects.filter(pk=garages.anna.pk).update(holder="<svg/onload=alert(1)>")
    for query in (NOVEMBER, f"{NOVEMBER}&subject=name-%3Csvg%2Fonload%3Dalert(1)%3E"):
        assert "<svg/onload" not in page(browser("viewer"), query)


def test_an_unknown_subject_is_not_found(garages):
    assert browser("viewer").get(f"/reports/?{NOVEMBER}&subject=name-Nobody").status_code == 404
