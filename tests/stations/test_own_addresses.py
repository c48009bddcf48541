"""Commands whose address is left empty: plugcontrol gives one of its own; with one, they are sent as they are."""

from __future__ import annotations

from typing import Any

import pytest

from stations.commands import Origin
from stations.forms import FORMS, SendingForm
from stations.models import Command
from tests.screens.firmware.conftest import make_firmware, make_station
from tests.stations.test_command_forms import PEM
from transfers.models import FirmwareUpdate, Transfer

SENDING = {"sending-idempotency_key": "k", "sending-if_offline": "drop"}
THEIRS = "ftp://nas/charger/"


@pytest.fixture
def station(db):
    return make_station(1)


def queue(action: str, station: Any, **entered: Any) -> Command:
    form = FORMS[action](entered, station=station)
    assert form.is_valid(), form.errors
    sending = SendingForm(SENDING)
    assert sending.is_valid()
    return form.queue(station, Origin(actor="somebody"), sending)


@pytest.mark.parametrize(
    ("action", "entered"),
    [("GetDiagnostics", {"retries": "2"}), ("GetLog", {"log_type": "SecurityLog", "request_id": "9", "retries": "2"})],
)
def test_without_a_folder_the_file_comes_to_us(station, action, entered):
    command = queue(action, station, **entered)
    assert (command.action, command.actor, command.payload["retries"]) == (action, "somebody", 2)
    assert Transfer.objects.get().command == command
    assert "/transfers/" in str(command.payload)


def test_with_a_folder_it_goes_there(station):
    command = queue("GetDiagnostics", station, location=THEIRS)
    assert command.payload == {"location": THEIRS}
    assert not Transfer.objects.exists()


def test_an_update_with_a_file_of_the_library(station):
    firmware = make_firmware()
    command = queue("UpdateFirmware", station, firmware=firmware.pk, retrieve_date="2026-11-21T00:00")
    update = FirmwareUpdate.objects.get()
    assert (update.command, update.firmware, command.action) == (command, firmware, "UpdateFirmware")


def test_an_update_with_an_address_of_theirs(station):
    command = queue("UpdateFirmware", station, location=THEIRS, retrieve_date="2026-11-21T00:00")
    assert command.payload["location"] == THEIRS
    assert not FirmwareUpdate.objects.exists()


@pytest.mark.parametrize(
    ("action", "entered", "field"),
    [
        ("UpdateFirmware", {}, "firmware"),
        ("UpdateFirmware", {"firmware": True, "location": THEIRS}, "location"),
        ("SignedUpdateFirmware", {"firmware__location": THEIRS}, "firmware__signature"),
        ("SignedUpdateFirmware", {"firmware": True}, "firmware"),  # it has no signature
    ],
)
def test_an_update_needs_either(station, action, entered, field):
    dates = {"retrieve_date": "2026-11-21T00:00", "firmware__retrieve_date_time": "2026-11-21T00:00"}
    if "firmware" in entered:
        entered = {**entered, "firmware": make_firmware().pk}
    form = FORMS[action]({**dates, "request_id": "9", **entered}, station=station)
    assert not form.is_valid()
    assert field in form.errors


@pytest.mark.parametrize("action", ["GetDiagnostics", "GetLog", "UpdateFirmware", "SignedUpdateFirmware"])
def test_many_chargers_need_one_address_for_all(db, action):
    form = FORMS[action]()
    assert "firmware" not in form.fields
    assert form.fields[form.location_name].required


def test_a_stored_command_can_be_shown_again():
    payload = {
        "firmware": {
            "location": THEIRS,
            "retrieveDateTime": "2026-11-21T00:00:00Z",
            "signingCertificate": PEM,
            "signature": "c2ln",
        },
        "requestId": 9,
    }
    assert FORMS["SignedUpdateFirmware"].can_show(payload)


@pytest.mark.parametrize(
    "ours", ["http://192.168.1.20:8000/transfers/***/diag", "https://x/a/transfers/***/", "ftp://***@files.local:2121/"]
)
def test_sent_again_it_gets_another_address(station, settings, ours):
    settings.FTP_ADDRESS = "files.local:2121"
    payload = {"location": ours, "retries": 2}
    form = FORMS["GetDiagnostics"]
    assert form.can_show(payload)
    assert form.entries(payload) == {"retries": 2}
    assert queue("GetDiagnostics", station, **form.entries(payload)).payload["retries"] == 2
    assert Transfer.objects.count() == 1


def test_sent_again_an_address_of_theirs_stays():
    payload = {"location": "ftp://***@nas/charger/"}
    assert FORMS["GetDiagnostics"].entries(payload) == payload
