"""What stands above the admin's list of apps; each part only for those who may see it."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from plugcontrol.addresses import charger_address as address_of
from stations.admin.connection_attempt import FIXES
from stations.models import ChargePoint, ConnectionAttempt
from transactions.admin.id_tag import add_links, still_unknown
from transactions.models import UnknownIdTag

register = template.Library()

SHOWN = 10


def _may(context: Any, permission: str) -> bool:
    user = context["request"].user
    return bool(user.is_active and user.has_perm(permission))


@register.simple_tag(takes_context=True)
def charger_address(context: Any) -> str:
    request: HttpRequest = context["request"]
    return address_of(request)


@register.simple_tag(takes_context=True)
def waiting_chargers(context: Any) -> list[ChargePoint] | None:
    """Chargers to approve; None for those who may not see chargers."""
    if not _may(context, "stations.view_chargepoint"):
        return None
    return list(ChargePoint.objects.waiting().order_by("-last_seen_at", "identity")[:SHOWN])


@register.simple_tag(takes_context=True)
def recent_attempts(context: Any) -> list[ConnectionAttempt] | None:
    if not _may(context, "stations.view_connectionattempt"):
        return None
    return list(ConnectionAttempt.objects.order_by("-last_at")[:SHOWN])


@register.simple_tag(takes_context=True)
def unknown_tags_of_today(context: Any) -> list[UnknownIdTag] | None:
    if not _may(context, "transactions.view_unknownidtag"):
        return None
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    unknown = UnknownIdTag.objects.filter(last_at__gte=midnight).select_related("charge_point")
    return list(still_unknown(unknown).order_by("-last_at")[:SHOWN])


@register.filter
def fix(attempt: ConnectionAttempt) -> str:
    """What a person can do about a refused handshake."""
    return str(FIXES.get(ConnectionAttempt.Reason(attempt.reason), "")) if attempt.reason in FIXES else ""


@register.filter
def links_to_add(unknown: UnknownIdTag) -> SafeString | str:
    return add_links(unknown)
