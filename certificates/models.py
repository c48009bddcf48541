"""Certificates of stations, their requests, the roots they trust, and the way up to profiles 2 and 3 (white paper)."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import ChargePoint, Command


class CertificateUse(models.TextChoices):
    """CertificateUse of InstallCertificate and its like."""

    CENTRAL_SYSTEM = "CentralSystemRootCertificate", _("for this central system")
    MANUFACTURER = "ManufacturerRootCertificate", _("for the vendor's firmware")


class StationCertificateQuerySet(models.QuerySet["StationCertificate"]):
    def held(self, at: datetime) -> StationCertificateQuerySet:
        """Those with which a station can log in at a moment: it has accepted or used them; valid and not revoked."""
        has_it = models.Q(delivered_at__isnull=False) | models.Q(used_at__isnull=False)
        return self.filter(has_it, revoked_at=None, not_before__lte=at, not_after__gt=at)


class StationCertificate(models.Model):
    """A certificate with which a station may prove who it is (security profile 3): ours, or signed elsewhere."""

    class Revocation(models.TextChoices):
        NONE = "", _("not revoked")
        LOST = "lost", _("the charger or its key was lost")
        REPLACED = "replaced", _("replaced by another certificate")
        OUT_OF_USE = "out_of_use", _("the charger is out of use")

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="certificates"
    )
    serial_number = models.CharField(_("serial number"), max_length=40, help_text=_("Hexadecimal, lower case."))
    subject = models.CharField(_("subject"), max_length=500)
    issuer = models.CharField(_("issuer"), max_length=500)
    sha256 = models.CharField(_("SHA-256"), max_length=64, unique=True, help_text=_("Of the DER form."))
    chain = models.TextField(_("certificates"), help_text=_("PEM: its own first, without the root."))
    key_text = models.CharField(_("key"), max_length=40, help_text=_("Such as RSA 2048 or EC P-256."))
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"))
    is_ours = models.BooleanField(_("signed by our CA"), default=True)
    created_at = models.DateTimeField(_("stored"), default=timezone.now)
    delivered_at = models.DateTimeField(_("accepted by the charger"), null=True, blank=True)
    used_at = models.DateTimeField(_("first used"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    revocation = models.CharField(_("reason"), max_length=10, choices=Revocation, blank=True, default=Revocation.NONE)
    revoked_by = models.CharField(_("revoked by"), max_length=150, blank=True)

    objects = StationCertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate of a charger")
        verbose_name_plural = _("certificates of chargers")
        ordering = ["-id"]
        permissions = [("revoke_stationcertificate", _("Can revoke certificates of chargers"))]
        indexes = [
            models.Index(fields=["charge_point"], name="station_certificate_of"),
            models.Index(fields=["not_after"], name="station_certificate_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.serial_number})"

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None


class SigningRequest(models.Model):
    """SignCertificate of a station (white paper A02, A03), from its arrival to the station's last word on it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("to be signed")
        REFUSED = "refused", _("refused")
        SIGNED = "signed", _("signed")
        SENT = "sent", _("sent to the charger")
        ACCEPTED = "accepted", _("accepted by the charger")
        REJECTED = "rejected", _("rejected by the charger")
        FAILED = "failed", _("not delivered")
        SUPERSEDED = "superseded", _("replaced by a later request")

    class Problem(models.TextChoices):
        """Why a request cannot be signed as it is."""

        NONE = "", _("none")
        UNREADABLE = "unreadable", _("it is no readable request (PKCS#10)")
        SIGNATURE = "signature", _("its own signature does not fit its key")
        NAME = "name", _("it names another charger than the one that sent it")
        OPERATOR = "operator", _("it names another operator")
        WEAK_KEY = "weak_key", _("its key is too weak")
        WEAK_HASH = "weak_hash", _("it is signed with an outdated hash")
        TOO_MANY = "too_many", _("the charger asked too often")

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="signing_requests"
    )
    pem = models.TextField(_("request"), max_length=5500)
    subject = models.CharField(_("subject"), max_length=500, blank=True)
    key_text = models.CharField(_("key"), max_length=40, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    problem = models.CharField(_("problem"), max_length=10, choices=Problem, blank=True, default=Problem.NONE)
    certificate = models.ForeignKey(
        StationCertificate,
        verbose_name=_("certificate"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="requests",
    )
    command = models.ForeignKey(
        Command, verbose_name=_("command"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    deliveries = models.PositiveSmallIntegerField(_("deliveries"), default=0)
    next_delivery_at = models.DateTimeField(_("next delivery"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("certificate request")
        verbose_name_plural = _("certificate requests")
        ordering = ["-id"]
        permissions = [("sign_signingrequest", _("Can sign certificates of chargers"))]
        indexes = [
            models.Index(fields=["charge_point"], name="signing_request_of"),
            models.Index(fields=["state"], name="signing_request_open", condition=models.Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} {timezone.localtime(self.received_at):%Y-%m-%d %H:%M}"


class RootCertificate(models.Model):
    """A root that can be installed at stations: our CA's, that of the server's own certificate, a vendor's."""

    name = models.CharField(_("name"), max_length=100)
    use = models.CharField(_("use"), max_length=30, choices=CertificateUse)
    pem = models.TextField(_("certificate"), max_length=5500)
    subject = models.CharField(_("subject"), max_length=500)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(_("stored"), default=timezone.now)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        verbose_name = _("root certificate")
        verbose_name_plural = _("root certificates")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["use", "sha256"],
                name="root_certificate_unique",
                violation_error_message=_("This certificate is stored already."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class InstalledCertificate(models.Model):
    """A root that a station says it holds (GetInstalledCertificateIds); hex values in lower case."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="installed_certificates"
    )
    use = models.CharField(_("use"), max_length=30, choices=CertificateUse)
    hash_algorithm = models.CharField(_("hash"), max_length=6)
    issuer_name_hash = models.CharField(_("hash of the issuer's name"), max_length=128)
    issuer_key_hash = models.CharField(_("hash of the issuer's key"), max_length=128)
    serial_number = models.CharField(_("serial number"), max_length=40)
    root = models.ForeignKey(
        RootCertificate,
        verbose_name=_("certificate"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="installed",
    )
    read_at = models.DateTimeField(_("read"), default=timezone.now)

    class Meta:
        verbose_name = _("installed certificate")
        verbose_name_plural = _("installed certificates")
        ordering = ["use", "id"]
        indexes = [models.Index(fields=["charge_point", "use"], name="installed_certificate_of")]

    def __str__(self) -> str:
        return str(self.root or self.serial_number)


class CertificateReading(models.Model):
    """When a station was last heard on the roots it holds for a use; without a row it never was."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="certificate_readings"
    )
    use = models.CharField(_("use"), max_length=30, choices=CertificateUse)
    read_at = models.DateTimeField(_("read"))

    class Meta:
        verbose_name = _("reading of certificates")
        verbose_name_plural = _("readings of certificates")
        constraints = [models.UniqueConstraint(fields=["charge_point", "use"], name="certificate_reading_unique")]

    def __str__(self) -> str:
        return f"{self.charge_point} {self.use}"


class SecurityUpgrade(models.Model):
    """The way of one station to security profile 1, 2 or 3 (white paper A05), step by step, over restarts.

    The rows of the commands are the truth, found by their idempotency keys "upgrade <pk> <step> <try>"; the clock takes
    each upgrade further. `steps` tells people what happened: [step, word, ISO time].
    """

    class State(models.TextChoices):
        RUNNING = "running", _("under way")
        WAITING = "waiting", _("waiting for somebody")
        DONE = "done", _("done")
        RETURNED = "returned", _("the charger came back as it was before")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Step(models.TextChoices):
        """In their order; those that a profile does not need, or that are done already, are passed over."""

        CHECK = "check", _("Look at what the charger can do")
        PASSWORD = "password", _("Give it a password")
        ROOT = "root", _("Give it the root certificate of this server")
        OPERATOR = "operator", _("Tell it the operator's name")
        CERTIFICATE = "certificate", _("Give it a certificate of its own")
        SWITCH = "switch", _("Tell it to use the new profile")
        RETURN = "return", _("Wait until it comes back")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="security_upgrades"
    )
    profile = models.PositiveSmallIntegerField(_("security profile"))
    profile_before = models.PositiveSmallIntegerField(_("security profile before"))
    root = models.ForeignKey(
        RootCertificate, verbose_name=_("root certificate"), null=True, blank=True, on_delete=models.PROTECT
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.RUNNING)
    step = models.CharField(_("step"), max_length=11, choices=Step, default=Step.CHECK)
    problem = models.CharField(_("problem"), max_length=30, blank=True)
    details = models.CharField(_("details"), max_length=500, blank=True)
    steps = models.JSONField(_("steps"), default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    actor = models.CharField(_("who"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    step_at = models.DateTimeField(_("step since"), default=timezone.now)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField(_("expected until"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("security upgrade")
        verbose_name_plural = _("security upgrades")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point"],
                name="security_upgrade_one_at_a_time",
                condition=models.Q(ended_at=None),
                violation_error_message=_("An upgrade of this charger is under way already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} → {self.profile}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None
