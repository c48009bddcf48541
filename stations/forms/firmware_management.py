"""Firmware management (OCPP 1.6 §4.5, §5.9, §5.19)."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import fields
from .base import CommandForm, Values


class GetDiagnostics(CommandForm):
    action = "GetDiagnostics"
    title = _("Fetch diagnostics")
    explanation = _("The charger uploads a file to the address you give and reports how far it is.")

    location = fields.url(
        label=_("Folder to upload to"), help_text=_("For example ftp://user:password@files.local/charger/")
    )
    start_time = fields.moment(label=_("From"), required=False)
    stop_time = fields.moment(label=_("To"), required=False)
    retries = fields.retries()
    retry_interval = fields.retry_interval()

    def check(self, values: Values) -> None:
        if values["start_time"] and values["stop_time"] and values["stop_time"] <= values["start_time"]:
            self.add_error("stop_time", _("The end lies before the start."))


class UpdateFirmware(CommandForm):
    action = "UpdateFirmware"
    title = _("Update the firmware")
    explanation = _("The charger downloads and installs the file, then restarts. Its steps are shown with the command.")
    on_running = _("Most chargers wait for the end of a session before they install, some do not.")

    location = fields.url(label=_("Address of the file"))
    retrieve_date = fields.moment(
        label=_("Download from"), initial=timezone.now, help_text=_("The charger downloads not before this moment.")
    )
    retries = fields.retries()
    retry_interval = fields.retry_interval()


FORMS: tuple[type[CommandForm], ...] = (UpdateFirmware, GetDiagnostics)
