"""What happened in a session: its time line from the card to the stop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone

from stations.models import ChargePointStatus, Command, Message, StatusRecord

from .models import EndedBy, Transaction

#: How long before its start and after its stop something still belongs to a session.
BEFORE, AFTER = timedelta(minutes=10), timedelta(minutes=10)
#: A command to start may wait for its charger, one to stop for its answer.
COMMAND_BEFORE = timedelta(hours=1)
#: Rows of each kind that are read; a charger that flaps fills a time line otherwise.
MAX_EVENTS = 100
_COMMANDS = ("RemoteStartTransaction", "RemoteStopTransaction", "UnlockConnector")


class Event(NamedTuple):
    """Something that happened: `kind` says what, and so what `row` is.

    authorize: (verdict or "") · command: Command · start, stop, superseded: Transaction · status: StatusRecord ·
    correction: Correction · orphan: OrphanedStop
    """

    at: datetime
    kind: str
    row: Any


def timeline(transaction: Transaction) -> list[Event]:
    """What is known of a session, the first thing first. Six queries at most."""
    events = chain(
        _authorization(transaction),
        _commands(transaction),
        [Event(transaction.started_at, "start", transaction)],
        _statuses(transaction),
        _ends(transaction),
        (Event(stop.received_at, "orphan", stop) for stop in transaction.orphaned_stops.order_by("pk")[:MAX_EVENTS]),
    )
    return sorted(events, key=lambda event: event.at)


def _authorization(transaction: Transaction) -> Iterator[Event]:
    """The last Authorize of the session's tag before its start, if the messages are still kept."""
    until = transaction.start_received_at
    messages = Message.objects.filter(charge_point=transaction.charge_point_id, at__gte=until - BEFORE, at__lte=until)
    asked = messages.filter(direction=Message.Direction.IN, kind=Message.Kind.CALL, action="Authorize")
    for message in asked.order_by("-at")[:MAX_EVENTS]:
        if str(_part(message.text, 3).get("idTag", "")).upper() == transaction.id_tag.upper():
            answer = messages.filter(
                direction=Message.Direction.OUT, kind=Message.Kind.CALL_RESULT, unique_id=message.unique_id
            ).first()
            verdict = _part(answer.text, 2).get("idTagInfo") if answer else None
            yield Event(message.at, "authorize", verdict.get("status", "") if isinstance(verdict, dict) else "")
            return


def _part(text: str, position: int) -> dict[str, Any]:
    """An object within a frame; empty for what is not one."""
    try:
        part = json.loads(text)[position]
    except (ValueError, IndexError, KeyError, TypeError, RecursionError):
        return {}
    return part if isinstance(part, dict) else {}


def _commands(transaction: Transaction) -> Iterator[Event]:
    """Commands that began or ended it, by what they named or what followed."""
    first = transaction.start_received_at - COMMAND_BEFORE
    last = (transaction.stop_received_at or transaction.stopped_at or timezone.now()) + AFTER
    rows = Command.objects.filter(
        charge_point=transaction.charge_point_id, action__in=_COMMANDS, created_at__gte=first, created_at__lte=last
    )
    for command in rows.order_by("-created_at")[:MAX_EVENTS]:
        if transaction.pk in (command.effect.get("transaction"), command.payload.get("transactionId")):
            yield Event(command.sent_at or command.created_at, "command", command)


def _statuses(transaction: Transaction) -> Iterator[Event]:
    """What the connector said meanwhile, by the charger's clock; believed where that can be."""
    end = transaction.stop_reported_at or transaction.stopped_at
    period = Q(reported_at__gte=transaction.start_reported_at - BEFORE)
    if end is not None:
        period &= Q(reported_at__lte=end + AFTER)
    rows = StatusRecord.objects.filter(period, connector=transaction.connector_id)
    for record in rows.order_by("reported_at", "pk")[:MAX_EVENTS]:
        yield Event(record.received_at if record.clock_suspect else record.reported_at, "status", record)
        if end is not None and record.reported_at > end and record.status == ChargePointStatus.AVAILABLE:
            return  # the car has left: what follows is somebody else's


def _ends(transaction: Transaction) -> Iterator[Event]:
    for correction in transaction.corrections.all():
        yield Event(correction.made_at, "correction", correction)
    if transaction.ended_by in (EndedBy.STATION, EndedBy.SUPERSEDED) and transaction.stopped_at is not None:
        kind = "stop" if transaction.ended_by == EndedBy.STATION else "superseded"
        yield Event(transaction.stopped_at, kind, transaction)
