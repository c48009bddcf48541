"""What stations report about themselves, and what operators decide about them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from . import bell, changes, configuration, effects, locked, recipes, write_batch
from .commands import SYSTEM, Origin, close_queued, queue_command
from .connectors import get_connector
from .models import (
    ChargePoint,
    ChargePointStatus,
    Command,
    CommandStatus,
    ConnectionAttempt,
    Connector,
    Message,
    ProgressReport,
    RegistrationStatus,
    Repair,
    SecurityChange,
    SecurityEvent,
    StatusRecord,
)
from .models.charge_point import FORGET_DISCOVERED_AFTER, ChargePointQuerySet
from .models.security_event import PROFILE_DOWNGRADE

CLOCK_TOLERANCE = timedelta(minutes=5)
EARLIEST_PLAUSIBLE = datetime(2015, 1, 1, tzinfo=UTC)
MAX_WAITING = 50
ATTEMPT_WINDOW = timedelta(minutes=15)
MAX_ATTEMPTS = 1000
PRUNE_CHUNK, PRUNE_S = 5000, 0.5


def is_clock_suspect(reported_at: datetime, received_at: datetime) -> bool:
    """A station's time in the future or before any charger existed (behaviour of clocks before the first boot)."""
    return reported_at > received_at + CLOCK_TOLERANCE or reported_at < EARLIEST_PLAUSIBLE


def find_charge_point(identity: str) -> ChargePoint | None:
    """The station an address names; identities differ in more than case.

    It knows which other credentials let it in while its password changes, `pending_credentials`, and which profile it
    was told to come back with, `wanted_security_profile`.
    """
    station = _calling(identity)
    if station is not None and station.is_changing_security:
        # what never left is nobody's but its author's: a station cannot have it
        sent = station.security_changes.filter(ended_at=None, command__sent_at__isnull=False)
        keys = sent.filter(kind=SecurityChange.Kind.KEY)
        station.pending_credentials = tuple(keys.values_list("credential_kind", "credential_hash"))
        profiles = sent.filter(kind=SecurityChange.Kind.PROFILE).values_list("security_profile", flat=True)
        station.wanted_security_profile = max((profile or 0 for profile in profiles), default=0)
    return station


def _calling(identity: str) -> ChargePoint | None:
    """One query for all the handshakes of a write batch: after an outage everybody comes at once."""
    with write_batch.joined_batch() as batch:
        called = (names.identity for names in batch.names if names.identity.isascii() and names.identity)
        stations: dict[str, ChargePoint] = batch.shared("stations.called", lambda: _by_identity(list(called)))
        # taken out: two sockets of a station must not share an instance
        station = stations.pop(identity.upper(), None)
    return station or _with_changes().with_identity(identity).first()


def _by_identity(identities: list[str]) -> dict[str, ChargePoint]:
    stations = _with_changes().with_identity(*identities) if identities else ()
    return {station.identity.upper(): station for station in stations}


def _with_changes() -> ChargePointQuerySet:
    changing = SecurityChange.objects.filter(charge_point=OuterRef("pk"), ended_at=None)
    known = {"is_changing_security": Exists(changing)}
    return ChargePoint.objects.annotate(**known)


def find_or_admit(identity: str, *, may_enter: bool, accept: bool) -> tuple[ChargePoint | None, bool]:
    """The station an address names, and whether nobody had entered it before.

    Such a stranger is admitted if it `may_enter`; None if it may not, or if too many wait already.
    """
    station = find_charge_point(identity)
    if station is not None:
        return station, False
    return (admit_stranger(identity, accept=accept) if may_enter else None), True


def admit_stranger(identity: str, *, accept: bool) -> ChargePoint | None:
    """Enter a station that called by itself: accepted, or waiting for approval; None if too many wait already."""
    strangers = ChargePoint.objects.waiting().filter(discovered=True)
    if not accept and strangers.count() >= MAX_WAITING:
        return find_charge_point(identity)
    status = RegistrationStatus.ACCEPTED if accept else RegistrationStatus.PENDING
    ChargePoint.objects.bulk_create(
        [ChargePoint(identity=identity, registration_status=status, discovered=not accept)],
        ignore_conflicts=True,  # two sockets of a new station may come at once
    )
    station = find_charge_point(identity)
    if station is not None:
        changes.note(changes.station(station.pk))
    return station


