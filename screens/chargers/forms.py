"""What people type about a charger."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.access import Access
from stations.forms.old_pages import OldPageForm
from stations.identities import clean_identity
from stations.models import ChargePoint

ADD, CHANGE, APPROVE = (f"stations.{verb}_chargepoint" for verb in ("add", "change", "approve"))


class _AtSiteForm(OldPageForm):
    """Whoever works at some sites only chooses one of them; "no site" is for those of all sites."""

    permission = CHANGE

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.access = access
        site: Any = self.fields["site"]
        site.queryset = access.sites(self.permission)
        site.required = not access.everywhere(self.permission)
        site.empty_label = None if site.required else _("No site")


class NewChargerForm(_AtSiteForm):
    """A charger that is entered before it calls."""

    permission = ADD

    generate_password = forms.BooleanField(
        label=gettext_lazy("Generate a password"),
        required=False,
        initial=True,
        help_text=gettext_lazy("The charger proves with it who it is. You type it into the charger; it is shown once."),
    )
    approve = forms.BooleanField(
        label=gettext_lazy("Approve at once"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Otherwise it waits for approval when it connects for the first time."),
    )

    class Meta:
        model = ChargePoint
        fields = ("identity", "name", "site", "notes")
        widgets = {"notes": forms.Textarea({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.access.somewhere(APPROVE):
            del self.fields["approve"]

    def clean_identity(self) -> str:
        return clean_identity(self.cleaned_data["identity"])

    @property
    def is_to_be_approved(self) -> bool:
        may = self.access.at(APPROVE, self.instance.site_id)
        return may and bool(self.cleaned_data.get("approve"))


class ChargerForm(_AtSiteForm):
    class Meta:
        model = ChargePoint
        fields = ("name", "site", "notes", "minimum_security_profile", "strict", "no_close_frame", "recipe_mode")
        widgets = {"notes": forms.Textarea({"rows": 3})}


class PasswordForm(forms.Form):
    """A password that somebody has chosen; it can be set, but never read."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=255,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=gettext_lazy("The charger must send the same one; 16 characters or more are better."),
    )
