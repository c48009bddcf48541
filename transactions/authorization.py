"""Who may charge: the verdict on a tag (OCPP 1.6 §3.10, §4.1, §7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from stations import changes, services
from stations.models import ChargePoint, SecurityEvent
from stations.models.security_event import TAGS_TRIED
from stations.write_batch import WriteBatch, joined_batch

from .ledger import Ledger
from .models import AuthorizationStatus, IdTag, IdTagGroup, Transaction, UnknownIdTag

#: Distinct unknown tags remembered per station: a reader gone mad must not fill the table.
MAX_UNKNOWN_ID_TAGS = 500
#: So many make room at once, those that nobody has held there for the longest time.
FORGOTTEN_AT_ONCE = 50
#: Distinct unknown tags at a station within the time: more are no drivers, somebody looks for a tag that is known.
TRIED, TRIED_WITHIN = 50, timedelta(hours=1)


@dataclass(frozen=True)
class Verdict:
    """idTagInfo in our words: `expires_at` is the end of the tag's validity, None if it has none (§7.27)."""

    status: AuthorizationStatus
    tag: IdTag | None
    parent_id_tag: str | None
    expires_at: datetime | None

    @property
    def is_accepted(self) -> bool:
        return self.status == AuthorizationStatus.ACCEPTED


def authorize(id_tag: str, charge_point: ChargePoint, *, at: datetime, too_long: bool = False) -> Verdict:
    """The verdict of Authorize: by the tag alone, never ConcurrentTx (§4.1).

    An unknown tag is Invalid unless UNKNOWN_ID_TAGS is "accept"; it is remembered either way, so that somebody can
    enter it. A tag of more than 20 characters is none of ours.
    """
    verdict = verdict_on(None, AuthorizationStatus.INVALID) if too_long else judge(id_tag, at=at)
    if verdict.tag is None:
        _remember_unknown(id_tag, charge_point)
    return verdict


def judge(id_tag: str, *, at: datetime) -> Verdict:
    """The verdict of `authorize` for a person who plans something: a tag we do not know is not remembered for it."""
    tag = _find(id_tag)
    if tag is not None:
        return verdict_on(tag, status_of(tag, at))
    is_welcome = settings.UNKNOWN_ID_TAGS == "accept"
    return verdict_on(None, AuthorizationStatus.ACCEPTED if is_welcome else AuthorizationStatus.INVALID)


def _find(id_tag: str) -> IdTag | None:
    """The tag with a number, whatever its case; those of a whole batch are read at once."""
    if not id_tag.isascii():  # only the database knows what it takes for one letter in two cases
        return IdTag.objects.select_related("group").with_number(id_tag).first()
    with joined_batch() as batch:
        known: dict[str, IdTag | None] = batch.shared("transactions.id_tags", dict)
        number = id_tag.upper()
        if number not in known:
            numbers = {
                names.id_tag.upper() for names in batch.names if names.id_tag is not None and names.id_tag.isascii()
            } | {number}
            known.update(dict.fromkeys(numbers - known.keys()))
            tags = IdTag.objects.select_related("group").filter(id_tag__upper__in=numbers)
            known.update({tag.id_tag.upper(): tag for tag in tags})
        return known[number]


def authorize_start(
    id_tag: str, charge_point: ChargePoint, *, connector_pk: int, at: datetime, too_long: bool = False
) -> Verdict:
    """The verdict of StartTransaction: as `authorize`, and ConcurrentTx where the tag's limit is reached elsewhere."""
    verdict = authorize(id_tag, charge_point, at=at, too_long=too_long)
    tag = verdict.tag
    if tag is None or tag.max_concurrent is None or not verdict.is_accepted:
        return verdict
    if _running_elsewhere(tag, connector_pk, at) < tag.max_concurrent:
        return verdict
    return verdict_on(tag, AuthorizationStatus.CONCURRENT_TX)


def verdict_on(tag: IdTag | None, status: AuthorizationStatus) -> Verdict:
    """The given status with what the tag and its group say today."""
    if tag is None:
        return Verdict(status, None, None, None)
    group: IdTagGroup | None = tag.group
    ends = [owner.expires_at for owner in (tag, group) if owner is not None and owner.expires_at is not None]
    return Verdict(status, tag, group.parent_id_tag if group else None, min(ends, default=None))


