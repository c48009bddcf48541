"""Firmware management (OCPP 1.6 §4.5, §5.9, §5.19)."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.commands import Origin
from stations.models import ChargePoint, Command
from transfers import fetching, updates

from . import fields
from .addresses import ADDRESS_HELP, FOLDER_HELP, OwnAddressForm, UpdateForm, firmware_choice
from .base import Values
from .sending import OnceForm


class GetDiagnostics(OwnAddressForm):
    action = "GetDiagnostics"
    title = _("Fetch diagnostics")
    explanation = _("The charger uploads a file and reports how far it is.")
    location_name = "location"

    location = fields.url(label=_("Folder to upload to"), required=False, help_text=FOLDER_HELP)
    start_time = fields.moment(label=_("From"), required=False)
    stop_time = fields.moment(label=_("To"), required=False)
    retries = fields.retries()
    retry_interval = fields.retry_interval()

    def check(self, values: Values) -> None:
        if values["start_time"] and values["stop_time"] and values["stop_time"] <= values["start_time"]:
            self.add_error("stop_time", _("The end lies before the start."))

    def queue_ours(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        entered = self.cleaned_data
        return fetching.fetch_diagnostics(
            station,
            origin=origin,
            start=entered["start_time"],
            stop=entered["stop_time"],
            retries=entered["retries"],
            retry_interval=entered["retry_interval"],
            valid_until=sending.valid_until,
            idempotency_key=sending.idempotency,
        )


class UpdateFirmware(UpdateForm):
    action = "UpdateFirmware"
    title = _("Update the firmware")
    explanation = _("The charger downloads and installs the file, then restarts. Its steps are shown with the command.")
    on_running = _("Most chargers wait for the end of a session before they install, some do not.")

    location_name = "location"

    firmware = firmware_choice()
    location = fields.url(label=_("Address of the file"), required=False, help_text=ADDRESS_HELP)
    retrieve_date = fields.moment(
        label=_("Download from"), initial=timezone.now, help_text=_("The charger downloads not before this moment.")
    )
    retries = fields.retries()
    retry_interval = fields.retry_interval()

    def queue_ours(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        update = updates.begin_update(
            station,
            self.cleaned_data["firmware"],
            origin=origin,
            retrieve_at=self.cleaned_data["retrieve_date"],
            valid_until=sending.valid_until,
            idempotency_key=sending.idempotency,
        )
        return self.command_of(update)


FORMS: tuple[type[OwnAddressForm], ...] = (UpdateFirmware, GetDiagnostics)
