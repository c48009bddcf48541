"""Campaigns: which there are, how far one is, and the levers: pause, resume, cancel, repeat what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from stations.commands import CommandRefused
from transfers import campaign_progress, campaigns
from transfers.audit import recorded
from transfers.models import Campaign, FirmwareUpdate

from ..lists import ListPage
from ..pages import Allowed
from .filters import CampaignFilters, ParticipantFilters
from .rights import (
    ADD_CAMPAIGN,
    CHANGE_CAMPAIGN,
    SEND,
    VIEW_CAMPAIGNS,
    may_steer,
    visible_campaigns,
    visible_updates,
)

_State = FirmwareUpdate.State
#: What wants attention first, then what is under way, then what waits, then the rest.
_RANKS = {
    0: (_State.FAILED, _State.UNVERIFIED),
    1: (_State.ASKED, _State.SCHEDULED, _State.DOWNLOADING, _State.DOWNLOADED, _State.INSTALLING),
    2: (_State.WAITING,),
}


class CampaignList(ListPage):
    permission = VIEW_CAMPAIGNS
    template_name = "screens/firmware/campaigns.html"
    part = "screens/firmware/_campaigns.html"
    filterset_class = CampaignFilters
    sorts = {"created": ("-created_at", "-pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "campaigns": self.part}

    def get_rows(self) -> QuerySet[Campaign]:
        return visible_campaigns(self.access).select_related("firmware")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        shown = list(context["page_obj"].object_list)
        own = visible_updates(self.access, VIEW_CAMPAIGNS).filter(campaign__in=shown)
        progress = campaign_progress.progress_by_campaign(own)
        may_add = self.access.somewhere(ADD_CAMPAIGN) and self.access.somewhere(SEND)
        return {**context, "may_add": may_add, "rows": [(row, progress.get(row.pk)) for row in shown]}


class CampaignPage(ListPage):
    """How far a campaign is, and its chargers with their steps; a reader sees those of their sites."""

    permission = VIEW_CAMPAIGNS
    template_name = "screens/firmware/campaign.html"
    part = "screens/firmware/_participants.html"
    filterset_class = ParticipantFilters
    sorts = {"rank": ("rank", "charge_point__identity", "pk"), "charger": ("charge_point__identity", "pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "participants": self.part, "campaign": "screens/firmware/_campaign.html"}

    @cached_property
    def campaign(self) -> Campaign:
        rows = visible_campaigns(self.access).select_related("firmware")
        return get_object_or_404(rows, pk=self.kwargs["pk"])

    @cached_property
    def own(self) -> QuerySet[FirmwareUpdate]:
        return visible_updates(self.access, VIEW_CAMPAIGNS).filter(campaign=self.campaign)

    def get_rows(self) -> QuerySet[FirmwareUpdate]:
        ranks = [When(state__in=states, then=Value(rank)) for rank, states in _RANKS.items()]
        rows = self.own.annotate(rank=Case(*ranks, default=Value(len(_RANKS))))
        return rows.select_related("charge_point", "firmware", "command")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        campaign = self.campaign
        progress = campaign_progress.progress_by_campaign(self.own).get(campaign.pk)
        steers = may_steer(self.access, campaign)
        return super().get_context_data(
            campaign=campaign,
            progress=progress,
            may_steer=steers,
            can_retry=steers and progress is not None and progress.failed > 0,
            **kwargs,
        )


#: Lever → what it does (False or 0: nothing), and what is said then.
_LEVERS: dict[str, tuple[Callable[[Campaign], bool | int], Any]] = {
    "pause": (campaigns.pause, _("The campaign is paused. Updates that have begun go on.")),
    "resume": (campaigns.resume, _("The campaign goes on.")),
    "cancel": (campaigns.cancel, _("The campaign is cancelled. Updates that have begun go on.")),
    "retry": (campaigns.retry_failed, _("The failed ones are tried again.")),
}


class SteerCampaign(Allowed):
    permission = CHANGE_CAMPAIGN
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: Any, action: str) -> HttpResponse:
        campaign = get_object_or_404(visible_campaigns(self.access), pk=pk)
        if not may_steer(self.access, campaign):
            raise PermissionDenied
        if action not in _LEVERS:
            raise BadRequest("unknown action")
        pull, said = _LEVERS[action]
        try:
            with recorded(campaign, "state"):
                done = pull(campaign)
            if done:
                messages.success(request, said)
            else:
                messages.info(request, gettext("Nothing was changed: the campaign is in another state by now."))
        except CommandRefused as refusal:
            messages.warning(request, str(refusal))
        return redirect("screens:campaign", pk=pk)
