"""Profile 3: whose certificate it is, and what ends with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from cryptography.x509.oid import ExtendedKeyUsageOID as Use
from django.utils import timezone

from certificates import identities, requests, revocation
from certificates.models import SigningRequest, StationCertificate
from certificates.upgrade_steps import usable_certificates
from stations import credentials
from stations.models import ChargePoint, ConnectionAttempt
from tests.conftest import make_station

from . import pki
from .cast import make_certificate

Reason = ConnectionAttempt.Reason
NOW = timezone.now()


@pytest.fixture
def known(db):
    return make_station(serial_number="SN-1")


@pytest.fixture
def own(known, ca):
    """A certificate that our CA signed for the station."""
    requests.receive(known, pki.request(), at=NOW)
    return requests.sign(SigningRequest.objects.get())


def der(certificate: StationCertificate) -> bytes:
    return pki.der_of(pki.x509.load_pem_x509_certificate(certificate.chain.encode()))


def judged(station, certificate, at=None):
    data = certificate if isinstance(certificate, bytes) else pki.der_of(certificate)
    return identities.verdict(station, data, at=at or timezone.now())


def test_its_own(known, own):
    assert judged(known, der(own)).is_ok


def test_that_of_another_station(known, own):
    other = make_station("CP2", serial_number="CP1")  # it even bears that name
    verdict = judged(other, der(own))
    assert verdict.reason == Reason.WRONG_CERTIFICATE
    assert "CN=CP1" in verdict.details


def test_revoked(known, own):
    assert revocation.revoke(own, reason="lost")
    assert not revocation.revoke(own, reason="replaced")
    verdict = judged(known, der(own))
    assert (verdict.reason, own.revocation) == (Reason.REVOKED_CERTIFICATE, "lost")
    assert "lost" in verdict.details


def test_its_time(known, own):
    late = judged(known, der(own), at=own.not_after + timedelta(seconds=1))
    assert (late.reason, "expired" in late.details) == (Reason.BAD_CERTIFICATE, True)
    early = judged(known, der(own), at=own.not_before - timedelta(seconds=1))
    assert (early.reason, "not valid before" in early.details) == (Reason.BAD_CERTIFICATE, True)


def test_nonsense(known, ca):
    assert judged(known, b"nonsense").reason == Reason.BAD_CERTIFICATE
    assert judged(known, b"").reason == Reason.BAD_CERTIFICATE


def test_one_that_copies_the_name(known, own):
    """Another CA may write whatever it likes."""
    verdict = judged(known, pki.CA("plugcontrol chargers CA").sign("CP1"))
    assert (verdict.reason, "not signed" in verdict.details) == (Reason.BAD_CERTIFICATE, True)


STRANGERS = [
    ("CP1", "plugcontrol", None),
    ("sn-1", "PlugControl", None),
    ("CP2", "plugcontrol", Reason.WRONG_CERTIFICATE),
    ("CP1", "Another", Reason.WRONG_CERTIFICATE),
    ("CP1", None, Reason.WRONG_CERTIFICATE),
]


@pytest.mark.parametrize(("common_name", "operator", "reason"), STRANGERS)
def test_one_our_ca_signed_elsewhere(known, elsewhere, common_name, operator, reason):
    assert judged(known, elsewhere.sign(common_name, operator)).reason == reason


@pytest.mark.parametrize("carries_its_ca", [True, False])
def test_one_below_our_ca_that_was_taken_with_the_ca_between(known, elsewhere, carries_its_ca):
    """What `take_signed` has let in must open the line, though TLS hands over the station's own certificate alone."""
    between = pki.CA("Between", issuer=elsewhere)
    signed = between.sign("CP1")
    identities.row_of(known, [signed, *[between.certificate][: int(carries_its_ca)]], is_ours=False).save()
    assert judged(known, signed).is_ok is carries_its_ca


def test_that_of_a_ca_is_no_stations(known, elsewhere):
    assert judged(known, elsewhere.sign("CP1", ca=True)).reason == Reason.BAD_CERTIFICATE


@pytest.mark.parametrize(
    ("uses", "is_ok"),
    [((Use.CLIENT_AUTH,), True), ((Use.SERVER_AUTH, Use.CLIENT_AUTH), True), ((Use.SERVER_AUTH,), False)],
)
def test_that_of_a_server_is_no_stations(known, elsewhere, uses, is_ok):
    """TLS of our own refuses it by itself; a proxy that leaves the judgement to us passes it on."""
    verdict = judged(known, elsewhere.sign("CP1", uses=uses))
    assert (verdict.is_ok, "TLS clients" in verdict.details) == (is_ok, not is_ok)


