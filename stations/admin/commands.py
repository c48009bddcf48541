"""Commands: what was sent, who sent it, what came back and what followed. Nobody edits them."""

from __future__ import annotations

from functools import reduce
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from ..commands import cancel_command
from ..forms import FORMS
from ..masking import masked
from ..models import ChargePoint, Command, CommandStatus, EffectStatus
from .command_story import GOOD_ENDS, last_step, status_in, story
from .pages import (
    MAX_SEARCH_CHARACTERS,
    MAX_SEARCH_WORDS,
    CappedPaginator,
    RecordAdmin,
    badge,
    link,
    moment,
    pretty_json,
)
from .sending import again_url, command_url

#: Chargers a search word may mean.
MAX_FOUND_STATIONS = 500
_EFFECT_BADGES = {EffectStatus.AWAITED: "queued", EffectStatus.SEEN: "accepted", EffectStatus.MISSED: "failed"}


class ActionFilter(admin.SimpleListFilter):
    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(action, action) for action in sorted(FORMS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Command]) -> QuerySet[Command]:
        return queryset.filter(action=self.value()) if self.value() in FORMS else queryset


class BatchFilter(admin.SimpleListFilter):
    title = _("batch")
    parameter_name = "in_batch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Part of a batch")), ("no", _("Sent alone"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Command]) -> QuerySet[Command]:
        return queryset.filter(batch__isnull=self.value() == "no") if self.value() in ("yes", "no") else queryset


def outcome_badge(command: Command) -> SafeString:
    """The state; beside an answer's the charger's own word, where it says more."""
    label, word = command.get_status_display(), status_in(command.answer)
    return badge(command.status, label if word in ("", label) else f"{label} ({word})")


def effect_badge(command: Command) -> SafeString | str:
    """Whether what an accepted command promises came; of an update or upload how far it is."""
    kind = _EFFECT_BADGES.get(EffectStatus(command.effect_status))
    if kind is None:
        return "–"
    step = last_step(command.effect)
    bad = kind == "accepted" and step and step not in GOOD_ENDS
    return badge("failed" if bad else kind, step or command.get_effect_status_display())


@admin.register(Command)
class CommandAdmin(RecordAdmin[Command]):
    change_list_template = "admin/stations/command/list.html"
    paginator = CappedPaginator
    list_display = ("created", "action", "charger", "outcome", "followed", "actor", "source")
    list_display_links = ("created", "action")
    list_filter = (
        "status",
        ("created_at", admin.DateFieldListFilter),
        "effect_status",
        BatchFilter,
        "source",
        ActionFilter,
    )
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__identity",)  # see get_search_results
    search_help_text = _("Search by charger, exact action or exact name of a person.")
    ordering = ("-created_at",)
    actions = ("cancel_selected",)
    readonly_fields = (
        *("charger", "request_json", "answer_json", "late_json", "batch_link", "valid", "who"),
        *("id", "remote_address"),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Command], search_term: str
    ) -> tuple[QuerySet[Command], bool]:
        """Each word is looked up where it is short to find, instead of joining a million rows with their chargers."""
        words = search_term[:MAX_SEARCH_CHARACTERS].replace("\0", "").split()[:MAX_SEARCH_WORDS]
        return reduce(lambda found, word: found.filter(_meaning(word)), words, queryset), False

    # What is shown

    def get_fieldsets(self, request: HttpRequest, obj: Command | None = None) -> Any:
        error = (("error_code", "error_description"),) if obj and obj.error_code else ()
        late = ("late_json",) if obj and obj.late_at else ()
        return (
            (_("What was sent"), {"fields": (("action", "charger"), "request_json")}),
            (_("What came back"), {"fields": ("answer_json", *error, *late)}),
            (_("Details"), {"fields": (("id", "batch_link"), ("timeout_s", "valid"), ("who", "remote_address"))}),
        )

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, command: Command) -> str:
        return moment(command.created_at)

    @admin.display(description=_("charger"))
    def charger(self, command: Command) -> SafeString | str:
        return link(command.charge_point)

    @admin.display(description=_("status"), ordering="status")
    def outcome(self, command: Command) -> SafeString:
        return outcome_badge(command)

    @admin.display(description=_("what followed"))
    def followed(self, command: Command) -> SafeString | str:
        return effect_badge(command)

    @admin.display(description=_("payload"))
    def request_json(self, command: Command) -> SafeString | str:
        return pretty_json(masked(command.payload))  # one that still waits holds its secrets

    @admin.display(description=_("answer"))
    def answer_json(self, command: Command) -> SafeString | str:
        return pretty_json(command.answer)

    @admin.display(description=_("late answer"))
    def late_json(self, command: Command) -> SafeString | str:
        return pretty_json(command.late_answer)

    @admin.display(description=_("batch"))
    def batch_link(self, command: Command) -> SafeString | str:
        return link(command.batch)

    @admin.display(description=_("may wait until"))
    def valid(self, command: Command) -> str:
        return moment(command.valid_until)

    @admin.display(description=_("who"))
    def who(self, command: Command) -> str:
        return f"{command.actor} ({command.get_source_display()})" if command.actor else command.get_source_display()

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        command = context["original"]
        waits = command.effect_status == EffectStatus.AWAITED
        may_send = self.has_send_permission(request)
        context |= {
            "title": f"{_title(command.action)} – {command.charge_point}",
            "subtitle": None,
            "story": story(command),
            "outcome": outcome_badge(command),
            "follow": not command.is_final or waits,
            "can_cancel": may_send and command.status == CommandStatus.QUEUED,
            "again_url": again_url(command) if may_send and command.charge_point.archived_at is None else "",
        }
        return super().render_change_form(request, context, *args, **kwargs)

    # What may be done

    def has_send_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return request.user.has_perm("stations.send_command")

    def get_urls(self) -> list[Any]:
        cancel = self.admin_site.admin_view(require_POST(self.cancel_view))
        return [path("<uuid:pk>/cancel/", cancel, name="stations_command_cancel"), *super().get_urls()]

    def cancel_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if not self.has_send_permission(request):
            raise PermissionDenied
        command = get_object_or_404(Command, pk=pk)
        if cancel_command(command):
            self.message_user(request, gettext("The command was cancelled."), messages.SUCCESS)
        else:
            self.message_user(request, gettext("Too late: it is sent or over."), messages.WARNING)
        return HttpResponseRedirect(command_url(command))

    @admin.action(description=_("Cancel what has not been sent"), permissions=["send"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Command]) -> None:
        waiting = queryset.filter(status=CommandStatus.QUEUED)
        count = sum(cancel_command(command) for command in waiting)
        done = ngettext("%(count)d command cancelled.", "%(count)d commands cancelled.", count) % {"count": count}
        self.message_user(request, done, messages.SUCCESS)


def _title(action: str) -> str:
    return str(FORMS[action].title) if action in FORMS else action


def _meaning(word: str) -> Q:
    """An action, the chargers called so, or else the one who sent it."""
    by_lower = {action.lower(): action for action in FORMS}
    if word.lower() in by_lower:
        return Q(action=by_lower[word.lower()])
    called_so = ChargePoint.objects.filter(Q(identity__icontains=word) | Q(name__icontains=word))
    found = list(called_so.values_list("pk", flat=True)[:MAX_FOUND_STATIONS])
    return Q(charge_point__in=found) if found else Q(actor=word)
