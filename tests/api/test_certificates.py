"""Certificates, requests, roots and security upgrades over REST: what is read, what is done, who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from certificates.models import RootCertificate, SecurityUpgrade, SigningRequest, StationCertificate
from stations.models import ChargePoint, Command

from ..certificates.cast import make_all, make_certificate, make_request, make_root
from ..certificates.pki import CA, pem_of, request
from ..conftest import make_station
from .conftest import make_key, program

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def station() -> ChargePoint:
    return make_station(serial_number="SN-1")


@pytest.fixture
def rows(station: ChargePoint) -> dict[str, Any]:
    return make_all(1, station)


def post(client: Any, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1/{path}/", body, content_type=JSON)


@pytest.mark.parametrize(
    "path",
    ["certificates", "signing-requests", "root-certificates", "installed-certificates", "security-upgrades"],
)
def test_lists_and_rows_are_read(reader, rows, path):
    listed = reader.get(f"/api/v1/{path}/").json()["results"]
    assert len(listed) == 1
    assert reader.get(f"/api/v1/{path}/{listed[0]['id']}/").json() == listed[0]
    if path != "root-certificates":
        assert listed[0]["charge_point"] == "CP1"
        assert reader.get(f"/api/v1/{path}/?charge_point=nobody").json()["results"] == []


def test_no_list_asks_for_each_row(reader, station, django_assert_max_num_queries):
    for number in range(5):
        make_request(station)
        make_root(number)
    for path in ("signing-requests", "root-certificates"):
        with django_assert_max_num_queries(8):
            assert len(reader.get(f"/api/v1/{path}/").json()["results"]) == 5


@pytest.mark.parametrize("ordering", ["last_used_at", "-last_used_at"])
def test_pages_by_last_use_hold_those_never_used_too(reader, station, ordering):
    used_at = [None, None, None, timezone.now() - timedelta(days=1), timezone.now()]
    made = [make_certificate(station, number, last_used_at=at).pk for number, at in enumerate(used_at)]
    seen: list[int] = []
    url = f"/api/v1/certificates/?page_size=2&ordering={ordering}"
    while url:
        answer = reader.get(url)
        assert answer.status_code == 200, answer.content
        page = answer.json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert seen == (made if ordering == "last_used_at" else made[::-1])


def test_an_upgrade_explains_itself(reader, rows):
    row = reader.get("/api/v1/security-upgrades/").json()["results"][0]
    assert (row["profile"], row["state"], row["is_open"]) == (2, "waiting", True)
    assert "did not take the root certificate" in row["explanation"]
    assert [step["step"] for step in row["steps"]] == ["check", "password", "root"]


def test_the_ca_is_shown_without_its_key(reader):
    shown = reader.get("/api/v1/certificate-authority/").json()
    assert (shown["problem"], shown["can_sign"]) == ("", True)
    assert "PRIVATE" not in shown["certificate"]


def test_a_certificate_is_revoked_once(administrator, rows, problem):
    pk = rows["certificates.stationcertificate"].pk
    answer = post(administrator, f"certificates/{pk}/revoke", revocation="replaced")
    assert (answer.status_code, answer.json()["is_revoked"], answer.json()["revocation"]) == (200, True, "replaced")
    problem(post(administrator, f"certificates/{pk}/revoke"), 409)
    assert StationCertificate.objects.get().revoked_by == "administrator"
    assert len(administrator.get("/api/v1/certificates/?revoked=true").json()["results"]) == 1
    assert administrator.get("/api/v1/certificates/?revoked=false").json()["results"] == []


def test_a_request_is_signed(administrator, station, problem):
    row = make_request(station, pem=request("SN-1"))
    answer = post(administrator, f"signing-requests/{row.pk}/sign")
    assert (answer.status_code, answer.json()["state"]) == (200, "signed")
    assert administrator.get(f"/api/v1/certificates/{answer.json()['certificate']}/").json()["is_ours"] is True
    problem(post(administrator, f"signing-requests/{row.pk}/sign"), 409)


def test_a_request_is_refused(administrator, station, problem):
    row = make_request(station)
    assert post(administrator, f"signing-requests/{row.pk}/refuse").json()["state"] == "refused"
    problem(post(administrator, f"signing-requests/{row.pk}/refuse"), 409)


def test_what_was_signed_elsewhere_must_fit(administrator, station, problem):
    row = make_request(station, pem=request("SN-1"))
    stranger = pem_of(CA().sign("SN-1"))
    assert "another key" in str(problem(post(administrator, f"signing-requests/{row.pk}/upload", pem=stranger), 400))
    problem(post(administrator, f"signing-requests/{row.pk}/upload", pem="x"), 400)
    row.refresh_from_db()
    assert row.state == SigningRequest.State.WAITING


def test_a_root_is_stored_installed_and_archived(administrator, station, problem):
    body = {"name": "Vendor", "use": "ManufacturerRootCertificate", "pem": pem_of(CA().certificate)}
    answer = post(administrator, "root-certificates", **body)
    assert answer.status_code == 201, answer.content
    pk = answer.json()["id"]
    assert "stored already" in str(problem(post(administrator, "root-certificates", **body), 400))
    sent = post(administrator, f"root-certificates/{pk}/install", charge_point="cp1")
    assert (sent.status_code, sent.json()["action"]) == (202, "InstallCertificate")
    problem(post(administrator, f"root-certificates/{pk}/install", charge_point="nobody"), 400)
    assert post(administrator, f"root-certificates/{pk}/archive").json()["archived_at"]
    problem(post(administrator, f"root-certificates/{pk}/install", charge_point="CP1"), 409)
    assert RootCertificate.objects.get(pk=pk).created_by.username == "administrator"


def test_a_station_is_asked_and_told(administrator, rows):
    asked = post(administrator, "charge-points/CP1/read-certificates")
    assert (asked.status_code, [command["action"] for command in asked.json()]) == (
        202,
        ["GetInstalledCertificateIds"] * 2,
    )
    told = post(administrator, f"installed-certificates/{rows['certificates.installedcertificate'].pk}/remove")
    assert (told.status_code, told.json()["action"]) == (202, "DeleteCertificate")
    assert Command.objects.count() == 3


def test_an_upgrade_is_begun_and_steered(administrator, station, settings, problem):
    assert "TLS" in problem(post(administrator, "security-upgrades", charge_point="CP1", profile=2), 409)["detail"]
    settings.PUBLIC_URL = "https://charge.example.org"
    begun = post(administrator, "security-upgrades", charge_point="CP1", profile=2)
    assert (begun.status_code, begun.json()["state"], begun.json()["actor"]) == (
        202,
        "running",
        "API key administrator admin",
    )
    problem(post(administrator, "security-upgrades", charge_point="CP1", profile=1), 409)
    url = f"security-upgrades/{begun.json()['id']}"
    problem(post(administrator, f"{url}/carry-on"), 409)
    assert post(administrator, f"{url}/cancel").json()["state"] == "cancelled"
    problem(post(administrator, f"{url}/cancel"), 409)
    problem(post(administrator, "security-upgrades", charge_point="CP1", profile=7), 400)


def test_an_upgrade_that_waits_is_carried_on(administrator, rows):
    upgrade = rows["certificates.securityupgrade"]
    answer = post(administrator, f"security-upgrades/{upgrade.pk}/carry-on")
    assert (answer.json()["state"], answer.json()["step"]) == ("running", "operator")


@pytest.mark.parametrize(
    "path",
    [
        *("certificates/{certificate}/revoke", "signing-requests/{request}/sign", "signing-requests/{request}/refuse"),
        *("signing-requests/{request}/upload", "root-certificates", "root-certificates/{root}/archive"),
        *("root-certificates/{root}/install", "installed-certificates/{installed}/remove", "security-upgrades"),
        *("security-upgrades/{upgrade}/cancel", "charge-points/CP1/read-certificates"),
    ],
)
def test_who_only_reads_changes_nothing(rows, problem, path):
    keys = {
        "certificate": rows["certificates.stationcertificate"].pk,
        "request": rows["certificates.signingrequest"].pk,
        "root": rows["certificates.rootcertificate"].pk,
        "installed": rows["certificates.installedcertificate"].pk,
        "upgrade": rows["certificates.securityupgrade"].pk,
    }
    viewer, narrow = program(make_key("admin", "viewer")), program(make_key("read", "administrator"))
    for client in (viewer, narrow):
        problem(post(client, path.format(**keys)), 403)
    assert not Command.objects.exists()
    assert SecurityUpgrade.objects.get().is_open
