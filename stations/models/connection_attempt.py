"""Handshakes we refused, so that nobody has to guess why a charger does not appear."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ConnectionAttempt(models.Model):
    """A refused handshake, repetitions of the same counted in one row."""

    class Reason(models.TextChoices):
        NO_IDENTITY = "no_identity", _("no charger id in the address")
        BAD_IDENTITY = "bad_identity", _("the charger id in the address is not usable")
        UNKNOWN = "unknown", _("unknown charger")
        ARCHIVED = "archived", _("this charger is archived")
        TOO_MANY_WAITING = "too_many_waiting", _("too many chargers wait for approval")
        WRONG_PASSWORD = "wrong_password", _("wrong password")
        NO_PASSWORD = "no_password", _("no password sent, but one is required")
        WRONG_USER = "wrong_user", _("the user name is not the charger id")
        BAD_AUTHORIZATION = "bad_authorization", _("the Authorization header is not readable")
        INSECURE = "insecure", _("less secure than this charger's minimum security profile")
        TLS_FAILED = "tls_failed", _("no secure connection came about (TLS)")
        BAD_CERTIFICATE = "bad_certificate", _("its certificate is not valid here")
        NO_CERTIFICATE = "no_certificate", _("no certificate sent, but one is required")
        WRONG_CERTIFICATE = "wrong_certificate", _("its certificate belongs to another charger")
        REVOKED_CERTIFICATE = "revoked_certificate", _("its certificate is revoked")
        SUBPROTOCOL = "subprotocol", _("offers no supported protocol, needs ocpp1.6")
        NO_SUBPROTOCOL = "no_subprotocol", _("offers no protocol, and this charger must offer ocpp1.6")
        TOO_MANY_FAILURES = "too_many_failures", _("too many failed attempts, try again in a minute")

    identity = models.CharField(_("identity"), max_length=255, blank=True)
    path = models.CharField(_("path"), max_length=500)
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    offered = models.CharField(_("offered protocols"), max_length=255, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=255, blank=True)
    details = models.CharField(_("details"), max_length=255, blank=True)
    status_code = models.PositiveSmallIntegerField(_("HTTP status"))
    count = models.PositiveIntegerField(_("count"), default=1)
    first_at = models.DateTimeField(_("first"), default=timezone.now)
    last_at = models.DateTimeField(_("last"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("connection attempt")
        verbose_name_plural = _("connection attempts")
        ordering = ["-last_at"]

    def __str__(self) -> str:
        return f"{self.remote_address} → {self.path}: {self.get_reason_display()}"
