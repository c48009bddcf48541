"""Files from chargers: asking for one, downloading it, deleting it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from stations.models import Command
from tests.people import browser
from transfers import tokens
from transfers.models import FileKind, StationFile, Transfer

from .conftest import text_of

PAGE = b"<script>alert(1)</script>"
HTMX = {"HX-Request": "true", "HX-Target": "sheet"}


def deliver(station, name="diag.html") -> StationFile:
    transfer, _location = tokens.open_upload(
        station, FileKind.DIAGNOSTICS, valid_until=timezone.now() + timedelta(hours=1)
    )
    stored = default_storage.save("station-files/test.bin", ContentFile(PAGE))
    return StationFile.objects.create(
        charge_point=station,
        transfer=transfer,
        kind=FileKind.DIAGNOSTICS,
        file=stored,
        file_name=name,
        size=len(PAGE),
        sha256="00",
        over="http",
    )


def entries(**more):
    return {"what": "diagnostics", "sending-idempotency_key": "k", "sending-if_offline": "drop", **more}


@pytest.mark.parametrize(
    ("what", "action", "kind"),
    [
        ("diagnostics", "GetDiagnostics", "diagnostics"),
        ("DiagnosticsLog", "GetLog", "diagnostics"),
        ("SecurityLog", "GetLog", "security_log"),
    ],
)
def test_a_charger_is_asked_for_a_file(operator, station, what, action, kind):
    wanted = entries(what=what, start="2026-11-20T00:00")
    response = operator.post(f"/chargers/{station.pk}/fetch/", wanted)
    command, transfer = Command.objects.get(), Transfer.objects.get()
    way_back = f"/chargers/{station.pk}/?tab=firmware"
    assert response.headers["Location"] == f"/commands/{command.pk}/?{urlencode({'next': way_back})}"
    assert (command.action, transfer.kind, transfer.command) == (action, kind, command)
    assert "2026-11-20T00:00:00" in str(command.payload)
    assert (
        operator.post(f"/chargers/{station.pk}/fetch/", entries(what=what, start="2026-11-20T00:00")).status_code == 302
    )
    assert (Command.objects.count(), Transfer.objects.count()) == (1, 1)


def test_in_the_sheet_the_command_s_life_follows(operator, station):
    html = text_of(operator.post(f"/chargers/{station.pk}/fetch/", entries(), headers=HTMX))
    assert f'id="command-{Command.objects.get().pk}"' in html


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"what": "everything"}, "what"),
        ({"start": "2026-11-21T00:00", "stop": "2026-11-20T00:00"}, "stop"),
        ({"way": "ftp"}, "way"),  # this server has none
    ],
)
def test_what_cannot_be_asked(operator, station, wrong, field):
    response = operator.post(f"/chargers/{station.pk}/fetch/", entries(**wrong))
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Command.objects.exists()


def test_ftp_is_offered_where_there_is_one(operator, station, settings):
    settings.FTP_ADDRESS = "files.local:2121"
    operator.post(f"/chargers/{station.pk}/fetch/", entries(way="ftp"))
    assert Command.objects.get().payload["location"].startswith("ftp://")


def test_a_file_comes_as_an_attachment_that_no_browser_runs(operator, station):
    file = deliver(station)
    response = operator.get(f"/files/{file.pk}/download/")
    assert b"".join(response.streaming_content) == PAGE
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_who_looks_only_downloads_nothing(station):
    file = deliver(station)
    viewer = browser("viewer")
    html = text_of(viewer.get("/files/"))
    assert "diag.html" in html
    assert "/download/" not in html
    assert viewer.get(f"/files/{file.pk}/download/").status_code == 403


def test_an_administrator_deletes_a_file_and_it_stays_known(station, operator, django_capture_on_commit_callbacks):
    file = deliver(station)
    name = file.file.name
    assert operator.post(f"/files/{file.pk}/delete/").status_code == 403
    with django_capture_on_commit_callbacks(execute=True):
        html = text_of(browser("administrator").post(f"/files/{file.pk}/delete/", follow=True))
    assert not default_storage.exists(name)
    assert "diag.html (deleted)" in html.replace("<bdi>", "").replace("</bdi>", "")
    response = operator.get(f"/files/{file.pk}/download/", follow=True)
    assert "The file is no longer there." in text_of(response)


def test_lists_are_narrowed_and_filtered(operator, local, station, other):
    here, there = deliver(station), deliver(other, "log.txt")
    assert {*operator.get("/files/").context["rows"]} == {here, there}
    assert [*local.get("/files/").context["rows"]] == [here]
    assert [*operator.get(f"/files/?station={other.identity}").context["rows"]] == [there]
    assert [*operator.get("/files/?kind=security_log").context["rows"]] == []
    assert local.get(f"/files/{there.pk}/download/").status_code == 404
