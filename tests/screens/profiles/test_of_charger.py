"""A charger's tab: what it is believed to follow, what it says, and how profiles are taken away."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from charging_profiles.models import Assignment, CompositeReading
from stations.models import ChargePoint, Command, ConfigurationKey
from tests.people import browser

from .conftest import give, make_profile

pytestmark = pytest.mark.django_db


def tab(client, station, query=""):
    response = client.get(f"/chargers/{station.pk}/?tab=profiles{query}")
    assert response.status_code == 200
    return response


def read(station, *limits, ago=timedelta(minutes=5), number=1):
    """The charger said these limits, from its first hour on one an hour."""
    periods = [{"startPeriod": 3600 * hour, "limit": limit} for hour, limit in enumerate(limits)]
    at = timezone.now() - ago
    return CompositeReading.objects.create(
        charge_point=station,
        connector_id=number,
        starts_at=at,
        read_at=at,
        duration_s=86_400,
        unit="A",
        schedule={"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
    )


@pytest.fixture
def always(station):
    """16 A, whatever time it is."""
    return make_profile("Always 16", periods=[{"start": 0, "limit": "16.0"}])


def test_without_profiles_nothing_limits_it(operator, station):
    html = tab(operator, station).content.decode()
    assert "nothing limits it but the charger itself" in html
    assert "the charger holds no profile" in html
    assert 'class="plot"' not in html


def test_the_stack_is_drawn_with_what_it_comes_to(operator, station, always):
    give(station, always)
    give(station, make_profile("One 10", periods=[{"start": 0, "limit": "10.0"}]), 1, number=8)
    response = tab(operator, station)
    drawing = response.context["drawing"]
    result, *layers = drawing.layers
    assert [step.limit for step in result.steps] == [Decimal(10)]
    assert [layer.label for layer in layers] == ["Always 16 (level 0)", "One 10 (level 0)"]
    assert sum(step.end - step.begin for step in result.steps) == 86_400
    other = tab(operator, station, "&connector=2").context["drawing"]
    assert [step.limit for step in other.layers[0].steps] == [Decimal(16)]
    assert len(other.layers) == 2


def test_what_was_installed_a_moment_ago_is_drawn(operator, station, always):
    assignment = give(station, always)
    Assignment.objects.filter(pk=assignment.pk).update(installed_at=timezone.now())
    drawing = tab(operator, station).context["drawing"]
    assert [step.limit for step in drawing.layers[0].steps] == [Decimal(16)]


def test_what_was_replaced_is_not_drawn_but_told_below(operator, station, always):
    give(station, always, state="replaced")
    response = tab(operator, station)
    assert not response.context["drawing"]
    assert "replaced by another one" in response.content.decode()


def test_a_reading_that_agrees_is_said_to(operator, station, always):
    give(station, always)
    read(station, 16)
    html = tab(operator, station).content.decode()
    assert "The charger plans what we expect" in html
    assert "What the charger says" in html


def test_a_reading_that_differs_is_marked(operator, station, always):
    give(station, always)
    read(station, 16, 16, 10)
    response = tab(operator, station)
    assert "The charger plans something else than we expect." in response.content.decode()
    ((begin, _end),) = response.context["drawing"].marks
    assert 6000 < begin < 7300
    assert [row for row in response.context["drawing"].rows() if row[3]]


def test_a_reading_of_yesterday_says_nothing_any_more(operator, station, always):
    give(station, always)
    read(station, 10, ago=timedelta(hours=25))
    assert tab(operator, station).context["reading"] is None


def test_the_charger_is_asked(operator, station, always):
    give(station, always)
    response = operator.post(f"/chargers/{station.pk}/profiles/compare/", {"connector": "2", "unit": "A"})
    assert response.status_code == 302
    command = Command.objects.get()
    assert (command.action, command.payload) == (
        "GetCompositeSchedule",
        {"connectorId": 2, "duration": 86_400, "chargingRateUnit": "A"},
    )
    for nonsense in ("x", "9" * 30, "-1", ""):
        assert operator.post(f"/chargers/{station.pk}/profiles/compare/", {"connector": nonsense}).status_code == 302


def test_one_profile_is_taken_away(operator, station, always):
    assignment = give(station, always)
    assert "Remove this profile?" in tab(operator, station).content.decode()
    operator.post(f"/profiles/assigned/{assignment.pk}/clear/")
    command = Command.objects.get()
    assert (command.action, command.payload) == ("ClearChargingProfile", {"id": 7})


def test_what_is_gone_is_not_taken_away_again(operator, station, always):
    assignment = give(station, always, state="cleared")
    response = operator.post(f"/profiles/assigned/{assignment.pk}/clear/", follow=True)
    assert "This profile is not at the charger." in response.content.decode()
    assert not Command.objects.exists()


def test_some_are_taken_away_by_a_filter(operator, station):
    url = f"/chargers/{station.pk}/profiles/clear/"
    assert operator.get(url).status_code == 200
    refused = operator.post(url, {"connector": "", "purpose": "", "level": ""})
    assert (refused.status_code, Command.objects.count()) == (422, 0)
    operator.post(url, {"connector": "1", "purpose": "TxDefaultProfile", "level": ""})
    assert Command.objects.get().payload == {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile"}


def test_all_are_taken_away(operator, station):
    url = f"/chargers/{station.pk}/profiles/clear-all/"
    assert f'action="{url}" data-confirm="Remove all profiles?"' in tab(operator, station).content.decode()
    operator.post(url)
    assert (Command.objects.get().action, Command.objects.get().payload) == ("ClearChargingProfile", {})


def test_a_charger_that_is_away_is_not_asked_and_that_is_said(operator, station, always):
    assignment = give(station, always)
    ChargePoint.objects.update(connection="")
    html = tab(operator, station).content.decode()
    assert "The charger is not connected." in html
    for url in (f"/profiles/assigned/{assignment.pk}/clear/", f"/chargers/{station.pk}/profiles/clear-all/"):
        response = operator.post(url, follow=True)
        assert "The charger is not connected: nothing was sent." in response.content.decode()
    assert {command.status for command in Command.objects.all()} == {"undelivered"}
    assert Assignment.objects.get().state == "installed"


def test_what_the_charger_can_do_is_told(operator, station):
    assert tab(operator, station).content.decode().count("not known") == 6
    for key, value in (
        ("ChargeProfileMaxStackLevel", "8"),
        ("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),
        ("ChargingScheduleMaxPeriods", "24"),
        ("MaxChargingProfilesInstalled", "5"),
    ):
        ConfigurationKey.objects.create(charge_point=station, key=key, value=value, readonly=True)
    html = tab(operator, station).content.decode()
    assert "<dd>8</dd>" in html
    assert "<dd>A, W</dd>" in html
    assert "<dd>24 at most</dd>" in html
    assert "<dd>5 at most</dd>" in html


def test_a_profile_that_nobody_here_made_has_its_number(operator, station, always):
    assignment = give(station, always)
    Assignment.objects.filter(pk=assignment.pk).update(profile=None)
    html = tab(operator, station).content.decode()
    assert "Profile 7" in html
    assert "max 16 A" in html


def test_those_who_look_see_it_and_change_nothing(station, always):
    assignment = give(station, always)
    viewer = browser("viewer")
    html = tab(viewer, station).content.decode()
    assert "Always 16" in html
    assert "profiles/clear" not in html
    assert "Ask the charger" not in html
    urls = (
        f"/profiles/assigned/{assignment.pk}/clear/",
        *(f"/chargers/{station.pk}/profiles/{act}/" for act in ("clear", "clear-all", "compare")),
    )
    assert [viewer.post(url).status_code for url in urls] == [403] * 4
    assert not Command.objects.exists()


def test_many_profiles_are_not_asked_for_one_by_one(operator, station):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            tab(operator, station)
        return len(asked)

    give(station, make_profile("0"))
    few = queries()
    for number in range(1, 9):
        profile = make_profile(str(number), stack_level=number)
        give(station, profile, number % 2, number=100 + number, state="cleared" if number > 6 else "installed")
    assert queries() <= few + 1
