from __future__ import annotations

import getpass
import json
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from ocpp_gateway.errors import OcppError
from ocpp_gateway.v16.outgoing import read_payload
from stations import models
from stations.commands import CommandRefused, Origin, queue_command, wait_for
from stations.masking import masked
from stations.models import ChargePoint, CommandSource, CommandStatus

#: Beyond the command's own time-out: others may be before it, and the end has to be stored.
WAIT_GRACE_S = 15
_AS_LONG_AS_IT_TAKES = -1.0
_OUTCOMES = {
    CommandStatus.REJECTED: "The charger refused",
    CommandStatus.FAILED: "The command failed",
    CommandStatus.TIMED_OUT: "The charger did not answer",
    CommandStatus.UNDELIVERED: "The command was not delivered",
    CommandStatus.CANCELLED: "The command was cancelled",
    CommandStatus.EXPIRED: "The charger did not return in time",
}
_SHOWN = (
    *("id", "action", "payload", "status", "answer", "error_code", "error_description", "late_answer", "late_at"),
    *("source", "actor", "created_at", "valid_until", "sent_at", "closed_at"),
    *("effect_status", "effect_due_at", "effect_at", "effect"),
)


class Command(BaseCommand):
    help = "Sends an OCPP command to a charger. The exit code is 0 if it was accepted, or queued and not waited for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identity", help="the charger's identity")
        parser.add_argument("action", help="an action of OCPP 1.6, for example Reset")
        parser.add_argument("--payload", default="{}", metavar="JSON", help='for example \'{"type": "Soft"}\'')
        parser.add_argument(
            "--wait",
            nargs="?",
            type=float,
            const=_AS_LONG_AS_IT_TAKES,
            metavar="SECONDS",
            help="wait for the end: without a number as long as the charger may take to answer",
        )
        parser.add_argument("--json", action="store_true", help="print the command as JSON")
        parser.add_argument(
            "--valid-until", metavar="TIME", help="if the charger is offline keep it until then: 2030-01-31T18:00Z"
        )
        parser.add_argument(
            "--idempotency-key",
            default="",
            metavar="KEY",
            help="send it once in 24 hours, however often it is asked for",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        row, seconds = _queue(options), options["wait"]
        if seconds is not None:
            long_enough = row.timeout_s + WAIT_GRACE_S
            row = async_to_sync(wait_for)(row.pk, long_enough if seconds == _AS_LONG_AS_IT_TAKES else seconds)
        if options["json"]:
            shown = {"charge_point": row.charge_point.identity} | {name: getattr(row, name) for name in _SHOWN}
            shown["payload"] = masked(row.payload)  # one that still waits holds its secrets
            self.stdout.write(json.dumps(shown, cls=DjangoJSONEncoder, indent=2))
        if row.status != CommandStatus.ACCEPTED and (row.is_final or seconds is not None):
            raise CommandError(_sentence(row))
        if not options["json"]:
            self.stdout.write("Accepted." if row.is_final else f"Queued as {row.pk}.")


def _queue(options: dict[str, Any]) -> models.Command:
    station = ChargePoint.objects.with_identity(options["identity"]).first()
    if station is None:
        raise CommandError(f"There is no charger {options['identity']}.")
    try:
        return queue_command(
            station,
            options["action"],
            _payload(options["action"], options["payload"]),
            origin=Origin(CommandSource.COMMAND_LINE, actor=_person()),
            valid_until=_moment(options["valid_until"]),
            idempotency_key=options["idempotency_key"][:100],
        )
    except CommandRefused as refused:
        raise CommandError(str(refused)) from None


def _payload(action: str, text: str) -> dict[str, Any]:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"--payload is not valid JSON: {error}.") from None
    if not isinstance(payload, dict):
        raise CommandError("--payload is not a JSON object.")
    try:
        return read_payload(action, payload)
    except OcppError as error:
        raise CommandError(f"{error.description}.") from None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError("--valid-until is not a time such as 2030-01-31T18:00Z.")
    moment = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    if moment <= timezone.now():
        raise CommandError("--valid-until is over already.")
    return moment


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return "command line"


def _sentence(row: models.Command) -> str:
    if not row.is_final:
        return f"The command is not over yet: {row.get_status_display().lower()}."
    status = row.answer.get("status") if isinstance(row.answer, dict) else None
    words = [str(word) for word in (row.error_code, row.error_description or status) if word]
    if not words and row.status == CommandStatus.UNDELIVERED:
        words = ["the charger is offline"]
    return f"{_OUTCOMES[CommandStatus(row.status)]}{': ' if words else ''}{': '.join(words)}."
