"""Who is accepted, who waits, and what they may say meanwhile (OCPP 1.6 §4.2)."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from ocpp_gateway import consumers
from stations import services
from stations.commands import queue_command
from stations.models import ChargePoint, Command, CommandStatus, RegistrationStatus
from tests.conftest import make_station
from tests.fake_charge_point import CallFailed
from transactions.models import Transaction

START = {"connectorId": 1, "idTag": "CAFE", "meterStart": 0, "timestamp": "2026-11-01T10:00:00Z"}


def approve(identity: str) -> None:
    services.approve_charge_point(ChargePoint.objects.get(identity=identity))


async def test_a_stranger_waits(gateway, connect, stored):
    cp = await connect("NEW")
    answer = await cp.boots(chargePointSerialNumber="A-1001")
    assert (answer["status"], answer["interval"]) == ("Pending", 60)
    row = await stored(lambda: ChargePoint.objects.get())
    assert (row.registration_status, row.serial_number, row.discovered) == ("Pending", "A-1001", True)


@pytest.mark.parametrize("action", ["Heartbeat", "Authorize", "StatusNotification", "StartTransaction", "Nonsense"])
async def test_before_acceptance_nothing_else_is_served(gateway, connect, stored, action):
    cp = await connect("NEW")
    with pytest.raises(CallFailed, match="SecurityError"):
        await cp.call(action, **START)
    assert await stored(Transaction.objects.count) == 0


async def test_approval_triggers_the_next_boot(gateway, connect, stored):
    cp = await connect("NEW")
    await cp.boots()
    await sync_to_async(approve)("NEW")
    trigger = await cp.expects("TriggerMessage", requestedMessage="BootNotification")
    await trigger.replies(status="Accepted")
    assert (await cp.boots())["status"] == "Accepted"
    assert (await cp.call("Heartbeat"))["currentTime"]
    command = await stored(lambda: Command.objects.get())
    assert (command.status, command.answer) == ("accepted", {"status": "Accepted"})


async def test_a_boot_sent_again_under_its_id_hears_of_the_approval(gateway, connect):
    """Some firmware repeats the frame as it was until it is accepted."""
    cp = await connect("NEW")
    boot = [2, "boot", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]
    assert (await cp.exchange(boot))["status"] == "Pending"
    await sync_to_async(approve)("NEW")
    await (await cp.expects("TriggerMessage", requestedMessage="BootNotification")).replies(status="Rejected")
    assert (await cp.exchange(boot))["status"] == "Accepted"


async def test_a_station_that_never_boots_can_be_approved(gateway, connect, tag):
    cp = await connect("SHY")
    await sync_to_async(approve)("SHY")
    await (await cp.expects("TriggerMessage", requestedMessage="BootNotification")).replies(status="Rejected")
    assert (await cp.call("Authorize", idTag="CAFE"))["idTagInfo"]["status"] == "Accepted"


async def test_a_station_that_never_booted_is_asked_to(gateway, connect, monkeypatch):
    monkeypatch.setattr(consumers, "BOOT_PATIENCE_S", 0.01)
    cp = await connect("SHY")
    await (await cp.expects("TriggerMessage", requestedMessage="BootNotification")).replies(status="Accepted")
    assert (await cp.boots())["status"] == "Pending"


async def test_a_pending_station_may_send_what_we_triggered(gateway, connect, stored):
    cp = await connect("NEW")
    await cp.boots()
    row = await stored(lambda: ChargePoint.objects.get())
    await sync_to_async(services.queue_command)(row, "TriggerMessage", {"requestedMessage": "StatusNotification"})
    await (await cp.expects("TriggerMessage", requestedMessage="StatusNotification")).replies(status="Accepted")
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    assert await cp.call("StatusNotification", **status) == {}
    with pytest.raises(CallFailed, match="SecurityError"):
        await cp.call("Heartbeat")


async def test_acceptance_survives_a_reconnect(cp, connect, station):
    await cp.disconnect()
    again = await connect(station.identity)
    assert (await again.call("Heartbeat"))["currentTime"]


async def test_a_rejected_station_is_told_so(gateway, connect, stored):
    await sync_to_async(make_station)("BAD", registration_status=RegistrationStatus.REJECTED, accepted_at=None)
    cp = await connect("BAD")
    assert (await cp.boots())["status"] == "Rejected"
    with pytest.raises(CallFailed, match="SecurityError"):
        await cp.call("StartTransaction", **START)


async def test_money_of_a_station_once_accepted_is_always_taken(gateway, connect, stored):
    await sync_to_async(make_station)("OLD", registration_status=RegistrationStatus.REJECTED)
    cp = await connect("OLD")
    started = await cp.call("StartTransaction", **START)
    stop = {"meterStop": 500, "timestamp": "2026-11-01T11:00:00Z"}
    await cp.call("StopTransaction", transactionId=started["transactionId"], **stop)
    assert (await stored(lambda: Transaction.objects.get())).energy_wh == 500
    with pytest.raises(CallFailed, match="SecurityError"):
        await cp.call("Authorize", idTag="CAFE")


async def test_rejecting_counts_at_once(cp, station, gateway, stored):
    assert (await cp.boots())["status"] == "Accepted"
    await sync_to_async(services.reject_charge_point)(station)
    await gateway._reconcile()
    with pytest.raises(CallFailed, match="SecurityError"):
        await cp.call("Authorize", idTag="CAFE")


async def test_archiving_ends_the_line(cp, station):
    await sync_to_async(services.archive_charge_point)(station)
    assert await cp.closes() == 1000


async def test_what_waited_for_an_archived_charger_is_taken_back(gateway, station, connect, stored):
    """It would go out when the charger is used again, weeks later."""
    soon = timezone.now() + timedelta(days=20)
    command = await sync_to_async(queue_command)(station, "Reset", {"type": "Hard"}, valid_until=soon)
    await sync_to_async(services.archive_charge_point)(station)
    await sync_to_async(services.restore_charge_point)(station)
    assert (await stored(lambda: Command.objects.get(pk=command.pk))).status == CommandStatus.CANCELLED


async def test_policy_accept(gateway, connect, stored, settings):
    settings.UNKNOWN_CHARGE_POINTS = "accept"
    cp = await connect("NEW")
    assert (await cp.boots())["status"] == "Accepted"
    row = await stored(lambda: ChargePoint.objects.get())
    assert row.accepted_at is not None
    assert not row.discovered


async def test_at_most_fifty_strangers_wait(gateway, connect, stored):
    strangers = [ChargePoint(identity=f"S{n}", discovered=True) for n in range(50)]
    await ChargePoint.objects.abulk_create(strangers)
    assert (await connect("S51")).status == 503
    assert (await connect("S7")).status == 101
    assert await stored(ChargePoint.objects.count) == 50


async def test_strangers_that_left_are_forgotten(gateway, connect, stored):
    cp = await connect("NEW")
    await cp.boots()
    await cp.disconnect()
    tomorrow = timezone.now() + timedelta(days=1, minutes=1)
    assert await stored(lambda: services.forget_discovered(timezone.now())) == 0
    assert await stored(lambda: services.forget_discovered(tomorrow)) == 1
    assert await stored(ChargePoint.objects.count) == 0


async def test_boot_data_is_stored(cp, stored):
    await cp.boots(
        chargePointSerialNumber="SN",
        chargeBoxSerialNumber="BSN",
        firmwareVersion="4.2.0",
        iccid="89",
        imsi="26",
        meterType="M",
        meterSerialNumber="MS",
    )
    row = await stored(lambda: ChargePoint.objects.get())
    assert (row.vendor, row.model, row.serial_number, row.box_serial_number) == ("Acme", "Wall 22", "SN", "BSN")
    assert (row.firmware_version, row.iccid, row.imsi, row.meter_type) == ("4.2.0", "89", "26", "M")
    assert row.booted_at is not None


async def test_the_heartbeat_interval_is_the_configured_one(cp, settings):
    settings.HEARTBEAT_INTERVAL = 77
    answer = await cp.boots()
    assert answer["interval"] == 77
    assert answer["currentTime"].endswith("Z")
    assert len(answer["currentTime"]) == len("2026-11-21T03:00:00Z")
