"""The library of profiles: which there are, what one looks like, which chargers have it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from charging_profiles.models import ACTIVE_STATES, Assignment, ChargingProfile
from people.access import Access

from ..chargers.now import SEND
from ..lists import ListPage
from ..pages import Allowed, ObjectPage
from .alone import drawing_of
from .editing import ADD, CHANGE
from .filters import ProfileFilters
from .limit_text import text_of
from .shapes import shape_of

VIEW = "charging_profiles.view_chargingprofile"
VIEW_ASSIGNMENTS = "charging_profiles.view_assignment"
#: Chargers on a profile's page.
MOST = 200


def visible_assignments(access: Access, permission: str = VIEW_ASSIGNMENTS) -> QuerySet[Assignment]:
    return access.narrow(Assignment.objects.all(), permission, "charge_point__site")


class ProfileList(ListPage):
    permission = VIEW
    template_name = "screens/profiles/list.html"
    part = "screens/profiles/_list.html"
    filterset_class = ProfileFilters
    sorts = {"name": ("name", "pk"), "level": ("stack_level", "name", "pk"), "chargers": ("-held", "name", "pk")}

    def get_rows(self) -> QuerySet[ChargingProfile]:
        held = visible_assignments(self.access).filter(profile=OuterRef("pk"), state__in=ACTIVE_STATES).order_by()
        count = held.values("profile").annotate(count=Count("charge_point", distinct=True)).values("count")
        return ChargingProfile.objects.annotate(held=Coalesce(Subquery(count, output_field=IntegerField()), 0))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        rows = [(row, text_of(shape_of(row))) for row in context["page_obj"].object_list]
        return {**context, "rows": rows, "may_add": self.access.everywhere(ADD)}


class ProfilePage(ObjectPage):
    permission = VIEW
    template_name = "screens/profiles/page.html"
    parts = {"holders": "screens/profiles/_holders.html"}
    context_object_name = "profile"
    queryset = ChargingProfile.objects.select_related("created_by")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        profile: ChargingProfile = self.object
        shape = shape_of(profile)
        # for each place the newest word: what was replaced or removed long ago is told on the charger's page
        rows = visible_assignments(self.access).filter(profile=profile).select_related("charge_point", "transaction")
        current = rows.exclude(state__in=_PAST).order_by("charge_point__identity", "connector_id", "-pk")
        return super().get_context_data(
            drawing=drawing_of(shape) if shape.limits else None,
            text=text_of(shape),
            holders=current[:MOST],
            may_change=self.access.everywhere(CHANGE),
            may_add=self.access.everywhere(ADD),
            may_send=profile.archived_at is None and self.access.somewhere(SEND),
            zone=timezone.get_default_timezone_name(),
            **kwargs,
        )


_PAST = (Assignment.State.REPLACED, Assignment.State.CLEARED, Assignment.State.ENDED)


class ArchiveProfile(Allowed):
    """POST: no longer offered; chargers that have it keep it."""

    permission = CHANGE
    http_method_names = ["post", "options"]

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        profile = get_object_or_404(ChargingProfile, pk=pk)
        self.change(profile)
        return redirect("screens:profile", pk=pk)

    def change(self, profile: ChargingProfile) -> None:
        profile.archived_at = profile.archived_at or timezone.now()
        profile.save(update_fields=["archived_at"])
        messages.success(self.request, _("%(profile)s was archived.") % {"profile": profile})


class RestoreProfile(ArchiveProfile):
    """POST: offered again, unless another one has taken its name."""

    def change(self, profile: ChargingProfile) -> None:
        profile.archived_at = None
        try:
            with transaction.atomic():
                profile.save(update_fields=["archived_at"])
        except IntegrityError:
            messages.error(self.request, _("There is already a profile with this name."))
        else:
            messages.success(self.request, _("%(profile)s was restored.") % {"profile": profile})
