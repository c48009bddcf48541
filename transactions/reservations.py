"""Reservations: asked of the station, used, given back, over (OCPP 1.6 §5.13, §5.2, §4.8)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db import transaction as database
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from stations.commands import LONGEST_WAIT, SYSTEM, CommandRefused, Origin, cancel_command, queue_command
from stations.connectors import get_connector
from stations.models import OPEN_STATUSES, ChargePoint, Command, Connector
from stations.one_by_one import each
from stations.write_batch import WriteBatch, joined_batch

from . import station_keys
from .authorization import judge
from .models import Reservation, Transaction
from .models.reservation import OPEN_RESERVATIONS, ReservationQuerySet

#: Stations report the end themselves; only then do we take it for granted.
EXPIRY_GRACE = timedelta(seconds=60)
WHOLE_SECOND = timedelta(seconds=1)
#: How far a station's clock may be off where its start is compared with our reservation.
CLOCK_TOLERANCE = timedelta(minutes=5)
#: A start from a queue may still use a reservation that we called expired meanwhile.
USABLE_AFTER_EXPIRY = timedelta(days=1)
#: Who needs a connector for longer takes it out of service.
LONGEST = timedelta(days=366)
#: "For ever", as an expert may say it, and as the station keeps it: the last day that exists in every time zone.
FOR_EVER = datetime(9999, 12, 30, tzinfo=UTC)

Status = Reservation.Status


class NotReservable(CommandRefused):
    """A reservation that makes no sense; its text is for the person who asked. `field` says what is wrong with it:
    connector, id_tag, expires_at, or reservation."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


# What people ask for


@database.atomic
def reserve(
    target: Connector | ChargePoint,
    id_tag: str,
    expires_at: datetime,
    *,
    parent_id_tag: str | None = None,
    origin: Origin = SYSTEM,
) -> Reservation:
    """Ask the station to keep a connector, or any of its connectors if `target` is the station itself.

    The row is REQUESTED until the station has answered; REFUSED at once if it is offline. `parent_id_tag` defaults to
    the tag's group. Raises NotReservable for a tag that may not charge, an end that is not in the future or more than
    a year away, or a connector that is reserved already; whether it is free is for the station to say.
    """
    connector = get_connector(target.pk, 0) if isinstance(target, ChargePoint) else target
    group = check(connector, id_tag, expires_at)
    parent = group if parent_id_tag is None else parent_id_tag
    reservation = _new(connector, id_tag=id_tag, parent_id_tag=parent, expires_at=expires_at)
    command = queue_command(connector.charge_point, "ReserveNow", _reserve_now(reservation), origin=origin)
    reservation.command = command
    reservation.save(update_fields=["command"])
    if command.is_final:
        _refuse(reservation, command)
        reservation.refresh_from_db()
    return reservation


def check(connector: Connector, id_tag: str, expires_at: datetime) -> str:
    """What `reserve` looks at before it asks the station; the number of the tag's group. Raises NotReservable."""
    now = timezone.now()
    if expires_at <= now:
        raise NotReservable("expires_at", _("A reservation ends in the future."))
    if expires_at - now > LONGEST:
        raise NotReservable("expires_at", _("A reservation ends within a year."))
    group = _checked_tag(id_tag, now)
    _check_free(connector, now)
    return group


@database.atomic
def cancel(reservation: Reservation, *, origin: Origin = SYSTEM) -> Command | None:
    """Give a reservation back: CancelReservation, which waits for an offline station until the reservation expires.

    It stays open until the station has answered. One whose ReserveNow has not left yet is taken back without a word;
    then None is returned. Raises NotReservable for one that is over.
    """
    if not reservation.is_open:
        raise NotReservable("reservation", _("This reservation is over."))
    if reservation.command is not None and cancel_command(reservation.command):
        _end(Reservation.objects.filter(pk=reservation.pk), Status.CANCELLED)
        reservation.refresh_from_db()
        return None
    return _cancel_at_station(reservation, origin)


def _cancel_at_station(reservation: Reservation, origin: Origin) -> Command:
    payload = {"reservationId": reservation.reservation_id}
    station = reservation.connector.charge_point
    now = timezone.now()
    until = min(max(reservation.expires_at, now + EXPIRY_GRACE), now + LONGEST_WAIT)
    return queue_command(station, "CancelReservation", payload, origin=origin, valid_until=until)


def _checked_tag(id_tag: str, now: datetime) -> str:
    """The number of the tag's group; raises NotReservable if the tag may not charge."""
    if not 0 < len(id_tag) <= 20:
        raise NotReservable("id_tag", _("A tag number has 1 to 20 characters."))
    verdict = judge(id_tag, at=now)
    if not verdict.is_accepted:
        verdict_text = verdict.status.label
        raise NotReservable("id_tag", _("Tag %(id_tag)s: %(verdict)s.") % {"id_tag": id_tag, "verdict": verdict_text})
    return verdict.parent_id_tag or ""


