"""What a person may see and do, everywhere or at some sites.

A role held through a group counts everywhere, and for Django (`user.has_perm`) too. A role held through a `Membership`
counts at its site and only here: the administration and the REST API know no sites, so it opens nothing there.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import TypeVar

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model, QuerySet

from stations.models import ChargePoint, RegistrationStatus, Site
from transactions.models import IdTag

from .models import Membership
from .roles import HOLDERS, ROLES

M = TypeVar("M", bound=Model)


class Access:
    """One person's rights. Asks the database when first needed and remembers: make one per request or recheck."""

    def __init__(self, user: User | AnonymousUser) -> None:
        self.user = user

    @cached_property
    def _roles_at(self) -> dict[int, str]:
        """Site → name of the role there; nobody's that is not logged in and active."""
        if not self.user.is_active or self.user.pk is None:
            return {}
        return dict(Membership.objects.filter(user=self.user.pk).order_by().values_list("site_id", "role"))

    def _site_ids(self, permission: str) -> list[int]:
        """Sites whose role holds "app.codename"; codenames name their model, so no two apps share one."""
        codename = permission.partition(".")[2]
        return sorted(site for site, role in self._roles_at.items() if codename in ROLES.get(role, ()))

    def everywhere(self, permission: str) -> bool:
        """Whether the person has "app.codename" for all sites, and for what belongs to none."""
        return self.user.has_perm(permission)

    def somewhere(self, permission: str) -> bool:
        """Whether the person has the permission for all sites or for at least one."""
        return self.everywhere(permission) or bool(self._site_ids(permission))

    def at(self, permission: str, site_id: int | None) -> bool:
        """Whether the person has the permission at a site; None stands for what belongs to no site."""
        return self.everywhere(permission) or site_id in self._site_ids(permission)

    def on(self, permission: str, charge_point: ChargePoint) -> bool:
        return self.at(permission, charge_point.site_id)

    def sites(self, permission: str = "stations.view_site") -> QuerySet[Site]:
        return self.narrow(Site.objects.all(), permission, "pk")

    def charge_points(self, permission: str = "stations.view_chargepoint") -> QuerySet[ChargePoint]:
        return self.narrow(ChargePoint.objects.all(), permission, "site")

    def id_tags(self, permission: str = "transactions.view_idtag") -> QuerySet[IdTag]:
        """Tags the person manages: all of them, or those of their sites."""
        return self.narrow(IdTag.objects.all(), permission, "site")

    def narrow(self, rows: QuerySet[M], permission: str, site: str) -> QuerySet[M]:
        """Those of `rows` for whose site the person has the permission.

        `site` is the lookup from a row to its site, such as "charge_point__site". Rows without a site stay for those
        who have the permission everywhere.
        """
        if self.everywhere(permission):
            return rows
        site_ids = self._site_ids(permission)
        return rows.filter(**{f"{site}__in": site_ids}) if site_ids else rows.none()

    def own_tags(self) -> QuerySet[IdTag]:
        """The person's own cards, archived ones too: their sessions stay the person's."""
        if not self.user.is_active or self.user.pk is None:
            return IdTag.objects.none()
        return IdTag.objects.filter(user=self.user.pk)

    def open_charge_points(self) -> QuerySet[ChargePoint]:
        """Chargers at which the person may start a session with a card of their own, and stop it."""
        if not self.is_holder:
            return ChargePoint.objects.none()
        in_use = ChargePoint.objects.filter(registration_status=RegistrationStatus.ACCEPTED, archived_at=None)
        return in_use.filter(site__holders_may_start=True)

    @property
    def is_operator_side(self) -> bool:
        """Whether the operators' pages are for this person at all."""
        return self.somewhere("stations.view_chargepoint")

    @cached_property
    def is_holder(self) -> bool:
        """Whether the person charges here: has a card, or is to get one."""
        if not self.user.is_active or self.user.pk is None:
            return False
        return self.own_tags().exists() or self.user.groups.filter(name=HOLDERS).exists()

    @property
    def scope(self) -> Hashable:
        """Equal for people who see the same sites with the same rights: one patch may serve them all."""
        if self.user.is_active and self.user.is_superuser:
            return "everything"
        return frozenset(self.user.get_all_permissions()), frozenset(self._roles_at.items())


def access_of(user: User | AnonymousUser) -> Access:
    """A fresh Access for whom there is no request: a socket that checks again, a job, a test."""
    return Access(user)
