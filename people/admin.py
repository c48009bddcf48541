"""Users and groups, with the same answers to odd addresses as every page of ours, and roles at sites."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_otp.plugins.otp_static import admin as static_admin
from django_otp.plugins.otp_totp import admin as totp_admin

from stations.admin.pages import PageAdmin

from .models import Membership
from .roles import ROLES

# authenticators are set up by whoever has the phone; the library's pages would show their secrets to administrators
admin.site.unregister((User, Group, totp_admin.TOTPDevice, static_admin.StaticDevice))


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    """Roles that count at one site. They open the screens, not these pages: those are for roles of all sites."""

    model = Membership
    extra = 0
    autocomplete_fields = ("site",)


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    return person is None or not person.is_superuser or bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(PageAdmin[User], auth_admin.UserAdmin):  # type: ignore[type-arg]
    """Only a superuser changes a superuser or makes one, as on the pages about people.

    Roles are given and accounts closed there, where the last administrator cannot be lost; nobody is deleted.
    """

    inlines = (MembershipInline,)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = (*super().get_readonly_fields(request, obj), "is_active", "is_staff", "groups")
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()  # the first page asks for name and password only


@admin.register(Group)
class GroupAdmin(PageAdmin[Group], auth_admin.GroupAdmin):
    """Our roles stay as they are; further groups are for whoever wants them."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_own(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_own(obj) and super().has_delete_permission(request, obj)


def _is_own(group: Group | None) -> bool:
    return group is None or group.name not in ROLES
