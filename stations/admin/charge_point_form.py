from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import ChargePoint


class ChargePointForm(forms.ModelForm):  # type: ignore[type-arg]
    """Adds a password that can be set and removed, but never read."""

    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=255,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=_("Empty leaves it as it is. The charger must send the same one; 16 characters or more are better."),
    )
    remove_password = forms.BooleanField(
        label=_("Remove the password"), required=False, help_text=_("The charger connects without one (profile 0).")
    )

    class Meta:
        model = ChargePoint
        fields = ("identity", "name", "site", "notes", "recipe_mode", "minimum_security_profile", "strict")

    def clean_identity(self) -> str:
        identity: str = self.cleaned_data["identity"]
        if not identity.isprintable():
            raise forms.ValidationError(gettext("Only printable characters can be part of an address."))
        # a charger may really call itself " A1": a known identity stays as it is, a typed one loses stray blanks
        return identity if identity == self.initial.get("identity") else identity.strip()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("password") and cleaned.get("remove_password"):
            self.add_error("remove_password", gettext("Set a password or remove it, not both."))
        return cleaned
