"""Firmware, diagnostics and logs: the notifications, and nothing but them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .central_system import call
from .test_certificates import ROOT

FILE = "https://files.example.org/fw/acme-4.3.1.bin"


def told(central, action):
    return [payload["status"] for payload in central.payloads(action)]


async def test_a_firmware_is_installed(central, cp):
    update = call.UpdateFirmware(location=FILE, retrieve_date=cp.pace.now().isoformat())
    await central.sends("SIM-1", update)
    await central.hears("FirmwareStatusNotification", status="Installed")

    assert told(central, "FirmwareStatusNotification") == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert [boot["firmwareVersion"] for boot in central.payloads("BootNotification")] == ["1.0.0", "4.3.1"]
    order = [action for action in central.actions() if action in {"BootNotification", "FirmwareStatusNotification"}]
    assert order[-2:] == ["BootNotification", "FirmwareStatusNotification"]


async def test_the_installation_waits_for_the_driver(central, cp):
    await cp.start(1)
    await central.sends("SIM-1", call.UpdateFirmware(location=FILE, retrieve_date=cp.pace.now().isoformat()))
    await central.hears("FirmwareStatusNotification", status="Downloaded")
    assert "Installing" not in told(central, "FirmwareStatusNotification")
    await cp.stop(1)
    await central.hears("FirmwareStatusNotification", status="Installed")

    # the driver's own stop, not one by the reboot; its message may be overtaken by "Installing"
    assert [stop["reason"] for stop in central.payloads("StopTransaction")] == ["Local"]


async def test_a_firmware_it_cannot_fetch(central, cp):
    await central.sends("SIM-1", call.UpdateFirmware(location="gopher://x/y", retrieve_date=cp.pace.now().isoformat()))
    await central.hears("FirmwareStatusNotification", status="DownloadFailed")

    assert told(central, "FirmwareStatusNotification") == ["Downloading", "DownloadFailed"]
    assert len(central.payloads("BootNotification")) == 1


def signed(cp, **changes):
    firmware = {
        "location": FILE,
        "retrieve_date_time": cp.pace.now().isoformat(),
        "signing_certificate": ROOT,
        "signature": "c2lnbmF0dXJl",
    }
    return call.SignedUpdateFirmware(request_id=10, firmware=firmware | changes)


async def test_a_signed_firmware_is_installed(central, cp):
    later = (cp.pace.now() + timedelta(seconds=0.3)).isoformat()
    answer = await central.sends("SIM-1", signed(cp, retrieve_date_time=later, install_date_time=later))
    await central.hears("SignedFirmwareStatusNotification", status="Installed")

    assert answer.status == "Accepted"
    steps = ["DownloadScheduled", "Downloading", "Downloaded", "SignatureVerified"]
    rest = ["Installing", "InstallRebooting", "Installed"]
    assert [s for s in told(central, "SignedFirmwareStatusNotification") if s != "InstallScheduled"] == steps + rest
    assert {payload["requestId"] for payload in central.payloads("SignedFirmwareStatusNotification")} == {10}


async def test_a_bad_signature(central, cp):
    await central.sends("SIM-1", signed(cp, signature="***"))
    await central.hears("SecurityEventNotification", type="InvalidFirmwareSignature")

    assert told(central, "SignedFirmwareStatusNotification")[-1] == "InvalidSignature"


async def test_a_bad_signing_certificate(central, cp):
    assert (await central.sends("SIM-1", signed(cp, signing_certificate="none"))).status == "InvalidCertificate"


async def test_a_new_update_takes_the_place_of_the_old(central, cp):
    tomorrow = (cp.pace.now() + timedelta(days=1)).isoformat()
    first = await central.sends("SIM-1", signed(cp, retrieve_date_time=tomorrow))
    await central.hears("SignedFirmwareStatusNotification", status="DownloadScheduled")
    await central.sends("SIM-1", call.ExtendedTriggerMessage(requested_message="FirmwareStatusNotification"))
    asked = await central.hears("SignedFirmwareStatusNotification", status="DownloadScheduled", times=2)
    second = await central.sends("SIM-1", signed(cp))
    await central.hears("SignedFirmwareStatusNotification", status="Installed")

    assert asked["requestId"] == 10
    assert (first.status, second.status) == ("Accepted", "AcceptedCanceled")


@pytest.mark.parametrize(("location", "end"), [("https://x.example/", "Uploaded"), ("gopher://x/", "UploadFailed")])
async def test_diagnostics(central, cp, location, end):
    answer = await central.sends("SIM-1", call.GetDiagnostics(location=location))
    await central.hears("DiagnosticsStatusNotification", status=end)

    assert answer.file_name == "diagnostics-SIM-1.zip"
    assert told(central, "DiagnosticsStatusNotification") == ["Uploading", end]


@pytest.mark.parametrize(("location", "end"), [("https://x.example/", "Uploaded"), ("gopher://x/", "UploadFailure")])
async def test_a_log(central, cp, location, end):
    request = call.GetLog(log={"remote_location": location}, log_type="SecurityLog", request_id=9)
    answer = await central.sends("SIM-1", request)
    await central.hears("LogStatusNotification", status=end, requestId=9)

    assert (answer.status, answer.filename) == ("Accepted", "security-SIM-1.log")
    assert told(central, "LogStatusNotification") == ["Uploading", end]


async def test_a_new_log_takes_the_place_of_the_old(central, station):
    async with station(speed=1.0) as cp:
        await cp.boot()
        request = call.GetLog(log={"remote_location": "https://x.example/"}, log_type="DiagnosticsLog", request_id=9)
        await central.sends("SIM-1", request)
        await central.hears("LogStatusNotification", status="Uploading")
        again = await central.sends("SIM-1", request)

    assert again.status == "AcceptedCanceled"
