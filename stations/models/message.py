"""The OCPP log: every frame that went over a station's socket."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .charge_point import ChargePoint


class Message(models.Model):
    """One frame. `text` has NUL and lone surrogates escaped and secrets masked.

    The hottest table of all: no foreign-key constraint and one index beside the key, because each costs every frame.
    Rows are pruned in the order of their key.
    """

    class Direction(models.TextChoices):
        IN = "in", _("from charger")
        OUT = "out", _("to charger")

    class Kind(models.IntegerChoices):
        UNREADABLE = 0, _("unreadable")
        CALL = 2, "CALL"
        CALL_RESULT = 3, "CALLRESULT"
        CALL_ERROR = 4, "CALLERROR"

    charge_point = models.ForeignKey(
        ChargePoint,
        verbose_name=_("charger"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="messages",
    )
    at = models.DateTimeField(_("time"))
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    kind = models.PositiveSmallIntegerField(_("kind"), choices=Kind)
    action = models.CharField(_("action"), max_length=50, blank=True)
    unique_id = models.CharField(_("message id"), max_length=100, blank=True)
    text = models.TextField(_("text"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        indexes = [models.Index(fields=["charge_point", "at"], name="message_station_time")]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.action} {self.at:%Y-%m-%d %H:%M:%S}"
