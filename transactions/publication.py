"""One publication of a station's local list, step by step (OCPP 1.6 §3.5.2, §5.15).

Every step changes the `LocalList` row, which the caller has locked and saves. A publication asks for the station's
version first. If it is the one we know, only what changed since is sent, else the whole list; in chunks of
SendLocalListMaxLength, each with a version of its own, the next one when the last is acknowledged.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from stations.commands import CommandRefused, Origin, queue_command

from . import listed_tags, station_keys
from .models import AuthorizationStatus, ListedTag, LocalList

State, Reason = LocalList.State, LocalList.Reason

#: Tags per message for a station that does not say how many it takes; few, for its buffer may be small.
DEFAULT_CHUNK = 50
#: And for one that boasts: half a thousand tags are a frame of 50 kB.
LARGEST_CHUNK = 500
LARGEST_VERSION = 2**31 - 1
#: A publication of nothing has no last tag: this stands for the end of the list.
_END = 2**63 - 1


def ask(local_list: LocalList, origin: Origin) -> None:
    _queue(local_list, "GetLocalListVersion", {}, origin)


def go_on(local_list: LocalList, version: int, origin: Origin) -> None:
    """The station has said which version it holds: begin, or find out whether it took a chunk without telling us."""
    if local_list.target is None:
        begin(local_list, version, origin)
    elif version == local_list.sent_version:
        _acknowledge(local_list)
        _send(local_list, origin)
    elif version == local_list.version and (local_list.position or not local_list.is_full):
        _send(local_list, origin)
    else:
        begin(local_list, version, origin)


def begin(local_list: LocalList, version: int | None, origin: Origin, *, full: bool = False) -> None:
    """Choose between the changes and the whole, and send the first chunk; nothing, if nothing is missing."""
    is_known = version is not None and version == local_list.version and local_list.target is None and not full
    if not is_known:
        local_list.revision = None
    tags = listed_tags.current()
    local_list.version, local_list.target, local_list.position = version, tags.number, 0
    local_list.sent_version = None
    count, room = tags.tag_count, _room(local_list)
    if not count:
        local_list.left_out = 0
    if local_list.revision == local_list.target or (version == 0 and not count):
        _finish(local_list)
        return
    changes = ListedTag.objects.filter(revision__gt=local_list.revision or 0)
    fits = room is None or local_list.tag_count + changes.exclude(status="").count() <= room
    is_short = changes.count() < count
    local_list.is_full = local_list.revision is None or bool(local_list.left_out) or not fits or not is_short
    local_list.left_out = 0 if room is None or count <= room else count - min(_valid().count(), room)
    _send(local_list, origin)


def _send(local_list: LocalList, origin: Origin) -> None:
    """The next chunk, or the end if there is none. Its version was never used before, whatever became of the last."""
    chunk = _next_chunk(local_list)
    is_first = local_list.is_full and not local_list.position
    if not chunk and not is_first:
        local_list.published_at = timezone.now()
        _finish(local_list)
        return
    local_list.sent_version = next_version(local_list)
    local_list.sent_position = chunk[-1].pk if chunk else _END
    payload: dict[str, Any] = {
        "listVersion": local_list.sent_version,
        "updateType": "Full" if is_first else "Differential",
    }
    if chunk:
        payload["localAuthorizationList"] = [listed_tags.entry(listed) for listed in chunk]
    _queue(local_list, "SendLocalList", payload, origin)


def _next_chunk(local_list: LocalList) -> list[ListedTag]:
    """The tags after those acknowledged. What changed since the publication began is left to the next one."""
    rows = ListedTag.objects.filter(revision__lte=local_list.target).order_by("pk")
    if not local_list.is_full:
        rows = rows.filter(revision__gt=local_list.revision)
    elif local_list.left_out:  # where not all fit, those that may charge come first
        rows = rows & _valid()
    else:
        rows = rows.exclude(status="")
    size = _chunk_size(local_list)
    if local_list.left_out:
        size = min(size, (_room(local_list) or 0) - rows.filter(pk__lte=local_list.position).count())
    return list(rows.filter(pk__gt=local_list.position)[: max(size, 0)])


def take_answer(local_list: LocalList, status: str, origin: Origin) -> None:
    if status == "NotSupported":
        stop(local_list, State.NOT_SUPPORTED, Reason.ANSWER, status)
    elif status != "Accepted":
        repeat_or_stop(local_list, status, origin)
    elif local_list.target is None:  # somebody has interfered with this publication: see `forget`
        begin(local_list, local_list.sent_version, origin, full=True)
    else:
        _acknowledge(local_list)
        _send(local_list, origin)


def repeat_or_stop(local_list: LocalList, answer: str, origin: Origin) -> None:
    """After a refusal the whole list is sent once (§5.15); a station that refuses that too has had its chance."""
    if local_list.was_repeated:
        stop(local_list, State.REFUSED, Reason.ANSWER, answer)
        return
    local_list.was_repeated = True
    local_list.move(State.PENDING, Reason.ANSWER, answer)
    begin(local_list, local_list.version, origin, full=True)


def _acknowledge(local_list: LocalList) -> None:
    local_list.version = local_list.sent_version
    local_list.position = local_list.sent_position


def _finish(local_list: LocalList) -> None:
    """The station holds everything up to the publication's target; there may be more to publish by now."""
    tags = listed_tags.current()
    local_list.revision, local_list.target = local_list.target, None
    local_list.tag_count = max(tags.tag_count - local_list.left_out, 0)
    local_list.was_repeated, local_list.silences, local_list.not_before = False, 0, None
    is_current = local_list.revision == tags.number
    local_list.move(State.UP_TO_DATE if is_current else State.PENDING, *_remark(local_list))


