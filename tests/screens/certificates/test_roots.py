"""The library of roots: added by administrators, installed by whoever may send commands."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from certificates.models import RootCertificate
from stations.models import Command, Site

from ...certificates.cast import make_installed, make_root
from ...certificates.pki import CA
from ...conftest import make_station
from ...people import browser, browser_of, person_at
from ..chargers.pages import text_of

pytestmark = pytest.mark.django_db
ADD = "/certificates/roots/add/"


def entered(**changed):
    return {"name": "Vendor", "use": "ManufacturerRootCertificate", **changed}


def test_a_root_is_added_from_a_file_or_as_text(db):
    client = browser("administrator")
    first, second = CA("One").pem, CA("Two").pem
    client.post(ADD, entered(file=SimpleUploadedFile("root.crt", first.encode())))
    client.post(ADD, entered(name="Second", pem=second))
    assert list(RootCertificate.objects.order_by("name").values_list("name", "created_by__username")) == [
        ("Second", "administrator"),
        ("Vendor", "administrator"),
    ]
    again = client.post(ADD, entered(pem=first))
    assert (again.status_code, "stored already" in text_of(again)) == (422, True)


@pytest.mark.parametrize("pem", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"])
def test_what_is_no_root_stays_in_the_form(db, pem):
    answer = browser("administrator").post(ADD, entered(pem=pem))
    assert answer.status_code == 422
    assert b"Vendor" in answer.content
    assert not RootCertificate.objects.exists()


def test_operators_use_the_library_and_do_not_change_it(rows):
    client = browser("operator")
    root = rows["certificates.rootcertificate"]
    assert client.get(ADD).status_code == 403
    assert client.post(f"/certificates/roots/{root.pk}/archive/").status_code == 403
    assert client.get(f"/certificates/roots/{root.pk}/").status_code == 200


def test_a_root_is_archived_and_comes_back(rows):
    client, root = browser("administrator"), rows["certificates.rootcertificate"]
    client.post(f"/certificates/roots/{root.pk}/archive/")
    assert "archived_at" in LogEntry.objects.get_for_object(root).latest("pk").changes
    assert client.get("/certificates/roots/").context["rows"].count() == 0
    assert client.get("/certificates/roots/?archived=yes").context["rows"].count() == 1
    client.post(f"/certificates/roots/{root.pk}/archive/", {"restore": "yes"})
    assert client.get("/certificates/roots/").context["rows"].count() == 1


def test_a_root_is_sent_to_the_chosen_chargers_of_the_readers_sites(station):
    elsewhere = make_station("FAR-1", site=Site.objects.create(name="Elsewhere"))
    holder = make_station("HAS-1", site=station.site)
    root = make_root()
    make_installed(holder, root)
    client = browser_of(person_at("operator", station.site))
    page = client.get(f"/certificates/roots/{root.pk}/")
    assert [str(row.charge_point) for row in page.context["holders"]] == ["HAS-1"]
    assert [str(row) for row in page.context["form"].fields["stations"].queryset] == ["BAY-1"]
    url = f"/certificates/roots/{root.pk}/install/"
    client.post(url, {"stations": [station.pk, elsewhere.pk]})
    assert not Command.objects.exists(), "one of them is not the reader's"
    shown = client.post(url, {"stations": [station.pk]}, follow=True)
    command = Command.objects.get()
    assert (command.charge_point, command.action, command.actor) == (
        station,
        "InstallCertificate",
        "operator of Garage",
    )
    assert "Sent to 1 charger." in text_of(shown)


def test_an_archived_root_is_offered_no_more(station):
    root = make_root(archived_at=timezone.now())
    client = browser("operator")
    assert client.get(f"/certificates/roots/{root.pk}/").context["form"] is None
    shown = client.post(f"/certificates/roots/{root.pk}/install/", {"stations": [station.pk]}, follow=True)
    assert "archived" in text_of(shown)
    assert not Command.objects.exists()
