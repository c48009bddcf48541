"""Reservations: a connector kept for somebody until a moment (§5.13)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from stations.models import Command, Connector

from .transaction import Transaction


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def open(self) -> ReservationQuerySet:
        """What the station keeps, or has been asked to."""
        return self.filter(status__in=OPEN_RESERVATIONS)

    def numbered(self, charge_point_id: int, reservation_id: int) -> ReservationQuerySet:
        """A station's reservations with an OCPP reservationId: several, if somebody used a number again."""
        numbers = self.alias(number=Coalesce("chosen_id", "id", output_field=models.BigIntegerField()))
        return numbers.filter(connector__charge_point=charge_point_id, number=reservation_id)


class Reservation(models.Model):
    """A connector kept for a tag, and for its group; connector 0 is any of the station's.

    The OCPP reservationId is the primary key, unless an expert chose a number of his own: those may repeat.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested", _("asked for")
        ACTIVE = "active", _("active")
        REFUSED = "refused", _("refused")
        USED = "used", _("used")
        EXPIRED = "expired", _("expired")
        CANCELLED = "cancelled", pgettext_lazy("reservation", "cancelled")
        ENDED = "ended", _("ended by a fault or by going out of service")

    id = models.AutoField(_("reservation"), primary_key=True)
    chosen_id = models.BigIntegerField(_("number chosen by hand"), null=True, blank=True, editable=False)
    connector = models.ForeignKey(
        Connector, verbose_name=_("connector"), on_delete=models.PROTECT, related_name="reservations"
    )
    id_tag = models.CharField(_("tag number"), max_length=20)
    parent_id_tag = models.CharField(_("group number"), max_length=20, blank=True)
    expires_at = models.DateTimeField(_("until"))
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.ACTIVE)
    answer = models.CharField(
        _("answer"), max_length=500, blank=True, editable=False, help_text=_("The charger's word on ReserveNow.")
    )
    command = models.ForeignKey(
        Command,
        verbose_name=_("command"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    transaction = models.ForeignKey(
        Transaction,
        verbose_name=_("transaction"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reservations",
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        ordering = ["-id"]
        indexes = [models.Index(fields=["connector"], name="reservation_active", condition=models.Q(status="active"))]

    def __str__(self) -> str:
        return f"#{self.reservation_id}"

    @property
    def reservation_id(self) -> Any:
        """The number on the wire."""
        return self.pk if self.chosen_id is None else self.chosen_id

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_RESERVATIONS


OPEN_RESERVATIONS = (Reservation.Status.REQUESTED, Reservation.Status.ACTIVE)
