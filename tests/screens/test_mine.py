"""My charging: one's own cards and sessions, starting and stopping, and nothing of anybody else."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import get_resolver
from django.utils import timezone
from openpyxl import load_workbook

from people.models import Preferences
from stations.models import Command, Connector, GatewayProcess, Site
from transactions.models import IdTag, IdTagGroup, MeterValue, Transaction

from ..admin_cast import make_everything, make_transaction
from ..conftest import make_station
from ..people import browser, browser_of, holder, person, person_at

pytestmark = pytest.mark.django_db

MINE, SESSIONS, CARDS, START = "/mine/", "/mine/sessions/", "/mine/cards/", "/mine/start/"


@pytest.fixture
def site():
    return Site.objects.create(name="Garage North", holders_may_start=True)


@pytest.fixture
def gateway():
    return GatewayProcess.objects.create(channel="c", host="h", pid=1)


def make_outlet(site, gateway, identity="BAY", status="Available", **fields) -> Connector:
    """A connector whose charger is online unless `gateway` is None."""
    line = {"gateway": gateway, "connection": "1", "connected_at": timezone.now()} if gateway else {}
    station = make_station(identity, site=site, **{**line, **fields})
    return Connector.objects.create(charge_point=station, connector_id=1, status=status, status_at=timezone.now())


@pytest.fixture
def outlet(site, gateway):
    return make_outlet(site, gateway)


@pytest.fixture
def card():
    return IdTag.objects.create(id_tag="04A1F2", holder="Anna")


@pytest.fixture
def anna(card):
    return holder(card, username="anna")


@pytest.fixture
def client(anna):
    return browser_of(anna)


def session(outlet, card, ago=timedelta(0), **fields) -> Transaction:
    return make_transaction(outlet, card, timezone.now() - ago - timedelta(hours=2), **fields)


def open_session(outlet, card, **fields) -> Transaction:
    running = {"stopped_at": None, "meter_stop_wh": None, "stop_reason": "", "ended_by": ""}
    return session(outlet, card, **running, **fields)


def wish(outlet, card, key="k1", **more) -> dict:
    return {"connector": outlet.pk, "tag": card.pk, "sending-idempotency_key": key, **more}


def text(client, address=MINE) -> str:
    return client.get(address).content.decode()


# What one sees


def test_own_sessions_and_nobody_elses(client, outlet, card):
    other = IdTag.objects.create(id_tag="BEEF", holder="Ben", user=User.objects.create_user("ben"))
    mine, _foreign, _unknown = session(outlet, card), session(outlet, other), session(outlet, None)
    response = client.get(SESSIONS)
    assert [*response.context["rows"]] == [mine]
    page = response.content.decode()
    assert "04A1F2" in page
    assert "12.35" in page or "12.34" in page
    for foreign in ("BEEF", "Ben", "ben"):
        assert foreign not in page


def test_sums_are_of_the_whole_filter(client, outlet, card):
    for number in range(60):
        session(outlet, card, timedelta(minutes=number), energy_wh=1000)
    response = client.get(SESSIONS)
    assert len(response.context["rows"]) == 50
    assert (response.context["sums"].count, response.context["sums"].energy_wh) == (60, 60_000)
    assert "60.00" in response.content.decode()


def test_sessions_are_filtered_by_period_and_card(client, anna, outlet, card):
    second = IdTag.objects.create(id_tag="SECOND", user=anna)
    recent, old = session(outlet, card), session(outlet, card, timedelta(days=800))
    other_card = session(outlet, second)
    foreign = IdTag.objects.create(id_tag="BEEF")

    def found(query):
        return {*client.get(f"{SESSIONS}?{query}").context["rows"]}

    assert found("") == {recent, old, other_card}
    assert found("period=30_days") == {recent, other_card}
    assert found(f"card={card.pk}") == {recent, old}
    assert found(f"until={(timezone.localdate() - timedelta(days=100)).isoformat()}") == {old}
    assert found(f"card={foreign.pk}") == set()


def test_the_export_is_exactly_the_filter(client, outlet, card):
    other = IdTag.objects.create(id_tag="BEEF", holder="Ben")
    recent = session(outlet, card)
    session(outlet, card, timedelta(days=800))
    session(outlet, other)

    response = client.get(f"{SESSIONS}export/csv/?period=30_days")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert [row["transaction_id"] for row in rows] == [str(recent.pk)]
    assert (rows[0]["id_tag"], rows[0]["energy_kwh"]) == ("04A1F2", "12.345")

    sheet = load_workbook(io.BytesIO(client.get(f"{SESSIONS}export/xlsx/").getvalue())).worksheets[0]
    assert sheet.max_row == 3
    assert "BEEF" not in {cell.value for row in sheet.iter_rows() for cell in row}


def test_who_else_stopped_a_session_is_nobodys_business(client, outlet, card):
    session(outlet, card, stop_id_tag="BEEF")
    session(outlet, card, timedelta(days=1), stop_id_tag="04a1f2")
    rows = client.get(f"{SESSIONS}export/csv/?sort=start").getvalue().decode()
    assert "BEEF" not in rows
    assert "04a1f2" in rows


def test_an_unknown_format_is_refused(client):
    assert client.get(f"{SESSIONS}export/pdf/").status_code == 400


def test_the_running_session_is_shown_with_what_it_does(client, outlet, card):
    running = open_session(outlet, card, energy_wh=6420)
    MeterValue.objects.create(connector=outlet, transaction=running, timestamp=timezone.now(), power_w=11040)
    page = text(client)
    assert "6.42 kWh" in page
    assert "11.0 kW" in page
    assert f"/mine/sessions/{running.pk}/stop/" in page


def test_somebody_elses_running_session_only_makes_the_outlet_occupied(client, outlet):
    foreign = open_session(outlet, IdTag.objects.create(id_tag="BEEF", holder="Ben"), energy_wh=6420)
    Connector.objects.update(status="Charging")
    page = text(client)
    assert "Somebody charges here" in page
    for secret in ("BEEF", "Ben", "6.42", f"/{foreign.pk}/stop/"):
        assert secret not in page


def test_the_parts_of_the_page_come_alone(client, outlet, card):
    open_session(outlet, card)
    for part, words in (("running", "04A1F2"), ("wish", 'id="wish"'), ("list", "BAY")):
        page = client.get(MINE, headers={"hx-request": "true", "hx-target": part}).content.decode()
        assert words in page
        assert "<html" not in page


def test_chargers_of_sites_that_allow_it_are_shown_and_no_others(client, site, gateway, outlet):
    closed = Site.objects.create(name="Closed")
    make_outlet(closed, gateway, "HIDDEN")
    make_outlet(None, gateway, "NOWHERE")
    make_outlet(site, gateway, "PENDING", registration_status="Pending")
    make_outlet(site, gateway, "OLD", archived_at=timezone.now())
    page = text(client)
    assert "BAY" in page
    for name in ("HIDDEN", "NOWHERE", "PENDING", "OLD", "Closed"):
        assert name not in page


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("Charging", "Somebody charges here"),
        ("SuspendedEV", "Somebody charges here"),
        ("Faulted", "Out of order"),
        ("Unavailable", "Out of order"),
        ("Reserved", "Reserved for somebody"),
        ("Finishing", "Unplug the car"),
    ],
)
def test_where_nothing_can_be_started_the_reason_stands(client, outlet, card, status, reason):
    Connector.objects.update(status=status)
    page = text(client)
    assert reason in page
    assert START not in page
    response = client.post(START, wish(outlet, card), follow=True)
    assert reason in response.content.decode()
    assert not Command.objects.exists()


def test_an_offline_charger_says_so(client, site, card):
    outlet = make_outlet(site, None)
    assert "not connected" in text(client)
    client.post(START, wish(outlet, card))
    assert not Command.objects.exists()


def test_without_a_card_the_page_says_what_to_do():
    client = browser_of(User.objects.create_user("new"))
    assert "No card belongs to your account yet" in text(client)
    assert "No card belongs to your account yet" in text(client, CARDS)


def test_pages_cost_the_same_however_many_rows(client, anna, site, gateway, card, django_assert_max_num_queries):
    for number in range(10):
        outlet = make_outlet(site, gateway, f"BAY{number}")
        session(outlet, card)
        open_session(outlet, IdTag.objects.create(id_tag=f"C{number}", user=anna))
    for address in (MINE, SESSIONS, CARDS):
        with django_assert_max_num_queries(22):
            client.get(address)


def test_times_are_in_ones_own_zone(client, anna, outlet, card):
    at = timezone.now().replace(hour=20, minute=30)
    make_transaction(outlet, card, at - timedelta(days=2))
    Preferences.objects.create(user=anna, time_zone="Asia/Tokyo")
    assert "05:30" in text(client, SESSIONS)


# Starting and stopping


def test_a_start_is_a_command_and_is_followed(client, anna, outlet, card):
    page = client.post(START, wish(outlet, card), follow=True).content.decode()
    command = Command.objects.get()
    assert (command.action, command.charge_point) == ("RemoteStartTransaction", outlet.charge_point)
    assert command.payload == {"idTag": "04A1F2", "connectorId": 1}
    assert command.created_by == anna
    assert "Asking the charger" in page
    assert "every 2s" in page


def test_pressing_twice_starts_once(client, outlet, card):
    for _press in range(2):
        client.post(START, wish(outlet, card))
    client.post(START, wish(outlet, card, key="k2"))
    assert Command.objects.count() == 2


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"status": "accepted", "effect_status": "awaited"}, "plug in the car"),
        ({"status": "accepted", "effect_status": "seen"}, "Charging has started"),
        ({"status": "accepted", "effect_status": "missed"}, "No session started"),
        ({"status": "rejected"}, "The charger refused"),
        ({"status": "timed_out"}, "before you try again"),
        ({"status": "timed_out", "effect_status": "awaited"}, "before you try again"),
        ({"status": "timed_out", "effect_status": "seen"}, "Charging has started"),
        ({"status": "failed"}, "could not do it"),
        ({"status": "failed", "effect_status": "seen"}, "Charging has started"),
        ({"status": "undelivered"}, "not connected"),
        ({"status": "expired"}, "away for too long"),
        ({"status": "cancelled"}, "taken back"),
    ],
)
def test_what_became_of_it_is_said_in_words(client, outlet, card, columns, words):
    client.post(START, wish(outlet, card))
    Command.objects.update(**columns)
    page = text(client)
    assert words in page
    assert ("every 2s" in page) == (columns.get("effect_status") == "awaited")
    Command.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert words not in text(client)


def test_somebody_elses_wish_is_not_shown(client, outlet, card):
    client.post(START, wish(outlet, card))
    assert "Asking the charger" not in text(browser_of(holder(username="ben")))


@pytest.mark.parametrize("which", ["card", "outlet", "closed", "connector 0", "archived card", "nonsense"])
def test_what_is_not_ones_own_cannot_be_used(client, site, gateway, outlet, card, which):
    values = wish(outlet, card)
    match which:
        case "card":
            values["tag"] = IdTag.objects.create(id_tag="BEEF", user=User.objects.create_user("ben")).pk
        case "outlet":
            values["connector"] = make_outlet(Site.objects.create(name="Closed"), gateway, "X").pk
        case "closed":
            Site.objects.update(holders_may_start=False)
        case "connector 0":
            values["connector"] = Connector.objects.create(charge_point=outlet.charge_point, connector_id=0).pk
        case "archived card":
            IdTag.objects.update(archived_at=timezone.now())
        case "nonsense":
            values |= {"connector": "\0", "tag": "9223372036854775808"}
    assert client.post(START, values).status_code == 404
    assert not Command.objects.exists()


@pytest.mark.parametrize("why", ["blocked", "expired", "group blocked"])
def test_a_card_that_may_not_charge_starts_nothing(client, outlet, card, why):
    match why:
        case "blocked":
            IdTag.objects.update(blocked=True)
        case "expired":
            IdTag.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
        case "group blocked":
            IdTag.objects.update(group=IdTagGroup.objects.create(parent_id_tag="G", blocked=True))
    assert START not in text(client)
    page = client.post(START, wish(outlet, card), follow=True).content.decode()
    assert "This card may not charge" in page
    assert not Command.objects.exists()


def test_a_stop_is_a_command(client, outlet, card):
    running = open_session(outlet, card)
    response = client.post(f"/mine/sessions/{running.pk}/stop/", {"sending-idempotency_key": "k"})
    assert response.status_code == 302
    command = Command.objects.get()
    assert (command.action, command.payload) == ("RemoteStopTransaction", {"transactionId": running.pk})
    Command.objects.update(status="accepted", effect_status="seen")
    assert "The session has ended" in text(client)


def test_only_ones_own_running_session_can_be_stopped(client, outlet, card):
    foreign = open_session(outlet, IdTag.objects.create(id_tag="BEEF"))
    over = session(outlet, card)
    key = {"sending-idempotency_key": "k"}
    assert client.post(f"/mine/sessions/{foreign.pk}/stop/", key).status_code == 404
    page = client.post(f"/mine/sessions/{over.pk}/stop/", key, follow=True).content.decode()
    assert "has ended already" in page
    assert client.post("/mine/sessions/2147483648/stop/", key).status_code == 404
    assert not Command.objects.exists()


def test_where_the_site_does_not_allow_it_the_card_has_to_do(client, outlet, card):
    Site.objects.update(holders_may_start=False)
    running = open_session(outlet, card)
    page = text(client)
    assert "Stop it at the charger, with the card" in page
    assert "/stop/" not in page
    client.post(f"/mine/sessions/{running.pk}/stop/", {"sending-idempotency_key": "k"})
    assert not Command.objects.exists()


def test_starting_needs_post_and_token(anna, client, outlet, card):
    assert client.get(START).status_code == 405
    strict = browser_of(anna, enforce_csrf_checks=True)
    assert strict.post(START, wish(outlet, card)).status_code == 403
    assert not Command.objects.exists()


# Cards


def test_a_lost_card_is_blocked_and_its_note_says_by_whom(client, card):
    IdTag.objects.update(note="Spare key in the office")
    page = client.post(f"{CARDS}{card.pk}/lost/", follow=True).content.decode()
    card.refresh_from_db()
    assert card.blocked
    assert card.note.startswith("Spare key in the office\nReported lost by anna, ")
    assert "an operator can unblock it" in page
    assert f"{CARDS}{card.pk}/lost/" not in page


def test_a_card_is_reported_once(client, card):
    for _press in range(2):
        client.post(f"{CARDS}{card.pk}/lost/")
    card.refresh_from_db()
    assert card.note.count("Reported lost") == 1


def test_only_ones_own_card_can_be_reported(client):
    foreign = IdTag.objects.create(id_tag="BEEF", user=User.objects.create_user("ben"))
    assert client.post(f"{CARDS}{foreign.pk}/lost/").status_code == 404
    assert client.get(f"{CARDS}{foreign.pk}/lost/").status_code == 405
    foreign.refresh_from_db()
    assert not foreign.blocked
    assert "BEEF" not in text(client, CARDS)


# What is not for holders


def test_a_holder_gets_nothing_of_the_operators_pages(client):
    """Every address of the screens that takes no argument, and those with one by a row that exists."""
    rows = make_everything()
    own = {"jobs", "account", "login", "login_code", "logout", "password_change", "set_password", "overview"}
    own |= {"second_factor", "second_factor_codes", "second_factor_remove"}
    answered = {}
    for name, possible in get_resolver("screens.urls").reverse_dict.lists():
        if not isinstance(name, str) or name in own or name.startswith("mine"):
            continue
        for path, parameters in possible[0][0]:
            values = dict.fromkeys(parameters, rows["stations.chargepoint"].pk)
            try:
                address = "/" + path % values
            except (KeyError, ValueError):
                continue
            answered[address] = client.get(address).status_code
    assert len(answered) > 15
    allowed = {address: code for address, code in answered.items() if code not in (403, 404, 405)}
    assert allowed == {}


def test_the_operators_first_page_leads_holders_home(client):
    assert client.get("/")["Location"] == MINE


def test_a_holder_sees_no_way_to_the_operators_pages(client):
    page = text(client)
    for address in ("/chargers/", "/transactions/", "/tags/", "/reports/", "/commands/", "/people/", "/admin/"):
        assert f'href="{address}' not in page
    assert 'name="q"' not in page


def test_the_administration_and_rest_are_closed_to_holders(client):
    assert client.get("/admin/").status_code == 302
    assert client.get("/api/v1/transactions").status_code in (403, 404)


def test_operators_without_cards_have_no_use_for_these_pages(site):
    for someone in (browser("operator"), browser_of(person_at("viewer", site))):
        for address in (MINE, SESSIONS, CARDS, f"{SESSIONS}export/csv/"):
            assert someone.get(address).status_code == 403
        assert f'href="{MINE}"' not in text(someone, "/account/")


def test_an_operator_with_a_card_has_both(outlet):
    operator = person("operator")
    session(outlet, IdTag.objects.create(id_tag="OWN", user=operator))
    session(outlet, IdTag.objects.create(id_tag="OTHER"))
    client = browser_of(operator)
    assert [row.id_tag for row in client.get(SESSIONS).context["rows"]] == ["OWN"]
    assert client.get("/chargers/").status_code == 200
    assert f'href="{MINE}"' in text(client, "/account/")


@pytest.mark.parametrize(
    "query", ["q=%00", "site=abc", "card=%00", "since=0000-00-00", "since=9999-12-31", "period=x", "page=-1", "sort=x"]
)
def test_odd_queries_never_break_a_page(client, outlet, card, query):
    session(outlet, card)
    for address in (MINE, SESSIONS, CARDS):
        assert client.get(f"{address}?{query}").status_code == 200