def status_of(tag: IdTag, at: datetime) -> AuthorizationStatus:
    """What a tag's verdict is at a moment. A group's block or end is its members' (§3.10)."""
    group: IdTagGroup | None = tag.group
    if tag.archived_at is not None:
        return AuthorizationStatus.INVALID
    if tag.blocked or (group is not None and group.blocked):
        return AuthorizationStatus.BLOCKED
    if any(owner.expires_at is not None and owner.expires_at <= at for owner in (tag, group) if owner is not None):
        return AuthorizationStatus.EXPIRED
    return AuthorizationStatus.ACCEPTED


def _running_elsewhere(tag: IdTag, connector_pk: int, at: datetime) -> int:
    """Sessions that count against the tag's limit.

    What is open on the same connector is stale: this start ends it. A start from a station's queue is not judged by
    sessions that began after it. A session that was refused delivers nothing.
    """
    with joined_batch() as batch:
        rows = Transaction.objects.running().filter(
            tag=tag, started_at__lte=at, authorization_status=AuthorizationStatus.ACCEPTED
        )
        ledger = Ledger.of(batch)
        numbers = rows.exclude(connector=connector_pk).order_by().values_list("pk", flat=True)
        return sum(ledger.is_running(number) for number in numbers)


def _remember_unknown(id_tag: str, charge_point: ChargePoint) -> None:
    number = id_tag[:200]
    if not number:
        return
    with joined_batch() as batch:
        known, now = _unknown_at(batch, charge_point), timezone.now()
        if number not in known and len(known) >= MAX_UNKNOWN_ID_TAGS:
            _forget_oldest(charge_point, known, now)
        if number not in known and len(known) >= MAX_UNKNOWN_ID_TAGS:
            return
        was_tried = number in known and known[number] > now - TRIED_WITHIN
        known[number] = now
        key = {"id_tag": number, "charge_point_id": charge_point.pk}
        changes.note("tags")
        batch.increment(UnknownIdTag, key, {"count": 1}, last_at=now)
        if not was_tried:
            _watch(batch, charge_point, known, now)


def _watch(batch: WriteBatch, charge_point: ChargePoint, known: Mapping[str, datetime], now: datetime) -> None:
    """Raise an alarm, once an hour, where too many different tags are tried; what is answered stays the same."""
    since = now - TRIED_WITHIN
    count = sum(at > since for at in known.values())
    told: set[int] = batch.shared("transactions.tags_tried", set)
    if count < TRIED or charge_point.pk in told:
        return
    told.add(charge_point.pk)
    if not SecurityEvent.objects.filter(charge_point=charge_point, type=TAGS_TRIED, received_at__gt=since).exists():
        info = f"{count} different unknown tags within an hour"
        services.record_security_event(charge_point, type=TAGS_TRIED, tech_info=info, occurred_at=now, received_at=now)
        changes.note(changes.station(charge_point.pk))


def _forget_oldest(charge_point: ChargePoint, known: dict[str, datetime], now: datetime) -> None:
    """Make room for new ones; what was tried within the hour stays, and so does what somebody ignores."""
    rows = UnknownIdTag.objects.filter(charge_point=charge_point, ignored_at=None, last_at__lt=now - TRIED_WITHIN)
    oldest = list(rows.order_by("last_at").values_list("id_tag", flat=True)[:FORGOTTEN_AT_ONCE])
    gone = [number for number in oldest if known.get(number, now) < now - TRIED_WITHIN]
    UnknownIdTag.objects.filter(charge_point=charge_point, id_tag__in=gone).delete()
    for number in gone:
        del known[number]


def _unknown_at(batch: WriteBatch, charge_point: ChargePoint) -> dict[str, datetime]:
    """Numbers already remembered at the station, and when each came last; of a batch's stations all at once."""

    def of_all() -> dict[int, dict[str, datetime]]:
        return _unknown_of({charge_point.pk, *(names.station for names in batch.names if names.id_tag is not None)})

    known: dict[int, dict[str, datetime]] = batch.shared("transactions.unknown_id_tags", of_all)
    if charge_point.pk not in known:
        known.update(_unknown_of({charge_point.pk}))
    return known[charge_point.pk]


def _unknown_of(stations: set[int]) -> dict[int, dict[str, datetime]]:
    known: dict[int, dict[str, datetime]] = {station: {} for station in stations}
    rows = UnknownIdTag.objects.filter(charge_point__in=stations).order_by()
    for station, number, last_at in rows.values_list("charge_point_id", "id_tag", "last_at"):
        known[station][number] = last_at
    return known
