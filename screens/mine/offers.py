"""What a holder can do where, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from stations.models import ChargePoint, ChargePointStatus, Connector
from transactions.models import Transaction

from ..statuses import shown_status

#: States in which a session may be asked for; a charger that has not said its state may try.
_STARTABLE = ("", ChargePointStatus.AVAILABLE, ChargePointStatus.PREPARING)
_OUT_OF_ORDER = (ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE)


@dataclass(frozen=True)
class Outlet:
    """A connector as holders see it: its state, and the reason why nothing can be started there, if there is one."""

    connector: Connector
    status: str
    obstacle: str


def obstacle(connector: Connector, *, is_online: bool) -> str:
    """Why no session can be started; "" if one can."""
    if not is_online:
        return _("The charger is not connected.")
    if connector.status in _OUT_OF_ORDER:
        return _("Out of order.")
    if connector.status == ChargePointStatus.FINISHING:
        return _("Unplug the car that has finished first.")
    if connector.status == ChargePointStatus.RESERVED:
        return _("Reserved for somebody.")
    return "" if connector.status in _STARTABLE else _("Somebody charges here.")


def outlets(charge_points: Iterable[ChargePoint], own: Collection[int]) -> list[tuple[ChargePoint, list[Outlet]]]:
    """Each charger with its outlets, read from a prefetch; `own` are the connectors where the holder charges now."""
    return [
        (charge_point, [_outlet(row, charge_point.is_online, own) for row in charge_point.connectors.all()])
        for charge_point in charge_points
    ]


def _outlet(connector: Connector, is_online: bool, own: Collection[int]) -> Outlet:
    why = _("You charge here.") if connector.pk in own else obstacle(connector, is_online=is_online)
    return Outlet(connector, shown_status(connector, is_online=is_online), why)


def stop_obstacle(session: Transaction) -> str:
    """Why the holder cannot stop a running session from here; "" if they can."""
    site = session.charge_point.site
    if site is None or not site.holders_may_start:
        return _("Stop it at the charger, with the card.")
    return "" if session.charge_point.is_online else _("The charger is not connected.")
