"""Recipes: what a station is asked and told after each boot, per model or for every charger.

A run reads the configuration, sets the keys that are not as they should be and asks for the state of all connectors.
What a run has done is in its commands and nowhere else, found by their idempotency keys: the clock looks at them and
queues what is next, in whatever process, so that nothing is sent twice and nothing is lost with a process.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from . import write_batch
from .commands import SYSTEM, CommandRefused, close_queued, queue_command
from .configuration import TAKEN
from .models import (
    ChargePoint,
    Command,
    CommandStatus,
    ConfigurationKey,
    RecipeChoice,
    RecipeKey,
    RecipeMode,
    RecipeRun,
    StationModel,
)
from .one_by_one import each
from .templates import is_same

State = RecipeRun.State
#: A station that boots again within this time is left alone: its run has sent nothing yet.
SETTLE_TIME = timedelta(seconds=5)
#: More runs than these in the window mean a boot loop, of which the recipe may be the cause.
MAX_RUNS = 3
RUNS_WINDOW = timedelta(hours=1)
#: A run does not outlive this, whatever happens to its commands.
GIVE_UP_AFTER = timedelta(minutes=30)

#: A new recipe holds these: recommended values, and shorter lists for stations that refuse the long one.
DEFAULT_KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("HeartbeatInterval", ("300",)),
    ("MeterValueSampleInterval", ("60",)),
    (
        "MeterValuesSampledData",
        (
            "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC,Current.Offered",
            "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
            "Energy.Active.Import.Register,Power.Active.Import",
            "Energy.Active.Import.Register",
        ),
    ),
    ("ClockAlignedDataInterval", ("0",)),
)


def fill_with_defaults(station_model: StationModel) -> None:
    """Give a recipe without keys the recommended ones, to be changed at will."""
    if not station_model.recipe_keys.exists():
        RecipeKey.objects.bulk_create(
            RecipeKey(station_model=station_model, position=position, key=key, values_text="\n".join(values))
            for position, (key, values) in enumerate(DEFAULT_KEYS, 1)
        )


def recipe_of(charge_point: ChargePoint) -> StationModel | None:
    """The settings whose recipe runs after a boot of the station: the most specific that say anything about it.

    A station that a person has configured from here has none, unless its own switch says `on`.
    """
    is_by_hand = charge_point.configured_by_hand_at is not None
    if charge_point.recipe_mode == RecipeMode.OFF or (charge_point.recipe_mode == RecipeMode.AUTO and is_by_hand):
        return None
    for settings in reversed(StationModel.all_of(charge_point)):
        if settings.recipe != RecipeChoice.INHERIT:
            return settings if settings.recipe == RecipeChoice.OWN else None
    return None


def begin(charge_point_id: int, *, at: datetime) -> RecipeRun | None:
    """The station was accepted after a boot at `at`: put its recipe, if it has one, in line.

    An unfinished run of an earlier boot ends. The same boot again changes nothing.
    """
    with write_batch.joined_batch() as batch:
        if not batch.shared("stations.has_recipes", _is_one_known):
            return None
    write_batch.write_now(ChargePoint, charge_point_id)  # it may just have said which model it is
    station = ChargePoint.objects.get(pk=charge_point_id)
    recipe = recipe_of(station)
    for run in station.recipe_runs.filter(ended_at=None).exclude(booted_at=at):
        _supersede(run, at)
    if recipe is None or station.recipe_runs.filter(booted_at__gt=at - RUNS_WINDOW).count() >= MAX_RUNS:
        return None
    return RecipeRun.objects.get_or_create(charge_point=station, booted_at=at, defaults={"station_model": recipe})[0]


def _is_one_known() -> bool:
    return StationModel.objects.filter(recipe=RecipeChoice.OWN).exists()


def _supersede(run: RecipeRun, now: datetime) -> None:
    """One that has sent nothing leaves no trace: it does not count as a run of a boot loop."""
    if commands_of(run).exists():
        _end(run, State.SUPERSEDED, now)
    else:
        run.delete()


def advance_all(now: datetime) -> int:
    """Take every run a step further that can go on; how many did. For the clock."""
    due = RecipeRun.objects.filter(ended_at=None, booted_at__lte=now - SETTLE_TIME)
    return each(due.order_by("pk").values_list("pk", flat=True), lambda pk: advance(pk, now))


@transaction.atomic
def advance(run_pk: int, now: datetime) -> bool:
    """Queue what a run has to send next, or end it; False while it waits for the station."""
    run = RecipeRun.objects.select_for_update(of=("self",)).filter(pk=run_pk, ended_at=None).first()
    if run is None:
        return False
    if run.booted_at < now - GIVE_UP_AFTER or run.station_model is None:
        return _end(run, State.INTERRUPTED, now)
    sent = commands_of(run)
    if not all(command.is_final for command in sent):
        return False
    by_step = {command.idempotency_key: command for command in sent}
    if any(_is_away(command) for command in sent):
        return _end(run, State.INTERRUPTED, now)
    try:
        return _read(run, by_step) or _set(run, by_step) or _trigger(run, by_step) or _end(run, State.DONE, now)
    except CommandRefused:  # it has been archived since
        return _end(run, State.INTERRUPTED, now)


_NOT_SENT = (CommandStatus.UNDELIVERED, CommandStatus.CANCELLED, CommandStatus.EXPIRED)
#: It cannot answer the question for all keys: some take too long for it, some send half an answer.
_CANNOT_READ_ALL = (CommandStatus.TIMED_OUT, CommandStatus.FAILED)
Steps = dict[str, Command]


def _is_away(command: Command) -> bool:
    """Whether nothing more should be sent: the station has gone, or does not even answer a small question."""
    asked_for_all = command.action == "GetConfiguration" and not command.payload
    return command.status in _NOT_SENT or (command.status == CommandStatus.TIMED_OUT and not asked_for_all)


def commands_of(run: RecipeRun) -> QuerySet[Command]:
    return Command.objects.filter(charge_point=run.charge_point_id, idempotency_key__startswith=f"recipe {run.pk} ")


def _queue(run: RecipeRun, step: str, action: str, payload: dict[str, Any]) -> None:
    queue_command(run.charge_point, action, payload, origin=SYSTEM, idempotency_key=_name(run, step))


def _name(run: RecipeRun, step: str) -> str:
    return f"recipe {run.pk} {step}"


def _read(run: RecipeRun, sent: Steps) -> bool:
    """All keys at once; where a station cannot (some send half an answer), those of the recipe one by one."""
    everything = sent.get(_name(run, "read"))
    if everything is None:
        _queue(run, "read", "GetConfiguration", {})
        return True
    missing = [
        (number, entry.key)
        for number, entry in enumerate(_keys(run))
        if everything.status in _CANNOT_READ_ALL and _name(run, f"read {number}") not in sent
    ]
    for number, key in missing:
        _queue(run, f"read {number}", "GetConfiguration", {"key": [key]})
    return bool(missing)


def _set(run: RecipeRun, sent: Steps) -> bool:
    """Each key whose value is none of the recipe's: the first value, and after a Rejected the next."""
    actual = {row.key.upper(): row for row in ConfigurationKey.objects.filter(charge_point=run.charge_point_id)}
    queued = False
    for entry in _keys(run):
        attempts = [sent.get(_name(run, f"set {entry.pk} {number}")) for number in range(len(entry.values))]
        number = _next_attempt(attempts)
        row = actual.get(entry.key.upper())
        if number is None or (number == 0 and row is not None and _is_settled(row, entry.values)):
            continue
        payload = {"key": entry.key, "value": entry.values[number]}
        _queue(run, f"set {entry.pk} {number}", "ChangeConfiguration", payload)
        queued = True
    return queued


