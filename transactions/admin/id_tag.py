from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from stations.admin.exchange import ExportAdmin, ImportAdmin
from stations.admin.on_screen import OnScreen
from stations.admin.pages import ArchivedFilter, PageAdmin, badge, link, moment
from stations.forms.old_pages import OldPageForm

from ..models import IdTag, IdTagGroup, UnknownIdTag
from ..resources import IdTagResource
from ..tag_changes import change_tags
from ..unknown import not_entered


class ValidityFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("valid", _("Valid")), ("blocked", _("Blocked")), ("expired", _("Expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        expired = Q(expires_at__lte=timezone.now())
        match self.value():
            case "valid":
                return queryset.filter(blocked=False).exclude(expired)
            case "blocked":
                return queryset.filter(blocked=True)
            case "expired":
                return queryset.filter(expired)
        return queryset


def validity_badge(row: IdTag | IdTagGroup) -> SafeString:
    if row.blocked:
        return badge("blocked", gettext("Blocked"))
    if row.expires_at and row.expires_at <= timezone.now():
        return badge("expired", gettext("Expired"))
    return badge("accepted", gettext("Valid"))


class IdTagForm(OldPageForm):
    class Meta:
        model = IdTag
        fields = ("id_tag", "holder", "group", "blocked", "expires_at", "max_concurrent", "note", "user", "site")

    def clean_id_tag(self) -> str:
        number: str = self.cleaned_data["id_tag"]
        # a reader may really send " A1": a known number stays as it is, a typed one loses stray blanks
        return number if number == self.initial.get("id_tag") else number.strip()


@admin.register(IdTag)
class IdTagAdmin(ImportAdmin, ExportAdmin, PageAdmin[IdTag]):
    form = IdTagForm
    resource_classes = [IdTagResource]
    export_name = "tags"
    import_export_change_list_template = "admin/import_export/change_list_import_export.html"
    list_display = ("id_tag", "state", "holder", "group_link", "expires", "max_concurrent")
    list_filter = (ValidityFilter, ArchivedFilter)
    list_select_related = ("group",)
    search_fields = ("id_tag", "holder", "group__name", "group__parent_id_tag", "note")
    search_help_text = _("Search by number, holder, group or note.")
    autocomplete_fields = ("group", "user", "site")
    actions = ("block", "unblock", "archive", "restore")
    fields = (
        *("id_tag", "holder", "group", "blocked", "expires_at", "max_concurrent", "note", "user", "site"),
        *("created_at", "archived_at"),
    )
    readonly_fields = ("created_at", "archived_at")

    def get_readonly_fields(self, request: HttpRequest, obj: IdTag | None = None) -> Any:
        # who may not look accounts up cannot choose one
        may_look = request.user.has_perm("auth.view_user")
        return self.readonly_fields if may_look else (*self.readonly_fields, "user")

    def get_fields(self, request: HttpRequest, obj: IdTag | None = None) -> Any:
        return self.fields if obj else self.fields[:-2]

    def has_delete_permission(self, request: HttpRequest, obj: IdTag | None = None) -> bool:
        return False  # its sessions would lose their holder: it is archived instead

    def view_on_site(self, tag: IdTag) -> str:
        return reverse("screens:tag", args=[tag.pk])

    def related_lists(self, tag: IdTag) -> list[tuple[str, str, Any]]:
        return [("transactions.transaction", f"tag__id__exact={tag.pk}", _("Transactions"))]

    def topics(self, keys: Iterable[Any]) -> Iterable[str]:
        return ("tags",)

    @admin.display(description=_("state"))
    def state(self, tag: IdTag) -> SafeString:
        return badge("offline", gettext("Archived")) if tag.archived_at else validity_badge(tag)

    @admin.display(description=_("group"), ordering="group__parent_id_tag")
    def group_link(self, tag: IdTag) -> SafeString | str:
        return link(tag.group)

    @admin.display(description=_("valid until"), ordering="expires_at")
    def expires(self, tag: IdTag) -> str:
        return moment(tag.expires_at)

    @admin.action(description=_("Block"), permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet[IdTag]) -> None:
        self._change(request, queryset, "blocked", blocked=True)

    @admin.action(description=_("Unblock"), permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[IdTag]) -> None:
        self._change(request, queryset, "unblocked", blocked=False)

    @admin.action(description=_("Archive"), permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[IdTag]) -> None:
        self._change(request, queryset, "archived", archived_at=timezone.now())

    @admin.action(description=_("Restore from the archive"), permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[IdTag]) -> None:
        self._change(request, queryset, "restored", archived_at=None)

    def _change(self, request: HttpRequest, queryset: QuerySet[IdTag], what: str, **values: Any) -> None:
        changed = change_tags(queryset, values)
        for tag in changed:
            self.log_change(request, tag, what)
        count = len(changed)
        done = ngettext("%(count)d tag changed.", "%(count)d tags changed.", count) % {"count": count}
        self.message_user(request, done, messages.SUCCESS)


@admin.register(IdTagGroup)
class IdTagGroupAdmin(PageAdmin[IdTagGroup]):
    form = OldPageForm
    ordering = ("parent_id_tag",)  # counting drops the model's own
    list_display = ("parent_id_tag", "name", "state", "expires", "tags")
    list_filter = (ValidityFilter,)
    search_fields = ("parent_id_tag", "name", "notes")
    fields = ("parent_id_tag", "name", "blocked", "expires_at", "notes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[IdTagGroup]:
        in_use = Count("id_tags", filter=Q(id_tags__archived_at=None))
        return super().get_queryset(request).annotate(tag_count=in_use)

    def view_on_site(self, group: IdTagGroup) -> str:
        return reverse("screens:tag_group", args=[group.pk])

    def related_lists(self, group: IdTagGroup) -> list[tuple[str, str, Any]]:
        return [("transactions.idtag", f"group__id__exact={group.pk}", _("Tags"))]

    def topics(self, keys: Iterable[Any]) -> Iterable[str]:
        return ("tags",)

    @admin.display(description=_("state"))
    def state(self, group: IdTagGroup) -> SafeString:
        return validity_badge(group)

    @admin.display(description=_("valid until"), ordering="expires_at")
    def expires(self, group: IdTagGroup) -> str:
        return moment(group.expires_at)

    @admin.display(description=_("tags"), ordering="tag_count")
    def tags(self, group: Any) -> SafeString:
        url = reverse("admin:transactions_idtag_changelist")
        return format_html('<a href="{}?group__id__exact={}">{}</a>', url, group.pk, group.tag_count)


@admin.register(UnknownIdTag)
class UnknownIdTagAdmin(OnScreen[UnknownIdTag]):
    list_display = ("id_tag", "charger", "count", "last")
    list_select_related = ("charge_point",)
    search_fields = ("id_tag", "charge_point__identity", "charge_point__name")
    fields = ("id_tag", "charger", "count", ("first", "last"), "ignored_at")
    readonly_fields = ("charger", "first", "last")

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnknownIdTag]:
        return not_entered(super().get_queryset(request))

    @admin.display(description=_("charger"), ordering="charge_point__identity")
    def charger(self, unknown: UnknownIdTag) -> SafeString | str:
        return link(unknown.charge_point)

    def screen_url(self, unknown: UnknownIdTag) -> str:
        return reverse("screens:unknown_tags")

    @admin.display(description=_("first"), ordering="first_at")
    def first(self, unknown: UnknownIdTag) -> str:
        return moment(unknown.first_at)

    @admin.display(description=_("last"), ordering="last_at")
    def last(self, unknown: UnknownIdTag) -> str:
        return moment(unknown.last_at)
