"""Certificates and requests: the calendar, revoking, signing here and elsewhere, by whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from certificates.models import SigningRequest, StationCertificate
from screens.certificates.calendar import MONTHS, months_of
from screens.overview.attention import concerns
from stations.models import Site

from ...certificates.cast import make_certificate, make_request, make_root
from ...certificates.pki import CA, pem_of, request
from ...people import browser, browser_of, person, person_at
from ..chargers.pages import text_of

pytestmark = pytest.mark.django_db


def test_the_calendar_counts_what_ends_in_each_month(station):
    now = timezone.localtime()
    make_certificate(station, 1, not_after=now + timedelta(hours=1))
    make_certificate(station, 2, not_after=now + timedelta(hours=2), revoked_at=now)
    make_certificate(station, 3, not_after=now - timedelta(days=1))
    make_certificate(station, 4, not_after=now + timedelta(days=3000))
    months = months_of(StationCertificate.objects.all())
    assert (len(months), sum(month.count for month in months)) == (MONTHS, 1)
    assert (months[0].is_now, months[0].first.day, months[1].first.day) == (True, 1, 1)
    assert [(one.last + timedelta(days=1)) for one in months[:-1]] == [month.first for month in months[1:]]


def test_certificates_without_an_end_are_shown(station, settings):
    """RFC 5280 writes that as 99991231235959Z, a moment that zones east of Greenwich do not have."""
    settings.TIME_ZONE = "Europe/Berlin"
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    certificate, root = make_certificate(station, not_after=never), make_root(not_after=never)
    client = browser("viewer")
    for page in ("", f"{certificate.pk}/", "roots/", f"roots/{root.pk}/"):
        assert "9999" in text_of(client.get(f"/certificates/{page}")), page
    for row in (certificate, root):
        url = reverse(f"admin:certificates_{row._meta.model_name}_change", args=[row.pk])
        assert "9999" in browser("administrator").get(url).content.decode(), url


def test_a_month_leads_to_its_certificates(station):
    soon = timezone.localtime() + timedelta(days=40)
    make_certificate(station, 1, subject="CN=ends soon", not_after=soon)
    make_certificate(station, 2, subject="CN=ends later", not_after=soon + timedelta(days=200))
    client = browser("viewer")
    month = next(month for month in months_of(StationCertificate.objects.all()) if month.count)
    shown = text_of(client.get(f"/certificates/?since={month.first}&until={month.last}"))
    assert "ends soon" in shown
    assert "ends later" not in shown


def test_states_can_be_told_apart(station):
    now = timezone.now()
    for number, (subject, columns) in enumerate(
        {
            "good": {},
            "soon": {"not_after": now + timedelta(days=5)},
            "gone": {"not_after": now - timedelta(days=5)},
            "taken back": {"revoked_at": now, "revocation": "lost"},
        }.items()
    ):
        make_certificate(station, number, subject=f"CN={subject}", **columns)
    client = browser("viewer")
    for state, subjects in {
        "valid": {"good", "soon"},
        "ending": {"soon"},
        "expired": {"gone"},
        "revoked": {"taken back"},
    }.items():
        found = {row.subject.removeprefix("CN=") for row in client.get(f"/certificates/?state={state}").context["rows"]}
        assert found == subjects, state


def test_a_certificate_is_revoked_with_a_reason(station):
    certificate = make_certificate(station)
    client = browser("operator")
    assert "Say why" in text_of(client.post(f"/certificates/{certificate.pk}/revoke/", follow=True))
    shown = client.post(f"/certificates/{certificate.pk}/revoke/", {"reason": "out_of_use"}, follow=True)
    certificate.refresh_from_db()
    assert (certificate.is_revoked, certificate.revocation, certificate.revoked_by) == (True, "out_of_use", "operator")
    assert "Revoked" in text_of(shown)
    assert b"revoke/" not in shown.content


def test_files_are_pem(rows):
    client = browser("viewer")
    for label, url, begins in (
        ("stationcertificate", "/certificates/{}/certificate.pem", "-----BEGIN CERTIFICATE-----"),
        ("signingrequest", "/certificates/requests/{}/request.pem", "-----BEGIN CERTIFICATE REQUEST-----"),
        ("rootcertificate", "/certificates/roots/{}/root.pem", "-----BEGIN CERTIFICATE-----"),
    ):
        answer = client.get(url.format(rows[f"certificates.{label}"].pk))
        assert answer.content.decode().startswith(begins)
        assert answer["Content-Disposition"].startswith('attachment; filename="plugcontrol-')
    assert client.get("/certificates/ca/ca.pem").content.startswith(b"-----BEGIN CERTIFICATE-----")


def test_the_ca_says_what_is_wrong_with_it(db, settings, tmp_path):
    broken = tmp_path / "ca.pem"
    broken.write_text("nonsense")
    settings.CA_CERTIFICATE = broken
    shown = browser("viewer").get("/certificates/ca/")
    assert "cannot be used" in text_of(shown)
    assert browser("viewer").get("/certificates/ca/ca.pem").status_code == 404


# Requests


def test_a_request_is_signed_by_hand(station):
    row = make_request(station, pem=request("another"), state="refused", problem="name", ended_at=timezone.now())
    client = browser("operator")
    assert "it names another charger" in text_of(client.get(f"/certificates/requests/{row.pk}/"))
    client.post(f"/certificates/requests/{row.pk}/sign/")
    row.refresh_from_db()
    assert (row.state, row.decided_by, row.certificate.charge_point) == ("signed", "operator", station)
    again = text_of(client.post(f"/certificates/requests/{row.pk}/sign/", follow=True))
    assert "decided on already" in again


def test_a_weak_key_is_signed_by_nobody(station):
    row = make_request(station, state="refused", problem="weak_key", ended_at=timezone.now())
    client = browser("administrator")
    assert b"sign/" not in client.get(f"/certificates/requests/{row.pk}/").content
    client.post(f"/certificates/requests/{row.pk}/sign/")
    row.refresh_from_db()
    assert (row.state, row.certificate) == ("refused", None)


def test_a_request_is_refused_by_hand(station):
    row = make_request(station)
    browser("operator").post(f"/certificates/requests/{row.pk}/refuse/")
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("refused", "operator")


def test_what_was_signed_elsewhere_is_uploaded(station, settings, tmp_path):
    ca = CA()
    path = tmp_path / "ca.pem"
    path.write_text(ca.pem)
    settings.CA_CERTIFICATE = path
    row = make_request(station, pem=request("SN-1"))
    client, url = browser("operator"), f"/certificates/requests/{row.pk}/"
    assert "The CA's key is not here" in text_of(client.get(url))
    wrong = client.post(f"{url}upload/", {"pem": pem_of(ca.sign("SN-1"))})
    assert (wrong.status_code, "another key" in text_of(wrong)) == (422, True)
    assert client.post(f"{url}upload/", {}).status_code == 422
    binary = SimpleUploadedFile("x.der", b"\x30\x82\xff")
    assert "PEM" in text_of(client.post(f"{url}upload/", {"file": binary}))
    signed = SimpleUploadedFile("signed.pem", pem_of(ca.sign_request(row.pem)).encode())
    assert client.post(f"{url}upload/", {"file": signed}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.certificate.is_ours) == ("signed", False)


def test_nobody_decides_for_another_site(station):
    row, certificate = make_request(station), make_certificate(station)
    stranger = browser_of(person_at("operator", Site.objects.create(name="Elsewhere")))
    viewer = browser_of(person_at("viewer", station.site))
    for client, status in ((stranger, 404), (viewer, 403)):
        for url in (f"requests/{row.pk}/sign/", f"requests/{row.pk}/upload/", f"{certificate.pk}/revoke/"):
            assert client.post(f"/certificates/{url}").status_code == status
    row.refresh_from_db()
    assert row.state == SigningRequest.State.WAITING


# What needs somebody


def said(who: str = "operator") -> list[str]:
    from people.access import access_of

    return [concern.text for concern in concerns(access_of(person(who)))]


def test_a_request_that_only_a_person_can_decide_on(station):
    now = timezone.now()
    make_request(station)
    assert said() == [], "the clock signs it in a moment"
    SigningRequest.objects.update(received_at=now - timedelta(minutes=5))
    assert said() == ["A certificate request waits to be signed"]
    make_request(station, state="refused", problem="operator")
    assert said() == ["Certificate request refused: it names another operator"]
    SigningRequest.objects.update(decided_by="anna")
    assert said() == []


def test_a_certificate_that_ends_and_has_no_successor(station):
    now = timezone.now()
    make_certificate(station, 1, not_after=now + timedelta(days=5))
    assert said() == ["Its certificate expires soon"]
    StationCertificate.objects.update(not_after=now - timedelta(days=1))
    assert said() == ["Its certificate has expired"]
    make_certificate(station, 2)
    assert said() == []


def test_an_upgrade_that_waits(rows):
    assert "To security profile 2: waiting for somebody" in said()
