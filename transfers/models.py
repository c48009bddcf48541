"""Files to and from stations: firmware, diagnostics, logs (OCPP 1.6 §5.9, §5.19; white paper L01, N01)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import ChargePoint, Command


class FirmwareFile(models.Model):
    """An image for stations of a vendor and model, both without regard to case; blank means any.

    `signature` is Base64 over the whole image (SHA-256 with RSA-PSS or ECDSA), `signing_certificate` PEM: both or
    neither, checked when they are stored.
    """

    name = models.CharField(_("name"), max_length=100)
    version = models.CharField(
        _("version"), max_length=50, help_text=_("As the charger reports it after the update, such as 4.3.1.")
    )
    vendor = models.CharField(_("vendor"), max_length=50, blank=True, help_text=_("Empty: every vendor."))
    model = models.CharField(_("model"), max_length=50, blank=True, help_text=_("Empty: every model of the vendor."))
    file = models.FileField(_("file"), upload_to="firmware/", max_length=200)
    file_name = models.CharField(_("file name"), max_length=150, help_text=_("The last part of the address."))
    size = models.PositiveBigIntegerField(_("size"), help_text=_("Bytes."))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    signature = models.TextField(_("signature"), max_length=800, blank=True)
    signing_certificate = models.TextField(_("certificate of the signature"), max_length=5500, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    uploaded_at = models.DateTimeField(_("uploaded"), default=timezone.now)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        verbose_name = _("firmware file")
        verbose_name_plural = _("firmware files")
        ordering = ["-uploaded_at"]
        constraints = [
            models.UniqueConstraint(
                Upper("name"),
                Upper("version"),
                name="firmware_file_unique",
                condition=models.Q(archived_at=None),
                violation_error_message=_("There is already a file with this name and version."),
            ),
            models.CheckConstraint(
                condition=~models.Q(vendor="") | models.Q(model=""),
                name="firmware_file_model_needs_vendor",
                violation_error_message=_("A model needs its vendor."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def is_signed(self) -> bool:
        return bool(self.signature)

    def fits(self, charge_point: ChargePoint) -> bool:
        """Whether the vendor and model are those the station reports."""
        return all(
            not wanted or wanted.casefold() == reported.casefold()
            for wanted, reported in ((self.vendor, charge_point.vendor), (self.model, charge_point.model))
        )


class Direction(models.TextChoices):
    DOWNLOAD = "download", _("to the charger")
    UPLOAD = "upload", _("from the charger")


class FileKind(models.TextChoices):
    FIRMWARE = "firmware", _("Firmware")
    DIAGNOSTICS = "diagnostics", _("Diagnostics")
    SECURITY_LOG = "security_log", _("Security log")


class Transfer(models.Model):
    """What one command lets a station fetch or deliver: an address with a token, or FTP credentials, for some time.

    The token itself is nowhere but in the queued command, which forgets it when it is sent: here is its SHA-256. The
    same token is the FTP password; the FTP user is `ftp_user`.
    """

    class Problem(models.TextChoices):
        """Why the last request was refused."""

        NONE = "", _("none")
        EXPIRED = "expired", _("the address had expired")
        TOO_LARGE = "too_large", _("the file was larger than allowed")
        EMPTY = "empty", _("the file was empty")
        NO_SPACE = "no_space", _("no space left on the server")
        INTERRUPTED = "interrupted", _("the connection was lost in the middle of the file")
        ALREADY_THERE = "already_there", _("a file had been delivered already")
        WRONG_METHOD = "wrong_method", _("the charger tried to upload to an address for downloading, or vice versa")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="transfers"
    )
    direction = models.CharField(_("direction"), max_length=8, choices=Direction)
    kind = models.CharField(_("kind"), max_length=12, choices=FileKind)
    firmware = models.ForeignKey(
        FirmwareFile, verbose_name=_("firmware"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    command = models.OneToOneField(
        Command, verbose_name=_("command"), null=True, blank=True, on_delete=models.PROTECT, related_name="transfer"
    )
    token_hash = models.CharField(_("hash of the token"), max_length=64, unique=True)
    ftp_user = models.CharField(_("FTP user"), max_length=32, unique=True)
    max_bytes = models.PositiveBigIntegerField(_("largest file"), help_text=_("Bytes; for uploads."), default=0)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("valid until"))
    first_used_at = models.DateTimeField(_("first used"), null=True, blank=True)
    done_at = models.DateTimeField(_("complete"), null=True, blank=True)
    bytes_done = models.PositiveBigIntegerField(_("bytes"), default=0)
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    problem = models.CharField(_("problem"), max_length=16, choices=Problem, blank=True, default=Problem.NONE)
    problem_at = models.DateTimeField(_("problem at"), null=True, blank=True)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["charge_point", "created_at"], name="transfer_order"),
            models.Index(fields=["expires_at"], name="transfer_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.charge_point}"


class StationFile(models.Model):
    """A file that a station delivered. After STATION_FILE_RETENTION_DAYS its row stays without the file."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="files"
    )
    transfer = models.ForeignKey(Transfer, verbose_name=_("transfer"), on_delete=models.PROTECT, related_name="files")
    kind = models.CharField(_("kind"), max_length=12, choices=FileKind)
    file = models.FileField(_("file"), max_length=200, blank=True)
    file_name = models.CharField(_("file name"), max_length=255, help_text=_("As the charger named it."))
    size = models.PositiveBigIntegerField(_("size"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    over = models.CharField(_("over"), max_length=5, choices=[("http", "HTTP"), ("https", "HTTPS"), ("ftp", "FTP")])
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    class Meta:
        verbose_name = _("file from a charger")
        verbose_name_plural = _("files from chargers")
        ordering = ["-received_at"]
        permissions = [("download_stationfile", _("Can download files from chargers"))]
        indexes = [
            models.Index(fields=["charge_point", "received_at"], name="station_file_order"),
            models.Index(fields=["received_at"], name="station_file_kept", condition=models.Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return self.file_name


class Campaign(models.Model):
    """One firmware for many stations. `at_once` updates run side by side at most, begun `per_minute` at most.

    A station is not begun while one of its connectors charges unless `while_charging`; one that failed is begun again
    up to `retries` times.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    firmware = models.ForeignKey(
        FirmwareFile, verbose_name=_("firmware"), on_delete=models.PROTECT, related_name="campaigns"
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.RUNNING)
    signed = models.BooleanField(_("signed"), default=False, help_text=_("Send SignedUpdateFirmware."))
    begins_at = models.DateTimeField(_("not before"), default=timezone.now)
    ends_at = models.DateTimeField(_("give up after"), null=True, blank=True)
    at_once = models.PositiveIntegerField(_("at the same time"), default=5)
    per_minute = models.PositiveIntegerField(_("chargers per minute"), default=10)
    while_charging = models.BooleanField(_("also while charging"), default=False)
    retries = models.PositiveSmallIntegerField(_("tries after a failure"), default=1)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    source = models.CharField(_("source"), max_length=12, blank=True)
    actor = models.CharField(_("who"), max_length=150, blank=True)
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    idempotency_key = models.CharField(_("idempotency key"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("firmware campaign")
        verbose_name_plural = _("firmware campaigns")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["actor", "idempotency_key"],
                name="campaign_idempotency",
                condition=~models.Q(idempotency_key=""),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.CANCELLED)


class FirmwareUpdate(models.Model):
    """One station's way to a firmware, alone or in a campaign; one row per station of a campaign, whatever the tries.

    `status` is the station's last word (FirmwareStatus or SignedFirmwareStatus), `steps` all of them as [word, time].
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting for its turn")
        ASKED = "asked", _("command on its way")
        SCHEDULED = "scheduled", _("the charger waits for its time")
        DOWNLOADING = "downloading", _("downloading")
        DOWNLOADED = "downloaded", _("downloaded")
        INSTALLING = "installing", _("installing")
        INSTALLED = "installed", _("installed")
        UNVERIFIED = "unverified", _("installed, but the charger reports another version")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Failure(models.TextChoices):
        NONE = "", _("none")
        NOT_SENT = "not_sent", _("the charger was offline")
        REFUSED = "refused", _("the charger refused the command")
        NO_ANSWER = "no_answer", _("the charger did not answer the command")
        NOT_STARTED = "not_started", _("the charger did not begin to download")
        DOWNLOAD = "download", _("the download failed")
        SIGNATURE = "signature", _("the charger did not accept the signature")
        CERTIFICATE = "certificate", _("the charger did not accept the certificate of the signature")
        INSTALLATION = "installation", _("the installation failed")
        SILENCE = "silence", _("the charger stopped reporting")
        DOES_NOT_FIT = "does_not_fit", _("the firmware is for another vendor or model")
        ARCHIVED = "archived", _("the charger is archived")
        TOO_LATE = "too_late", _("the campaign ended before its turn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="firmware_updates"
    )
    firmware = models.ForeignKey(
        FirmwareFile, verbose_name=_("firmware"), on_delete=models.PROTECT, related_name="updates"
    )
    campaign = models.ForeignKey(
        Campaign, verbose_name=_("campaign"), null=True, blank=True, on_delete=models.PROTECT, related_name="updates"
    )
    state = models.CharField(_("state"), max_length=11, choices=State, default=State.WAITING)
    failure = models.CharField(_("reason"), max_length=12, choices=Failure, blank=True, default=Failure.NONE)
    status = models.CharField(_("the charger's last word"), max_length=50, blank=True)
    steps = models.JSONField(_("steps"), default=list, blank=True)
    signed = models.BooleanField(_("signed"), default=False)
    request_id = models.BigIntegerField(_("request id"), null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    command = models.ForeignKey(
        Command, verbose_name=_("command"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    transfer = models.ForeignKey(
        Transfer, verbose_name=_("transfer"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    version_before = models.CharField(_("version before"), max_length=50, blank=True)
    version_after = models.CharField(_("version after"), max_length=50, blank=True)
    retrieve_at = models.DateTimeField(_("download from"), null=True, blank=True)
    install_at = models.DateTimeField(_("install from"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    next_try_at = models.DateTimeField(_("next try"), null=True, blank=True)
    begun_at = models.DateTimeField(_("begun"), null=True, blank=True)
    reported_at = models.DateTimeField(_("last report"), null=True, blank=True)
    asked_at = models.DateTimeField(_("asked how far it is"), null=True, blank=True)
    due_at = models.DateTimeField(_("expected until"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("firmware update")
        verbose_name_plural = _("firmware updates")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "charge_point"],
                name="firmware_update_once_per_campaign",
                condition=models.Q(campaign__isnull=False),
            )
        ]
        indexes = [
            models.Index(fields=["charge_point", "created_at"], name="firmware_update_order"),
            models.Index(fields=["due_at"], name="firmware_update_open", condition=models.Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point}: {self.firmware}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None
