"""What people enter about certificates."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from certificates import upgrades
from certificates.models import CertificateUse, RootCertificate, StationCertificate
from stations.models import ChargePoint, SecurityProfile

from .rights import usable_roots

#: Characters that a chain of certificates may have; CertificateSigned takes 10 000, and a text file may say more.
LONGEST_PEM = 100_000
_PEM_TEXT = forms.Textarea({"rows": 8, "class": "mono", "spellcheck": "false", "autocomplete": "off"})


class PemForm(forms.Form):
    """A certificate, pasted or as a file; `cleaned_data["pem"]` has it either way."""

    file = forms.FileField(label=_("File"), required=False, help_text=_("PEM: .pem, .crt or .cer."))
    pem = forms.CharField(
        label=_("Or its text"),
        required=False,
        max_length=LONGEST_PEM,
        widget=_PEM_TEXT,
        help_text=_("Begins with -----BEGIN CERTIFICATE-----."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload: UploadedFile[bytes] | None = cleaned.get("file")
        if upload is not None:
            cleaned["pem"] = _text_of(upload)
        if not cleaned.get("pem") and not self.errors:
            raise ValidationError(_("Choose a file or paste the certificate."), code="required")
        return cleaned


def _text_of(upload: UploadedFile[bytes]) -> str:
    if (upload.size or 0) > LONGEST_PEM:
        raise ValidationError(_("This file is too large for a certificate."), code="too_large")
    try:
        text: str = upload.read().decode("ascii")
    except UnicodeDecodeError:
        raise ValidationError(_("This file is not in the PEM format."), code="not_pem") from None
    return text


class RootForm(PemForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    use = forms.ChoiceField(label=_("Meant"), choices=CertificateUse.choices)

    field_order = ["name", "use", "file", "pem"]


class RevokeForm(forms.Form):
    reason = forms.ChoiceField(
        label=_("Why"), choices=[choice for choice in StationCertificate.Revocation.choices if choice[0]]
    )


class RootChoiceForm(forms.Form):
    """One of the roots, for one charger."""

    root = forms.ModelChoiceField(
        label=_("Root certificate"), queryset=RootCertificate.objects.none(), empty_label=None
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["root"].queryset = usable_roots()  # type: ignore[attr-defined]


class ChargersForm(forms.Form):
    """The chargers that get a root."""

    stations = forms.ModelMultipleChoiceField(
        label=_("Chargers"),
        queryset=ChargePoint.objects.none(),
        widget=forms.CheckboxSelectMultiple(),
        error_messages={"required": _("Choose a charger.")},
    )

    def __init__(self, *args: Any, stations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stations"].queryset = stations  # type: ignore[attr-defined]


class UpgradeForm(forms.Form):
    """Where the wizard leads; profiles that the charger cannot have now are left out."""

    profile = forms.TypedChoiceField(label=_("Security profile"), coerce=int)
    root = forms.ModelChoiceField(
        label=_("Root certificate"),
        required=False,
        queryset=RootCertificate.objects.none(),
        empty_label=_("None: the charger trusts this server already"),
        help_text=_("With TLS, a charger checks the server's certificate with it."),
    )

    def __init__(self, *args: Any, station: ChargePoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Profiles above the present one with why they cannot be had now.
        self.closed: list[tuple[Any, str]] = []
        opened: list[tuple[int, Any]] = []
        present = upgrades.present_profile(station)
        for profile in SecurityProfile:
            if profile <= present:
                continue
            reason = upgrades.why_not(station, profile)
            if reason:
                self.closed.append((profile.label, reason))
            else:
                opened.append((profile.value, profile.label))
        self.fields["profile"].choices = opened  # type: ignore[attr-defined]
        self.has_choice = bool(opened)
        if opened and opened[-1][0] >= SecurityProfile.TLS and present < SecurityProfile.TLS:
            central = usable_roots().filter(use=CertificateUse.CENTRAL_SYSTEM)
            self.fields["root"].queryset = central  # type: ignore[attr-defined]
        else:
            del self.fields["root"]
