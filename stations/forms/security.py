"""The security extension (white paper edition 3)."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.commands import Origin
from stations.models import ChargePoint, Command
from transfers import fetching, updates

from . import fields, suggestions
from .addresses import ADDRESS_HELP, FOLDER_HELP, OwnAddressForm, UpdateForm, firmware_choice
from .base import CommandForm, Values
from .remote_trigger import MESSAGES
from .sending import OnceForm

CERTIFICATE_TYPES = [
    ("CentralSystemRootCertificate", _("for this central system (CentralSystemRootCertificate)")),
    ("ManufacturerRootCertificate", _("for the vendor's firmware (ManufacturerRootCertificate)")),
]
TRIGGERED = (
    *("StatusNotification", "MeterValues", "Heartbeat", "BootNotification", "FirmwareStatusNotification"),
    *("LogStatusNotification", "SignChargePointCertificate"),
)
SECURITY_MESSAGES = {
    **MESSAGES,
    "LogStatusNotification": _("How far a log upload is (LogStatusNotification)"),
    "SignChargePointCertificate": _("A request for a new certificate (SignChargePointCertificate)"),
}


def new_request_id() -> int:
    """A number by which the station's reports are recognised; repetition is unlikely, not impossible."""
    return secrets.randbelow(fields.MAX_INTEGER) + 1


def _request_id() -> forms.IntegerField:
    return fields.whole_number(
        label=_("Request number"), initial=new_request_id, help_text=_("The charger repeats it in its reports.")
    )


class ExtendedTriggerMessage(CommandForm):
    action = "ExtendedTriggerMessage"
    title = _("Ask for a message (security extension)")
    explanation = _("As “Ask for a message”, with the messages of the security extension.")

    requested_message = forms.ChoiceField(
        label=_("Message"), choices=[(name, SECURITY_MESSAGES[name]) for name in TRIGGERED]
    )
    connector_id = fields.connector(required=False, help_text=_("Empty: all of them. Only for state and meter values."))


class GetLog(OwnAddressForm):
    action = "GetLog"
    title = _("Fetch a log")
    explanation = _("The charger uploads the log and reports how far it is.")
    location_name = "log__remote_location"

    log_type = forms.ChoiceField(
        label=_("Log"), choices=[("DiagnosticsLog", _("Diagnostics")), ("SecurityLog", _("Security"))]
    )
    log__remote_location = fields.url(label=_("Folder to upload to"), required=False, help_text=FOLDER_HELP)
    log__oldest_timestamp = fields.moment(label=_("From"), required=False)
    log__latest_timestamp = fields.moment(label=_("To"), required=False)
    request_id = _request_id()
    retries = fields.retries()
    retry_interval = fields.retry_interval()

    def check(self, values: Values) -> None:
        oldest, latest = values["log__oldest_timestamp"], values["log__latest_timestamp"]
        if oldest and latest and latest <= oldest:
            self.add_error("log__latest_timestamp", _("The end lies before the start."))

    def queue_ours(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        entered = self.cleaned_data
        return fetching.fetch_log(
            station,
            entered["log_type"],
            origin=origin,
            start=entered["log__oldest_timestamp"],
            stop=entered["log__latest_timestamp"],
            retries=entered["retries"],
            retry_interval=entered["retry_interval"],
            valid_until=sending.valid_until,
            idempotency_key=sending.idempotency,
        )


class SignedUpdateFirmware(UpdateForm):
    action = "SignedUpdateFirmware"
    title = _("Update the firmware (signed)")
    explanation = _("As “Update the firmware”; the charger checks the signature before it installs.")
    on_running = _("Most chargers wait for the end of a session before they install, some do not.")

    location_name = "firmware__location"

    firmware = firmware_choice(signed=True)
    firmware__location = fields.url(label=_("Address of the file"), required=False, help_text=ADDRESS_HELP)
    firmware__retrieve_date_time = fields.moment(label=_("Download from"), initial=timezone.now)
    firmware__install_date_time = fields.moment(label=_("Install from"), required=False, help_text=_("Empty: at once."))
    firmware__signing_certificate = fields.PemField(
        label=_("Certificate of the signature"), max_length=5500, required=False, help_text=ADDRESS_HELP
    )
    firmware__signature = forms.CharField(
        label=_("Signature"),
        max_length=800,
        required=False,
        widget=forms.Textarea({"rows": 4, "spellcheck": "false", "class": "pem"}),
        help_text=ADDRESS_HELP,
    )
    request_id = _request_id()
    retries = fields.retries()
    retry_interval = fields.retry_interval()

    def check(self, values: Values) -> None:
        super().check(values)
        if values["firmware__location"]:
            for name in ("firmware__signing_certificate", "firmware__signature"):
                if not values[name]:
                    self.add_error(name, _("The charger needs it for a file that is not in the library."))

    def queue_ours(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        update = updates.begin_update(
            station,
            self.cleaned_data["firmware"],
            origin=origin,
            signed=True,
            retrieve_at=self.cleaned_data["firmware__retrieve_date_time"],
            install_at=self.cleaned_data["firmware__install_date_time"],
            valid_until=sending.valid_until,
            idempotency_key=sending.idempotency,
        )
        return self.command_of(update)


class InstallCertificate(CommandForm):
    action = "InstallCertificate"
    title = _("Install a root certificate")
    explanation = _("The charger then trusts what this certificate has signed.")

    certificate_type = forms.ChoiceField(label=_("Use"), choices=CERTIFICATE_TYPES)
    certificate = fields.PemField(label=_("Certificate"), max_length=5500)


class GetInstalledCertificateIds(CommandForm):
    action = "GetInstalledCertificateIds"
    title = _("List the root certificates")
    explanation = _("The charger answers with the hashes that “Remove a root certificate” needs.")

    certificate_type = forms.ChoiceField(label=_("Use"), choices=CERTIFICATE_TYPES)


def _hash(label: Any, member: str, max_length: int) -> forms.CharField:
    known = fields.SuggestingInput(suggestions.certificate_values(member), {"spellcheck": "false"})
    return forms.CharField(label=label, max_length=max_length, widget=known)


class DeleteCertificate(CommandForm):
    action = "DeleteCertificate"
    title = _("Remove a root certificate")
    explanation = _("The values are those that the charger listed. It refuses to remove the one it is connected with.")

    certificate_hash_data__hash_algorithm = forms.ChoiceField(
        label=_("Hash"), choices=[(name, name) for name in ("SHA256", "SHA384", "SHA512")]
    )
    certificate_hash_data__issuer_name_hash = _hash(_("Hash of the issuer's name"), "issuerNameHash", 128)
    certificate_hash_data__issuer_key_hash = _hash(_("Hash of the issuer's key"), "issuerKeyHash", 128)
    certificate_hash_data__serial_number = _hash(_("Serial number"), "serialNumber", 40)


class CertificateSigned(CommandForm):
    action = "CertificateSigned"
    title = _("Deliver a signed certificate")
    explanation = _("The answer to the charger's own request (SignCertificate): its certificate, then those above it.")
    for_many = False

    certificate_chain = fields.PemField(
        label=_("Certificates"), max_length=10_000, help_text=_("The charger's own first, without the root.")
    )


FORMS: tuple[type[CommandForm], ...] = (
    GetLog,
    SignedUpdateFirmware,
    ExtendedTriggerMessage,
    GetInstalledCertificateIds,
    InstallCertificate,
    DeleteCertificate,
    CertificateSigned,
)
