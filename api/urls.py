"""Addresses under /api/; all end with a slash."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path, register_converter

from .converters import TextConverter
from .views.commands import CommandViewSet, StationCommandViewSet
from .views.documents import DocsView, NotFoundView, SchemaView
from .views.local_lists import LocalListViewSet
from .views.reservations import ReservationViewSet
from .views.stations import ChargePointViewSet, ConnectorViewSet
from .views.transactions import IdTagViewSet, MeterValueViewSet, TransactionViewSet
from .waiting import answers_later

register_converter(TextConverter, "text")

app_name = "api"
LIST: dict[str, Any] = {"get": "list"}
ROW: dict[str, Any] = {"get": "retrieve"}

urlpatterns = [
    path("v1/charge-points/", ChargePointViewSet.as_view(LIST), name="charge-point-list"),
    path(
        "v1/charge-points/<text:identity>/commands/",
        answers_later(StationCommandViewSet.as_view({**LIST, "post": "create"})),
        name="station-command-list",
    ),
    path("v1/charge-points/<text:identity>/", ChargePointViewSet.as_view(ROW), name="charge-point-detail"),
    path("v1/connectors/", ConnectorViewSet.as_view(LIST), name="connector-list"),
    path("v1/connectors/<int:pk>/", ConnectorViewSet.as_view(ROW), name="connector-detail"),
    path("v1/commands/", CommandViewSet.as_view(LIST), name="command-list"),
    path("v1/commands/<uuid:pk>/", CommandViewSet.as_view(ROW), name="command-detail"),
    path("v1/commands/<uuid:pk>/cancel/", CommandViewSet.as_view({"post": "cancel"}), name="command-cancel"),
    path("v1/id-tags/", IdTagViewSet.as_view({**LIST, "post": "create"}), name="id-tag-list"),
    path(
        "v1/id-tags/<text:id_tag>/",
        IdTagViewSet.as_view({**ROW, "put": "update", "patch": "partial_update"}),
        name="id-tag-detail",
    ),
    path("v1/transactions/", TransactionViewSet.as_view(LIST), name="transaction-list"),
    path("v1/transactions/<int:pk>/", TransactionViewSet.as_view(ROW), name="transaction-detail"),
    path(
        "v1/transactions/<int:transaction_id>/meter-values/", MeterValueViewSet.as_view(LIST), name="meter-value-list"
    ),
    path("v1/reservations/", ReservationViewSet.as_view({**LIST, "post": "create"}), name="reservation-list"),
    path("v1/reservations/<int:pk>/", ReservationViewSet.as_view(ROW), name="reservation-detail"),
    path("v1/reservations/<int:pk>/cancel/", ReservationViewSet.as_view({"post": "cancel"}), name="reservation-cancel"),
    path("v1/local-lists/", LocalListViewSet.as_view(LIST), name="local-list-list"),
    *(
        path(
            f"v1/local-lists/<text:identity>/{name.replace('_', '-')}/",
            LocalListViewSet.as_view({"post": name}),
            name=f"local-list-{name.replace('_', '-')}",
        )
        for name in ("publish", "switch_on", "switch_off")
    ),
    path("v1/local-lists/<text:identity>/", LocalListViewSet.as_view(ROW), name="local-list-detail"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    re_path(r"", NotFoundView.as_view(), name="nothing"),
]
