"""The library: storing a file in the browser, what its page says, taking it out of use."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.firmware_signing import signed
from tests.people import browser
from transfers.models import FirmwareFile, FirmwareUpdate

from .conftest import make_firmware, text_of

IMAGE = b"\x7fELF" + b"firmware" * 500
HTMX = {"HX-Request": "true", "HX-Target": "upload"}


def entries(**more):
    file = SimpleUploadedFile("tac w11 4.3.bin", IMAGE)
    return {"file": file, "name": "TAC", "version": "4.3", "vendor": "ABB", "model": "TAC", **more}


def test_a_file_is_stored_and_downloaded_as_it_was(operator):
    response = operator.post("/firmware/add/", entries())
    firmware = FirmwareFile.objects.get()
    assert response.headers["Location"] == f"/firmware/{firmware.pk}/"
    assert (firmware.size, firmware.uploaded_by.username) == (len(IMAGE), "operator")
    html = text_of(operator.get(response.headers["Location"]))
    assert "TAC 4.3 was stored." in html
    assert firmware.sha256 in html
    download = operator.get(f"/firmware/{firmware.pk}/download/")
    assert b"".join(download.streaming_content) == IMAGE
    assert "attachment" in download.headers["Content-Disposition"]


def test_with_a_script_the_answer_names_the_next_page_and_errors_come_without_it(operator):
    wrong = operator.post("/firmware/add/", entries(version=""), headers=HTMX)
    assert wrong.status_code == 422
    assert text_of(wrong).lstrip().startswith("<section")
    assert FirmwareFile.objects.count() == 0
    right = operator.post("/firmware/add/", entries(), headers=HTMX)
    assert (right.status_code, right.headers["HX-Redirect"]) == (204, f"/firmware/{FirmwareFile.objects.get().pk}/")


def test_what_store_refuses_stands_beside_its_field(operator):
    make_firmware(name="TAC", version="4.3")
    twice = text_of(operator.post("/firmware/add/", entries()))
    assert "already a file with this name and version" in twice
    unbelieved = operator.post("/firmware/add/", entries(version="4.4", **signed(b"something else")))
    assert (unbelieved.status_code, FirmwareFile.objects.count()) == (422, 1)
    assert "does not belong to this file" in text_of(unbelieved)


def test_too_large_a_file(operator, settings):
    settings.MAX_FIRMWARE_MB = 0
    assert "larger than" in text_of(operator.post("/firmware/add/", entries()))


def test_the_page_says_how_a_file_is_signed_and_when_that_is_no_longer_good(operator):
    operator.post("/firmware/add/", entries(**signed(IMAGE)))
    firmware = FirmwareFile.objects.get()
    assert "ECDSA" in text_of(operator.get(f"/firmware/{firmware.pk}/"))
    FirmwareFile.objects.update(**signed(IMAGE, days=-1))
    html = text_of(operator.get(f"/firmware/{firmware.pk}/"))
    assert "No longer valid" in html
    assert "expired" in html


def test_the_list_counts_the_chargers_that_run_a_version(operator, local, station, other):
    make_firmware(name="ABB", version="1.0", vendor="abb")
    make_firmware(name="KEBA", version="1.0", vendor="KEBA")
    rows = {row[0].name: row[1] for row in operator.get("/firmware/").context["rows"]}
    assert rows == {"ABB": 2, "KEBA": 0}
    assert {row[0].name: row[1] for row in local.get("/firmware/").context["rows"]} == {"ABB": 1, "KEBA": 0}


def test_an_archived_file_is_shown_on_demand_and_offered_no_more(operator, station, firmware):
    assert operator.post(f"/firmware/{firmware.pk}/archive/").status_code == 302
    assert operator.get("/firmware/").context["rows"] == []
    assert [row[0] for row in operator.get("/firmware/?archived=yes").context["rows"]] == [firmware]
    assert not operator.get(f"/chargers/{station.pk}/firmware/").context["form"].has_files
    entry = LogEntry.objects.get_for_object(firmware).latest()
    assert (entry.actor.username, list(entry.changes)) == ("operator", ["archived_at"])


def test_a_file_in_use_is_not_archived(operator, station, firmware):
    FirmwareUpdate.objects.create(charge_point=station, firmware=firmware)
    html = text_of(operator.post(f"/firmware/{firmware.pk}/archive/", follow=True))
    firmware.refresh_from_db()
    assert firmware.archived_at is None
    assert "wait until they are done" in html


@pytest.mark.parametrize("path", ["/firmware/add/", "/firmware/{}/archive/"])
def test_the_library_is_changed_by_those_of_all_sites(local, firmware, path):
    assert local.post(path.format(firmware.pk), entries()).status_code == 403
    assert "Upload a firmware" not in text_of(local.get("/firmware/"))
    assert local.get(f"/firmware/{firmware.pk}/").status_code == 200


def test_a_viewer_is_offered_nothing_to_change(station, firmware):
    html = text_of(browser("viewer").get(f"/firmware/{firmware.pk}/"))
    assert "/archive/" not in html
    assert "/firmware/campaigns/add/" not in html


def test_a_file_that_is_gone_from_the_disk_is_not_found(operator, firmware):
    firmware.file.storage.delete(firmware.file.name)
    assert operator.get(f"/firmware/{firmware.pk}/download/").status_code == 404
