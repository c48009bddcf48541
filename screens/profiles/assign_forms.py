"""Which profile goes where."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from charging_profiles.models import ChargingProfile, Purpose
from people.access import Access
from stations.forms import fields
from stations.forms.suggestions import MAX_SUGGESTIONS, session_label
from stations.models import Site
from transactions.models import Transaction

SEND = "stations.send_command"


class SessionField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, session: Any) -> str:
        return f"{session.charge_point}: {session_label(session)}"


class AssignForm(forms.Form):
    """`session` for a profile of one session, `connector` for any other; `q` and `site` narrow the chargers offered."""

    profile = forms.ModelChoiceField(
        label=gettext_lazy("Profile"),
        queryset=ChargingProfile.objects.filter(archived_at=None),
        empty_label=gettext_lazy("Choose…"),
    )
    connector = fields.whole_number(
        label=gettext_lazy("Connector"), initial=0, help_text=gettext_lazy("0: every connector of the charger.")
    )
    session = SessionField(label=gettext_lazy("Session"), queryset=Transaction.objects.none())
    q = forms.CharField(
        label=gettext_lazy("Name, ID or serial"),
        required=False,
        max_length=100,
        widget=forms.TextInput({"type": "search"}),
    )
    site = forms.ModelChoiceField(
        label=gettext_lazy("Site"), queryset=Site.objects.none(), required=False, empty_label=gettext_lazy("All")
    )

    def __init__(self, *args: Any, access: Access, profile: ChargingProfile | None, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        own: Any = self.fields
        own["site"].queryset = access.sites()
        purpose = None if profile is None else profile.purpose
        if purpose == Purpose.TX:
            running = Transaction.objects.running().filter(charge_point__archived_at=None)
            seen = access.narrow(running, "transactions.view_transaction", "charge_point__site")
            usable = access.narrow(seen, SEND, "charge_point__site").order_by("-pk")
            # sliced only for what is offered: any session that runs may be named
            own["session"].queryset = usable.select_related("charge_point", "connector", "tag")
            own["session"].iterator = _First
        if purpose != Purpose.TX:
            del own["session"]
        if purpose in (Purpose.TX, Purpose.CHARGE_POINT_MAX):
            del own["connector"]
        if purpose == Purpose.TX:
            del own["q"], own["site"]

    def clean_profile(self) -> ChargingProfile:
        profile: ChargingProfile = self.cleaned_data["profile"]
        if not profile.periods:
            raise forms.ValidationError(_("This profile has no limits yet."))
        return profile


class _First(forms.models.ModelChoiceIterator):  # type: ignore[type-arg]
    """The newest choices, no more than a page can bear."""

    def __init__(self, field: Any) -> None:
        super().__init__(field)
        self.queryset = self.queryset[:MAX_SUGGESTIONS]
