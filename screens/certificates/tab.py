"""A charger's tab: its profile and the wizard, its certificates and requests, the roots it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied

from certificates.models import CertificateUse
from stations.models import SecurityProfile

from ..chargers.now import why_no_command
from .forms import RootChoiceForm, UpgradeForm
from .rights import (
    ADD_UPGRADE,
    CHANGE_UPGRADE,
    SEND,
    VIEW_CERTIFICATES,
    VIEW_INSTALLED,
    VIEW_REQUESTS,
    VIEW_UPGRADES,
    usable_roots,
)

if TYPE_CHECKING:
    from ..chargers.page import ChargerPage

#: Rows of each kind; their lists have the others.
NEWEST = 10


def fill(page: ChargerPage) -> dict[str, Any]:
    """The whole tab: forms, which stay as somebody has filled them in, and what is fetched again."""
    station, access = page.station, page.access
    shown = standing(page)
    newest = shown["upgrade"]
    may_begin = access.on(ADD_UPGRADE, station) and station.archived_at is None
    is_busy = newest is not None and newest.is_open
    return {
        **shown,
        "upgrade_form": UpgradeForm(station=station) if may_begin and not is_busy else None,
        "root_form": RootChoiceForm() if shown["may_tell"] and usable_roots().exists() else None,
    }


def standing(page: ChargerPage) -> dict[str, Any]:
    """The part that is live: the newest upgrade with its steps, and what the charger has."""
    station, access = page.station, page.access
    if not access.on(VIEW_UPGRADES, station):
        raise PermissionDenied
    return {
        "upgrade": station.security_upgrades.select_related("root", "charge_point").first(),
        "may_steer": access.on(CHANGE_UPGRADE, station),
        "profile_label": SecurityProfile(min(station.security_profile, SecurityProfile.CERTIFICATE)).label,
        "certificates": station.certificates.order_by("-pk")[:NEWEST] if access.on(VIEW_CERTIFICATES, station) else (),
        "requests": station.signing_requests.order_by("-pk")[:NEWEST] if access.on(VIEW_REQUESTS, station) else (),
        "uses": _uses(page) if access.on(VIEW_INSTALLED, station) else (),
        "may_tell": access.on(SEND, station) and station.archived_at is None,
        "why_no_command": why_no_command(station),
    }


def _uses(page: ChargerPage) -> list[dict[str, Any]]:
    """For each use the roots that the charger holds, as far as it has said so."""
    read = dict(page.station.certificate_readings.values_list("use", "read_at"))
    held = list(page.station.installed_certificates.select_related("root"))
    return [
        {"use": use, "read_at": read.get(use.value), "rows": [row for row in held if row.use == use]}
        for use in CertificateUse
    ]