def register_boot(charge_point: ChargePoint, *, at: datetime, **boot: str | None) -> RegistrationStatus:
    """Store what BootNotification said and return the answer's status; acceptance is the station's, not the socket's.

    `boot` holds vendor, model, serial_number, box_serial_number, firmware_version, iccid, imsi, meter_type and
    meter_serial_number; None leaves a field empty. A boot ends no transaction: the stop may still come (§4.10).
    """
    station = locked.station(charge_point.pk, "BootNotification")
    told = {name: value or "" for name, value in boot.items()}
    write_batch.assign(station, booted_at=at, last_seen_at=at, **told)
    status = RegistrationStatus(station.registration_status)
    if status == RegistrationStatus.ACCEPTED and station.accepted_at is None:
        write_batch.assign(station, accepted_at=at)
    effects.saw(charge_point.pk, "boot")
    configuration.record_boot(charge_point.pk)
    if status == RegistrationStatus.ACCEPTED:
        recipes.begin(charge_point.pk, at=at)
    return status


def record_status(
    charge_point: ChargePoint,
    *,
    connector_id: int,
    status: str,
    error_code: str,
    reported_at: datetime | None,
    received_at: datetime,
    info: str = "",
    vendor_id: str = "",
    vendor_error_code: str = "",
) -> Connector:
    """Keep every StatusNotification in the history; only one that is not older than the present state changes it.

    A status we do not know stays in the history and leaves the state as it was. Any transition may appear (§4.9).
    """
    connector = get_connector(charge_point.pk, connector_id)
    suspect = reported_at is not None and is_clock_suspect(reported_at, received_at)
    effective_at = received_at if reported_at is None or suspect else reported_at
    details = {
        "error_code": error_code,
        "info": info,
        "vendor_id": vendor_id,
        "vendor_error_code": vendor_error_code,
    }
    write_batch.insert(
        StatusRecord,
        connector_id=connector.pk,
        status=status,
        reported_at=reported_at or received_at,
        received_at=received_at,
        clock_suspect=suspect,
        **details,
    )
    is_current = status in ChargePointStatus.values and not _is_history(connector, effective_at, received_at)
    if is_current:
        _change_status(connector, status, effective_at, details)
    effects.saw(charge_point.pk, "status", connector_id=connector_id, status=status, is_current=is_current)
    return connector


def _is_history(connector: Connector, at: datetime, received_at: datetime) -> bool:
    """Whether a report is older than the present state; a clock that was ahead may have been set since, by a boot."""
    if connector.status_at is None or at >= connector.status_at:
        return False
    has_been_set = connector.status_at > received_at >= at > received_at - CLOCK_TOLERANCE
    return not has_been_set


def _change_status(connector: Connector, status: str, effective_at: datetime, details: dict[str, str]) -> None:
    if connector.status != status or connector.status_at is None:
        connector.status_at = effective_at
    connector.status = status
    for name, value in details.items():
        setattr(connector, name, value)
    write_batch.change(connector, "status", "status_at", *details)


def record_progress(charge_point: ChargePoint, *, kind: str, status: str, request_id: int | None, at: datetime) -> None:
    """A step of a firmware update, diagnostics or log upload."""
    write_batch.insert(
        ProgressReport, charge_point_id=charge_point.pk, kind=kind, status=status, request_id=request_id, received_at=at
    )
    effects.saw(charge_point.pk, "progress", kind=kind, status=status, request_id=request_id)


def record_security_event(
    charge_point: ChargePoint,
    *,
    type: str,  # noqa: A002 - the specification's name
    tech_info: str,
    occurred_at: datetime,
    received_at: datetime,
) -> None:
    """An event the station reports (white paper A04); critical ones are told apart by `SecurityEvent.is_critical`."""
    write_batch.insert(
        SecurityEvent,
        charge_point_id=charge_point.pk,
        type=type,
        tech_info=tech_info,
        occurred_at=occurred_at,
        received_at=received_at,
    )


def record_downgrade(charge_point: ChargePoint, *, profile: int, remote_address: str, at: datetime) -> None:
    """Our own event: a station knew its password, but its security profile was lower than its minimum (A05)."""
    minimum = charge_point.minimum_security_profile
    record_security_event(
        charge_point,
        type=PROFILE_DOWNGRADE,
        tech_info=f"refused: profile {profile} from {remote_address}, at least {minimum} is required",
        occurred_at=at,
        received_at=at,
    )


def count_repairs(charge_point_id: int, action: str, repairs: Iterable[tuple[str, str]], *, at: datetime) -> None:
    """Count what tolerance mended: (rule, field) pairs of one message."""
    for rule, field in repairs:
        key = {"charge_point_id": charge_point_id, "action": action[:50], "rule": rule[:50], "field": field[:100]}
        write_batch.increment(Repair, key, {"count": 1}, last_at=at)


def approve_charge_point(charge_point: ChargePoint, *, origin: Origin = SYSTEM) -> None:
    """Accept a station: its next boot is answered Accepted, and it is asked to boot at once if it is connected."""
    _decide(charge_point, RegistrationStatus.ACCEPTED, origin=origin)


def reject_charge_point(charge_point: ChargePoint, *, origin: Origin = SYSTEM) -> None:
    """Refuse a station: its boots are answered Rejected; transactions it began while accepted are still stored."""
    _decide(charge_point, RegistrationStatus.REJECTED, origin=origin)


