"""What browsers are told: the picture as JSON, each piece written once for all who see the same of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from stations.models import ChargePointStatus

from .picture import Delta, Outlet, Picture, Station
from .viewer import Sight, within

#: A patch's kind and the number of what it is about: ("connector", 17), ("figures", 0).
Key = tuple[str, int]

_encode = msgspec.json.Encoder().encode


class Patches:
    """Texts of patches, made when first wanted and kept until what they show changes."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._texts: dict[tuple[Key, bool, bool], str] = {}
        self._overviews: dict[Sight, dict[Key, str]] = {}

    def forget(self, delta: Delta) -> None:
        """What `delta` says has changed."""
        if not delta.stations:
            return
        self._overviews.clear()
        about = {("connector", pk) for pk in delta.connectors} | {("station", pk) for pk in delta.stations}
        for key in about:
            for sees_sessions in (False, True):
                for sees_people in (False, True):
                    self._texts.pop((key, sees_sessions, sees_people), None)

    def of(self, keys: Iterable[Key], sight: Sight) -> Iterator[tuple[Key, str]]:
        """Patches of connectors and stations that `sight` reaches; those of others do not come."""
        for key in keys:
            kind, pk = key
            station = self._picture.stations.get(pk if kind == "station" else self._picture.station_of.get(pk, 0))
            if station is None or not within(sight.stations, station.site_id):
                continue
            rights = within(sight.sessions, station.site_id), within(sight.people, station.site_id)
            text = self._texts.get((key, *rights))
            if text is None:
                text = self._texts[key, *rights] = _encode(self._patch(key, station, *rights)).decode()
            yield key, text

    def _patch(self, key: Key, station: Station, sees_sessions: bool, sees_people: bool) -> dict[str, Any]:
        kind, pk = key
        if kind == "station":
            return _station(station, sees_sessions)
        return _connector(self._picture.outlets[pk], sees_sessions, sees_people)

    def overview(self, sight: Sight) -> dict[Key, str]:
        """The figures of everything that `sight` reaches, the counts of states, and a patch for each site."""
        if sight not in self._overviews:
            seen = [s for s in self._picture.stations.values() if within(sight.stations, s.site_id)]
            self._overviews[sight] = {key: _encode(patch).decode() for key, patch in _overview(seen, sight)}
        return self._overviews[sight]


def _connector(outlet: Outlet, sees_sessions: bool, sees_people: bool) -> dict[str, Any]:
    now = outlet.now if sees_sessions else None
    return {
        "t": "connector",
        "id": outlet.pk,
        "status": outlet.status,
        "since": _utc(outlet.since),
        "error": outlet.error,
        "session": outlet.transaction_id if sees_sessions else None,
        "started": _utc(outlet.started_at) if sees_sessions else None,
        "energy_wh": outlet.energy_wh if sees_sessions else None,
        "power_w": None if now is None else now.power_w,
        "current_a": None if now is None else now.current_a,
        "voltage_v": None if now is None else now.voltage_v,
        "soc": None if now is None else now.soc_percent,
        "offered_a": None if now is None else now.current_offered_a,
        "who": outlet.who if sees_people and sees_sessions else "",
    }


def _station(station: Station, sees_sessions: bool) -> dict[str, Any]:
    return {
        "t": "station",
        "id": station.pk,
        "status": station.status,
        "online": station.is_online,
        "power_w": _power_w([station]) if sees_sessions else None,
        "energy_today_wh": _energy_today_wh([station]) if sees_sessions else None,
    }


def _overview(stations: list[Station], sight: Sight) -> Iterator[tuple[Key, dict[str, Any]]]:
    by_site: dict[int | None, list[Station]] = defaultdict(list)
    for station in stations:
        by_site[station.site_id].append(station)
    with_sessions = [s for s in stations if within(sight.sessions, s.site_id)]
    yield ("figures", 0), {"t": "figures", "id": 0, **figures(stations, with_sessions)}
    counts = Counter(outlet.status for station in stations for outlet in station.real_outlets)
    # every state, so that one that nothing shows any more becomes 0
    states = dict.fromkeys((*ChargePointStatus.values, "Offline", "Unknown"), 0) | dict(counts)
    yield ("counts", 0), {"t": "counts", "id": 0, "all": counts.total(), **states}
    for site_id, own in by_site.items():
        sees_sessions = within(sight.sessions, site_id)
        yield ("site", site_id or 0), {"t": "site", "id": site_id or 0, **figures(own, own if sees_sessions else [])}


def figures(stations: list[Station], with_sessions: list[Station]) -> dict[str, Any]:
    """Of chargers, and of the sessions that the reader may see among them."""
    states = Counter(outlet.status for station in stations for outlet in station.real_outlets)
    return {
        "online": sum(station.is_online for station in stations),
        "total": len(stations),
        "waiting": sum(station.registration == "Pending" for station in stations),
        "charging": states[ChargePointStatus.CHARGING],
        "faulted": states[ChargePointStatus.FAULTED],
        "power_w": _power_w(with_sessions),
        "energy_today_wh": _energy_today_wh(with_sessions),
    }


def _power_w(stations: Iterable[Station]) -> int:
    """Of all outlets together; what is not known counts as nothing."""
    outlets = (outlet for station in stations for outlet in station.outlets)
    return sum(outlet.now.power_w or 0 for outlet in outlets if outlet.now is not None)


def _energy_today_wh(stations: Iterable[Station]) -> int:
    return sum(outlet.energy_today_wh for station in stations for outlet in station.outlets)


def _utc(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
