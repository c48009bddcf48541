"""A profile on its way to chargers: what speaks against it is said first, and what was sent is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from charging_profiles.models import Assignment
from stations.models import ChargePoint, Command, ConfigurationKey, RegistrationStatus
from tests.admin_cast import make_transaction
from tests.conftest import make_station
from tests.people import browser

from .conftest import make_profile

pytestmark = pytest.mark.django_db
ASSIGN = "/profiles/assign/"
NOW = {"sending-if_offline": "drop", "sending-idempotency_key": "k", "sending-wait_until": ""}


def chosen(profile, *stations, do="send", **said):
    keys = [station.pk for station in stations]
    return {"profile": profile.pk, "connector": 0, "stations": keys, "do": do, **NOW, **said}


def say(station, **keys):
    for key, value in keys.items():
        ConfigurationKey.objects.create(charge_point=station, key=key, value=value, readonly=True)


@pytest.fixture
def running(station):
    connector = station.connectors.get(connector_id=2)
    ended = {"stopped_at": None, "meter_stop_wh": None, "stop_reason": "", "ended_by": ""}
    return make_transaction(connector, None, timezone.now() - timedelta(hours=1), **ended)


def test_one_charger_is_told_and_its_tab_shows_it(operator, station):
    profile = make_profile()
    response = operator.post(ASSIGN, chosen(profile, station, connector=1))
    assert response.headers["Location"] == f"/chargers/{station.pk}/?tab=profiles"
    assignment = Assignment.objects.get()
    assert (assignment.connector_id, assignment.profile, assignment.state) == (1, profile, "asked")
    command = Command.objects.get()
    assert (command.action, command.payload["connectorId"], command.source) == ("SetChargingProfile", 1, "screen")
    assert "on its way" in operator.get(response.headers["Location"]).content.decode()


def test_a_second_press_sends_nothing_twice(operator, station):
    form = chosen(make_profile(), station)
    operator.post(ASSIGN, form)
    operator.post(ASSIGN, form)
    assert (Command.objects.count(), Assignment.objects.count()) == (1, 1)


def test_many_chargers_and_what_was_left_out_is_said(operator, station, elsewhere):
    say(elsewhere, ChargeProfileMaxStackLevel="0")
    profile = make_profile(stack_level=3)
    checked = operator.post(ASSIGN, chosen(profile, station, elsewhere, do="check"))
    html = checked.content.decode()
    assert "The highest level of this charger is 0, the profile has 3." in html
    assert checked.context["possible"] == 1
    assert not Command.objects.exists()
    sent = operator.post(ASSIGN, chosen(profile, station, elsewhere), follow=True)
    assert "CP2: The highest level of this charger is 0" in sent.content.decode()
    assert [assignment.charge_point for assignment in Assignment.objects.all()] == [station]


def test_where_nothing_is_possible_nothing_can_be_pressed(operator, station):
    say(station, ChargingScheduleAllowedChargingRateUnit="Power")
    html = operator.post(ASSIGN, chosen(make_profile(), station, do="check")).content.decode()
    assert "No charger can take this profile" in html
    assert "This charger takes limits in W only" in html


def test_hints_forbid_nothing(operator, station):
    ChargePoint.objects.update(vendor="ABB")
    checked = operator.post(ASSIGN, chosen(make_profile(stack_level=1), station, do="check"))
    assert "known to follow profiles of level 0 only" in checked.content.decode()
    assert checked.context["possible"] == 1


def test_a_session_is_named_by_a_profile_for_one_session(operator, station, running):
    profile = make_profile("Pause", purpose="TxProfile", kind="Relative", recurrency="", starts_at=None)
    shown = operator.get(f"{ASSIGN}?profile={profile.pk}").content.decode()
    assert 'name="session"' in shown
    assert 'name="stations"' not in shown
    operator.post(ASSIGN, {"profile": profile.pk, "session": running.pk, "do": "send", **NOW})
    assignment = Assignment.objects.get()
    assert (assignment.connector_id, assignment.transaction) == (2, running)
    assert assignment.payload["transactionId"] == running.pk


def test_a_session_that_is_over_cannot_be_chosen(operator, station, running):
    running.ended_by, running.stopped_at = "station", timezone.now()
    running.save()
    profile = make_profile("Pause", purpose="TxProfile", kind="Relative", recurrency="", starts_at=None)
    response = operator.post(ASSIGN, {"profile": profile.pk, "session": running.pk, "do": "send", **NOW})
    assert (response.status_code, Command.objects.count()) == (422, 0)


def test_a_limit_of_the_whole_charger_asks_for_no_connector(operator, station):
    profile = make_profile(purpose="ChargePointMaxProfile")
    assert 'name="connector"' not in operator.get(f"{ASSIGN}?profile={profile.pk}").content.decode()
    operator.post(ASSIGN, chosen(profile, station, connector=1))
    assert Assignment.objects.get().connector_id == 0


def test_for_a_charger_that_is_away_waiting_is_offered(operator, station):
    ChargePoint.objects.update(connection="")
    profile = make_profile()
    checked = operator.post(ASSIGN, chosen(profile, station, do="check"))
    assert checked.context["sending"]["if_offline"].value() == "wait"
    until = timezone.localtime(timezone.now() + timedelta(hours=2))
    waiting = {"sending-if_offline": "wait", "sending-wait_until": f"{until:%Y-%m-%dT%H:%M:%S}"}
    operator.post(ASSIGN, chosen(profile, station, **waiting))
    assert (Command.objects.get().status, Assignment.objects.get().state) == ("queued", "asked")


def test_chargers_of_others_are_neither_offered_nor_reached(local, station, elsewhere):
    profile = make_profile()
    html = local.get(f"{ASSIGN}?profile={profile.pk}&station={elsewhere.pk}").content.decode()
    assert "CP1" in html
    assert "CP2" not in html
    response = local.post(ASSIGN, chosen(profile, elsewhere))
    assert (response.status_code, Command.objects.count()) == (422, 0)
    local.post(ASSIGN, chosen(profile, station, elsewhere))
    assert [command.charge_point for command in Command.objects.all()] == [station]


def test_what_is_archived_or_not_approved_is_not_offered(operator, station):
    make_station("NEW", registration_status=RegistrationStatus.PENDING)
    make_station("OLD", archived_at=timezone.now())
    html = operator.get(ASSIGN).content.decode()
    assert "CP1" in html
    assert "NEW" not in html
    assert "OLD" not in html


def test_the_filter_narrows_and_keeps_what_is_ticked(operator, station, elsewhere):
    make_station("Q7")
    form = {"stations": [station.pk], "q": "CP2", "do": "show"}
    rows = operator.post(ASSIGN, form).context["rows"]
    assert [(row.identity, is_chosen) for row, is_chosen in rows] == [("CP1", True), ("CP2", False)]
    form = {"site": elsewhere.site_id, "do": "show"}
    assert [row.identity for row, _chosen in operator.post(ASSIGN, form).context["rows"]] == ["CP2"]


def test_the_list_of_chargers_leads_here(operator, station):
    html = operator.get("/chargers/").content.decode()
    assert f'formaction="{ASSIGN}"' in html
    shown = operator.post(ASSIGN, {"stations": [station.pk], "do": "show"})
    assert shown.context["rows"] == [(station, True)]


@pytest.mark.parametrize("form", [{"do": "check"}, {"do": "send"}, {"do": "check", "stations": ["1"]}])
def test_what_is_not_complete_is_said(operator, station, form):
    assert operator.post(ASSIGN, form).status_code == 422
    assert operator.post(ASSIGN, {**form, "profile": make_profile().pk, "stations": []}).status_code == 422
    assert not Command.objects.exists()


def test_nonsense_is_not_found(operator, station):
    for number in ("999", "x", "9" * 30):
        assert operator.get(f"{ASSIGN}?profile={number}").status_code == 404
    hostile = {
        "profile": make_profile().pk,
        "do": "show",
        "stations": ["x", "9" * 40, "-1"],
        "q": "\0",
        "site": "9" * 40,
    }
    assert operator.post(ASSIGN, hostile).status_code == 200


def test_who_only_looks_sends_nothing(station):
    viewer = browser("viewer")
    profile = make_profile()
    assert viewer.get(ASSIGN).status_code == 403
    assert viewer.post(ASSIGN, chosen(profile, station)).status_code == 403
    assert "Send to chargers" not in viewer.get(f"/profiles/{profile.pk}/").content.decode()
