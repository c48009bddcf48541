"""Firmware, updates, campaigns and files of stations over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from stations.models import ChargePoint, Command
from tests.firmware_signing import signed
from tests.screens.firmware.conftest import make_firmware, make_station
from transfers import tokens
from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, StationFile, Transfer

from .conftest import make_key, program

pytestmark = pytest.mark.django_db
IMAGE = b"image" * 100


@pytest.fixture
def station() -> ChargePoint:
    return make_station(1)


@pytest.fixture
def commander(station):
    return program(make_key("command", "operator"))


def post(client, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1/{path}/", body, content_type="application/json")


def upload(client, **more: Any) -> Any:
    file = SimpleUploadedFile("image.bin", IMAGE)
    return client.post("/api/v1/firmware-files/", {"file": file, "name": "TAC", "version": "4.3", **more})


def test_a_firmware_is_uploaded_as_a_form(administrator, problem):
    response = upload(administrator, vendor="ABB", **signed(IMAGE))
    assert response.status_code == 201
    row = response.json()
    firmware = FirmwareFile.objects.get()
    assert (row["id"], row["size"], row["is_signed"], row["vendor"]) == (firmware.pk, len(IMAGE), True, "ABB")
    assert "signature" not in row
    assert administrator.get(f"/api/v1/firmware-files/{firmware.pk}/").json() == row
    twice = problem(upload(administrator, vendor="ABB"), 400)
    assert "already a file" in twice["errors"][0]["detail"]


def test_what_is_wrong_with_a_firmware_is_named(administrator, problem):
    refused = problem(upload(administrator, **signed(b"another image")), 400)
    assert refused["errors"][0]["path"] == "$.signature"
    assert problem(upload(administrator, name=""), 400)["errors"][0]["path"] == "$.name"
    assert not FirmwareFile.objects.exists()


def test_an_archived_firmware_is_listed_on_demand(administrator, station):
    firmware = make_firmware()
    assert post(administrator, f"firmware-files/{firmware.pk}/archive").json()["archived_at"]
    assert administrator.get("/api/v1/firmware-files/").json()["results"] == []
    (row,) = administrator.get("/api/v1/firmware-files/?archived=true").json()["results"]
    assert row["id"] == firmware.pk


def test_an_update(commander, station, problem):
    firmware = make_firmware()
    order = {"charge_point": "cp-1", "firmware": firmware.pk, "idempotency_key": "k"}
    response = post(commander, "firmware-updates", **order)
    assert response.status_code == 202
    row, update = response.json(), FirmwareUpdate.objects.get()
    command = Command.objects.get()
    assert (row["id"], row["state"], row["command"]) == (str(update.pk), "asked", str(command.pk))
    assert command.source == "api"
    assert post(commander, "firmware-updates", **order).json()["id"] == row["id"]
    assert problem(post(commander, "firmware-updates", **{**order, "idempotency_key": "l"}), 409)["detail"]
    unknown = problem(post(commander, "firmware-updates", charge_point="?", firmware=firmware.pk), 400)
    assert unknown["errors"][0]["path"] == "$.charge_point"


def test_steps_and_reason_of_an_update(reader, station):
    update = FirmwareUpdate.objects.create(
        charge_point=station,
        firmware=make_firmware(),
        state="failed",
        failure="download",
        steps=[["DownloadFailed", "2026-11-21T13:00:00+00:00"]],
    )
    row = reader.get(f"/api/v1/firmware-updates/{update.pk}/").json()
    assert row["steps"] == [{"status": "DownloadFailed", "at": "2026-11-21T13:00:00+00:00"}]
    assert row["failure"] == "download"
    assert row["reason"]
    assert len(reader.get("/api/v1/firmware-updates/?state=failed&charge_point=CP-1").json()["results"]) == 1
    assert reader.get("/api/v1/firmware-updates/?state=installed").json()["results"] == []


def test_a_campaign(commander, station, problem):
    firmware = make_firmware()
    order = {"name": "Spring", "firmware": firmware.pk, "charge_points": ["cp-1"], "at_once": 1}
    response = post(commander, "campaigns", **order)
    assert response.status_code == 202
    row, campaign = response.json(), Campaign.objects.get()
    assert (row["id"], row["while_charging"], row["actor"]) == (str(campaign.pk), False, campaign.actor)
    assert (row["progress"]["total"], row["progress"]["waiting"], row["progress"]["percent"]) == (1, 1, 0)
    assert commander.get("/api/v1/campaigns/").json()["results"][0]["progress"] == row["progress"]
    (update,) = commander.get(f"/api/v1/firmware-updates/?campaign={campaign.pk}").json()["results"]
    assert update["charge_point"] == "CP-1"

    assert post(commander, f"campaigns/{campaign.pk}/pause").json()["state"] == "paused"
    problem(post(commander, f"campaigns/{campaign.pk}/pause"), 409)
    assert post(commander, f"campaigns/{campaign.pk}/resume").json()["state"] == "running"
    assert post(commander, f"campaigns/{campaign.pk}/cancel").json()["state"] == "cancelled"
    unknown = problem(post(commander, "campaigns", **{**order, "charge_points": ["CP-1", "CP-9"]}), 400)
    assert "CP-9" in unknown["errors"][0]["detail"]


def test_a_list_of_campaigns_counts_in_one_query(reader, station, django_assert_max_num_queries):
    for number in range(4):
        campaign = Campaign.objects.create(name=str(number), firmware=make_firmware(version=str(number)))
        FirmwareUpdate.objects.create(charge_point=station, firmware=campaign.firmware, campaign=campaign)
    reader.get("/api/v1/campaigns/")
    with django_assert_max_num_queries(8):
        assert len(reader.get("/api/v1/campaigns/").json()["results"]) == 4


@pytest.mark.parametrize(("log", "action"), [("", "GetDiagnostics"), ("SecurityLog", "GetLog")])
def test_a_file_is_fetched(commander, station, problem, log, action):
    response = post(commander, "charge-points/CP-1/files", log=log)
    assert response.status_code == 202
    assert response.json()["action"] == action
    transfer = Transfer.objects.get()
    token = str(Command.objects.get().payload).split("/transfers/")[1].split("/")[0]
    assert transfer.token_hash == tokens.hash_of(token)
    assert token not in response.content.decode()
    problem(post(commander, "charge-points/CP-9/files"), 404)
    problem(post(commander, "charge-points/CP-1/files", way="ftp"), 409)


def test_a_file_is_read_and_deleted(administrator, commander, station, problem, django_capture_on_commit_callbacks):
    transfer, _address = tokens.open_upload(station, "diagnostics", valid_until=timezone.now() + timedelta(hours=1))
    stored = default_storage.save("station-files/test.bin", ContentFile(IMAGE))
    known = {"kind": "diagnostics", "file_name": "log.txt", "size": len(IMAGE), "sha256": "00", "over": "http"}
    file = StationFile.objects.create(charge_point=station, transfer=transfer, file=stored, **known)
    address = f"/api/v1/station-files/{file.pk}/"
    row = commander.get(address).json()
    assert (row["charge_point"], row["file_name"], row["over"]) == ("CP-1", "log.txt", "http")
    content = commander.get(f"{address}content/")
    assert b"".join(content.streaming_content) == IMAGE
    assert content["Content-Disposition"] == 'attachment; filename="log.txt"'
    problem(commander.delete(address), 403)
    with django_capture_on_commit_callbacks(execute=True):
        assert administrator.delete(address).status_code == 204
    assert not default_storage.exists(stored)
    problem(commander.get(f"{address}content/"), 404)
    assert commander.get(address).json()["deleted_at"]
