"""How certificates, requests and upgrades stand: the colour of their mark and its word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from certificates.models import RootCertificate, SecurityUpgrade, SigningRequest, StationCertificate
from certificates.upgrade_steps import ORDER
from certificates.upgrade_words import word

_REQUEST = SigningRequest.State
_UPGRADE = SecurityUpgrade.State
_REQUEST_KINDS = {
    _REQUEST.WAITING: "warn",
    _REQUEST.SIGNED: "busy",
    _REQUEST.SENT: "busy",
    _REQUEST.ACCEPTED: "good",
    _REQUEST.SUPERSEDED: "quiet",
}
_UPGRADE_KINDS = {
    _UPGRADE.RUNNING: "busy",
    _UPGRADE.WAITING: "warn",
    _UPGRADE.DONE: "good",
    _UPGRADE.RETURNED: "warn",
    _UPGRADE.CANCELLED: "quiet",
}


def request_kind(row: SigningRequest) -> str:
    return _REQUEST_KINDS.get(_REQUEST(row.state), "bad")


def upgrade_kind(upgrade: SecurityUpgrade) -> str:
    return _UPGRADE_KINDS.get(_UPGRADE(upgrade.state), "bad")


def validity(certificate: StationCertificate | RootCertificate) -> tuple[str, Any]:
    """Kind and word of a certificate's mark."""
    now = timezone.now()
    if isinstance(certificate, StationCertificate) and certificate.is_revoked:
        return "bad", _("Revoked")
    if now >= certificate.not_after:
        return "bad", _("Expired")
    if now < certificate.not_before:
        return "quiet", _("Not valid yet")
    if now + timedelta(days=settings.CERTIFICATE_RENEWAL_DAYS) >= certificate.not_after:
        return "warn", _("Ends soon")
    return "good", _("Valid")


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step of the wizard as people see it: `state` is done, now, ahead or stopped."""

    label: str
    state: str
    notes: tuple[tuple[str, datetime], ...]


def lines_of(upgrade: SecurityUpgrade) -> list[StepLine]:
    """Every step with what happened at it; those that nobody needs say so."""
    notes: dict[str, list[tuple[str, datetime]]] = {}
    for step, code, at in upgrade.steps:
        notes.setdefault(step, []).append((word(code), datetime.fromisoformat(at)))
    here = ORDER.index(SecurityUpgrade.Step(upgrade.step))
    lines = []
    for number, step in enumerate(ORDER):
        state = "done" if number < here else "ahead" if number > here else _state_here(upgrade)
        lines.append(StepLine(str(step.label), state, tuple(notes.get(step.value, ()))))
    return lines


def _state_here(upgrade: SecurityUpgrade) -> str:
    if upgrade.is_open:
        return "now"
    return "done" if upgrade.state == _UPGRADE.DONE else "stopped"
