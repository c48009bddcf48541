"""Commands in the admin: who may send what, what is stored, what is shown of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations.admin.pages import CappedPaginator
from stations.forms import BY_NAME
from stations.models import ChargePoint, Command, CommandBatch, CommandSource, CommandStatus, EffectStatus
from tests.admin_cast import make_everything
from tests.people import browser, person

pytestmark = pytest.mark.django_db
SENDING = {"sending-idempotency_key": "once", "sending-if_offline": "drop"}
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def rows():
    User.objects.create_superuser("root")
    return make_everything()


@pytest.fixture
def station(rows):
    return rows["stations.chargepoint"]


@pytest.fixture
def operator(rows):
    return browser("operator")


def form_url(station, action="Reset"):
    return reverse("admin:stations_chargepoint_send_command", args=[station.pk, action])


def page_of(client, command):
    response = client.get(reverse("admin:stations_command_change", args=[command.pk]))
    assert response.status_code == 200
    return response.content.decode()


def sent(station):
    """Commands of the station that were sent from the admin."""
    return Command.objects.filter(charge_point=station, source=CommandSource.ADMIN)


def stored(station, **fields):
    return Command.objects.create(charge_point=station, **{"action": "Reset", "payload": {"type": "Soft"}, **fields})


# Sending


def test_a_command_is_stored_with_who_sent_it_and_from_where(station, operator):
    response = operator.post(form_url(station), {"type": "Hard", **SENDING}, REMOTE_ADDR="192.0.2.7")
    command = sent(station).get()
    assert response.url == reverse("admin:stations_command_change", args=[command.pk])
    assert (command.action, command.payload, command.status) == ("Reset", {"type": "Hard"}, CommandStatus.QUEUED)
    assert (command.created_by, command.actor, command.remote_address) == (person("operator"), "operator", "192.0.2.7")
    assert (command.idempotency_key[:5], command.valid_until, command.batch) == ("once-", None, None)


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
    assert response.status_code == 200
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
    assert operator.post(form_url(station), {"type": "Soft", **SENDING}).status_code == 404
    assert form_url(station) not in operator.get(f"/admin/stations/chargepoint/{station.pk}/change/").content.decode()


def test_opening_a_form_sends_nothing(station, operator):
    before = Command.objects.count()
    for action in BY_NAME:
        response = operator.get(form_url(station, action))
        assert response.status_code == 200, action
        assert "<script>" not in response.content.decode()
    assert operator.get(reverse("admin:stations_chargepoint_send", args=[station.pk])).status_code == 200
    assert Command.objects.count() == before


@pytest.mark.parametrize("action", ["Nonsense", "reset", "Heartbeat", "%00"])
def test_an_unknown_action_is_not_found(station, operator, action):
    assert operator.get(f"/admin/stations/chargepoint/{station.pk}/send/{action}/").status_code == 404


def test_running_sessions_are_named_before_a_restart(rows, station, operator):
    transaction = rows["transactions.transaction"]
    assert "session is running" not in operator.get(form_url(station)).content.decode()
    transaction.stopped_at, transaction.ended_by = None, ""
    transaction.save()
    page = operator.get(form_url(station)).content.decode()
    assert "1 session is running." in page
    assert "Anna" in page
    assert "session is running" not in operator.get(form_url(station, "GetConfiguration")).content.decode()


def test_a_link_fills_in_the_connector(station, operator):
    form = operator.get(f"{form_url(station, 'UnlockConnector')}?connector_id=2&nonsense=1").context["form"]
    assert form["connector_id"].value() == "2"


# Limits


def test_a_connector_is_limited_in_one_step(rows, station, operator):
    filled = {"connector_id": "1", "limit": "11", "unit": "kW", "phases": "3", **SENDING}
    answers = [operator.post(form_url(station, "limit"), filled).url for _ in range(2)]
    command = sent(station).get()
    assert answers == [reverse("admin:stations_command_change", args=[command.pk])] * 2
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


@pytest.mark.parametrize("who", ["viewer", "anonymous"])
def test_who_may_not_send_sees_no_way_and_is_refused(rows, station, who):
    client, command = browser(who), rows["stations.command"]
    batch = CommandBatch.objects.create(action="Reset")
    before = Command.objects.values().order_by("pk")
    code = {"viewer": 403, "anonymous": 302}[who]
    send_many = reverse("admin:stations_chargepoint_send_many")
    assert client.get(form_url(station)).status_code == code
    assert client.get(reverse("admin:stations_chargepoint_send", args=[station.pk])).status_code == code
    assert client.post(form_url(station), {"type": "Soft", **SENDING}).status_code == code
    assert client.post(send_many, {"stations": station.pk, "command": "Reset", "send": 1}).status_code == code
    assert client.post(reverse("admin:stations_command_cancel", args=[command.pk])).status_code == code
    for button in ("cancel", "retry"):
        assert client.post(reverse(f"admin:stations_commandbatch_{button}", args=[batch.pk])).status_code == code
    assert [*Command.objects.values().order_by("pk")] == [*before]


def test_a_viewer_reads_a_command_without_buttons(rows, station):
    page = page_of(browser("viewer"), rows["stations.command"])
    assert "Cancel the command" not in page
    assert "Send again" not in page
    charger = browser("viewer").get(f"/admin/stations/chargepoint/{station.pk}/change/").content.decode()
    assert "Send command" not in charger
    assert 'value="send_command"' not in browser("viewer").get("/admin/stations/chargepoint/").content.decode()


@pytest.mark.parametrize("who", ["operator", "administrator"])
def test_nobody_edits_or_deletes_a_command(rows, who):
    command, client = rows["stations.command"], browser(who)
    url = reverse("admin:stations_command_change", args=[command.pk])
    assert client.post(url, {"status": "accepted"}).status_code == 403
    assert client.post(reverse("admin:stations_command_delete", args=[command.pk]), {"post": "yes"}).status_code == 403
    command.refresh_from_db()
    assert command.status == CommandStatus.QUEUED


def test_buttons_are_posts(rows, operator):
    command = rows["stations.command"]
    assert operator.get(reverse("admin:stations_command_cancel", args=[command.pk])).status_code == 405
    assert operator.get(reverse("admin:stations_chargepoint_send_many")).status_code == 405
    command.refresh_from_db()
    assert command.status == CommandStatus.QUEUED


def test_sending_needs_the_csrf_token(station, rows):
    client = browser("operator", enforce_csrf_checks=True)
    assert client.post(form_url(station), {"type": "Soft", **SENDING}).status_code == 403
    assert client.post(reverse("admin:stations_command_cancel", args=[rows["stations.command"].pk])).status_code == 403
    assert not sent(station).exists()


# Cancelling and sending again


def test_a_queued_command_is_cancelled(station, operator):
    command = stored(station)
    assert "Cancel the command" in page_of(operator, command)
    operator.post(reverse("admin:stations_command_cancel", args=[command.pk]))
    command.refresh_from_db()
    assert (command.status, command.closed_at is not None) == (CommandStatus.CANCELLED, True)
    assert "Cancel the command" not in page_of(operator, command)


def test_a_command_that_is_sent_is_not_taken_back(station, operator):
    command = stored(station, status=CommandStatus.SENT, sent_at=timezone.now())
    page = operator.post(reverse("admin:stations_command_cancel", args=[command.pk]), follow=True).content.decode()
    command.refresh_from_db()
    assert command.status == CommandStatus.SENT
    assert "Too late" in page


def test_queued_commands_are_cancelled_in_the_list(station, operator):
    queued, over = stored(station), stored(station, status=CommandStatus.ACCEPTED)
    chosen = {"action": "cancel_selected", "_selected_action": [queued.pk, over.pk]}
    operator.post("/admin/stations/command/", chosen)
    states = {row.pk: row.status for row in Command.objects.all()}
    assert (states[queued.pk], states[over.pk]) == (CommandStatus.CANCELLED, CommandStatus.ACCEPTED)


def test_a_command_is_sent_again_from_its_form_filled_in(station, operator):
    command = stored(station, payload={"type": "Hard"}, status=CommandStatus.TIMED_OUT)
    url = f"{form_url(station)}?again={command.pk}"
    assert url in page_of(operator, command)
    assert operator.get(url).context["form"]["type"].value() == "Hard"


def test_what_an_expert_sent_is_sent_again_by_the_expert(station, operator):
    command = stored(station, action="UnlockConnector", payload={"connectorId": 1, "vendor": 2})
    url = f"{form_url(station, 'expert')}?again={command.pk}"
    assert url in page_of(operator, command)
    form = operator.get(url).context["form"]
    assert (form["action"].value(), '"vendor": 2' in form["payload"].value()) == ("UnlockConnector", True)


@pytest.mark.parametrize("again", ["", "nonsense", "0b5ce0d4-0000-4000-8000-000000000000"])
def test_sending_nothing_again_opens_an_empty_form(station, operator, again):
    assert operator.get(f"{form_url(station)}?again={again}").context["form"]["type"].value() == "Soft"


def test_another_chargers_command_is_not_taken_over(station, operator):
    other = stored(make_everything(2)["stations.chargepoint"], payload={"type": "Hard"})
    assert operator.get(f"{form_url(station)}?again={other.pk}").context["form"]["type"].value() == "Soft"


# How a charger logs in

KEY = {"key": "AuthorizationKey", "value": "AB" * 20}


@pytest.mark.parametrize("who", ["viewer", "operator", "administrator"])
def test_nobody_reads_the_secret_of_a_command_that_waits(station, who):
    page = page_of(browser(who), stored(station, action="ChangeConfiguration", payload=KEY))
    assert "AuthorizationKey" in page
    assert KEY["value"] not in page


@pytest.mark.parametrize("action", ["expert", "ChangeConfiguration"])
def test_sending_it_again_does_not_tell_the_secret(station, operator, action):
    command = stored(station, action="ChangeConfiguration", payload=KEY)
    page = operator.get(f"{form_url(station, action)}?again={command.pk}").content.decode()
    assert "AuthorizationKey" in page
    assert "***" in page
    assert KEY["value"] not in page


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


# The command's page


def at(seconds):
    return timezone.now() + timedelta(seconds=seconds)


STORIES = [
    ({}, "Waiting to be sent"),
    ({"valid_until": at(3600)}, "at most."),
    ({"not_before": at(3600)}, "Its turn comes at"),
    ({"status": "sent", "sent_at": at(0)}, "for 30 seconds at most"),
    (
        {"status": "accepted", "sent_at": at(-0.4), "closed_at": at(0), "answer": {"status": "Accepted"}},
        "Answered “Accepted”",
    ),
    ({"status": "accepted", "answer": {"status": "RebootRequired"}}, "counts after a restart"),
    ({"status": "accepted", "answer": {"listVersion": 3}}, "Answered"),
    ({"status": "rejected", "answer": {"status": "NotSupported"}}, "cannot do this"),
    ({"status": "failed", "error_code": "NotImplemented", "error_description": "no!"}, "does not know this command"),
    ({"status": "failed", "error_code": "Odd", "error_description": HOSTILE}, "answered with an error"),
    ({"status": "timed_out"}, "No answer in 30 seconds"),
    ({"status": "undelivered"}, "was offline"),
    ({"status": "expired"}, "did not return in time"),
    ({"status": "cancelled"}, "Nothing was sent"),
    ({"status": "timed_out", "late_at": at(0), "late_answer": {"status": "Rejected"}}, "late answer came: “Rejected”"),
    (
        {"status": "accepted", "effect_status": "awaited", "effect_due_at": at(60)},
        "Waiting for the charger to come back",
    ),
    ({"status": "accepted", "effect_status": "missed", "effect_due_at": at(0)}, "did not come back"),
    ({"status": "accepted", "effect_status": "seen", "effect_at": at(0), "effect": {"transaction": 12}}, "Session 12"),
    ({"status": "accepted", "effect_status": "seen", "effect": {"status": "Unavailable"}}, "Unavailable"),
    (
        {
            "action": "UpdateFirmware",
            "status": "accepted",
            "effect_status": "seen",
            "effect": {"steps": [["Downloading", "2026-11-21T13:00:00Z"], ["DownloadFailed", "2026-11-21T13:01:00Z"]]},
        },
        "The update did not succeed",
    ),
    (
        {"action": "GetLog", "status": "accepted", "effect_status": "seen", "effect": {"steps": [["Uploaded", "x"]]}},
        "Uploaded</strong>",
    ),
    ({"action": "RemoteStartTransaction", "status": "accepted", "effect_status": "seen"}, "The session started"),
    ({"action": "ClearCache", "status": "accepted", "effect_status": "missed"}, "Nothing followed"),
    ({"source": "api", "actor": "API key <b>billing</b>", "remote_address": "192.0.2.1"}, "API key &lt;b&gt;billing"),
]


@pytest.mark.parametrize(("fields", "words"), STORIES)
def test_a_commands_life_is_told_in_words(station, operator, fields, words):
    page = page_of(operator, stored(station, **fields))
    assert words in page
    assert HOSTILE not in page


@pytest.mark.parametrize("effect", [[], "odd", {"steps": "odd"}, {"steps": [[]]}, {"steps": [1]}, {"transaction": "x"}])
def test_an_odd_effect_breaks_no_page(station, operator, effect):
    page_of(operator, stored(station, status="accepted", effect_status="seen", effect=effect))


@pytest.mark.parametrize("answer", ["text", [1], {"status": {"a": HOSTILE}}, {"status": HOSTILE}, {"data": HOSTILE}])
def test_what_a_station_answers_is_shown_as_text(station, operator, answer):
    command = stored(station, status="rejected", answer=answer, error_code=HOSTILE, error_description=HOSTILE)
    assert HOSTILE not in page_of(operator, command)
    assert HOSTILE not in operator.get("/admin/stations/command/").content.decode()


@pytest.mark.parametrize(
    ("fields", "follows"),
    [
        ({}, True),
        ({"status": "sent"}, True),
        ({"status": "accepted"}, False),
        ({"status": "accepted", "effect_status": "awaited"}, True),
        ({"status": "timed_out"}, False),
    ],
)
def test_a_page_follows_a_command_until_nothing_can_change(station, operator, fields, follows):
    page = page_of(operator, stored(station, **fields))
    assert ("data-follow" in page, "js/follow.js" in page) == (follows, follows)


# The list


def shown(client, query):
    return {row.pk for row in client.get(f"/admin/stations/command/?{query}").context["cl"].result_list}


def test_commands_are_found(station, operator):
    other = make_everything(2)["stations.chargepoint"]
    Command.objects.all().delete()
    batch = CommandBatch.objects.create(action="Reset")
    mine = stored(station, actor="anna", batch=batch, status="failed", effect_status=EffectStatus.MISSED)
    theirs = stored(other, action="ClearCache", actor="bert", created_at=timezone.now() - timedelta(days=20))
    everything = {mine.pk, theirs.pk}
    week = (timezone.now() - timedelta(days=7)).strftime("%Y-%m-%d %H:%M:%S%%2B00:00")
    expected = {
        "": everything,
        "q=CP-1": {mine.pk},
        "q=cp-2": {theirs.pk},
        "q=cp": everything,
        "q=cp+clearcache": {theirs.pk},
        "q=RESET": {mine.pk},
        "q=anna": {mine.pk},
        "q=nobody": set(),
        "action=Reset": {mine.pk},
        "action=Nonsense": everything,
        "in_batch=yes": {mine.pk},
        "in_batch=no": {theirs.pk},
        "status__exact=failed": {mine.pk},
        "effect_status__exact=missed": {mine.pk},
        f"batch__id__exact={batch.pk}": {mine.pk},
        f"charge_point__id__exact={other.pk}": {theirs.pk},
        f"created_at__gte={week}": {mine.pk},
    }
    assert {query: shown(operator, query) for query in expected} == expected


def test_the_list_counts_no_further_than_somebody_pages(station, operator, monkeypatch):
    monkeypatch.setattr(CappedPaginator, "cap", 3)
    for _ in range(5):
        stored(station)
    with CaptureQueriesContext(connection) as queries:
        page = operator.get("/admin/stations/command/").content.decode()
    assert "Only the newest 3" in page
    counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"] and "stations_command" in query["sql"]]
    assert counts
    assert all("LIMIT 3" in sql for sql in counts)
