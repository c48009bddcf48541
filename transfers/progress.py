"""What a station says of its update, word by word (OCPP 1.6 §4.5, white paper L01), and how an update ends.

A station's word counts whenever it comes: an update that was given up because its station fell silent is taken up
again. "Installed" alone ends nothing; the wanted version in a BootNotification, before or after it, does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from stations import changes, write_batch
from stations.models import ChargePoint, ProgressReport

from . import tokens
from .models import FirmwareUpdate

State, Failure = FirmwareUpdate.State, FirmwareUpdate.Failure

#: What a campaign's page and the page of an update watch.
TOPIC = "campaigns"
#: From the moment it may download to its first word.
STARTS_WITHIN = timedelta(minutes=10)
#: From one word to the next.
SPEAKS_WITHIN = timedelta(minutes=60)
#: From "Installed" to a boot with the wanted version.
BOOTS_WITHIN = timedelta(minutes=15)
#: A station that booted with the old version in the middle of an update is asked how it goes after this.
SETTLES_WITHIN = timedelta(minutes=10)
RETRY_AFTER = timedelta(minutes=1)
#: No update takes longer, even if its station goes on saying the same.
LONGEST = timedelta(hours=48)
#: For how long an update that ended in doubt is taken up again.
RECALLED_FOR = timedelta(hours=24)
MAX_STEPS = 50

_KINDS = (ProgressReport.Kind.FIRMWARE, ProgressReport.Kind.SIGNED_FIRMWARE)
_STATES = {
    "DownloadScheduled": State.SCHEDULED,
    "Downloading": State.DOWNLOADING,
    "DownloadPaused": State.DOWNLOADING,
    "Downloaded": State.DOWNLOADED,
    "SignatureVerified": State.DOWNLOADED,
    "InstallScheduled": State.DOWNLOADED,
    "Installing": State.INSTALLING,
    "InstallRebooting": State.INSTALLING,
}
_FAILURES = {
    "DownloadFailed": Failure.DOWNLOAD,
    "InvalidSignature": Failure.SIGNATURE,
    "InstallationFailed": Failure.INSTALLATION,
    "InstallVerificationFailed": Failure.INSTALLATION,
}
#: After these nobody knows whether the station goes on.
_IN_DOUBT = (Failure.NO_ANSWER, Failure.NOT_STARTED, Failure.SILENCE)
#: A campaign tries again after these; the others would be the same again.
_WORTH_A_RETRY = (*_IN_DOUBT, Failure.NOT_SENT, Failure.REFUSED, Failure.DOWNLOAD, Failure.INSTALLATION)
_BEGUN = (State.SCHEDULED, State.DOWNLOADING, State.DOWNLOADED, State.INSTALLING)


@transaction.atomic(savepoint=False)
def saw_progress(charge_point: ChargePoint, *, kind: str, status: str, request_id: int | None, at: datetime) -> None:
    """A station reported `status`: FirmwareStatus or SignedFirmwareStatus, or a word of its own.

    One without a request id belongs to the station's newest update, whatever its kind: firmware mixes them up.
    """
    if kind not in _KINDS or (update := _newest(charge_point.pk, at, request_id)) is None:
        return
    if status == "Idle":
        _idle(update, at)
    elif update.state == State.INSTALLED:
        write(update, **_noted(update, status, at))
    elif status in _FAILURES:
        write(update, **_noted(update, status, at))
        fail(update, _FAILURES[status], at)
    elif status == "Installed":
        _installed(update, at)
    else:
        _goes_on(update, status, at)


def saw_boot(charge_point: ChargePoint, *, at: datetime) -> None:
    """A station booted and has said with which version. Costs one query per write batch where nothing is updated."""
    with write_batch.joined_batch() as batch:
        updated = partial(_updated_among, at)
        concerned = batch.read_once("transfers.updated", "BootNotification", charge_point.pk, updated)
    if charge_point.pk in concerned:
        _booted(charge_point, at)


@transaction.atomic(savepoint=False)
def _booted(charge_point: ChargePoint, at: datetime) -> None:
    write_batch.write_now(ChargePoint, charge_point.pk)  # the version it booted with is read from its row
    update = _newest(charge_point.pk, at)
    if update is None or update.state == State.INSTALLED:
        return
    if reports_wanted_version(update) and (is_new_version(update) or update.state == State.INSTALLING):
        end(update, State.INSTALLED, at)
    elif update.is_open and update.state in _BEGUN:
        _booted_with_another(update, at)


def _updated_among(at: datetime, stations: Iterable[int]) -> set[int]:
    of_late = Q(ended_at=None) | Q(ended_at__gt=at - RECALLED_FOR)
    begun = FirmwareUpdate.objects.filter(of_late, charge_point__in=stations, tries__gt=0)
    return set(begun.order_by().values_list("charge_point_id", flat=True))


def _newest(charge_point_id: int, at: datetime, request_id: int | None = None) -> FirmwareUpdate | None:
    """The station's latest update that has been sent, if its words still count."""
    sent = FirmwareUpdate.objects.filter(
        charge_point=charge_point_id, tries__gt=0, command__sent_at__isnull=False
    ).select_related("charge_point", "firmware", "campaign", "transfer", "command")
    if request_id is not None:
        sent = sent.filter(request_id=request_id)
    update = sent.select_for_update(of=("self",), no_key=True).order_by("-begun_at").first()
    if update is None or update.ended_at is None:
        return update
    is_recalled = update.state in (State.INSTALLED, State.UNVERIFIED) or update.failure in _IN_DOUBT
    return update if is_recalled and update.ended_at > at - RECALLED_FOR else None


