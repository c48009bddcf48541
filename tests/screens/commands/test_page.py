"""A command's page: its life in words, what was sent and came back, cancelling and sending again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from stations.models import Command, CommandBatch, CommandStatus
from tests.people import browser

from . import HOSTILE, form_url, page_of, stored, url_of

pytestmark = pytest.mark.django_db
CANCEL = "/commands/cancel/"


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
    ({"status": "accepted", "sent_at": at(-0.4), "closed_at": at(0)}, "after 0.4 s"),
    ({"status": "accepted", "answer": {"status": "RebootRequired"}}, "counts after a restart"),
    ({"status": "accepted", "answer": {"listVersion": 3}}, "Answered"),
    ({"status": "rejected", "answer": {"status": "NotSupported"}}, "cannot do this"),
    ({"status": "failed", "error_code": "NotImplemented", "error_description": "no!"}, "does not know this command"),
    ({"status": "failed", "error_code": "Odd", "error_description": HOSTILE}, "answered with an error"),
    ({"status": "timed_out"}, "No answer in 30 seconds"),
    ({"status": "undelivered"}, "was offline"),
    ({"status": "undelivered", "error_description": "It is archived: it takes no commands."}, "takes no commands"),
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
        "Uploaded</bdi></strong>",
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


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": "accepted"}, "good"),
        ({"status": "accepted", "effect_status": "awaited"}, "busy"),
        ({"status": "accepted", "effect_status": "seen"}, "good"),
        ({"status": "accepted", "effect_status": "missed"}, "bad"),
        ({"status": "timed_out"}, "bad"),
        ({"status": "cancelled"}, "quiet"),
    ],
)
def test_accepted_alone_is_no_success(station, operator, fields, kind):
    assert f'<span class="badge {kind}">' in page_of(operator, stored(station, **fields))


@pytest.mark.parametrize("effect", [[], "odd", {"steps": "odd"}, {"steps": [[]]}, {"steps": [1]}, {"transaction": "x"}])
def test_an_odd_effect_breaks_no_page(station, operator, effect):
    page_of(operator, stored(station, status="accepted", effect_status="seen", effect=effect))
    assert operator.get("/commands/").status_code == 200


def test_an_end_that_no_zone_has_breaks_no_page(station, operator, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert "23:59 UTC" in page_of(operator, stored(station, valid_until=end))


@pytest.mark.parametrize("answer", ["text", [1], {"status": {"a": HOSTILE}}, {"status": HOSTILE}, {"data": HOSTILE}])
def test_what_a_station_answers_is_shown_as_text(station, operator, answer):
    command = stored(station, status="rejected", answer=answer, error_code=HOSTILE, error_description=HOSTILE)
    assert HOSTILE not in page_of(operator, command)
    assert HOSTILE not in operator.get("/commands/").content.decode()


@pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL stores no half characters")
def test_half_a_character_breaks_no_page(station, operator):
    assert "\\ud800" in page_of(operator, stored(station, status="accepted", answer={"data": "\ud800"}))


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
    command = stored(station, **fields)
    page = page_of(operator, command)
    assert (f'data-on="station:{station.pk}"' in page, 'http-equiv="refresh"' in page) == (follows, follows)
    part = {"HX-Request": "true", "HX-Target": f"command-{command.pk}"}
    alone = operator.get(url_of(command), headers=part).content.decode()
    assert alone.strip().startswith(f'<section id="command-{command.pk}"')
    assert ("data-on=" in alone) == follows


# Who sees what


def test_a_viewer_reads_a_command_without_buttons(station):
    page = page_of(browser("viewer"), stored(station))
    assert "Cancel the command" not in page
    assert "Send again" not in page
    assert "Waiting to be sent" in page


def test_a_command_of_another_site_is_not_found(station, other, local):
    assert local.get(url_of(stored(station))).status_code == 200
    assert local.get(url_of(stored(other))).status_code == 404
    assert local.get(url_of(stored(other)), headers={"HX-Request": "true"}).status_code == 404


KEY = {"key": "AuthorizationKey", "value": "AB" * 20}


@pytest.mark.parametrize("who", ["viewer", "operator", "administrator"])
def test_nobody_reads_the_secret_of_a_command_that_waits(station, who):
    page = page_of(browser(who), stored(station, action="ChangeConfiguration", payload=KEY))
    assert "AuthorizationKey" in page
    assert KEY["value"] not in page


@pytest.mark.parametrize(("who", "shown"), [("viewer", "CAFE…88"), ("operator", "CAFE0088")])
def test_numbers_of_tags_are_for_those_who_keep_tags(station, who, shown):
    start = {"idTag": "CAFE0088", "connectorId": 1}
    page = page_of(browser(who), stored(station, action="RemoteStartTransaction", payload=start))
    assert f"&quot;idTag&quot;: &quot;{shown}&quot;" in page
    assert who == "operator" or "CAFE0088" not in page


# Cancelling and sending again


def test_a_queued_command_is_cancelled(station, operator):
    command = stored(station)
    assert "Cancel the command" in page_of(operator, command)
    response = operator.post(CANCEL, {"commands": command.pk, "next": url_of(command)})
    assert response.url == url_of(command)
    command.refresh_from_db()
    assert (command.status, command.closed_at is not None) == (CommandStatus.CANCELLED, True)
    assert "Cancel the command" not in page_of(operator, command)


def test_a_command_that_is_sent_is_not_taken_back(station, operator):
    command = stored(station, status=CommandStatus.SENT, sent_at=timezone.now())
    page = operator.post(CANCEL, {"commands": command.pk}, follow=True).content.decode()
    command.refresh_from_db()
    assert command.status == CommandStatus.SENT
    assert "Too late" in page


def test_several_are_cancelled_at_once(station, operator):
    queued, over = [stored(station) for _ in range(2)], stored(station, status=CommandStatus.ACCEPTED)
    page = operator.post(CANCEL, {"commands": [row.pk for row in (*queued, over)]}, follow=True).content.decode()
    assert "2 commands were cancelled." in page
    assert "Too late for 1 command" in page
    states = {row.pk: row.status for row in Command.objects.all()}
    assert states == {**{row.pk: "cancelled" for row in queued}, over.pk: "accepted"}


@pytest.mark.parametrize("named", [[], ["x"], [""], ["0b5ce0d4-0000-4000-8000-000000000000"]])
def test_cancelling_nothing_is_not_found(station, operator, named):
    assert operator.post(CANCEL, {"commands": named}).status_code == 404


def test_cancelling_is_a_post_and_for_the_own_site(station, other, local):
    theirs, mine = stored(other), stored(station)
    assert local.get(CANCEL).status_code == 405
    assert local.post(CANCEL, {"commands": [theirs.pk]}).status_code == 404
    assert local.post(CANCEL, {"commands": [mine.pk, theirs.pk]}).status_code == 404
    assert {row.status for row in Command.objects.all()} == {"queued"}


def test_a_command_is_sent_again_from_its_form_filled_in(station, operator):
    command = stored(station, payload={"type": "Hard"}, status=CommandStatus.TIMED_OUT)
    url = f"{form_url(station)}?again={command.pk}"
    assert url in page_of(operator, command)
    assert operator.get(url).context["form"]["type"].value() == "Hard"


def test_what_an_expert_sent_is_sent_again_by_the_expert(station, operator):
    command = stored(station, action="UnlockConnector", payload={"connectorId": 1, "vendor": 2}, status="rejected")
    url = f"{form_url(station, 'expert')}?again={command.pk}"
    assert url in page_of(operator, command)
    form = operator.get(url).context["form"]
    assert (form["action"].value(), '"vendor": 2' in form["payload"].value()) == ("UnlockConnector", True)


@pytest.mark.parametrize("again", ["", "nonsense", "0b5ce0d4-0000-4000-8000-000000000000"])
def test_sending_nothing_again_opens_an_empty_form(station, operator, again):
    assert operator.get(f"{form_url(station)}?again={again}").context["form"]["type"].value() == "Soft"


def test_another_chargers_command_is_not_taken_over(station, other, operator):
    theirs = stored(other, payload={"type": "Hard"})
    assert operator.get(f"{form_url(station)}?again={theirs.pk}").context["form"]["type"].value() == "Soft"


@pytest.mark.parametrize("action", ["expert", "ChangeConfiguration"])
def test_sending_it_again_does_not_tell_the_secret(station, operator, action):
    command = stored(station, action="ChangeConfiguration", payload=KEY)
    page = operator.get(f"{form_url(station, action)}?again={command.pk}").content.decode()
    assert "AuthorizationKey" in page
    assert "***" in page
    assert KEY["value"] not in page


def test_the_page_says_which_batch_it_was_part_of(station, operator):
    batch = CommandBatch.objects.create(action="Reset")
    assert reverse("screens:batch", args=[batch.pk]) in page_of(operator, stored(station, batch=batch))
