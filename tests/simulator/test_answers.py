"""The station's answers to commands, and what it does afterwards."""

from __future__ import annotations

import pytest
from ocpp import exceptions

from simulator import CallFailed, Override

from .central_system import call


async def test_remote_start_and_stop(central, cp):
    started = await central.sends("SIM-1", call.RemoteStartTransaction(id_tag="APP-1", connector_id=2))
    await central.hears("StatusNotification", connectorId=2, status="Charging")
    stopped = await central.sends("SIM-1", call.RemoteStopTransaction(transaction_id=4711))
    await central.hears("StatusNotification", connectorId=2, status="Finishing")

    assert (started.status, stopped.status) == ("Accepted", "Accepted")
    assert central.payloads("StartTransaction")[0]["idTag"] == "APP-1"
    assert central.payloads("StopTransaction")[0]["reason"] == "Remote"


async def test_remote_start_takes_the_first_free_connector(central, cp):
    await cp.start(1)
    await central.sends("SIM-1", call.RemoteStartTransaction(id_tag="APP-1"))
    await central.hears("StartTransaction", connectorId=2)
    refused = await central.sends("SIM-1", call.RemoteStartTransaction(id_tag="APP-1"))

    assert refused.status == "Rejected"


async def test_remote_start_asks_first_when_configured(central, cp):
    central.verdicts["APP-1"] = "Invalid"
    cp.configuration.set("AuthorizeRemoteTxRequests", "true")
    await central.sends("SIM-1", call.RemoteStartTransaction(id_tag="APP-1", connector_id=1))
    await central.hears("StatusNotification", connectorId=1, status="Available", times=2)

    assert central.payloads("StartTransaction") == []


async def test_remote_stop_of_an_unknown_transaction_is_rejected(central, cp):
    assert (await central.sends("SIM-1", call.RemoteStopTransaction(transaction_id=1))).status == "Rejected"


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_reset_ends_transactions_and_boots_again(central, cp, kind):
    await cp.start(1)
    answer = await central.sends("SIM-1", call.Reset(type=kind))
    await central.hears("BootNotification", times=2)
    await central.hears("StopTransaction", reason=f"{kind}Reset")
    await cp.delivered()

    assert answer.status == "Accepted"
    order = [action for action in central.actions() if action in {"BootNotification", "StopTransaction"}][1:]
    assert order == (
        ["StopTransaction", "BootNotification"] if kind == "Soft" else ["BootNotification", "StopTransaction"]
    )


async def test_availability_waits_for_the_transaction(central, cp):
    await cp.start(1)
    scheduled = await central.sends("SIM-1", call.ChangeAvailability(connector_id=1, type="Inoperative"))
    accepted = await central.sends("SIM-1", call.ChangeAvailability(connector_id=2, type="Inoperative"))
    await central.hears("StatusNotification", connectorId=2, status="Unavailable")
    await cp.stop(1)
    await central.hears("StatusNotification", connectorId=1, status="Unavailable")
    await central.sends("SIM-1", call.ChangeAvailability(connector_id=0, type="Operative"))
    await central.hears("StatusNotification", connectorId=1, status="Available", times=2)

    assert (scheduled.status, accepted.status) == ("Scheduled", "Accepted")


async def test_unlock_ends_the_transaction(central, cp):
    await cp.start(1)
    unlocked = await central.sends("SIM-1", call.UnlockConnector(connector_id=1))
    await central.hears("StopTransaction", reason="UnlockCommand")
    unknown = await central.sends("SIM-1", call.UnlockConnector(connector_id=9))

    assert (unlocked.status, unknown.status) == ("Unlocked", "NotSupported")


async def test_configuration_is_read_and_written(central, cp):
    async def change(key: str, value: str) -> str:
        return (await central.sends("SIM-1", call.ChangeConfiguration(key=key, value=value))).status

    assert await change("metervaluesampleinterval", "30") == "Accepted"
    assert await change("MeterValueSampleInterval", "often") == "Rejected"
    assert await change("NumberOfConnectors", "3") == "Rejected"
    assert await change("MeterValuesSampledData", "Power.Active.Import,Temperature") == "Rejected"
    assert await change("Foo", "1") == "NotSupported"
    assert await change("AuthorizationKey", "00" * 16) == "Accepted"
    read = await central.sends("SIM-1", call.GetConfiguration(key=["MeterValueSampleInterval", "Foo"]))
    everything = await central.sends("SIM-1", call.GetConfiguration())

    assert read.configuration_key == [{"key": "MeterValueSampleInterval", "readonly": False, "value": "30"}]
    assert read.unknown_key == ["Foo"]
    assert len(everything.configuration_key) > 35
    assert cp.link.password == bytes(16)


@pytest.mark.parametrize(
    ("requested", "count"),
    [
        ("Heartbeat", 1),
        ("StatusNotification", 3),
        ("MeterValues", 3),
        ("FirmwareStatusNotification", 1),
        ("DiagnosticsStatusNotification", 1),
    ],
)
async def test_triggers_bring_the_message(central, cp, requested, count):
    central.heard.clear()
    answer = await central.sends("SIM-1", call.TriggerMessage(requested_message=requested))
    await central.hears(requested, times=count)

    assert answer.status == "Accepted"


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ("LogStatusNotification", "LogStatusNotification"),
        ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
        ("SignChargePointCertificate", "SignCertificate"),
        ("StatusNotification", "StatusNotification"),
        ("Heartbeat", "Heartbeat"),
    ],
)
async def test_extended_triggers_bring_the_message(central, cp, requested, message):
    central.heard.clear()
    answer = await central.sends("SIM-1", call.ExtendedTriggerMessage(requested_message=requested))
    payload = await central.hears(message)

    assert answer.status == "Accepted"
    assert payload.get("status", "Idle") in {"Idle", "Available"}


async def test_a_cache_that_is_off_cannot_be_cleared(central, cp):
    cp.configuration.set("AuthorizationCacheEnabled", "false")

    assert (await central.sends("SIM-1", call.ClearCache())).status == "Rejected"


async def test_small_commands(central, cp):
    assert (await central.sends("SIM-1", call.ClearCache())).status == "Accepted"
    assert (await central.sends("SIM-1", call.DataTransfer(vendor_id="x"))).status == "UnknownVendorId"
    assert (await central.sends("SIM-1", call.DataTransfer(vendor_id="plugcontrol"))).status == "UnknownMessageId"
    echo = await central.sends("SIM-1", call.DataTransfer(vendor_id="plugcontrol", message_id="echo", data="hi"))
    assert (echo.status, echo.data) == ("Accepted", "hi")
    with pytest.raises(exceptions.NotImplementedError):
        await central.sends("SIM-1", type("Foo", (call.ClearCache,), {})())


async def test_answers_on_request(central, cp):
    cp.overrides["UnlockConnector"] = Override(payload={"status": "UnlockFailed"}, delay_s=0.01)
    cp.overrides["ClearCache"] = Override(payload=CallFailed("InternalError", "as the test asked"))

    assert (await central.sends("SIM-1", call.UnlockConnector(connector_id=1))).status == "UnlockFailed"
    with pytest.raises(exceptions.InternalError):
        await central.sends("SIM-1", call.ClearCache())
