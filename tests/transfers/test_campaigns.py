"""Campaigns: who is begun when, what is tried again, and how the table ends."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from stations.commands import CommandRefused, Origin
from stations.models import (
    ChargePoint,
    ChargePointStatus,
    Command,
    CommandSource,
    CommandStatus,
    ConfigurationKey,
    Connector,
    GatewayProcess,
    RegistrationStatus,
)
from tests.conftest import make_station
from transactions.services import start_transaction
from transfers import campaign_progress, campaign_steps, campaigns, deadlines, firmware_files, updates
from transfers.campaign_progress import Progress
from transfers.failures import failure_text
from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, Transfer
from transfers.progress import saw_boot, saw_progress

from .firmware import make_firmware

pytestmark = pytest.mark.django_db
State, Failure = FirmwareUpdate.State, FirmwareUpdate.Failure
ORIGIN = Origin(CommandSource.SCREEN, actor="anna", remote_address="10.0.0.7")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def firmware(db: None) -> FirmwareFile:
    return make_firmware()


@pytest.fixture
def process(db: None) -> GatewayProcess:
    return GatewayProcess.objects.create(channel="nobody", host="h", pid=1)


@pytest.fixture
def fleet(process: GatewayProcess) -> list[ChargePoint]:
    """Six stations on version 1, all online."""
    return [online(make_station(f"CP{number}", firmware_version="1"), process) for number in range(6)]


def online(station: ChargePoint, process: GatewayProcess) -> ChargePoint:
    station.gateway, station.connection = process, f"s{station.pk}"
    station.save(update_fields=["gateway", "connection"])
    return station


def start(stations: list[ChargePoint], firmware: FirmwareFile, **options: Any) -> Campaign:
    return campaigns.start_campaign(stations, firmware, origin=ORIGIN, name="Spring", **options)


def advance(at: datetime | None = None) -> int:
    return campaign_steps.advance_all(at or timezone.now())


def states(campaign: Campaign) -> list[str]:
    return list(campaign.updates.order_by("created_at").values_list("state", flat=True))


def failures(campaign: Campaign) -> list[str]:
    return list(campaign.updates.order_by("created_at").values_list("failure", flat=True))


def begun(campaign: Campaign) -> list[str]:
    """Stations that have been sent a command, in the order of that."""
    rows = campaign.updates.filter(tries__gt=0).order_by("command__created_at")
    return list(rows.values_list("charge_point__identity", flat=True))


def sent(*stations: ChargePoint, status: str = CommandStatus.ACCEPTED, **columns: Any) -> None:
    """Their commands have left and are answered."""
    open_ones = Command.objects.filter(charge_point__in=stations, status=CommandStatus.QUEUED)
    open_ones.update(status=status, sent_at=timezone.now(), closed_at=timezone.now(), **columns)
    deadlines.check(timezone.now())


def says(station: ChargePoint, status: str, at: datetime | None = None) -> None:
    saw_progress(station, kind="firmware", status=status, request_id=None, at=at or timezone.now())


def installs(*stations: ChargePoint) -> None:
    for station in stations:
        sent(station)
        ChargePoint.objects.filter(pk=station.pk).update(firmware_version="4.3.1")
        saw_boot(station, at=timezone.now())


def test_as_many_at_once_as_allowed(fleet, firmware):
    campaign = start(fleet, firmware, at_once=2)
    assert advance() == 2
    assert advance() == 0
    assert begun(campaign) == ["CP0", "CP1"]
    installs(fleet[0])
    assert advance() == 1
    assert begun(campaign) == ["CP0", "CP1", "CP2"]


def test_as_many_a_minute_as_allowed(fleet, firmware):
    campaign = start(fleet, firmware, at_once=10, per_minute=2)
    assert advance() == 2
    installs(fleet[0], fleet[1])
    assert advance() == 0
    assert advance(timezone.now() + MINUTE) == 2
    assert begun(campaign) == ["CP0", "CP1", "CP2", "CP3"]


def test_commands_are_whoevers_started_it(fleet, firmware):
    start(fleet, firmware, at_once=1)
    advance()
    command = Command.objects.get()
    assert (command.action, command.actor, command.source) == ("UpdateFirmware", "anna", CommandSource.SCREEN)
    assert command.remote_address == "10.0.0.7"


def test_a_campaign_ends_when_all_have_their_end(fleet, firmware):
    campaign = start(fleet[:2], firmware)
    advance()
    installs(*fleet[:2])
    assert advance() == 1
    campaign.refresh_from_db()
    assert (campaign.state, campaign.is_over) == (Campaign.State.DONE, True)
    assert campaign.ended_at is not None
    assert advance() == 0


def test_it_begins_at_its_time(fleet, firmware):
    start(fleet, firmware, begins_at=timezone.now() + MINUTE)
    assert advance() == 0
    assert advance(timezone.now() + 2 * MINUTE) > 0


def test_offline_stations_wait_for_their_return(fleet, firmware, process):
    away = make_station("AWAY")
    campaign = start([away, fleet[0]], firmware)
    advance()
    assert begun(campaign) == ["CP0"]
    online(away, process)
    advance()
    assert begun(campaign) == ["CP0", "AWAY"]


def test_who_did_not_return_in_time_was_not_sent_anything(fleet, firmware):
    away = make_station("AWAY")
    campaign = start([away, *fleet[:2]], firmware, at_once=1, ends_at=timezone.now() + MINUTE)
    advance()
    advance(timezone.now() + 2 * MINUTE)
    assert states(campaign) == [State.FAILED, State.ASKED, State.FAILED]
    assert failures(campaign) == [Failure.NOT_SENT, "", Failure.TOO_LATE]
    installs(fleet[0])  # what was begun goes on
    advance(timezone.now() + 2 * MINUTE)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DONE


def test_a_station_that_went_away_just_before_its_command_has_lost_no_try(fleet, firmware):
    campaign = start(fleet[:1], firmware, retries=0)
    advance()
    Command.objects.update(status=CommandStatus.UNDELIVERED, closed_at=timezone.now())
    deadlines.check(timezone.now())
    assert states(campaign) == [State.WAITING]
    assert advance() == 0
    assert advance(timezone.now() + MINUTE) == 1
    assert campaign.updates.get().tries == 1


def plug(station: ChargePoint, status: str, *, session: bool = False) -> None:
    if session:
        at = timezone.now()
        said = {"connector_id": 1, "meter_start_wh": 0, "timestamp": at, "received_at": at}
        start_transaction(station, id_tag="CAFE", tag_too_long=False, reservation_id=None, **said)
    Connector.objects.update_or_create(charge_point=station, connector_id=1, defaults={"status": status})


def test_never_while_charging_unless_said(fleet, firmware):
    plug(fleet[0], ChargePointStatus.CHARGING)
    plug(fleet[1], ChargePointStatus.SUSPENDED_EV)
    plug(fleet[2], ChargePointStatus.FINISHING, session=True)
    plug(fleet[3], ChargePointStatus.AVAILABLE, session=True)  # its stop got lost: the car has gone
    plug(fleet[4], ChargePointStatus.PREPARING)
    campaign = start(fleet, firmware, at_once=6)
    advance()
    assert begun(campaign) == ["CP3", "CP4", "CP5"]
    Connector.objects.filter(charge_point=fleet[0]).update(status=ChargePointStatus.AVAILABLE)
    advance()
    assert begun(campaign)[3:] == ["CP0"]


def test_while_charging_if_said(fleet, firmware):
    plug(fleet[0], ChargePointStatus.CHARGING)
    campaign = start(fleet[:1], firmware, while_charging=True)
    advance()
    assert begun(campaign) == ["CP0"]


def test_a_failure_is_tried_again_as_often_as_said(fleet, firmware):
    campaign = start(fleet[:1], firmware, retries=2)
    now = timezone.now()
    for number in range(3):
        assert advance(now + number * 2 * MINUTE) == 1
        sent(fleet[0])
        says(fleet[0], "DownloadFailed", now + number * 2 * MINUTE)
    row = campaign.updates.get()
    assert (row.state, row.failure, row.tries) == (State.FAILED, Failure.DOWNLOAD, 3)
    assert Command.objects.count() == 3


def test_a_second_try_waits_a_moment_and_may_succeed(fleet, firmware):
    campaign = start(fleet[:1], firmware)
    advance()
    sent(fleet[0], status=CommandStatus.REJECTED)
    assert (states(campaign), failures(campaign)) == ([State.WAITING], [Failure.REFUSED])
    assert advance() == 0
    advance(timezone.now() + 2 * MINUTE)
    installs(fleet[0])
    assert (states(campaign), failures(campaign)) == ([State.INSTALLED], [""])


def test_what_would_be_the_same_again_is_not_tried(fleet, firmware):
    campaign = start(fleet[:1], firmware, retries=5)
    advance()
    sent(fleet[0])
    says(fleet[0], "InvalidSignature")
    assert (states(campaign), failures(campaign)) == ([State.FAILED], [Failure.SIGNATURE])


def test_who_has_the_version_already_is_sent_nothing(fleet, firmware):
    ChargePoint.objects.filter(pk=fleet[0].pk).update(firmware_version="4.3.1")
    campaign = start(fleet[:2], firmware)
    advance()
    assert begun(campaign) == ["CP1"]
    assert states(campaign)[0] == State.INSTALLED


@pytest.mark.parametrize("reported", ["4.3.1", "v4.3.1", "V4.3.1"])
def test_a_version_is_the_same_however_it_is_written(fleet, reported):
    campaign = start(fleet[:1], make_firmware("v4.3.1" if reported == "4.3.1" else "4.3.1"))
    ChargePoint.objects.filter(pk=fleet[0].pk).update(firmware_version=reported)
    advance()
    assert (begun(campaign), states(campaign)) == ([], [State.INSTALLED])


def test_one_that_came_back_with_another_version_at_that_very_moment_waits_on(fleet, firmware, monkeypatch):
    campaign = start(fleet[:1], firmware)
    row = campaign.updates.get()
    monkeypatch.setattr(campaign_steps, "_settled_already", lambda *_: [row.pk])
    monkeypatch.setattr(campaign_steps, "_ready", lambda waiting, *_: waiting.none())
    advance()
    assert (states(campaign), failures(campaign)) == ([State.WAITING], [""])


def test_firmware_for_others_and_archived_stations_stand_in_the_table(fleet, process):
    firmware = make_firmware(vendor="Acme")
    ChargePoint.objects.filter(pk=fleet[0].pk).update(vendor="Zenith")
    ChargePoint.objects.filter(pk=fleet[1].pk).update(vendor="ACME")
    campaign = start(list(ChargePoint.objects.order_by("identity")[:3]), firmware)
    assert failures(campaign) == [Failure.DOES_NOT_FIT, "", ""]  # the third has not said what it is
    ChargePoint.objects.filter(pk=fleet[1].pk).update(archived_at=timezone.now())
    advance()
    assert failures(campaign) == [Failure.DOES_NOT_FIT, Failure.ARCHIVED, Failure.DOES_NOT_FIT]
    assert not Command.objects.exists()


def test_a_station_that_is_updated_otherwise_waits(fleet, firmware):
    other = make_firmware("5")
    single = updates.begin_update(fleet[0], other)
    campaign = start(fleet[:1], firmware)
    assert advance() == 0
    sent(fleet[0])
    says(fleet[0], "DownloadFailed")
    single.refresh_from_db()
    assert single.state == State.FAILED
    assert advance() == 1
    assert begun(campaign) == ["CP0"]


def test_stations_that_are_not_approved_wait(fleet, firmware):
    ChargePoint.objects.filter(pk=fleet[0].pk).update(registration_status=RegistrationStatus.PENDING)
    start(fleet[:1], firmware)
    assert advance() == 0


def test_pause_and_resume(fleet, firmware):
    campaign = start(fleet, firmware, at_once=1)
    advance()
    assert campaigns.pause(campaign)
    assert not campaigns.pause(campaign)
    installs(fleet[0])  # what was begun goes on
    assert advance() == 0
    assert campaigns.resume(campaign)
    assert advance() == 1
    assert begun(campaign) == ["CP0", "CP1"]


def test_a_paused_campaign_whose_last_station_ended_is_done(fleet, firmware):
    campaign = start(fleet[:1], firmware)
    advance()
    campaigns.pause(campaign)
    assert advance() == 0
    installs(fleet[0])
    advance()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.ended_at is None) == (campaign.State.DONE, False)


def test_cancel_takes_back_what_has_not_left(fleet, firmware):
    campaign = start(fleet, firmware, at_once=2)
    advance()
    sent(fleet[0])
    says(fleet[0], "Downloading")
    assert campaigns.cancel(campaign)
    assert states(campaign) == [State.DOWNLOADING, *[State.CANCELLED] * 5]
    assert Command.objects.filter(status=CommandStatus.CANCELLED).count() == 1
    says(fleet[0], "DownloadFailed")  # there is no other try
    assert states(campaign)[0] == State.FAILED
    assert not campaigns.resume(campaign)


def test_a_cancellation_that_was_interrupted_is_finished(fleet, firmware):
    campaign = start(fleet, firmware)
    Campaign.objects.update(state=Campaign.State.CANCELLED)
    assert advance() == 6
    assert set(states(campaign)) == {State.CANCELLED}


def test_retry_failed(fleet, firmware):
    campaign = start(fleet[:3], firmware, retries=0, ends_at=timezone.now() + MINUTE)
    with pytest.raises(CommandRefused, match="Nothing failed"):
        campaigns.retry_failed(campaign)
    advance()
    sent(fleet[0], status=CommandStatus.REJECTED)
    sent(fleet[1], fleet[2])
    says(fleet[1], "InstallationFailed")
    installs(fleet[2])
    advance()
    Campaign.objects.update(begins_at=timezone.now() - 2 * MINUTE, ends_at=timezone.now() - MINUTE)
    assert campaigns.retry_failed(campaign) == 2
    assert campaign.state == Campaign.State.RUNNING
    assert campaign.ends_at > timezone.now()
    assert advance() == 2
    installs(*fleet[:2])
    advance()
    campaign.refresh_from_db()
    assert (campaign.state, set(states(campaign))) == (Campaign.State.DONE, {State.INSTALLED})


def test_who_is_put_in_line_again_as_the_campaign_ends_has_a_turn(fleet, firmware):
    """The clock has just seen that all have their end."""
    campaign = start(fleet[:1], firmware, retries=0)
    advance()
    sent(fleet[0], status=CommandStatus.REJECTED)
    deadlines.check(timezone.now())
    pressed = []

    def press(execute: Any, sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if not pressed and re.match(r'SELECT \S+ AS "a" FROM "transfers_firmwareupdate"', sql):  # exists()
            pressed.append(True)
            assert campaigns.retry_failed(campaign) == 1
        return result

    with connection.execute_wrapper(press):
        advance()
    campaign.refresh_from_db()
    assert (bool(pressed), campaign.state, states(campaign)) == (True, Campaign.State.RUNNING, [State.WAITING])
    assert advance(timezone.now() + 2 * MINUTE) == 1
    assert states(campaign) == [State.ASKED]


def test_with_an_archived_file_nothing_is_tried_again(fleet, firmware):
    """Its stations would wait for ever."""
    campaign = start(fleet[:1], firmware, retries=0)
    advance()
    sent(fleet[0], status=CommandStatus.REJECTED)
    advance()
    firmware_files.archive(firmware)
    with pytest.raises(CommandRefused, match="archived"):
        campaigns.retry_failed(campaign)
    assert states(campaign) == [State.FAILED]


def test_a_cancelled_campaign_is_not_tried_again(fleet, firmware):
    campaign = start(fleet, firmware)
    campaigns.cancel(campaign)
    with pytest.raises(CommandRefused, match="was cancelled"):
        campaigns.retry_failed(campaign)


def test_the_same_key_means_the_same_campaign(fleet, firmware):
    first = start(fleet, firmware, idempotency_key="k")
    assert start(fleet[:1], firmware, idempotency_key="k") == first
    assert FirmwareUpdate.objects.count() == 6


def test_what_makes_no_sense_is_refused(fleet, firmware):
    for words, stations, options in (
        ("at least one charger", [], {}),
        ("At least one", fleet, {"at_once": 0}),
        ("At least one", fleet, {"per_minute": 0}),
        ("before it begins", fleet, {"ends_at": timezone.now() - MINUTE}),
        ("no signature", fleet, {"signed": True}),
    ):
        with pytest.raises(CommandRefused, match=words):
            start(stations, firmware, **options)
    FirmwareFile.objects.update(archived_at=timezone.now())
    firmware.refresh_from_db()
    with pytest.raises(CommandRefused, match="is archived"):
        start(fleet, firmware)
    assert not Campaign.objects.exists()


def test_a_file_that_is_gone_keeps_stations_waiting(fleet, firmware):
    campaign = start(fleet[:1], firmware)
    firmware.file.storage.delete(firmware.file.name)
    assert advance() == 0
    assert states(campaign) == [State.WAITING]
    assert not Command.objects.exists()


def test_two_processes_at_once_do_no_harm(fleet, firmware, monkeypatch):
    """The other one has begun stations between our look at the room and our turn."""
    campaign = start(fleet, firmware, at_once=2)
    look = campaign_steps._room
    looks: list[int] = []

    def races(*arguments: Any) -> int:
        room = look(*arguments)
        looks.append(room)
        if len(looks) == 1:
            advance()
        return room

    monkeypatch.setattr(campaign_steps, "_room", races)
    advance()
    assert len(begun(campaign)) == Command.objects.count() == 2


def test_progress_counts_every_station_once(fleet, firmware):
    other = start(fleet[:1], make_firmware("9"))
    campaign = start(fleet, firmware, at_once=3)
    assert campaign_progress.progress(campaign) == Progress(total=6, waiting=6)
    FirmwareUpdate.objects.filter(campaign=other).update(state=State.CANCELLED, ended_at=timezone.now())
    advance()
    sent(*fleet[:3])
    says(fleet[1], "InvalidSignature")
    says(fleet[2], "Downloading")
    installs(fleet[0])
    progress = campaign_progress.progress(campaign)
    assert progress == Progress(total=6, waiting=3, running=1, done=1, failed=1)
    assert (progress.percent, progress.is_over) == (33, False)
    both = campaign_progress.progress_by_campaign(FirmwareUpdate.objects.all())
    assert both == {campaign.pk: progress, other.pk: Progress(total=1, cancelled=1)}
    mine = FirmwareUpdate.objects.filter(charge_point=fleet[1])
    assert campaign_progress.progress_by_campaign(mine) == {campaign.pk: Progress(total=1, failed=1)}


def test_a_hundred_percent_only_when_all_have_their_end():
    assert Progress(total=1000, done=999, waiting=1).percent == 99
    assert Progress(total=3, done=1, failed=1, cancelled=1).percent == 100
    assert Progress().percent == 100


def test_nothing_to_do_costs_two_questions(fleet, firmware, django_assert_num_queries):
    campaigns.cancel(start(fleet, firmware))
    with django_assert_num_queries(2):
        advance()
    with django_assert_num_queries(1):
        deadlines.check(timezone.now())


def test_no_way_for_the_file_is_said_in_the_table(fleet, firmware):
    ConfigurationKey.objects.create(charge_point=fleet[0], key="SupportedFileTransferProtocols", value="SFTP")
    campaign = start(fleet[:1], firmware)
    advance()
    row = campaign.updates.get()
    assert (row.state, row.failure, row.tries) == (State.FAILED, Failure.DOWNLOAD, 0)
    assert "over SFTP" in failure_text(row)
    assert not Command.objects.exists()
    assert not Transfer.objects.exists()
