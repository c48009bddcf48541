from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import ChargePoint
from ..models.gateway_process import alive_since


class OnlineFilter(admin.SimpleListFilter):
    title = _("connection")
    parameter_name = "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Online")), ("no", _("Offline"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> QuerySet[ChargePoint]:
        online = ~Q(connection="") & Q(gateway__beat_at__gt=alive_since())
        match self.value():
            case "yes":
                return queryset.filter(online)
            case "no":
                return queryset.exclude(online)
        return queryset


class SecurityProfileFilter(admin.SimpleListFilter):
    title = _("security profile")
    parameter_name = "security_profile"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("0", _("0: no password")),
            ("1", _("1: password")),
            ("2", _("2: password and TLS")),
            ("3", _("3: certificates")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> QuerySet[ChargePoint]:
        chosen = self.value()
        return queryset.filter(security_profile=chosen) if chosen in ("0", "1", "2", "3") else queryset
