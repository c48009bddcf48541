"""Reservations (OCPP 1.6 §3.7, §5.1, §5.13)."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import fields, suggestions
from .base import CommandForm, Values


class ReserveNow(CommandForm):
    action = "ReserveNow"
    title = _("Reserve a connector by hand")
    explanation = _(
        "Sends exactly these numbers. A reservation that plugcontrol looks after is made in the list of reservations."
    )

    connector_id = fields.connector(
        station_too=True, help_text=_("0 keeps any one connector free; not every charger can do that.")
    )
    id_tag = fields.id_tag(help_text=_("Only this tag may use the connector."))
    parent_id_tag = fields.id_tag(
        label=_("Group"), required=False, help_text=_("Tags of this group (parentIdTag) may use it too.")
    )
    expiry_date = fields.moment(label=_("Until"))
    reservation_id = fields.whole_number(
        label=_("Number"), help_text=_("A number the charger knows already replaces that reservation.")
    )

    def check(self, values: Values) -> None:
        if values["expiry_date"] <= timezone.now():
            self.add_error("expiry_date", _("This moment has passed."))


class CancelReservation(CommandForm):
    action = "CancelReservation"
    title = _("Cancel a reservation")
    explanation = _("“Rejected” means that the charger does not know it: then it is gone already.")
    for_many = False

    reservation_id = fields.whole_number(label=_("Number"), min_value=None, suggest=suggestions.reservations)


FORMS: tuple[type[CommandForm], ...] = (ReserveNow, CancelReservation)
