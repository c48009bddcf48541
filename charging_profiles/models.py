"""Charging profiles: a library, what stations were given of it, and what they say they do (OCPP 1.6 §3.13)."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import ChargePoint, Command
from transactions.models import Transaction

from .schedule import EVERY


class Purpose(models.TextChoices):
    CHARGE_POINT_MAX = "ChargePointMaxProfile", _("The whole charger")
    TX_DEFAULT = "TxDefaultProfile", _("Every session")
    TX = "TxProfile", _("One running session")


class Kind(models.TextChoices):
    ABSOLUTE = "Absolute", _("once, from a moment on")
    RECURRING = "Recurring", _("again and again")
    RELATIVE = "Relative", _("from the beginning of each session")


class Recurrency(models.TextChoices):
    DAILY = "Daily", _("every day")
    WEEKLY = "Weekly", _("every week")


class RateUnit(models.TextChoices):
    A = "A", _("A per phase")
    W = "W", _("W in total")


class ChargingProfile(models.Model):
    """A profile of the library. `periods` is a list of {"start": seconds from the start, "limit": "16.0", "phases": 3},
    the first at 0, ascending; `limit` is text of a decimal with one place at most, `phases` may be absent (3).

    A recurring profile repeats what begins at `starts_at`. With `follows_clock` its day begins at the same time on the
    clock of TIME_ZONE all year: it is sent again when the clocks change, for stations repeat every 24 hours.
    """

    name = models.CharField(_("name"), max_length=100)
    purpose = models.CharField(_("purpose"), max_length=21, choices=Purpose, default=Purpose.TX_DEFAULT)
    stack_level = models.PositiveIntegerField(
        _("stack level"), default=0, help_text=_("The higher level wins while it has something to say.")
    )
    kind = models.CharField(_("kind"), max_length=9, choices=Kind, default=Kind.RECURRING)
    recurrency = models.CharField(_("repeated"), max_length=6, choices=Recurrency, blank=True)
    unit = models.CharField(_("unit"), max_length=1, choices=RateUnit, default=RateUnit.A)
    starts_at = models.DateTimeField(_("begins"), null=True, blank=True)
    duration_s = models.PositiveIntegerField(
        _("duration (s)"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    follows_clock = models.BooleanField(_("keep to the clock when it changes"), default=True)
    min_rate = models.DecimalField(_("least useful rate"), max_digits=10, decimal_places=1, null=True, blank=True)
    periods = models.JSONField(_("periods"), default=list)
    notes = models.TextField(_("notes"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        verbose_name = _("charging profile")
        verbose_name_plural = _("charging profiles")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Upper("name"),
                name="charging_profile_unique",
                condition=models.Q(archived_at=None),
                violation_error_message=_("There is already a profile with this name."),
            ),
            models.CheckConstraint(
                condition=models.Q(kind="Recurring") & ~models.Q(recurrency="")
                | ~models.Q(kind="Recurring") & models.Q(recurrency=""),
                name="charging_profile_recurrency",
                violation_error_message=_("A profile that is repeated says how often, and no other does."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def every(self) -> timedelta | None:
        """After how long it begins anew; None if it does not."""
        if self.kind != Kind.RECURRING:
            return None
        return EVERY["Weekly" if self.recurrency == Recurrency.WEEKLY else "Daily"]


class Assignment(models.Model):
    """A profile that a station was told, from wherever: the library, an expert's form, REST, a limit.

    `payload` is csChargingProfiles as it was sent. What we believe is active are the rows whose state is `installed` or
    `uncertain`.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("on its way")
        INSTALLED = "installed", _("installed")
        UNCERTAIN = "uncertain", _("sent, no answer")
        REFUSED = "refused", _("refused")
        NOT_SENT = "not_sent", _("not delivered")
        REPLACED = "replaced", _("replaced by another one")
        CLEARED = "cleared", _("removed")
        ENDED = "ended", _("ended with its session")

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="charging_profiles"
    )
    connector_id = models.PositiveIntegerField(_("connector"))
    profile = models.ForeignKey(
        ChargingProfile,
        verbose_name=_("profile"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="assignments",
    )
    transaction = models.ForeignKey(
        Transaction,
        verbose_name=_("transaction"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="charging_profiles",
    )
    charging_profile_id = models.BigIntegerField(_("profile id"), help_text=_("The number on the wire."))
    purpose = models.CharField(_("purpose"), max_length=21, choices=Purpose)
    stack_level = models.PositiveIntegerField(_("stack level"))
    payload = models.JSONField(_("as it was sent"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.ASKED)
    command = models.OneToOneField(
        Command,
        verbose_name=_("command"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="charging_profile",
    )
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    installed_at = models.DateTimeField(_("installed"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("assigned charging profile")
        verbose_name_plural = _("assigned charging profiles")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["charge_point"], name="assignment_open", condition=models.Q(ended_at=None)),
            models.Index(fields=["profile"], name="assignment_of_profile"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} / {self.connector_id}: {self.profile or self.charging_profile_id}"


#: What we believe is at the station.
ACTIVE_STATES = (Assignment.State.INSTALLED, Assignment.State.UNCERTAIN)


class CompositeReading(models.Model):
    """GetCompositeSchedule as a station answered it: a snapshot."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="composite_schedules"
    )
    connector_id = models.PositiveIntegerField(_("connector"))
    command = models.OneToOneField(
        Command,
        verbose_name=_("command"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="composite_schedule",
    )
    starts_at = models.DateTimeField(_("begins"))
    duration_s = models.PositiveIntegerField(_("duration (s)"))
    unit = models.CharField(_("unit"), max_length=1, choices=RateUnit)
    schedule = models.JSONField(_("schedule"), help_text=_("chargingSchedule as it came."))
    read_at = models.DateTimeField(_("read"), default=timezone.now)

    class Meta:
        verbose_name = _("composite schedule")
        verbose_name_plural = _("composite schedules")
        ordering = ["-id"]
        indexes = [models.Index(fields=["charge_point", "connector_id"], name="composite_reading_of")]

    def __str__(self) -> str:
        return f"{self.charge_point} / {self.connector_id}"
