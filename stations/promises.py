"""What our commands promise: the later message of the station that shows the effect of each, and how long it may take.

A command that promises nothing but its answer (ClearCache, ChangeConfiguration, …) is not listed. ReserveNow is not
either: whether a station reports Reserved is its own affair, and for connector 0 it does not (§5.13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .connectors import statuses_of
from .models import ChargePointStatus, Command, ProgressReport

Facts = Mapping[str, Any]
Kind = ProgressReport.Kind

#: How far a station's clock may be behind where its start is compared with our command.
CLOCK_TOLERANCE = timedelta(minutes=5)
#: The end of an update or an upload, good or bad.
TERMINAL: dict[str, frozenset[str]] = {
    Kind.FIRMWARE: frozenset({"Installed", "InstallationFailed", "DownloadFailed"}),
    Kind.SIGNED_FIRMWARE: frozenset(
        {"Installed", "InstallationFailed", "DownloadFailed", "InstallVerificationFailed", "InvalidSignature"}
    ),
    Kind.DIAGNOSTICS: frozenset({"Uploaded", "UploadFailed"}),
    Kind.LOG: frozenset(
        {"Uploaded", "UploadFailure", "BadMessage", "PermissionDenied", "NotSupportedOperation", "AcceptedCanceled"}
    ),
}


def _always(_command: Command, _facts: Facts) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """`event` shows the effect if it `fits(command, facts)`; `keeps` are the facts that the command's row remembers."""

    event: str
    within: timedelta
    fits: Callable[[Command, Facts], bool] = _always
    keeps: tuple[str, ...] = ()
    #: Whether one event is the effect of one command only: the oldest that waits, of a chain the newest.
    is_consumed: bool = False
    is_chain: bool = False


def promise_of(command: Command) -> Promise | None:
    """What the command promises; nothing for most actions, and for a trigger of something we do not know."""
    if command.action in _TRIGGERS:
        return _TRIGGERS[command.action].get(str(command.payload.get("requestedMessage")))
    return _PROMISES.get(command.action)


def _starts(command: Command, facts: Facts) -> bool:
    """§5.11: the start names the tag that was sent, on the connector if one was named.

    One from before the command that a station kept while it was offline is not what the command began.
    """
    connector_id = command.payload.get("connectorId")
    same_tag = str(command.payload.get("idTag", "")).upper() == facts["id_tag"].upper()
    return same_tag and connector_id in (None, facts["connector_id"]) and not _was_kept(command, facts["started_at"])


def _was_kept(command: Command, started_at: datetime) -> bool:
    """Whether a session began before the command, and before the line on which the station tells of it."""
    if command.sent_at is None or command.charge_point.connected_at is None:
        return False
    return started_at < min(command.sent_at - CLOCK_TOLERANCE, command.charge_point.connected_at)


def _stops(command: Command, facts: Facts) -> bool:
    return bool(command.payload.get("transactionId") == facts["transaction"])


def _unlocks(command: Command, facts: Facts) -> bool:
    return bool(command.payload.get("connectorId") == facts["connector_id"])


def _becomes_available(command: Command, facts: Facts) -> bool:
    """A connector of its own, or the last of all; connector 0 speaks for all unless some were to follow later."""
    if not facts["is_current"]:
        return False
    if facts["connector_id"] == command.payload.get("connectorId"):
        is_scheduled = facts["connector_id"] == 0 and (command.answer or {}).get("status") == "Scheduled"
        return not is_scheduled and is_as_told(command, facts["status"])
    return command.payload.get("connectorId") == 0 and bool(as_told(command))


def is_as_told(command: Command, status: str) -> bool:
    """Whether a state is what ChangeAvailability asked for; an operative connector may be in use at once."""
    if command.payload.get("type") == "Inoperative":
        return status == ChargePointStatus.UNAVAILABLE
    return status not in ("", ChargePointStatus.UNAVAILABLE, ChargePointStatus.FAULTED)


