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
#: Ends without a word from the station, which may have done it all the same; what it says later is kept beside them.
UNANSWERED_STATUSES = (CommandStatus.TIMED_OUT, CommandStatus.FAILED)


class CommandSource(models.TextChoices):
    """The door a command came through."""

    ADMIN = "admin", _("Administration")
    SCREEN = "screen", _("Screen")
    API = "api", _("API")
    COMMAND_LINE = "command_line", _("Command line")
    SYSTEM = "system", _("plugcontrol itself")


class EffectStatus(models.TextChoices):
    """What became of what an accepted command promised; `stations.effects` knows which command promises what."""

    NONE = "", _("none")
    AWAITED = "awaited", _("Awaited")
    SEEN = "seen", _("Seen")
    MISSED = "missed", _("Not seen")


class CommandBatch(models.Model):
    """One action for many stations; `per_minute` paces it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(_("action"), max_length=50)
    payload = models.JSONField(_("payload"), default=dict)
    per_minute = models.PositiveIntegerField(_("chargers per minute"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=12, choices=CommandSource, default=CommandSource.SYSTEM)
    actor = models.CharField(_("who"), max_length=150, blank=True)
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    idempotency_key = models.CharField(_("idempotency key"), max_length=100, blank=True)
    retry_of = models.OneToOneField(
        "self", verbose_name=_("retry of"), null=True, blank=True, on_delete=models.PROTECT, related_name="retry"
    )

    class Meta:
        verbose_name = _("command batch")
        verbose_name_plural = _("command batches")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["created_at"], name="command_batch_time")]
        constraints = [
            models.UniqueConstraint(
                fields=["actor", "idempotency_key"],
                name="command_batch_idempotency",
                condition=~models.Q(idempotency_key=""),
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"


class Command(models.Model):
    """One CALL of ours: stored before it is sent, closed when the station answered or will not.

    `connection` names the socket it went out on, so that a process's death leaves no row "sent" for ever; `raised_in`
    the channel of the process that raised it, which is rung when it ends. Secrets in `payload` are masked once it is
    sent or closed. An answer that comes when the command is over is kept beside its end, which it does not change.
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
    late_answer = models.JSONField(_("late answer"), null=True, blank=True)
    late_at = models.DateTimeField(_("late answer came"), null=True, blank=True)

    source = models.CharField(_("source"), max_length=12, choices=CommandSource, default=CommandSource.SYSTEM)
    actor = models.CharField(_("who"), max_length=150, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    raised_in = models.CharField(_("raised in process"), max_length=64, blank=True, editable=False)
    idempotency_key = models.CharField(_("idempotency key"), max_length=100, blank=True)
    batch = models.ForeignKey(
        CommandBatch,
        verbose_name=_("batch"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="commands",
    )

    created_at = models.DateTimeField(_("created"), default=timezone.now)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    effect_status = models.CharField(
        _("effect"), max_length=8, choices=EffectStatus, blank=True, default=EffectStatus.NONE
    )
    effect_due_at = models.DateTimeField(_("effect awaited until"), null=True, blank=True)
    effect_at = models.DateTimeField(_("effect seen"), null=True, blank=True)
    effect = models.JSONField(_("what followed"), default=dict, blank=True)

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        ordering = ["-created_at"]
        permissions = [("send_command", _("Can send commands to chargers"))]
        indexes = [
            models.Index(fields=["charge_point", "created_at"], name="command_order"),
            models.Index(fields=["created_at"], name="command_time"),
            models.Index(fields=["status"], name="command_open", condition=models.Q(status__in=["queued", "sent"])),
            models.Index(
                fields=["charge_point"], name="command_effect_awaited", condition=models.Q(effect_status="awaited")
            ),
            models.Index(
                fields=["charge_point", "idempotency_key"],
                name="command_idempotency",
                condition=~models.Q(idempotency_key=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} → {self.charge_point}"

    @property
    def is_final(self) -> bool:
        """Whether the command has its end; its effect may still be awaited."""
        return self.status not in OPEN_STATUSES
