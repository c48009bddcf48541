"""What stations ask to have signed (SignCertificate, white paper A02, A03): judged at once, signed by the clock."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes
from stations.commands import SYSTEM, close_queued
from stations.models import ChargePoint, Command, CommandStatus

from . import authority, identities
from . import x509 as certificates
from .models import SigningRequest, StationCertificate

State, Problem = SigningRequest.State, SigningRequest.Problem

TOPIC = "certificates"
MOST_PER_HOUR = 5
WINDOW = timedelta(hours=1)
#: Of SignCertificate.csr, and of CertificateSigned.certificateChain.
MAX_REQUEST, MAX_CHAIN = 5500, 10_000
#: What a person may overrule: they know which charger it is.
BY_HAND = (Problem.NAME, Problem.OPERATOR)
_BODY = re.compile(r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]+)-----END (?:NEW )?CERTIFICATE REQUEST-----")


class CannotSign(ValueError):
    """A request that is not signed, or not refused; its text is for the person who wanted it."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a request says and what is wrong with it."""

    problem: SigningRequest.Problem
    pem: str
    subject: str = ""
    key_text: str = ""


def receive(charge_point: ChargePoint, pem: str, *, at: datetime) -> bool:
    """Store a station's request; whether it will be dealt with (Accepted). A good one replaces those before it.

    The same request again is the same row. For the handler: nothing is signed here. Beyond MOST_PER_HOUR a station is
    refused, with one row for all it still sends.
    """
    station = ChargePoint.objects.get(pk=charge_point.pk)  # the socket's row does not know the serial numbers
    examined = examine(station, pem)
    requests = SigningRequest.objects.filter(charge_point=station)
    waiting = requests.filter(ended_at=None).order_by("-pk").first()
    if waiting is not None and waiting.pem == examined.pem:
        return True
    recent = requests.filter(received_at__gt=at - WINDOW)
    if recent.count() >= MOST_PER_HOUR:
        if recent.filter(problem=Problem.TOO_MANY).exists():
            return False
        examined = Examined(Problem.TOO_MANY, examined.pem, examined.subject, examined.key_text)
    is_good = examined.problem == Problem.NONE
    if is_good:
        _supersede(station, at)
    SigningRequest.objects.create(
        charge_point=station,
        pem=examined.pem,
        subject=examined.subject,
        key_text=examined.key_text,
        problem=examined.problem,
        state=State.WAITING if is_good else State.REFUSED,
        received_at=at,
        ended_at=None if is_good else at,
    )
    changes.note(changes.station(station.pk), TOPIC)
    return is_good


def _supersede(charge_point: ChargePoint, at: datetime, *, but: int = 0) -> None:
    """End what is open: the station has made another key since."""
    rows = SigningRequest.objects.filter(charge_point=charge_point, ended_at=None).exclude(pk=but)
    commands = list(rows.exclude(command=None).values_list("command_id", flat=True))
    if rows.update(state=State.SUPERSEDED, ended_at=at) and commands:
        close_queued(Command.objects.filter(pk__in=commands), CommandStatus.CANCELLED)


def examine(charge_point: ChargePoint, pem: str) -> Examined:
    """Read a request and judge it; never raises."""
    try:
        if len(pem) > MAX_REQUEST:
            raise ValueError("too long")
        request = read_request(pem)
    except ValueError:
        return Examined(Problem.UNREADABLE, certificates.storable(pem, MAX_REQUEST))
    return Examined(
        _problem_of(charge_point, request),
        request.public_bytes(serialization.Encoding.PEM).decode(),
        certificates.text_of(request.subject),
        certificates.key_text(request.public_key()),
    )


def _problem_of(charge_point: ChargePoint, request: x509.CertificateSigningRequest) -> SigningRequest.Problem:
    if not certificates.is_strong_key(request.public_key()):
        return Problem.WEAK_KEY
    if not certificates.has_strong_hash(request):
        return Problem.WEAK_HASH
    if not _is_signature_valid(request):
        return Problem.SIGNATURE
    if not identities.is_named_by(charge_point, request.subject):
        return Problem.NAME
    if not identities.is_operator(request.subject, required=False):
        return Problem.OPERATOR
    return Problem.NONE


