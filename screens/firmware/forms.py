"""What people enter to store a firmware, to update a charger or many, and to fetch a charger's files."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stations.forms import fields
from stations.forms.addresses import FirmwareChoice
from stations.models import ChargePoint
from transfers.addresses import ways_offered
from transfers.firmware_files import largest
from transfers.models import Campaign, FirmwareFile

from .rights import usable_firmware

DIAGNOSTICS, LOG, SECURITY_LOG = "diagnostics", "DiagnosticsLog", "SecurityLog"


class FirmwareForm(forms.Form):
    """A file and what it is for; `transfers.firmware_files.store` checks the rest."""

    file = forms.FileField(label=gettext_lazy("File"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    version = forms.CharField(
        label=gettext_lazy("Version"),
        max_length=50,
        help_text=gettext_lazy("As the charger reports it after the update: by this it is known whether it worked."),
    )
    vendor = forms.CharField(
        label=gettext_lazy("Vendor"),
        max_length=50,
        required=False,
        widget=forms.TextInput({"list": "known-vendors"}),
        help_text=gettext_lazy("As the charger reports it. Empty: the file is offered for every charger."),
    )
    model = forms.CharField(
        label=gettext_lazy("Model"),
        max_length=50,
        required=False,
        widget=forms.TextInput({"list": "known-models"}),
        help_text=gettext_lazy("Empty: every model of the vendor."),
    )
    signature = forms.CharField(
        label=gettext_lazy("Signature"),
        max_length=800,
        required=False,
        widget=forms.Textarea({"rows": 4, "spellcheck": "false", "class": "pem"}),
        help_text=gettext_lazy("Base64, as the vendor gives it with the file. Only for the signed update."),
    )
    signing_certificate = fields.PemField(
        label=gettext_lazy("Certificate of the signature"), max_length=5500, required=False
    )
    notes = forms.CharField(label=gettext_lazy("Notes"), required=False, widget=forms.Textarea({"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.fields["file"].help_text = _("At most %(size)d MB.") % {"size": settings.MAX_FIRMWARE_MB}

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > largest():
            raise forms.ValidationError(
                _("The file is larger than %(size)d MB."), params={"size": settings.MAX_FIRMWARE_MB}
            )
        return file


class _SignedMixin(forms.Form):
    def check_signature(self, entered: dict[str, Any]) -> None:
        firmware = entered.get("firmware")
        if entered.get("signed") and firmware is not None and not firmware.is_signed:
            self.add_error("signed", _("This file has no signature."))


class UpdateForm(_SignedMixin):
    """The update of one charger; only files that are for it can be chosen."""

    firmware = FirmwareChoice(label=gettext_lazy("Firmware"), queryset=FirmwareFile.objects.none())
    retrieve_at = fields.moment(
        label=gettext_lazy("Download from"), required=False, help_text=gettext_lazy("Empty: at once.")
    )
    signed = forms.BooleanField(
        label=gettext_lazy("The charger checks the signature"),
        required=False,
        help_text=gettext_lazy("Sends SignedUpdateFirmware, for chargers with the security extension."),
    )
    install_at = fields.moment(
        label=gettext_lazy("Install from"),
        required=False,
        help_text=gettext_lazy("Empty: as the charger likes. Only with a signature."),
    )

    def __init__(self, *args: Any, station: ChargePoint, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", "auto_id": "update_%s", **kwargs})
        files = usable_firmware().order_by("name", "-uploaded_at")
        fitting = [firmware for firmware in files if firmware.fits(station)]
        choice: Any = self.fields["firmware"]
        choice.queryset = files.filter(pk__in=[firmware.pk for firmware in fitting])
        self.has_files = bool(fitting)
        if not any(firmware.is_signed for firmware in fitting):
            del self.fields["signed"], self.fields["install_at"]

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        self.check_signature(entered)
        if entered.get("install_at") and not entered.get("signed"):
            self.add_error("install_at", _("Only a signed update can be told when to install."))
        elif entered.get("install_at") and entered["install_at"] < (entered.get("retrieve_at") or timezone.now()):
            self.add_error("install_at", _("It cannot be installed before it is downloaded."))
        return entered


class CampaignForm(_SignedMixin):
    """The settings of a campaign; its chargers are chosen beside them."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    firmware = FirmwareChoice(label=gettext_lazy("Firmware"), queryset=FirmwareFile.objects.none())
    signed = forms.BooleanField(
        label=gettext_lazy("The chargers check the signature"),
        required=False,
        help_text=gettext_lazy("Sends SignedUpdateFirmware, for chargers with the security extension."),
    )
    while_charging = forms.BooleanField(
        label=gettext_lazy("Also while a car is charging"),
        required=False,
        help_text=gettext_lazy("Otherwise a charger's turn comes when none of its connectors charges."),
    )
    at_once = forms.IntegerField(
        label=gettext_lazy("Chargers at the same time"), min_value=1, max_value=1000, initial=5
    )
    per_minute = forms.IntegerField(label=gettext_lazy("Begun per minute"), min_value=1, max_value=1000, initial=10)
    retries = forms.IntegerField(label=gettext_lazy("Tries after a failure"), min_value=0, max_value=10, initial=1)
    begins_at = fields.moment(label=gettext_lazy("Not before"), required=False, help_text=gettext_lazy("Empty: now."))
    ends_at = fields.moment(
        label=gettext_lazy("Give up after"),
        required=False,
        help_text=gettext_lazy("Chargers that are offline are waited for until then. Empty: however long it takes."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", "auto_id": "campaign_%s", **kwargs})
        choice: Any = self.fields["firmware"]
        choice.queryset = usable_firmware().order_by("name", "-uploaded_at")

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        self.check_signature(entered)
        ends_at, begins_at = entered.get("ends_at"), entered.get("begins_at") or timezone.now()
        if ends_at and ends_at <= begins_at:
            self.add_error("ends_at", _("The end lies before the beginning."))
        return entered

    def options(self) -> dict[str, Any]:
        """What `campaigns.start_campaign` takes besides chargers, firmware and origin."""
        names = [field for field in self.fields if field != "firmware"]
        return {name: self.cleaned_data[name] for name in names}


class FetchForm(forms.Form):
    """A file to be fetched from one charger."""

    what = forms.ChoiceField(
        label=gettext_lazy("File"),
        choices=[
            (DIAGNOSTICS, gettext_lazy("Diagnostics (GetDiagnostics, every charger)")),
            (LOG, gettext_lazy("Diagnostics log (GetLog, security extension)")),
            (SECURITY_LOG, gettext_lazy("Security log (GetLog, security extension)")),
        ],
        widget=forms.RadioSelect,
        initial=DIAGNOSTICS,
    )
    start = fields.moment(label=gettext_lazy("From"), required=False)
    stop = fields.moment(label=gettext_lazy("To"), required=False)
    way = forms.ChoiceField(
        label=gettext_lazy("Way"),
        required=False,
        help_text=gettext_lazy("How the charger delivers the file. “As the charger can” asks its own settings."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", "auto_id": "fetch_%s", **kwargs})
        choice: Any = self.fields["way"]
        choice.choices = [("", _("As the charger can")), *((way, way.upper()) for way in ways_offered())]

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        start, stop = entered.get("start"), entered.get("stop")
        if start and stop and stop <= start:
            self.add_error("stop", _("The end lies before the start."))
        return entered


def campaign_name(firmware: FirmwareFile | None) -> str:
    """What a new campaign is called unless somebody says otherwise."""
    if firmware is None:
        return ""
    return str(firmware)[: Campaign._meta.get_field("name").max_length or 100]