def _check_free(connector: Connector, now: datetime) -> None:
    """One reservation per connector, and on connector 0 only where the station knows such (§9.3)."""
    station = connector.charge_point
    if connector.connector_id == 0 and station_keys.truth_of(station, "ReserveConnectorZeroSupported") is False:
        raise NotReservable("connector", _("%(charger)s reserves single connectors only.") % {"charger": station})
    if connection.in_atomic_block:  # two clicks at once meet at the connector's row
        Connector.objects.select_for_update(no_key=True).get(pk=connector.pk)
    taken = Reservation.objects.open().filter(connector=connector, expires_at__gt=now).first()
    if connector.connector_id and taken is not None:
        text = _("Connector %(connector)s is reserved already (%(reservation)s).")
        raise NotReservable("connector", text % {"connector": connector.connector_id, "reservation": taken})


def _new(connector: Connector, **fields: Any) -> Reservation:
    """A row whose number no open reservation of the station has: the same number would replace it there."""
    while True:
        reservation = Reservation.objects.create(connector=connector, status=Status.REQUESTED, **fields)
        same = Reservation.objects.open().numbered(connector.charge_point_id, reservation.pk)
        if not same.exclude(pk=reservation.pk).exists():
            return reservation
        reservation.delete()


def _reserve_now(reservation: Reservation) -> dict[str, Any]:
    until = reservation.expires_at.astimezone(UTC).replace(tzinfo=None)
    payload = {
        "connectorId": reservation.connector.connector_id,
        "expiryDate": f"{until.isoformat(timespec='seconds')}Z",
        "idTag": reservation.id_tag,
        "reservationId": reservation.reservation_id,
    }
    return payload | ({"parentIdTag": reservation.parent_id_tag} if reservation.parent_id_tag else {})


# What the station answers


def answered(
    command: Command,
    status: str,
    *,
    connector_id: int,
    id_tag: str,
    parent_id_tag: str,
    expires_at: datetime,
    reservation_id: int,
) -> None:
    """The station's word on a ReserveNow, of `reserve` or of an expert's own.

    An expert's number may be in use at the station: then what it stood for is replaced, as the station did (§5.13).
    """
    own = Reservation.objects.filter(command=command)
    if own.exists():
        if status == "Accepted":  # a start may have been quicker than this answer
            own.filter(status=Status.REQUESTED).update(status=Status.ACTIVE, answer=status)
        else:
            _end(own, Status.REFUSED, was=(Status.REQUESTED,), answer=status)
    elif status == "Accepted":
        _end(Reservation.objects.numbered(command.charge_point_id, reservation_id), Status.CANCELLED)
        Reservation.objects.create(
            chosen_id=reservation_id,
            connector=get_connector(command.charge_point_id, connector_id),
            id_tag=id_tag,
            parent_id_tag=parent_id_tag,
            expires_at=min(expires_at, FOR_EVER),
            answer=status,
            command=command,
        )


def cancelled(command: Command, reservation_id: int) -> None:
    """A CancelReservation was answered: Accepted, or Rejected because the station knows no such reservation."""
    _end(Reservation.objects.numbered(command.charge_point_id, reservation_id), Status.CANCELLED)


# How reservations end without an answer


def use_reservation(transaction: Transaction) -> None:
    """A start ends the reservation it names, or else the one that was made for its tag or its tag's group.

    Of its own connector, or of the whole station (connector 0). The station's word counts even for one we took for
    over: a start from its queue may be older than that. Stations that leave the number out are believed by the tag.
    """
    with joined_batch() as batch:
        if transaction.reservation_id is not None:
            chosen = _named(transaction.charge_point_id, transaction.reservation_id)
        else:
            chosen = _meant(_usable_at(batch, transaction), transaction)
        if chosen is not None:
            unused = Reservation.objects.filter(pk=chosen).exclude(status=Status.USED)
            unused.update(status=Status.USED, transaction=transaction, ended_at=transaction.started_at)


def _named(charge_point_id: int, reservation_id: int) -> int | None:
    """The reservation with a number: the open one if the number was used again, else the latest that was not used."""
    unused = Reservation.objects.numbered(charge_point_id, reservation_id).exclude(status=Status.USED)
    rows = list(unused.order_by("-pk").only("pk", "status"))
    return next((row.pk for row in rows if row.is_open), rows[0].pk if rows else None)


def _usable_at(batch: WriteBatch, transaction: Transaction) -> list[Reservation]:
    """Reservations at the start's station that no start has used; those of the whole batch's stations read at once."""
    station = transaction.charge_point_id
    return batch.read_once("transactions.reservations", "StartTransaction", station, _usable_of)[station]


