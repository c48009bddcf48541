"""What our admin pages have in common: they bear bad addresses, show records without letting them be changed, link."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .. import changes
from ..moments import local_text
from ..pagination import CappedPaginator

M = TypeVar("M", bound=Model)

#: Ten words in ten columns are a hundred conditions; SQLite refuses a thousand.
MAX_SEARCH_CHARACTERS = 200
MAX_SEARCH_WORDS = 10


if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as _ModelAdmin
else:

    class _ModelAdmin(admin.ModelAdmin, Generic[M]):
        """Django's class takes a parameter in its stubs only."""


def has_nul(request: HttpRequest) -> bool:
    """Whether the query holds a NUL character, which PostgreSQL refuses in any text."""
    return any("\0" in value for name, values in request.GET.lists() for value in (name, *values))


def words_of(search_term: str) -> list[str]:
    """What somebody searches for, cut to what a database bears."""
    return search_term[:MAX_SEARCH_CHARACTERS].replace("\0", "").split()[:MAX_SEARCH_WORDS]


class PageAdmin(_ModelAdmin[M]):
    """A ModelAdmin whose pages answer every address with a page, a redirect or 404, however many rows there are."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    show_facets = admin.ShowFacets.NEVER  # one COUNT per choice is too much for millions of rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        return super().get_search_results(request, queryset, " ".join(words_of(search_term)))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if has_nul(request):
            return HttpResponseRedirect(request.path)
        return super().changelist_view(request, extra_context)

    def _get_obj_does_not_exist_redirect(self, *_args: Any) -> HttpResponse:
        raise Http404

    def related_lists(self, row: M) -> list[tuple[str, str, Any]]:
        """Lists that belong to a row: (permission model `app.model`, query, label)."""
        return []

    def topics(self, keys: Iterable[Any]) -> Iterable[str]:
        """What open pages must look at again when the rows with these keys change here (`stations.changes`)."""
        return ()

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> Any:
        changes.note(*self.topics([obj.pk]))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> Any:
        changes.note(*self.topics([obj.pk]))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[M]) -> Any:
        changes.note(*self.topics([row.pk for row in queryset]))
        return super().log_deletions(request, queryset)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        row = context.get("original")
        context["related_lists"] = list_links(request, self.related_lists(row)) if row else ""
        return super().render_change_form(request, context, *args, **kwargs)


class RecordAdmin(PageAdmin[M]):
    """What happened: to be read and searched, never written by hand."""

    def has_add_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class RecordInline(admin.TabularInline):  # type: ignore[type-arg]
    """Rows of a record on its owner's page."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ArchivedFilter(admin.SimpleListFilter):
    """Hides what is archived until somebody asks for it."""

    title = _("archive")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Archived")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        chosen = self.value()
        yield {
            "selected": chosen is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("In use"),
        }
        for value, label in self.lookup_choices:
            yield {
                "selected": chosen == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "yes")


def link(to: Model | None, label: Any = None) -> SafeString | str:
    """A link to an object's admin page."""
    if to is None:
        return "–"
    name = f"admin:{to._meta.app_label}_{to._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[to.pk]), label or str(to))


def related(row: Model, name: str) -> Any:
    """The row a foreign key points to; None if it is gone, which hot tables without constraints allow."""
    try:
        return getattr(row, name)
    except ObjectDoesNotExist:
        return None


def list_links(request: HttpRequest, targets: Iterable[tuple[str, str, Any]]) -> SafeString:
    """Links to filtered lists, (permission model `app.model`, query, label), without those the user may not see."""
    shown = []
    for model, query, label in targets:
        app, name = model.split(".")
        if request.user.has_perm(f"{app}.view_{name}"):
            shown.append((f"{reverse(f'admin:{app}_{name}_changelist')}?{query}", label))
    return format_html_join(" · ", '<a href="{}">{}</a>', shown)


def pretty_json(value: Any) -> SafeString | str:
    """JSON, parsed or as text, indented; text that is not JSON as it is."""
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return format_html('<pre class="json">{}</pre>', value)
    return format_html('<pre class="json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))


def badge(kind: str, label: Any) -> SafeString:
    """A state: a coloured shape and a word, never colour alone."""
    return format_html('<span class="badge badge-{}">{}</span>', kind, label)


def moment(at: datetime | None) -> str:
    """A moment to the second in the page's language; lists need the seconds that Django's short form drops."""
    return "–" if at is None else local_text(at, seconds=True)
