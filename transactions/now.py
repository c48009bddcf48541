"""What a connector does now: power, currents, voltage and state of charge of the session that runs on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from stations.keys import among
from stations.models import ChargePointStatus
from stations.services import is_clock_suspect

from .models import MeterValue, Transaction

#: A reading tells what is now for this long, or for three of the station's own intervals if that is longer.
FRESH_FOR = timedelta(minutes=15)
#: Two readings of the register this far apart make a power; closer ones are rounding, farther ones are history.
SHORTEST_STEP, LONGEST_STEP = timedelta(seconds=10), FRESH_FOR
#: Rows looked at per session: some stations send every measurand in a reading of its own.
ROWS = 4

_NUMBERS = (
    "power_w", "current_a", "current_l1_a", "current_l2_a", "current_l3_a",
    "voltage_v", "voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "soc_percent", "current_offered_a",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Now:
    """The latest of a running session; None is what its charger does not send, or has not sent for long."""

    transaction_id: int
    #: Active import in W: as sent, else from the energy register, else from currents and voltages.
    power_w: int | None = None
    #: Amperes: of the phase that carries most, and of L1, L2, L3 where they are told apart.
    current_a: float | None = None
    phases_a: tuple[float | None, float | None, float | None] = (None, None, None)
    #: Volts of L1, or of the outlet as a whole.
    voltage_v: float | None = None
    soc_percent: float | None = None
    current_offered_a: float | None = None
    #: The station's time of its latest reading.
    at: datetime | None = None


class Reading(NamedTuple):
    """A meter value's columns as plain numbers."""

    at: datetime
    energy_wh: int | None
    power_w: float | None
    current_a: float | None
    current_l1_a: float | None
    current_l2_a: float | None
    current_l3_a: float | None
    voltage_v: float | None
    voltage_l1_v: float | None
    voltage_l2_v: float | None
    voltage_l3_v: float | None
    soc_percent: float | None
    current_offered_a: float | None


class Session(NamedTuple):
    """What has to be known of a running session to judge its readings."""

    transaction_id: int
    #: When its energy register last moved, by what we believe of the station's clock.
    register_at: datetime
    meter_start_wh: int
    #: How long after its own time the start came: the station's clock is behind, or it was offline.
    lag: timedelta
    #: State of its connector, and since when.
    status: str
    status_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[str, Any], status: str, status_at: datetime | None) -> Session:
        """Of a transaction's SESSION_COLUMNS and the state of its connector."""
        lag = max(row["start_received_at"] - row["started_at"], timedelta(0))
        return cls(row["pk"], row["register_at"], row["meter_start_wh"], lag, status, status_at)


SESSION_COLUMNS = ("pk", "register_at", "meter_start_wh", "started_at", "start_received_at")


def now_of(connector_pks: Collection[int], *, at: datetime | None = None) -> dict[int, Now]:
    """What runs on these connectors, by their primary keys; one without a running session is not in the answer.

    Two queries for any number of connectors. Where two sessions are open on a connector the newer one counts.
    """
    rows = Transaction.objects.running().filter(connector__in=among(connector_pks)).order_by("pk")
    connectors = ("connector_id", "connector__status", "connector__status_at")
    sessions = {
        row["connector_id"]: Session.of(row, row["connector__status"], row["connector__status_at"])
        for row in rows.values(*SESSION_COLUMNS, *connectors)
    }
    return states_of(sessions, at=at)


def states_of(sessions: Mapping[int, Session], *, at: datetime | None = None) -> dict[int, Now]:
    """As `now_of`, for who has read the sessions already; one query."""
    moment = at or timezone.now()
    readings: dict[int, list[Reading]] = {session.transaction_id: [] for session in sessions.values()}
    for transaction_id, reading in _readings(readings):
        readings[transaction_id].append(reading)
    return {pk: now_from(session, readings[session.transaction_id], moment) for pk, session in sessions.items()}


def now_from(session: Session, readings: Sequence[Reading], moment: datetime) -> Now:
    """The state of a session by its last readings, newest first.

    Readings that are not fresh say nothing. Nor does a power from before the car paused or the charger went idle:
    many chargers do not send the 0 that follows.
    """
    fresh = _fresh(readings, session, moment)
    if not fresh:
        return Now(session.transaction_id)
    phases = _latest(fresh, "current_l1_a"), _latest(fresh, "current_l2_a"), _latest(fresh, "current_l3_a")
    currents = [amperes for amperes in (*phases, _latest(fresh, "current_a")) if amperes is not None]
    current = max(currents, default=None)
    voltage = _latest(fresh, "voltage_l1_v")
    power = _power(fresh, session.meter_start_wh)
    if _is_over(session, fresh[0]):
        power = current = None
        phases = None, None, None
    return Now(
        transaction_id=session.transaction_id,
        power_w=None if power is None else round(power),
        current_a=current,
        phases_a=phases,
        voltage_v=_latest(fresh, "voltage_v") if voltage is None else voltage,
        soc_percent=_latest(fresh, "soc_percent"),
        current_offered_a=_latest(fresh, "current_offered_a"),
        at=fresh[0].at,
    )


