"""From nothing to the first kilowatt hour: the address, who calls, and what is wrong with those who are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from plugcontrol.addresses import charger_address
from stations.attempts import fix_of
from stations.models import ChargePoint, ConnectionAttempt, RegistrationStatus
from transactions.models import Transaction, UnknownIdTag
from transactions.unknown import still_unknown, usable_numbers

from ..approval import waiting_chargers
from ..pages import Allowed, Page
from . import trial

ATTEMPTS_SHOWN = 15
ATTEMPT_AGE = timedelta(minutes=15)
_OUTLETS = Count("connectors", filter=Q(connectors__connector_id__gt=0))


class Welcome(Page):
    template_name = "screens/overview/welcome.html"
    permission = "stations.view_connectionattempt"
    parts = {"welcome": "screens/overview/_welcome.html"}

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)  # who is refused belongs to no site yet

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        chargers = ChargePoint.objects.filter(archived_at=None)
        accepted = chargers.filter(registration_status=RegistrationStatus.ACCEPTED)
        return super().get_context_data(
            address=charger_address(self.request),
            attempts=recent_attempts(now - ATTEMPT_AGE),
            waiting=waiting_chargers(self.access),
            has_called=chargers.exclude(last_seen_at=None).exists(),
            accepted=list(accepted.annotate(outlets=_OUTLETS).order_by("-accepted_at")[:3]),
            unknown_tags=_unknown_tags(now - ATTEMPT_AGE),
            session=Transaction.objects.select_related("charge_point", "connector", "tag").order_by("-pk").first(),
            is_trial_running=trial.is_running(),
            may_try=self.access.everywhere("stations.add_chargepoint"),
            trial=trial.IDENTITY,
            **kwargs,
        )


def recent_attempts(since: Any) -> list[ConnectionAttempt]:
    """Refused handshakes, newest first, each with what can be done about it as `fix`."""
    attempts = list(ConnectionAttempt.objects.filter(last_at__gt=since).order_by("-last_at")[:ATTEMPTS_SHOWN])
    for attempt in attempts:
        attempt.fix = fix_of(attempt)  # type: ignore[attr-defined]
    return attempts


def _unknown_tags(since: Any) -> list[UnknownIdTag]:
    unknown = still_unknown(UnknownIdTag.objects.filter(last_at__gt=since)).select_related("charge_point")
    rows = list(unknown.order_by("-last_at")[:5])
    for row in rows:
        row.numbers = usable_numbers(row.id_tag)  # type: ignore[attr-defined]
    return rows


class Trial(Allowed):
    """POST: start the simulated charger, or end it."""

    permission = "stations.add_chargepoint"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if not self.access.everywhere(self.permission):
            raise PermissionDenied
        if "stop" in request.POST:
            trial.stop()
            messages.success(request, _("The simulated charger leaves."))
        else:
            trial.start()
            messages.success(request, _("A simulated charger calls in a moment: approve it."))
        return redirect("screens:welcome")
