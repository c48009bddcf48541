"""Exports of sessions: at once or as a job, in three formats, for who may."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import django_filters
import openpyxl
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, connections
from django.http import QueryDict
from django.test import AsyncRequestFactory, Client, RequestFactory

from jobs import kinds
from jobs.models import Job, State
from jobs.progress import Progress
from jobs.runner import Runner
from people.access import access_of
from screens import exports
from screens.exports import exports_with, respond_with_transactions
from screens.tables import Format, Table, respond_with_table
from stations.models import ChargePoint, Connector, Site
from tests.admin_cast import make_transaction
from tests.people import browser_of, holder, person, person_at
from transactions.models import IdTag, Transaction

pytestmark = pytest.mark.django_db


class ByCharger(django_filters.FilterSet):
    charger = django_filters.CharFilter(field_name="charge_point__identity")
    since = django_filters.DateFilter(field_name="started_at", lookup_expr="date__gte")


@pytest.fixture(autouse=True)
def filters(monkeypatch):
    """Pages of our own in both scopes."""
    kinds.find("export_transactions")
    monkeypatch.setattr(exports, "_filters", {})
    exports_with("sites")(ByCharger)
    exports_with("own")(ByCharger)


class Garages:
    def __init__(self):
        self.north, self.south = Site.objects.create(name="North"), Site.objects.create(name="South")
        self.tag = IdTag.objects.create(id_tag="04A1B2C3D4", holder="Anna")
        self.other = IdTag.objects.create(id_tag="04FFEE99AA", holder="Ben")
        for site, tag in ((self.north, self.tag), (self.south, self.other)):
            station = ChargePoint.objects.create(identity=site.name[0], site=site)
            bay = Connector.objects.create(charge_point=station, connector_id=1)
            for day in (3, 17):
                make_transaction(bay, tag, datetime(2026, 11, day, 12, tzinfo=UTC), id_tag=tag.id_tag, energy_wh=1234)


@pytest.fixture
def garages(db):
    return Garages()


def request_of(user: User, factory=None, method: str = "get"):
    request = getattr(factory or RequestFactory(), method)("/transactions/")
    request.user, request.access = user, access_of(user)
    return request


def export(user, file_format="csv", query="", scope="sites"):
    wanted = QueryDict(query)
    rows = ByCharger(wanted, queryset=Transaction.objects.all()).qs
    answer = respond_with_transactions(request_of(user), rows, wanted, Format(file_format), scope)
    return answer, b"".join(answer.streaming_content)


def records(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_csv_comes_at_once_oldest_first(garages):
    answer, content = export(person("operator"))
    rows = records(content)

    assert [row["started_at_utc"] for row in rows] == sorted(row["started_at_utc"] for row in rows)
    assert rows[0]["started_at_utc"] == "2026-11-03T12:00:00Z"
    assert {row["energy_kwh"] for row in rows} == {"1.234"}
    assert len(rows) == 4
    assert answer["Content-Disposition"] == 'attachment; filename="plugcontrol-transactions-2026-11-03_2026-11-17.csv"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"


def test_german_excel(garages):
    _answer, content = export(person("operator"), "csv_de")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))

    assert content.startswith(b"\xef\xbb\xbf")
    assert (rows[0]["started_at_utc"], rows[0]["energy_kwh"]) == ("03.11.2026 12:00:00", "1,234")


def test_xlsx_has_numbers_dates_and_sums(garages):
    answer, content = export(person("operator"), "xlsx")
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book["transactions"]
    header, first, *_rest = sheet.iter_rows(values_only=True)
    row = dict(zip(header, first, strict=True))

    assert (row["started_at_utc"], row["energy_kwh"]) == (datetime(2026, 11, 3, 12), 1.234)
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref.endswith("5")
    sums = dict(zip(*book["sums"].iter_rows(values_only=True), strict=True))
    assert (sums["transactions"], sums["energy_kwh"], sums["duration_s"]) == (4, 4.936, 4 * 3601)
    assert sums["last_started_at_utc"] == datetime(2026, 11, 17, 12)
    assert answer["Content-Disposition"].endswith('.xlsx"')


@pytest.mark.django_db(transaction=True)
async def test_it_streams_piece_by_piece_under_asgi(garages, monkeypatch):
    monkeypatch.setattr("screens.tables._LINES_AT_ONCE", 1)
    user = await sync_to_async(person)("operator")
    request = await sync_to_async(request_of)(user, AsyncRequestFactory())

    def respond():
        return respond_with_transactions(request, Transaction.objects.all(), QueryDict(), Format.CSV)

    answer = await sync_to_async(respond)()
    pieces = [piece async for piece in answer.streaming_content]
    assert len(pieces) == 5
    assert len(records(b"".join(pieces))) == 4
    await sync_to_async(connections.close_all)()  # of the thread that async tests query in


def test_only_the_sites_where_one_may_export(garages):
    _answer, content = export(person_at("viewer", garages.north))

    assert {row["site"] for row in records(content)} == {"North"}


def test_own_sessions_are_for_their_holder_with_full_numbers(garages):
    _answer, content = export(holder(garages.tag), scope="own")

    assert [row["id_tag"] for row in records(content)] == ["04A1B2C3D4"] * 2


def test_viewers_get_masked_numbers(garages):
    _answer, content = export(person("viewer"))

    assert {row["id_tag"] for row in records(content)} == {"04A1…D4", "04FF…AA"}


def test_who_may_export_nowhere_is_refused(garages):
    with pytest.raises(PermissionDenied):
        export(holder(garages.tag))


class Large:
    """An export that is too large to come at once."""

    def __init__(self, user: User) -> None:
        self.user = user

    def begin(self, query="charger=N", file_format="csv", scope="sites") -> Job:
        data = {"query": query, "format": file_format, "scope": scope}
        answer = browser_of(self.user).post("/jobs/export/", data)
        job = Job.objects.get()
        assert answer["Location"] == f"/jobs/{job.pk}/"
        return job


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(exports, "DIRECT_ROWS", 1)


def content_of(job: Job) -> bytes:
    result = kinds.find(job.kind)(Job.objects.get(pk=job.pk), Progress())
    result.content.seek(0)
    return result.content.read()


def test_a_large_export_asks_first_and_then_is_a_job(garages, small_limit, rf):
    operator = person("operator")
    wanted = QueryDict("charger=N")
    rows = ByCharger(wanted, queryset=Transaction.objects.all()).qs
    client = browser_of(operator)
    request = request_of(operator)
    request.session = client.session
    answer = respond_with_transactions(request, rows, wanted, Format.CSV)
    html = answer.content.decode()
    assert 'name="query" value="charger=N"' in html
    assert not Job.objects.exists()

    request = request_of(operator, method="post")
    answer = respond_with_transactions(request, rows, wanted, Format.CSV)
    job = Job.objects.get()
    assert answer["Location"] == f"/jobs/{job.pk}/"
    assert job.parameters == {"query": {"charger": ["N"]}, "format": "csv", "scope": "sites", "zone": "UTC"}
    assert [row["charge_point_id"] for row in records(content_of(job))] == ["N", "N"]


def test_the_job_says_what_it_made(garages):
    job = Large(person("operator")).begin("", "xlsx")
    progress = Progress()
    result = kinds.find(job.kind)(job, progress)

    assert result.message == "4 transactions, 4.94 kWh"
    assert (progress.done, progress.total) == (4, 4)
    assert result.file_name == "plugcontrol-transactions-2026-11-03_2026-11-17.xlsx"
    book = openpyxl.load_workbook(result.content)
    assert book["sums"]["A2"].value == 4


def test_the_job_asks_again_what_its_owner_may(garages):
    user = person_at("viewer", garages.north)
    job = Large(user).begin("")
    assert {row["site"] for row in records(content_of(job))} == {"North"}

    user.memberships.update(site=garages.south)
    assert {row["site"] for row in records(content_of(job))} == {"South"}
    user.memberships.all().delete()
    with pytest.raises(kinds.JobFailed, match="There is nothing to export"):
        content_of(job)
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(kinds.JobFailed, match="no account any more"):
        content_of(job)


def test_days_of_a_filter_are_meant_in_the_readers_zone(garages, settings):
    """Queued by somebody in Auckland, where the session of the 3rd, 12:00 UTC, began on the 4th."""
    from people.models import Preferences

    operator = person("operator")
    Preferences.objects.create(user=operator, time_zone="Pacific/Auckland")
    job = Large(operator).begin("since=2026-11-04&charger=N")
    assert job.parameters["zone"] == "Pacific/Auckland"
    assert len(records(content_of(job))) == 2


def test_a_filter_that_makes_no_sense_any_more_is_said(garages):
    job = Large(person("operator")).begin("since=nonsense")

    with pytest.raises(kinds.JobFailed, match="The filter names something"):
        content_of(job)


def test_more_than_a_sheet_can_hold_is_refused_before_it_is_tried(garages, monkeypatch):
    monkeypatch.setattr(exports, "MAX_XLSX_ROWS", 3)
    job = Large(person("operator")).begin("", "xlsx")

    with pytest.raises(kinds.JobFailed, match="An XLSX sheet cannot hold"):
        content_of(job)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"scope": "everything", "format": "csv"}, 400),
        ({"scope": "own", "format": "exe"}, 400),
        ({"scope": "sites", "format": "csv"}, 403),
    ],
)
def test_nonsense_and_what_one_may_not_begin_no_job(garages, data, status):
    assert browser_of(holder(garages.tag)).post("/jobs/export/", data).status_code == status
    assert Client().post("/jobs/export/", data).status_code == 302
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_from_the_button_to_the_file():
    garages = Garages()
    user = holder(garages.tag)
    client = browser_of(user)
    Large(user).begin("", "csv", "own")
    Runner().run_next()

    job = Job.objects.get()
    assert (job.state, job.done, job.total) == (State.DONE, 2, 2)
    assert job.expires_at - job.ended_at == timedelta(days=1)
    answer = client.get(f"/jobs/{job.pk}/file/")
    assert len(records(b"".join(answer.streaming_content))) == 2


@pytest.mark.django_db(transaction=True)
def test_rows_come_as_they_are_found_and_keep_no_charger_waiting():
    """On PostgreSQL that takes a transaction, which on SQLite would be the only one that may write."""
    inside = []

    def rows():
        inside.append(connection.in_atomic_block)
        yield ("a",)

    response = respond_with_table(RequestFactory().get("/"), Table("t", ["x"], rows()), Format.CSV, "t")
    assert response.getvalue().decode().split() == ["x", "a"]
    assert inside == [connection.vendor == "postgresql"]
    assert not connection.in_atomic_block