def as_told(command: Command) -> list[str]:
    """The states of the connectors that ChangeAvailability names (0: of all) if they are what it asked for."""
    connector_id, statuses = command.payload.get("connectorId"), statuses_of(command.charge_point_id)
    meant = [number for number in statuses if number == connector_id or connector_id == 0 < number]
    told = [statuses[number] for number in meant if number > 0 or len(meant) == 1]
    return told if all(is_as_told(command, status) for status in told) else []


def _reports(kind: str) -> Callable[[Command, Facts], bool]:
    def fits(command: Command, facts: Facts) -> bool:
        # only the security extension's jobs have a number, and some stations leave it out
        expected = command.payload.get("requestId")
        return facts["kind"] == kind and (expected is None or facts["request_id"] in (None, expected))

    return fits


def _of_kind(kind: str) -> Callable[[Command, Facts], bool]:
    return lambda _command, facts: bool(facts["kind"] == kind)


def _on_connector(command: Command, facts: Facts) -> bool:
    return command.payload.get("connectorId") in (None, facts["connector_id"])


def _named(action: str) -> Callable[[Command, Facts], bool]:
    return lambda _command, facts: bool(facts["message"] == action)


def _measures(command: Command, facts: Facts) -> bool:
    return facts["message"] == "MeterValues" and _on_connector(command, facts)


def _chain(kind: str, within: timedelta) -> Promise:
    return Promise(event="progress", within=within, fits=_reports(kind), is_consumed=True, is_chain=True)


_TRIGGERED_WITHIN = timedelta(seconds=60)
_ON_TRIGGER: dict[str, Promise] = {
    "BootNotification": Promise(event="boot", within=_TRIGGERED_WITHIN),
    "StatusNotification": Promise(
        event="status", within=_TRIGGERED_WITHIN, fits=_on_connector, keeps=("connector_id", "status")
    ),
    "Heartbeat": Promise(event="message", within=_TRIGGERED_WITHIN, fits=_named("Heartbeat"), keeps=("message",)),
    "MeterValues": Promise(event="message", within=_TRIGGERED_WITHIN, fits=_measures, keeps=("message",)),
}


def _on_progress(kind: str) -> Promise:
    return Promise(event="progress", within=_TRIGGERED_WITHIN, fits=_of_kind(kind), keeps=("status",))


_TRIGGERS: dict[str, dict[str, Promise]] = {
    "TriggerMessage": {
        **_ON_TRIGGER,
        "FirmwareStatusNotification": _on_progress(Kind.FIRMWARE),
        "DiagnosticsStatusNotification": _on_progress(Kind.DIAGNOSTICS),
    },
    "ExtendedTriggerMessage": {
        **_ON_TRIGGER,
        "FirmwareStatusNotification": _on_progress(Kind.SIGNED_FIRMWARE),
        "LogStatusNotification": _on_progress(Kind.LOG),
        "SignChargePointCertificate": Promise(
            event="message", within=_TRIGGERED_WITHIN, fits=_named("SignCertificate"), keeps=("message",)
        ),
    },
}
_PROMISES: dict[str, Promise] = {
    "RemoteStartTransaction": Promise(
        event="start", within=timedelta(seconds=150), fits=_starts, keeps=("transaction",), is_consumed=True
    ),
    "RemoteStopTransaction": Promise(event="stop", within=timedelta(minutes=2), fits=_stops, keeps=("transaction",)),
    "Reset": Promise(event="boot", within=timedelta(minutes=5)),
    "UnlockConnector": Promise(event="stop", within=timedelta(minutes=2), fits=_unlocks, keeps=("transaction",)),
    "ChangeAvailability": Promise(
        event="status", within=timedelta(minutes=1), fits=_becomes_available, keeps=("connector_id", "status")
    ),
    # an installation may wait until the last car has left
    "UpdateFirmware": _chain(Kind.FIRMWARE, timedelta(hours=24)),
    "SignedUpdateFirmware": _chain(Kind.SIGNED_FIRMWARE, timedelta(hours=24)),
    "GetDiagnostics": _chain(Kind.DIAGNOSTICS, timedelta(hours=1)),
    "GetLog": _chain(Kind.LOG, timedelta(hours=1)),
}
