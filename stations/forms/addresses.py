"""Commands that name an address: left empty, plugcontrol gives one of its own that is good for this command only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from stations.commands import CommandRefused, Origin
from stations.models import ChargePoint, Command
from transfers.addresses import PATH
from transfers.models import FirmwareFile, FirmwareUpdate

from .base import CommandForm, Values
from .sending import OnceForm

FOLDER_HELP = _(
    "Empty: plugcontrol takes the file itself. Or a folder elsewhere, such as ftp://user:password@files.local/charger/"
)
ADDRESS_HELP = _("Only for a file that is not in the library.")


class FirmwareChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A file of the library, with what one needs to know to choose it."""

    def label_from_instance(self, firmware: Any) -> str:
        made_for = " ".join(filter(None, (firmware.vendor, firmware.model))) or gettext("every charger")
        marks = [made_for, gettext("signed") if firmware.is_signed else ""]
        return f"{firmware} ({', '.join(filter(None, marks))})"


def firmware_choice(*, signed: bool = False) -> FirmwareChoice:
    """A field for a file that is in use; with `signed` for one that has a signature."""
    usable = FirmwareFile.objects.filter(archived_at=None).order_by("name", "-uploaded_at")
    return FirmwareChoice(
        label=_("Firmware"),
        queryset=usable.exclude(signature="") if signed else usable,
        required=False,
        help_text=_("From the library: plugcontrol gives the charger the address of the file."),
    )


class OwnAddressForm(CommandForm):
    """`command` exists only where somebody gave an address; else `queue_ours` makes it with one of ours.

    To many chargers one address of somebody's goes out: ours are good for one charger each.
    """

    action = ""  # named by each command
    #: The field of the address.
    location_name: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.station is None:
            self.fields[self.location_name].required = True
            self.fields[self.location_name].help_text = _("One address for all of them.")
            self.fields.pop("firmware", None)

    @classmethod
    def entries(cls, payload: Mapping[str, Any]) -> Values:
        """Without an address of ours, which was good for one command: sent again, it gets another."""
        found = super().entries(payload)
        if _is_ours(found.get(cls.location_name, "")):
            del found[cls.location_name]
        return found

    @classmethod
    def can_show(cls, payload: Mapping[str, Any]) -> bool:
        return cls.compose(super().entries(payload)) == payload

    def queue(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        if hasattr(self, "command"):
            return super().queue(station, origin, sending)
        return self.queue_ours(station, origin, sending)

    def queue_ours(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        """Send it with an address of ours. Raises CommandRefused."""
        raise NotImplementedError

    def _settle(self, values: Values) -> None:
        if values.get(self.location_name):
            super()._settle(values)


def _is_ours(location: str) -> bool:
    host = location.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return PATH in location or (bool(settings.FTP_ADDRESS) and host == settings.FTP_ADDRESS)


class UpdateForm(OwnAddressForm):
    """An update: with a file of the library, or with the address of another."""

    action = ""
    helpers = ("firmware",)

    def check(self, values: Values) -> None:
        is_ours, is_theirs = values.get("firmware") is not None, bool(values.get(self.location_name))
        if is_ours and is_theirs:
            self.add_error(self.location_name, _("Either a firmware from the library or an address."))
        elif not is_ours and not is_theirs:
            where = "firmware" if "firmware" in self.fields else self.location_name
            self.add_error(where, _("Choose a firmware, or enter the address of a file."))

    @staticmethod
    def command_of(update: FirmwareUpdate) -> Command:
        """The command that an update has sent. Raises CommandRefused if it never came to that."""
        if update.command is None:
            raise CommandRefused(gettext("The update has no command any more; look at the charger's updates."))
        return update.command
