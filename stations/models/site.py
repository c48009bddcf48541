"""Where charge points stand."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Site(models.Model):
    """A place with charge points: a garage, a yard, a street."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    address = models.TextField(_("address"), blank=True)
    notes = models.TextField(_("notes"), blank=True)

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
