"""What followed: an accepted command promises something, and the station's later messages show whether it came.

An effect is awaited from the moment the command is sent, because a station may act before it answers: it reboots, or
its StartTransaction overtakes the CALLRESULT. A refusal takes the expectation back. Each has its own deadline; a clock
job marks what did not come.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from . import changes, write_batch
from .models import Command, CommandStatus, ConfigurationKey, EffectStatus
from .promises import TERMINAL, Facts, Promise, as_told, promise_of

#: What a station may need beyond its own ConnectionTimeOut.
START_GRACE = timedelta(seconds=30)
#: A change of availability that waits for a session to end.
SCHEDULED_WITHIN = timedelta(hours=24)
#: A job that is put off for longer is given up earlier: its date may be any, up to the year 9999.
PUT_OFF_WITHIN = timedelta(days=365)
MAX_STEPS = 50
_NO_EFFECT: dict[str, Any] = {
    "effect_status": EffectStatus.NONE,
    "effect_due_at": None,
    "effect_at": None,
    "effect": {},
}


def expected(command: Command, at: datetime) -> dict[str, Any]:
    """Columns of a command that is sent now."""
    promise = promise_of(command)
    if promise is None or not _can_follow(command):
        return {}
    due_at = at + timedelta(seconds=command.timeout_s) + _time_for(command, promise, at)
    return {"effect_status": EffectStatus.AWAITED, "effect_due_at": due_at}


def accepted(command: Command, answer: Any, at: datetime) -> None:
    """The station agreed: its time starts now, unless there is nothing to come."""
    promise = promise_of(command)
    if promise is None:
        return
    if command.action == "GetDiagnostics" and not (answer or {}).get("fileName"):
        _change(command, **_NO_EFFECT)  # §6.26: it has nothing to upload
    elif command.action == "ChangeAvailability" and (statuses := as_told(command)):
        # §5.2: already so, and there need be no notification
        _change(command, effect_status=EffectStatus.SEEN, effect_at=at, effect={"status": statuses[0]})
    elif (answer or {}).get("status") == "Scheduled":
        _change(command, effect_due_at=at + SCHEDULED_WITHIN)
    else:
        _change(command, effect_due_at=at + _time_for(command, promise, at))


def refused(command: Command) -> None:
    """Nothing is to follow; what was seen meanwhile had another cause."""
    if promise_of(command) is not None:
        Command.objects.filter(pk=command.pk).update(**_NO_EFFECT)


def saw(charge_point_id: int, event: str, **facts: Any) -> None:
    """Something happened at a station: it ends what was awaited of it, or is a step on the way.

    `event` and its facts: boot; status (connector_id, status, is_current); start (transaction, connector_id, id_tag,
    started_at); stop (transaction, connector_id); progress (kind, status, request_id); message (message,
    connector_id). Costs one query per write batch.
    """
    awaited = [
        (command, promise)
        for command in _awaited(charge_point_id)
        if (promise := promise_of(command)) is not None and promise.event == event
    ]
    taken: set[str] = set()
    for command, promise in _in_turn(awaited):
        if command.action not in taken and promise.fits(command, facts):
            _note(command, promise, facts)
            if promise.is_consumed:
                taken.add(command.action)


def mark_missed(now: datetime) -> int:
    """Effects whose time is over did not come."""
    late = Command.objects.filter(effect_status=EffectStatus.AWAITED, effect_due_at__lt=now)
    late = late.exclude(status=CommandStatus.QUEUED)
    stations = set(late.values_list("charge_point_id", flat=True))
    missed = late.update(effect_status=EffectStatus.MISSED)
    if stations:
        changes.note(*map(changes.station, stations), "commands")
    return missed


def _in_turn(awaited: list[tuple[Command, Promise]]) -> list[tuple[Command, Promise]]:
    """The oldest first, but the newest job of a kind: reports without a number belong to it."""
    return [pair for pair in awaited if not pair[1].is_chain] + [pair for pair in reversed(awaited) if pair[1].is_chain]


def _awaited(charge_point_id: int) -> list[Command]:
    """The station's commands whose effect is awaited, read once per batch for all its stations."""
    with write_batch.joined_batch() as batch:
        known: dict[int, list[Command]] = batch.shared("stations.effects", dict)
        if charge_point_id not in known:
            others = {names.station for names in batch.names if names.action != "MeterValues"}
            missing = {charge_point_id, *others} - known.keys()
            known |= {station: [] for station in missing}
            for command in _rows_of(missing):
                known[command.charge_point_id].append(command)
        return [command for command in known[charge_point_id] if command.effect_status == EffectStatus.AWAITED]


def _rows_of(stations: Iterable[int]) -> Iterable[Command]:
    awaited = Command.objects.filter(charge_point__in=stations, effect_status=EffectStatus.AWAITED)
    columns = ("action", "payload", "answer", "sent_at", "effect", "effect_status", "effect_at")
    rows = awaited.select_related("charge_point").only("charge_point__connected_at", *columns)
    return rows.order_by("sent_at", "pk")


def _note(command: Command, promise: Promise, facts: Facts) -> None:
    now = timezone.now()
    if promise.is_chain:
        steps = [*command.effect.get("steps", []), [facts["status"], now.isoformat()]]
        command.effect = {"steps": steps[-MAX_STEPS:]}
        is_end = facts["status"] in TERMINAL[facts["kind"]]
    else:
        command.effect = {name: facts[name] for name in promise.keeps}
        is_end = True
    if is_end:
        command.effect_status, command.effect_at = EffectStatus.SEEN, now
    _change(command, effect=command.effect, effect_status=command.effect_status, effect_at=command.effect_at)


def _change(command: Command, **columns: Any) -> None:
    Command.objects.filter(pk=command.pk, effect_status=EffectStatus.AWAITED).update(**columns)
    changes.note(changes.station(command.charge_point_id), "commands")


def _can_follow(command: Command) -> bool:
    """Whether there is anything to await: an unlocked connector ends a transaction only where one runs."""
    if command.action != "UnlockConnector":
        return True
    connectors = command.charge_point.connectors.filter(connector_id=command.payload.get("connectorId"))
    return connectors.filter(transactions__isnull=False, transactions__stopped_at=None).exists()


def _time_for(command: Command, promise: Promise, at: datetime) -> timedelta:
    match command.action:
        case "RemoteStartTransaction":
            return _connection_time_out(command.charge_point_id) or promise.within
        case "UpdateFirmware" | "SignedUpdateFirmware":
            details = command.payload.get("firmware", command.payload)
            moments = [details.get(name) for name in ("retrieveDate", "retrieveDateTime", "installDateTime")]
            return promise.within + _latest(moments, at) - at + _for_retries(command)
        case "GetDiagnostics" | "GetLog":
            return promise.within + _for_retries(command)
        case _:
            return promise.within


def _connection_time_out(charge_point_id: int) -> timedelta | None:
    key = ConfigurationKey.objects.filter(charge_point=charge_point_id, key__iexact="ConnectionTimeOut").first()
    if key is None or not (key.value or "").isdecimal():
        return None
    return timedelta(seconds=min(int(key.value or 0), 86400)) + START_GRACE


def _latest(moments: list[str | None], at: datetime) -> datetime:
    known = [parse_datetime(text) for text in moments if text is not None]
    latest = max([at, *(moment for moment in known if moment is not None and timezone.is_aware(moment))])
    return min(latest, at + PUT_OFF_WITHIN)


def _for_retries(command: Command) -> timedelta:
    seconds = (command.payload.get("retries") or 0) * (command.payload.get("retryInterval") or 0)
    return timedelta(seconds=min(seconds, 86400))
