"""The CA that signs chargers' certificates: what it is, whether it works, and its certificate to take away."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from certificates import authority, x509
from certificates.models import SigningRequest

from ..pages import Allowed, Page
from .pem import pem_file
from .rights import VIEW_ROOTS, visible_certificates, visible_requests


class AuthorityPage(Page):
    permission = VIEW_ROOTS
    template_name = "screens/certificates/authority.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        ca = authority.current()
        facts: dict[str, Any] = {}
        if ca is not None:
            certificate = ca.certificate
            facts = {
                "subject": x509.text_of(certificate.subject),
                "issuer": x509.text_of(certificate.issuer),
                "key": x509.key_text(certificate.public_key()),
                "serial_number": x509.serial_of(certificate),
                "sha256": x509.sha256_of(certificate),
                "not_before": certificate.not_valid_before_utc,
                "not_after": certificate.not_valid_after_utc,
                "pem": ca.chain_pem,
            }
        waiting = visible_requests(self.access).filter(state=SigningRequest.State.WAITING)
        return super().get_context_data(
            ca=ca,
            facts=facts,
            problem=authority.problem(),
            is_from_outside=bool(settings.CA_CERTIFICATE),
            operator=settings.OPERATOR_NAME,
            days=settings.CERTIFICATE_DAYS,
            renewal_days=settings.CERTIFICATE_RENEWAL_DAYS,
            certificates=visible_certificates(self.access).filter(is_ours=True).count(),
            waiting=waiting.count(),
            **kwargs,
        )


class AuthorityFile(Allowed):
    """The CA's certificate with those above it, without any key."""

    permission = VIEW_ROOTS

    def get(self, request: HttpRequest) -> HttpResponse:
        ca = authority.current()
        if ca is None:
            raise Http404
        return pem_file(ca.chain_pem, "ca")
