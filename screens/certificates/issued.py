"""Certificates of chargers: which there are, when they end, and how one is revoked."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.text import slugify
from django.utils.translation import gettext as _

from certificates import revocation
from certificates.models import StationCertificate

from ..lists import ListPage
from ..pages import Allowed, ObjectPage
from .calendar import months_of
from .filters import CertificateFilters
from .forms import RevokeForm
from .pem import pem_file
from .rights import REVOKE, VIEW_CERTIFICATES, visible_certificates


class Certificates(ListPage):
    permission = VIEW_CERTIFICATES
    template_name = "screens/certificates/list.html"
    part = "screens/certificates/_list.html"
    filterset_class = CertificateFilters
    sorts = {
        "until": ("not_after", "pk"),
        "charger": ("charge_point__identity", "-pk"),
        "made": ("-created_at", "-pk"),
        "used": ("-last_used_at", "-pk"),
    }

    def get_rows(self) -> QuerySet[StationCertificate]:
        return visible_certificates(self.access)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        months = months_of(visible_certificates(self.access))
        return super().get_context_data(months=months, has_certificates=self.get_rows().exists(), **kwargs)


class CertificatePage(ObjectPage):
    permission = VIEW_CERTIFICATES
    template_name = "screens/certificates/certificate.html"
    parts = {"certificate": "screens/certificates/_certificate.html"}
    context_object_name = "certificate"

    def get_queryset(self) -> QuerySet[StationCertificate]:
        return visible_certificates(self.access)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        certificate: StationCertificate = self.object
        may_revoke = not certificate.is_revoked and self.access.on(REVOKE, certificate.charge_point)
        form = RevokeForm() if may_revoke else None
        return super().get_context_data(form=form, requests=certificate.requests.order_by("-pk"), **kwargs)


class CertificateFile(Allowed):
    permission = VIEW_CERTIFICATES

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        certificate = get_object_or_404(visible_certificates(self.access), pk=pk)
        name = f"{slugify(certificate.charge_point.identity)}-{certificate.serial_number[:16]}"
        return pem_file(certificate.chain, name)


class Revoke(Allowed):
    """POST: the certificate opens no line any more, and the one it has opened ends."""

    permission = REVOKE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        certificate = get_object_or_404(visible_certificates(self.access), pk=pk)
        if not self.access.on(REVOKE, certificate.charge_point):
            raise PermissionDenied
        form = RevokeForm(request.POST)
        if certificate.is_revoked:
            messages.info(request, _("It was revoked already."))
        elif form.is_valid():
            revocation.revoke(certificate, reason=form.cleaned_data["reason"], by=self.request.user)
            messages.success(request, _("The certificate is revoked: nobody connects with it any more."))
        else:
            messages.error(request, _("Say why it is revoked."))
        return redirect("screens:certificate", pk=pk)
