"""Whose card is whose, and what a person may do about their own."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes
from transactions.models import IdTag

from .administration import NotPossible
from .signals import topic


@transaction.atomic
def link_tag(person: User, number: str) -> IdTag:
    """Make the tag with this number the person's own, with the sessions it has already. Raises NotPossible."""
    # two administrators who give it to two people at the same moment wait for each other here
    tag = IdTag.objects.select_for_update(of=("self",)).with_number(number.strip()).first()
    if tag is None or tag.archived_at is not None:
        raise NotPossible(_("There is no tag with this number. Enter it under Tags first."))
    if tag.user is not None and tag.user != person:
        raise NotPossible(_("This tag belongs to %(person)s. Unlink it there first.") % {"person": tag.user})
    _give(tag, person)
    changes.note(topic(person.pk))
    return tag


def unlink_tag(tag: IdTag) -> None:
    """Make it nobody's; it charges as before."""
    if tag.user_id is not None:
        changes.note(topic(tag.user_id))
    _give(tag, None)


def _give(tag: IdTag, person: User | None) -> None:
    tag.user = person
    tag.save(update_fields=["user"])


def usable(tags: QuerySet[IdTag]) -> QuerySet[IdTag]:
    """Those that may charge now, as `transactions.authorization` judges: by the tag and by its group."""
    now = timezone.now()
    own = Q(expires_at=None) | Q(expires_at__gt=now)
    group = Q(group=None) | (Q(group__blocked=False) & (Q(group__expires_at=None) | Q(group__expires_at__gt=now)))
    return tags.filter(own, group, archived_at=None, blocked=False)


@transaction.atomic
def report_lost(tag: IdTag, *, by: User) -> bool:
    """Block a card that its holder has lost; False if it was blocked before. Only an operator can unblock it."""
    # read again: what an operator notes at the same moment stays
    card = IdTag.objects.select_for_update(of=("self",)).get(pk=tag.pk)
    if card.blocked:
        return False
    words = {"person": by.get_username(), "moment": f"{timezone.localtime():%Y-%m-%d %H:%M}"}
    card.blocked = True
    card.note = "\n".join(filter(None, [card.note, _("Reported lost by %(person)s, %(moment)s.") % words]))
    card.save(update_fields=["blocked", "note"])  # not an UPDATE of our own: this is on record
    changes.note("tags", topic(by.pk))
    return True
