"""One command for many chargers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations import batches
from stations.commands import CommandRefused, Origin
from stations.models import ChargePoint, Command, CommandBatch, CommandSource, CommandStatus, GatewayProcess
from tests.people import browser

pytestmark = pytest.mark.django_db
SOFT = {"type": "Soft"}


@pytest.fixture
def stations():
    User.objects.create_superuser("root")
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    return [
        ChargePoint.objects.create(identity=f"CP-{number}", gateway=gateway, connection=str(number))
        for number in range(1, 6)
    ]


@pytest.fixture
def operator(stations):
    return browser("operator")


def origin(name="anna"):
    return Origin(CommandSource.API, actor=name, remote_address="192.0.2.7")


def start(stations, **options):
    return batches.start_batch(stations, "Reset", SOFT, origin(), **options)


def end(batch, *statuses, **fields):
    """Give the batch's commands their ends, in the order of the stations."""
    commands = batch.commands.order_by("charge_point__identity")
    for command, status in zip(commands, statuses, strict=True):
        Command.objects.filter(pk=command.pk).update(status=status, closed_at=timezone.now(), **fields)


# The service


def test_every_station_gets_the_command(stations):
    batch = start(stations)
    rows = list(batch.commands.order_by("charge_point__identity"))
    assert [row.charge_point for row in rows] == stations
    assert {(row.action, row.payload["type"], row.status, row.not_before) for row in rows} == {
        ("Reset", "Soft", CommandStatus.QUEUED, None)
    }
    assert {(row.source, row.actor, row.remote_address) for row in rows} == {("api", "anna", "192.0.2.7")}
    assert (batch.source, batch.actor, batch.remote_address) == ("api", "anna", "192.0.2.7")


def test_a_pace_spreads_them_over_time(stations):
    batch = start(stations, per_minute=120)
    due = [row.not_before for row in batch.commands.order_by("charge_point__identity")]
    assert due[0] is None
    assert [(moment - batch.created_at).total_seconds() for moment in due[1:]] == [0.5, 1.0, 1.5, 2.0]


def test_archived_stations_are_left_out(stations):
    stations[0].archived_at = timezone.now()
    stations[0].save()
    assert batches.progress(start(stations)).total == 4


def test_offline_stations_end_undelivered_or_wait(stations):
    ChargePoint.objects.filter(pk=stations[0].pk).update(connection="")
    assert batches.progress(start(stations)).failed == 1
    until = timezone.now() + timedelta(hours=1)
    patient = start(stations, valid_until=until)
    assert batches.progress(patient).waiting == 5
    assert {row.valid_until for row in patient.commands.all()} == {until}


def test_a_station_that_must_not_be_told_stops_no_other(stations, monkeypatch):
    queue_command = batches.queue_command

    def but_not_the_second(station, *args, **kwargs):
        if station == stations[1]:
            raise CommandRefused("Its profile never goes down.")
        return queue_command(station, *args, **kwargs)

    monkeypatch.setattr(batches, "queue_command", but_not_the_second)
    batch = start(stations)
    now = batches.progress(batch)
    assert (now.total, now.waiting, now.failed) == (5, 4, 1)
    refused = batches.failed_commands(batch).get()
    assert (refused.charge_point, refused.status) == (stations[1], CommandStatus.UNDELIVERED)
    assert refused.error_description == "Its profile never goes down."


def test_the_same_key_starts_one_batch(stations):
    first, second = start(stations, idempotency_key="k"), start(stations, idempotency_key="k")
    assert first == second
    assert Command.objects.count() == 5
    assert batches.start_batch(stations, "Reset", SOFT, origin("bert"), idempotency_key="k") != first


def test_progress_counts_every_station_once_in_one_query(stations):
    batch = start(stations)
    end(batch, "accepted", "rejected", "timed_out", "sent", "queued")
    with CaptureQueriesContext(connection) as queries:
        now = batches.progress(batch)
    assert len(queries) == 1
    assert (now.total, now.answered, now.ok, now.failed, now.waiting, now.is_over) == (5, 2, 1, 2, 2, False)
    assert now.waiting + now.ok + now.awaited + now.failed + now.cancelled == now.total


def test_accepted_is_no_success_while_the_effect_is_awaited(stations):
    batch = start(stations[:3])
    end(batch, "accepted", "accepted", "accepted")
    for row, effect in zip(batch.commands.all(), ("awaited", "seen", "missed"), strict=True):
        Command.objects.filter(pk=row.pk).update(effect_status=effect)
    now = batches.progress(batch)
    assert (now.awaited, now.ok, now.failed, now.is_over) == (1, 1, 1, False)


def test_an_update_that_ended_badly_failed(stations):
    payload = {"location": "http://nas/f", "retrieveDate": "2026-01-01T00:00:00Z"}
    batch = batches.start_batch(stations[:2], "UpdateFirmware", payload, origin())
    end(batch, "accepted", "accepted", effect_status="seen")
    for row, last in zip(
        batch.commands.order_by("charge_point__identity"), ("Installed", "DownloadFailed"), strict=True
    ):
        steps = [["Downloading", "2026-01-01T00:00:00Z"], [last, "2026-01-01T00:01:00Z"]]
        Command.objects.filter(pk=row.pk).update(effect={"steps": steps})
    now = batches.progress(batch)
    assert (now.ok, now.failed) == (1, 1)
    assert batches.failed_commands(batch).get().charge_point == stations[1]


