"""Users and groups, with the same answers to odd addresses as every page of ours."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User

from stations.admin.pages import PageAdmin

admin.site.unregister((User, Group))


@admin.register(User)
class UserAdmin(PageAdmin[User], auth_admin.UserAdmin):  # type: ignore[type-arg]
    pass


@admin.register(Group)
class GroupAdmin(PageAdmin[Group], auth_admin.GroupAdmin):
    pass
