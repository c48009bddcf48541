"""Updates in pages: how they stand, in a colour and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from transfers.models import Campaign, FirmwareUpdate
from transfers.updates import failure_text

register = template.Library()
register.filter("failure_text", failure_text)

_State = FirmwareUpdate.State
_KINDS = {
    _State.WAITING: "quiet",
    _State.INSTALLED: "good",
    _State.UNVERIFIED: "warn",
    _State.FAILED: "bad",
    _State.CANCELLED: "quiet",
}
_CAMPAIGN_KINDS = {Campaign.State.RUNNING: "busy", Campaign.State.PAUSED: "warn", Campaign.State.DONE: "good"}
#: FirmwareStatus and SignedFirmwareStatus (OCPP 1.6 §7.25, white paper §5.6) in plain words.
_WORDS = {
    "Downloading": _("downloading"),
    "Downloaded": _("downloaded"),
    "DownloadFailed": _("the download failed"),
    "DownloadScheduled": _("will download later"),
    "DownloadPaused": _("the download is paused"),
    "Installing": _("installing"),
    "Installed": _("installed"),
    "InstallationFailed": _("the installation failed"),
    "InstallRebooting": _("restarting"),
    "InstallScheduled": _("will install later"),
    "InstallVerificationFailed": _("the installed firmware did not pass the check"),
    "InvalidSignature": _("the signature is not valid"),
    "SignatureVerified": _("the signature is valid"),
    "CertificateVerificationFailed": _("the signature's certificate is not trusted"),
    "RevokedCertificate": _("the signature's certificate is revoked"),
    "Idle": _("idle"),
}
_BAD = ("Failed", "InvalidSignature", "RevokedCertificate")


@dataclass(frozen=True, slots=True)
class Step:
    """A word of the charger: `code` is OCPP's, `kind` one of quiet, good, bad."""

    at: datetime | None
    code: str
    label: Any
    kind: str


@register.filter
def update_kind(update: FirmwareUpdate) -> str:
    """The badge's colour."""
    return _KINDS.get(_State(update.state), "busy")


@register.filter
def campaign_kind(campaign: Campaign) -> str:
    return _CAMPAIGN_KINDS.get(Campaign.State(campaign.state), "quiet")


@register.filter
def update_steps(update: FirmwareUpdate) -> list[Step]:
    """What the charger said on the way."""
    pairs = [pair for pair in update.steps if isinstance(pair, list) and len(pair) == 2]
    return [Step(_moment_of(at), str(code), _WORDS.get(str(code), str(code)), _kind(str(code))) for code, at in pairs]


def _kind(code: str) -> str:
    if code == "Installed":
        return "good"
    return "bad" if any(code.endswith(end) for end in _BAD) else "quiet"


def _moment_of(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None
