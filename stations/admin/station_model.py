"""Makes of chargers: their settings, the template of their configuration, the recipe after a boot and its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .. import recipes
from ..models import RecipeChoice, RecipeKey, RecipeRun, SecurityChange, StationModel, TemplateKey
from .log import StationRecordAdmin
from .pages import PageAdmin, badge, link, moment

if TYPE_CHECKING:
    _FormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    _FormSet = forms.BaseInlineFormSet


class KeyFormSet(_FormSet):
    """Keys are one and the same in any case, which the database would notice too late."""

    def clean(self) -> None:
        super().clean()
        seen: set[str] = set()
        for form in self.forms:
            entered = getattr(form, "cleaned_data", {})
            key = str(entered.get("key", "")).upper()
            if entered.get("DELETE") or not key:
                continue
            if key in seen:
                form.add_error("key", gettext("This key is listed twice."))
            seen.add(key)


class TemplateKeyInline(admin.TabularInline):  # type: ignore[type-arg]
    model = TemplateKey
    formset = KeyFormSet
    fields = ("key", "value")
    extra = 1


class RecipeKeyInline(admin.TabularInline):  # type: ignore[type-arg]
    model = RecipeKey
    formset = KeyFormSet
    fields = ("position", "key", "values_text")
    extra = 1

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "values_text" and field is not None:
            field.widget = forms.Textarea(attrs={"rows": 3, "cols": 60})
        return field


@admin.register(StationModel)
class StationModelAdmin(PageAdmin[StationModel]):
    list_display = ("name", "command_timeout_s", "recipe", "template_size")
    list_filter = ("recipe",)
    search_fields = ("vendor", "model")
    fields = (("vendor", "model"), "command_timeout_s", "recipe", "recipe_triggers_status")
    inlines = (TemplateKeyInline, RecipeKeyInline)
    ordering = ("vendor", "model")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StationModel]:
        return super().get_queryset(request).annotate(key_count=Count("template_keys"))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A recipe that has just been switched on and has no keys gets the recommended ones, to be changed at will."""
        super().save_related(request, form, formsets, change)
        if "recipe" in form.changed_data and form.instance.recipe == RecipeChoice.OWN:
            recipes.fill_with_defaults(form.instance)

    @admin.display(description=_("charger model"), ordering="vendor")
    def name(self, row: StationModel) -> str:
        return str(row)

    @admin.display(description=_("keys in the template"), ordering="key_count")
    def template_size(self, row: Any) -> int:
        return int(row.key_count)


@admin.register(RecipeRun)
class RecipeRunAdmin(StationRecordAdmin[RecipeRun]):
    list_display = ("booted", "charger", "outcome", "refused_keys", "ended")
    list_filter = ("state",)
    search_fields = ("charge_point__identity", "charge_point__name")
    fields = (("charger", "recipe"), ("outcome", "refused_keys"), ("booted", "ended"))
    readonly_fields = ("charger", "recipe", "outcome", "refused_keys", "booted", "ended")

    @admin.display(description=_("boot"), ordering="id")
    def booted(self, run: RecipeRun) -> str:
        return moment(run.booted_at)

    @admin.display(description=_("recipe"))
    def recipe(self, run: RecipeRun) -> SafeString | str:
        return link(run.station_model)

    @admin.display(description=_("state"), ordering="state")
    def outcome(self, run: RecipeRun) -> SafeString:
        return badge(_BADGES[run.state], run.get_state_display())

    @admin.display(description=_("refused keys"))
    def refused_keys(self, run: RecipeRun) -> str:
        return ", ".join(run.refused) or "–"

    @admin.display(description=_("ended"))
    def ended(self, run: RecipeRun) -> str:
        return moment(run.ended_at)


#: Shapes and colours that the commands have, too.
_BADGES: dict[str, str] = {
    RecipeRun.State.RUNNING: "sent",
    RecipeRun.State.DONE: "accepted",
    RecipeRun.State.INTERRUPTED: "failed",
    RecipeRun.State.SUPERSEDED: "cancelled",
    SecurityChange.State.ASKED: "sent",
    SecurityChange.State.ACCEPTED: "sent",
    SecurityChange.State.UNCERTAIN: "timed_out",
    SecurityChange.State.DONE: "accepted",
    SecurityChange.State.ROLLED_BACK: "rejected",
}


@admin.register(SecurityChange)
class SecurityChangeAdmin(StationRecordAdmin[SecurityChange]):
    list_display = ("created", "charger", "kind", "wanted", "outcome", "old_seen", "ended")
    list_filter = ("kind", "state")
    search_fields = ("charge_point__identity", "charge_point__name")
    fields = (
        ("charger", "sent_command"),
        ("kind", "wanted"),
        ("outcome", "old_seen"),
        ("created", "answered", "ended"),
    )
    readonly_fields = ("charger", "sent_command", "wanted", "outcome", "created", "answered", "ended")

    @admin.display(description=_("command"))
    def sent_command(self, change: SecurityChange) -> SafeString | str:
        return link(change.command)

    @admin.display(description=_("security profile"))
    def wanted(self, change: SecurityChange) -> str:
        return "–" if change.security_profile is None else str(change.security_profile)

    @admin.display(description=_("state"), ordering="state")
    def outcome(self, change: SecurityChange) -> SafeString:
        return badge(_BADGES.get(change.state, "cancelled"), change.get_state_display())

    @admin.display(description=_("created"), ordering="id")
    def created(self, change: SecurityChange) -> str:
        return moment(change.created_at)

    @admin.display(description=_("answered"))
    def answered(self, change: SecurityChange) -> str:
        return moment(change.answered_at)

    @admin.display(description=_("ended"))
    def ended(self, change: SecurityChange) -> str:
        return moment(change.ended_at)
