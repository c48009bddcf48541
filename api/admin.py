"""API keys: made, shown once, narrowed in time, revoked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from stations.admin.pages import PageAdmin, badge, moment

from .keys import new_secret
from .models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(PageAdmin[ApiKey]):
    """Deleting a key, or setting an end that is past, revokes it at once. Who and how far never changes."""

    list_display = ("name", "state", "user", "scope", "hint", "created", "used", "expires")
    list_filter = ("scope",)
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "hint")
    search_help_text = _("Search by name, user or the key's beginning.")
    autocomplete_fields = ("user",)
    fields = ("name", "user", "scope", "expires_at", "hint", "created", "used")
    readonly_fields = ("hint", "created", "used")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fields if obj else self.fields[:4]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return (*self.readonly_fields, "user", "scope") if obj else self.readonly_fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "user" and field is not None and not request.user.is_superuser:
            field.queryset = User.objects.filter(is_superuser=False)  # nobody gets further than they are
        return field

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm[ApiKey], change: bool) -> None:
        if not change:
            # carried to the answer on the instance: it is stored nowhere
            obj.secret, obj.digest, obj.hint = new_secret()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    @method_decorator(never_cache)
    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("New API key %(name)s") % {"name": obj},
            "opts": self.opts,
            "original": obj,
            "key": obj.secret,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/api/apikey/key.html", context)

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> SafeString:
        if key.is_expired:
            return badge("expired", gettext("Expired"))
        return badge("accepted", gettext("Valid")) if key.user.is_active else badge("blocked", gettext("Blocked"))

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, key: ApiKey) -> str:
        return moment(key.created_at)

    @admin.display(description=_("last used"), ordering="last_used_at")
    def used(self, key: ApiKey) -> str:
        return moment(key.last_used_at)

    @admin.display(description=_("valid until"), ordering="expires_at")
    def expires(self, key: ApiKey) -> str:
        return moment(key.expires_at)