def stop(local_list: LocalList, state: LocalList.State, reason: LocalList.Reason, detail: str = "") -> None:
    """Leave the publication where it is: nobody knows any more what the station holds."""
    local_list.command = local_list.target = local_list.revision = local_list.sent_version = None
    local_list.was_repeated, local_list.silences, local_list.not_before = False, 0, None
    local_list.move(state, reason, detail)


def _remark(local_list: LocalList) -> tuple[LocalList.Reason, str]:
    if local_list.left_out:
        return Reason.TOO_MANY, str(local_list.left_out)
    if station_keys.truth_of(local_list.charge_point, "LocalAuthListEnabled") is False:
        return Reason.DISABLED, ""
    return Reason.NONE, ""


def _valid() -> QuerySet[ListedTag]:
    return ListedTag.objects.filter(status=AuthorizationStatus.ACCEPTED)


def forget(local_list: LocalList, version: int) -> None:
    """What the station holds is not what we thought: the next publication is a full one, also the one on its way."""
    local_list.version, local_list.revision, local_list.target = version, None, None
    if local_list.is_on:
        local_list.move(State.PENDING)


def _queue(local_list: LocalList, action: str, payload: dict[str, Any], origin: Origin) -> None:
    """Queue the one command that the list waits for; none if the station is away, or archived meanwhile."""
    local_list.command = None
    with suppress(CommandRefused):
        command = queue_command(local_list.charge_point, action, payload, origin=origin)
        local_list.command = None if command.is_final else command


def next_version(local_list: LocalList) -> int:
    """After the largest comes 1: too low for a change, so the station mismatches it and gets the whole."""
    local_list.last_version = local_list.last_version % LARGEST_VERSION + 1
    return local_list.last_version


def _chunk_size(local_list: LocalList) -> int:
    limit = station_keys.number_of(local_list.charge_point, "SendLocalListMaxLength")
    return min(limit or DEFAULT_CHUNK, LARGEST_CHUNK)


def _room(local_list: LocalList) -> int | None:
    """How many tags the station's list holds; None if it never said."""
    return station_keys.number_of(local_list.charge_point, "LocalAuthListMaxLength")
