"""What a form offers: which commands there are, what is filled in beforehand, which tags are suggested."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q
from django.http import Http404, QueryDict
from django.urls import reverse
from django.utils import timezone

from people.access import Access
from stations.forms import BY_NAME, CHAPTERS, FORMS, ExpertForm, StationForm
from stations.forms.fields import SuggestingInput
from stations.forms.suggestions import Suggestions, id_tags
from stations.masking import masked
from stations.models import ChargePoint, Command

#: Fields that a link to a form may fill in.
LINKED = ("connector_id", "id_tag", "transaction_id", "key", "value", "type", "unit", "requested_message")
#: Who looks only sees the numbers of tags masked, and is offered none.
SEES_NUMBERS = "transactions.change_idtag"
#: More would make a page heavy; who types on is offered others.
MAX_TAGS = 50


def chapters(*, for_many: bool = False) -> list[tuple[Any, list[dict[str, Any]]]]:
    """What can be sent, as templates want it: they would call a class."""
    offered = [(heading, [form for form in forms if form.for_many or not for_many]) for heading, forms in CHAPTERS]
    return [
        (heading, [{"name": form.name, "code": form.code, "title": form.title} for form in forms])
        for heading, forms in offered
        if forms
    ]


def form_of(name: str) -> type[StationForm]:
    if name not in BY_NAME:
        raise Http404
    return BY_NAME[name]


def title_of(action: str) -> str:
    """An action of the specification as a verb for people; what has no form is called by its own name."""
    return str(FORMS[action].title) if action in FORMS else action


def entries(query: QueryDict, station: ChargePoint, action: str) -> dict[str, Any]:
    """What the form holds at first: an earlier command of the station to be sent again, or what the link says.

    Secrets of one that still waits are for nobody else to read: whoever sends it again types them again.
    """
    again = earlier(station, query.get("again", ""))
    if again is None:
        return {name: query[name] for name in LINKED if name in query}
    payload = masked(again.payload)
    return FORMS[action].entries(payload) if action in FORMS else ExpertForm.entries(again.action, payload)


def earlier(station: ChargePoint, pk: str) -> Command | None:
    try:
        return station.commands.filter(pk=uuid.UUID(pk)).first()
    except ValueError:
        return None


def again_url(command: Command) -> str:
    """The form that can make the same payload again, filled in."""
    form = FORMS.get(command.action)
    action = command.action if form is not None and form.can_show(command.payload) else ExpertForm.name
    return f"{reverse('screens:send', args=[command.charge_point_id, action])}?again={command.pk}"


def tags(access: Access, text: str = "") -> Suggestions:
    """Tags that may charge, by number or holder: those whose numbers the person sees in full."""
    now = timezone.now()
    in_time = Q(expires_at=None) | Q(expires_at__gt=now)
    usable = access.id_tags(SEES_NUMBERS).filter(in_time, archived_at=None, blocked=False)
    for word in text.split()[:5]:
        usable = usable.filter(Q(id_tag__icontains=word) | Q(holder__icontains=word))
    rows = usable.order_by("holder", "id_tag").values_list("id_tag", "holder")[:MAX_TAGS]
    return [(id_tag, holder or id_tag) for id_tag, holder in rows]


def suggest_tags(form: Any, access: Access) -> None:
    """Make the fields for tags of a form offer those that the person manages, and look for more while they type."""
    for name, field in form.fields.items():
        widget = field.widget
        if isinstance(widget, SuggestingInput) and widget.suggest is id_tags:
            widget.suggest = lambda _station: tags(access)
            if not access.somewhere(SEES_NUMBERS):
                continue
            widget.attrs |= {
                "hx-get": reverse("screens:tag_suggestions"),
                "hx-trigger": "input changed delay:300ms",
                "hx-target": f"#{name}-known",
                "hx-sync": "this:replace",
            }
