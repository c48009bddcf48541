"""Batches: one command for many chargers, how far it is, what failed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from .. import batches
from ..commands import CommandRefused
from ..forms import FORMS
from ..masking import is_masked
from ..models import OPEN_STATUSES, Command, CommandBatch
from .commands import ActionFilter, effect_badge, outcome_badge
from .pages import CappedPaginator, RecordAdmin, link, moment, origin_of, pretty_json
from .sending import batch_url

#: Rows of the table on a batch's page; the failed ones come first, the list of commands has them all.
SHOWN = 500


def _count(condition: Q) -> Coalesce:
    """Commands of a batch; a subquery, so that it is counted for the rows of the page only."""
    own = Command.objects.filter(condition, batch=OuterRef("pk")).order_by()
    counted = own.values("batch").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


@admin.register(CommandBatch)
class CommandBatchAdmin(RecordAdmin[CommandBatch]):
    paginator = CappedPaginator
    list_display = ("created", "action", "chargers", "waiting", "failed", "actor", "source")
    list_display_links = ("created", "action")
    list_filter = (("created_at", admin.DateFieldListFilter), "source", ActionFilter)
    search_fields = ("=action", "=actor")
    search_help_text = _("Search by exact action or exact name of a person.")
    ordering = ("-created_at",)
    fieldsets = (
        (_("What was sent"), {"fields": ("action", "request_json")}),
        (_("Details"), {"fields": (("who", "remote_address"), ("created", "valid"), ("per_minute", "origin"))}),
    )
    readonly_fields = ("request_json", "created", "valid", "who", "origin")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CommandBatch]:
        counts = {
            "size": _count(Q()),
            "open_count": _count(Q(status__in=OPEN_STATUSES)),
            "failed_count": _count(batches.FAILED),
        }
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, batch: CommandBatch) -> str:
        return moment(batch.created_at)

    @admin.display(description=_("chargers"))
    def chargers(self, batch: Any) -> int:
        return int(batch.size)

    @admin.display(description=_("waiting"))
    def waiting(self, batch: Any) -> int:
        return int(batch.open_count)

    @admin.display(description=_("failed"))
    def failed(self, batch: Any) -> int:
        return int(batch.failed_count)

    @admin.display(description=_("payload"))
    def request_json(self, batch: CommandBatch) -> SafeString | str:
        return pretty_json(batch.payload)

    @admin.display(description=_("may wait until"))
    def valid(self, batch: CommandBatch) -> str:
        return moment(batch.valid_until)

    @admin.display(description=_("who"))
    def who(self, batch: CommandBatch) -> str:
        return f"{batch.actor} ({batch.get_source_display()})"

    @admin.display(description=_("again after"))
    def origin(self, batch: CommandBatch) -> SafeString | str:
        return link(batch.retry_of)

    def related_lists(self, batch: CommandBatch) -> list[tuple[str, str, Any]]:
        return [("stations.command", f"batch__id__exact={batch.pk}", _("All commands of the batch"))]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        batch = context["original"]
        now = batches.progress(batch)
        retry = CommandBatch.objects.filter(retry_of=batch).first()
        may_send = self.has_send_permission(request)
        context |= {
            "title": FORMS[batch.action].title if batch.action in FORMS else batch.action,
            "subtitle": None,
            "progress": now,
            "rows": [(row, outcome_badge(row), effect_badge(row)) for row in _shown(batch)],
            "shown": SHOWN,
            "retry": retry,
            "follow": not now.is_over,
            "can_cancel": may_send and now.queued > 0,
            "can_retry": may_send and now.failed > 0 and retry is None and not is_masked(batch.payload),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    # Buttons

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("stations.send_command")

    def get_urls(self) -> list[Any]:
        def button(name: str, view: Any) -> Any:
            guarded = self.admin_site.admin_view(require_POST(view))
            return path(f"<uuid:pk>/{name}/", guarded, name=f"stations_commandbatch_{name}")

        return [button("cancel", self.cancel_view), button("retry", self.retry_view), *super().get_urls()]

    def cancel_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        batch = self._batch(request, pk)
        count = batches.cancel_batch(batch)
        done = ngettext("%(count)d command cancelled.", "%(count)d commands cancelled.", count) % {"count": count}
        self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(batch_url(batch))

    def retry_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        batch = self._batch(request, pk)
        try:
            return HttpResponseRedirect(batch_url(batches.retry_failed(batch, origin_of(request))))
        except CommandRefused as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
            return HttpResponseRedirect(batch_url(batch))

    def _batch(self, request: HttpRequest, pk: Any) -> CommandBatch:
        if not self.has_send_permission(request):
            raise PermissionDenied
        return get_object_or_404(CommandBatch, pk=pk)


def _shown(batch: CommandBatch) -> QuerySet[Command]:
    """What wants attention first: failed, then waiting, then the rest."""
    rank = Case(When(batches.FAILED, then=Value(0)), When(status__in=OPEN_STATUSES, then=Value(1)), default=Value(2))
    rows = batch.commands.select_related("charge_point").annotate(rank=rank)
    return rows.order_by("rank", "charge_point__identity")[:SHOWN]
