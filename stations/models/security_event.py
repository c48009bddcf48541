"""Security events: what stations report (white paper A04) and what we notice ourselves."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .charge_point import ChargePoint

#: Our own: a station came back with a lower security profile and was refused.
PROFILE_DOWNGRADE = "SecurityProfileDowngrade"
#: Our own: two places take the station's line from each other (see `stations.takeovers`).
LINE_CONTESTED = "LineContested"
#: Our own: one unknown tag after the other is held to its reader, or somebody pretends that they are.
TAGS_TRIED = "UnknownTagsTried"
#: Events the white paper marks critical (its appendix), and our own; they deserve a person's eye.
CRITICAL_TYPES = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        PROFILE_DOWNGRADE,
        LINE_CONTESTED,
        TAGS_TRIED,
    }
)


class SecurityEvent(models.Model):
    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="security_events"
    )
    type = models.CharField(_("type"), max_length=50)
    tech_info = models.CharField(_("details"), max_length=2550, blank=True)
    occurred_at = models.DateTimeField(_("time at the charger"))
    received_at = models.DateTimeField(_("received"), default=timezone.now)

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.type

    @property
    def is_critical(self) -> bool:
        return self.type in CRITICAL_TYPES
