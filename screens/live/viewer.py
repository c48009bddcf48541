"""Who looks: the person behind a browser's session, and what of everything they may watch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import parse_cookie

from jobs.models import Job
from people.access import Access, access_of
from people.second_factor import Standing, standing
from stations.models import ChargePoint, Connector

#: Topics without a number, and the permission each needs at one site at least; "" is for everybody.
PLAIN = {
    "overview": "stations.view_chargepoint",
    "commands": "stations.view_command",
    "transactions": "transactions.view_transaction",
    "tags": "transactions.view_idtag",
    "campaigns": "transfers.view_firmwareupdate",
    "files": "transfers.view_stationfile",
    "profiles": "charging_profiles.view_assignment",
    "certificates": "certificates.view_stationcertificate",
    "sites": "stations.view_site",
    "jobs": "",
    "mine": "",
}
#: Topics of what belongs to no site.
GLOBAL = {"attempts": "stations.view_connectionattempt"}
_NUMBERED = re.compile(r"(station|connector|person):([1-9][0-9]{0,17})")
_JOB = re.compile(r"job:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")

#: Sites where something may be seen; None is everywhere.
Where = frozenset[int] | None


def within(where: Where, site_id: int | None) -> bool:
    return where is None or site_id in where


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see of a charger, by its site. Equal for people who see the same: they share their patches."""

    stations: Where = frozenset()
    #: sessions: power, energy, since when
    sessions: Where = frozenset()
    #: people: who charges
    people: Where = frozenset()

    def reaches(self, sites: Iterable[int | None]) -> bool:
        """Whether chargers of one of these sites are seen."""
        return any(within(self.stations, site_id) for site_id in sites)

    @classmethod
    def of(cls, access: Access) -> Sight:
        return cls(
            stations=_where(access, "stations.view_chargepoint"),
            sessions=_where(access, "transactions.view_transaction"),
            people=_where(access, "transactions.view_idtag"),
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """The topics somebody asked for and may watch, and the stations behind them."""

    topics: frozenset[str] = frozenset()
    stations: frozenset[int] = frozenset()
    #: connector → its station
    connectors: Mapping[int, int] = field(default_factory=dict)

    @property
    def watches_all(self) -> bool:
        return "overview" in self.topics or "mine" in self.topics

    @property
    def watched(self) -> set[int]:
        """Stations whose rows are to be read."""
        return {*self.stations, *self.connectors.values()}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who is logged in, as of now."""

    user_pk: int
    sight: Sight
    access: Access

    def grant(self, topics: Collection[str]) -> Grant:
        """What of `topics` this person may watch; what they may not see and what does not exist are one."""
        granted = {topic for topic in topics if self._may_watch(topic)}
        numbered = [match.groups() for topic in topics if (match := _NUMBERED.fullmatch(topic))]
        stations = self._stations({int(pk) for kind, pk in numbered if kind == "station"})
        connectors = self._connectors({int(pk) for kind, pk in numbered if kind == "connector"})
        granted |= {f"station:{pk}" for pk in stations} | {f"connector:{pk}" for pk in connectors}
        return Grant(frozenset(granted | self._jobs(topics)), stations, connectors)

    def _may_watch(self, topic: str) -> bool:
        if topic in PLAIN:
            return not PLAIN[topic] or self.access.somewhere(PLAIN[topic])
        if topic in GLOBAL:
            return self.access.everywhere(GLOBAL[topic])
        return topic == f"person:{self.user_pk}"

    def _stations(self, pks: set[int]) -> frozenset[int]:
        rows = self.access.charge_points().filter(pk__in=pks) if pks else ChargePoint.objects.none()
        return frozenset(rows.values_list("pk", flat=True))

    def _connectors(self, pks: set[int]) -> dict[int, int]:
        if not pks:
            return {}
        rows = self.access.narrow(Connector.objects.order_by(), "stations.view_chargepoint", "charge_point__site")
        return dict(rows.filter(pk__in=pks).values_list("pk", "charge_point_id"))

    def _jobs(self, topics: Iterable[str]) -> set[str]:
        pks = {match[1] for topic in topics if (match := _JOB.fullmatch(topic))}
        if not pks:
            return set()
        jobs = Job.objects.filter(pk__in=pks)
        if not self.access.everywhere("jobs.view_job"):
            jobs = jobs.filter(owner=self.user_pk)
        return {f"job:{pk}" for pk in jobs.values_list("pk", flat=True)}


def session_key_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The session's key among a request's headers, as ASGI has them; empty where the browser sent none."""
    # as Django reads it for pages: the standard library drops every cookie when another application's is odd
    sent = "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    return str(parse_cookie(sent).get(settings.SESSION_COOKIE_NAME, ""))


def viewer_of(session_key: str | None) -> Viewer | None:
    """Who a session belongs to; None once it has ended, its password has changed or its person is inactive.

    The same goes for a session without the second factor that its person has, or has to set up.
    """
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request: Any = SimpleNamespace(session=session)
    user = auth.get_user(request)
    if not user.is_authenticated:
        return None
    access = access_of(user)
    if standing(session, access) is not Standing.GOOD:
        return None
    return Viewer(user.pk, Sight.of(access), access)


def _where(access: Access, permission: str) -> Where:
    if access.everywhere(permission):
        return None
    return frozenset(access.sites(permission).values_list("pk", flat=True))
