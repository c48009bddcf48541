"""What is done with the ticked chargers."""

from __future__ import annotations

import csv
import io

import pytest
from django.utils import timezone

from stations import credentials
from stations.models import ChargePoint, Command, CommandBatch, Site, StationModel, TemplateKey

from ...people import browser, browser_of, person_at
from .pages import words_of

pytestmark = pytest.mark.django_db
URL = "/chargers/selected/"


@pytest.fixture
def stations(house):
    return [house.charger(identity).charge_point for identity in ("ONE", "TWO")]


def do(client, deed, *stations, **more):
    return client.post(URL, {"do": deed, "stations": [station.pk for station in stations], **more}, follow=True)


def queued():
    rows = Command.objects.order_by("charge_point__identity", "created_at")
    return [(row.charge_point.identity, row.action, row.actor) for row in rows]


def test_chargers_are_approved_and_rejected(stations):
    ChargePoint.objects.update(registration_status="Pending", accepted_at=None)
    page = do(browser("operator"), "approve", *stations)
    assert "Done for 2 chargers." in words_of(page)
    assert set(ChargePoint.objects.values_list("registration_status", flat=True)) == {"Accepted"}
    do(browser("operator"), "reject", stations[0])
    assert ChargePoint.objects.get(identity="ONE").registration_status == "Rejected"
    assert ChargePoint.objects.get(identity="TWO").registration_status == "Accepted"


def test_chargers_are_archived_and_restored(stations):
    do(browser("operator"), "archive", *stations)
    assert not ChargePoint.objects.filter(archived_at=None).exists()
    do(browser("operator"), "restore", stations[0])
    assert list(ChargePoint.objects.filter(archived_at=None)) == [stations[0]]


def test_configurations_are_read_and_brought_in_line(stations):
    model = StationModel.objects.create(vendor="", model="")
    TemplateKey.objects.create(station_model=model, key="A", value="1")
    do(browser("operator"), "read-configuration", *stations)
    do(browser("operator"), "apply-template", stations[0])
    assert queued() == [
        ("ONE", "GetConfiguration", "operator"),
        ("ONE", "ChangeConfiguration", "operator"),
        ("TWO", "GetConfiguration", "operator"),
    ]


def test_passwords_are_rotated_each_for_itself(stations):
    for station in stations:
        credentials.generate_key(station)
    do(browser("operator"), "rotate-password", *stations)
    values = [command.payload["value"] for command in Command.objects.all()]
    assert (len(values), len(set(values))) == (2, 2)
    page = do(browser("operator"), "rotate-password", *stations)
    assert "under way" in words_of(page)
    assert Command.objects.count() == 2


def test_an_archived_charger_takes_no_commands(stations):
    ChargePoint.objects.filter(pk=stations[0].pk).update(archived_at=timezone.now())
    page = do(browser("operator"), "read-configuration", *stations)
    assert "is archived" in words_of(page)
    assert [identity for identity, *_rest in queued()] == ["TWO"]


def test_the_ticked_ones_are_exported(stations):
    response = browser("viewer").post(URL, {"do": "export-csv", "stations": [stations[1].pk]})
    text = b"".join(response.streaming_content).decode()
    assert [row["identity"] for row in csv.DictReader(io.StringIO(text))] == ["TWO"]


@pytest.mark.parametrize("deed", ["approve", "reject", "archive", "read-configuration", "rotate-password"])
def test_a_viewer_does_nothing(stations, deed):
    before = list(ChargePoint.objects.order_by("pk").values())
    assert do(browser("viewer"), deed, *stations).status_code == 403
    assert list(ChargePoint.objects.order_by("pk").values()) == before
    assert not Command.objects.exists()


def test_other_sites_are_left_alone(house, stations):
    ChargePoint.objects.filter(pk=stations[1].pk).update(site=Site.objects.create(name="Yard"))
    do(browser_of(person_at("operator", house.site)), "archive", *stations)
    assert [row.identity for row in ChargePoint.objects.exclude(archived_at=None)] == ["ONE"]


def test_nothing_ticked_changes_nothing(stations):
    assert "Nothing was changed." in words_of(do(browser("operator"), "archive"))
    assert do(browser("operator"), "archive", more="x").status_code == 200
    assert ChargePoint.objects.filter(archived_at=None).count() == 2


def test_nonsense_is_refused(stations):
    assert do(browser("operator"), "format-disk", *stations).status_code == 400
    response = browser("operator").post(URL, {"do": "archive", "stations": ["x", "-1", "9" * 40]}, follow=True)
    assert "Nothing was changed." in words_of(response)


def test_it_is_a_post_with_a_token(stations):
    assert browser("operator").get(URL).status_code == 405
    client = browser("operator", enforce_csrf_checks=True)
    assert do(client, "archive", *stations).status_code == 403
    assert ChargePoint.objects.filter(archived_at=None).count() == 2


def test_the_way_back_never_leaves_the_site(stations):
    response = browser("operator").post(URL, {"do": "archive", "next": "https://evil.example/"})
    assert response.url == "/chargers/"


def test_a_command_goes_to_all_that_are_ticked(stations):
    keys = [station.pk for station in stations]
    page = browser("operator").post("/chargers/send/", {"stations": keys, "command": "Reset"})
    assert page.status_code == 200
    assert page.context["keys"] == ",".join(map(str, keys))
    assert not CommandBatch.objects.exists()
