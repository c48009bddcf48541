"""A tag's page, and the form of a new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from screens.tags.forms import TagForm
from transactions import listed_tags
from transactions.models import IdTag, IdTagGroup, LocalList

from ...people import browser, browser_of, person_at
from ..chargers.pages import HOSTILE, text_of, words_of
from ..old_page import sent_by
from .counting import queries_of

pytestmark = pytest.mark.django_db
ADD = "/tags/add/"


def page_of(tag):
    return f"/tags/{tag.pk}/"


def saved(client, tag, **values):
    fields = {"holder": tag.holder, "site": tag.site_id or "", **values}
    return client.post(page_of(tag), fields, follow=True)


def test_the_page_says_what_is_known(house, anna):
    bay = house.charger("BAY-1", name="Bay 01")
    house.session(bay, tag=anna)
    words = words_of(browser("operator").get(page_of(anna)))
    for expected in ("Anna", "04A1B2C3D4E5F2", "Accepted", "Bay 01", "6.42", "Garage", "any number", "running"):
        assert expected in words
    assert "No charger keeps a local list." in words


def test_every_field_is_saved(house, anna, yard):
    fleet, person = IdTagGroup.objects.create(parent_id_tag="FLEET"), User.objects.create_user("anna")
    saved(
        browser("administrator"),
        anna,
        holder="Änne",
        group="fleet",
        site=yard.pk,
        expires_at="2027-12-31T18:00",
        max_concurrent="2",
        blocked="on",
        user="anna",
        note="lost",
    )
    anna.refresh_from_db()
    assert (anna.holder, anna.group, anna.site, anna.max_concurrent) == ("Änne", fleet, yard, 2)
    assert (anna.blocked, anna.user, anna.note, anna.id_tag) == (True, person, "lost", "04A1B2C3D4E5F2")
    assert timezone.localtime(anna.expires_at).year == 2027


def test_what_is_not_offered_stays(house, anna):
    anna.user = User.objects.create_user("anna")
    anna.save()
    response = browser("operator").get(page_of(anna))
    assert "Account" not in words_of(response)
    saved(browser("operator"), anna, user="", holder="Anne")
    anna.refresh_from_db()
    assert (anna.holder, anna.user.username) == ("Anne", "anna")


def test_seconds_of_an_end_survive_a_save(anna):
    anna.expires_at = datetime(2027, 12, 31, 22, 59, 59, tzinfo=UTC)
    anna.save()
    client = browser("operator")
    shown = client.get(page_of(anna)).context["form"]["expires_at"]
    saved(client, anna, expires_at=shown.field.widget.format_value(shown.value()))
    assert IdTag.objects.get().expires_at == anna.expires_at


def test_the_end_of_all_years_is_shown(anna, settings):
    settings.TIME_ZONE = "Pacific/Kiritimati"
    IdTag.objects.update(expires_at=datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    for url in ("/tags/", page_of(anna)):
        assert browser("operator").get(url).status_code == 200


def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(anna):
    response = saved(browser("operator"), anna, holder="Anne", group="nowhere", note="typed")
    assert response.status_code == 422
    words = text_of(response)
    assert "There is no such group." in words
    assert "typed" in words
    assert 'value="nowhere"' in words
    assert words_of(response).count("Anna")  # facts are what is stored
    assert IdTag.objects.get().holder == "Anna"


@pytest.mark.parametrize(
    ("action", "then"),
    [("block", (True, False)), ("unblock", (False, False)), ("archive", (False, True)), ("restore", (False, False))],
)
def test_one_press(anna, action, then):
    if action == "unblock":
        IdTag.objects.update(blocked=True)
    if action == "restore":
        IdTag.objects.update(archived_at=timezone.now())
    response = browser("operator").post(f"{page_of(anna)}{action}/", follow=True)
    tag = IdTag.objects.get()
    assert (tag.blocked, tag.archived_at is not None) == then
    assert response.redirect_chain == [(page_of(anna), 302)]
    opposite = "unblock" if tag.blocked else "block"
    assert f'<form method="post" action="{page_of(anna)}{opposite}/"' in text_of(response)


def test_an_old_page_does_not_lift_a_block(anna):
    client = browser("operator")
    shown = text_of(client.get(page_of(anna)))
    assert 'name="initial-blocked" value="False"' in shown
    client.post(f"{page_of(anna)}block/")  # somebody else, meanwhile
    saved(client, anna, holder="Anne", **{"initial-blocked": "False"})
    assert (IdTag.objects.get().holder, IdTag.objects.get().blocked) == ("Anne", True)
    saved(client, anna, **{"initial-blocked": "True"})
    assert not IdTag.objects.get().blocked


def test_an_old_page_takes_back_nothing_that_somebody_else_has_entered(anna):
    """Which its fields still show as they were: the end of a card, what its holder reported, whose it is."""
    client, fleet = browser("administrator"), IdTagGroup.objects.create(parent_id_tag="FLEET")
    old_page = sent_by(client.get(page_of(anna)), "holder")
    person = User.objects.create_user("anna")
    end = datetime(2027, 12, 31, 18, tzinfo=UTC)
    IdTag.objects.update(expires_at=end, max_concurrent=1, note="Reported lost", group=fleet, user=person)
    saved(client, anna, **{**old_page, "holder": "Anne"})
    anna.refresh_from_db()
    assert anna.holder == "Anne"
    assert (anna.expires_at, anna.max_concurrent, anna.note) == (end, 1, "Reported lost")
    assert (anna.group, anna.user) == (fleet, person)
    new_page = sent_by(client.get(page_of(anna)), "holder")
    saved(client, anna, **{**new_page, "expires_at": "", "max_concurrent": "", "group": ""})
    anna.refresh_from_db()
    assert (anna.expires_at, anna.max_concurrent, anna.group, anna.note) == (None, None, None, "Reported lost")


def test_the_history_says_that_data_was_given_out_and_not_that_something_changed(anna):
    client = browser("administrator")
    response = client.post(f"{page_of(anna)}data/", {"export": "1"})
    assert b"".join(response.streaming_content)
    history = words_of(client.get(page_of(anna))).rpartition("History")[2]
    assert "Personal data exported" in history
    assert "Changed" not in history


def test_a_tag_of_somebody_who_may_not_log_in_any_more_is_changed(anna):
    """And stays theirs."""
    anna.user = User.objects.create_user("anna", is_active=False)
    anna.save()
    client = browser("administrator")
    assert saved(client, anna, **{**sent_by(client.get(page_of(anna)), "holder"), "note": "kept"}).status_code == 200
    anna.refresh_from_db()
    assert (anna.note, anna.user.username) == ("kept", "anna")


@pytest.mark.parametrize("key", ["999", "2147483648", "9223372036854775808", "99999999999999999999999"])
def test_what_is_not_there_is_not_found(anna, key):
    client = browser("administrator")
    for url in (f"/tags/{key}/", f"/tags/groups/{key}/"):
        assert client.get(url).status_code == 404
    for url in (f"/tags/{key}/block/", f"/tags/groups/{key}/block/", f"/tags/unknown/{key}/ignore/"):
        assert client.post(url).status_code == 404


def test_who_may_do_what(house, anna, yard):
    viewer, here, there = browser("viewer"), *(person_at("operator", site) for site in (house.site, yard))
    assert 'name="holder"' not in text_of(viewer.get(page_of(anna)))
    assert "04A1B2C3D4E5F2" not in text_of(viewer.get(page_of(anna)))
    for url in (page_of(anna), f"{page_of(anna)}block/"):
        assert viewer.post(url, {"holder": "X"}).status_code == 403
        assert browser_of(there).post(url, {"holder": "X"}).status_code in (403, 404)
        assert browser("holder").post(url).status_code == 403
    assert browser_of(there).get(page_of(anna)).status_code == 404
    saved(browser_of(here), anna, holder="Anne")
    assert IdTag.objects.get().holder == "Anne"
    assert browser("operator").post(f"{page_of(anna)}explode/").status_code == 400
    assert browser("operator").get(f"{page_of(anna)}block/").status_code == 405


def test_a_tag_stays_with_the_sites_of_whoever_keeps_it(house, anna, yard):
    client = browser_of(person_at("operator", house.site))
    for site in (yard.pk, ""):
        assert saved(client, anna, site=site).status_code == 422
    assert IdTag.objects.get().site == house.site


def test_groups_of_other_sites_cannot_be_joined(house, anna, yard):
    theirs = IdTagGroup.objects.create(parent_id_tag="THEIRS")
    IdTag.objects.create(id_tag="Y1", site=yard, group=theirs)
    ours = IdTagGroup.objects.create(parent_id_tag="OURS")
    IdTag.objects.create(id_tag="G1", site=house.site, group=ours)
    client = browser_of(person_at("operator", house.site))
    assert "THEIRS" not in text_of(client.get(page_of(anna)))
    assert saved(client, anna, group="THEIRS").status_code == 422
    saved(client, anna, group="ours")
    anna.refresh_from_db()
    assert anna.group == ours


def test_where_a_tag_stands_on_local_lists(house, anna):
    listed_tags.refresh(timezone.now())
    now = listed_tags.current().number
    for name, state, revision in (("OK", "up_to_date", now), ("LATE", "pending", now - 1), ("NO", "refused", None)):
        station = house.charger(name).charge_point
        LocalList.objects.create(charge_point=station, state=state, revision=revision, reason="answer", detail="Failed")
    LocalList.objects.create(charge_point=house.charger("OFF").charge_point)
    words = words_of(browser("operator").get(page_of(anna)))
    assert "1 of 3 chargers that keep a list know this tag as it is." in words
    assert "The charger answered Failed." in words
    IdTag.objects.update(blocked=True)  # the lists' own copy follows within half a minute
    assert "0 of 3 chargers" in words_of(browser("operator").get(page_of(anna)))


def test_the_history_names_people_and_values(house, anna, yard):
    saved(browser("operator"), anna, site=yard.pk, blocked="on", expires_at="2027-12-31T18:00")
    words = words_of(browser("operator").get(page_of(anna)))
    assert "Changed by operator" in words
    assert "Blocked: no → yes" in words
    assert "Managed at site: Garage → Yard" in words
    assert "Added" in words


def test_the_history_names_no_site_to_those_of_another(house, anna, yard):
    saved(browser("operator"), anna, site=yard.pk)
    words = words_of(browser_of(person_at("operator", yard)).get(page_of(anna)))
    assert "Managed at site: – → changed" in words
    assert "Garage" not in words


def test_hostile_words_stay_words(house, anna):
    saved(browser("operator"), anna, holder=HOSTILE, note=HOSTILE)
    assert "<svg/" not in text_of(browser("operator").get(page_of(anna)))


def test_the_number_of_queries_does_not_grow(house, anna):
    client = browser_of(person_at("operator", house.site))
    grow(house, anna, range(3))
    few = queries_of(client, page_of(anna))
    grow(house, anna, range(3, 25))
    assert queries_of(client, page_of(anna)) == few
    assert few < 30


def grow(house, tag, numbers):
    for number in numbers:
        bay = house.charger(f"BAY-{number}")
        house.session(bay, tag=tag, started_at=timezone.now() - timedelta(hours=number))
        LocalList.objects.create(charge_point=bay.charge_point, state="pending")
        tag.note = str(number)
        tag.save()


# A new one


def test_a_tag_is_added(house):
    response = browser("operator").post(ADD, {"id_tag": " NEW1 ", "holder": "Ben", "site": ""}, follow=True)
    tag = IdTag.objects.get()
    assert (tag.id_tag, tag.holder) == ("NEW1", "Ben")
    assert response.redirect_chain == [(page_of(tag), 302)]
    assert "Ben (NEW1) was saved." in words_of(response)


def test_an_unknown_tag_s_form_is_filled_in(house):
    response = browser("operator").get(f"{ADD}?id_tag=%20NEW1&site={house.site.pk}")
    assert 'value=" NEW1"' in response.content.decode()
    browser("operator").post(f"{ADD}?id_tag=%20NEW1", {"id_tag": " NEW1", "site": house.site.pk})
    assert IdTag.objects.get().id_tag == " NEW1"  # a reader said it with a blank, so it is its number


def test_the_form_in_the_sheet_and_as_a_page(house):
    client = browser("operator")
    assert "<html" in text_of(client.get(ADD))
    in_sheet = {"HX-Request": "true", "HX-Target": "sheet"}
    fragment = client.get(ADD, headers=in_sheet)
    assert "<html" not in text_of(fragment)
    assert 'hx-target="#sheet"' in text_of(fragment)
    refused = client.post(ADD, {"id_tag": ""}, headers=in_sheet)
    assert (refused.status_code, "<html" in text_of(refused)) == (422, False)
    done = client.post(ADD, {"id_tag": "NEW1"}, headers=in_sheet)
    assert done.headers["HX-Redirect"] == page_of(IdTag.objects.get())


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("04a1b2c3d4e5f2", "There is already a tag with this number: Anna (04A1B2C3D4E5F2)."),
        (" 04A1B2C3D4E5F2 ", "There is already a tag with this number"),
        ("x" * 21, "at most 20 characters"),
        ("   ", "Give the tag’s number."),
        ("", "This field is required."),
    ],
)
def test_an_unusable_number_is_refused(anna, number, sentence):
    response = browser("operator").post(ADD, {"id_tag": number})
    assert response.status_code == 422
    assert sentence in words_of(response)
    assert IdTag.objects.count() == 1


def test_an_archived_number_is_not_entered_twice(anna):
    IdTag.objects.update(archived_at=timezone.now())
    assert "Restore it instead." in words_of(browser("operator").post(ADD, {"id_tag": anna.id_tag}))


def test_another_site_s_holder_is_not_named(anna, yard):
    response = browser_of(person_at("operator", yard)).post(ADD, {"id_tag": anna.id_tag, "site": yard.pk})
    assert "belongs to a tag of another site" in words_of(response)
    assert "Anna" not in words_of(response)


def test_two_people_add_one_number_at_once(house, monkeypatch):
    IdTag.objects.create(id_tag="NEW1")
    monkeypatch.setattr(TagForm, "clean_id_tag", lambda form: form.cleaned_data["id_tag"])
    monkeypatch.setattr(IdTag, "validate_constraints", lambda tag, exclude=None: None)
    response = browser("operator").post(ADD, {"id_tag": "NEW1"})
    assert response.status_code == 422
    assert "There is already a tag with this number." in words_of(response)


def test_who_may_add(house, yard):
    assert browser("viewer").get(ADD).status_code == 403
    assert browser("viewer").post(ADD, {"id_tag": "X"}).status_code == 403
    client = browser_of(person_at("operator", yard))
    assert client.post(ADD, {"id_tag": "X", "site": house.site.pk}).status_code == 422
    client.post(ADD, {"id_tag": "X", "site": yard.pk})
    assert IdTag.objects.get().site == yard


@pytest.mark.parametrize("query", ["id_tag=%00", "site=abc", f"id_tag={'x' * 300}", "site=99999999999999999999"])
def test_an_odd_address_opens_the_form(house, query):
    assert browser("operator").get(f"{ADD}?{query}").status_code == 200
