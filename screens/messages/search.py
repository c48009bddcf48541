"""Ways through ten million messages with one index: by time at one charger, by id elsewhere.

Nothing is counted, and a search looks at a stretch of the log at a time: what is rare may lie far back, and then the
page says how far it has looked and offers to look further.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Min, Q, QuerySet
from django.db.models.functions import Left

from stations.models import Message

PAGE = 50
#: Messages that are looked at for one page: of all chargers, of one.
STRETCH = 100_000
STATION_STRETCH = 20_000
#: How far ids may be from the order of time, since several writers commit beside each other.
SLACK = 5_000
#: A position in time is looked up until no more ids are in question.
COARSE = 1_000
#: Characters of a message that a list needs.
BEGINNING = 400
ERRORS = (Message.Kind.CALL_ERROR, Message.Kind.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks for. `stations`: their keys, or None for all; one key alone is the quickest."""

    stations: list[int] | None = None
    direction: str = ""
    action: str = ""
    errors: bool = False
    since: datetime | None = None
    until: datetime | None = None
    message_id: str = ""

    @property
    def station(self) -> int | None:
        return self.stations[0] if self.stations and len(self.stations) == 1 else None

    def rows(self) -> QuerySet[Message]:
        rows = Message.objects.all()
        if self.stations is not None:
            rows = rows.filter(charge_point__in=self.stations)
        wanted = {"direction": self.direction, "action": self.action, "unique_id": self.message_id}
        rows = rows.filter(**{column: value for column, value in wanted.items() if value})
        if self.errors:
            rows = rows.filter(kind__in=ERRORS)
        if self.since:
            rows = rows.filter(at__gte=self.since)
        return rows.filter(at__lt=self.until) if self.until else rows


@dataclass(frozen=True, slots=True)
class Found:
    """Messages, newest first. `older`: the id before which to go on, None at the end. `looked_back_to`: how far this
    search came, if it stopped before it had a page full."""

    messages: list[Message]
    older: int | None = None
    looked_back_to: datetime | None = None


def search(asked: Asked, before: int | None = None, size: int = PAGE, *, whole: bool = False) -> Found:
    """The newest messages before the one with the id `before`; `whole` brings their texts, else only `beginning`."""
    if asked.stations == []:
        return Found([])
    rows = asked.rows()
    rows = rows if whole else rows.defer("text").annotate(beginning=Left("text", BEGINNING))
    if asked.station is None:
        return _by_id(asked, rows, before, size)
    return _at_station(asked.station, rows, before, size)


def _by_id(asked: Asked, rows: QuerySet[Message], before: int | None, size: int) -> Found:
    ends = Message.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["last"] is None:
        return Found([])
    first, after = ends["first"], ends["last"] + 1
    if asked.since:
        first = max(first, _position(asked.since, first, after) - SLACK)
    if asked.until:
        after = min(after, _position(asked.until, first, after) + COARSE + SLACK)
    after = after if before is None else min(after, before)
    floor = max(first, after - STRETCH)
    found = list(rows.filter(pk__gte=floor, pk__lt=after).order_by("-pk")[: size + 1])
    if len(found) > size:
        return Found(found[:size], found[size - 1].pk)
    if floor <= first:
        return Found(found)
    return Found(found, floor, _at(Q(pk__gte=floor)))


def _position(moment: datetime, first: int, after: int) -> int:
    """An id at most COARSE before the first message at `moment`, ids being in the order of time."""
    while after - first > COARSE:
        middle = (first + after) // 2
        at = _at(Q(pk__gte=middle))
        if at is None or at >= moment:
            after = middle
        else:
            first = middle
    return first


def _at(place: Q) -> datetime | None:
    """When the first message from a place on was."""
    return Message.objects.filter(place).order_by("pk").values_list("at", flat=True).first()


def _at_station(station: int, rows: QuerySet[Message], before: int | None, size: int) -> Found:
    own = Message.objects.filter(charge_point=station)
    if before is not None:
        if (at := _at(Q(pk__gte=before))) is None:
            return Found([])
        # both, since the index holds the time and the id only tells apart what came at one moment
        earlier = Q(at__lte=at) & (Q(at__lt=at) | Q(pk__lt=before))
        own, rows = own.filter(earlier), rows.filter(earlier)
    floor = own.order_by("-at").values_list("at", "pk")[STATION_STRETCH : STATION_STRETCH + 1].first()
    if floor is not None:
        rows = rows.filter(at__gte=floor[0])
    found = list(rows.order_by("-at", "-pk")[: size + 1])
    if len(found) > size:
        return Found(found[:size], found[size - 1].pk)
    return Found(found) if floor is None else Found(found, floor[1], floor[0])
