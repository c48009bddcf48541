"""The library of roots that can be installed at stations, filled with our own by itself."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime

import structlog
from cryptography import x509
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes
from stations.commands import SYSTEM, CommandRefused, Origin, queue_command
from stations.models import ChargePoint, Command

from . import authority
from . import x509 as certificates
from .models import CertificateUse, RootCertificate
from .requests import TOPIC

log = structlog.get_logger(__name__)

#: Of InstallCertificate.certificate.
MAX_LENGTH = 5500


@transaction.atomic
def add_root(name: str, use: str, pem: str, *, by: User | None = None) -> RootCertificate:
    """Put one certificate into the library; raises ValidationError in plain words. An archived one comes back."""
    certificate = _check(pem)
    if use not in CertificateUse.values:
        raise ValidationError(_("Say what the certificate is for."))
    name = name.strip()[:100] or certificates.text_of(certificate.subject)[:100]
    known = RootCertificate.objects.filter(use=use, sha256=certificates.sha256_of(certificate)).first()
    if known is not None and known.archived_at is None:
        raise ValidationError(_("This certificate is stored already."))
    row = known or RootCertificate(**_columns(certificate, use))
    row.name, row.created_by, row.archived_at = name, by, None
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:  # somebody else stores it this very moment
        raise ValidationError(_("This certificate is stored already.")) from None
    changes.note(TOPIC)
    return row


def _check(pem: str) -> x509.Certificate:
    chain = certificates.read_chain(pem)
    if len(chain) > 1:
        raise ValidationError(_("There are several certificates in it: give the root alone."))
    certificate = chain[0]
    if not (certificates.is_ca(certificate) or certificates.is_self_signed(certificate)):
        raise ValidationError(_("This is no root: it is neither that of a CA nor signed by itself."))
    if certificate.not_valid_after_utc <= timezone.now():
        raise ValidationError(_("It has expired."))
    if not certificates.is_strong_key(certificate.public_key()):
        raise ValidationError(_("Its key is too weak: chargers take RSA from 2048 bits or an elliptic curve from 224."))
    if len(certificates.pem_of(chain)) > MAX_LENGTH:
        raise ValidationError(_("It is longer than the %d characters that OCPP allows.") % MAX_LENGTH)
    return certificate


def _columns(certificate: x509.Certificate, use: str) -> dict[str, object]:
    return {
        "use": use,
        "pem": certificates.pem_of([certificate]),
        "subject": certificates.text_of(certificate.subject),
        "sha256": certificates.sha256_of(certificate),
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
    }


def archive(root: RootCertificate) -> bool:
    """Take a root out of the library; chargers that hold it keep it. False if it was archived before."""
    with transaction.atomic():
        row = RootCertificate.objects.select_for_update().get(pk=root.pk)
        if row.archived_at is not None:
            return False
        row.archived_at = timezone.now()
        row.save(update_fields=["archived_at"])  # not `update`: the history hears of saved rows only
        changes.note(TOPIC)
    return True


def install(
    root: RootCertificate,
    charge_point: ChargePoint,
    *,
    origin: Origin = SYSTEM,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Command:
    """Give a root to a station (white paper M05); raises CommandRefused."""
    if root.archived_at is not None:
        raise CommandRefused(_("This certificate is archived."))
    if root.not_after <= timezone.now():
        raise CommandRefused(_("This certificate has expired."))
    payload = {"certificateType": root.use, "certificate": root.pem}
    return queue_command(
        charge_point,
        "InstallCertificate",
        payload,
        origin=origin,
        valid_until=valid_until,
        idempotency_key=idempotency_key,
    )


# Our own


def offer_own() -> int:
    """Put the roots of our CA and of this server's own certificates into the library; how many were new.

    What somebody archived stays so. For the clock.
    """
    offered = 0
    for name, certificate in _own():
        columns = _columns(certificate, CertificateUse.CENTRAL_SYSTEM)
        if len(str(columns["pem"])) > MAX_LENGTH:
            continue
        known_by = {"use": columns.pop("use"), "sha256": columns.pop("sha256")}
        offered += RootCertificate.objects.get_or_create(**known_by, defaults={**columns, "name": name[:100]})[1]
    if offered:
        changes.note(TOPIC)
    return offered


def _own() -> Iterator[tuple[str, x509.Certificate]]:
    operator = settings.OPERATOR_NAME
    for path in (settings.TLS_CERTIFICATE, settings.TLS_SECOND_CERTIFICATE):
        if path is None:
            continue
        try:
            root = _root_of(certificates.read_chain(path.read_bytes().decode("utf-8", "replace")))
        except (OSError, ValidationError) as error:
            log.warning("root of this server not found", path=str(path), error=str(error))
            continue
        if root is not None:
            issuer = certificates.text_of(root.subject)
            yield _("%(operator)s: this server (%(issuer)s)") % {"operator": operator, "issuer": issuer}, root
    ca = authority.current()
    if ca is not None:
        yield _("%s: CA of chargers' certificates") % operator, ca.chain[-1]


def _root_of(chain: list[x509.Certificate]) -> x509.Certificate | None:
    """The root above a server's chain: its last certificate, or that of this machine's trust store which issued it."""
    last = chain[-1]
    if certificates.is_self_signed(last):
        return last
    for der in ssl.create_default_context().get_ca_certs(binary_form=True):
        try:
            root = certificates.read_der(der)
        except ValidationError:
            continue
        if root.subject == last.issuer and certificates.is_issued_by(last, root):
            return root
    return None
