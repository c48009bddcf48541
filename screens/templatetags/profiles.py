"""How assigned charging profiles look: where they hold, in which state, what they say."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from charging_profiles.models import Assignment, Purpose

from ..profiles.limit_text import payload_text
from .screens import icon

register = template.Library()

_LOOKS = {
    Assignment.State.ASKED: ("busy", "hourglass"),
    Assignment.State.INSTALLED: ("good", "check"),
    Assignment.State.UNCERTAIN: ("warn", "warning"),
    Assignment.State.REFUSED: ("bad", "blocked"),
    Assignment.State.NOT_SENT: ("bad", "warning"),
    Assignment.State.REPLACED: ("quiet", "refresh"),
    Assignment.State.CLEARED: ("quiet", "close"),
    Assignment.State.ENDED: ("quiet", "stop"),
}


@register.simple_tag
def assignment_state(assignment: Assignment) -> SafeString:
    kind, picture = _LOOKS[Assignment.State(assignment.state)]
    text = '<span class="badge {}">{} {}</span>'
    return format_html(text, kind, icon(picture), assignment.get_state_display())


@register.simple_tag
def assignment_text(assignment: Assignment) -> str:
    """Its limits in one line."""
    return payload_text(assignment.payload)


@register.simple_tag
def place_of(assignment: Assignment) -> str:
    """Where it holds: a connector's number, all of them, the whole charger, a session."""
    number = assignment.connector_id
    if assignment.purpose == Purpose.CHARGE_POINT_MAX:
        return _("the whole charger")
    if assignment.purpose == Purpose.TX and assignment.transaction_id:
        return _("%(connector)s, session %(session)s") % {"connector": number, "session": assignment.transaction_id}
    return str(number) if number else _("every connector")