@transaction.atomic
def _decide(charge_point: ChargePoint, status: RegistrationStatus, *, origin: Origin) -> None:
    charge_point.registration_status = status
    charge_point.discovered = False
    fields = ["registration_status", "discovered"]
    if status == RegistrationStatus.ACCEPTED and charge_point.accepted_at is None:
        charge_point.accepted_at = timezone.now()
        fields.append("accepted_at")
    charge_point.save(update_fields=fields)
    station = ring_station(charge_point.pk, "station.changed")
    if status == RegistrationStatus.ACCEPTED and station.is_online:
        queue_command(charge_point, "TriggerMessage", {"requestedMessage": "BootNotification"}, origin=origin)


@transaction.atomic
def archive_charge_point(charge_point: ChargePoint) -> None:
    """Take a station out of use: it is refused from now on, and what waits for it is taken back; its history stays."""
    charge_point.archived_at = timezone.now()
    charge_point.save(update_fields=["archived_at"])
    close_queued(Command.objects.filter(charge_point=charge_point), CommandStatus.CANCELLED)
    ring_station(charge_point.pk, "station.changed")


def restore_charge_point(charge_point: ChargePoint) -> None:
    charge_point.archived_at = None
    charge_point.save(update_fields=["archived_at"])
    changes.note(changes.station(charge_point.pk))


def ring_station(charge_point_id: int, event: str) -> ChargePoint:
    """Tell the process that holds a station that its row changed; returns the row with its gateway."""
    station = ChargePoint.objects.select_related("gateway").get(pk=charge_point_id)
    changes.note(changes.station(station.pk))
    if station.gateway is not None and station.connection:
        bell.ring(station.gateway.channel, {"type": event, "station": station.pk})
    return station


def record_attempt(
    *, reason: str, path: str, remote_address: str, status_code: int, at: datetime, identity: str = "", **details: str
) -> bool:
    """A refused handshake; the same again within a quarter of an hour is counted in the same row and returns False.

    Behind MAX_ATTEMPTS rows in that time come no more than one for each reason, without path, address and identity:
    whoever calls ever new names must not fill the disk.
    """
    changes.note("attempts")
    values = {name: value[:255] for name, value in details.items()}
    where = {"path": path[:500], "remote_address": remote_address[:64], "identity": identity[:255]}
    recent = ConnectionAttempt.objects.filter(last_at__gt=at - ATTEMPT_WINDOW)
    known = recent.filter(reason=reason, **where).order_by("-last_at").first()
    if known is None and recent.count() >= MAX_ATTEMPTS:
        where, values = dict.fromkeys(where, ""), {}
        known = recent.filter(reason=reason, **where).order_by("-last_at").first()
    if known is not None:
        known.count += 1
        known.last_at = at
        known.status_code = status_code
        known.save(update_fields=["count", "last_at", "status_code"])
        return False
    ConnectionAttempt.objects.create(reason=reason, status_code=status_code, first_at=at, last_at=at, **where, **values)
    return True


def forget_discovered(now: datetime) -> int:
    """Forget stations that called by themselves, were never approved and stayed away for a day."""
    strangers = ChargePoint.objects.filter(
        discovered=True,
        accepted_at=None,
        registration_status=RegistrationStatus.PENDING,
        connection="",
        disconnected_at__lt=now - FORGET_DISCOVERED_AFTER,
        transactions=None,
        security_events=None,
        orphaned_stops=None,
        transfers=None,
        firmware_updates=None,
        charging_profiles=None,
        certificates=None,
        security_upgrades=None,
    )
    forgotten = 0
    for stranger in strangers[:PRUNE_CHUNK]:
        with transaction.atomic():
            Message.objects.filter(charge_point=stranger).delete()
            stranger.signing_requests.all().delete()
            stranger.commands.all().delete()
            stranger.connectors.all().delete()
            changes.note(changes.station(stranger.pk))
            forgotten += bool(stranger.delete()[0])
    return forgotten


def prune_attempts(before: datetime) -> int:
    return ConnectionAttempt.objects.filter(last_at__lt=before).delete()[0]


def prune_messages(before: datetime) -> int:
    """Delete log rows older than `before`, oldest keys first, in small bites so that the writer never waits long.

    It ends after PRUNE_S, done or not: the clock's other jobs wait for it.
    """
    end, deleted = time.monotonic() + PRUNE_S, 0
    while True:
        chunk = list(Message.objects.order_by("pk").values_list("pk", "at")[:PRUNE_CHUNK])
        old = [pk for pk, at in chunk if at < before]
        if old:
            deleted += Message.objects.filter(pk__lte=old[-1], at__lt=before).delete()[0]
        if len(old) < PRUNE_CHUNK or time.monotonic() > end:
            return deleted
