"""Every address of the screens, by role: a new one without a row in `tests/pages.py` fails here."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from people.models import Membership
from people.roles import Role
from stations.models import RegistrationStatus, Site
from transactions.models import MeterValue

from ..admin_cast import make_everything
from ..pages import PAGES, ROLES, Row, address, url_names
from ..people import browser, browser_of, holder, person_at

pytestmark = [pytest.mark.django_db, pytest.mark.long]

NO_PERMISSION, NOT_FOUND, LOGIN = 403, 404, "/login/"
ACTS = [name for name, row in PAGES.items() if row.method == "post"]


class House:
    """One row of everything at each of two sites, and somebody of each role; the site's operator works at the first."""

    def __init__(self) -> None:
        self.here, self.elsewhere = self._examples(1), self._examples(2)
        site = Site.objects.get(pk=self.here["site"])
        self.people = {
            "A": browser("administrator"),
            "O": browser("operator"),
            "V": browser("viewer"),
            "S": browser_of(person_at("operator", site)),
            "H": browser_of(holder(self.rows["transactions.idtag"], username="tag holder")),
            "N": Client(),
        }

    def _examples(self, number: int) -> dict[str, Any]:
        from jobs.models import Job

        self.rows = rows = make_everything(number)
        station, tag, transaction = (
            rows[name] for name in ("stations.chargepoint", "transactions.idtag", "transactions.transaction")
        )
        station.registration_status = RegistrationStatus.ACCEPTED
        station.save()
        tag.site = station.site
        tag.save()
        transaction.started_at = timezone.now() - timedelta(minutes=1)
        transaction.save()
        signed = [{"value": "OCMF|{}|{}", "format": "SignedData", "measurand": "Energy.Active.Import.Register"}]
        reading = MeterValue.objects.create(
            connector=transaction.connector, transaction=transaction, timestamp=transaction.started_at, samples=signed
        )
        own = {"station": station, "site": station.site, "transaction": transaction, "tag": tag}
        others = {
            "group": "transactions.idtaggroup",
            "unknown": "transactions.unknownidtag",
            "stop": "transactions.orphanedstop",
            "command": "stations.command",
            "batch": "stations.commandbatch",
            "message": "stations.message",
            "reservation": "transactions.reservation",
            "firmware": "transfers.firmwarefile",
            "update": "transfers.firmwareupdate",
            "campaign": "transfers.campaign",
            "file": "transfers.stationfile",
            "certificate": "certificates.stationcertificate",
            "signing_request": "certificates.signingrequest",
            "root_certificate": "certificates.rootcertificate",
            "installed_certificate": "certificates.installedcertificate",
            "security_upgrade": "certificates.securityupgrade",
            "profile": "charging_profiles.chargingprofile",
            "assignment": "charging_profiles.assignment",
        }
        job = Job.objects.create(kind="none", title="Nothing", owner=None, language="en")
        found = {**own, **{name: rows[label] for name, label in others.items()}, "reading": reading, "job": job}
        keys = {name: row.pk for name, row in found.items()}
        somebody = User.objects.create_user(f"somebody {number}")
        return {**keys, "person": somebody.pk, "person_key": f"name-{tag.holder}"}


@pytest.fixture
def house() -> House:
    return House()


def ask(client: Client, row: Row, url: str) -> Any:
    return getattr(client, row.method)(url)


def test_every_page_has_a_row() -> None:
    assert url_names() == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_who_may_open_it(house: House, name: str) -> None:
    row = PAGES[name]
    url = address(name, house.here)
    for role in ROLES:
        response = ask(house.people[role], row, url)
        found = response.status_code
        to_login = response.headers.get("Location", "").startswith(LOGIN)
        if role in row.may:
            # what exists and is allowed may still be refused for its contents (422, 400) or not be there any more (404)
            assert found in (200, 302, 204, 400, 404, 422), (role, url, found)
            assert found in (200, 302) or row.method == "post" or row.is_file, (role, url, found)
            assert not to_login or name == "logout", (role, url)
            if found == 200 and role != "N":  # somebody else may use this browser next
                assert "no-store" in response.headers.get("Cache-Control", ""), url
        elif role == "N":
            assert (found, to_login) == (302, True), (role, url)
        else:
            assert found == row.refusal, (role, url, found)


@pytest.mark.parametrize("name", [name for name, row in PAGES.items() if row.about])
def test_what_is_elsewhere_or_nowhere_is_not_found(house: House, name: str) -> None:
    row = PAGES[name]
    missing: Any = uuid.uuid4() if isinstance(house.here[row.about], uuid.UUID) else 987_654_321
    response = ask(house.people[row.may[0]], row, address(name, {**house.here, row.about: missing}))
    assert response.status_code == NOT_FOUND
    if row.is_of_site:
        response = ask(house.people["S"], row, address(name, house.elsewhere))
        assert response.status_code == (NOT_FOUND if "S" in row.may else row.refusal)


@pytest.mark.parametrize("name", ACTS)
def test_what_changes_something_is_not_done_by_a_link(house: House, name: str) -> None:
    client = house.people[PAGES[name].may[0]]
    url = address(name, house.here)
    assert client.get(url).status_code == 405
    suspicious = Client(enforce_csrf_checks=True)
    suspicious.cookies = client.cookies
    assert suspicious.post(url).status_code == NO_PERMISSION


def test_a_role_that_is_taken_away_is_gone_with_the_next_click(house: House) -> None:
    client = house.people["S"]
    url = address("charger_edit", house.here)
    assert client.get(url).status_code == 200
    Membership.objects.update(role=Role.VIEWER)
    assert client.get(url).status_code == NO_PERMISSION
    Membership.objects.all().delete()
    assert client.get(address("charger", house.here)).status_code == NO_PERMISSION
