"""The processes that hold charge points' sockets."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.wall_clock import patient_now

BEAT_INTERVAL_S = 10
#: A process that missed two beats is taken for dead, and so are the sockets it held.
DEAD_AFTER = timedelta(seconds=30)


def alive_since() -> datetime:
    """Whoever has beaten after this moment is alive; a clock that was set kills nobody."""
    return patient_now() - DEAD_AFTER


class GatewayProcessQuerySet(models.QuerySet["GatewayProcess"]):
    def alive(self) -> "GatewayProcessQuerySet":
        return self.filter(beat_at__gt=alive_since())

    def dead(self) -> "GatewayProcessQuerySet":
        return self.filter(beat_at__lte=alive_since())


class GatewayProcess(models.Model):
    """One running server process; its `channel` is where the channel layer reaches it."""

    channel = models.CharField(_("channel"), max_length=100, unique=True)
    host = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField(_("process id"))
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    beat_at = models.DateTimeField(_("last sign of life"), default=timezone.now)

    objects = GatewayProcessQuerySet.as_manager()

    class Meta:
        verbose_name = _("gateway process")
        verbose_name_plural = _("gateway processes")

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
