"""Certification of central systems: firmware updates and diagnostics."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stations.models import ChargePoint as Station
from stations.models import ProgressReport
from transfers.models import FirmwareUpdate, StationFile

from .charge_point import deliver, fetch

pytestmark = [pytest.mark.server, pytest.mark.long]

IMAGE = os.urandom(50_000)


def begins_update(central, cp, version: str) -> tuple[str, str]:
    """A firmware is uploaded and sent to the charge point, both over REST: the update's id, and the address."""
    firmware = central.rest.post_file("firmware-files/", IMAGE, name=f"Wall {cp.identity}", version=version)
    order = {"charge_point": cp.identity, "firmware": firmware["id"]}
    update = central.rest.post("firmware-updates/", order)
    told = cp.hears("UpdateFirmware")
    assert told.payload.keys() == {"location", "retrieveDate"}
    assert abs(datetime.fromisoformat(told.payload["retrieveDate"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert told.payload["location"].startswith(central.env["FILES_URL"])
    told.replies()
    return update["id"], told.payload["location"]


def says(cp, *words: str, action: str = "FirmwareStatusNotification") -> None:
    for word in words:
        assert cp.call(action, status=word) == {}


def comes_to(central, cp, update: str, *expected: Any, steps: list[str]) -> FirmwareUpdate:
    """State and reason of the update, and what the charge point said, in the row, over REST and in its history."""
    rows = central.rows(FirmwareUpdate, pk=update)
    central.comes_to(lambda: rows.values_list("state", "failure").get(), expected)
    shown = central.rest.get(f"firmware-updates/{update}/")
    assert (shown["state"], shown["failure"], [step["status"] for step in shown["steps"]]) == (*expected, steps)
    assert bool(shown["reason"]) == bool(expected[1])
    reports = central.of(cp, ProgressReport).values_list("kind", "status")
    assert list(reports) == [("firmware", word) for word in steps]
    return rows.get()


def test_tc_044_1_update(central, new):
    """Firmware update: downloaded and installed"""
    cp = new().comes_up(firmwareVersion="1.0")
    update, location = begins_update(central, cp, "2.0")
    says(cp, "Downloading")
    comes_to(central, cp, update, "downloading", "", steps=["Downloading"])
    assert fetch(location) == IMAGE
    says(cp, "Downloaded")
    for connector in (1, 2):
        cp.shows("Unavailable", connector)
    says(cp, "Installing")
    cp.returns().comes_up(firmwareVersion="2.0")
    says(cp, "Installed")
    words = ["Downloading", "Downloaded", "Installing", "Installed"]
    row = comes_to(central, cp, update, "installed", "", steps=words)
    assert (row.version_before, row.version_after, row.ended_at is not None) == ("1.0", "2.0", True)
    assert central.row(Station, identity=cp.identity).firmware_version == "2.0"
    order = central.command_of(cp, "UpdateFirmware")
    assert (order.row.status, order.row.answer, order.row.effect_status) == ("accepted", {}, "seen")
    assert [word for word, _at in order.row.effect["steps"]] == words


def test_tc_044_2_download_failed(central, new):
    """Firmware update: the download fails"""
    cp = new().comes_up(firmwareVersion="1.0")
    update, _location = begins_update(central, cp, "2.1")
    says(cp, "Downloading", "DownloadFailed")
    row = comes_to(central, cp, update, "failed", "download", steps=["Downloading", "DownloadFailed"])
    assert (row.version_before, row.version_after) == ("1.0", "1.0")
    assert central.command_of(cp, "UpdateFirmware").row.effect_status == "seen"


def test_tc_044_3_installation_failed(central, new):
    """Firmware update: the installation fails"""
    cp = new().comes_up(firmwareVersion="1.0")
    update, location = begins_update(central, cp, "2.2")
    says(cp, "Downloading")
    assert fetch(location) == IMAGE
    says(cp, "Downloaded", "Installing", "InstallationFailed")
    words = ["Downloading", "Downloaded", "Installing", "InstallationFailed"]
    row = comes_to(central, cp, update, "failed", "installation", steps=words)
    assert (row.version_before, row.version_after) == ("1.0", "1.0")


def is_asked_for_diagnostics(central, cp) -> str:
    """GetDiagnostics, over REST; the address."""
    order = {"start": "2026-11-01T00:00:00Z", "stop": "2026-11-02T00:00:00Z"}
    central.rest.post(f"charge-points/{cp.identity}/files/", order)
    told = cp.hears("GetDiagnostics")
    assert told.payload.keys() == {"location", "startTime", "stopTime"}
    assert told.payload["startTime"] == "2026-11-01T00:00:00Z"
    told.replies(fileName="diagnostics.zip")
    return str(told.payload["location"])


def uploads_end(central, cp, *words: str) -> None:
    order = central.command_of(cp, "GetDiagnostics")
    central.comes_to(lambda: order.row.effect_status, "seen")
    assert (order.row.status, order.row.answer) == ("accepted", {"fileName": "diagnostics.zip"})
    assert [word for word, _at in order.row.effect["steps"]] == list(words)
    reports = central.of(cp, ProgressReport).values_list("kind", "status")
    assert list(reports) == [("diagnostics", word) for word in words]


def test_tc_045_1_diagnostics(central, cp):
    """Diagnostics are uploaded"""
    location, archive = is_asked_for_diagnostics(central, cp), os.urandom(20_000)
    says(cp, "Uploading", action="DiagnosticsStatusNotification")
    assert deliver(f"{location}diagnostics.zip", archive) == 200
    says(cp, "Uploaded", action="DiagnosticsStatusNotification")
    uploads_end(central, cp, "Uploading", "Uploaded")
    file = central.of(cp, StationFile).get()
    assert (file.kind, file.file_name, file.sha256) == (
        "diagnostics",
        "diagnostics.zip",
        hashlib.sha256(archive).hexdigest(),
    )
    assert central.rest.content(f"station-files/{file.pk}/content/") == archive


def test_tc_045_2_upload_failed(central, cp):
    """Diagnostics: the upload fails"""
    is_asked_for_diagnostics(central, cp)
    says(cp, "Uploading", "UploadFailed", action="DiagnosticsStatusNotification")
    uploads_end(central, cp, "Uploading", "UploadFailed")
    assert not central.of(cp, StationFile).exists()
