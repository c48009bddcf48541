"""How certificates, requests and upgrades look."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from certificates.models import SecurityUpgrade, SigningRequest
from certificates.upgrade_words import explanation

from ..certificates.standing import StepLine, lines_of, request_kind, upgrade_kind, validity
from .screens import badge

register = template.Library()


@register.simple_tag
def validity_badge(certificate: Any) -> SafeString:
    return badge(*validity(certificate))


@register.simple_tag
def request_badge(row: SigningRequest) -> SafeString:
    return badge(request_kind(row), row.get_state_display())


@register.simple_tag
def upgrade_badge(upgrade: SecurityUpgrade) -> SafeString:
    return badge(upgrade_kind(upgrade), upgrade.get_state_display())


@register.filter
def steps_of(upgrade: SecurityUpgrade) -> list[StepLine]:
    return lines_of(upgrade)


@register.filter
def explained(upgrade: SecurityUpgrade) -> str:
    return explanation(upgrade)


@register.filter
def fingerprint(digits: str) -> str:
    """A hash in pairs, as other programs show it for comparing."""
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)).upper()
