"""Transactions: what was charged."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import ChargePoint, Connector

from .id_tag import IdTag


class AuthorizationStatus(models.TextChoices):
    """Verdict on a tag (§7.2)."""

    ACCEPTED = "Accepted", _("Accepted")
    BLOCKED = "Blocked", _("Blocked")
    EXPIRED = "Expired", _("Expired")
    INVALID = "Invalid", _("Unknown")
    CONCURRENT_TX = "ConcurrentTx", _("Already charging elsewhere")


class StopReason(models.TextChoices):
    """Why a transaction stopped (§7.36)."""

    LOCAL = "Local", _("Local")
    REMOTE = "Remote", _("Remote")
    EV_DISCONNECTED = "EVDisconnected", _("Car unplugged")
    DE_AUTHORIZED = "DeAuthorized", _("Not authorized")
    EMERGENCY_STOP = "EmergencyStop", _("Emergency stop")
    HARD_RESET = "HardReset", _("Hard reset")
    SOFT_RESET = "SoftReset", _("Soft reset")
    POWER_LOSS = "PowerLoss", _("Power loss")
    REBOOT = "Reboot", _("Reboot")
    UNLOCK_COMMAND = "UnlockCommand", _("Unlocked")
    OTHER = "Other", _("Other")


class EndedBy(models.TextChoices):
    """Who set the end; only the station's own word is final."""

    OPEN = "", _("running")
    STATION = "station", _("charger")
    SUPERSEDED = "superseded", _("next session on this connector")
    OPERATOR = "operator", _("operator")


class Flag(models.TextChoices):
    """What was odd about a transaction; stored in `flags`, shown to the operator."""

    UNAUTHORIZED = "unauthorized", _("tag was not accepted")
    CLOCK_SUSPECT = "clock_suspect", _("charger clock is off")
    NO_TIMESTAMP = "no_timestamp", _("charger sent no time")
    NO_METER_STOP = "no_meter_stop", _("charger sent no final reading")
    METER_LOWER = "meter_lower", _("final reading below the first")
    METER_RESET = "meter_reset", _("meter fell during the session")
    STOP_BEFORE_START = "stop_before_start", _("stop before start")
    STOP_MISSING = "stop_missing", _("no stop received")
    STOP_CONFLICT = "stop_conflict", _("a second, different stop came")
    STOP_WITHOUT_ID = "stop_without_id", _("stop came without its number")
    TAG_TOO_LONG = "tag_too_long", _("tag number was too long")
    CONNECTOR_ZERO = "connector_zero", _("started on connector 0")


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def running(self) -> TransactionQuerySet:
        return self.filter(ended_by=EndedBy.OPEN)


