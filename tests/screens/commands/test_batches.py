"""One command for many chargers: from the selection to the page of the batch."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from people.models import Membership
from stations import batches
from stations.commands import Origin
from stations.forms import BY_NAME
from stations.models import ChargePoint, Command, CommandBatch, CommandSource, GatewayProcess, Site
from tests.people import browser, browser_of, person, person_at

from . import IN_SHEET
from .test_list import queries_of

pytestmark = pytest.mark.django_db
SEND_MANY = "/chargers/send/"
SENDING = {"sending-idempotency_key": "once", "sending-if_offline": "drop", "sending-per_minute": "60"}


@pytest.fixture
def stations():
    """Five chargers; the last two at another site."""
    User.objects.create_superuser("root")
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    sites = [Site.objects.create(name=name) for name in ("Garage", "Depot")]
    return [
        ChargePoint.objects.create(
            identity=f"CP-{number}", gateway=gateway, connection=str(number), site=sites[number > 3]
        )
        for number in range(1, 6)
    ]


@pytest.fixture
def operator(stations):
    return browser("operator")


@pytest.fixture
def local(stations):
    return browser_of(person_at("operator", stations[0].site))


def start(stations, **options):
    origin = Origin(CommandSource.API, actor="anna", remote_address="192.0.2.7")
    return batches.start_batch(stations, "Reset", {"type": "Soft"}, origin, **options)


def end(batch, *statuses, **fields):
    """Give the batch's commands their ends, in the order of the stations."""
    commands = batch.commands.order_by("charge_point__identity")
    for command, status in zip(commands, statuses, strict=True):
        Command.objects.filter(pk=command.pk).update(status=status, closed_at=timezone.now(), **fields)


def selection(*stations):
    return ",".join(str(station.pk) for station in stations)


def url_of(batch):
    return reverse("screens:batch", args=[batch.pk])


def page_of(client, batch):
    response = client.get(url_of(batch))
    assert response.status_code == 200
    return response.content.decode()


# From the selection to a batch


@pytest.mark.parametrize("headers", [{}, IN_SHEET])
def test_from_the_list_to_a_batch(stations, operator, headers):
    chosen = [station.pk for station in stations[:3]]
    page = operator.post(SEND_MANY, {"stations": chosen}, headers=headers).content.decode()
    assert f'value="{selection(*stations[:3])}"' in page
    assert "To 3 chargers" in page
    form = operator.post(SEND_MANY, {"stations": selection(*stations[:3]), "command": "Reset"}, headers=headers)
    assert form.context["form"].action == "Reset"
    assert 'data-confirm="Restart the charger: 3 chargers?"' in form.content.decode()
    assert not CommandBatch.objects.exists()
    filled = {"stations": selection(*stations[:3]), "command": "Reset", "send": 1, "type": "Hard", **SENDING}
    response = operator.post(SEND_MANY, filled, headers=headers)
    batch = CommandBatch.objects.get()
    assert (response.headers.get("HX-Redirect") or response.url) == url_of(batch)
    assert (batch.created_by, batch.actor, batch.per_minute) == (person("operator"), "operator", 60)
    assert [row.charge_point for row in batch.commands.order_by("created_at")] == stations[:3]
    assert {row.payload["type"] for row in batch.commands.all()} == {"Hard"}


def test_a_double_click_starts_one_batch(stations, operator):
    filled = {"stations": selection(*stations), "command": "Reset", "send": 1, "type": "Hard", **SENDING}
    assert operator.post(SEND_MANY, filled).url == operator.post(SEND_MANY, filled).url
    assert Command.objects.count() == 5


def test_what_is_not_complete_starts_no_batch(stations, operator):
    filled = {"stations": selection(*stations), "command": "Reset", "send": 1, **SENDING, "sending-per_minute": "0"}
    response = operator.post(SEND_MANY, filled)
    assert response.status_code == 422
    assert "Nothing was sent" in response.content.decode()
    assert not CommandBatch.objects.exists()


@pytest.mark.parametrize("key", ["AuthorizationKey", "securityprofile"])
def test_a_key_of_its_own_is_not_for_many(stations, key):
    payload = json.dumps({"key": key, "value": "2"})
    entered = {"action": "ChangeConfiguration", "payload": payload, **SENDING}
    filled = {"stations": selection(*stations), "command": "expert", "send": 1, **entered}
    response = browser("administrator").post(SEND_MANY, filled)
    assert response.status_code == 422
    assert "charger by charger" in response.content.decode()
    assert not CommandBatch.objects.exists()