def _keys(run: RecipeRun) -> list[RecipeKey]:
    return list(RecipeKey.objects.filter(station_model=run.station_model_id))


def _is_settled(row: ConfigurationKey, values: list[str]) -> bool:
    """Nothing to do: it cannot be set, or has one of the values. Not to send it again spares flash and boot loops."""
    return row.readonly or any(is_same(value, row.value or "") for value in values)


def _next_attempt(attempts: list[Command | None]) -> int | None:
    """The number of the value to try next; None after anything but a Rejected, and when all were rejected."""
    for number, command in enumerate(attempts):
        if command is None:
            return number
        if _status(command) != "Rejected":
            return None
    return None


def _status(command: Command) -> str:
    return str(command.answer.get("status", "")) if isinstance(command.answer, dict) else ""


def _trigger(run: RecipeRun, sent: Steps) -> bool:
    is_wanted = run.station_model is not None and run.station_model.recipe_triggers_status
    if not is_wanted or _name(run, "status") in sent:
        return False
    _queue(run, "status", "TriggerMessage", {"requestedMessage": "StatusNotification"})
    return True


def _end(run: RecipeRun, state: RecipeRun.State, now: datetime) -> bool:
    sent = commands_of(run)
    close_queued(sent, CommandStatus.CANCELLED)
    asked, taken = set(), set()
    for command in sent.filter(action="ChangeConfiguration"):
        asked.add(command.payload["key"])
        if _status(command) in TAKEN:
            taken.add(command.payload["key"])
    open_runs = RecipeRun.objects.filter(pk=run.pk, ended_at=None)
    return open_runs.update(state=state, ended_at=now, refused=sorted(asked - taken)) == 1
