"""What a second reader found: each of these went wrong before."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from people.models import Membership, Preferences
from screens.live.viewer import session_key_of
from stations import changes, presence
from stations.models import ChargePoint, GatewayProcess, Message, Site
from transactions.models import IdTag, PowerRecord, UnknownIdTag

from ..conftest import make_station
from ..people import PASSWORD, browser, browser_of, holder, person, person_at


@pytest.mark.parametrize("foreign", ['prefs={"a":1}', "a[b=1", "x=a b", "broken"])
def test_a_strange_cookie_of_another_application_does_not_hide_the_session(foreign: str) -> None:
    """A page that is logged in, whose line says it is not, would load itself again and again."""
    for cookies in ([f"{foreign}; sessionid=abcdefgh"], [foreign, "sessionid=abcdefgh"]):
        assert session_key_of([(b"cookie", value.encode()) for value in cookies]) == "abcdefgh"
    assert session_key_of([(b"cookie", foreign.encode())]) == ""


class Listener:
    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.rang = threading.Event()

    def __call__(self, topics: frozenset[str]) -> None:
        self.heard |= topics
        self.rang.set()


@pytest.fixture
def listener(settings: Any):
    settings.REDIS_URL = ""
    listener = Listener()
    changes.attach(listener)
    yield listener
    changes.detach(listener)
    for thread in threading.enumerate():
        if thread.name == "changes":
            thread.join(5)


def test_a_bell_without_a_thread_rings_with_the_next_change(listener: Listener, monkeypatch) -> None:
    def start(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        changes.note_committed(["station:1"])
    changes.note_committed(["station:2"])
    assert listener.rang.wait(5)
    assert listener.heard == {"station:1", "station:2"}


def test_a_bell_without_an_event_loop_rings_with_the_next_change(listener: Listener, monkeypatch) -> None:
    gave_up = threading.Event()
    give_up = changes._give_up

    def run(work: Any) -> None:
        work.close()
        raise OSError(24, "Too many open files")

    def noticed(error: Exception) -> None:
        give_up(error)
        gave_up.set()

    with monkeypatch.context() as patched:
        patched.setattr(changes.asyncio, "run", run)
        patched.setattr(changes, "_give_up", noticed)
        changes.note_committed(["station:1"])
        assert gave_up.wait(5)
    changes.note_committed(["station:2"])
    assert listener.rang.wait(5)
    assert listener.heard == {"station:1", "station:2"}


@pytest.fixture
def held(db: None) -> ChargePoint:
    return make_station("BAY", gateway=GatewayProcess.objects.create(channel="c", host="h", pid=1), connection="1")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], str]]:
    """Topics, and the charger's line as whoever hears of them finds it: the clock's jobs are in no transaction."""
    found: list[tuple[tuple[str, ...], str]] = []
    monkeypatch.setattr(changes, "note", lambda *topics: found.append((topics, ChargePoint.objects.get().connection)))
    return found


def test_whoever_hears_that_a_process_has_gone_finds_its_chargers_offline(held, found) -> None:
    presence.stop_process(held.gateway_id)
    assert found == [((f"station:{held.pk}",), "")]


def test_whoever_hears_that_a_line_has_ended_finds_it_ended(held, found) -> None:
    assert presence.disconnect(held.pk, "1", at=timezone.now())
    assert found == [((f"station:{held.pk}",), "")]


def test_a_viewers_overview_masks_the_numbers_of_unknown_tags(db: None) -> None:
    station, soon = make_station("BAY"), timezone.now() + timedelta(minutes=1)  # of today, whenever that begins
    UnknownIdTag.objects.create(id_tag="04A1B2C3D4E5F2", charge_point=station, first_at=soon, last_at=soon)
    page = browser("viewer").get("/").content.decode()
    assert "04A1…F2" in page
    assert "04A1B2C3D4E5F2" not in page
    assert "Add…" not in page
    page = browser("operator").get("/").content.decode()
    assert "04A1B2C3D4E5F2" in page
    assert "Add…" in page


def test_a_viewer_reads_no_full_number_in_a_chargers_messages(db: None) -> None:
    station = make_station("BAY")
    text = '[2,"17","Authorize",{"idTag":"04A1B2C3D4E5F2"}]'
    Message.objects.create(charge_point=station, at=timezone.now(), direction="in", kind=2, text=text)
    secret = '[2,"18","ChangeConfiguration",{"key":"AuthorizationKey","value":"0011223344556677"}]'
    Message.objects.create(charge_point=station, at=timezone.now(), direction="out", kind=2, text=secret)
    page = browser("viewer").get(f"/chargers/{station.pk}/?tab=messages").content.decode()
    assert "04A1…F2" in page
    assert "04A1B2C3D4E5F2" not in page
    page = browser("operator").get(f"/chargers/{station.pk}/?tab=messages").content.decode()
    assert "04A1B2C3D4E5F2" in page
    assert "0011223344556677" not in page


@pytest.mark.parametrize("path", ["/tags/", "/tags/unknown/"])
def test_a_viewer_finds_no_masked_number_letter_by_letter(db: None, path: str) -> None:
    station, now, number = make_station("BAY"), timezone.now(), "04A1B2C3D4E5F2"
    if path == "/tags/":
        IdTag.objects.create(id_tag=number, holder="Anna")
    else:
        UnknownIdTag.objects.create(id_tag=number, charge_point=station, first_at=now, last_at=now)

    def finds(who: str, text: str) -> int:
        return len(browser(who).get(path, {"q": text}).context["rows"])

    assert finds("operator", "A1B2C3") == 1
    assert finds("viewer", "A1B2C3") == 0
    assert finds("viewer", number.lower()) == 1


def test_the_overviews_row_of_chargers_without_a_site_leads_to_them(db: None, monkeypatch) -> None:
    monkeypatch.setattr("screens.overview.overview.MOST_TILES", 0)
    station = make_station("LONELY")
    make_station("OTHER", site=Site.objects.create(name="Garage"))
    station.connectors.create(connector_id=1)
    viewer = browser("viewer")
    row = viewer.get("/").content.decode().partition("without a site")[0]
    link = row.rpartition('href="')[2].partition('"')[0]
    chargers = viewer.get(link).context["rows"]
    assert [row.station.identity for row in chargers] == ["LONELY"]


def test_who_works_at_one_site_is_not_sent_to_a_page_for_all_sites(db: None) -> None:
    garage = Site.objects.create(name="Garage")
    of_garage = browser_of(person_at("operator", garage))
    assert of_garage.get("/welcome/").status_code == 403
    for path in ("/chargers/", "/chargers/add/"):
        assert "/welcome/" not in of_garage.get(path).content.decode()
        assert "/welcome/" in browser("operator").get(path).content.decode()


def test_a_lost_card_is_on_record_under_its_holders_name(db: None) -> None:
    card = IdTag.objects.create(id_tag="04A1F2", holder="Anna", note="blue")
    anna = holder(card, username="anna")
    LogEntry.objects.all().delete()
    browser_of(anna).post(f"/mine/cards/{card.pk}/lost/")
    entry = LogEntry.objects.get_for_object(card).get()
    assert entry.actor == anna
    assert entry.changes["blocked"] == ["False", "True"]
    card.refresh_from_db()
    assert card.note.startswith("blue\nReported lost by anna")


def test_a_person_with_roles_at_many_sites_costs_no_more_queries(db: None) -> None:
    anna, administrator = User.objects.create(username="anna"), browser("administrator")
    administrator.get("/people/")
    counts = []
    for number in range(12):
        site = Site.objects.create(name=f"Garage {number:02}")
        Membership.objects.create(user=anna, site=site, role="Viewers")
        with CaptureQueriesContext(connection) as queries:
            page = administrator.get(f"/people/{anna.pk}/").content.decode()
        counts.append(len(queries))
        assert f'<option value="{site.pk}" selected>{site.name}</option>' in page
    assert counts[0] == counts[-1]


def test_the_days_power_is_drawn_in_the_readers_zone(db: None) -> None:
    viewer = person("viewer")
    Preferences.objects.create(user=viewer, time_zone="Asia/Kolkata")
    make_station("BAY")
    soon = timezone.now() + timedelta(minutes=1)  # of the day of the page, whenever that begins
    PowerRecord.objects.create(at=soon, power_w=11_000)
    page = browser_of(viewer).get("/")
    assert page.context["power_chart"]["data"]["zone"] == "Asia/Kolkata"


def test_the_days_power_is_labelled_in_the_readers_language(db: None) -> None:
    make_station("BAY")
    PowerRecord.objects.create(at=timezone.now() + timedelta(minutes=1), power_w=11_000)
    page = browser_of(person("viewer")).get("/", headers={"Accept-Language": "de"})
    data = page.context["power_chart"]["data"]
    assert (data["label"], data["series"][0]["label"]) == ("Zeit", "Leistung")


@pytest.mark.parametrize("path", ["/", "/welcome/"])
def test_many_chargers_that_wait_cost_no_more_queries(db: None, path: str) -> None:
    make_station("BAY")
    sites = [Site.objects.create(name=f"Garage {number}") for number in range(2)]
    operator, counts = browser("operator"), []
    operator.get(path)
    for number in range(8):
        ChargePoint.objects.create(identity=f"NEW-{number}", registration_status="Pending", last_seen_at=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            page = operator.get(path).content.decode()
        counts.append(len(queries))
        assert page.count(f'<option value="{sites[1].pk}">Garage 1</option>') == number + 1
        assert page.count('<option value="" selected>No site</option>') == number + 1
    assert counts[0] == counts[-1]


class TestAdministration:
    """An administrator who is no superuser does not become one by the administration's pages."""

    @pytest.fixture
    def root(self, db: None) -> User:
        return User.objects.create_superuser("root", password=PASSWORD)

    def test_a_superusers_password_is_not_theirs_to_set(self, root: User) -> None:
        typed = {"password1": "another long one 17", "password2": "another long one 17", "usable_password": "true"}
        assert browser("administrator").post(f"/admin/auth/user/{root.pk}/password/", typed).status_code == 403
        root.refresh_from_db()
        assert root.check_password(PASSWORD)
        browser_of(root).post(f"/admin/auth/user/{person('administrator').pk}/password/", typed)
        assert person("administrator").check_password("another long one 17")

    def test_nor_is_the_superuser_theirs_to_delete(self, root: User) -> None:
        delete = {"action": "delete_selected", "_selected_action": root.pk, "post": "yes"}
        administrator = browser("administrator")
        assert administrator.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
        administrator.post("/admin/auth/user/", delete)
        assert User.objects.filter(pk=root.pk).exists()

    @pytest.mark.parametrize("who", ["administrator", "root"])
    def test_only_a_superuser_makes_one(self, root: User, who: str) -> None:
        anna = User.objects.create(username="anna")
        client = browser_of(root) if who == "root" else browser(who)
        form = client.get(f"/admin/auth/user/{anna.pk}/change/").context["adminform"].form
        empty = {f"memberships-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
        typed = {"username": "anna", "is_superuser": "on", "is_active": "on", "date_joined_0": "2026-01-01"}
        assert "is_superuser" in form.fields if who == "root" else "is_superuser" not in form.fields
        answer = client.post(f"/admin/auth/user/{anna.pk}/change/", {**typed, "date_joined_1": "00:00", **empty})
        assert answer.status_code == 302
        anna.refresh_from_db()
        assert anna.is_superuser is (who == "root")


@pytest.mark.django_db
def test_a_charger_that_was_moved_does_not_name_its_former_site():
    from django.urls import reverse

    former, now = Site.objects.create(name="Secret yard"), Site.objects.create(name="Garage")
    root = User.objects.create(username="mover", is_superuser=True, is_staff=True)
    station = make_station("MOVED-1", site=former)
    edit = {"name": "", "site": now.pk, "notes": "", "minimum_security_profile": 0, "recipe_mode": ""}
    browser_of(root).post(reverse("screens:charger_edit", args=[station.pk]), edit)
    station.refresh_from_db()
    assert station.site == now
    page = browser_of(person_at("operator", now)).get(f"/chargers/{station.pk}/?tab=history").content.decode()
    assert "Secret yard" not in page
    assert "Secret yard" in browser_of(root).get(f"/chargers/{station.pk}/?tab=history").content.decode()