def _usable_of(stations: set[int]) -> dict[int, list[Reservation]]:
    since = timezone.now() - USABLE_AFTER_EXPIRY
    expired = Q(status=Status.EXPIRED, expires_at__gt=since)
    rows = Reservation.objects.filter(Q(status__in=[Status.REQUESTED, Status.ACTIVE]) | expired)
    usable: dict[int, list[Reservation]] = {station: [] for station in stations}
    for row in rows.filter(connector__charge_point__in=stations).select_related("connector").order_by("pk"):
        usable[row.connector.charge_point_id].append(row)
    return usable


def _meant(reservations: list[Reservation], transaction: Transaction) -> int | None:
    """The reservation that a start without a number uses: its own connector before connector 0, tag before group.

    Moments are subtracted from each other: none lies so far away that a difference of two does not exist.
    """
    tag, group = transaction.id_tag.upper(), _group_of(transaction)
    fitting = [
        (row.connector.connector_id == 0, row.id_tag.upper() != tag, row.pk)
        for row in reservations
        if (row.connector_id == transaction.connector_id or row.connector.connector_id == 0)
        and (row.id_tag.upper() == tag or (group and row.parent_id_tag.upper() == group))
        and row.created_at - transaction.started_at <= CLOCK_TOLERANCE
        and transaction.started_at - row.expires_at <= EXPIRY_GRACE
    ]
    return min(fitting)[-1] if fitting else None


def _group_of(transaction: Transaction) -> str:
    tag = transaction.tag
    return tag.group.parent_id_tag.upper() if tag is not None and tag.group is not None else ""


def end_expired_reservations(now: datetime) -> int:
    """Expire what the stations did not use in time; returns how many. Any process may run it, any number of times."""
    return _end(Reservation.objects.filter(expires_at__lt=now - EXPIRY_GRACE), Status.EXPIRED, now=now)


def end_at_free_connector(connector: Connector, now: datetime) -> int:
    """A connector reports Available: its reservation whose time is over has ended, and need not wait for the clock.

    Costs one query per write batch.
    """
    with joined_batch() as batch:
        if connector.pk not in batch.shared("transactions.expiring", lambda: _expiring(now)):
            return 0
        return _end(_due(now).filter(connector=connector), Status.EXPIRED, now=now)


def _expiring(now: datetime) -> set[int]:
    return set(_due(now).values_list("connector", flat=True))


def _due(now: datetime) -> ReservationQuerySet:
    """Active ones whose time is over; the charger was told whole seconds."""
    return Reservation.objects.filter(status=Status.ACTIVE, expires_at__lt=now + WHOLE_SECOND)


def end_reservations(connector: Connector, now: datetime) -> int:
    """End a connector's reservations when it becomes Faulted or Unavailable; connector 0 stands for all of them."""
    kept = Reservation.objects.filter(connector=connector)
    if connector.connector_id == 0:
        kept = Reservation.objects.filter(connector__charge_point=connector.charge_point_id)
    return _end(kept, Status.ENDED, was=(Status.ACTIVE,), now=now)


def close_unanswered_reservations(now: datetime) -> int:
    """Refuse what no station answered; returns how many. Any process may run it, any number of times.

    A station that may have heard the question is asked to forget it: it would keep the connector for nobody.
    """
    asked = Reservation.objects.filter(status=Status.REQUESTED).exclude(command__status__in=OPEN_STATUSES)
    return each(asked.select_related("command", "connector__charge_point"), _close)


@database.atomic
def _close(reservation: Reservation) -> bool:
    command = reservation.command
    if command is None or not _refuse(reservation, command):
        return False
    if command.sent_at is not None and not command.error_code:
        with suppress(CommandRefused):
            _cancel_at_station(reservation, SYSTEM)
    return True


def _refuse(reservation: Reservation, command: Command) -> bool:
    """Nothing will come of it, for the reason that the command ended with."""
    said = " ".join(filter(None, [command.error_code, command.error_description]))
    answer = said or str(command.get_status_display())
    asked = Reservation.objects.filter(pk=reservation.pk)
    return _end(asked, Status.REFUSED, was=(Status.REQUESTED,), answer=answer[:500]) == 1


def _end(
    reservations: ReservationQuerySet,
    status: Reservation.Status,
    *,
    was: Sequence[Reservation.Status] = OPEN_RESERVATIONS,
    now: datetime | None = None,
    answer: str | None = None,
) -> int:
    """End those of `reservations` that are still in a state of `was`; returns how many.

    By their keys: PostgreSQL looks at the state again when it gets a row's lock, but not at joined rows. So a start
    and an expiry at once leave one of both, never a mixture.
    """
    open_keys = list(reservations.filter(status__in=was).values_list("pk", flat=True))
    if not open_keys:
        return 0
    said = {} if answer is None else {"answer": answer}
    kept = Reservation.objects.filter(pk__in=open_keys, status__in=was)
    return kept.update(status=status, ended_at=now or timezone.now(), **said)
