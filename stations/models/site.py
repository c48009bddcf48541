"""Where charge points stand."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Site(models.Model):
    """A place with charge points: a garage, a yard, a street."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    address = models.TextField(_("address"), blank=True)
    notes = models.TextField(_("notes"), blank=True)
    holders_may_start = models.BooleanField(
        _("tag holders may start sessions"),
        default=False,
        help_text=_("People with a card of their own see this site's chargers and start and stop sessions with it."),
    )

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
