"""Updating one station: UpdateFirmware (OCPP 1.6 §5.19) or SignedUpdateFirmware (white paper L01) with our own address.

The row is followed by `progress` (what the station says) and `deadlines` (what it does not say). A station's row is
locked before its update's, everywhere.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ocpp_gateway.v16.outgoing import read_payload
from stations.commands import LONGEST_WAIT, SYSTEM, CommandRefused, Origin, cancel_command, check_wait, queue_command
from stations.models import ChargePoint

from . import firmware_files, tokens
from .failures import failure_text
from .models import FirmwareFile, FirmwareUpdate
from .progress import Failure, State, end, fail, write

__all__ = [
    "UpdateRefused",
    "UpdateUnderWay",
    "begin_update",
    "cancel_update",
    "failure_text",
    "locked",
    "send",
    "send_signed_instead",
]

MAX_REQUEST_ID = 2**31 - 1
_KEYS = uuid.UUID("7c1f0b0e-6a43-4a5e-9d5f-0f6a3cf0a1d4")


class UpdateRefused(CommandRefused):
    """An update that is not even sent; `failure` is what a campaign's table says about it."""

    def __init__(self, text: str, failure: FirmwareUpdate.Failure) -> None:
        super().__init__(text)
        self.failure = failure


class UpdateUnderWay(CommandRefused):
    """The station is busy with another update."""


