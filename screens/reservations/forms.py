"""What people enter to have a connector kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.access import Access
from stations.forms import fields
from stations.forms.fields import SuggestingInput
from stations.forms.sending import in_an_hour
from stations.forms.suggestions import Suggestions
from stations.models import ChargePoint, Connector

from ..commands.offers import suggest_tags
from ..record_filters import found_stations

ADD = "transactions.add_reservation"
#: Chargers offered in the field; any other may be typed.
MAX_OFFERED = 50


class ReservationForm(forms.Form):
    """`target`, once it is valid: the connector, or the charger itself for any of its connectors."""

    station = forms.CharField(label=gettext_lazy("Charger"), max_length=255)
    connector = fields.whole_number(
        label=gettext_lazy("Connector"),
        initial=1,
        help_text=gettext_lazy("0 keeps any one connector free; not every charger can do that."),
    )
    id_tag = fields.id_tag(help_text=gettext_lazy("Only this tag, or one of its group, may use the connector."))
    until = fields.moment(label=gettext_lazy("Until"), initial=in_an_hour)

    target: Connector | ChargePoint

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", "auto_id": "reserve_%s", **kwargs})
        self._access = access
        self.fields["station"].widget = SuggestingInput(lambda _none: self._offered())
        suggest_tags(self, access)

    def _usable(self) -> Any:
        return self._access.charge_points(ADD).filter(archived_at=None).select_related("gateway")

    def _offered(self) -> Suggestions:
        rows = self._usable().order_by("identity").values_list("identity", "name")
        return [(identity, name or identity) for identity, name in rows[:MAX_OFFERED]]

    def clean_station(self) -> ChargePoint:
        keys = found_stations(self._access, self.cleaned_data["station"], ADD)
        found = list(self._usable().filter(pk__in=keys)[:2])
        if not found:
            raise forms.ValidationError(_("There is no such charger."))
        if len(found) > 1:
            raise forms.ValidationError(_("Several chargers match: enter the ID of one."))
        station: ChargePoint = found[0]
        return station

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        station, number = entered.get("station"), entered.get("connector")
        if station is None or number is None:
            return entered
        target = station if number == 0 else station.connectors.filter(connector_id=number).first()
        if target is None:
            self.add_error("connector", _("The charger has not reported a connector with this number."))
        else:
            self.target = target
        return entered
