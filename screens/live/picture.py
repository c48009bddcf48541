"""What chargers look like now: read from their rows, a bounded number of queries for any number of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar

from django.db.models import Case, Model, QuerySet, When
from django.utils import timezone

from stations.keys import among
from stations.models import ChargePoint, ChargePointStatus, Connector, GatewayProcess, RegistrationStatus
from transactions.clock import local_day
from transactions.models import DailyEnergy, Transaction
from transactions.now import SESSION_COLUMNS, Now, Session, states_of

from ..statuses import OFFLINE, REJECTED, UNKNOWN, WAITING

M = TypeVar("M", bound=Model)

#: What a charger as a whole shows: the first of these that one of its connectors shows.
_FOREMOST = (
    ChargePointStatus.FAULTED,
    ChargePointStatus.CHARGING,
    ChargePointStatus.SUSPENDED_EVSE,
    ChargePointStatus.SUSPENDED_EV,
    ChargePointStatus.FINISHING,
    ChargePointStatus.PREPARING,
    ChargePointStatus.RESERVED,
    ChargePointStatus.AVAILABLE,
    ChargePointStatus.UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class Outlet:
    """One connector, and the session that runs on it."""

    pk: int
    number: int
    status: str
    since: datetime | None
    error: str
    energy_today_wh: int
    now: Now | None = None
    transaction_id: int | None = None
    started_at: datetime | None = None
    energy_wh: int | None = None
    who: str = ""
    #: The person whose card charges, if one is known.
    holder: int | None = None


@dataclass(frozen=True, slots=True)
class Station:
    """A charger; `day` is the day that its outlets' energy_today_wh are of."""

    pk: int
    site_id: int | None
    is_online: bool
    registration: str
    is_open_to_holders: bool
    day: date
    #: Of one that is offline.
    last_seen_at: datetime | None = field(compare=False)
    outlets: tuple[Outlet, ...] = ()

    @property
    def status(self) -> str:
        """Of the charger as a whole."""
        if self.registration == RegistrationStatus.PENDING:
            return WAITING
        if self.registration == RegistrationStatus.REJECTED:
            return REJECTED
        if not self.is_online:
            return OFFLINE
        shown = {outlet.status for outlet in self.real_outlets}
        return next((status.value for status in _FOREMOST if status in shown), UNKNOWN)

    @property
    def real_outlets(self) -> tuple[Outlet, ...]:
        """Those a car can be plugged in; connector 0 stands for the charger as a whole."""
        return tuple(outlet for outlet in self.outlets if outlet.number) or self.outlets

    @property
    def structure(self) -> tuple[Any, ...]:
        """What decides where and how it is shown, other than by numbers."""
        return self.site_id, self.registration, self.is_online, tuple((o.pk, o.status, o.error) for o in self.outlets)


@dataclass(frozen=True)
class Delta:
    """What was different when rows were read again."""

    stations: frozenset[int] = frozenset()
    connectors: frozenset[int] = frozenset()
    #: People whose sessions moved, and whether anything moved where holders may charge.
    holders: frozenset[int] = frozenset()
    concerns_holders: bool = False
    #: Sites where chargers came, went or changed their state: pages that list them are to be made again.
    restructured: frozenset[int | None] = frozenset()


@dataclass
class Picture:
    """The stations that somebody watches, as last read."""

    stations: dict[int, Station] = field(default_factory=dict)
    station_of: dict[int, int] = field(default_factory=dict)
    outlets: dict[int, Outlet] = field(default_factory=dict)
    #: Whether it has every station there is.
    is_complete: bool = False

    def put(self, asked: Collection[int] | None, read: Iterable[Station]) -> Delta:
        """Take in what was read of the `asked` stations (None: of all); those not found are gone."""
        self.is_complete = self.is_complete or asked is None
        found = {station.pk: station for station in read}
        gone = (set(self.stations) if asked is None else set(asked) & self.stations.keys()) - found.keys()
        moved = [(self.stations.get(pk), found.get(pk)) for pk in (*found, *gone)]
        moved = [(before, after) for before, after in moved if before != after]
        connectors: set[int] = set()
        holders: set[int] = set()
        for before, after in moved:
            old, new = _by_pk(before), _by_pk(after)
            connectors |= {pk for pk in old.keys() | new.keys() if old.get(pk) != new.get(pk)}
            holders |= {o.holder for o in (*old.values(), *new.values()) if o.pk in connectors and o.holder is not None}
            self._replace(before, after)
        changed = [pair for pair in moved if _structure(pair[0]) != _structure(pair[1])]
        structural = [station for pair in changed for station in pair if station is not None]
        return Delta(
            frozenset(station.pk for pair in moved for station in pair if station is not None),
            frozenset(connectors),
            frozenset(holders),
            any(station.is_open_to_holders for station in structural),
            frozenset(station.site_id for station in structural),
        )

    def keep(self, watched: Collection[int]) -> None:
        """Forget the stations that nobody watches any more."""
        self.is_complete = False
        for pk in self.stations.keys() - set(watched):
            self._replace(self.stations[pk], None)

    def _replace(self, before: Station | None, after: Station | None) -> None:
        for outlet in before.outlets if before is not None else ():
            del self.outlets[outlet.pk], self.station_of[outlet.pk]
        if before is not None:
            del self.stations[before.pk]
        if after is not None:
            self.stations[after.pk] = after
            self.outlets |= {outlet.pk: outlet for outlet in after.outlets}
            self.station_of |= dict.fromkeys((outlet.pk for outlet in after.outlets), after.pk)


