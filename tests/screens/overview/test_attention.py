"""What needs a person: each concern appears when it should, with its action, and goes away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from people.access import access_of
from screens.overview.attention import concerns
from stations.models import Command, CommandSource, ProgressReport, SecurityEvent, Site, StatusRecord
from transactions.models import IdTag, MeterValue, UnknownIdTag

from ...people import person, person_at

pytestmark = pytest.mark.django_db


def texts(who: str = "operator") -> list[tuple[str, str, str]]:
    return [(c.subject, c.text, str(c.action)) for c in concerns(access_of(person(who)))]


def test_a_calm_house_needs_nobody(house):
    house.charger("BAY-1")
    house.session(house.charger("BAY-2", "Charging"))
    assert texts() == []


def test_a_fault_names_its_code_and_offers_a_restart(house):
    connector = house.charger("BAY-1", "Faulted")
    connector.error_code = "GroundFailure"
    connector.save()
    assert texts() == [("BAY-1 / 1", "Faulted: GroundFailure", "Restart…")]


def test_who_may_not_send_commands_is_not_offered_one(house):
    house.charger("BAY-1", "Faulted")
    assert [action for _subject, _text, action in texts("viewer")] == ["Open"]


def test_a_charger_that_vanished(house):
    house.gone("BAY-1")
    assert texts() == [("BAY-1", "Not connected", "Connection help")]


def test_a_charger_that_never_called_or_is_archived_is_no_concern(house):
    house.gone("BAY-1", archived_at=timezone.now())
    house.charger("BAY-2", gateway=None, connection="", last_seen_at=None)
    assert texts() == []


def test_a_session_on_a_free_connector(house):
    house.session(house.charger("BAY-1", "Available"))
    assert texts() == [("BAY-1 / 1", "Session runs, but the connector is free", "Look and close")]


def test_a_session_of_a_charger_that_is_away(house):
    station = house.gone("BAY-1")
    house.session(station.connectors.get())
    assert ("BAY-1 / 1", "Session runs, but the charger is away", "Look and close") in texts()


@pytest.mark.parametrize(
    ("register_wh", "power_w", "worries"), [(7420, 0, True), (7420, 5000, False), (5000, None, False)]
)
def test_charging_without_power(house, register_wh, power_w, worries):
    session = house.session(house.charger("BAY-1", "Charging"))
    MeterValue.objects.create(
        connector=session.connector,
        transaction=session,
        timestamp=timezone.now() - timedelta(minutes=25),
        energy_wh=register_wh,
        power_w=power_w,
    )
    assert bool(texts()) == worries


def test_a_clock_that_is_off(house):
    connector = house.charger("BAY-1")
    now = timezone.now()
    StatusRecord.objects.create(
        connector=connector,
        status="Available",
        reported_at=now + timedelta(days=1),
        received_at=now,
        clock_suspect=True,
    )
    assert texts() == [("BAY-1", "Its clock is wrong", "Restart…")]


def test_unknown_tags_of_today_until_somebody_enters_them(house):
    station = house.charger("BAY-1").charge_point
    soon = timezone.now() + timedelta(minutes=1)  # of today, whenever that begins
    UnknownIdTag.objects.create(id_tag="BEEF", charge_point=station, last_at=soon)
    assert texts() == [("1 unknown tag today", "BEEF", "Add…")]
    IdTag.objects.create(id_tag="beef")
    assert texts() == []


def test_a_failed_command_until_it_is_sent_again(house):
    station = house.charger("BAY-1").charge_point
    Command.objects.create(charge_point=station, action="Reset", status="rejected", source=CommandSource.SCREEN)
    assert texts() == [("BAY-1", "Reset: Rejected", "See why")]
    Command.objects.create(charge_point=station, action="Reset", status="accepted", source=CommandSource.SCREEN)
    assert texts() == []


@pytest.mark.parametrize("status", ["failed", "timed_out"])
def test_without_an_answer_what_follows_counts(house, status):
    station = house.charger("BAY-1").charge_point
    Command.objects.create(charge_point=station, action="Reset", status=status, source=CommandSource.SCREEN)
    for effect, worries in (("awaited", False), ("seen", False), ("missed", True), ("", True)):
        Command.objects.update(effect_status=effect)
        assert bool(texts()) == worries, effect


def test_our_own_commands_that_fail_are_nobodys_concern(house):
    station = house.charger("BAY-1").charge_point
    Command.objects.create(
        charge_point=station, action="TriggerMessage", status="timed_out", source=CommandSource.SYSTEM
    )
    assert texts() == []


def test_a_firmware_update_that_failed_until_another_step_comes(house):
    station = house.charger("BAY-1").charge_point
    report = {"charge_point": station, "kind": ProgressReport.Kind.FIRMWARE}
    ProgressReport.objects.create(**report, status="DownloadFailed")
    assert texts() == [("BAY-1", "Firmware: DownloadFailed", "Open")]
    ProgressReport.objects.create(**report, status="Installed")
    assert texts() == []


def test_concerns_of_another_site_are_not_mine(house):
    other = Site.objects.create(name="Elsewhere")
    house.gone("FAR-1", site=other)
    house.gone("BAY-1")
    seen = concerns(access_of(person_at("operator", house.site)))
    assert [concern.subject for concern in seen] == ["BAY-1"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("LineContested", "password"), ("UnknownTagsTried", "unknown tag"), ("SecurityProfileDowngrade", "less secure")],
)
def test_alarms_of_our_own_for_a_day(house, kind, words):
    station = house.charger("BAY-1").charge_point

    def alarm(ago: timedelta) -> None:
        at = timezone.now() - ago
        SecurityEvent.objects.create(charge_point=station, type=kind, occurred_at=at, received_at=at)

    alarm(timedelta(days=2))
    assert texts() == []
    alarm(timedelta(hours=3))
    alarm(timedelta(hours=1))  # the same again: said once
    ((subject, text, action),) = texts()
    assert (subject, action) == ("BAY-1", "Look…")
    assert words in text
    SecurityEvent.objects.create(charge_point=station, type="CoffeeSpilled", occurred_at=timezone.now())
    assert len(texts()) == 1
