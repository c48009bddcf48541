"""Commands: outgoing CALLs, each a row with a life."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .charge_point import ChargePoint


class CommandStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")
    FAILED = "failed", _("Failed")
    TIMED_OUT = "timed_out", _("No answer")
    UNDELIVERED = "undelivered", _("Not delivered")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


OPEN_STATUSES = (CommandStatus.QUEUED, CommandStatus.SENT)


class Command(models.Model):
    """One CALL of ours: stored before it is sent, closed when the station answered or will not.

    `connection` names the socket it went out on, so that a process's death leaves no row "sent" for ever.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="commands"
    )
    action = models.CharField(_("action"), max_length=50)
    payload = models.JSONField(_("payload"), default=dict)
    status = models.CharField(_("status"), max_length=12, choices=CommandStatus, default=CommandStatus.QUEUED)
    answer = models.JSONField(_("answer"), null=True, blank=True)
    error_code = models.CharField(_("error code"), max_length=50, blank=True)
    error_description = models.TextField(_("error description"), blank=True)
    timeout_s = models.PositiveIntegerField(_("time-out (s)"), default=30)
    connection = models.CharField(_("connection"), max_length=32, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["charge_point", "created_at"], name="command_order"),
            models.Index(fields=["status"], name="command_open", condition=models.Q(status__in=["queued", "sent"])),
        ]

    def __str__(self) -> str:
        return f"{self.action} → {self.charge_point}"
