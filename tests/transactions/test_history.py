"""A session's time line."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from stations.models import Command, Message, StatusRecord
from transactions import history
from transactions.corrections import attach_stop, close_by_hand
from transactions.models import OrphanedStop

from .conftest import NOON, minute

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(station, tag):
    station.now = NOON
    return station.starts()[0]


def say(station, at, direction, kind, unique_id, text, action=""):
    Message.objects.create(
        charge_point=station.charge_point,
        at=at,
        direction=direction,
        kind=kind,
        unique_id=unique_id,
        action=action,
        text=text,
    )


def kinds(transaction):
    return [event.kind for event in history.timeline(transaction)]


def test_from_the_card_to_the_stop(station, running):
    say(station, minute(-1), "in", 2, "a", '[2,"a","Authorize",{"idTag":"cafe"}]', "Authorize")
    say(station, minute(-1), "out", 3, "a", '[3,"a",{"idTagInfo":{"status":"Accepted"}}]')
    for at, status in ((-0.5, "Preparing"), (1, "Charging"), (61, "Finishing"), (90, "Available")):
        StatusRecord.objects.create(
            connector=running.connector, status=status, reported_at=minute(at), received_at=minute(at)
        )
    Command.objects.create(
        charge_point=station.charge_point,
        action="RemoteStopTransaction",
        payload={"transactionId": running.pk},
        created_at=minute(59),
        sent_at=minute(59),
    )
    station.now = minute(60)
    station.stops(running)
    running.refresh_from_db()
    events = history.timeline(running)
    assert [event.kind for event in events] == [
        *("authorize", "status", "start", "status", "command", "stop", "status"),
    ]  # half an hour after the stop is another story
    assert events[0].row == "Accepted"
    assert [event.at for event in events] == sorted(event.at for event in events)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"a","Authorize",{"idTag":"OTHER"}]',
        '[2,"a","Authorize"]',
        '[2,"a","Authorize",[]]',
        "{}",
        "null",
        '[2,"a',
        "[" * 2000,
    ],
)
def test_another_card_or_nonsense_in_the_log_is_no_authorization(station, running, text):
    say(station, minute(-1), "in", 2, "a", text, "Authorize")
    assert kinds(running) == ["start"]


def test_an_authorization_without_an_answer(station, running):
    say(station, minute(-1), "in", 2, "a", '[2,"a","Authorize",{"idTag":"CAFE"}]', "Authorize")
    assert history.timeline(running)[0] == (minute(-1), "authorize", "")


def test_commands_for_other_sessions_are_not_told(station, running):
    for payload, effect in (({"transactionId": running.pk + 1}, {}), ({}, {"transaction": running.pk})):
        Command.objects.create(
            charge_point=station.charge_point,
            action="RemoteStartTransaction",
            payload=payload,
            effect=effect,
            created_at=minute(-2),
        )
    assert kinds(running) == ["command", "start"]


def test_a_state_told_by_a_wrong_clock_stands_where_it_was_received(station, running):
    StatusRecord.objects.create(
        connector=running.connector,
        status="Charging",
        reported_at=minute(5),
        received_at=minute(30),
        clock_suspect=True,
    )
    assert history.timeline(running)[-1].at == minute(30)


def test_what_people_did_and_what_came_too_late_is_told(station, running):
    anna = User.objects.create_user("anna")
    close_by_hand(running.pk, stopped_at=minute(30), meter_stop_wh=2000, reason="stuck", by=anna)
    station.stops(999)
    attach_stop(OrphanedStop.objects.get().pk, running.pk)
    running.refresh_from_db()
    assert sorted(kinds(running)) == ["correction", "orphan", "start"]


def test_states_after_the_car_has_left_are_somebody_elses(station, running):
    station.now = minute(60)
    station.stops(running)
    for at, status in ((60.5, "Finishing"), (61, "Available"), (62, "Preparing"), (63, "Charging")):
        StatusRecord.objects.create(
            connector=running.connector, status=status, reported_at=minute(at), received_at=minute(at)
        )
    running.refresh_from_db()
    told = [event.row.status for event in history.timeline(running) if event.kind == "status"]
    assert told == ["Finishing", "Available"]


def test_a_superseded_session_ends_with_the_next_one(station, running):
    station.starts(timestamp=minute(90), meter_start_wh=9000)
    running.refresh_from_db()
    assert kinds(running) == ["start", "superseded"]


def test_the_time_line_costs_six_queries_however_long_it_is(station, running, django_assert_max_num_queries):
    for number in range(60):
        StatusRecord.objects.create(
            connector=running.connector, status="Charging", reported_at=minute(number), received_at=minute(number)
        )
    with django_assert_max_num_queries(6):
        assert len(history.timeline(running)) == 61
