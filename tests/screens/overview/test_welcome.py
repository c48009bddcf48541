"""Welcome: the address, who calls, why somebody is refused, and the simulator for those without a charger."""

from __future__ import annotations

import pytest
from django.utils import timezone

from screens.overview import trial
from stations.models import ChargePoint, ConnectionAttempt
from transactions.models import UnknownIdTag

from ...people import browser_of, person, person_at

pytestmark = pytest.mark.django_db


def page(who: str = "administrator") -> str:
    return browser_of(person(who)).get("/welcome/", HTTP_HOST="192.168.1.20:8000").content.decode()


@pytest.fixture(autouse=True)
def _any_host(settings):
    settings.ALLOWED_HOSTS = ["*"]


def test_the_address_is_the_one_the_browser_used():
    assert "ws://192.168.1.20:8000/ocpp/" in page()


@pytest.mark.parametrize(
    ("reason", "words", "fix"),
    [
        ("no_identity", "no charger id in the address", "Add the charger&#x27;s id to the end of the address"),
        ("wrong_password", "wrong password", "Type the same password"),
        ("subprotocol", "offers no supported protocol", "OCPP 1.6 JSON"),
    ],
)
def test_a_refused_charger_is_told_why_and_what_to_do(reason, words, fix):
    ConnectionAttempt.objects.create(
        reason=reason, path="/ocpp", remote_address="192.168.1.57", status_code=404, offered="ocpp2.0.1"
    )
    shown = page()
    assert words in shown
    assert fix in shown
    assert "ocpp2.0.1" in shown


def test_old_attempts_are_not_news():
    long_ago = timezone.now() - timezone.timedelta(hours=1)
    ConnectionAttempt.objects.create(
        reason="unknown", path="/ocpp/X", remote_address="192.168.1.57", status_code=404, last_at=long_ago
    )
    assert "192.168.1.57" not in page()


def test_hostile_words_of_a_stranger_are_only_words():
    ConnectionAttempt.objects.create(
        reason="unknown", path="/ocpp/<svg/onload=alert(1)>", remote_address="x", status_code=404, offered="<b>" * 80
    )
    shown = page()
    assert "<svg/onload" not in shown
    assert "<b><b>" not in shown


def test_the_first_unknown_card_has_a_button():
    station = ChargePoint.objects.create(identity="BAY-1", last_seen_at=timezone.now())
    UnknownIdTag.objects.create(id_tag="CAFE_123", charge_point=station)
    shown = page()
    assert "/tags/add/?id_tag=CAFE_123" in shown
    assert '/tags/add/?id_tag=CAFE"' in shown


def test_somebody_of_one_site_has_no_business_here(house):
    assert browser_of(person_at("operator", house.site)).get("/welcome/").status_code == 403


class Started:
    """Stands in for the process of the simulator."""

    commands: list[list[str]] = []

    def __init__(self, command, **_options):
        self.commands.append(command)
        self.returncode = None

    def poll(self):
        return self.returncode

    def terminate(self):
        self.returncode = 0


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setattr(trial.subprocess, "Popen", Started)
    monkeypatch.setattr(trial, "_process", None)
    Started.commands = []
    return Started.commands


def test_the_simulator_calls_this_server_and_waits_for_approval(started, settings):
    settings.PORT = 8123
    anna = browser_of(person("administrator"))
    anna.post("/welcome/simulator/")
    anna.post("/welcome/simulator/")
    assert len(started) == 1
    assert "ws://127.0.0.1:8123/ocpp/" in started[0]
    assert ChargePoint.objects.get(identity=trial.IDENTITY).registration_status == "Pending"
    assert "The simulated charger is running." in anna.get("/welcome/").content.decode()
    anna.post("/welcome/simulator/", {"stop": "1"})
    assert not trial.is_running()


def test_who_may_not_add_chargers_cannot_start_it(started):
    viewer = browser_of(person("viewer"))
    assert "simulator" not in viewer.get("/welcome/").content.decode()
    assert viewer.post("/welcome/simulator/").status_code == 403
    assert started == []
