"""Charge points, their connectors, and what they reported about themselves."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .gateway_process import GatewayProcess, alive_since
from .site import Site


class RegistrationStatus(models.TextChoices):
    """Answer to BootNotification (OCPP 1.6 §7.39); a property of the station, not of its socket."""

    ACCEPTED = "Accepted", _("Accepted")
    PENDING = "Pending", _("Waiting for approval")
    REJECTED = "Rejected", _("Rejected")


class ChargePointStatus(models.TextChoices):
    """Connector states (OCPP 1.6 §7.7)."""

    AVAILABLE = "Available", _("Available")
    PREPARING = "Preparing", _("Preparing")
    CHARGING = "Charging", _("Charging")
    SUSPENDED_EVSE = "SuspendedEVSE", _("Paused by charger")
    SUSPENDED_EV = "SuspendedEV", _("Paused by car")
    FINISHING = "Finishing", _("Finishing – unplug")
    RESERVED = "Reserved", _("Reserved")
    UNAVAILABLE = "Unavailable", _("Out of service")
    FAULTED = "Faulted", _("Faulted")


class CredentialKind(models.TextChoices):
    NONE = "", _("none (profile 0)")
    KEY = "key", _("generated key")
    PASSWORD = "password", _("password chosen by a person")


class SecurityProfile(models.IntegerChoices):
    """How a station's line is protected: the white paper's security profiles that we speak."""

    NONE = 0, _("0: no password")
    PASSWORD = 1, _("1: password")
    TLS = 2, _("2: password and TLS")
    CERTIFICATE = 3, _("3: certificate and TLS")


class RecipeMode(models.TextChoices):
    """Whether the recipe of a station's model runs after its boots."""

    AUTO = "", _("unless it was configured by hand")
    ON = "on", _("always")
    OFF = "off", _("never")


def _capitals(identity: str) -> str | Upper:
    """As the database writes them, which has its own idea of them beyond ASCII, and in Turkish of the i as well.

    Of the rest we know: Django need not compile a function for each station of a storm.
    """
    return identity.upper() if identity.isascii() and "i" not in identity else Upper(models.Value(identity))


class ChargePointQuerySet(models.QuerySet["ChargePoint"]):
    def with_identity(self, *identities: str) -> ChargePointQuerySet:
        """Identities are compared without regard to case; at most one row matches each."""
        return self.filter(identity__upper__in=[_capitals(name) for name in identities])

    def online(self) -> ChargePointQuerySet:
        """Stations whose socket is held by a process that is alive."""
        return self.exclude(connection="").filter(gateway__beat_at__gt=alive_since())

    def waiting(self) -> ChargePointQuerySet:
        """Stations that wait for an operator's approval."""
        return self.filter(registration_status=RegistrationStatus.PENDING, archived_at=None)


