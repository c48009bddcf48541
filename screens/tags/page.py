"""The page of a tag, and the form of a new one."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from stations import changes
from transactions.models import IdTag
from transactions.unknown import MAX_NUMBER_CHARACTERS

from ..pages import FormPage
from .changes import PERMISSION
from .forms import TagForm
from .history import history_of
from .standing import standing_of
from .usage import usage_of, visible_sessions

#: Sessions on a tag's page; the list of transactions has the others.
MOST_SESSIONS = 20


class _TagFormPage(FormPage):
    """What a new tag's form and a known one's have in common."""

    form_class = TagForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "access": self.access}

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                tag: IdTag = form.save()
        except IntegrityError:  # somebody was quicker
            form.add_error(None, _("There is already a tag with this number."))
            return self.form_invalid(form)
        changes.note("tags")
        messages.success(self.request, _("%(tag)s was saved.") % {"tag": tag})
        url = reverse("screens:tag", args=[tag.pk])
        return HttpResponseClientRedirect(url) if self.request.htmx else redirect(url)


class AddTag(_TagFormPage):
    """`?id_tag=` and `?site=` fill the form: an unknown tag is one press from being known."""

    template_name = "screens/tags/add.html"
    parts = {"sheet": "screens/tags/_add_sheet.html"}
    permission = "transactions.add_idtag"

    def get_initial(self) -> dict[str, Any]:
        number = self.request.GET.get("id_tag", "").replace("\0", "")
        site = self.request.GET.get("site", "")
        given = {"id_tag": number[:MAX_NUMBER_CHARACTERS]} if number else {}
        return {**given, **({"site": site} if site.isdecimal() else {})}


class TagPage(_TagFormPage):
    template_name = "screens/tags/tag.html"
    permission = "transactions.view_idtag"
    parts = {"facts": "screens/tags/_facts.html"}

    @cached_property
    def tag(self) -> IdTag:
        return get_object_or_404(self.access.id_tags().select_related("group", "site", "user"), pk=self.kwargs["pk"])

    @property
    def may_change(self) -> bool:
        return self.access.at(PERMISSION, self.tag.site_id)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": copy(self.tag)}  # the page shows what is stored

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.may_change:
            raise PermissionDenied
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tag = self.tag
        sessions = visible_sessions(self.access).filter(tag=tag.pk).select_related("charge_point", "connector")
        shown = {
            "tag": tag,
            "may_change": self.may_change,
            "may_see_data": self.access.everywhere("auth.change_user"),
            "usage": usage_of([tag], self.access)[tag.pk],
            "sessions": sessions.order_by("-started_at")[:MOST_SESSIONS],
            "standing": standing_of(tag, self.access),
            "history": history_of(tag, self.access),
        }
        return super().get_context_data(**shown, **kwargs)