@pytest.mark.parametrize("chosen", ["x", "1,,2", "-1", "9" * 30, "999999", "\0", "²"])
def test_an_odd_selection_is_not_found(operator, chosen):
    assert operator.post(SEND_MANY, {"stations": chosen, "command": "Reset"}).status_code == 404


def test_a_selection_of_nothing_leads_back(stations, operator):
    response = operator.post(SEND_MANY, {}, follow=True)
    assert response.redirect_chain[0][0] == "/chargers/"
    assert "No charger is selected." in response.content.decode()


@pytest.mark.parametrize("command", ["", "Nonsense", "RemoteStopTransaction", "CertificateSigned", "limit"])
def test_what_makes_no_sense_for_many_is_not_offered(stations, operator, command):
    assert operator.post(SEND_MANY, {"stations": selection(*stations), "command": command}).status_code == 404


def test_every_other_command_can_go_to_many(stations, operator):
    for action in (name for name, form in BY_NAME.items() if form.for_many):
        response = operator.post(SEND_MANY, {"stations": selection(*stations), "command": action})
        assert response.status_code == 200, action
    assert not Command.objects.exists()


def test_archived_chargers_are_left_out(stations, operator):
    ChargePoint.objects.filter(pk__in=[station.pk for station in stations[:2]]).update(archived_at=timezone.now())
    page = operator.post(SEND_MANY, {"stations": selection(*stations)}).content.decode()
    assert "To 3 chargers" in page
    assert "2 of the selection are left out" in page
    ChargePoint.objects.update(archived_at=timezone.now())
    assert operator.post(SEND_MANY, {"stations": selection(*stations)}).status_code == 404


def test_an_operator_of_one_site_reaches_its_chargers_only(stations, local):
    filled = {"stations": selection(*stations), "command": "Reset", "send": 1, "type": "Hard", **SENDING}
    assert local.post(SEND_MANY, filled).status_code == 302
    assert {row.charge_point for row in Command.objects.all()} == {*stations[:3]}
    assert local.post(SEND_MANY, {**filled, "stations": selection(stations[4])}).status_code == 404


def test_who_only_sees_the_chargers_is_refused(stations):
    user = person_at("operator", stations[0].site)
    Membership.objects.create(user=user, site=stations[4].site, role="Viewers")
    chosen = {"stations": selection(stations[4]), "command": "Reset", "send": 1, "type": "Hard", **SENDING}
    assert browser_of(user).post(SEND_MANY, chosen).status_code == 403
    assert not Command.objects.exists()


def test_the_selection_comes_by_post(operator):
    assert operator.get(SEND_MANY).status_code == 405


# Its page


def test_the_page_shows_how_far_it_is(stations, operator):
    batch = start(stations)
    end(batch, "accepted", "rejected", "sent", "queued", "queued")
    Command.objects.filter(status="rejected").update(error_description="<script>alert(1)</script>")
    page = page_of(operator, batch)
    for words in ("2/5 answered", "1 ok", "1 failed", "3 waiting", "Retry failed", "Cancel the rest", "data-on"):
        assert words in page, words
    assert '<progress max="5" value="2"' in page
    assert "<script>alert" not in page
    assert page.index("CP-2") < page.index("CP-1")  # what failed comes first


def test_the_part_that_is_live_comes_alone(stations, operator):
    batch = start(stations)
    part = operator.get(url_of(batch), headers={"HX-Request": "true", "HX-Target": "batch"}).content.decode()
    assert part.strip().startswith('<section id="batch"')
    assert 'data-on="commands"' in part


def test_when_all_is_over_the_page_rests(stations, operator):
    batch = start(stations)
    end(batch, *["accepted"] * 5)
    page = page_of(operator, batch)
    for words in ("Retry failed", "Cancel the rest", "data-on", 'http-equiv="refresh"'):
        assert words not in page, words


