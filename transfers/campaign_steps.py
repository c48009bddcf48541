"""A campaign's steps by the clock: stations are begun in turn, as many at once and a minute as it says.

The rows are the truth: each step of a station is one database transaction that counts, locks and sends, so a process
may die anywhere and another, or the same after its start, goes on where it stood. The campaign's row is locked before a
station's.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from stations.commands import CommandRefused, Origin
from stations.models import ChargePoint, CommandSource, RegistrationStatus
from stations.one_by_one import each

from .addresses import NoWay
from .campaigns import told
from .charging import charging_connectors
from .models import Campaign, FirmwareUpdate
from .progress import Failure, State, end, reports_wanted_version, spellings
from .updates import UpdateRefused, UpdateUnderWay, cancel_update, locked, send

#: An update for which a campaign tried and was not let is looked at again after this.
LOOK_AGAIN = timedelta(seconds=30)


def advance_all(now: datetime) -> int:
    """Take every campaign a step further; how many stations were begun or given up. For the clock."""
    states = [Campaign.State.RUNNING, Campaign.State.PAUSED]
    begun = Campaign.objects.filter(state__in=states, begins_at__lte=now).select_related("firmware")
    done = sum(_advance(campaign, now) for campaign in begun.order_by("created_at"))
    # whoever cancelled may have died in the middle, or a station may have failed at that moment
    left = FirmwareUpdate.objects.filter(state=State.WAITING, campaign__state=Campaign.State.CANCELLED)
    return done + each(list(left), cancel_update)


def _advance(campaign: Campaign, now: datetime) -> int:
    """A paused campaign begins nothing, but ends with its last station."""
    done = _go_on(campaign, now) if campaign.state == Campaign.State.RUNNING else 0
    if not campaign.updates.filter(ended_at=None).exists():
        done += _end(campaign, now)
    return done


@transaction.atomic
def _end(campaign: Campaign, now: datetime) -> int:
    """Under its lock all is asked again: somebody may just have put those that failed in line once more."""
    row = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
    if row.state != campaign.state or row.updates.filter(ended_at=None).exists():
        return 0
    Campaign.objects.filter(pk=row.pk).update(state=Campaign.State.DONE, ended_at=now)
    told(row)
    return 1


def _go_on(campaign: Campaign, now: datetime) -> int:
    waiting = FirmwareUpdate.objects.filter(campaign=campaign, state=State.WAITING)
    done = each(_settled_already(waiting, campaign, now), lambda pk: _settle(pk, campaign, now))
    room = _room(campaign, now)
    if room > 0:
        ready = _ready(waiting, campaign, now)[:room]
        done += each(list(ready.values_list("pk", flat=True)), lambda pk: _begin(pk, campaign, now))
    return done


def _settled_already(waiting: QuerySet[FirmwareUpdate], campaign: Campaign, now: datetime) -> list[uuid.UUID]:
    """Rows that need not wait: the version is there, the station out of use, the time over."""
    if not _is_too_late(campaign, now):
        one, other = spellings(campaign.firmware.version)
        has_it = Q(charge_point__firmware_version__iexact=one) | Q(charge_point__firmware_version__iexact=other)
        waiting = waiting.filter(has_it | Q(charge_point__archived_at__isnull=False))
    return list(waiting.values_list("pk", flat=True))


def _is_too_late(campaign: Campaign, now: datetime) -> bool:
    return campaign.ends_at is not None and campaign.ends_at <= now


def _settle(pk: uuid.UUID, campaign: Campaign, now: datetime) -> bool:
    update = locked(pk)
    if update is None or update.state != State.WAITING:
        return False
    station = update.charge_point
    if station.archived_at is not None:
        end(update, State.FAILED, now, Failure.ARCHIVED)
    elif reports_wanted_version(update):
        end(update, State.INSTALLED, now)
    elif _is_too_late(campaign, now):  # the reason of its last try says more than that time is over
        too_late = Failure.TOO_LATE if station.is_online else Failure.NOT_SENT
        end(update, State.FAILED, now, Failure(update.failure or too_late))
    else:  # it has come back with another version at this moment
        return False
    return True


def _room(campaign: Campaign, now: datetime) -> int:
    """How many stations may begin now."""
    begun = FirmwareUpdate.objects.filter(campaign=campaign, tries__gt=0)
    under_way = begun.filter(ended_at=None).exclude(state=State.WAITING).count()
    of_late = begun.filter(begun_at__gt=now - timedelta(minutes=1)).count()
    return min(campaign.at_once - under_way, campaign.per_minute - of_late)


def _ready(waiting: QuerySet[FirmwareUpdate], campaign: Campaign, now: datetime) -> QuerySet[FirmwareUpdate]:
    """Rows whose station could begin now: first those that have not been tried, in the campaign's order."""
    station = OuterRef("charge_point")
    others = FirmwareUpdate.objects.filter(charge_point=station, ended_at=None).exclude(state=State.WAITING)
    ready = waiting.filter(
        Q(next_try_at=None) | Q(next_try_at__lte=now),
        ~Exists(others),
        charge_point__in=ChargePoint.objects.online(),
        charge_point__registration_status=RegistrationStatus.ACCEPTED,
    )
    if not campaign.while_charging:
        ready = ready.exclude(Exists(charging_connectors().filter(charge_point=station)))
    return ready.order_by(F("next_try_at").asc(nulls_first=True), "created_at")


def _begin(pk: uuid.UUID, campaign: Campaign, now: datetime) -> bool:
    """Begin one station, if under the campaign's lock there still is room."""
    row = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
    if row.state != Campaign.State.RUNNING or _room(row, now) < 1:
        return False
    update = locked(pk)
    if update is None or not _ready(FirmwareUpdate.objects.filter(pk=pk, state=State.WAITING), row, now).exists():
        return False
    try:
        with transaction.atomic():
            send(update, origin=_origin(row))
    except UpdateUnderWay:
        return False
    except UpdateRefused as refusal:
        update.refresh_from_db()
        end(update, State.FAILED, now, refusal.failure)
    except NoWay:
        update.refresh_from_db()
        end(update, State.FAILED, now, Failure.DOWNLOAD)
    except CommandRefused:  # the file is gone, say: an operator can mend that
        FirmwareUpdate.objects.filter(pk=pk).update(next_try_at=now + LOOK_AGAIN)
        return False
    return True


def _origin(campaign: Campaign) -> Origin:
    source = CommandSource(campaign.source) if campaign.source else CommandSource.SYSTEM
    return Origin(source, campaign.created_by, campaign.actor, campaign.remote_address)
