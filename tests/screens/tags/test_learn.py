"""Learn mode: the next tap on this charger fills the form, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from screens.tags.learn import Watch
from stations.models import ChargePoint, Connector, Message, Site
from transactions.authorization import judge
from transactions.learning import first_tap
from transactions.models import IdTag, UnknownIdTag

from ...conftest import make_station
from ...people import browser, browser_of, person, person_at
from ..chargers.pages import HOSTILE, text_of, words_of

LEARN = "/tags/learn/"
NOW = "2026-11-21T13:00:00Z"


def begin(client, identity="CP1"):
    """The page one is led to, with the moment it was opened in its address."""
    response = client.get(LEARN, {"charger": identity})
    assert response.status_code == 302, words_of(response)
    return response.url


def watching(station, ago=timedelta()):
    return f"{LEARN}?{urlencode({'watch': Watch(station.pk, timezone.now() - ago).signed()})}"


async def look(url, who="operator", **options: Any):
    return await sync_to_async(lambda: browser_of(person(who)).get(url, **options))()


# Through the gateway


async def test_an_unknown_card_fills_the_form_and_charges_nothing_until_it_is_added(cp, station, stored):
    url = await sync_to_async(lambda: begin(browser("operator")))()
    assert "Hold the card to CP1 now" in words_of(await look(url))
    answer = await cp.call("Authorize", idTag="04NEWCARD1")
    assert answer["idTagInfo"]["status"] == "Invalid"
    page = await stored(lambda: text_of(browser("operator").get(url)))
    assert "A new card" in page
    assert 'value="04NEWCARD1"' in page
    assert not await IdTag.objects.aexists()
    assert (await cp.call("Authorize", idTag="04NEWCARD1"))["idTagInfo"]["status"] == "Invalid"
    add = {"id_tag": "04NEWCARD1", "holder": "Ben"}
    await stored(lambda: browser("operator").post("/tags/add/?id_tag=04NEWCARD1", add))
    assert (await cp.call("Authorize", idTag="04NEWCARD1"))["idTagInfo"]["status"] == "Accepted"


async def test_a_known_card_says_whose_it_is(cp, tag, stored):
    url = await sync_to_async(lambda: begin(browser("operator")))()
    await cp.call("Authorize", idTag="cafe")
    page = await stored(lambda: browser("operator").get(url))
    assert "This card is known" in words_of(page)
    assert f'href="/tags/{tag.pk}/"' in text_of(page)
    assert "Anna" in words_of(page)
    assert 'name="id_tag"' not in text_of(page)


@pytest.mark.parametrize("log", ["all", "none"])
async def test_a_session_is_a_tap_too(cp, tag, stored, settings, log):
    settings.MESSAGE_LOG = log
    url = await sync_to_async(lambda: begin(browser("operator")))()
    at = timezone.now().isoformat()
    started = await cp.call("StartTransaction", connectorId=1, idTag="CAFE", meterStart=0, timestamp=at)
    assert "Anna" in words_of(await stored(lambda: browser("operator").get(url)))
    again = await sync_to_async(lambda: begin(browser("operator")))()
    assert "Hold the card" in words_of(await look(again))
    stop = {"transactionId": started["transactionId"], "idTag": "CAFE", "meterStop": 5, "timestamp": at}
    await cp.call("StopTransaction", **stop)
    assert "Anna" in words_of(await stored(lambda: browser("operator").get(again)))


async def test_what_a_charger_kept_while_offline_is_no_tap(cp, tag, stored):
    url = await sync_to_async(lambda: begin(browser("operator")))()
    long_ago = (timezone.now() - timedelta(days=1)).isoformat()
    await cp.call("StartTransaction", connectorId=1, idTag="CAFE", meterStart=0, timestamp=long_ago)
    assert "Hold the card" in words_of(await stored(lambda: browser("operator").get(url)))


async def test_only_this_charger_and_only_from_now_on(cp, connect, stored):
    await stored(lambda: make_station("CP2"))
    other = await connect("CP2")
    await cp.call("Authorize", idTag="BEFORE")
    await stored(lambda: None)
    url = await sync_to_async(lambda: begin(browser("operator")))()
    await other.call("Authorize", idTag="ELSEWHERE")
    assert "Hold the card to CP1 now" in await stored(lambda: words_of(browser("operator").get(url)))
    await cp.call("Authorize", idTag="FIRST")
    await cp.call("Authorize", idTag="SECOND")
    assert 'value="FIRST"' in await stored(lambda: text_of(browser("operator").get(url)))


# The page alone


@pytest.fixture
def bay(db):
    return Connector.objects.create(
        charge_point=ChargePoint.objects.create(identity="CP1", name="Bay 03", registration_status="Accepted"),
        connector_id=1,
    ).charge_point


def tap(station, number="04NEW", at=None):
    return UnknownIdTag.objects.create(id_tag=number, charge_point=station, count=1, last_at=at or timezone.now())


def test_a_charger_is_chosen_by_name_or_identity(bay):
    client = browser("operator")
    assert 'value="CP1"' in text_of(client.get(LEARN))
    for name in ("bay 03", "cp1"):
        assert "Hold the card to Bay 03 now" in words_of(client.get(begin(client, name)))
    assert "There is no such charger." in words_of(client.get(LEARN, {"charger": "nowhere"}))


def test_it_looks_by_itself_and_by_a_button(bay):
    url = watching(bay)
    page = text_of(browser("operator").get(url))
    assert f'data-on="station:{bay.pk} tags"' in page
    assert f'class="btn" href="{url}"' in page
    part = browser("operator").get(url, headers={"HX-Request": "true", "HX-Target": "learn"})
    assert text_of(part).startswith('<section id="learn"')
    tap(bay)
    assert "data-on" not in text_of(browser("operator").get(url)).partition("<main")[2].partition("</main>")[0]


def test_it_gives_up_after_two_minutes(bay):
    url = watching(bay, timedelta(minutes=2, seconds=1))
    tap(bay)  # too late
    words = words_of(browser("operator").get(url))
    assert "No card was read" in words
    assert "Within two minutes no card was held to Bay 03" in words


def test_a_tap_in_time_is_found_later_too(bay):
    tap(bay, at=timezone.now() - timedelta(minutes=9))
    assert "A new card" in words_of(browser("operator").get(watching(bay, timedelta(minutes=10))))


def test_a_charger_that_is_away_is_said_to_be(bay):
    assert "not connected at the moment" in words_of(browser("operator").get(watching(bay)))


def test_both_spellings_are_offered(bay):
    url = watching(bay)
    tap(bay, "1234ABCD_998877")
    page = text_of(browser("operator").get(url))
    assert 'value="1234ABCD_998877"' in page
    assert 'href="/tags/add/?id_tag=1234ABCD"' in page


def test_one_that_is_too_long_cannot_be_entered(bay):
    url = watching(bay)
    tap(bay, "x" * 30)
    assert "This card cannot be entered" in words_of(browser("operator").get(url))


@pytest.mark.parametrize(("archived", "word"), [(False, "Blocked"), (True, "Archived")])
def test_a_known_card_that_may_not_charge_says_so(bay, archived, word):
    IdTag.objects.create(id_tag="04NEW", holder="Ben", blocked=True, archived_at=timezone.now() if archived else None)
    url = watching(bay)
    tap(bay)
    assert f"Ben 04NEW {word}" in words_of(browser("operator").get(url))


def test_another_site_s_holder_is_not_named(bay):
    here, there = Site.objects.create(name="Here"), Site.objects.create(name="There")
    ChargePoint.objects.update(site=here)
    IdTag.objects.create(id_tag="04NEW", holder="Ben", site=there)
    url = watching(bay)
    tap(bay)
    words = words_of(browser_of(person_at("operator", here)).get(url))
    assert "This card belongs to another site" in words
    assert "Ben" not in words


def test_who_may_learn_and_where(bay):
    here, there = Site.objects.create(name="Here"), Site.objects.create(name="There")
    ChargePoint.objects.update(site=here)
    url = watching(bay)
    assert browser("viewer").get(LEARN).status_code == browser("viewer").get(url).status_code == 403
    assert browser("holder").get(url).status_code == 403
    stranger = browser_of(person_at("operator", there))
    assert stranger.get(url).status_code == 404
    assert "There is no such charger." in words_of(stranger.get(LEARN, {"charger": "CP1"}))
    tap(bay)
    page = text_of(browser_of(person_at("operator", here)).get(url))
    assert f'<option value="{here.pk}" selected>' in page


@pytest.mark.parametrize("watch", ["", "nonsense", "WzEsMF0:1:2", "\0"])
def test_a_moment_that_we_did_not_sign_begins_anew(bay, watch):
    response = browser("operator").get(LEARN, {"watch": watch})
    assert (response.status_code, response.headers.get("Location")) == (302, LEARN)


@pytest.mark.parametrize(
    "text",
    [
        "[2]",
        "{}",
        "nonsense",
        '[2,"1","Authorize",{"idTag":7}]',
        '[2,"1","Authorize",{"idTag":""}]',
        '[2,"1","Authorize",{"idTag":"a\\u0000b"}]',
        '[2,"1","Authorize",{"idTag":"\\ud800"}]',
        "[" * 50_000,
    ],
)
def test_a_frame_that_names_no_card_is_passed_over(bay, text):
    since = timezone.now() - timedelta(seconds=5)
    at = timezone.now()
    Message.objects.create(charge_point=bay, at=at, direction="in", kind=2, action="Authorize", text=text)
    assert first_tap(bay, since, timezone.now()) is None


def test_hostile_numbers_stay_words(bay):
    url = watching(bay)
    tap(bay, HOSTILE)
    assert "<svg/" not in text_of(browser("operator").get(url))
    assert judge(HOSTILE, at=timezone.now()).status == "Invalid"
