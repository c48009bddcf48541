"""Which certificates, requests and roots the lists of this chapter show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from certificates.models import CertificateUse, RootCertificate, SigningRequest, StationCertificate

from ..record_filters import RecordFilters
from .rights import VIEW_CERTIFICATES, VIEW_REQUESTS

#: Choices of a state that stand for several, or for what a certificate's dates say.
OPEN, WRONG = "open", "wrong"
VALID, ENDING, EXPIRED, REVOKED = "valid", "ending", "expired", "revoked"


def ends_soon(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Certificates that are valid now and end within the days in which a new one is asked for."""
    now = timezone.now()
    soon = now + timedelta(days=settings.CERTIFICATE_RENEWAL_DAYS)
    return rows.filter(not_after__gt=now, not_after__lte=soon)


class CertificateFilters(RecordFilters):
    """`until` and `since` are days of expiry: the calendar leads to a month of them."""

    permission = VIEW_CERTIFICATES
    moment = "not_after"

    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[
            (VALID, _("Valid")),
            (ENDING, _("Ends soon")),
            (EXPIRED, _("Expired")),
            (REVOKED, _("Revoked")),
        ],
        method="in_state",
        empty_label=_("All"),
    )

    class Meta:
        model = StationCertificate
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["since"].label, self.filters["until"].label = _("Expires from"), _("Expires to")

    def in_state(self, rows: QuerySet[Any], _name: str, state: str) -> QuerySet[Any]:
        if state == REVOKED:
            return rows.exclude(revoked_at=None)
        rows, now = rows.filter(revoked_at=None), timezone.now()
        if state == ENDING:
            return ends_soon(rows)
        return rows.filter(not_after__lte=now) if state == EXPIRED else rows.filter(not_after__gt=now)


class RequestFilters(RecordFilters):
    permission = VIEW_REQUESTS
    moment = "received_at"

    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[(OPEN, _("Not over yet")), (WRONG, _("Went wrong")), *SigningRequest.State.choices],
        method="in_state",
        empty_label=_("All"),
    )

    class Meta:
        model = SigningRequest
        fields: list[str] = []

    def in_state(self, rows: QuerySet[Any], _name: str, state: str) -> QuerySet[Any]:
        states = SigningRequest.State
        if state == OPEN:
            return rows.filter(state__in=[states.WAITING, states.SIGNED, states.SENT])
        if state == WRONG:
            return rows.filter(state__in=[states.REFUSED, states.REJECTED, states.FAILED])
        return rows.filter(state=state)


class RootFilters(django_filters.FilterSet):  # type: ignore[misc]
    """Roots in use, unless the archived ones are asked for."""

    q = django_filters.CharFilter(label=_("Name or subject"), method="search", max_length=100)
    use = django_filters.ChoiceFilter(label=_("Meant"), choices=CertificateUse.choices, empty_label=_("All"))
    archived = django_filters.ChoiceFilter(
        label=_("Archive"), choices=[("yes", _("Archived"))], method="in_archive", empty_label=_("In use")
    )

    class Meta:
        model = RootCertificate
        fields: list[str] = []

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data["archived"] else rows.filter(archived_at=None)

    def search(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        return rows.filter(Q(name__icontains=text) | Q(subject__icontains=text))

    def in_archive(self, rows: QuerySet[Any], _name: str, _value: str) -> QuerySet[Any]:
        return rows.exclude(archived_at=None)