class ChargePoint(models.Model):
    """A charging station: one WebSocket, one or more connectors."""

    identity = models.CharField(
        _("identity"), max_length=255, help_text=_("Last part of the address the charger connects to.")
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    site = models.ForeignKey(
        Site, verbose_name=_("site"), null=True, blank=True, on_delete=models.PROTECT, related_name="charge_points"
    )
    notes = models.TextField(_("notes"), blank=True)
    registration_status = models.CharField(
        _("registration"), max_length=8, choices=RegistrationStatus, default=RegistrationStatus.PENDING
    )
    accepted_at = models.DateTimeField(_("first accepted"), null=True, blank=True, editable=False)
    discovered = models.BooleanField(
        _("found by connecting"), default=False, editable=False, help_text=_("It called before anyone had entered it.")
    )
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    # What BootNotification told us (§6.3)
    vendor = models.CharField(_("vendor"), max_length=50, blank=True, editable=False)
    model = models.CharField(_("model"), max_length=50, blank=True, editable=False)
    serial_number = models.CharField(_("serial number"), max_length=50, blank=True, editable=False)
    box_serial_number = models.CharField(_("box serial number"), max_length=50, blank=True, editable=False)
    firmware_version = models.CharField(_("firmware"), max_length=50, blank=True, editable=False)
    iccid = models.CharField("ICCID", max_length=50, blank=True, editable=False)
    imsi = models.CharField("IMSI", max_length=50, blank=True, editable=False)
    meter_type = models.CharField(_("meter type"), max_length=50, blank=True, editable=False)
    meter_serial_number = models.CharField(_("meter serial number"), max_length=50, blank=True, editable=False)
    booted_at = models.DateTimeField(_("last boot"), null=True, blank=True, editable=False)

    # Security
    security_profile = models.PositiveSmallIntegerField(_("security profile"), default=0, editable=False)
    minimum_security_profile = models.PositiveSmallIntegerField(
        _("minimum security profile"),
        choices=SecurityProfile,
        default=SecurityProfile.NONE,
        help_text=_(
            "Below it the charger is refused. It rises by itself when the charger connects with a higher one; lower it "
            "to let the charger come back without TLS."
        ),
    )
    credential_kind = models.CharField(
        _("credential"), max_length=8, choices=CredentialKind, blank=True, default=CredentialKind.NONE, editable=False
    )
    credential_hash = models.CharField(_("credential hash"), max_length=255, blank=True, editable=False)
    strict = models.BooleanField(
        _("strict"),
        default=False,
        help_text=_("Apply the OCPP schemas literally and require the ocpp1.6 subprotocol. For certification tests."),
    )
    no_close_frame = models.BooleanField(
        _("end its line without a Close frame"),
        default=False,
        help_text=_("For a charger that stays away after the server has restarted: some take a Close for good."),
    )

    # Configuration: what was read, and whether somebody set it by hand
    recipe_mode = models.CharField(
        _("recipe after a boot"),
        max_length=3,
        choices=RecipeMode,
        blank=True,
        default=RecipeMode.AUTO,
        help_text=_("Whether the recipe of its model sets the charger up after a boot."),
    )
    configuration_read_at = models.DateTimeField(_("configuration read"), null=True, blank=True, editable=False)
    configured_by_hand_at = models.DateTimeField(
        _("configured by hand"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When a person last changed a key of this charger from here."),
    )

    # Presence: which process and socket are the station's
    gateway = models.ForeignKey(
        GatewayProcess, verbose_name=_("gateway"), null=True, blank=True, on_delete=models.SET_NULL, editable=False
    )
    connection = models.CharField(_("connection"), max_length=32, blank=True, editable=False)
    connected_at = models.DateTimeField(_("connected since"), null=True, blank=True, editable=False)
    disconnected_at = models.DateTimeField(_("disconnected"), null=True, blank=True, editable=False)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True, editable=False)
    protocol = models.CharField(_("protocol"), max_length=20, blank=True, editable=False)
    subprotocol_missing = models.BooleanField(_("offers no subprotocol"), default=False, editable=False)
    remote_address = models.CharField(_("address"), max_length=64, blank=True, editable=False)

    objects = ChargePointQuerySet.as_manager()

    class Meta:
        verbose_name = _("charger")
        verbose_name_plural = _("chargers")
        ordering = ["identity"]
        permissions = [
            ("approve_chargepoint", _("Can approve or reject chargers")),
            ("import_chargepoint", _("Can import chargers")),
            ("export_chargepoint", _("Can export chargers")),
        ]
        constraints = [
            models.UniqueConstraint(
                Upper("identity"),
                name="charge_point_identity_unique",
                violation_error_message=_("There is already a charger with this identity."),
            )
        ]
        indexes = [models.Index(fields=["gateway", "connection"], name="charge_point_held_by")]

    def __str__(self) -> str:
        return self.name or self.identity

    @property
    def is_online(self) -> bool:
        """Whether a living process holds the station's socket; follows `gateway`, so select it along."""
        return bool(self.connection) and self.gateway is not None and self.gateway.beat_at > alive_since()

    #: Filled by `services.find_charge_point` for a handshake: credentials that are valid beside the present one, as
    #: (kind, hash), whether a change of the password or the security profile is under way at all, and the highest
    #: profile that one of them leads to.
    pending_credentials: tuple[tuple[str, str], ...] = ()
    is_changing_security: bool = False
    wanted_security_profile: int = 0

    @property
    def was_accepted(self) -> bool:
        """Accepted now or once: then its transaction messages are served whatever its state is."""
        return self.accepted_at is not None


class Connector(models.Model):
    """One outlet; number 0 is the station as a whole (§3.8)."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.PROTECT, related_name="connectors"
    )
    connector_id = models.PositiveIntegerField(_("connector"))
    status = models.CharField(_("state"), max_length=20, choices=ChargePointStatus, blank=True)
    error_code = models.CharField(_("error code"), max_length=50, blank=True)
    info = models.CharField(_("info"), max_length=500, blank=True)
    vendor_id = models.CharField(_("vendor id"), max_length=255, blank=True)
    vendor_error_code = models.CharField(_("vendor error code"), max_length=500, blank=True)
    status_at = models.DateTimeField(_("state since"), null=True, blank=True)

    class Meta:
        verbose_name = _("connector")
        verbose_name_plural = _("connectors")
        ordering = ["charge_point", "connector_id"]
        constraints = [models.UniqueConstraint(fields=["charge_point", "connector_id"], name="connector_unique")]

    def __str__(self) -> str:
        return f"{self.charge_point} / {self.connector_id}"

    @property
    def is_warning(self) -> bool:
        """An error code beside a state other than Faulted is a warning; charging goes on (§4.9)."""
        return bool(self.error_code) and self.error_code != "NoError" and self.status != ChargePointStatus.FAULTED


class StatusRecord(models.Model):
    """Status history: every StatusNotification as it came (§6.47)."""

    connector = models.ForeignKey(
        Connector, verbose_name=_("connector"), on_delete=models.CASCADE, related_name="status_records"
    )
    status = models.CharField(_("state"), max_length=50)
    error_code = models.CharField(_("error code"), max_length=50, blank=True)
    info = models.CharField(_("info"), max_length=500, blank=True)
    vendor_id = models.CharField(_("vendor id"), max_length=255, blank=True)
    vendor_error_code = models.CharField(_("vendor error code"), max_length=500, blank=True)
    reported_at = models.DateTimeField(_("time at the charger"))
    received_at = models.DateTimeField(_("received"))
    clock_suspect = models.BooleanField(_("clock suspect"), default=False)

    class Meta:
        verbose_name = _("status record")
        verbose_name_plural = _("status history")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["connector", "reported_at"], name="status_record_time"),
            models.Index(fields=["received_at"], name="status_record_clock", condition=models.Q(clock_suspect=True)),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.reported_at:%Y-%m-%d %H:%M:%S}"


class ConfigurationKey(models.Model):
    """A configuration key as the station last reported it (§9)."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="configuration_keys"
    )
    key = models.CharField(_("key"), max_length=50)
    value = models.CharField(_("value"), max_length=500, null=True, blank=True)
    readonly = models.BooleanField(_("read-only"), default=False)
    reboot_required = models.BooleanField(_("reboot required"), default=False)
    read_at = models.DateTimeField(_("read"), default=timezone.now)

    class Meta:
        verbose_name = _("configuration key")
        verbose_name_plural = _("configuration keys")
        ordering = ["key"]
        constraints = [models.UniqueConstraint("charge_point", Upper("key"), name="configuration_key_unique")]
        indexes = [
            models.Index(
                fields=["charge_point"], name="configuration_key_reboot", condition=models.Q(reboot_required=True)
            )
        ]

    def __str__(self) -> str:
        return self.key


