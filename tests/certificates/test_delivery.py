"""From the request to the station's word on the certificate: by the clock, over losses, with real frames."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from cryptography import x509
from django.utils import timezone

from certificates import delivery, requests, revocation
from certificates.models import SigningRequest, StationCertificate
from stations.commands import close_command, keep_late_answer
from stations.models import ChargePoint, Command, CommandStatus, ConfigurationKey, CredentialKind
from tests.conftest import make_station

from . import pki

State = SigningRequest.State
NOW = timezone.now()
SOON = timedelta(seconds=2)


@pytest.fixture
def known(db, ca):
    """A station that logs in with a password."""
    return make_station(credential_kind=CredentialKind.KEY)


def asked(station, pem=None):
    requests.receive(station, pem or pki.request(), at=NOW)
    return SigningRequest.objects.latest("pk")


def advance(row, after=SOON):
    delivery.advance_all(NOW + after)
    row.refresh_from_db()
    return row


async def test_the_certificate_follows_the_answer(cp, ca, stored, ended):
    await sync_to_async(ChargePoint.objects.update)(credential_kind=CredentialKind.KEY)
    assert await cp.call("SignCertificate", csr=pki.request()) == {"status": "Accepted"}
    row = await stored(SigningRequest.objects.get)
    assert await sync_to_async(delivery.advance_all)(row.received_at + timedelta(seconds=0.5)) == 0
    assert await sync_to_async(delivery.advance_all)(row.received_at + SOON) == 1
    call = await cp.hears()
    assert call.action == "CertificateSigned"
    [own] = x509.load_pem_x509_certificates(call.payload["certificateChain"].encode())
    own.verify_directly_issued_by(ca.certificate)
    await call.replies(status="Accepted")
    await ended(await stored(Command.objects.get))
    row = await stored(lambda: SigningRequest.objects.select_related("certificate").get())
    assert (row.state, row.deliveries) == (State.ACCEPTED, 1)
    assert row.certificate.delivered_at == row.ended_at
    assert await sync_to_async(delivery.advance_all)(timezone.now() + timedelta(days=1)) == 0


async def test_the_station_does_not_take_it(cp, ca, stored, ended):
    await sync_to_async(ChargePoint.objects.update)(credential_kind=CredentialKind.KEY)
    await cp.call("SignCertificate", csr=pki.request())
    await sync_to_async(delivery.advance_all)(timezone.now() + SOON)
    await (await cp.hears()).replies(status="Rejected")
    await ended(await stored(Command.objects.get))
    row = await stored(lambda: SigningRequest.objects.select_related("certificate").get())
    assert row.state == State.REJECTED
    assert row.certificate.delivered_at is None


def test_it_waits_for_a_station_that_is_away(known):
    row = advance(asked(known))
    assert (row.state, row.command.status) == (State.SENT, CommandStatus.QUEUED)
    assert row.command.valid_until == NOW + SOON + timedelta(days=7)
    assert row.decided_by == "plugcontrol"
    assert advance(row, timedelta(days=1)).state == State.SENT


def test_lost_on_the_line_it_is_sent_again(known):
    row = advance(asked(known))
    for pause in (timedelta(minutes=1), timedelta(minutes=10)):
        Command.objects.filter(pk=row.command_id).update(status=CommandStatus.TIMED_OUT)
        at = timedelta(hours=row.deliveries)
        row = advance(row, at)
        assert (row.state, row.next_delivery_at) == (State.SIGNED, NOW + at + pause)
        assert advance(row, at + pause - SOON).state == State.SIGNED
        assert advance(row, at + pause).state == State.SENT
    assert Command.objects.count() == 3
    Command.objects.filter(pk=row.command_id).update(status=CommandStatus.FAILED)
    row = advance(row, timedelta(hours=9))
    assert (row.state, row.deliveries) == (State.FAILED, 3)
    assert row.ended_at == NOW + timedelta(hours=9)


@pytest.mark.parametrize(
    "end",
    [
        {"status": CommandStatus.CANCELLED},
        {"status": CommandStatus.EXPIRED},
        {"status": CommandStatus.FAILED, "error_code": "NotImplemented"},
    ],
)
def test_some_ends_are_final(known, end):
    row = advance(asked(known))
    Command.objects.filter(pk=row.command_id).update(**end)
    assert advance(row).state == State.FAILED


def test_an_answer_that_comes_too_late_counts(known):
    row = advance(asked(known))
    Command.objects.filter(pk=row.command_id).update(status=CommandStatus.SENT)
    close_command(row.command, CommandStatus.TIMED_OUT)
    advance(row)
    assert row.state == State.SIGNED
    keep_late_answer(known.pk, str(row.command_id), {"status": "Accepted"})
    assert advance(row, timedelta(hours=1)).state == State.ACCEPTED
    assert row.certificate.delivered_at is not None
    assert Command.objects.count() == 1


def test_the_word_of_an_answer_that_was_not_used(known):
    """The process died between the answer's row and what follows from it."""
    row = advance(asked(known))
    Command.objects.filter(pk=row.command_id).update(status=CommandStatus.REJECTED, answer={"status": "Rejected"})
    assert advance(row).state == State.REJECTED


