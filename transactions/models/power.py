"""How much power flowed, site by site, every few minutes: what a chart of the day is drawn from."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models import Site


class PowerRecord(models.Model):
    """Power of all running sessions of a site at one moment; site None: of chargers without one."""

    site = models.ForeignKey(Site, verbose_name=_("site"), null=True, blank=True, on_delete=models.CASCADE)
    at = models.DateTimeField(_("time"))
    power_w = models.PositiveBigIntegerField(_("power (W)"))

    class Meta:
        verbose_name = _("power record")
        verbose_name_plural = _("power records")
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["at", "site"], name="power_record_unique"),
            models.UniqueConstraint(fields=["at"], condition=models.Q(site=None), name="power_record_siteless"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.power_w} W"