def _fresh(readings: Sequence[Reading], session: Session, moment: datetime) -> list[Reading]:
    """By the station's own clock, unless that is off: then by when its register last moved."""
    if not readings:
        return []
    newest = readings[0].at
    interval = next((newest - reading.at for reading in readings if reading.at != newest), timedelta(0))
    since = moment - session.lag - max(FRESH_FOR, 3 * interval)
    return [
        reading
        for reading in readings
        if (session.register_at if is_clock_suspect(reading.at, moment) else reading.at) >= since
    ]


def _is_over(session: Session, newest: Reading) -> bool:
    """Whether the connector has stopped delivering since the newest reading."""
    if session.status in ("", ChargePointStatus.CHARGING) or session.status_at is None:
        return False
    return newest.at < session.status_at


def _latest(readings: Iterable[Reading], name: str) -> Any:
    return next((value for reading in readings if (value := getattr(reading, name)) is not None), None)


def _power(readings: Sequence[Reading], meter_start_wh: int) -> float | None:
    """Power as sent, unless the register has spoken twice since; else by the register; else by currents."""
    sent = next((reading for reading in readings if reading.power_w is not None), None)
    since = [reading for reading in readings if sent is None or reading.at > sent.at]
    by_register = _power_by_register(since, meter_start_wh)
    if by_register is not None:
        return by_register
    if sent is not None:
        return sent.power_w
    return _latest_product(readings)


def _power_by_register(readings: Sequence[Reading], meter_start_wh: int) -> float | None:
    """Watts between the newest reading of the energy register and the next older one that is far enough away.

    Of a station with two registers (`energy.step_to`) between readings of one: its session's is below meterStart.
    """
    known = [(reading.at, reading.energy_wh) for reading in readings if reading.energy_wh is not None]
    for number, (at, energy_wh) in enumerate(known):
        for earlier_at, earlier_wh in known[number + 1 :]:
            step, is_other = at - earlier_at, (energy_wh < meter_start_wh) != (earlier_wh < meter_start_wh)
            if step >= SHORTEST_STEP and not is_other:
                is_usable = step <= LONGEST_STEP and energy_wh >= earlier_wh
                return (energy_wh - earlier_wh) * 3600 / step.total_seconds() if is_usable else None
    return None


def _latest_product(readings: Sequence[Reading]) -> float | None:
    """Currents times voltages, phase by phase; without a voltage nothing is guessed."""
    for reading in readings:
        phases = (
            (reading.current_l1_a, reading.voltage_l1_v),
            (reading.current_l2_a, reading.voltage_l2_v),
            (reading.current_l3_a, reading.voltage_l3_v),
        )
        common = _latest(readings, "voltage_v") or _latest(readings, "voltage_l1_v")
        if all(amperes is None for amperes, _ in phases):
            phases = ((reading.current_a, common), (None, None), (None, None))
        watts = [amperes * (volts or common) for amperes, volts in phases if amperes is not None and (volts or common)]
        if watts:
            return sum(watts)
    return None


def _readings(transaction_ids: Collection[int]) -> Iterable[tuple[int, Reading]]:
    """(transaction, reading), newest first: the last ROWS of each, by one walk down the unique index for each.

    Only SQL says "the last few of each" so that both databases walk the index: PostgreSQL by LATERAL, SQLite, which
    has none, by a correlated list of keys. Numbers and moments come as floats, which are read in a tenth of the time.
    """
    if not transaction_ids:
        return
    t, m = (connection.ops.quote_name(model._meta.db_table) for model in (Transaction, MeterValue))
    numbers = ", ".join(f"CAST(m.{name} AS double precision)" for name in _NUMBERS)
    last = (
        f"FROM {m} r WHERE r.connector_id = t.connector_id AND r.transaction_id = t.id "
        f"ORDER BY r.timestamp DESC LIMIT {ROWS}"
    )
    if connection.vendor == "postgresql":
        moment = "CAST(EXTRACT(EPOCH FROM m.timestamp) AS double precision)"
        of_each, which = f"CROSS JOIN LATERAL (SELECT r.* {last}) m", ""
    else:
        moment = "m.timestamp"
        of_each, which = f"CROSS JOIN {m} m", f" AND m.id IN (SELECT r.id {last})"
    keys = among(transaction_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.id, {moment}, m.energy_wh, {numbers} FROM {t} t {of_each} WHERE t.id IN ({keys.sql}){which} "  # noqa: S608 - names only
            "ORDER BY t.id, m.timestamp DESC",
            keys.params,
        )
        for transaction_id, at, *values in cursor.fetchall():
            yield transaction_id, Reading(_moment(at), *values)


def _moment(at: float | datetime) -> datetime:
    """SQLite's are in UTC and do not say so."""
    return at.replace(tzinfo=UTC) if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
