"""Reservations: a connector kept for somebody until a moment (§5.13)."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import Connector

from .transaction import Transaction


class Reservation(models.Model):
    """Its primary key is the OCPP reservationId."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        USED = "used", _("used")
        EXPIRED = "expired", _("expired")
        CANCELLED = "cancelled", _("cancelled")
        ENDED = "ended", _("ended by a fault or by going out of service")

    id = models.AutoField(_("reservation"), primary_key=True)
    connector = models.ForeignKey(
        Connector, verbose_name=_("connector"), on_delete=models.PROTECT, related_name="reservations"
    )
    id_tag = models.CharField(_("tag number"), max_length=20)
    parent_id_tag = models.CharField(_("group number"), max_length=20, blank=True)
    expires_at = models.DateTimeField(_("until"))
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.ACTIVE)
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

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        ordering = ["-id"]
        indexes = [models.Index(fields=["connector"], name="reservation_active", condition=models.Q(status="active"))]

    def __str__(self) -> str:
        return f"#{self.pk}"
