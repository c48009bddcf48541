"""What a station can do with profiles, by its own word, and what is known of its make (OCPP 1.6 §3.13.5, §9.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations.models import ChargePoint
from transactions import station_keys
from transactions.models import Transaction

from .models import ACTIVE_STATES, Assignment, ChargingProfile, Kind, Purpose, RateUnit
from .rules import contradictions

_UNITS = {"current": RateUnit.A, "a": RateUnit.A, "power": RateUnit.W, "w": RateUnit.W}
#: Below it IEC 61851 knows no current but none.
_LEAST_AMPERES = Decimal(6)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The station's limits; None, and an empty `units`, where it never said."""

    max_stack_level: int | None
    units: frozenset[str]
    max_periods: int | None
    max_installed: int | None
    switches_phases: bool | None
    #: whether it lists SmartCharging among its feature profiles
    charges_smartly: bool | None


def of(charge_point: ChargePoint) -> Capabilities:
    """As the station's configuration was last read."""
    level = station_keys.text_of(charge_point, "ChargeProfileMaxStackLevel")
    units = station_keys.words_of(charge_point, "ChargingScheduleAllowedChargingRateUnit")
    features = station_keys.words_of(charge_point, "SupportedFeatureProfiles")
    switches = station_keys.truth_of(charge_point, "ConnectorSwitch3to1PhaseSupported")
    if switches is None:  # ChargeAmps' name for it (evcc-io/evcc charger/ocpp/cp_setup.go)
        switches = station_keys.truth_of(charge_point, "ACPhaseSwitchingSupported")
    return Capabilities(
        max_stack_level=int(level) if level.isascii() and level.isdigit() and len(level) < 10 else None,
        units=frozenset(_UNITS[word] for word in units & _UNITS.keys()),
        max_periods=station_keys.number_of(charge_point, "ChargingScheduleMaxPeriods"),
        max_installed=station_keys.number_of(charge_point, "MaxChargingProfilesInstalled"),
        switches_phases=switches,
        charges_smartly="smartcharging" in features if features else None,
    )


def problems(
    profile: ChargingProfile, charge_point: ChargePoint, connector_id: int, *, transaction: Transaction | None = None
) -> list[str]:
    """Why a profile cannot be sent to this place, each reason a sentence; empty if it can."""
    found = contradictions(profile)
    if profile.archived_at is not None:
        found.append(_("The profile is archived."))
    found += _out_of_place(profile, charge_point, connector_id, transaction)
    found += _over(profile)
    found += _beyond(of(charge_point), profile) if isinstance(profile.periods, list) else []
    return found + _too_many(profile, charge_point, connector_id)


def hints(profile: ChargingProfile, charge_point: ChargePoint) -> list[str]:
    """What a person should know before the profile is sent, though nothing forbids it."""
    known = of(charge_point)
    if contradictions(profile):
        return []
    return [*_of_schedule(profile, known), *_of_make(profile, charge_point, known)]


def _out_of_place(
    profile: ChargingProfile, charge_point: ChargePoint, connector_id: int, transaction: Transaction | None
) -> Iterator[str]:
    if profile.purpose == Purpose.CHARGE_POINT_MAX and connector_id != 0:
        yield _("A limit for the whole charger belongs to connector 0.")
    if profile.purpose == Purpose.TX:
        yield from _without_session(charge_point, connector_id, transaction)
    elif transaction is not None:
        yield _("Only a profile for one running session names a session.")
    if connector_id and not _has_connector(charge_point, connector_id):
        yield _("This charger has no connector %(number)s.") % {"number": connector_id}


def _without_session(charge_point: ChargePoint, connector_id: int, transaction: Transaction | None) -> Iterator[str]:
    if transaction is None:
        yield _("This profile is for one running session: choose the session.")
    elif transaction.charge_point_id != charge_point.pk or transaction.connector.connector_id != connector_id:
        yield _("Session %(session)s does not run on this connector.") % {"session": transaction.pk}
    elif not transaction.is_running:
        yield _("Session %(session)s is over.") % {"session": transaction.pk}


def _has_connector(charge_point: ChargePoint, connector_id: int) -> bool:
    """Believed as long as the station has not told how many it has."""
    numbers = set(charge_point.connectors.filter(connector_id__gt=0).values_list("connector_id", flat=True))
    count = station_keys.number_of(charge_point, "NumberOfConnectors")
    return connector_id in numbers or (connector_id <= count if count is not None else not numbers)


