"""Limits: "this connector 10 A", in one step (OCPP 1.6 §3.13, §5.16).

While a session runs the limit is a TxProfile and ends with it; without one it is the connector's TxDefaultProfile and
holds until it is lifted. Never a ChargePointMaxProfile: what changes every few minutes would wear out the station's
flash. Each connector has one profile id, so a limit replaces the one before and lifting needs no memory. That goes for
a standing limit too: one set during a session takes its place, and when the session ends there is none.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal

from django.utils.translation import gettext as _

from stations.commands import SYSTEM, CommandRefused, Origin, queue_command
from stations.models import Command, Connector

from . import station_keys
from .models import Transaction

Unit = Literal["A", "W"]

#: chargingProfileId of connector n is this plus n: far from the small numbers that people type.
FIRST_PROFILE_ID = 16_000_000
#: Some firmware applies no other level (ABB Terra AC, Wallbox: evcc-io/evcc#15493).
STACK_LEVEL = 0
LINE_VOLTAGE = 230
DEFAULT_PHASES = 3
#: Below it IEC 61851 knows no current but none.
LEAST_AMPERES = Decimal(6)
MOST_AMPERES = Decimal(1000)
MOST_WATTS = Decimal(1_000_000)
_RATE_UNITS: dict[str, Unit] = {"current": "A", "a": "A", "power": "W", "w": "W"}


class LimitRefused(CommandRefused):
    """A limit that no connector can follow; its text is for the person who asked for it."""


def limit_connector(
    connector: Connector,
    *,
    amperes: Decimal | float | None = None,
    watts: Decimal | float | None = None,
    phases: int | None = None,
    origin: Origin = SYSTEM,
    idempotency_key: str = "",
) -> Command:
    """Send one limit, in amperes per phase or in watts over all phases; 0 pauses. Connector 0 stands for all.

    It goes out in a unit that the station takes (ChargingScheduleAllowedChargingRateUnit), converted at 230 V and
    `phases` (1 to 3, three if nobody says), rounded down to a tenth. During a session it replaces a standing limit of
    ours for good, not only until the session ends. Raises LimitRefused.
    """
    unit, amount = _wanted(amperes, watts, phases)
    unit, amount = _in_unit_of(connector, unit, amount, phases or DEFAULT_PHASES)
    _check_bounds(unit, amount)
    payload = {"connectorId": connector.connector_id, "csChargingProfiles": _profile(connector, unit, amount, phases)}
    return queue_command(
        connector.charge_point, "SetChargingProfile", payload, origin=origin, idempotency_key=idempotency_key
    )


def lift_limit(connector: Connector, *, origin: Origin = SYSTEM, idempotency_key: str = "") -> Command:
    """Take our limit off a connector; the station answers Unknown, and the command is rejected, if there is none."""
    payload = {"id": profile_id(connector)}
    return queue_command(
        connector.charge_point, "ClearChargingProfile", payload, origin=origin, idempotency_key=idempotency_key
    )


def profile_id(connector: Connector) -> int:
    return FIRST_PROFILE_ID + connector.connector_id


def _wanted(amperes: Decimal | float | None, watts: Decimal | float | None, phases: int | None) -> tuple[Unit, Decimal]:
    if (amperes is None) == (watts is None):
        raise LimitRefused(_("Give either amperes or watts."))
    if phases not in (None, 1, 2, 3):
        raise LimitRefused(_("A connector has one, two or three phases."))
    unit: Unit = "W" if amperes is None else "A"
    amount = Decimal(str(watts if amperes is None else amperes))
    _check_bounds(unit, amount)
    return unit, amount


def _check_bounds(unit: Unit, amount: Decimal) -> None:
    """What was asked for, before it is converted and rounded, and what is sent."""
    most = MOST_WATTS if unit == "W" else MOST_AMPERES
    if not (amount.is_finite() and 0 <= amount <= most):
        raise LimitRefused(_("A limit is between 0 and %(most)s %(unit)s.") % {"most": most, "unit": unit})
    if unit == "A" and 0 < amount < LEAST_AMPERES:
        raise LimitRefused(_("%(amperes)s A is less than the 6 A a car needs; 0 pauses.") % {"amperes": amount})


def _in_unit_of(connector: Connector, unit: Unit, amount: Decimal, phases: int) -> tuple[Unit, Decimal]:
    """The limit in the unit it was given in, unless the station takes the other one only."""
    taken = station_keys.words_of(connector.charge_point, "ChargingScheduleAllowedChargingRateUnit")
    units = {_RATE_UNITS[word] for word in taken & _RATE_UNITS.keys()}
    if units and unit not in units:
        return (
            ("A", _rounded(amount / (LINE_VOLTAGE * phases)))
            if unit == "W"
            else ("W", _rounded(amount * LINE_VOLTAGE * phases))
        )
    return unit, _rounded(amount)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.1"), ROUND_DOWN)


def _profile(connector: Connector, unit: Unit, amount: Decimal, phases: int | None) -> dict[str, Any]:
    """One endless period. Relative, because the clock of the station would decide when an absolute one begins."""
    period: dict[str, Any] = {"startPeriod": 0, "limit": int(amount) if amount == int(amount) else float(amount)}
    if phases is not None:
        period["numberPhases"] = phases
    running = Transaction.objects.running().filter(connector=connector).order_by("-pk").first()
    profile: dict[str, Any] = {
        "chargingProfileId": profile_id(connector),
        "stackLevel": STACK_LEVEL,
        "chargingProfilePurpose": "TxDefaultProfile" if running is None else "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": unit, "chargingSchedulePeriod": [period]},
    }
    return profile if running is None else {**profile, "transactionId": running.pk}
