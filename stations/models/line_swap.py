"""How a station's line went from one address to another, for as long as it takes to see whether it goes back."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .charge_point import ChargePoint


class LineSwap(models.Model):
    """A station came from another address while its line from the first was still open."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="line_swaps"
    )
    at = models.DateTimeField(_("time"))
    old_address = models.CharField(_("former address"), max_length=64)
    new_address = models.CharField(_("new address"), max_length=64)

    class Meta:
        verbose_name = _("takeover of a line")
        verbose_name_plural = _("takeovers of lines")
        ordering = ["id"]
        indexes = [models.Index(fields=["charge_point", "at"], name="line_swap_recent")]

    def __str__(self) -> str:
        return f"{self.old_address} → {self.new_address}"
