"""How a charger's connectors look where there is little room."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..live.picture import Outlet
from ..statuses import STATUSES, UNKNOWN
from .screens import icon

register = template.Library()


@register.simple_tag
def connector_dot(outlet: Outlet) -> SafeString:
    """Number and icon of a connector; the word is there for screen readers, and for whoever points at it."""
    word, picture = STATUSES.get(outlet.status) or (outlet.status, STATUSES[UNKNOWN][1])
    text = (
        '<span class="state dot" data-status="{}" data-state="connector:{}"><span class="hidden">{}</span>{}{}'
        '<span class="word">{}</span></span>'
    )
    return format_html(text, outlet.status, outlet.pk, _("Connector"), outlet.number, icon(picture), word)