def test_a_server_without_a_ca(known, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.DATA_DIR = tmp_path / "file"
    assert judged(known, pki.CA().sign("CP1")).reason == Reason.BAD_CERTIFICATE


def test_use_is_noted(known, own):
    for hours in (1, 2):
        identities.used(known, der(own), NOW + timedelta(hours=hours))
    own.refresh_from_db()
    assert (own.used_at, own.last_used_at) == (NOW + timedelta(hours=1), NOW + timedelta(hours=2))


def test_one_we_did_not_know_is_remembered_and_can_be_revoked(known, elsewhere):
    stranger = elsewhere.sign("CP1")
    for _ in range(2):
        identities.used(known, pki.der_of(stranger), NOW)
    row = StationCertificate.objects.get()
    assert (row.charge_point, row.is_ours, row.used_at, row.last_used_at) == (known, False, NOW, NOW)
    assert judged(known, stranger).is_ok
    assert judged(make_station("CP2"), stranger).reason == Reason.WRONG_CERTIFICATE
    revocation.revoke(row)
    assert judged(known, stranger).reason == Reason.REVOKED_CERTIFICATE


def test_what_the_station_holds(known, own):
    assert identities.usable(known, timezone.now()) is None
    StationCertificate.objects.update(delivered_at=NOW)
    assert identities.usable(known, timezone.now()) == own
    assert identities.usable(known, own.not_after) is None
    revocation.revoke(own)
    assert identities.usable(known, timezone.now()) is None


async def opened(station, certificate, *, profile=3, seconds=0):
    """What the handshake stores of a line that was opened with a certificate."""
    row = await ChargePoint.objects.aget(pk=station.pk)
    at = row.connected_at + timedelta(seconds=seconds)
    await ChargePoint.objects.filter(pk=station.pk).aupdate(security_profile=profile)
    await sync_to_async(identities.used)(station, pki.der_of(certificate), at)
    return await StationCertificate.objects.aget()


async def test_revocation_ends_the_line(cp, station, elsewhere):
    row = await opened(station, elsewhere.sign("CP1"))
    await sync_to_async(revocation.revoke)(row)
    await cp.closes()


async def test_a_lost_bell_is_rung_again(cp, station, elsewhere, monkeypatch):
    row = await opened(station, elsewhere.sign("CP1"))
    with monkeypatch.context() as patch:
        patch.setattr(revocation.bell, "ring", lambda *_: None)
        await sync_to_async(revocation.revoke)(row)
    assert await sync_to_async(revocation.end_lines)(timezone.now()) == 1
    await cp.closes()


@pytest.mark.parametrize(("profile", "seconds"), [(2, 0), (3, -60)])
async def test_other_lines_go_on(cp, station, elsewhere, profile, seconds):
    """One opened with a password, and one that was opened with another certificate since."""
    row = await opened(station, elsewhere.sign("CP1"), profile=profile, seconds=seconds)
    await sync_to_async(revocation.revoke)(row)
    assert await sync_to_async(revocation.end_lines)(timezone.now()) == 0
    assert (await cp.call("Heartbeat"))["currentTime"]


@pytest.mark.parametrize(
    ("columns", "logs_in"),
    [
        ({}, True),
        ({"delivered_at": None, "used_at": NOW}, True),  # signed elsewhere, and carried there by hand
        ({"delivered_at": None}, False),
        ({"revoked_at": NOW}, False),
        ({"not_before": NOW + timedelta(days=1)}, False),
        ({"not_after": NOW}, False),
    ],
    ids=["accepted", "only used", "never there", "revoked", "not yet", "over"],
)
def test_all_ask_the_same_whether_a_station_can_log_in(known, settings, columns, logs_in):
    settings.CLIENT_CERTIFICATE_HEADER = "x-client-certificate"
    make_certificate(known, **columns)
    lack = credentials.refusal(known, "ChangeConfiguration", {"key": "SecurityProfile", "value": "3"})
    assert ("no valid certificate" not in lack) == logs_in
    assert usable_certificates(known, NOW).exists() == logs_in
    assert (identities.usable(known, NOW) is not None) == logs_in