def test_what_was_done_without_an_answer_is_not_sent_again(stations):
    batch = start(stations)
    end(batch, "failed", "timed_out", "timed_out", "failed", "timed_out")
    rows = batch.commands.order_by("charge_point__identity")
    for row, effect in zip(rows, ("seen", "seen", "awaited", "missed", ""), strict=True):
        Command.objects.filter(pk=row.pk).update(effect_status=effect)
    now = batches.progress(batch)
    assert (now.ok, now.awaited, now.failed, now.total, now.is_over) == (2, 1, 2, 5, False)
    assert {row.charge_point for row in batches.retry_failed(batch, origin()).commands.all()} == {*stations[3:]}


def test_an_update_that_ended_badly_failed_without_an_answer_too(stations):
    payload = {"location": "http://nas/f", "retrieveDate": "2026-01-01T00:00:00Z"}
    batch = batches.start_batch(stations[:1], "UpdateFirmware", payload, origin())
    end(batch, "timed_out", effect_status="seen", effect={"steps": [["DownloadFailed", "2026-01-01T00:01:00Z"]]})
    now = batches.progress(batch)
    assert (now.ok, now.failed) == (0, 1)


def test_the_failed_ones_are_sent_again_once(stations):
    batch = start(stations, per_minute=60)
    end(batch, "accepted", "rejected", "failed", "timed_out", "cancelled")
    again = batches.retry_failed(batch, origin("bert"))
    assert {row.charge_point for row in again.commands.all()} == {*stations[1:4]}
    assert (again.retry_of, again.action, again.payload, again.per_minute) == (batch, "Reset", SOFT, 60)
    assert batches.retry_failed(batch, origin("bert")) == again
    assert CommandBatch.objects.count() == 2


def test_what_fails_after_a_retry_joins_it(stations):
    batch = start(stations, per_minute=60)
    end(batch, "rejected", "sent", "queued", "queued", "accepted")
    again = batches.retry_failed(batch, origin())
    end(batch, "rejected", "timed_out", "undelivered", "accepted", "accepted")
    assert {*batches.to_retry(batch)} == {*stations[1:3]}
    asked_at = timezone.now()
    assert batches.retry_failed(batch, origin()) == again
    assert {row.charge_point for row in again.commands.all()} == {*stations[:3]}
    (later,) = again.commands.exclude(not_before=None)
    assert later.not_before >= asked_at + timedelta(seconds=1)
    assert not batches.to_retry(batch).exists()


def test_a_retry_is_as_patient_as_the_first_try(stations):
    batch = start(stations, valid_until=timezone.now() + timedelta(hours=2))
    end(batch, *["expired"] * 5)
    again = batches.retry_failed(batch, origin())
    assert timedelta(minutes=119) < again.valid_until - timezone.now() <= timedelta(hours=2)


def test_nothing_failed_nothing_is_sent_again(stations):
    batch = start(stations)
    with pytest.raises(CommandRefused):
        batches.retry_failed(batch, origin())
    assert CommandBatch.objects.count() == 1


def test_a_secret_is_not_kept_in_the_batch(stations):
    secret = {"location": "ftp://user:hunter2@nas/"}
    batch = batches.start_batch(stations, "GetDiagnostics", secret, origin())
    assert "hunter2" not in str(batch.payload)
    assert batch.commands.first().payload == secret
    end(batch, *["failed"] * 5)
    with pytest.raises(CommandRefused):
        batches.retry_failed(batch, origin())


def test_the_rest_is_cancelled(stations):
    batch = start(stations)
    end(batch, "accepted", "sent", "queued", "queued", "queued")
    assert batches.cancel_batch(batch) == 3
    now = batches.progress(batch)
    assert (now.cancelled, now.sent, now.queued) == (3, 1, 0)
    assert batches.cancel_batch(batch) == 0


@pytest.mark.parametrize("key", ["AuthorizationKey", "securityprofile"])
def test_a_key_of_its_own_is_not_for_many(stations, key):
    with pytest.raises(CommandRefused, match="charger by charger"):
        batches.start_batch(stations, "ChangeConfiguration", {"key": key, "value": "2"}, origin())


def test_a_batch_waits_no_longer_than_a_command(stations):
    with pytest.raises(CommandRefused, match="30 days"):
        start(stations, valid_until=timezone.now() + timedelta(days=31))


def test_progress_of_several_batches_counts_the_named_commands_only(stations):
    first, second = start(stations), start(stations[:2])
    end(first, "accepted", "rejected", "sent", "queued", "queued")
    commands = Command.objects.exclude(charge_point=stations[4])
    progress = batches.progress_by_batch(commands)
    assert (progress[first.pk].total, progress[first.pk].failed, progress[first.pk].waiting) == (4, 1, 2)
    assert progress[second.pk] == batches.progress(second)
