"""Batches: one command for many chargers, how far it is, what failed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property
from django.utils.translation import ngettext

from people.access import Access
from stations import batches
from stations.commands import CommandRefused
from stations.masking import is_masked
from stations.models import OPEN_STATUSES, Command, CommandBatch, EffectStatus

from ..lists import ListPage
from ..pages import Allowed
from .filters import BatchFilters
from .sending import SEND
from .views import visible

VIEW = "stations.view_commandbatch"
NOTHING = batches.Progress(total=0, answered=0, queued=0, sent=0, ok=0, awaited=0, failed=0, cancelled=0)


def visible_batches(access: Access) -> QuerySet[CommandBatch]:
    """Batches that went to a charger of the reader's sites, among others."""
    if access.everywhere(VIEW):
        return CommandBatch.objects.all()
    own = visible(access, VIEW).filter(batch=OuterRef("pk"))
    return CommandBatch.objects.filter(Exists(own))


def may_steer(access: Access, batch: CommandBatch) -> bool:
    """Whether the reader may cancel and repeat a batch: who may send to all of its chargers."""
    if access.everywhere(SEND):
        return True
    return not batch.commands.exclude(pk__in=visible(access, SEND).values("pk")).exists()


class BatchList(ListPage):
    permission = VIEW
    template_name = "screens/commands/batches.html"
    part = "screens/commands/_batches.html"
    filterset_class = BatchFilters
    sorts = {"created": ("-created_at", "-pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "batches": self.part}

    def get_rows(self) -> QuerySet[CommandBatch]:
        return visible_batches(self.access)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        shown = list(context["page_obj"].object_list)
        progress = batches.progress_by_batch(visible(self.access, VIEW).filter(batch__in=shown))
        return {**context, "rows": [(batch, progress.get(batch.pk, NOTHING)) for batch in shown]}


class BatchPage(ListPage):
    """How far a batch is, and its chargers: what wants attention first."""

    permission = VIEW
    template_name = "screens/commands/batch.html"
    part = "screens/commands/_batch.html"
    #: failed, then waiting, then the rest
    sorts = {"rank": ("rank", "charge_point__identity", "pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "batch": self.part}

    @cached_property
    def batch(self) -> CommandBatch:
        rows = visible_batches(self.access).select_related("retry_of", "retry")
        return get_object_or_404(rows, pk=self.kwargs["pk"])

    @cached_property
    def commands(self) -> QuerySet[Command]:
        return visible(self.access, VIEW).filter(batch=self.batch)

    def get_rows(self) -> QuerySet[Command]:
        waits = When(status__in=OPEN_STATUSES, then=Value(1)), When(effect_status=EffectStatus.AWAITED, then=Value(1))
        rank = Case(When(batches.FAILED, then=Value(0)), *waits, default=Value(2))
        return self.commands.select_related("charge_point").annotate(rank=rank)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        progress = batches.progress_by_batch(self.commands).get(self.batch.pk, NOTHING)
        retry = getattr(self.batch, "retry", None)
        steers = may_steer(self.access, self.batch)
        can_repeat = steers and progress.failed > 0 and batches.to_retry(self.batch).exists()
        return super().get_context_data(
            batch=self.batch,
            progress=progress,
            retry=retry,
            can_cancel=steers and progress.queued > 0,
            can_retry=can_repeat and not is_masked(self.batch.payload),
            why_no_retry=can_repeat and is_masked(self.batch.payload),
            **kwargs,
        )


class BatchButton(Allowed):
    permission = SEND
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        batch = get_object_or_404(visible_batches(self.access), pk=pk)
        if not may_steer(self.access, batch):
            raise PermissionDenied
        return redirect("screens:batch", pk=self.press(batch).pk)

    def press(self, batch: CommandBatch) -> CommandBatch:
        """Do it; the batch to look at afterwards."""
        raise NotImplementedError


class CancelBatch(BatchButton):
    def press(self, batch: CommandBatch) -> CommandBatch:
        count = batches.cancel_batch(batch)
        done = ngettext("%(count)d command was cancelled.", "%(count)d commands were cancelled.", count)
        messages.success(self.request, done % {"count": count})
        return batch


class RetryBatch(BatchButton):
    def press(self, batch: CommandBatch) -> CommandBatch:
        try:
            return batches.retry_failed(batch, self.origin)
        except CommandRefused as refusal:
            messages.warning(self.request, str(refusal))
            return batch
