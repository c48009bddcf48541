from __future__ import annotations

from ..forms.old_pages import OldPageForm
from ..identities import clean_identity
from ..models import ChargePoint


class ChargePointForm(OldPageForm):
    class Meta:
        model = ChargePoint
        fields = (
            *("identity", "name", "site", "notes"),
            *("recipe_mode", "minimum_security_profile", "strict", "no_close_frame"),
        )

    def clean_identity(self) -> str:
        return clean_identity(self.cleaned_data["identity"], known=self.initial.get("identity", ""))