def _by_pk(station: Station | None) -> dict[int, Outlet]:
    return {} if station is None else {outlet.pk: outlet for outlet in station.outlets}


def _structure(station: Station | None) -> tuple[Any, ...] | None:
    return None if station is None else station.structure


def read_stations(pks: Collection[int] | None) -> list[Station]:
    """Stations in use, with what runs on them; None reads all. Six queries for any number."""
    now = timezone.now()
    today = local_day(now)
    alive = set(GatewayProcess.objects.alive().values_list("pk", flat=True))
    rows = _of(ChargePoint.objects.filter(archived_at=None), "pk", pks)
    # what is asked of all of them must be cheap to read, and moments are not
    seen_at = Case(When(connection="", then="last_seen_at"))
    names = ("pk", "site_id", "registration_status", "site__holders_may_start", "connection", "gateway_id")
    stations: list[Station] = []
    offline_since: dict[int, datetime | None] = {}
    for pk, site_id, registration, is_open, connection, gateway, left_at, last_seen_at in rows.values_list(
        *names, Case(When(connection="", then="disconnected_at")), seen_at
    ):
        is_online = bool(connection) and gateway in alive
        if not is_online:
            offline_since[pk] = left_at
        stations.append(Station(pk, site_id, is_online, registration, bool(is_open), today, last_seen_at))
    outlets = _outlets(pks, offline_since, today)
    return [replace(station, outlets=tuple(outlets[station.pk])) for station in stations]


def _of(rows: QuerySet[M], lookup: str, pks: Collection[int] | None) -> QuerySet[M]:
    return rows.order_by() if pks is None else rows.order_by().filter(**{f"{lookup}__in": among(pks)})


def _outlets(
    pks: Collection[int] | None, offline_since: Mapping[int, datetime | None], today: date
) -> dict[int, list[Outlet]]:
    """Outlets by their stations' keys."""
    names = ("pk", "charge_point_id", "connector_id", "status", "status_at", "error_code")
    rows = list(_of(Connector.objects.all(), "charge_point", pks).order_by("connector_id").values_list(*names))
    keys = None if pks is None else [row[0] for row in rows]
    states = {row[0]: row[3:5] for row in rows if row[1] not in offline_since}
    sessions = _sessions(keys)
    # what an offline charger does nobody knows
    running = {pk: Session.of(session, *states[pk]) for pk, session in sessions.items() if pk in states}
    readings = states_of(running)
    daily = _of(DailyEnergy.objects.filter(day=today), "connector", keys)
    energy = dict(daily.values_list("connector_id", "energy_wh"))
    outlets: dict[int, list[Outlet]] = defaultdict(list)
    for pk, station, number, status, since, error in rows:
        if station in offline_since:
            status, since = OFFLINE, offline_since[station]
        error = "" if error == "NoError" else error
        own = readings.get(pk), *_of_session(sessions.get(pk))
        outlets[station].append(Outlet(pk, number, status or UNKNOWN, since, error, energy.get(pk, 0), *own))
    return outlets


def _sessions(connectors: Collection[int] | None) -> dict[int, dict[str, Any]]:
    """What runs, by connector; the newer where there are two."""
    rows = _of(Transaction.objects.running(), "connector", connectors).order_by("pk")
    columns = (*SESSION_COLUMNS, "connector_id", "started_at", "energy_wh", "tag__holder", "tag__user_id")
    return {row["connector_id"]: row for row in rows.values(*columns)}


def _of_session(row: Mapping[str, Any] | None) -> tuple[int | None, datetime | None, int | None, str, int | None]:
    """In the order of an Outlet."""
    if row is None:
        return None, None, None, "", None
    return row["pk"], row["started_at"], row["energy_wh"], row["tag__holder"] or "", row["tag__user_id"]
