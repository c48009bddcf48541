"""How a tag's state looks: an icon, a word and a colour."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from transactions.models import IdTag, IdTagGroup, LocalList, UnknownIdTag
from transactions.unknown import usable_numbers as usable

from ..tags.states import LOOKS, TagState, reason_of, state_of, state_of_group
from .screens import icon

register = template.Library()

_LIST_LOOKS = {
    LocalList.State.UP_TO_DATE: ("good", "check"),
    LocalList.State.PENDING: ("busy", "hourglass"),
    LocalList.State.REFUSED: ("bad", "warning"),
    LocalList.State.NOT_SUPPORTED: ("quiet", "blocked"),
    LocalList.State.OFF: ("quiet", "pause"),
}


def _badge(looks: tuple[str, str], word: object, reason: object = "") -> SafeString:
    kind, picture = looks
    title = format_html(' title="{}"', reason) if reason else ""
    return format_html('<span class="badge {}"{}>{} {}</span>', kind, title, icon(picture), word)


@register.simple_tag
def tag_state(tag: IdTag | IdTagGroup) -> SafeString:
    """The state of a tag or of a group."""
    now = timezone.now()
    state: TagState = state_of(tag, now) if isinstance(tag, IdTag) else state_of_group(tag, now)
    return _badge(LOOKS[state], state.label, reason_of(tag, now) if isinstance(tag, IdTag) else "")


@register.simple_tag
def tag_reason(tag: IdTag) -> object:
    """Why the tag is in its state, where that is not its own doing."""
    return reason_of(tag, timezone.now())


@register.simple_tag
def usable_numbers(unknown: UnknownIdTag) -> list[str]:
    """The spellings in which an unknown tag can be entered."""
    return usable(unknown.id_tag)


@register.simple_tag
def tag_add_url(number: str, site_id: int | None) -> str:
    """The form of a new tag, filled in."""
    site = "" if site_id is None else f"&{urlencode({'site': site_id})}"
    return f"{reverse('screens:tag_add')}?{urlencode({'id_tag': number})}{site}"


@register.simple_tag
def list_state(local_list: LocalList) -> SafeString:
    """The state of a charger's local list."""
    return _badge(_LIST_LOOKS[LocalList.State(local_list.state)], local_list.get_state_display())