def reports_wanted_version(update: FirmwareUpdate) -> bool:
    return is_same_version(update.charge_point.firmware_version, update.firmware.version)


def is_new_version(update: FirmwareUpdate) -> bool:
    """Whether a change of the version can prove anything: a file may also be installed over itself."""
    return not is_same_version(update.version_before, update.firmware.version)


def is_same_version(reported: str, wanted: str) -> bool:
    """Without regard to case, blanks around it and a "v" before the number."""
    return _plain(reported) == _plain(wanted)


def spellings(version: str) -> tuple[str, str]:
    """Ways of writing a version, in small letters: for a first choice in the database."""
    return _plain(version), f"v{_plain(version)}"


def _plain(version: str) -> str:
    text = version.strip().casefold()
    return text[1:] if text[:1] == "v" and text[1:2].isdigit() else text


def _idle(update: FirmwareUpdate, at: datetime) -> None:
    """Nothing runs at the station: it is over, if it had begun. Only the answer to our question counts as an end."""
    if not update.is_open or update.state not in _BEGUN or update.status == "Installed":
        return
    if reports_wanted_version(update) and is_new_version(update):
        write(update, **_noted(update, "Idle", at))
        end(update, State.INSTALLED, at)
    elif update.asked_at is not None:
        write(update, **_noted(update, "Idle", at))
        fail(update, _left_undone(update), at)
    elif update.state != State.SCHEDULED:
        write(update, due_at=at)  # ask


def _left_undone(update: FirmwareUpdate) -> FirmwareUpdate.Failure:
    match update.state:
        case State.SCHEDULED:
            return Failure.NOT_STARTED
        case State.DOWNLOADING:
            return Failure.DOWNLOAD
        case _:
            return Failure.INSTALLATION


def _installed(update: FirmwareUpdate, at: datetime) -> None:
    noted = _noted(update, "Installed", at)
    if reports_wanted_version(update):
        write(update, **noted)
        end(update, State.INSTALLED, at)
    else:
        write(update, **noted, **_open(State.INSTALLING), due_at=at + BOOTS_WITHIN)


def _goes_on(update: FirmwareUpdate, status: str, at: datetime) -> None:
    noted = _noted(update, status, at)
    if at >= latest_end(update) or (status not in _STATES and update.state not in _BEGUN):
        write(update, **noted)
        return
    state = _STATES.get(status, State(update.state))
    begins_at, within = at, SPEAKS_WITHIN
    if status == "DownloadScheduled":
        begins_at, within = max(at, update.retrieve_at or at), STARTS_WITHIN
    elif state == State.DOWNLOADED:
        begins_at = max(at, update.install_at or at)
    write(update, **noted, **_open(state), due_at=min(begins_at + within, latest_end(update)))


def began_at(update: FirmwareUpdate) -> datetime:
    """From when on its station had something to do."""
    told_at = None if update.command is None else update.command.sent_at  # it may have waited for its station
    return max(filter(None, (update.created_at, update.begun_at, told_at, update.retrieve_at, update.install_at)))


def latest_end(update: FirmwareUpdate) -> datetime:
    """Until when an update may last, whatever its station says."""
    return began_at(update) + LONGEST


def _booted_with_another(update: FirmwareUpdate, at: datetime) -> None:
    """A restart in the middle, which may have ended the update, or "Installed" at the wrong version."""
    columns: dict[str, Any] = {"version_after": update.charge_point.firmware_version}
    if update.state != State.SCHEDULED and update.status != "Installed":
        columns["due_at"] = min(update.due_at or at + SETTLES_WITHIN, at + SETTLES_WITHIN)
    write(update, **columns)


def _noted(update: FirmwareUpdate, status: str, at: datetime) -> dict[str, Any]:
    steps = [*update.steps, [status[:50], at.isoformat()]][-MAX_STEPS:]
    return {"status": status[:50], "steps": steps, "reported_at": at, "asked_at": None}


def _open(state: FirmwareUpdate.State) -> dict[str, Any]:
    return {"state": state, "failure": Failure.NONE, "ended_at": None, "next_try_at": None}


def fail(update: FirmwareUpdate, failure: FirmwareUpdate.Failure, at: datetime) -> None:
    """It did not work; in a campaign it waits for another try, if there is one left and one is worth it."""
    campaign = update.campaign
    has_another = campaign is not None and not campaign.is_over and update.tries <= campaign.retries
    if has_another and failure in _WORTH_A_RETRY:
        write(update, state=State.WAITING, failure=failure, next_try_at=at + RETRY_AFTER, due_at=None, ended_at=None)
    else:
        end(update, State.FAILED, at, failure)


def end(
    update: FirmwareUpdate, state: FirmwareUpdate.State, at: datetime, failure: FirmwareUpdate.Failure = Failure.NONE
) -> None:
    """Give an update its end. Its address ends too, unless the station may still be on its way to it."""
    version = update.charge_point.firmware_version
    columns = {"state": state, "failure": failure, "ended_at": at, "version_after": version}
    write(update, **columns, due_at=None, next_try_at=None)
    if update.transfer is not None and failure not in _IN_DOUBT:
        tokens.close(update.transfer)


def write(update: FirmwareUpdate, **columns: Any) -> None:
    """Store columns of an update that the caller has locked, and tell whoever watches."""
    FirmwareUpdate.objects.filter(pk=update.pk).update(**columns)
    for name, value in columns.items():
        setattr(update, name, value)
    changes.note(TOPIC, changes.station(update.charge_point_id))