def _is_signature_valid(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (*certificates.UNREADABLE, InvalidSignature):
        return False


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """A PKCS#10 request; raises ValueError. Line ends may be missing or escaped twice: chargers exist that do so."""
    match = _BODY.search(pem)
    body = "".join((match[1] if match else pem).replace("\\r", "").replace("\\n", "").split())
    try:
        request = x509.load_der_x509_csr(base64.b64decode(body, validate=True))
        # read only when they are asked for: later would be in the middle of something
        request.public_key()
        certificates.text_of(request.subject)
    except (binascii.Error, *certificates.UNREADABLE) as error:
        raise ValueError("no PKCS#10 request") from error
    return request


# What people and the clock decide


def may_be_signed(request: SigningRequest) -> bool:
    return request.state == State.WAITING or (request.state == State.REFUSED and request.problem in BY_HAND)


@transaction.atomic
def sign(request: SigningRequest, *, by: User | None = None) -> StationCertificate:
    """Sign with our CA; the clock sends it. Raises CannotSign."""
    row = _locked(request)
    ca = authority.current()
    if ca is None or not ca.can_sign:
        raise CannotSign(
            authority.problem() or _("The CA's key is not here: export the request and sign it elsewhere.")
        )
    asked, now = read_request(row.pem), timezone.now()
    if not certificates.is_valid_at(ca.certificate, now):
        raise CannotSign(_("The CA's certificate has expired."))
    certificate = ca.issue(asked, _subject(asked, row.charge_point), at=now)
    return _signed(row, [certificate, *ca.below_root], is_ours=True, by=by)


@transaction.atomic
def refuse(request: SigningRequest, *, by: User | None = None) -> None:
    """A person refuses what waits; raises CannotSign where it is decided already."""
    row = _locked(request)
    if row.state != State.WAITING:
        raise CannotSign(_("This request is decided already."))
    row.state, row.decided_by, row.ended_at = State.REFUSED, _name(by), timezone.now()
    row.save(update_fields=["state", "decided_by", "ended_at"])
    changes.note(changes.station(row.charge_point_id), TOPIC)


@transaction.atomic
def take_signed(request: SigningRequest, pem: str, *, by: User | None = None) -> StationCertificate:
    """Take what a CA elsewhere made of a request: the charger's certificate first. Raises ValidationError."""
    try:
        row = _locked(request)
    except CannotSign as refused:
        raise ValidationError(str(refused)) from None
    chain = certificates.read_chain(pem)
    _check_signed(chain, read_request(row.pem))
    if StationCertificate.objects.filter(sha256=certificates.sha256_of(chain[0])).exists():
        raise ValidationError(_("This certificate is stored already."))
    sent = [one for one in chain if not certificates.is_self_signed(one)]
    return _signed(row, sent, is_ours=False, by=by)


def _check_signed(chain: list[x509.Certificate], asked: x509.CertificateSigningRequest) -> None:
    own, now, ca = chain[0], timezone.now(), authority.current()
    if not certificates.same_key(own, asked):
        raise ValidationError(
            _("Its first certificate has another key than the request: the charger's own comes first.")
        )
    if certificates.is_ca(own):
        raise ValidationError(_("Its first certificate is that of a CA."))
    if not certificates.is_for_clients(own):
        raise ValidationError(_("Its first certificate is not meant for TLS clients, so the charger would be refused."))
    if own.not_valid_after_utc <= now:
        raise ValidationError(_("It has expired."))
    if own.not_valid_before_utc > now:  # a charger with it would be refused until then
        raise ValidationError(_("It is not valid before %s.") % certificates.begin_of(own))
    if ca is None:
        raise ValidationError(authority.problem())
    if not certificates.leads_to(own, ca.chain, between=chain[1:], at=now):
        raise ValidationError(
            _(
                "It was not signed by the CA that this server trusts, so chargers with it would be refused: name its "
                "CA with CA_CERTIFICATE first."
            )
        )
    if len(certificates.pem_of(chain[:1])) > MAX_CHAIN:
        raise ValidationError(_("It is longer than OCPP allows."))


def _locked(request: SigningRequest) -> SigningRequest:
    rows = SigningRequest.objects.select_for_update(of=("self",), no_key=True).select_related("charge_point")
    row = rows.get(pk=request.pk)
    if not may_be_signed(row):
        raise CannotSign(_("This request cannot be signed any more; let the charger make a new one."))
    return row


def _subject(asked: x509.CertificateSigningRequest, charge_point: ChargePoint) -> x509.Name:
    """The name as asked for; what is missing of it is filled in, for chargers must name themselves and the operator."""
    parts = list(asked.subject)
    if not certificates.values_of(asked.subject, certificates.ORGANIZATION):
        parts.insert(0, x509.NameAttribute(certificates.ORGANIZATION, certificates.cut(settings.OPERATOR_NAME)))
    if not certificates.values_of(asked.subject, certificates.COMMON_NAME):
        name = charge_point.serial_number or charge_point.identity
        parts.append(x509.NameAttribute(certificates.COMMON_NAME, certificates.cut(name)))
    return x509.Name(parts)


def _signed(
    row: SigningRequest, chain: list[x509.Certificate], *, is_ours: bool, by: User | None
) -> StationCertificate:
    now = timezone.now()
    certificate = identities.row_of(row.charge_point, chain, is_ours=is_ours)
    certificate.save(force_insert=True)
    _supersede(row.charge_point, now, but=row.pk)
    row.state, row.certificate, row.decided_by = State.SIGNED, certificate, _name(by)
    row.next_delivery_at, row.ended_at = None, None
    row.save(update_fields=["state", "certificate", "decided_by", "next_delivery_at", "ended_at"])
    changes.note(changes.station(row.charge_point_id), TOPIC)
    return certificate


def _name(by: User | None) -> str:
    return (SYSTEM.name if by is None else by.get_username())[:150]