class ProgressReport(models.Model):
    """A step of a firmware update or of an upload, as the station reported it (§4.4, §4.5, white paper L01, N01)."""

    class Kind(models.TextChoices):
        FIRMWARE = "firmware", _("Firmware")
        SIGNED_FIRMWARE = "signed_firmware", _("Signed firmware")
        DIAGNOSTICS = "diagnostics", _("Diagnostics")
        LOG = "log", _("Log")

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="progress_reports"
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    status = models.CharField(_("status"), max_length=50)
    request_id = models.BigIntegerField(_("request id"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)

    class Meta:
        verbose_name = _("progress report")
        verbose_name_plural = _("progress reports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.status}"


class Repair(models.Model):
    """How often a rule of tolerance mended what a station sent; every new quirk shows here first."""

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="repairs"
    )
    action = models.CharField(_("action"), max_length=50)
    rule = models.CharField(_("rule"), max_length=50)
    field = models.CharField(_("field"), max_length=100)
    count = models.PositiveBigIntegerField(_("count"), default=0)
    first_at = models.DateTimeField(_("first"), default=timezone.now)
    last_at = models.DateTimeField(_("last"), default=timezone.now)

    class Meta:
        verbose_name = _("repaired input")
        verbose_name_plural = _("repaired input")
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "action", "rule", "field"], name="repair_unique")
        ]

    def __str__(self) -> str:
        return f"{self.action}.{self.field}: {self.rule}"


#: Never-approved stations that called by themselves and went away are forgotten after this time.
FORGET_DISCOVERED_AFTER = timedelta(days=1)
