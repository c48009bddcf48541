"""From a charger to a command: choose, fill in, send. Who may, what is stored, what is asked before."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from people.models import Membership
from stations.forms import BY_NAME
from stations.models import ChargePoint, Command, CommandBatch, CommandStatus
from tests.people import browser, browser_of, person, person_at
from transactions.models import IdTag

from . import IN_SHEET, SENDING, form_url, sent, stored, url_of

pytestmark = pytest.mark.django_db


def choose_url(station):
    return reverse("screens:choose", args=[station.pk])


# Sending


def test_a_command_is_stored_with_who_sent_it_and_from_where(station, operator):
    response = operator.post(form_url(station), {"type": "Hard", **SENDING}, REMOTE_ADDR="192.0.2.7")
    command = sent(station).get()
    assert response.url == url_of(command)
    assert (command.action, command.payload, command.status) == ("Reset", {"type": "Hard"}, CommandStatus.QUEUED)
    assert (command.created_by, command.actor, command.remote_address) == (person("operator"), "operator", "192.0.2.7")
    assert (command.idempotency_key[:5], command.valid_until, command.batch) == ("once-", None, None)
    assert "Queued" in operator.get(response.url).content.decode()


def test_a_double_click_sends_once(station, operator):
    answers = [operator.post(form_url(station), {"type": "Hard", **SENDING}).url for _ in range(2)]
    assert answers[0] == answers[1]
    assert sent(station).count() == 1


def test_going_back_and_choosing_otherwise_sends_that(station, operator):
    for kind in ("Soft", "Hard"):
        operator.post(form_url(station), {"type": kind, **SENDING})
    assert {command.payload["type"] for command in sent(station)} == {"Soft", "Hard"}


def test_the_same_form_opened_anew_sends_again(station, operator):
    keys = [operator.get(form_url(station)).context["sending"]["idempotency_key"].value() for _ in range(2)]
    for key in keys:
        operator.post(form_url(station), {"type": "Soft", **SENDING, "sending-idempotency_key": key})
    assert sent(station).count() == 2


def test_a_command_for_an_offline_charger_ends_undelivered(station, operator):
    ChargePoint.objects.update(connection="")
    operator.post(form_url(station), {"type": "Soft", **SENDING})
    assert sent(station).get().status == CommandStatus.UNDELIVERED


def test_an_offline_charger_is_said_and_waiting_offered(station, operator):
    ChargePoint.objects.update(connection="")
    response = operator.get(form_url(station))
    assert "The charger is offline." in response.content.decode()
    assert response.context["sending"]["if_offline"].value() == "wait"
    assert "cannot wait" in operator.get(form_url(station, "limit")).content.decode()


def test_a_command_waits_for_an_offline_charger_if_asked(station, operator):
    ChargePoint.objects.update(connection="")
    until = timezone.localtime(timezone.now() + timedelta(hours=1)).replace(microsecond=0)
    waits = {"sending-if_offline": "wait", "sending-wait_until": until.strftime("%Y-%m-%dT%H:%M:%S")}
    operator.post(form_url(station), {"type": "Soft", **SENDING, **waits})
    command = sent(station).get()
    assert (command.status, command.valid_until) == (CommandStatus.QUEUED, until)


@pytest.mark.parametrize("entered", [{"type": "Warm"}, {}, {"type": "Soft", "sending-if_offline": "never"}])
def test_what_is_not_complete_is_not_sent(station, operator, entered):
    response = operator.post(form_url(station), {**SENDING, **entered})
    assert response.status_code == 422
    assert "Nothing was sent" in response.content.decode()
    assert not sent(station).exists()


def test_an_expert_sends_what_fits_the_schema(station, operator):
    payload = '{"transactionId": 987654321}'
    operator.post(form_url(station, "expert"), {"action": "RemoteStopTransaction", "payload": payload, **SENDING})
    command = sent(station).get()
    assert (command.action, command.payload) == ("RemoteStopTransaction", {"transactionId": 987654321})


def test_an_archived_charger_takes_no_command(station, operator):
    ChargePoint.objects.update(archived_at=timezone.now())
    assert operator.get(form_url(station)).status_code == 404
    assert operator.get(choose_url(station)).status_code == 404
    assert operator.post(form_url(station), {"type": "Soft", **SENDING}).status_code == 404
    assert not sent(station).exists()


def test_opening_a_form_sends_nothing(station, operator):
    for headers in ({}, IN_SHEET):
        for action in BY_NAME:
            response = operator.get(form_url(station, action), headers=headers)
            assert response.status_code == 200, action
            assert "<script>" not in response.content.decode()
        assert form_url(station) in operator.get(choose_url(station), headers=headers).content.decode()
    assert not Command.objects.exists()


@pytest.mark.parametrize("action", ["Nonsense", "reset", "Heartbeat", "%00"])
def test_an_unknown_action_is_not_found(station, operator, action):
    assert operator.get(f"/chargers/{station.pk}/send/{action}/").status_code == 404


@pytest.mark.parametrize("pk", ["99999999", "9" * 30])
def test_an_unknown_charger_is_not_found(station, operator, pk):
    assert operator.get(f"/chargers/{pk}/send/").status_code == 404
    assert operator.get(f"/chargers/{pk}/send/Reset/").status_code == 404


# The sheet


def test_in_the_sheet_the_life_takes_the_place_of_the_form(station, operator):
    form = operator.get(form_url(station), headers=IN_SHEET).content.decode()
    assert "<html" not in form
    assert f'hx-post="{form_url(station)}"' in form
    response = operator.post(form_url(station), {"type": "Soft", **SENDING}, headers=IN_SHEET)
    page, command = response.content.decode(), sent(station).get()
    assert response.status_code == 200
    assert "<html" not in page
    assert f'id="command-{command.pk}"' in page
    assert f'data-on="station:{station.pk}"' in page


def test_a_mistake_in_the_sheet_stays_in_the_sheet(station, operator):
    response = operator.post(form_url(station), SENDING, headers=IN_SHEET)
    assert response.status_code == 422
    assert "<html" not in response.content.decode()
    assert not sent(station).exists()


def test_after_sending_there_is_a_way_back_to_where_one_came_from(station, operator):
    back = f"/chargers/{station.pk}/"
    assert f'name="next" value="{back}"' in operator.get(f"{form_url(station)}?next={back}").content.decode()
    response = operator.post(form_url(station), {"type": "Soft", **SENDING, "next": back}, follow=True)
    assert f'class="btn" href="{back}"' in response.content.decode()


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_way_back_leads_nowhere_else(station, operator, away):
    assert away not in operator.get(f"{form_url(station)}?next={away}").content.decode()
    page = operator.post(form_url(station), {"type": "Soft", **SENDING, "next": away}, follow=True).content.decode()
    assert "evil" not in page
    assert "alert(1)" not in page


# What is asked before


@pytest.fixture
def running(rows, station):
    transaction = rows["transactions.transaction"]
    transaction.stopped_at, transaction.ended_by = None, ""
    transaction.save()
    return transaction


def test_running_sessions_are_named_before_a_restart(running, station, operator):
    page = operator.get(form_url(station)).content.decode()
    assert "1 session is running and will stop." in page
    assert "Anna" in page
    assert 'data-confirm-text="1 session is running and will stop.' in page
    assert "session is running" not in operator.get(form_url(station, "GetConfiguration")).content.decode()


def test_without_sessions_a_restart_is_asked_about_all_the_same(station, operator):
    page = operator.get(form_url(station)).content.decode()
    assert "session is running" not in page
    assert 'data-confirm="Restart the charger: CP-1?"' in page


@pytest.mark.parametrize("action", ["RemoteStopTransaction", "UnlockConnector", "ClearCache", "UpdateFirmware"])
def test_what_may_hurt_is_asked_about(station, operator, action):
    assert "data-confirm=" in operator.get(form_url(station, action)).content.decode()


@pytest.mark.parametrize("action", ["RemoteStartTransaction", "GetConfiguration", "TriggerMessage", "limit"])
def test_what_hurts_nobody_is_not_asked_about(station, operator, action):
    assert "data-confirm=" not in operator.get(form_url(station, action)).content.decode()


def test_stopping_names_the_session(running, station, operator):
    page = operator.get(f"{form_url(station, 'RemoteStopTransaction')}?transaction_id={running.pk}").content.decode()
    assert "This session ends: connector 1, Anna" in page
    for odd in ("999999", "x", "9" * 40, "-1", "²"):
        page = operator.get(f"{form_url(station, 'RemoteStopTransaction')}?transaction_id={odd}").content.decode()
        assert "This session ends" not in page, odd


# What is filled in


def test_a_link_fills_in_the_fields(station, operator):
    form = operator.get(f"{form_url(station, 'UnlockConnector')}?connector_id=2&nonsense=1").context["form"]
    assert form["connector_id"].value() == "2"
    form = operator.get(f"{form_url(station, 'ChangeAvailability')}?connector_id=1&type=Inoperative").context["form"]
    assert form["type"].value() == "Inoperative"


def test_tags_are_suggested_by_number_or_holder(station, operator):
    IdTag.objects.bulk_create(IdTag(id_tag=f"T{number:04}", holder=f"Person {number:04}") for number in range(60))
    IdTag.objects.create(id_tag="BLOCKED1", holder="Zoe", blocked=True)
    page = operator.get(form_url(station, "RemoteStartTransaction")).content.decode()
    assert page.count('<option value="T00') == 49  # Anna's, and as many as make fifty
    assert "BLOCKED1" not in page
    url = reverse("screens:tag_suggestions")
    assert url in page
    for typed in ("T0059", "person 0059"):
        assert '<option value="T0059">' in operator.get(url, {"id_tag": typed}).content.decode()
    assert operator.get(url, {"id_tag": "\0"}).status_code == 200


def test_numbers_of_tags_are_suggested_only_to_who_may_see_them(station):
    url = reverse("screens:tag_suggestions")
    assert browser("viewer").get(url).status_code == 403
    elsewhere = browser_of(person_at("operator", station.site))
    assert "CAFE1" not in elsewhere.get(url).content.decode()  # no site's tag
    IdTag.objects.update(site=station.site)
    assert "CAFE1" in elsewhere.get(url).content.decode()


# Limits


def test_a_connector_is_limited_in_one_step(station, operator):
    filled = {"connector_id": "1", "limit": "11", "unit": "kW", "phases": "3", **SENDING}
    answers = [operator.post(form_url(station, "limit"), filled).url for _ in range(2)]
    command = sent(station).get()
    assert answers == [url_of(command)] * 2
    schedule = command.payload["csChargingProfiles"]["chargingSchedule"]
    assert (command.action, schedule["chargingRateUnit"]) == ("SetChargingProfile", "W")
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 11000, "numberPhases": 3}]


def test_a_limit_is_lifted(station, operator):
    operator.post(form_url(station, "lift-limit"), {"connector_id": "0", **SENDING})
    assert sent(station).get().action == "ClearChargingProfile"


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"connector_id": "7", "limit": "10", "unit": "A"}, "has not reported a connector"),
        ({"connector_id": "1", "limit": "3", "unit": "A"}, "less than the 6 A"),
        ({"connector_id": "1", "limit": "99999", "unit": "A"}, "between 0 and"),
        ({"connector_id": "1", "limit": "-1", "unit": "A"}, "greater than or equal to 0"),
        ({"connector_id": "1", "limit": "", "unit": "A"}, "required"),
    ],
)
def test_a_limit_no_car_can_follow_is_refused(station, operator, entered, words):
    response = operator.post(form_url(station, "limit"), {**entered, **SENDING})
    assert words in response.content.decode()
    assert not sent(station).exists()


# Who may


@pytest.mark.parametrize(("who", "code"), [("viewer", 403), ("anonymous", 302), ("holder", 403)])
def test_who_may_not_send_is_refused(rows, station, who, code):
    client, command = browser(who), stored(station)
    batch = CommandBatch.objects.create(action="Reset")
    before = [*Command.objects.values().order_by("pk")]
    send_many = reverse("screens:send_many")
    assert client.get(form_url(station)).status_code == code
    assert client.get(choose_url(station)).status_code == code
    assert client.post(form_url(station), {"type": "Soft", **SENDING}).status_code == code
    assert client.post(send_many, {"stations": station.pk, "command": "Reset", "send": 1}).status_code == code
    assert client.post(reverse("screens:cancel_commands"), {"commands": command.pk}).status_code == code
    for button in ("cancel_batch", "retry_batch"):
        assert client.post(reverse(f"screens:{button}", args=[batch.pk])).status_code == code
    assert [*Command.objects.values().order_by("pk")] == before


def test_an_operator_of_one_site_sends_there_and_knows_no_other(station, other, local):
    assert local.post(form_url(station), {"type": "Soft", **SENDING}).status_code == 302
    assert sent(station).count() == 1
    assert local.get(form_url(other)).status_code == 404
    assert local.post(form_url(other), {"type": "Soft", **SENDING}).status_code == 404
    assert not sent(other).exists()


def test_who_looks_at_one_site_and_sends_at_another_sends_only_there(station, other):
    user = person_at("operator", station.site)
    Membership.objects.create(user=user, site=other.site, role="Viewers")
    client = browser_of(user)
    assert client.get(form_url(station)).status_code == 200
    assert client.get(form_url(other)).status_code == 403
    assert client.post(form_url(other), {"type": "Soft", **SENDING}).status_code == 403
    assert not sent(other).exists()


def test_sending_needs_the_csrf_token(station):
    client = browser("operator", enforce_csrf_checks=True)
    assert client.post(form_url(station), {"type": "Soft", **SENDING}).status_code == 403
    assert client.post(reverse("screens:cancel_commands"), {"commands": stored(station).pk}).status_code == 403
    assert not sent(station).filter(status=CommandStatus.CANCELLED).exists()
    assert Command.objects.count() == 1


# How a charger logs in


def login_changes():
    expert = [
        {"action": "ChangeConfiguration", "payload": json.dumps({"key": key, "value": value})}
        for key, value in (("authorizationKEY", "AB" * 20), (" AuthorizationKey ", "x"), ("SecurityProfile", "2"))
    ]
    return [("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"}), *(("expert", entry) for entry in expert)]


@pytest.mark.parametrize(("form", "entered"), login_changes())
@pytest.mark.parametrize(("who", "may"), [("viewer", False), ("operator", True)])
def test_how_a_charger_logs_in_is_not_for_everybody_who_sends(station, who, may, form, entered):
    person(who).user_permissions.add(Permission.objects.get(codename="send_command"))
    response = browser(who).post(form_url(station, form), {**entered, **SENDING})
    assert sent(station).exists() == may
    assert may or "You may not change how a charger logs in." in response.content.decode()
