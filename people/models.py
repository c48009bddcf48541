"""Who works at which site, and how each person likes the pages."""

from __future__ import annotations

import zoneinfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models import Site

from .roles import Role


class Membership(models.Model):
    """A role that counts at one site only; a person may have one at each of several sites."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="memberships"
    )
    site = models.ForeignKey(Site, verbose_name=_("site"), on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=20, choices=Role)

    class Meta:
        verbose_name = _("role at a site")
        verbose_name_plural = _("roles at sites")
        ordering = ["site__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "site"],
                name="membership_unique",
                violation_error_message=_("This person already has a role at this site."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.site}"


def check_time_zone(name: str) -> None:
    """Raises ValidationError for a name that the machine's time zone data does not know."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("There is no time zone of this name."))


class Preferences(models.Model):
    """A person's language and time zone; what is empty follows the browser and the server."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="preferences"
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, validators=[check_time_zone])

    class Meta:
        verbose_name = _("preferences")
        verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return str(self.user)