class Transaction(models.Model):
    """A charging session. Its primary key is the OCPP transactionId: positive, below 2³¹, never reused.

    `*_reported_at` is the station's own clock, `started_at`/`stopped_at` what we believe (the arrival where the clock
    is off). `register_wh` follows the meter while the session runs; `energy_wh` is what was delivered so far, in the
    end meterStop − meterStart.
    """

    id = models.AutoField(_("transaction"), primary_key=True)
    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="transactions"
    )
    connector = models.ForeignKey(
        Connector, verbose_name=_("connector"), on_delete=models.PROTECT, related_name="transactions"
    )
    id_tag = models.CharField(_("tag number"), max_length=20)
    tag = models.ForeignKey(
        IdTag, verbose_name=_("tag"), null=True, blank=True, on_delete=models.PROTECT, related_name="transactions"
    )
    authorization_status = models.CharField(_("verdict"), max_length=12, choices=AuthorizationStatus)
    reservation_id = models.BigIntegerField(_("reservation"), null=True, blank=True)

    started_at = models.DateTimeField(_("start"))
    start_reported_at = models.DateTimeField(_("start by the charger's clock"))
    start_received_at = models.DateTimeField(_("start received"), default=timezone.now)
    meter_start_wh = models.BigIntegerField(_("meter start (Wh)"))

    stopped_at = models.DateTimeField(_("stop"), null=True, blank=True)
    stop_reported_at = models.DateTimeField(_("stop by the charger's clock"), null=True, blank=True)
    stop_received_at = models.DateTimeField(_("stop received"), null=True, blank=True)
    meter_stop_wh = models.BigIntegerField(_("meter stop (Wh)"), null=True, blank=True)
    stop_id_tag = models.CharField(_("stopped by tag"), max_length=20, blank=True)
    stop_reason = models.CharField(_("stop reason"), max_length=50, choices=StopReason, blank=True)
    ended_by = models.CharField(_("ended by"), max_length=10, choices=EndedBy, blank=True, default=EndedBy.OPEN)

    register_wh = models.BigIntegerField(_("last reading (Wh)"))
    register_at = models.DateTimeField(_("last reading at"))
    energy_wh = models.BigIntegerField(_("energy (Wh)"), default=0)
    flags = models.JSONField(_("remarks"), default=list, blank=True)

    #: connectorId of `connector`, where a query or the start brought it along
    number_at_station: int | None = None

    objects = TransactionQuerySet.as_manager()

    class Meta:
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        ordering = ["-id"]
        permissions = [("export_transaction", _("Can export transactions"))]
        constraints = [
            # A repeated StartTransaction meets its first here, whichever process gets it (§3.7.1).
            models.UniqueConstraint(
                "connector", Upper("id_tag"), "start_reported_at", "meter_start_wh", name="transaction_start_unique"
            )
        ]
        indexes = [
            models.Index(fields=["started_at"], name="transaction_started"),
            models.Index(fields=["charge_point", "started_at"], name="transaction_station_started"),
            models.Index(fields=["connector"], name="transaction_running", condition=models.Q(ended_by="")),
            # never an index with energy_wh in it: every reading of a running session changes that
            models.Index(Upper("id_tag"), "started_at", name="transaction_tag_started"),
            models.Index(fields=["started_at"], name="transaction_remarks", condition=~models.Q(flags=[])),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_running(self) -> bool:
        return self.ended_by == EndedBy.OPEN

    @property
    def energy_kwh(self) -> Decimal:
        return Decimal(self.energy_wh).scaleb(-3)

    def duration(self, now: datetime | None = None) -> timedelta:
        """Length of the session, never negative; until `now` while it runs."""
        end = self.stopped_at or now or timezone.now()
        return max(end - self.started_at, timedelta(0))

    def average_w(self, now: datetime | None = None) -> Decimal | None:
        """Mean power of the whole session; None for one without a length."""
        seconds = int(self.duration(now).total_seconds())
        return Decimal(self.energy_wh) * 3600 / seconds if seconds else None

    def flag(self, flag: str) -> None:
        """Remember once what was odd."""
        if flag not in self.flags:
            self.flags = [*self.flags, str(flag)]


class OrphanedStop(models.Model):
    """A StopTransaction that fits no transaction: acknowledged, kept, shown; attached by hand if need be."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="orphaned_stops"
    )
    # text: Alfen sends ids of 2⁶³−1 and more
    reported_transaction_id = models.CharField(_("reported number"), max_length=50)
    id_tag = models.CharField(_("tag number"), max_length=20, blank=True)
    meter_stop_wh = models.BigIntegerField(_("meter stop (Wh)"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("time at the charger"))
    reason = models.CharField(_("stop reason"), max_length=50, blank=True)
    transaction_data = models.JSONField(_("meter values"), default=list, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    transaction = models.ForeignKey(
        Transaction,
        verbose_name=_("belongs to"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="orphaned_stops",
    )

    class Meta:
        verbose_name = _("orphaned stop")
        verbose_name_plural = _("orphaned stops")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "reported_transaction_id", "stopped_at"], name="orphaned_stop_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} #{self.reported_transaction_id}"
