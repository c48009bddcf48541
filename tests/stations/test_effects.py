"""What followed: which message of the station is the effect of which command, and until when it is awaited."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from stations import commands, effects, services
from stations.models import ChargePoint, Command, CommandStatus, ConfigurationKey, EffectStatus
from stations.write_batch import Names, write_batch
from tests.conftest import make_station
from transactions.services import start_transaction, stop_transaction

pytestmark = pytest.mark.django_db

START = {"idTag": "CAFE", "connectorId": 1}
ACCEPTED = {"status": "Accepted"}


@pytest.fixture
def station() -> ChargePoint:
    return make_station()


@pytest.fixture
def told(station: ChargePoint) -> Any:
    """`told("Reset", {"type": "Soft"})`: a command that went out, and was answered unless `answer` is None."""

    def told(action: str, payload: dict[str, Any], answer: dict[str, Any] | None = ACCEPTED) -> Command:
        command = Command.objects.create(charge_point=station, action=action, payload=payload)
        assert commands.mark_sent(command, "c1")
        if answer is not None:
            commands.close_command(command, CommandStatus.ACCEPTED, answer=answer)
        return command

    return told


def effect_of(command: Command) -> tuple[str, dict[str, Any]]:
    command.refresh_from_db()
    return command.effect_status, command.effect


def awaited_s(command: Command) -> int:
    """Seconds from now until the effect is given up."""
    command.refresh_from_db()
    assert (command.effect_status, command.effect_at) == (EffectStatus.AWAITED, None)
    assert command.effect_due_at is not None
    return round((command.effect_due_at - timezone.now()).total_seconds())


def starts(station: ChargePoint, id_tag: str = "CAFE", connector_id: int = 1, ago: timedelta = timedelta(0)) -> int:
    now = timezone.now()
    transaction, _ = start_transaction(
        station,
        connector_id=connector_id,
        id_tag=id_tag,
        tag_too_long=False,
        meter_start_wh=0,
        timestamp=now - ago,
        reservation_id=None,
        received_at=now,
    )
    return transaction.pk


def stops(station: ChargePoint, transaction_id: int) -> None:
    now = timezone.now()
    stop_transaction(
        station,
        transaction_id=transaction_id,
        meter_stop_wh=10,
        timestamp=now,
        id_tag=None,
        tag_too_long=False,
        reason="Remote",
        readings=[],
        received_at=now,
    )


def reports(station: ChargePoint, status: str, connector_id: int = 1, at: datetime | None = None) -> None:
    services.record_status(
        station,
        connector_id=connector_id,
        status=status,
        error_code="NoError",
        reported_at=at,
        received_at=timezone.now(),
    )


def progresses(station: ChargePoint, kind: str, *statuses: str, request_id: int | None = None) -> None:
    for status in statuses:
        services.record_progress(station, kind=kind, status=status, request_id=request_id, at=timezone.now())


# RemoteStartTransaction


def test_a_remote_start_has_its_transaction(station: ChargePoint, told: Any) -> None:
    command = told("RemoteStartTransaction", START)
    number = starts(station, "cafe")
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})
    assert command.effect_at is not None


@pytest.mark.parametrize(("id_tag", "connector_id"), [("OTHER", 1), ("CAFE", 2)])
def test_another_start_is_not_its_effect(station: ChargePoint, told: Any, id_tag: str, connector_id: int) -> None:
    command = told("RemoteStartTransaction", START)
    starts(station, id_tag, connector_id)
    assert effect_of(command) == (EffectStatus.AWAITED, {})


def test_a_start_is_the_effect_of_one_command(station: ChargePoint, told: Any) -> None:
    first, second = told("RemoteStartTransaction", {"idTag": "CAFE"}), told("RemoteStartTransaction", START)
    number = starts(station)
    assert effect_of(first) == (EffectStatus.SEEN, {"transaction": number})
    assert effect_of(second) == (EffectStatus.AWAITED, {})


def test_a_start_that_was_kept_is_not_its_effect(station: ChargePoint, told: Any) -> None:
    ChargePoint.objects.update(connected_at=timezone.now())
    command = told("RemoteStartTransaction", START)
    starts(station, ago=timedelta(hours=2))
    assert effect_of(command) == (EffectStatus.AWAITED, {})
    number = starts(station)
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})


@pytest.mark.parametrize(("online", "ago"), [(timedelta(minutes=1), timedelta(minutes=4)), (timedelta(hours=3),) * 2])
def test_the_clock_of_a_station_may_be_behind(
    station: ChargePoint, told: Any, online: timedelta, ago: timedelta
) -> None:
    ChargePoint.objects.update(connected_at=timezone.now() - online)
    command = told("RemoteStartTransaction", START)
    number = starts(station, ago=ago - timedelta(seconds=1))
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})


def test_a_start_at_another_station_is_not_its_effect(told: Any) -> None:
    command = told("RemoteStartTransaction", START)
    starts(make_station("CP2"))
    assert effect_of(command)[0] == EffectStatus.AWAITED


@pytest.mark.parametrize(("value", "seconds"), [(None, 150), ("60", 90), ("soon", 150)])
def test_a_start_has_the_stations_own_time(station: ChargePoint, told: Any, value: str | None, seconds: int) -> None:
    if value is not None:
        ConfigurationKey.objects.create(charge_point=station, key="ConnectionTimeout", value=value)
    assert awaited_s(told("RemoteStartTransaction", START)) == seconds


def test_a_start_may_overtake_its_answer(station: ChargePoint, told: Any) -> None:
    command = told("RemoteStartTransaction", START, answer=None)
    number = starts(station)
    commands.close_command(command, CommandStatus.ACCEPTED, answer=ACCEPTED)
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})


def test_start_and_answer_in_one_batch(station: ChargePoint, told: Any) -> None:
    command = told("RemoteStartTransaction", START, answer=None)
    with write_batch([Names(station.pk)]):
        reports(station, "Preparing")
        commands.close_command(command, CommandStatus.ACCEPTED, answer=ACCEPTED)
        number = starts(station)
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})


def test_a_refused_start_began_nothing(station: ChargePoint, told: Any) -> None:
    command = told("RemoteStartTransaction", START, answer=None)
    starts(station)
    commands.close_command(command, CommandStatus.REJECTED, answer={"status": "Rejected"})
    assert effect_of(command) == (EffectStatus.NONE, {})


def test_an_unanswered_start_may_begin_one_all_the_same(station: ChargePoint, told: Any) -> None:
    command = told("RemoteStartTransaction", START, answer=None)
    commands.close_command(command, CommandStatus.TIMED_OUT)
    number = starts(station)
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})


# RemoteStopTransaction and UnlockConnector


def test_a_remote_stop_has_its_stop(station: ChargePoint, told: Any) -> None:
    number, other = starts(station), starts(station, "BEEF", 2)
    command = told("RemoteStopTransaction", {"transactionId": number})
    stops(station, other)
    assert effect_of(command)[0] == EffectStatus.AWAITED
    stops(station, number)
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})


def test_a_remote_stop_of_a_transaction_we_do_not_know(station: ChargePoint, told: Any) -> None:
    command = told("RemoteStopTransaction", {"transactionId": 4711})
    stops(station, 4711)
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": 4711})


def test_unlocking_ends_what_runs(station: ChargePoint, told: Any) -> None:
    number = starts(station)
    command = told("UnlockConnector", {"connectorId": 1}, answer={"status": "Unlocked"})
    stops(station, number)
    assert effect_of(command) == (EffectStatus.SEEN, {"transaction": number})


def test_unlocking_where_nothing_runs(station: ChargePoint, told: Any) -> None:
    stops(station, starts(station))
    starts(station, connector_id=2)
    assert effect_of(told("UnlockConnector", {"connectorId": 1}, answer={"status": "Unlocked"})) == ("", {})


# Reset


def test_a_reset_has_its_boot(station: ChargePoint, told: Any) -> None:
    command = told("Reset", {"type": "Hard"})
    assert awaited_s(command) == 300
    services.register_boot(station, at=timezone.now(), vendor="Acme", model="Wall 22")
    assert effect_of(command) == (EffectStatus.SEEN, {})


def test_a_reset_before_the_answer(station: ChargePoint, told: Any) -> None:
    command = told("Reset", {"type": "Hard"}, answer=None)
    commands.close_command(command, CommandStatus.FAILED, error_description=commands.CONNECTION_LOST)
    services.register_boot(station, at=timezone.now(), vendor="Acme", model="Wall 22")
    assert effect_of(command) == (EffectStatus.SEEN, {})


# ChangeAvailability


def test_a_connector_goes_out_of_service(station: ChargePoint, told: Any) -> None:
    reports(station, "Available")
    command = told("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    reports(station, "Unavailable", connector_id=2)
    assert awaited_s(command) == 60
    reports(station, "Unavailable")
    assert effect_of(command) == (EffectStatus.SEEN, {"connector_id": 1, "status": "Unavailable"})


def test_a_connector_comes_back_in_whatever_state(station: ChargePoint, told: Any) -> None:
    reports(station, "Unavailable")
    command = told("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
    reports(station, "Faulted")
    assert effect_of(command)[0] == EffectStatus.AWAITED
    reports(station, "Preparing")
    assert effect_of(command)[0] == EffectStatus.SEEN


def test_a_scheduled_change_has_a_day(station: ChargePoint, told: Any) -> None:
    reports(station, "Charging")
    command = told("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, answer={"status": "Scheduled"})
    assert awaited_s(command) == 86400
    reports(station, "Unavailable")
    assert effect_of(command)[0] == EffectStatus.SEEN


def test_a_connector_that_is_so_already_need_not_say_it(station: ChargePoint, told: Any) -> None:
    reports(station, "Unavailable")
    command = told("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    assert effect_of(command) == (EffectStatus.SEEN, {"status": "Unavailable"})


def test_all_connectors(station: ChargePoint, told: Any) -> None:
    for connector_id in (0, 1, 2):
        reports(station, "Available", connector_id)
    command = told("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, answer={"status": "Scheduled"})
    with write_batch([Names(station.pk)]):
        reports(station, "Unavailable", 0)
        reports(station, "Unavailable", 1)
        assert effect_of(command)[0] == EffectStatus.AWAITED
        reports(station, "Unavailable", 2)
    assert effect_of(command)[0] == EffectStatus.SEEN


def test_connector_zero_speaks_for_all(station: ChargePoint, told: Any) -> None:
    for connector_id in (0, 1):
        reports(station, "Available", connector_id)
    command = told("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    reports(station, "Unavailable", 0)
    assert effect_of(command)[0] == EffectStatus.SEEN


def test_an_old_state_is_no_effect(station: ChargePoint, told: Any) -> None:
    reports(station, "Available")
    command = told("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    reports(station, "Unavailable", at=timezone.now() - timedelta(hours=1))
    assert effect_of(command)[0] == EffectStatus.AWAITED


# Chains of notifications


@pytest.mark.parametrize(
    ("action", "payload", "kind", "steps"),
    [
        (
            "UpdateFirmware",
            {"location": "ftp://h/f"},
            "firmware",
            ["Downloading", "Downloaded", "Installing", "Installed"],
        ),
        ("UpdateFirmware", {"location": "ftp://h/f"}, "firmware", ["Downloading", "DownloadFailed"]),
        ("UpdateFirmware", {"location": "ftp://h/f"}, "firmware", ["Installing", "InstallationFailed"]),
        (
            "SignedUpdateFirmware",
            {"requestId": 7, "firmware": {}},
            "signed_firmware",
            ["Downloaded", "InvalidSignature"],
        ),
        (
            "SignedUpdateFirmware",
            {"requestId": 7, "firmware": {}},
            "signed_firmware",
            ["SignatureVerified", "Installed"],
        ),
        ("GetDiagnostics", {"location": "ftp://h/"}, "diagnostics", ["Uploading", "Uploaded"]),
        ("GetDiagnostics", {"location": "ftp://h/"}, "diagnostics", ["UploadFailed"]),
        ("GetLog", {"requestId": 7, "log": {}}, "log", ["Uploading", "UploadFailure"]),
        ("GetLog", {"requestId": 7, "log": {}}, "log", ["PermissionDenied"]),
    ],
)
def test_a_chain(
    station: ChargePoint, told: Any, action: str, payload: dict[str, Any], kind: str, steps: list[str]
) -> None:
    command = told(action, payload, answer={**ACCEPTED, "fileName": "x"})
    number = payload.get("requestId")
    progresses(station, kind, *steps[:-1], request_id=number)
    status, effect = effect_of(command)
    assert (status, [step for step, _ in effect.get("steps", [])]) == (EffectStatus.AWAITED, steps[:-1])
    progresses(station, kind, steps[-1], request_id=number)
    progresses(station, kind, "Idle", request_id=number)
    status, effect = effect_of(command)
    assert (status, [step for step, _ in effect["steps"]]) == (EffectStatus.SEEN, steps)


def test_a_chain_in_one_batch(station: ChargePoint, told: Any) -> None:
    command = told("UpdateFirmware", {"location": "ftp://h/f"}, answer={})
    with write_batch([Names(station.pk)]):
        progresses(station, "firmware", "Downloading", "Downloaded")
    assert [step for step, _ in effect_of(command)[1]["steps"]] == ["Downloading", "Downloaded"]


def test_another_jobs_number(station: ChargePoint, told: Any) -> None:
    command = told("GetLog", {"requestId": 7, "log": {}})
    progresses(station, "log", "Uploaded", request_id=8)
    assert effect_of(command) == (EffectStatus.AWAITED, {})
    progresses(station, "log", "Uploaded")
    assert effect_of(command)[0] == EffectStatus.SEEN


def test_reports_without_a_number_belong_to_the_newest_job(station: ChargePoint, told: Any) -> None:
    older, newer = (told("GetDiagnostics", {"location": "ftp://h/"}, answer={"fileName": "x"}) for _ in range(2))
    progresses(station, "diagnostics", "Uploaded")
    assert [effect_of(row)[0] for row in (older, newer)] == [EffectStatus.AWAITED, EffectStatus.SEEN]


def test_an_update_may_be_for_later(told: Any) -> None:
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    command = told(
        "UpdateFirmware", {"location": "ftp://h/f", "retrieveDate": tomorrow, "retries": 2, "retryInterval": 60}
    )
    assert awaited_s(command) == pytest.approx(2 * 86400 + 120, abs=2)


@pytest.mark.parametrize("moment", ["9999-12-31T12:00:00Z", "9999-12-31T23:59:59-14:00"])
def test_an_update_that_never_comes_is_given_up(told: Any, moment: str) -> None:
    command = told("UpdateFirmware", {"location": "ftp://h/f", "retrieveDate": moment})
    assert awaited_s(command) == pytest.approx(366 * 86400, abs=2)


def test_nothing_to_upload(told: Any) -> None:
    assert effect_of(told("GetDiagnostics", {"location": "ftp://h/"}, answer={})) == (EffectStatus.NONE, {})


# Triggers


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
def test_triggered_boot_and_status(station: ChargePoint, told: Any, action: str) -> None:
    boot = told(action, {"requestedMessage": "BootNotification"})
    status = told(action, {"requestedMessage": "StatusNotification", "connectorId": 2})
    services.register_boot(station, at=timezone.now(), vendor="Acme", model="Wall 22")
    reports(station, "Available", connector_id=1)
    assert [effect_of(row)[0] for row in (boot, status)] == [EffectStatus.SEEN, EffectStatus.AWAITED]
    reports(station, "Available", connector_id=2)
    assert effect_of(status) == (EffectStatus.SEEN, {"connector_id": 2, "status": "Available"})


@pytest.mark.parametrize(
    ("action", "requested", "kind"),
    [
        ("TriggerMessage", "FirmwareStatusNotification", "firmware"),
        ("TriggerMessage", "DiagnosticsStatusNotification", "diagnostics"),
        ("ExtendedTriggerMessage", "FirmwareStatusNotification", "signed_firmware"),
        ("ExtendedTriggerMessage", "LogStatusNotification", "log"),
    ],
)
def test_triggered_progress(station: ChargePoint, told: Any, action: str, requested: str, kind: str) -> None:
    command = told(action, {"requestedMessage": requested})
    progresses(station, kind, "Idle")
    assert effect_of(command) == (EffectStatus.SEEN, {"status": "Idle"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("action", "requested", "message", "payload"),
    [
        ("TriggerMessage", "Heartbeat", "Heartbeat", {}),
        (
            "TriggerMessage",
            "MeterValues",
            "MeterValues",
            {"connectorId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}]},
        ),
        ("ExtendedTriggerMessage", "SignChargePointCertificate", "SignCertificate", {"csr": "x"}),
    ],
)
@pytest.mark.parametrize("is_quick", [False, True])
async def test_triggered_messages_on_the_wire(
    gateway: Any,
    connect: Any,
    ended: Any,
    stored: Any,
    action: str,
    requested: str,
    message: str,
    payload: Any,
    is_quick: bool,
) -> None:
    station = await sync_to_async(make_station)()
    cp = await connect()
    command = await sync_to_async(commands.queue_command)(station, action, {"requestedMessage": requested})
    call = await cp.expects(action, requestedMessage=requested)
    if is_quick:
        await cp.call(message, **payload)
    await call.replies(status="Accepted")
    await ended(command)
    if not is_quick:
        await cp.call(message, **payload)
    row = await stored(lambda: Command.objects.get(pk=command.pk))
    assert (row.effect_status, row.effect) == (EffectStatus.SEEN, {"message": message})


# Deadlines, and what it costs


def test_what_does_not_come_is_missed(told: Any) -> None:
    command = told("Reset", {"type": "Soft"})
    assert effects.mark_missed(timezone.now() + timedelta(seconds=290)) == 0
    assert effects.mark_missed(timezone.now() + timedelta(seconds=310)) == 1
    assert effect_of(command)[0] == EffectStatus.MISSED
    assert effects.mark_missed(timezone.now() + timedelta(days=9)) == 0


def test_an_answer_promises_nothing_more(told: Any) -> None:
    assert effect_of(told("ClearCache", {})) == (EffectStatus.NONE, {})
    assert effect_of(told("TriggerMessage", {"requestedMessage": "SomethingElse"})) == (EffectStatus.NONE, {})


def test_one_query_for_all_stations_of_a_batch(station: ChargePoint, told: Any, django_assert_num_queries: Any) -> None:
    others = [make_station(f"CP{number}") for number in range(2, 9)]
    told("ChangeAvailability", {"connectorId": 9, "type": "Inoperative"})
    with write_batch([Names(row.pk) for row in (station, *others)]), django_assert_num_queries(1):
        for _ in range(3):
            for other in (station, *others):
                effects.saw(other.pk, "boot")
