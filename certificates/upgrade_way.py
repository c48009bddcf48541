"""Where an upgrade stands: its row, its station, the commands it has sent; and what a step may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from stations.commands import CommandRefused, Origin, queue_command
from stations.models import OPEN_STATUSES, ChargePoint, Command, CommandSource, CommandStatus, SecurityChange

from .models import SecurityUpgrade

Step = SecurityUpgrade.Step
State = SecurityUpgrade.State

#: How long a command of ours waits for a station that is away.
PATIENCE = timedelta(hours=24)
#: A command without an answer is sent so often; who carries on by hand begins the next round.
MAX_TRIES = 3


@dataclass(frozen=True, slots=True)
class Waits:
    """Nothing to do now. `problem`: somebody should look; `word`: something worth telling; `due_at`: a new deadline."""

    problem: str = ""
    word: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """On to the next step."""

    word: str = "done"


@dataclass(frozen=True, slots=True)
class Again:
    """The same once more, or an earlier step `at` with commands of higher numbers."""

    at: Step | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    state: State
    problem: str = ""
    details: str = ""


Outcome = Waits | Passed | Again | Ends


@dataclass
class Way:
    """An upgrade at its present step, with its station and the commands it has sent."""

    upgrade: SecurityUpgrade
    station: ChargePoint
    now: datetime
    sent: dict[str, Command] = field(default_factory=dict)

    @classmethod
    def of(cls, upgrade: SecurityUpgrade, now: datetime) -> Way:
        station = ChargePoint.objects.select_related("gateway").get(pk=upgrade.charge_point_id)
        return cls(upgrade, station, now, {command.idempotency_key: command for command in commands_of(upgrade)})

    def key(self, name: str, number: int | None = None) -> str:
        return f"upgrade {self.upgrade.pk} {name} {self.upgrade.tries if number is None else number}"

    def all_of(self, name: str) -> dict[int, Command]:
        """The commands of that name by their numbers, the last one last."""
        parts = [(key.split(" "), command) for key, command in self.sent.items()]
        return dict(sorted((int(number), command) for (_u, _pk, of, number), command in parts if of == name))

    def newest(self, name: str) -> Command | None:
        return next(reversed(self.all_of(name).values()), None)

    @property
    def origin(self) -> Origin:
        return Origin(CommandSource.SYSTEM, user=self.upgrade.created_by, actor=self.upgrade.actor)

    @property
    def options(self) -> dict[str, Any]:
        return {"origin": self.origin, "valid_until": self.now + PATIENCE}

    def queue(self, name: str, action: str, payload: dict[str, Any], number: int | None = None) -> Command:
        return queue_command(self.station, action, payload, idempotency_key=self.key(name, number), **self.options)

    def end_of(self, name: str, raise_it: Callable[[str], Command]) -> Command | Outcome:
        """The command of that name once the station has answered it; until then what is to be done instead."""
        command = self.sent.get(self.key(name))
        if command is None:
            try:
                raise_it(self.key(name))
            except CommandRefused as refusal:
                return Ends(State.FAILED, "refused", str(refusal))
            return Waits()
        if not command.is_final:
            return Waits()
        if command.status == CommandStatus.CANCELLED:
            return Ends(State.CANCELLED, "command_cancelled")
        if command.status == CommandStatus.EXPIRED:
            return Ends(State.FAILED, "away_too_long")
        if is_lost(command):
            return Again() if (self.upgrade.tries + 1) % MAX_TRIES else Ends(State.FAILED, "silent")
        return command

    def asked(self, name: str, action: str, payload: dict[str, Any]) -> Command | Outcome:
        return self.end_of(name, lambda _key: self.queue(name, action, payload))

    def is_changing(self, kind: SecurityChange.Kind) -> bool:
        """Whether another change of the same kind still waits for the station's answer: somebody else's comes first."""
        changes = SecurityChange.objects.filter(charge_point=self.station, kind=kind, ended_at=None)
        return changes.filter(command__status__in=OPEN_STATUSES).exists()


def commands_of(upgrade: SecurityUpgrade) -> QuerySet[Command]:
    return Command.objects.filter(
        charge_point=upgrade.charge_point_id, idempotency_key__startswith=f"upgrade {upgrade.pk} "
    )


def is_lost(command: Command) -> bool:
    """It may have reached the station or not: nothing came back."""
    has_no_word = not command.error_code and not command.late_answer
    return has_no_word and command.status in (
        CommandStatus.TIMED_OUT,
        CommandStatus.FAILED,
        CommandStatus.UNDELIVERED,
    )


def status_of(command: Command) -> str:
    answer = command.late_answer if command.error_code or not command.answer else command.answer
    return str(answer.get("status", "")) if isinstance(answer, dict) else ""
