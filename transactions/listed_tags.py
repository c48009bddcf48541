"""The tags as local lists show them, kept beside the tags themselves so that changes can be counted (OCPP 1.6 §7.27).

Tags change in many places, by hand, by import, by the clock; none of them has to remember the lists. A comparison in
the database finds what differs: a tenth of a second for 20,000 tags, and only while a list is switched on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.db.models import Case, DateTimeField, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Least, Upper

from stations import bulk

from .models import AuthorizationStatus, IdTag, ListedTag, ListRevision

_NEVER = Value(datetime(9999, 12, 31, tzinfo=UTC), output_field=DateTimeField())


def current() -> ListRevision:
    """How often the listed tags have changed, and how many there are now."""
    return ListRevision.objects.filter(pk=1).first() or ListRevision()


def refresh(now: datetime) -> int:
    """Take over what has changed about the tags, as one revision; returns the current one. Any process may run it."""
    # counted, not "exists": with LIMIT 1 PostgreSQL expects to be lucky and compares every tag with every other
    if not (_changed(now).count() or _gone().count()):
        return current().number
    with transaction.atomic():
        ListRevision.objects.get_or_create(pk=1)
        counter = ListRevision.objects.select_for_update().get(pk=1)  # else two processes would share a number
        written = _write(now, counter.number + 1)
        if written:
            counter.number, counter.tag_count = counter.number + 1, live().count()
            counter.save()
        return counter.number


def live() -> QuerySet[ListedTag]:
    """What a full list holds."""
    return ListedTag.objects.exclude(status="")


def entry(listed: ListedTag) -> dict[str, Any]:
    """AuthorizationData (§7.1); one without idTagInfo takes the tag out of the list."""
    if not listed.status:
        return {"idTag": listed.id_tag}
    info = {"status": listed.status}
    if listed.expires_at is not None:
        until = listed.expires_at.astimezone(UTC).replace(tzinfo=None)
        info["expiryDate"] = f"{until.isoformat(timespec='seconds')}Z"
    if listed.parent_id_tag:
        info["parentIdTag"] = listed.parent_id_tag
    return {"idTag": listed.id_tag, "idTagInfo": info}


def verdict(now: datetime) -> Case:
    """What `authorization.status_of` says of a tag that is not archived, in the database's words."""
    blocked = Q(blocked=True) | Q(group__blocked=True)
    expired = Q(expires_at__lte=now) | Q(group__expires_at__lte=now)
    return Case(
        When(blocked, then=Value(AuthorizationStatus.BLOCKED.value)),
        When(expired, then=Value(AuthorizationStatus.EXPIRED.value)),
        default=Value(AuthorizationStatus.ACCEPTED.value),
    )


def revision_of(tag: IdTag, now: datetime) -> int | None:
    """The change since which lists show the tag as it is; None while the lists' own copy of it is still to follow."""
    same_number = {"id_tag__upper": Upper(Value(tag.id_tag))}
    if _changed(now).filter(pk=tag.pk).exists() or _gone().filter(**same_number).exists():
        return None
    listed = ListedTag.objects.filter(**same_number).first()
    return listed.revision if listed else 0


def _write(now: datetime, number: int) -> int:
    listed = ListedTag.objects.filter(id_tag__upper=Upper(OuterRef("id_tag")))
    changed = _changed(now).annotate(listed=Subquery(listed.values("pk")[:1]))
    rows: list[bulk.Row] = [
        {
            "id": known,
            "id_tag": id_tag,
            "status": status,
            "parent_id_tag": parent,
            "expires_at": until,
            "revision": number,
        }
        # oldest tags first, sorted here: a station that takes no more gets those, and the database its own plan
        for _, known, id_tag, status, parent, until in sorted(
            changed.values_list("pk", "listed", "id_tag", "verdict", "parent", "until"), key=itemgetter(0)
        )
    ]
    known = [row for row in rows if row["id"] is not None]
    new = [{name: value for name, value in row.items() if name != "id"} for row in rows if row["id"] is None]
    if new:
        bulk.run([bulk.insert(ListedTag, new)])
    if known:
        bulk.run([bulk.update(ListedTag, ("id_tag", "status", "parent_id_tag", "expires_at", "revision"), known)])
    return len(rows) + _gone().update(status="", revision=number)


def _wanted(now: datetime) -> QuerySet[Any]:
    """Every tag in use as a list shows it."""
    # SQLite's least of something and nothing is nothing
    until = Coalesce(Least("expires_at", "group__expires_at"), "expires_at", "group__expires_at")
    return IdTag.objects.filter(archived_at=None).annotate(
        verdict=verdict(now),
        parent=Coalesce("group__parent_id_tag", Value("")),
        until=until,
        until_or_never=Coalesce(until, _NEVER),
    )


def _changed(now: datetime) -> QuerySet[Any]:
    """Tags that are not listed as they should be."""
    same = ListedTag.objects.alias(until_or_never=Coalesce("expires_at", _NEVER)).filter(
        id_tag__upper=Upper(OuterRef("id_tag")),
        id_tag=OuterRef("id_tag"),
        status=OuterRef("verdict"),
        parent_id_tag=OuterRef("parent"),
        until_or_never=OuterRef("until_or_never"),
    )
    return _wanted(now).filter(~Exists(same)).order_by()


def _gone() -> QuerySet[ListedTag]:
    """Listed tags whose number nobody has any more."""
    owner = IdTag.objects.filter(archived_at=None, id_tag__upper=Upper(OuterRef("id_tag")))
    return live().filter(~Exists(owner)).order_by()
