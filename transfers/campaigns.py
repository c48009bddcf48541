"""One firmware for many stations: what people decide about it. `campaign_steps` does the rest, by the clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes
from stations.commands import CommandRefused, Origin
from stations.models import ChargePoint

from . import firmware_files
from .models import Campaign, FirmwareFile, FirmwareUpdate
from .progress import TOPIC, Failure, State
from .updates import cancel_update

_OPEN = (Campaign.State.RUNNING, Campaign.State.PAUSED)


@transaction.atomic
def start_campaign(
    stations: Iterable[ChargePoint],
    firmware: FirmwareFile,
    *,
    origin: Origin,
    name: str,
    signed: bool = False,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    at_once: int = 5,
    per_minute: int = 10,
    while_charging: bool = False,
    retries: int = 1,
    idempotency_key: str = "",
) -> Campaign:
    """Put stations in line for a firmware, in this order; the clock does the rest.

    A station that is offline waits for its return, until `ends_at` if that is given. One that the firmware is not for
    stands in the table as failed. The same `idempotency_key` of the same actor returns the first campaign. Raises
    CommandRefused.
    """
    if idempotency_key:
        known = Campaign.objects.filter(actor=origin.name, idempotency_key=idempotency_key).first()
        if known is not None:
            return known
    chosen = list({station.pk: station for station in stations}.values())
    _check(chosen, firmware, signed=signed, at_once=at_once, per_minute=per_minute)
    begins_at = begins_at or timezone.now()
    if ends_at is not None and ends_at <= max(begins_at, timezone.now()):
        raise CommandRefused(_("The campaign would end before it begins."))
    campaign, created = _stored_once(
        origin,
        idempotency_key,
        name=name.strip() or str(firmware),
        firmware=firmware,
        signed=signed,
        begins_at=begins_at,
        ends_at=ends_at,
        at_once=at_once,
        per_minute=per_minute,
        while_charging=while_charging,
        retries=retries,
    )
    if created:
        FirmwareUpdate.objects.bulk_create(_rows(campaign, chosen))
        told(campaign)
    return campaign


def _check(stations: list[ChargePoint], firmware: FirmwareFile, *, signed: bool, at_once: int, per_minute: int) -> None:
    if not stations:
        raise CommandRefused(_("Choose at least one charger."))
    if at_once < 1 or per_minute < 1:
        raise CommandRefused(_("At least one charger at the same time and one a minute."))
    _refuse_archived(firmware)
    if signed:
        try:
            firmware_files.check_signature(firmware)
        except ValidationError as error:
            raise CommandRefused(" ".join(error.messages)) from None


def _refuse_archived(firmware: FirmwareFile) -> None:
    if firmware.archived_at is not None:
        raise CommandRefused(_("%(firmware)s is archived: choose another file.") % {"firmware": firmware})


def _stored_once(origin: Origin, idempotency_key: str, **values: object) -> tuple[Campaign, bool]:
    who = {
        "source": origin.source,
        "created_by_id": origin.user_id,
        "remote_address": origin.remote_address[:64],
    }
    if not idempotency_key:
        return Campaign.objects.create(actor=origin.name, **who, **values), True
    return Campaign.objects.get_or_create(
        actor=origin.name, idempotency_key=idempotency_key, defaults={**who, **values}
    )


def _rows(campaign: Campaign, stations: list[ChargePoint]) -> Iterable[FirmwareUpdate]:
    """One for each station; a microsecond apart, for they are begun in the order in which they were made."""
    for number, station in enumerate(stations):
        failure = Failure.NONE
        if station.archived_at is not None:
            failure = Failure.ARCHIVED
        elif station.vendor and not campaign.firmware.fits(station):
            failure = Failure.DOES_NOT_FIT
        yield FirmwareUpdate(
            charge_point=station,
            firmware=campaign.firmware,
            campaign=campaign,
            signed=campaign.signed,
            version_before=station.firmware_version,
            created_at=campaign.created_at + timedelta(microseconds=number),
            failure=failure,
            state=State.FAILED if failure else State.WAITING,
            ended_at=campaign.created_at if failure else None,
        )


def pause(campaign: Campaign) -> bool:
    """Begin no further station; what has begun goes on. False if it does not run."""
    return _turn(campaign, [Campaign.State.RUNNING], Campaign.State.PAUSED)


def resume(campaign: Campaign) -> bool:
    return _turn(campaign, [Campaign.State.PAUSED], Campaign.State.RUNNING)


def cancel(campaign: Campaign) -> bool:
    """End a campaign: who waits is not begun, and commands that are not sent yet are taken back. False if it is over.

    Stations that have begun go on, and their rows with them.
    """
    if not _turn(campaign, _OPEN, Campaign.State.CANCELLED):
        return False
    for update in campaign.updates.filter(state__in=[State.WAITING, State.ASKED]):
        cancel_update(update)
    return True


def retry_failed(campaign: Campaign) -> int:
    """Put the stations that failed in line again, with all their tries; how many.

    A campaign that was done runs again, for as long as it was given at first. Raises CommandRefused if nothing failed,
    if it was cancelled, or if its file is archived.
    """
    with transaction.atomic():
        row = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
        if row.state == Campaign.State.CANCELLED:
            raise CommandRefused(_("This campaign was cancelled: start a new one."))
        _refuse_archived(row.firmware)
        again = row.updates.filter(state__in=[State.FAILED, State.UNVERIFIED]).exclude(failure=Failure.DOES_NOT_FIT)
        count = again.update(
            state=State.WAITING, failure=Failure.NONE, tries=0, next_try_at=None, ended_at=None, due_at=None
        )
        if not count:
            raise CommandRefused(_("Nothing failed that could be tried again."))
        if row.state == Campaign.State.DONE:
            row.state = Campaign.State.RUNNING
        now = timezone.now()
        ends_at = now + (row.ends_at - row.begins_at) if row.ends_at and row.ends_at <= now else row.ends_at
        Campaign.objects.filter(pk=row.pk).update(state=row.state, ended_at=None, ends_at=ends_at)
        told(row)
    campaign.refresh_from_db()
    return count


def _turn(campaign: Campaign, before: Iterable[str], state: Campaign.State) -> bool:
    ended_at = timezone.now() if state == Campaign.State.CANCELLED else None
    turned = Campaign.objects.filter(pk=campaign.pk, state__in=before).update(state=state, ended_at=ended_at)
    campaign.refresh_from_db()
    told(campaign)
    return turned == 1


def told(campaign: Campaign) -> None:
    """Tell whoever watches the campaign or one of its stations."""
    changes.note(TOPIC, *map(changes.station, campaign.updates.values_list("charge_point_id", flat=True)))