def _over(profile: ChargingProfile) -> Iterator[str]:
    now = timezone.now()
    ends = [profile.valid_to] if profile.valid_to else []
    if profile.kind == Kind.ABSOLUTE and profile.starts_at is not None and profile.duration_s is not None:
        ends.append(profile.starts_at + timedelta(seconds=profile.duration_s))
    if any(end <= now for end in ends):
        yield _("The profile is over: it would do nothing any more.")


def _beyond(known: Capabilities, profile: ChargingProfile) -> Iterator[str]:
    if known.max_stack_level is not None and profile.stack_level > known.max_stack_level:
        yield _("The highest level of this charger is %(most)s, the profile has %(level)s.") % {
            "most": known.max_stack_level,
            "level": profile.stack_level,
        }
    if known.units and profile.unit not in known.units:
        yield _("This charger takes limits in %(units)s only, the profile has them in %(unit)s.") % {
            "units": " / ".join(sorted(known.units)),
            "unit": profile.unit,
        }
    if known.max_periods is not None and len(profile.periods) > known.max_periods:
        most = known.max_periods
        yield ngettext(
            "This charger takes only %(most)s limit in a profile, this one has %(count)s.",
            "This charger takes %(most)s limits in a profile at most, this one has %(count)s.",
            most,
        ) % {"most": most, "count": len(profile.periods)}


def _too_many(profile: ChargingProfile, charge_point: ChargePoint, connector_id: int) -> list[str]:
    most = station_keys.number_of(charge_point, "MaxChargingProfilesInstalled")
    if most is None:
        return []
    others = Assignment.objects.filter(charge_point=charge_point, ended_at=None, state__in=ACTIVE_STATES).exclude(
        purpose=profile.purpose, stack_level=profile.stack_level, connector_id=connector_id
    )
    if others.count() < most:
        return []
    text = ngettext(
        "This charger holds %(most)s profile at most: remove it first.",
        "This charger holds %(most)s profiles at most: remove one first.",
        most,
    )
    return [text % {"most": most}]


def _of_schedule(profile: ChargingProfile, known: Capabilities) -> Iterator[str]:
    starts = [period["start"] for period in profile.periods]
    if profile.every is not None and max(starts) >= profile.every.total_seconds():
        yield _("Limits that begin after the next repetition has begun are never reached.")
    if profile.duration_s is not None and max(starts) >= profile.duration_s:
        yield _("Limits that begin after the end of the schedule are never reached.")
    if profile.unit == RateUnit.A and any(0 < Decimal(period["limit"]) < _LEAST_AMPERES for period in profile.periods):
        yield _("Below 6 A no car charges: the charger pauses, stops or stays at 6 A.")
    if known.switches_phases is False and any(period.get("phases", 3) < 3 for period in profile.periods):
        yield _("This charger cannot switch phases: a limit for fewer phases holds on all of them.")
    if known.charges_smartly is False:
        yield _("This charger does not name smart charging among what it can do.")
    if known.max_stack_level is None and not known.units:
        yield _("What this charger can do with profiles is not known: read its configuration first.")


def _of_make(profile: ChargingProfile, charge_point: ChargePoint, known: Capabilities) -> Iterator[str]:
    """What others have found out about makes of chargers (evcc-io/evcc, lbbrhzn/ocpp)."""
    make = f"{charge_point.vendor} {charge_point.model}".casefold()
    if profile.stack_level > 0 and any(name in make for name in ("abb", "wallbox")):
        yield _("Chargers of this make are known to follow profiles of level 0 only.")
    if "wallbox" in make and profile.kind != Kind.RELATIVE and profile.purpose != Purpose.CHARGE_POINT_MAX:
        yield _("Chargers of this make are known to follow only profiles that begin with the session.")
    if "huawei" in make and profile.unit == RateUnit.A and RateUnit.A not in known.units:
        yield _("Chargers of this make are known to take limits in W only.")
    if profile.purpose == Purpose.CHARGE_POINT_MAX and any(name in make for name in ("grizzl", "chargeamps")):
        yield _("Chargers of this make are known to ignore limits for the whole charger: check the result.")
    if "necharge" in make:
        yield _("Chargers of this make are known to follow 6, 8, 10, 13 and 16 A only.")
