"""What a tag may do now, in a word."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from transactions.authorization import status_of
from transactions.listed_tags import verdict
from transactions.models import AuthorizationStatus, IdTag, IdTagGroup


class TagState(TextChoices):
    ACCEPTED = "accepted", _("Accepted")
    BLOCKED = "blocked", _("Blocked")
    EXPIRED = "expired", _("Expired")
    ARCHIVED = "archived", _("Archived")


#: state → (kind of badge, icon)
LOOKS = {
    TagState.ACCEPTED: ("good", "check"),
    TagState.BLOCKED: ("bad", "blocked"),
    TagState.EXPIRED: ("warn", "clock"),
    TagState.ARCHIVED: ("quiet", "lock"),
}
_OF_VERDICT = {
    AuthorizationStatus.ACCEPTED: TagState.ACCEPTED,
    AuthorizationStatus.BLOCKED: TagState.BLOCKED,
    AuthorizationStatus.EXPIRED: TagState.EXPIRED,
    AuthorizationStatus.INVALID: TagState.ARCHIVED,
}


def state_of(tag: IdTag, now: datetime) -> TagState:
    """What a charger would be told about the tag; its group has a say in it."""
    return _OF_VERDICT[status_of(tag, now)]


def state_of_group(group: IdTagGroup, now: datetime) -> TagState:
    if group.blocked:
        return TagState.BLOCKED
    return TagState.EXPIRED if group.expires_at and group.expires_at <= now else TagState.ACCEPTED


def reason_of(tag: IdTag, now: datetime) -> Any:
    """Why a tag is blocked or expired where it is not its own doing; empty otherwise."""
    group: IdTagGroup | None = tag.group
    if group is None or tag.archived_at is not None:
        return ""
    state = state_of(tag, now)
    if state == TagState.BLOCKED and not tag.blocked:
        return _("Its group is blocked.")
    own_end = tag.expires_at is not None and tag.expires_at <= now
    return _("Its group has expired.") if state == TagState.EXPIRED and not own_end else ""


def in_state(tags: QuerySet[IdTag], state: str, now: datetime) -> QuerySet[IdTag]:
    """Those of `tags` in one state; for "", all that are not archived."""
    if state == TagState.ARCHIVED:
        return tags.exclude(archived_at=None)
    tags = tags.filter(archived_at=None)
    if not state:
        return tags
    wanted = next(status for status, shown in _OF_VERDICT.items() if shown == state)
    return tags.alias(verdict_now=verdict(now)).filter(verdict_now=wanted)
