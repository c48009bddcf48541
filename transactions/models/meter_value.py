"""Meter values and the daily energy made from them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models import Connector

from .transaction import Transaction


class MeterValue(models.Model):
    """What a connector's meters said at one moment in one context; the hot table.

    One row per connector, transaction (0 for none), timestamp and context. The usual measurands have typed columns in
    their base units. `samples` keeps, as the station sent them, the samples that a column does not reproduce: other
    measurands, other locations, signed data, values with more digits than a column holds. Nothing is lost.
    """

    class Context(models.TextChoices):
        """Why the sample was taken (§7.40)."""

        INTERRUPTION_BEGIN = "Interruption.Begin", _("Interruption begins")
        INTERRUPTION_END = "Interruption.End", _("Interruption ends")
        SAMPLE_CLOCK = "Sample.Clock", _("By the clock")
        SAMPLE_PERIODIC = "Sample.Periodic", _("Periodic")
        TRANSACTION_BEGIN = "Transaction.Begin", _("Session begins")
        TRANSACTION_END = "Transaction.End", _("Session ends")
        TRIGGER = "Trigger", _("Asked for")
        OTHER = "Other", _("Other")

    id = models.BigAutoField(primary_key=True)
    connector = models.ForeignKey(
        Connector,
        verbose_name=_("connector"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,  # connectors with meter values are never deleted; the check would cost every row
        db_index=False,  # first column of the unique index
        related_name="meter_values",
    )
    transaction = models.ForeignKey(
        Transaction,
        verbose_name=_("transaction"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,  # 0 stands for "none", so that the unique index has no NULL in it
        db_index=False,
        default=0,
        related_name="meter_values",
    )
    timestamp = models.DateTimeField(_("time"))
    context = models.CharField(_("context"), max_length=20, choices=Context, default=Context.SAMPLE_PERIODIC)
    reported_transaction_id = models.CharField(
        _("reported transaction"), max_length=50, blank=True, help_text=_("A number we do not know: kept as an orphan.")
    )

    energy_wh = models.BigIntegerField(_("energy register (Wh)"), null=True, blank=True)
    power_w = models.DecimalField(_("power (W)"), max_digits=12, decimal_places=3, null=True, blank=True)
    current_a = models.DecimalField(_("current (A)"), max_digits=9, decimal_places=3, null=True, blank=True)
    current_l1_a = models.DecimalField(_("current L1 (A)"), max_digits=9, decimal_places=3, null=True, blank=True)
    current_l2_a = models.DecimalField(_("current L2 (A)"), max_digits=9, decimal_places=3, null=True, blank=True)
    current_l3_a = models.DecimalField(_("current L3 (A)"), max_digits=9, decimal_places=3, null=True, blank=True)
    voltage_v = models.DecimalField(_("voltage (V)"), max_digits=9, decimal_places=3, null=True, blank=True)
    voltage_l1_v = models.DecimalField(_("voltage L1 (V)"), max_digits=9, decimal_places=3, null=True, blank=True)
    voltage_l2_v = models.DecimalField(_("voltage L2 (V)"), max_digits=9, decimal_places=3, null=True, blank=True)
    voltage_l3_v = models.DecimalField(_("voltage L3 (V)"), max_digits=9, decimal_places=3, null=True, blank=True)
    soc_percent = models.DecimalField(_("state of charge (%)"), max_digits=6, decimal_places=3, null=True, blank=True)
    current_offered_a = models.DecimalField(
        _("offered current (A)"), max_digits=9, decimal_places=3, null=True, blank=True
    )
    samples = models.JSONField(_("further samples"), null=True, blank=True)

    class Meta:
        verbose_name = _("meter value")
        verbose_name_plural = _("meter values")
        ordering = ["-id"]
        permissions = [("export_metervalue", _("Can export meter values"))]
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "transaction", "timestamp", "context"], name="meter_value_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["transaction", "timestamp"], name="meter_value_transaction", condition=~models.Q(transaction=0)
            )
        ]

    def __str__(self) -> str:
        return f"{self.timestamp:%Y-%m-%d %H:%M:%S}"


class DailyEnergy(models.Model):
    """Energy delivered in transactions, per connector and day of the installation's time zone.

    Kept by the same writes that store readings and stops; its sum over a transaction's days is that transaction's
    `energy_wh`.
    """

    connector = models.ForeignKey(
        Connector, verbose_name=_("connector"), on_delete=models.PROTECT, related_name="daily_energy"
    )
    day = models.DateField(_("day"))
    energy_wh = models.BigIntegerField(_("energy (Wh)"), default=0)

    class Meta:
        verbose_name = _("daily energy")
        verbose_name_plural = _("daily energy")
        ordering = ["-day", "connector"]
        constraints = [models.UniqueConstraint(fields=["connector", "day"], name="daily_energy_unique")]
        indexes = [models.Index(fields=["day"], name="daily_energy_day")]

    def __str__(self) -> str:
        return f"{self.connector} {self.day}"
