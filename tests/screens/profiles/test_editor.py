"""The editor: what is typed becomes a profile, and is seen before it is one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import override_settings
from django.utils import timezone

from charging_profiles.models import ChargingProfile
from screens.profiles.forms import rows_of
from tests.people import browser

from .conftest import give, make_profile

pytestmark = pytest.mark.django_db
ADD = "/profiles/add/"
IN_PART = {"HX-Request": "true", "HX-Target": "preview"}


def edit_url(profile):
    return f"/profiles/{profile.pk}/edit/"


@override_settings(TIME_ZONE="Europe/Berlin")
def test_times_of_the_clock_become_a_schedule_that_has_begun(operator, entered):
    response = operator.post(ADD, entered([("19:00", "32"), ("7:00", "16", "1")], follows_clock="on"))
    profile = ChargingProfile.objects.get()
    assert response.headers["Location"] == f"/profiles/{profile.pk}/"
    assert (profile.kind, profile.recurrency, profile.follows_clock) == ("Recurring", "Daily", True)
    assert profile.periods == [{"start": 0, "limit": "16.0", "phases": 1}, {"start": 43_200, "limit": "32.0"}]
    local = timezone.localtime(profile.starts_at, timezone.get_default_timezone())
    assert (local.hour, local.minute) == (7, 0)
    assert profile.starts_at < timezone.now()
    assert profile.created_by.username == "operator"


@override_settings(TIME_ZONE="Europe/Berlin")
@pytest.mark.parametrize(
    ("rhythm", "row", "now"),
    [
        ("daily", ("2:30", "16"), datetime(2026, 3, 30, 10, tzinfo=UTC)),
        ("weekly", ("2:30", "16", "", "6"), datetime(2026, 4, 2, 10, tzinfo=UTC)),
    ],
)
def test_a_time_that_the_clocks_have_just_skipped_is_kept(operator, entered, monkeypatch, rhythm, row, now):
    monkeypatch.setattr(timezone, "now", lambda: now)
    operator.post(ADD, entered([row], rhythm=rhythm, follows_clock="on"))
    profile = ChargingProfile.objects.get()
    assert profile.starts_at < now
    (shown,) = rows_of(profile)
    assert shown["begins"] == 9000
    assert shown["day"] == (6 if rhythm == "weekly" else 0)


def test_a_week_begins_on_the_day_of_its_first_limit(operator, entered):
    operator.post(ADD, entered([("7:00", "16", "", "2"), ("17:00", "32", "", "4")], rhythm="weekly"))
    profile = ChargingProfile.objects.get()
    assert (profile.recurrency, profile.starts_at.weekday(), profile.starts_at.hour) == ("Weekly", 2, 7)
    assert [row["start"] for row in profile.periods] == [0, 2 * 86_400 + 10 * 3600]


def test_once_and_with_a_session(operator, entered):
    operator.post(ADD, entered([("0:00", "6"), ("2:30", "0")], rhythm="once", starts_at="2027-01-01T12:00:00"))
    once = ChargingProfile.objects.get()
    assert (once.kind, once.recurrency, once.starts_at) == ("Absolute", "", datetime(2027, 1, 1, 12, tzinfo=UTC))
    operator.post(ADD, entered([("0", "16")], rhythm="session", name="Gentle", duration_s="4:00"))
    relative = ChargingProfile.objects.get(name="Gentle")
    assert (relative.kind, relative.starts_at, relative.duration_s) == ("Relative", None, 14_400)


WRONG = [
    ([("7:00", "16")], {"name": ""}, "This field is required."),
    ([], {}, "Enter one limit at least."),
    ([("", "")], {}, "Enter one limit at least."),
    ([("7:00", "16"), ("7:00", "32")], {}, "Two limits begin at the same time."),
    ([("7:77", "16")], {}, "Write hours and minutes"),
    ([("25:00", "16")], {}, "A day has 24 hours."),
    ([("7:00", "")], {}, "Say how much."),
    ([("", "16")], {}, "Say from when."),
    ([("7:00", "-1")], {}, "greater than or equal to 0"),
    ([("7:00", "16.55")], {}, "no more than 1 decimal place"),
    ([("1:00", "16")], {"rhythm": "session"}, "The first limit begins at 0:00."),
    ([("0:00", "16")], {"rhythm": "once"}, "Say when it begins."),
    ([("0:00", "16")], {"rhythm": "session", "purpose": "ChargePointMaxProfile"}, "cannot begin with a session"),
    ([("0:00", "16")], {"duration_s": "30:00"}, "It begins again before it ends"),
    (
        [("0:00", "16")],
        {"valid_from": "2027-01-02T00:00:00", "valid_to": "2027-01-01T00:00:00"},
        "ends before it begins",
    ),
]


@pytest.mark.parametrize(("rows", "said", "sentence"), WRONG, ids=[row[2] for row in WRONG])
def test_what_makes_no_sense_is_said_and_not_stored(operator, entered, rows, said, sentence):
    response = operator.post(ADD, entered(rows, **said))
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not ChargingProfile.objects.exists()


def test_a_name_is_taken_only_once(operator, entered):
    make_profile("Night")
    response = operator.post(ADD, entered([("0:00", "16")], name="NIGHT"))
    assert (response.status_code, ChargingProfile.objects.count()) == (422, 1)
    assert "There is already a profile with this name." in response.content.decode()


def test_the_picture_is_drawn_of_what_is_not_stored_yet(operator, entered):
    form = entered([("7:00", "16"), ("19:00", "32")], name="", do="preview")
    html = operator.post(ADD, form, headers=IN_PART).content.decode()
    assert "max 16 A, 07:00–19:00, else max 32 A" in html
    assert "<svg" in html
    assert "<form" not in html
    assert not ChargingProfile.objects.exists()


def test_the_picture_says_what_is_missing(operator, entered):
    html = operator.post(ADD, entered([("7:00", "x")], do="preview"), headers=IN_PART).content.decode()
    assert "Not complete yet:" in html
    assert "<svg" not in html


def test_rows_come_and_go_without_a_script(operator, entered):
    rows = [("7:00", "16"), ("19:00", "32")]
    more = operator.post(ADD, entered(rows, do="add"))
    assert (more.status_code, len(more.context["table"].forms)) == (200, 3)
    fewer = operator.post(ADD, entered(rows, do="remove-0"))
    (left,) = fewer.context["table"].forms
    assert (left["begins"].value(), left["limit"].value()) == ("19:00", "32")
    assert fewer.context["form"]["name"].value() == "By day"
    assert "errorlist" not in fewer.content.decode()
    for nonsense in ("remove-99", "remove-x", "remove-", "whatever"):
        assert len(operator.post(ADD, entered(rows, do=nonsense)).context["table"].forms) == 2
    assert not ChargingProfile.objects.exists()


def test_what_belongs_to_a_rhythm_is_asked_with_it(operator, entered):
    shown = operator.post(ADD, entered([("7:00", "16")], rhythm="weekly", do="show")).context
    assert "day" in shown["table"].forms[0].fields
    shown = operator.post(ADD, entered([("7:00", "16")], rhythm="once", do="show")).context
    assert {"starts_at"} <= set(shown["form"].fields)
    assert "follows_clock" not in shown["form"].fields


def test_nonsense_of_the_table_s_size_breaks_nothing(operator, entered):
    for size in ("x", "-1", "9" * 30, ""):
        form = {**entered([("7:00", "16")]), "periods-TOTAL_FORMS": size}
        assert operator.post(ADD, form).status_code == 422
        assert operator.post(ADD, {**form, "do": "add"}).status_code == 200


@override_settings(TIME_ZONE="Europe/Berlin")
def test_a_stored_profile_comes_back_as_it_was_entered(operator, entered):
    operator.post(ADD, entered([("7:00", "16"), ("19:30", "32", "3")]))
    profile = ChargingProfile.objects.get()
    response = operator.get(edit_url(profile))
    rows = [
        (form["begins"].value(), form["limit"].value(), form["phases"].value()) for form in response.context["table"]
    ]
    assert rows == [("7:00", 16, ""), ("19:30", 32, 3)]
    before = profile.changed_at
    operator.post(edit_url(profile), entered([("7:00", "10")]))
    profile.refresh_from_db()
    assert profile.periods == [{"start": 0, "limit": "10.0"}]
    assert profile.changed_at > before


def test_a_copy_is_a_new_one(operator):
    profile = make_profile("Night", notes="x")
    response = operator.get(f"{ADD}?copy={profile.pk}")
    assert response.context["form"]["name"].value() == "Copy of Night"
    assert len(response.context["table"].forms) == 2
    assert operator.get(f"{ADD}?copy=999").status_code == 404
    assert operator.get(f"{ADD}?copy=x").status_code == 404


def test_the_library_is_changed_by_those_of_all_sites(operator, local, entered):
    profile = make_profile()
    for client in (local, browser("viewer")):
        assert client.get(f"/profiles/{profile.pk}/").status_code == 200
        assert client.post(ADD, entered([("0:00", "16")], name="x")).status_code == 403
        assert client.post(edit_url(profile), entered([("0:00", "16")])).status_code == 403
        assert client.post(f"/profiles/{profile.pk}/archive/").status_code == 403
    assert ChargingProfile.objects.get().periods == profile.periods


def test_an_archived_one_is_not_edited_and_comes_back(operator, station):
    profile = make_profile()
    operator.post(f"/profiles/{profile.pk}/archive/")
    assert operator.get(edit_url(profile)).status_code == 404
    assert operator.get("/profiles/").context["rows"] == []
    assert [row for row, _text in operator.get("/profiles/?archived=yes").context["rows"]] == [profile]
    other = make_profile("by day")
    operator.post(f"/profiles/{profile.pk}/restore/")
    profile.refresh_from_db()
    assert profile.archived_at is not None
    other.delete()
    operator.post(f"/profiles/{profile.pk}/restore/")
    profile.refresh_from_db()
    assert profile.archived_at is None


def test_the_list_counts_the_chargers_that_the_reader_sees(operator, local, station, elsewhere):
    profile = make_profile()
    for charger in (station, elsewhere):
        give(charger, profile)
    give(station, profile, 1, state="cleared", number=8)
    counts = [client.get("/profiles/").context["rows"][0][0].held for client in (operator, local)]
    assert counts == [2, 1]
    page = local.get(f"/profiles/{profile.pk}/").content.decode()
    assert f"/chargers/{station.pk}/" in page
    assert f"/chargers/{elsewhere.pk}/" not in page


def test_an_empty_library_says_what_it_is_for(operator):
    html = operator.get("/profiles/").content.decode()
    assert "There is no charging profile yet." in html
    assert operator.get("/profiles/?q=nothing").content.decode().count("No profile matches.") == 1


def test_who_changed_what_is_remembered(operator, entered):
    from auditlog.models import LogEntry

    profile = make_profile()
    operator.post(edit_url(profile), entered([("7:00", "10")], name="Renamed"))
    entry = LogEntry.objects.get_for_object(profile).first()
    assert entry.actor.username == "operator"
    assert {"name", "periods"} <= set(entry.changes)
