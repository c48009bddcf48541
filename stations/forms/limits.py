"""Limits in one step: what becomes of them as charging profiles is the service's affair (OCPP 1.6 §3.13)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from stations.commands import CommandRefused, Origin
from stations.models import ChargePoint, Command, Connector
from transactions.limits import lift_limit, limit_connector

from . import fields
from .base import StationForm
from .sending import OnceForm

WATTS_PER_KILOWATT = 1000


class _ConnectorForm(StationForm):
    for_many = False
    sending_class = OnceForm  # what waits hours for its station limits another session than was meant

    connector_id = fields.connector(station_too=True, help_text=_("0 is all connectors."))

    def connector(self, station: ChargePoint) -> Connector:
        """The connector that was chosen; 0 exists without having been reported."""
        number = self.cleaned_data["connector_id"]
        if number == 0:
            return Connector.objects.get_or_create(charge_point=station, connector_id=0)[0]
        found = Connector.objects.filter(charge_point=station, connector_id=number).first()
        if found is None:
            raise CommandRefused(gettext("The charger has not reported a connector with this number."))
        return found


class LimitForm(_ConnectorForm):
    name = "limit"
    title = _("Limit a connector")
    explanation = _(
        "A limit during a session ends with the session; without one it holds for every session until it is lifted. "
        "Either replaces the one before: after a session with a limit of its own, set the standing one again."
    )

    limit = forms.DecimalField(
        label=_("Limit"),
        min_value=0,
        max_digits=9,
        decimal_places=2,
        help_text=_("0 pauses, from 6 A on a car charges."),
    )
    unit = forms.ChoiceField(label=_("Unit"), choices=[("A", _("A per phase")), ("kW", _("kW in total"))])
    phases = forms.TypedChoiceField(
        label=_("Phases"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "–"), (1, "1"), (2, "2"), (3, "3")],
    )

    def queue(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        amount = self.cleaned_data["limit"]
        in_unit: dict[str, Any] = (
            {"amperes": amount} if self.cleaned_data["unit"] == "A" else {"watts": amount * WATTS_PER_KILOWATT}
        )
        return limit_connector(
            self.connector(station),
            **in_unit,
            phases=self.cleaned_data["phases"],
            origin=origin,
            idempotency_key=sending.idempotency,
        )


class LiftLimitForm(_ConnectorForm):
    name = "lift-limit"
    title = _("Lift a connector's limit")
    explanation = _("Takes back what “Limit a connector” has set. “Unknown” means that there was no limit.")

    def queue(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        return lift_limit(self.connector(station), origin=origin, idempotency_key=sending.idempotency)
