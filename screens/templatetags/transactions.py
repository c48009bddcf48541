"""How sessions look in lists and on pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from stations.models import Command
from transactions.models import AuthorizationStatus, EndedBy, Transaction

from ..commands.offers import title_of
from ..transactions.remarks import Remark, remarks_on
from .screens import NOTHING, cut, duration, icon, kw, kwh, value

register = template.Library()

_VERDICTS: dict[str, Any] = dict(AuthorizationStatus.choices)


@register.simple_tag
def session_state(transaction: Transaction) -> SafeString:
    """Running, done, or done with something to look at."""
    if transaction.is_running:
        kind, picture, word = "busy", "bolt", _("Running")
    elif transaction.flags:
        kind, picture, word = "warn", "warning", _("Needs review")
    else:
        kind, picture, word = "quiet", "check", _("Done")
    return format_html('<span class="badge {}">{} {}</span>', kind, icon(picture), word)


@register.simple_tag
def stop_reason(transaction: Transaction) -> SafeString | str:
    """Why it ended: by the charger, else what ended it instead. A charger may give reasons of its own."""
    if transaction.is_running:
        return NOTHING
    if transaction.ended_by == EndedBy.OPERATOR:
        return _("Closed by hand")
    if transaction.ended_by == EndedBy.SUPERSEDED:
        return _("Next session began")
    return cut(transaction.get_stop_reason_display() or NOTHING, 40)


@register.filter
def verdict(status: str) -> Any:
    """The answer to a tag in words; what OCPP does not know as it was said."""
    return _VERDICTS.get(status, status)


@register.filter
def command_title(command: Command) -> str:
    return title_of(command.action)


@register.filter
def remarks(transaction: Transaction) -> list[Remark]:
    return remarks_on(transaction)


_SHOWN: dict[str, Any] = {
    "started": lambda transaction: duration(transaction.duration()),
    "energy_wh": lambda transaction: kwh(transaction.energy_wh),
    "power_w": lambda transaction: kw(None),
}


@register.simple_tag
def live_value(transaction: Transaction, field: str, form: str) -> SafeString:
    """A number of a running session that live.js keeps up to date by its connector."""
    return value(_SHOWN[field](transaction), f"connector:{transaction.connector_id}:{field}", form)
