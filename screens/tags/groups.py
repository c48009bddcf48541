"""Groups of tags. They know no sites, so they are for people of all sites."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.generic import View

from stations import changes
from transactions.models import IdTagGroup

from ..lists import ListPage
from ..pages import Allowed, FormPage
from .filters import GroupFilter
from .forms import GroupForm
from .history import history_of

#: Members on a group's page; the list of tags has the others.
MOST_MEMBERS = 50


class GroupList(ListPage):
    template_name = "screens/tags/groups.html"
    part = "screens/tags/_groups.html"
    permission = "transactions.view_idtaggroup"
    filterset_class = GroupFilter
    sorts = {
        "number": ("parent_id_tag",),
        "name": ("name", "parent_id_tag"),
        "until": ("expires_at", "parent_id_tag"),
        "members": ("-member_count", "parent_id_tag"),
    }

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def get_rows(self) -> QuerySet[IdTagGroup]:
        in_use = Count("id_tags", filter=Q(id_tags__archived_at=None))
        return IdTagGroup.objects.annotate(member_count=in_use)


class AddGroup(FormPage):
    form_class = GroupForm
    template_name = "screens/tags/group.html"
    permission = "transactions.add_idtaggroup"

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def form_valid(self, form: Any) -> HttpResponse:
        group: IdTagGroup = form.save()
        changes.note("tags")
        messages.success(self.request, _("%(group)s was saved.") % {"group": group})
        return redirect("screens:tag_group", pk=group.pk)


class GroupPage(AddGroup):
    permission = "transactions.view_idtaggroup"

    @cached_property
    def group(self) -> IdTagGroup:
        return get_object_or_404(IdTagGroup, pk=self.kwargs["pk"])

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": copy(self.group)}  # the page shows what is stored

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.access.everywhere("transactions.change_idtaggroup"):
            raise PermissionDenied
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        members = self.group.id_tags.filter(archived_at=None).select_related("group").order_by("holder", "id_tag")
        shown = {
            "group": self.group,
            "may_change": self.access.everywhere("transactions.change_idtaggroup"),
            "members": members[:MOST_MEMBERS],
            "member_count": members.count(),
            "history": history_of(self.group, self.access),
        }
        return super().get_context_data(**shown, **kwargs)


class ChangeGroup(Allowed, View):
    """POST: block or unblock a group, and with it all its tags."""

    permission = "transactions.change_idtaggroup"
    http_method_names = ["post"]

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        if action not in ("block", "unblock"):
            raise BadRequest("unknown action")
        group = get_object_or_404(IdTagGroup, pk=pk)
        group.blocked = action == "block"
        group.save(update_fields=["blocked"])
        changes.note("tags")
        messages.success(request, _("%(group)s was saved.") % {"group": group})
        return redirect(reverse("screens:tag_group", args=[pk]))
