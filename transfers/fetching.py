"""Diagnostics and logs: asking a station to deliver a file to us (OCPP 1.6 §5.9, white paper N01)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ocpp_gateway.errors import OcppError
from ocpp_gateway.v16.outgoing import read_payload
from stations.commands import CommandRefused, Origin, check_wait, queue_command
from stations.models import ChargePoint, Command

from . import tokens
from .addresses import Way
from .models import FileKind, Transfer

LogType = Literal["DiagnosticsLog", "SecurityLog"]

KINDS: dict[str, FileKind] = {"DiagnosticsLog": FileKind.DIAGNOSTICS, "SecurityLog": FileKind.SECURITY_LOG}
MAX_REQUEST_ID = 2**31 - 1


def fetch_diagnostics(
    charge_point: ChargePoint,
    *,
    origin: Origin,
    start: datetime | None = None,
    stop: datetime | None = None,
    retries: int | None = None,
    retry_interval: int | None = None,
    way: Way | None = None,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Command:
    """GetDiagnostics to an address of ours that lives for TRANSFER_HOURS.

    `start` and `stop` are those of the entries, `retry_interval` are seconds. The same idempotency key returns the
    first command and opens no second address. Raises CommandRefused.
    """
    _check(start, stop)
    payload = {"startTime": start, "stopTime": stop, "retries": retries, "retryInterval": retry_interval}
    return _fetch(
        charge_point, FileKind.DIAGNOSTICS, "GetDiagnostics", payload, origin, way, valid_until, idempotency_key
    )


def fetch_log(
    charge_point: ChargePoint,
    log_type: LogType,
    *,
    origin: Origin,
    start: datetime | None = None,
    stop: datetime | None = None,
    retries: int | None = None,
    retry_interval: int | None = None,
    way: Way | None = None,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Command:
    """GetLog with a request number of its own; everything else is as in `fetch_diagnostics`."""
    if log_type not in KINDS:
        raise CommandRefused(_("There is no log of this kind."))
    _check(start, stop)
    log = {"oldestTimestamp": start, "latestTimestamp": stop}
    payload = {
        "logType": log_type,
        "requestId": secrets.randbelow(MAX_REQUEST_ID) + 1,
        "retries": retries,
        "retryInterval": retry_interval,
        "log": {name: value for name, value in log.items() if value is not None},
    }
    return _fetch(charge_point, KINDS[log_type], "GetLog", payload, origin, way, valid_until, idempotency_key)


def _check(start: datetime | None, stop: datetime | None) -> None:
    if start is not None and stop is not None and stop <= start:
        raise CommandRefused(_("The end lies before the start."))


@transaction.atomic
def _fetch(
    charge_point: ChargePoint,
    kind: FileKind,
    action: str,
    payload: dict[str, Any],
    origin: Origin,
    way: Way | None,
    valid_until: datetime | None,
    idempotency_key: str,
) -> Command:
    check_wait(valid_until)
    # the address lives from when the command may reach the station at the latest
    life_ends = (valid_until or timezone.now()) + tokens.default_life()
    transfer, location = tokens.open_upload(charge_point, kind, valid_until=life_ends, way=way)
    wish = {name: value for name, value in _at(payload, location).items() if value is not None}
    try:
        wire = read_payload(action, wish)
    except OcppError as error:
        raise CommandRefused(str(error)) from None
    command = queue_command(
        charge_point, action, wire, origin=origin, valid_until=valid_until, idempotency_key=idempotency_key
    )
    keep_for(command, transfer, location)
    return command


def keep_for(command: Command, transfer: Transfer, location: str) -> None:
    """Bind a new address to the command that holds it.

    A command that does not hold it was raised before by the same idempotency key, or ended undelivered at once: then
    nobody will ever use the address and it is forgotten.
    """
    if location in _locations(command.payload):
        transfer.command = command
        transfer.save(update_fields=["command"])
    else:
        transfer.delete()


def _at(payload: dict[str, Any], location: str) -> dict[str, Any]:
    if "log" in payload:
        return payload | {"log": payload["log"] | {"remoteLocation": location}}
    return payload | {"location": location}


def _locations(payload: dict[str, Any]) -> set[Any]:
    nested = [payload.get("log", {}).get("remoteLocation"), payload.get("firmware", {}).get("location")]
    return {payload.get("location"), *nested}
