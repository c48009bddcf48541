"""The list of tags: what it shows, finds, sorts, changes, exports, and to whom."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from jobs.models import Job, State
from jobs.runner import Runner
from screens.tags import listing
from transactions.models import IdTag, IdTagGroup, UnknownIdTag

from ...people import browser, browser_of, person_at
from ..chargers.pages import HOSTILE, RIGHT_TO_LEFT, rows_of, text_of, words_of
from .counting import queries_of

pytestmark = pytest.mark.django_db
LIST = "/tags/"
CHANGE = "/tags/change/"
EXPORT = "/tags/export/"


def shown(query="", client=None):
    response = (client or browser("viewer")).get(f"{LIST}?{query}")
    return [tag.holder for tag, _usage in response.context["entries"]]


def act(client, action, *tags, **values):
    return client.post(CHANGE, {"action": action, "tags": [tag.pk for tag in tags], **values}, follow=True)


def exported(client, query=""):
    response = client.get(f"{EXPORT}?{query}")
    return list(csv.DictReader(io.StringIO(b"".join(response).decode())))


def test_a_row_says_whose_tag_it_is_and_how_it_is_used(house, anna):
    anna.group = IdTagGroup.objects.create(parent_id_tag="FLEET", name="Fleet")
    anna.save()
    old, new = house.charger("BAY-1", name="Bay 01"), house.charger("BAY-2", name="Bay 02")
    long_ago = timezone.now() - timedelta(days=70)
    house.session(old, tag=anna, started_at=long_ago, start_reported_at=long_ago, ended_by="station", energy_wh=99_000)
    session = house.session(new, tag=anna, started_at=timezone.now(), energy_wh=6420)
    response = browser("operator").get(LIST)
    [row] = rows_of(response)
    for expected in ("Anna", "04A1B2C3D4E5F2", "Fleet", "Garage", "Accepted", "Bay 02", "just now", "6.42"):
        assert expected in row
    assert "99.00" not in row
    assert f"/transactions/{session.pk}/" in text_of(response)


def test_a_viewer_sees_numbers_masked_and_no_way_to_change(house, anna):
    UnknownIdTag.objects.create(id_tag="04STRANGER99", charge_point=house.charger("BAY-1").charge_point, count=3)
    page = text_of(browser("viewer").get(LIST))
    assert "04A1…F2" in page
    assert "04A1B2C3D4E5F2" not in page
    assert "04STRANGER99" not in page
    for absent in ('name="action"', "/tags/add/", "/tags/import/", "/tags/learn/", "Ignore"):
        assert absent not in page


def test_tags_are_found(house, anna, yard):
    now = timezone.now()
    fleet = IdTagGroup.objects.create(parent_id_tag="FLEET", name="Vans")
    closed = IdTagGroup.objects.create(parent_id_tag="CLOSED", blocked=True)
    IdTag.objects.create(id_tag="B1", holder="Ben", blocked=True, group=fleet, note="second car")
    IdTag.objects.create(id_tag="C1", holder="Carl", expires_at=now - timedelta(days=1), site=yard)
    IdTag.objects.create(id_tag="D1", holder="Dora", archived_at=now)
    IdTag.objects.create(id_tag="E1", holder="Emil", group=closed)
    house.session(house.charger("BAY-1"), tag=anna)
    assert shown() == ["Anna", "Ben", "Carl", "Emil"]
    assert shown("status=accepted") == shown("q=04a1b2c3d4e5f2 anna") == shown("in_use=yes") == ["Anna"]
    assert shown("status=blocked") == ["Ben", "Emil"]
    assert shown("status=expired") == shown(f"site={yard.pk}") == ["Carl"]
    assert shown("status=archived") == ["Dora"]
    assert shown("group=fleet") == shown("group=van") == shown("q=second") == ["Ben"]
    assert shown("in_use=no") == ["Ben", "Carl", "Emil"]
    assert shown("sort=until") == ["Carl", "Anna", "Ben", "Emil"]
    assert shown("sort=-until") == ["Carl", "Emil", "Ben", "Anna"]
    assert shown("sort=group") == ["Emil", "Ben", "Anna", "Carl"]  # CLOSED, FLEET, none
    assert shown("sort=-holder") == ["Emil", "Carl", "Ben", "Anna"]
    assert "Its group is blocked." in text_of(browser("viewer").get(f"{LIST}?status=blocked"))


@pytest.mark.parametrize(
    "query", ["q=%00", "status=nonsense", "site=999999999999999999999", "site=x", "page=-1", "sort=no", "in_use=9"]
)
def test_an_address_that_makes_no_sense_is_answered(anna, query):
    assert browser("viewer").get(f"{LIST}?{query}").status_code == 200


def test_an_empty_list_says_what_to_do(house):
    assert "Hold a card to a charger to add it" in words_of(browser("operator").get(LIST))
    assert "No tag matches." in words_of(browser("operator").get(f"{LIST}?q=nobody"))


def test_only_tags_of_own_sites_are_there(house, anna, yard):
    IdTag.objects.create(id_tag="YARD1", holder="Yara", site=yard)
    IdTag.objects.create(id_tag="ALL1", holder="Alla")
    away = house.charger("AWAY", site=yard)
    house.session(away, tag=anna)
    client = browser_of(person_at("operator", house.site))
    response = client.get(LIST)
    assert [tag.holder for tag, _usage in response.context["entries"]] == ["Anna"]
    assert "AWAY" not in text_of(response)  # what it does elsewhere is not theirs to see
    assert shown("in_use=yes", client) == []
    assert client.get("/tags/groups/").status_code == 403


@pytest.mark.parametrize(("who", "status"), [("anonymous", 302), ("holder", 403), ("viewer", 200)])
def test_who_may_open_the_list(anna, who, status):
    assert browser(who).get(LIST).status_code == status


def test_hostile_words_stay_words(house, anna):
    group = IdTagGroup.objects.create(parent_id_tag="G", name=HOSTILE)
    IdTag.objects.create(id_tag=HOSTILE[:20], holder=HOSTILE, note=HOSTILE, group=group)
    IdTag.objects.create(id_tag="RTL", holder=RIGHT_TO_LEFT)
    station = house.charger("BAY-1", name=HOSTILE).charge_point
    UnknownIdTag.objects.create(id_tag=HOSTILE * 9, charge_point=station)
    for url in (LIST, "/tags/unknown/", "/tags/groups/", f"/tags/groups/{group.pk}/", "/tags/learn/", "/tags/import/"):
        assert "<svg/" not in text_of(browser("administrator").get(url))
    assert f"<bdi>{RIGHT_TO_LEFT}</bdi>" in text_of(browser("operator").get(LIST))


def test_the_number_of_queries_does_not_grow(house, anna):
    client = browser_of(person_at("operator", house.site))
    bay = house.charger("BAY-0")
    house.session(bay, tag=anna)
    UnknownIdTag.objects.create(id_tag="NEW", charge_point=bay.charge_point)
    few = queries_of(client, LIST)
    for number in range(1, 31):
        tag = IdTag.objects.create(id_tag=f"T{number}", holder=f"H{number}", site=house.site)
        tag.group = IdTagGroup.objects.create(parent_id_tag=f"G{number}")
        tag.save()
        bay = house.charger(f"BAY-{number}")
        house.session(bay, tag=tag)
        UnknownIdTag.objects.create(id_tag=f"NEW{number}", charge_point=bay.charge_point)
    assert queries_of(client, LIST) == few
    assert few < 30


# Many at once


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("block", {"blocked": False}, {"blocked": True}),
        ("unblock", {"blocked": True}, {"blocked": False}),
    ],
)
def test_tags_are_blocked_and_unblocked_together(anna, action, before, after):
    ben = IdTag.objects.create(id_tag="B1", holder="Ben")
    IdTag.objects.update(**before)
    assert "2 tags changed." in words_of(act(browser("operator"), action, anna, ben))
    assert IdTag.objects.filter(**after).count() == 2


def test_tags_are_archived_and_restored(anna):
    client = browser("operator")
    act(client, "archive", anna)
    archived_at = IdTag.objects.get().archived_at
    assert archived_at is not None
    assert "Nothing changed." in words_of(act(client, "archive", anna))
    assert IdTag.objects.get().archived_at == archived_at
    act(client, "restore", anna)
    assert IdTag.objects.get().archived_at is None


def test_a_group_and_an_end_are_set(anna):
    client, fleet = browser("operator"), IdTagGroup.objects.create(parent_id_tag="FLEET", name="Vans")
    act(client, "set_group", anna, group="vans")
    act(client, "set_valid_until", anna, expires_at="2027-12-31T18:00")
    anna.refresh_from_db()
    assert (anna.group, timezone.localtime(anna.expires_at).strftime("%Y-%m-%d %H:%M")) == (fleet, "2027-12-31 18:00")
    act(client, "set_group", anna, group="")
    act(client, "set_valid_until", anna, expires_at="")
    anna.refresh_from_db()
    assert (anna.group, anna.expires_at) == (None, None)


def test_an_end_may_lie_in_the_hour_that_the_clock_strikes_twice(anna, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    act(browser("operator"), "set_valid_until", anna, expires_at="2099-10-25T02:30")
    anna.refresh_from_db()
    assert anna.expires_at == datetime(2099, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "values", "sentence"),
    [
        ("set_group", {"group": "nowhere"}, "There is no such group."),
        ("set_valid_until", {"expires_at": "0001-01-01T00:00"}, "Choose a year from 1990 to 9000."),
        ("set_valid_until", {"expires_at": "soon"}, "Enter a valid date/time."),
    ],
)
def test_a_value_that_makes_no_sense_changes_nothing(anna, action, values, sentence):
    assert sentence in words_of(act(browser("operator"), action, anna, **values))
    anna.refresh_from_db()
    assert (anna.group, anna.expires_at) == (None, None)


def test_a_change_is_on_record(anna):
    act(browser("operator"), "block", anna)
    entry = LogEntry.objects.get_for_object(anna).latest("timestamp")
    assert entry.changes == {"blocked": ["False", "True"]}
    assert (entry.actor.username, entry.remote_addr) == ("operator", "127.0.0.1")
    act(
        browser("operator"), "set_group", anna, group=IdTagGroup.objects.create(parent_id_tag="FLEET", name="Vans").name
    )
    assert LogEntry.objects.get_for_object(anna).latest("timestamp").changes == {"group": ["None", "Vans"]}


def test_what_changes_nothing_is_not_on_record(anna):
    ben = IdTag.objects.create(id_tag="B1", blocked=True)
    act(browser("operator"), "block", anna, ben)
    changed = LogEntry.objects.filter(action=LogEntry.Action.UPDATE)
    assert [entry.object_repr for entry in changed.exclude(actor=None)] == [str(anna)]


def test_what_may_not_be_changed_is_not(anna, yard):
    other = IdTag.objects.create(id_tag="YARD1", site=yard)
    assert act(browser("viewer"), "block", anna).status_code == 403
    act(browser_of(person_at("operator", yard)), "block", anna, other)
    assert [*IdTag.objects.filter(blocked=True)] == [other]
    assert act(browser("operator"), "explode", anna).status_code == 400
    assert browser("operator").get(CHANGE).status_code == 405
    assert browser("operator", enforce_csrf_checks=True).post(CHANGE, {"action": "block"}).status_code == 403


@pytest.mark.parametrize("keys", [["x"], ["-1"], ["9" * 40], [], ["²"]])
def test_keys_that_are_none_change_nothing(anna, keys):
    client = browser("operator")
    assert client.post(CHANGE, {"action": "block", "tags": keys}, follow=True).status_code == 200
    assert not IdTag.objects.get().blocked


# As a file


def test_an_export_is_what_the_list_shows(anna):
    IdTag.objects.create(id_tag="B1", holder="Ben", blocked=True)
    [row] = exported(browser("operator"), "format=csv&status=blocked")
    assert (row["id_tag"], row["holder"], row["blocked"]) == ("B1", "Ben", "true")
    assert browser("operator").get(f"{EXPORT}?format=xlsx").headers["Content-Disposition"].endswith('.xlsx"')
    assert browser("operator").get(f"{EXPORT}?format=exe").status_code == 400


def test_a_viewer_exports_masked_numbers(anna):
    [row] = exported(browser("viewer"), "format=csv")
    assert row["id_tag"] == "04A1…F2"


def test_an_export_has_own_sites_only(anna, yard):
    IdTag.objects.create(id_tag="YARD1", site=yard)
    assert [row["id_tag"] for row in exported(browser_of(person_at("operator", yard)), "format=csv")] == ["YARD1"]


def test_a_large_export_is_a_job(anna, monkeypatch):
    monkeypatch.setattr(listing, "DIRECT_ROWS", 1)
    IdTag.objects.create(id_tag="B1", holder="Ben")
    client = browser("operator")
    assert "made in the background" in words_of(client.get(f"{EXPORT}?format=csv&q="))
    assert not Job.objects.exists()
    client.post(f"{EXPORT}?format=csv&q=Ben")
    Runner().run_next()
    job = Job.objects.get()
    assert (job.state, job.message) == (State.DONE, "1 tag.")
    with job.file.open() as file:
        assert [row["holder"] for row in csv.DictReader(io.StringIO(file.read().decode()))] == ["Ben"]