def test_a_command_that_is_gone(known):
    row = advance(asked(known))
    Command.objects.all().delete()
    assert advance(row).state == State.FAILED


def test_a_later_request_takes_the_earlier_back(known):
    first = advance(asked(known))
    second = asked(known)
    first.refresh_from_db()
    assert (first.state, first.command.status) == (State.SUPERSEDED, CommandStatus.CANCELLED)
    assert advance(second).state == State.SENT


def test_an_answer_to_one_that_was_replaced(known):
    """It was on the line already: the station has the certificate, and the later request goes on."""
    first = advance(asked(known))
    Command.objects.filter(pk=first.command_id).update(status=CommandStatus.SENT)
    second = asked(known)
    delivery.answered(first.command, "Accepted")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (State.SUPERSEDED, State.WAITING)
    assert first.certificate.delivered_at is not None


def test_an_archived_station(known):
    row = asked(known)
    ChargePoint.objects.update(archived_at=NOW)
    assert advance(row).state == State.FAILED


def test_a_revoked_certificate_is_not_sent(known):
    row = asked(known)
    revocation.revoke(requests.sign(row))
    assert advance(row).state == State.FAILED
    assert not Command.objects.exists()


def test_without_a_password_only_what_we_asked_for(db, ca):
    """Anybody could have sent it: it waits for a person, unless we have just asked the station."""
    station = make_station()
    row = advance(asked(station))
    assert row.state == State.WAITING
    payload = {"requestedMessage": "SignChargePointCertificate"}
    trigger = Command.objects.create(
        charge_point=station, action="ExtendedTriggerMessage", payload=payload, sent_at=NOW - timedelta(hours=2)
    )
    assert advance(row).state == State.WAITING
    Command.objects.filter(pk=trigger.pk).update(sent_at=NOW)
    assert advance(row).state == State.SENT


def test_a_person_may_sign_it(db, ca):
    row = asked(make_station())
    requests.sign(row)
    assert advance(row).state == State.SENT


def test_signed_elsewhere_it_waits(db, elsewhere):
    row = advance(asked(make_station(credential_kind=CredentialKind.KEY)))
    assert row.state == State.WAITING
    requests.take_signed(row, pki.pem_of(elsewhere.sign_request(row.pem)))
    assert advance(row).state == State.SENT


@pytest.mark.parametrize("key", ["CertificateSignedMaxChainSize", "certificateSignedMaxSize"])
def test_no_longer_than_the_station_takes(db, from_outside, key):
    root = pki.CA("Root")
    below = pki.CA("Below", issuer=root)
    from_outside(pki.pem_of(below.certificate, root.certificate), below.key_pem())
    station = make_station(credential_kind=CredentialKind.KEY)
    row = advance(asked(station))
    whole = row.command.payload["certificateChain"]
    assert whole.count("BEGIN") == 2  # its own and the CA's, but no root
    ConfigurationKey.objects.create(charge_point=station, key=key, value=str(len(whole) - 100))
    shorter = advance(asked(station)).command.payload["certificateChain"]
    assert shorter.count("BEGIN") == 1


def test_one_that_fails_does_not_keep_the_others(known, monkeypatch):
    other = make_station("CP2", credential_kind=CredentialKind.KEY)
    rows = [asked(known), asked(other, pki.request("CP2"))]
    real = delivery.queue_command

    def queue(station, *args, **options):
        if station == known:
            raise RuntimeError("broken")
        return real(station, *args, **options)

    monkeypatch.setattr(delivery, "queue_command", queue)
    delivery.advance_all(NOW + SOON)
    assert [advance(row).state for row in rows] == [State.WAITING, State.SENT]
    assert StationCertificate.objects.count() == 1