def test_failed_ones_are_sent_again_by_a_button(stations, operator):
    batch = start(stations)
    end(batch, "accepted", "rejected", "accepted", "accepted", "timed_out")
    url = reverse("screens:retry_batch", args=[batch.pk])
    first, second = operator.post(url).url, operator.post(url).url
    again = CommandBatch.objects.get(retry_of=batch)
    assert first == second == url_of(again)
    assert (again.actor, again.commands.count()) == ("operator", 2)
    page = page_of(operator, batch)
    assert first in page
    assert "Retry failed" not in page
    end(batch, "failed", "rejected", "accepted", "accepted", "timed_out")
    assert "Retry failed" in page_of(operator, batch)
    assert operator.post(url).url == first
    assert again.commands.count() == 3
    assert "Retry failed" not in page_of(operator, batch)


def test_what_held_a_secret_cannot_be_repeated_and_says_why(stations, operator):
    batch = start(stations)
    end(batch, *["rejected"] * 5)
    CommandBatch.objects.update(payload={"key": "VendorPassword", "value": "***"})
    page = page_of(operator, batch)
    assert "It held a secret" in page
    assert "Retry failed" not in page


def test_the_rest_is_cancelled_by_a_button(stations, operator):
    batch = start(stations)
    operator.post(reverse("screens:cancel_batch", args=[batch.pk]))
    assert batches.progress(batch).cancelled == 5


@pytest.mark.parametrize("button", ["cancel_batch", "retry_batch"])
def test_the_buttons_are_posts(stations, operator, button):
    batch = start(stations)
    assert operator.get(reverse(f"screens:{button}", args=[batch.pk])).status_code == 405
    assert batches.progress(batch).queued == 5


def test_a_viewer_sees_the_progress_and_no_button(stations):
    batch = start(stations)
    page = page_of(browser("viewer"), batch)
    assert "0/5 answered" in page
    assert "Cancel the rest" not in page


def test_whoever_sees_a_part_of_a_batch_counts_that_part_and_steers_nothing(stations, local):
    batch = start(stations)
    page = page_of(local, batch)
    assert "0/3 answered" in page
    assert "CP-4" not in page
    assert "Cancel the rest" not in page
    for button in ("cancel_batch", "retry_batch"):
        assert local.post(reverse(f"screens:{button}", args=[batch.pk])).status_code == 403
    assert batches.progress(batch).queued == 5
    own = start(stations[:2])
    assert "Cancel the rest" in page_of(local, own)
    local.post(reverse("screens:cancel_batch", args=[own.pk]))
    assert batches.progress(own).cancelled == 2


def test_a_batch_for_other_sites_is_not_found(stations, local):
    batch = start(stations[3:])
    assert local.get(url_of(batch)).status_code == 404
    assert local.post(reverse("screens:cancel_batch", args=[batch.pk])).status_code == 404
    assert local.get("/batches/").context["rows"] == []


# The list


def test_the_list_of_batches_tells_how_many(stations, operator):
    batch = start(stations)
    end(batch, "accepted", "rejected", "sent", "queued", "queued")
    ((row, progress),) = operator.get("/batches/").context["rows"]
    assert (row, progress.total, progress.waiting, progress.failed) == (batch, 5, 3, 1)
    assert "2/5 answered" in operator.get("/batches/").content.decode()


def test_batches_are_filtered(stations, operator):
    start(stations[:1])
    for query, count in (
        ("action=Reset", 1),
        ("action=ClearCache", 0),
        ("who=ann", 1),
        ("who=bert", 0),
        ("who=%00", 0),
    ):
        assert len(operator.get(f"/batches/?{query}").context["rows"]) == count, query


def test_many_chargers_and_batches_cost_no_more_queries(stations, operator):
    gateway = stations[0].gateway
    batch = start(stations[:3])
    few = queries_of(operator, url_of(batch)), queries_of(operator, "/batches/")
    names = (f"X-{number}" for number in range(70))
    more = [ChargePoint.objects.create(identity=name, gateway=gateway, connection="x") for name in names]
    batch = start(more)
    for _ in range(10):
        start(stations[:1])
    assert (queries_of(operator, url_of(batch)), queries_of(operator, "/batches/")) == few
    assert max(few) <= 17
    page = page_of(operator, batch)
    assert "Page 1 of 2" in page


def test_a_paced_batch_says_whose_turn_comes_when(stations, operator):
    batch = start(stations, per_minute=1, valid_until=timezone.now() + timedelta(hours=1))
    page = page_of(operator, batch)
    assert "1 per minute" in page
    assert "Its turn comes at" in page