@transaction.atomic
def begin_update(
    charge_point: ChargePoint,
    firmware: FirmwareFile,
    *,
    origin: Origin = SYSTEM,
    signed: bool = False,
    retrieve_at: datetime | None = None,
    install_at: datetime | None = None,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> FirmwareUpdate:
    """Send a station a firmware; it downloads not before `retrieve_at` (None: now).

    `install_at` is for signed updates only. `valid_until` keeps the command for an offline station, which else ends it
    at once. The same `idempotency_key` of the same origin for the station returns the first update. Raises
    CommandRefused: UpdateUnderWay, UpdateRefused, or as `queue_command`.
    """
    station = _locked_station(charge_point.pk)
    number = _number(station, origin, idempotency_key)
    if (known := FirmwareUpdate.objects.filter(pk=number).first()) is not None:
        return known
    check_wait(valid_until)
    _check_times(signed, retrieve_at, install_at)
    update = FirmwareUpdate.objects.create(
        pk=number,
        charge_point=station,
        firmware=firmware,
        signed=signed,
        retrieve_at=retrieve_at,
        install_at=install_at,
    )
    send(update, origin=origin, valid_until=valid_until)
    if update.command is not None and update.command.is_final:
        fail(update, Failure.NOT_SENT, timezone.now())
    return update


def _number(station: ChargePoint, origin: Origin, key: str) -> uuid.UUID:
    """The update's own number, the same for the same key."""
    return uuid.uuid5(_KEYS, f"{station.pk} {origin.user_id} {origin.name} {key}") if key else uuid.uuid4()


def send(update: FirmwareUpdate, *, origin: Origin, valid_until: datetime | None = None) -> None:
    """Begin an update, or begin it again, in the caller's transaction that has locked station and update.

    Raises CommandRefused: UpdateUnderWay, UpdateRefused, or as `queue_command`.
    """
    _refuse(update)
    write(
        update,
        state=State.ASKED,
        failure=Failure.NONE,
        status="",
        tries=update.tries + 1,
        begun_at=timezone.now(),
        version_before=update.charge_point.firmware_version,
        version_after="",
        reported_at=None,
        asked_at=None,
        next_try_at=None,
        due_at=None,
    )
    _queue(update, origin, valid_until)


def send_signed_instead(update: FirmwareUpdate) -> bool:
    """The station takes signed updates only (L01.FR.20): send it one; False if that cannot be."""
    try:
        with transaction.atomic():
            firmware_files.check_signature(update.firmware)
            write(update, signed=True, state=State.ASKED)
            _queue(update, SYSTEM, None)
    except (ValidationError, CommandRefused):
        update.refresh_from_db(fields=["signed", "state", "request_id", "command", "transfer"])
        return False
    return True


def _queue(update: FirmwareUpdate, origin: Origin, valid_until: datetime | None) -> None:
    if update.transfer is not None:
        tokens.close(update.transfer)
    begins_at = max(filter(None, (timezone.now(), update.retrieve_at, valid_until)))
    transfer, location = tokens.open_download(
        update.charge_point, update.firmware, valid_until=begins_at + tokens.default_life()
    )
    request_id = secrets.randbelow(MAX_REQUEST_ID) + 1 if update.signed else None
    action, payload = _command(update, location, request_id)
    command = queue_command(
        update.charge_point, action, read_payload(action, payload), origin=origin, valid_until=valid_until
    )
    transfer.command = command
    transfer.save(update_fields=["command"])
    write(update, command=command, transfer=transfer, request_id=request_id)


def _command(update: FirmwareUpdate, location: str, request_id: int | None) -> tuple[str, dict[str, Any]]:
    retrieve_at = update.retrieve_at or timezone.now().replace(microsecond=0)
    if request_id is None:
        return "UpdateFirmware", {"location": location, "retrieveDate": retrieve_at}
    details = {
        "location": location,
        "retrieveDateTime": retrieve_at,
        "signingCertificate": update.firmware.signing_certificate,
        "signature": update.firmware.signature,
    }
    if update.install_at is not None:
        details["installDateTime"] = update.install_at
    return "SignedUpdateFirmware", {"requestId": request_id, "firmware": details}


def _check_times(signed: bool, retrieve_at: datetime | None, install_at: datetime | None) -> None:
    if install_at is not None and not signed:
        raise CommandRefused(_("Only a signed update can be given a time for its installation."))
    latest = max(filter(None, (retrieve_at, install_at)), default=None)
    if latest is not None and latest > timezone.now() + LONGEST_WAIT:
        raise CommandRefused(_("An update begins within 30 days."))
    if install_at is not None and retrieve_at is not None and install_at < retrieve_at:
        raise CommandRefused(_("The installation lies before the download."))


def _refuse(update: FirmwareUpdate) -> None:
    station, firmware = update.charge_point, update.firmware
    if firmware.archived_at is not None:
        raise CommandRefused(_("%(firmware)s is archived: choose another file.") % {"firmware": firmware})
    if not firmware.file.storage.exists(str(firmware.file.name)):
        raise CommandRefused(_("The file of %(firmware)s is gone: upload it again.") % {"firmware": firmware})
    if not firmware.fits(station):
        raise UpdateRefused(_why_not_fit(firmware, station), Failure.DOES_NOT_FIT)
    if update.signed:
        _refuse_signature(firmware)
    others = station.firmware_updates.filter(ended_at=None).exclude(state=State.WAITING).exclude(pk=update.pk)
    if (other := others.select_related("firmware").first()) is not None:
        text = _("%(charger)s is being updated to %(firmware)s: wait until that is over.")
        raise UpdateUnderWay(text % {"charger": station, "firmware": other.firmware})


def _why_not_fit(firmware: FirmwareFile, station: ChargePoint) -> str:
    names = {
        "firmware": firmware,
        "wanted": f"{firmware.vendor} {firmware.model}".strip(),
        "reported": f"{station.vendor} {station.model}".strip(),
        "charger": station,
    }
    if not station.vendor:
        return _("%(firmware)s is for %(wanted)s, and %(charger)s has not said yet what it is.") % names
    return _("%(firmware)s is for %(wanted)s, but %(charger)s is a %(reported)s.") % names


def _refuse_signature(firmware: FirmwareFile) -> None:
    try:
        firmware_files.check_signature(firmware)
    except ValidationError as error:
        raise UpdateRefused(" ".join(error.messages), Failure.CERTIFICATE) from None


@transaction.atomic
def cancel_update(update: FirmwareUpdate) -> bool:
    """Take an update back; False if the station has begun, for nothing in OCPP 1.6 stops it then.

    One that waits at the station for its time finds its address gone.
    """
    row = locked(update.pk)
    if row is None or not _may_be_cancelled(row):
        return False
    end(row, State.CANCELLED, timezone.now())
    update.refresh_from_db()
    return True


def _may_be_cancelled(update: FirmwareUpdate) -> bool:
    match update.state:
        case State.WAITING:
            return True
        case State.ASKED:
            return update.command is None or cancel_command(update.command)
        case State.SCHEDULED:
            return update.transfer is not None and update.transfer.first_used_at is None
        case _:
            return False


def locked(update_pk: uuid.UUID) -> FirmwareUpdate | None:
    """An open update, locked after its station's row; None if it is over."""
    station_pk = FirmwareUpdate.objects.filter(pk=update_pk).values_list("charge_point_id", flat=True).first()
    if station_pk is None:
        return None
    _locked_station(station_pk)
    rows = FirmwareUpdate.objects.select_for_update(of=("self",), no_key=True).filter(pk=update_pk, ended_at=None)
    return rows.select_related("charge_point__gateway", "firmware", "campaign", "transfer", "command").first()


def _locked_station(pk: int) -> ChargePoint:
    return ChargePoint.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
