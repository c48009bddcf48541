"""What is done to many tags at once, or to one in one press."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import View

from transactions.tag_changes import change_tags

from ..pages import Allowed, back
from .fields import MomentField, NamedField
from .forms import groups_for

PERMISSION = "transactions.change_idtag"
#: As many as a page shows, with room to spare.
MOST_AT_ONCE = 500

#: What a press does, in columns; each is done only where it changes something.
ACTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "block": lambda: {"blocked": True},
    "unblock": lambda: {"blocked": False},
    "archive": lambda: {"archived_at": timezone.now()},
    "restore": lambda: {"archived_at": None},
}


class ChoiceForm(forms.Form):
    """What the bar under the list asks for: a group or an end for the chosen tags; empty means none."""

    group = NamedField(
        key="parent_id_tag",
        name="name",
        missing=gettext_lazy("There is no such group."),
        label=gettext_lazy("Group"),
        required=False,
    )
    expires_at = MomentField(label=gettext_lazy("Valid until"), required=False)

    def __init__(self, data: Any = None, *, access: Any) -> None:
        super().__init__(data, auto_id="bulk_%s")
        field: Any = self.fields["group"]
        field.rows = groups_for(access, PERMISSION)

    def values(self, action: str) -> dict[str, Any]:
        """Columns of an action that needs a value. Raises BadRequest for one that does not exist."""
        names = {"set_group": "group", "set_valid_until": "expires_at"}
        if action not in names:
            raise BadRequest("unknown action")
        return {names[action]: self.cleaned_data[names[action]]}


def sentences(form: forms.Form) -> list[str]:
    """What is wrong with a form that has no page of its own to say so."""
    return [str(error) for errors in form.errors.values() for error in errors]


class ChangeTags(Allowed, View):
    """POST: the chosen tags of the list (`tags`), as `action` says."""

    permission = PERMISSION
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        action = request.POST.get("action", "")
        form = ChoiceForm(request.POST, access=self.access)
        if action in ACTIONS:
            self._change(ACTIONS[action]())
        elif form.is_valid():
            self._change(form.values(action))
        else:
            messages.error(request, " ".join(sentences(form)))
        return back(request, reverse("screens:tags"))

    def _change(self, values: dict[str, Any]) -> None:
        chosen = [pk for pk in self.request.POST.getlist("tags")[:MOST_AT_ONCE] if pk.isdecimal() and len(pk) < 19]
        tags = self.access.id_tags(PERMISSION).filter(pk__in=chosen).select_related("group")
        tell(self.request, len(change_tags(tags, values)))


class ChangeTag(Allowed, View):
    """POST: one press on a tag's page."""

    permission = PERMISSION
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        tag = get_object_or_404(self.access.id_tags(), pk=pk)
        if not self.access.at(PERMISSION, tag.site_id):
            raise PermissionDenied
        if action not in ACTIONS:
            raise BadRequest("unknown action")
        tell(request, len(change_tags([tag], ACTIONS[action]())))
        return back(request, reverse("screens:tag", args=[pk]))


def tell(request: HttpRequest, count: int) -> None:
    text = ngettext("%(count)d tag changed.", "%(count)d tags changed.", count) if count else _("Nothing changed.")
    messages.success(request, text % {"count": count} if count else text)
