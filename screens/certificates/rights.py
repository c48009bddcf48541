"""Who may see and do what in this chapter.

Roots and the CA belong to no site: whoever works at one may read and use them there; changing the library takes the
permission everywhere. Certificates, requests and upgrades lie with their charger.
"""

from __future__ import annotations

from django.db.models import QuerySet

from certificates.models import (
    InstalledCertificate,
    RootCertificate,
    SecurityUpgrade,
    SigningRequest,
    StationCertificate,
)
from people.access import Access

from ..chargers.now import SEND

VIEW_CERTIFICATES = "certificates.view_stationcertificate"
REVOKE = "certificates.revoke_stationcertificate"
VIEW_REQUESTS = "certificates.view_signingrequest"
SIGN = "certificates.sign_signingrequest"
VIEW_ROOTS = "certificates.view_rootcertificate"
ADD_ROOT = "certificates.add_rootcertificate"
CHANGE_ROOT = "certificates.change_rootcertificate"
VIEW_INSTALLED = "certificates.view_installedcertificate"
VIEW_UPGRADES = "certificates.view_securityupgrade"
ADD_UPGRADE = "certificates.add_securityupgrade"
CHANGE_UPGRADE = "certificates.change_securityupgrade"

__all__ = ["SEND"]


def visible_certificates(access: Access, permission: str = VIEW_CERTIFICATES) -> QuerySet[StationCertificate]:
    return access.narrow(StationCertificate.objects.select_related("charge_point"), permission, "charge_point__site")


def visible_requests(access: Access, permission: str = VIEW_REQUESTS) -> QuerySet[SigningRequest]:
    rows = SigningRequest.objects.select_related("charge_point", "certificate", "command")
    return access.narrow(rows, permission, "charge_point__site")


def visible_installed(access: Access, permission: str = VIEW_INSTALLED) -> QuerySet[InstalledCertificate]:
    rows = InstalledCertificate.objects.select_related("charge_point", "root")
    return access.narrow(rows, permission, "charge_point__site")


def visible_upgrades(access: Access, permission: str = VIEW_UPGRADES) -> QuerySet[SecurityUpgrade]:
    return access.narrow(SecurityUpgrade.objects.select_related("charge_point"), permission, "charge_point__site")


def usable_roots() -> QuerySet[RootCertificate]:
    return RootCertificate.objects.filter(archived_at=None)
