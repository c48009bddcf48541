"""Whether a certificate is the station's own (security profile 3), and when it was last used.

TLS has proved that whoever calls has the key. Here the certificate is bound to the station whose address it called: by
its fingerprint where we know it, else by its name: a CA elsewhere may sign for stations without telling us.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from stations import changes
from stations.models import ChargePoint, ConnectionAttempt

from . import authority
from . import x509 as certificates
from .models import StationCertificate

Reason = ConnectionAttempt.Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """Without a `reason` the certificate is the station's; else `details` says in plain words what is wrong."""

    reason: ConnectionAttempt.Reason | None = None
    details: str = ""

    @property
    def is_ok(self) -> bool:
        return self.reason is None


def verdict(charge_point: ChargePoint, certificate_der: bytes, *, at: datetime) -> Verdict:
    """Judge the certificate with which a line was opened as `charge_point`. One query; for the writer's batch."""
    try:
        certificate = certificates.read_der(certificate_der)
    except ValidationError:
        return Verdict(Reason.BAD_CERTIFICATE, _("It cannot be read."))
    known = StationCertificate.objects.filter(sha256=certificates.sha256_of(certificate)).first()
    if known is not None and known.charge_point_id != charge_point.pk:
        return Verdict(Reason.WRONG_CERTIFICATE, _("It was issued to another charger: %s.") % known.subject)
    if known is not None and known.revoked_at is not None:
        return Verdict(Reason.REVOKED_CERTIFICATE, _("Revoked: %s.") % known.get_revocation_display())
    if at > certificate.not_valid_after_utc:
        return Verdict(Reason.BAD_CERTIFICATE, _("It expired on %s.") % f"{certificate.not_valid_after_utc:%Y-%m-%d}")
    if at < certificate.not_valid_before_utc:
        begin = certificates.begin_of(certificate)
        return Verdict(Reason.BAD_CERTIFICATE, _("It is not valid before %s.") % begin)
    if known is not None and known.is_ours:
        return Verdict()
    between = [] if known is None else certificates.read_chain(known.chain)[1:]
    return _verdict_of_ca(certificate, between, at) or _verdict_of_name(
        charge_point, certificate, is_known=known is not None
    )


def _verdict_of_ca(certificate: x509.Certificate, between: list[x509.Certificate], at: datetime) -> Verdict | None:
    """TLS tells us of the station's own certificate only: `between` are the CAs that were stored with it."""
    ca = authority.current()
    if ca is None:
        return Verdict(Reason.BAD_CERTIFICATE, _("This server has no CA to check it with."))
    if not certificates.leads_to(certificate, ca.chain, between=between, at=at):
        issuer = certificates.text_of(certificate.issuer)
        return Verdict(Reason.BAD_CERTIFICATE, _("It was not signed by this server's CA but by %s.") % issuer)
    if certificates.is_ca(certificate):
        return Verdict(Reason.BAD_CERTIFICATE, _("It is that of a CA."))
    if not certificates.is_for_clients(certificate):  # our own TLS says so by itself, a proxy's does not
        return Verdict(Reason.BAD_CERTIFICATE, _("It is not meant for TLS clients."))
    return None


def _verdict_of_name(charge_point: ChargePoint, certificate: x509.Certificate, *, is_known: bool) -> Verdict:
    """A person bound what we know to its station; a stranger must name it, and our operator (white paper A00)."""
    if is_known:
        return Verdict()
    if not is_named_by(charge_point, certificate.subject):
        return Verdict(
            Reason.WRONG_CERTIFICATE, _("It names another charger: %s.") % certificates.text_of(certificate.subject)
        )
    if not is_operator(certificate.subject, required=True):
        return Verdict(
            Reason.WRONG_CERTIFICATE, _("It names another operator: %s.") % certificates.text_of(certificate.subject)
        )
    return Verdict()


def is_named_by(charge_point: ChargePoint, subject: x509.Name) -> bool:
    """Whether the one common name of `subject` is a serial number the station told us, or its identity."""
    names = certificates.values_of(subject, certificates.COMMON_NAME)
    own = {charge_point.serial_number, charge_point.box_serial_number, charge_point.identity} - {""}
    return len(names) == 1 and names[0].casefold() in {name.casefold() for name in own}


def is_operator(subject: x509.Name, *, required: bool) -> bool:
    """Whether every O of `subject` is OPERATOR_NAME; one without any will do where it is not `required`."""
    operators = certificates.values_of(subject, certificates.ORGANIZATION)
    own = {settings.OPERATOR_NAME.casefold(), certificates.cut(settings.OPERATOR_NAME).casefold()}
    is_ours = all(name.casefold() in own for name in operators)
    return is_ours and (bool(operators) or not required)


def used(charge_point: ChargePoint, certificate_der: bytes, at: datetime) -> None:
    """The station has opened a line with a certificate that is its own: note it, and remember one we did not know."""
    certificate = certificates.read_der(certificate_der)
    rows = StationCertificate.objects.filter(sha256=certificates.sha256_of(certificate), charge_point=charge_point)
    if not rows.update(used_at=Coalesce("used_at", at), last_used_at=at):
        StationCertificate.objects.bulk_create(
            [row_of(charge_point, [certificate], is_ours=False, used_at=at, last_used_at=at)], ignore_conflicts=True
        )
    changes.note(changes.station(charge_point.pk))


def row_of(charge_point: ChargePoint, chain: list[x509.Certificate], **columns: object) -> StationCertificate:
    """The unsaved row of a chain, the station's own certificate first."""
    own = chain[0]
    return StationCertificate(
        charge_point=charge_point,
        serial_number=certificates.serial_of(own),
        subject=certificates.text_of(own.subject),
        issuer=certificates.text_of(own.issuer),
        sha256=certificates.sha256_of(own),
        chain=certificates.pem_of(chain),
        key_text=certificates.key_text(own.public_key()),
        not_before=own.not_valid_before_utc,
        not_after=own.not_valid_after_utc,
        **columns,
    )


def usable(charge_point: ChargePoint, at: datetime) -> StationCertificate | None:
    """The newest certificate the station holds and may use now: it has accepted it, or used it."""
    return charge_point.certificates.held(at).order_by("-not_after", "-pk").first()
