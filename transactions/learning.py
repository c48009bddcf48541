"""Learning a card by holding it to a reader: which tap came first after a person began to watch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stations.models import ChargePoint, Message

from .models import IdTag, Transaction, UnknownIdTag

#: A station's clock may be behind by so much without being called wrong, so a start may seem to lie before its arrival.
CLOCK_SLACK = timedelta(seconds=60)
#: Frames looked at: a reader gone mad must not make a page slow.
MAX_FRAMES = 20
#: As much as is kept of an unknown tag's number.
MAX_CHARACTERS = 200


@dataclass(frozen=True)
class Tap:
    """A card at a reader; `tag` is what we know of it, archived ones too, None if it is unknown."""

    number: str
    at: datetime
    tag: IdTag | None


def first_tap(station: ChargePoint, since: datetime, until: datetime) -> Tap | None:
    """The first card held to the station's reader after `since` and not after `until`.

    It is read from what the station said anyway: unknown tags, starts and stops of sessions, and Authorize in the
    message log. Where that log is off, a known card that does not start or stop a session goes unnoticed. Nothing is
    written.
    """
    seen = [*_unknown(station, since, until), *_in_sessions(station, since, until), *_asked(station, since, until)]
    if not seen:
        return None
    at, number = min(seen)
    tag = IdTag.objects.select_related("group", "site").with_number(number).first()
    return Tap(number, at, tag)


def _unknown(station: ChargePoint, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    rows = UnknownIdTag.objects.filter(charge_point=station, last_at__gt=since, last_at__lte=until)
    yield from rows.values_list("last_at", "id_tag")


def _in_sessions(station: ChargePoint, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    """Sessions that a card began or ended now; what a station kept while it was offline is older than that."""
    sessions = Transaction.objects.filter(charge_point=station).order_by()
    began = sessions.filter(start_received_at__gt=since, start_received_at__lte=until)
    yield from began.filter(started_at__gte=since - CLOCK_SLACK).values_list("start_received_at", "id_tag")
    ended = sessions.filter(stop_received_at__gt=since, stop_received_at__lte=until).exclude(stop_id_tag="")
    for stop in ended.filter(stopped_at__gte=since - CLOCK_SLACK):
        if stop.stop_received_at is not None:
            yield stop.stop_received_at, stop.stop_id_tag


def _asked(station: ChargePoint, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    frames = Message.objects.filter(charge_point=station, at__gt=since, at__lte=until)
    asked = frames.filter(direction=Message.Direction.IN, kind=Message.Kind.CALL, action="Authorize")
    for at, text in asked.order_by("at").values_list("at", "text")[:MAX_FRAMES]:
        if number := _number_in(text):
            yield at, number


def _number_in(frame: str) -> str:
    """idTag of an Authorize frame; empty if there is none to be read."""
    try:
        number = json.loads(frame)[3]["idTag"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    # what no database takes as text, and no reader sends, is not a number
    return number[:MAX_CHARACTERS] if isinstance(number, str) and number.isprintable() else ""
