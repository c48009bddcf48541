"""What people put right."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .transaction import EndedBy, Transaction


class Correction(models.Model):
    """The end of a session as a person entered it, and beside it what stood there before.

    Never changed and never deleted: the charger's own stop may still replace the end in the session, not in here.
    """

    transaction = models.ForeignKey(
        Transaction, verbose_name=_("transaction"), on_delete=models.PROTECT, related_name="corrections"
    )
    made_at = models.DateTimeField(_("time"), default=timezone.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    actor = models.CharField(_("who"), max_length=150)
    reason = models.CharField(_("reason"), max_length=500)

    stopped_at = models.DateTimeField(_("stop"))
    meter_stop_wh = models.BigIntegerField(_("meter stop (Wh)"))
    energy_wh = models.BigIntegerField(_("energy (Wh)"))

    stopped_at_before = models.DateTimeField(_("stop before"), null=True, blank=True)
    meter_stop_wh_before = models.BigIntegerField(_("meter stop before (Wh)"), null=True, blank=True)
    energy_wh_before = models.BigIntegerField(_("energy before (Wh)"))
    ended_by_before = models.CharField(_("ended by before"), max_length=10, choices=EndedBy, blank=True)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.transaction} {self.made_at:%Y-%m-%d %H:%M}"
