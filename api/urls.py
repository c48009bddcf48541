"""Addresses under /api/; all end with a slash."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path, re_path, register_converter

from .converters import TextConverter
from .views.base import ApiViewSet
from .views.certificates import (
    AuthorityViewSet,
    InstalledCertificateViewSet,
    ReadRootsViewSet,
    RootCertificateViewSet,
    SecurityUpgradeViewSet,
    SigningRequestViewSet,
    StationCertificateViewSet,
)
from .views.charging_profiles import (
    AssignedProfileViewSet,
    ChargingProfileViewSet,
    ClearProfilesViewSet,
    CompositeReadingViewSet,
    CompositeScheduleViewSet,
)
from .views.commands import CommandViewSet, StationCommandViewSet
from .views.documents import DocsView, NotFoundView, SchemaView
from .views.local_lists import LocalListViewSet
from .views.reservations import ReservationViewSet
from .views.stations import ChargePointViewSet, ConnectorViewSet
from .views.transactions import IdTagViewSet, MeterValueViewSet, TransactionViewSet
from .views.transfers import (
    CampaignViewSet,
    FetchViewSet,
    FirmwareFileViewSet,
    FirmwareUpdateViewSet,
    StationFileViewSet,
)
from .waiting import answers_later

register_converter(TextConverter, "text")

app_name = "api"
LIST: dict[str, Any] = {"get": "list"}
ROW: dict[str, Any] = {"get": "retrieve"}


def _actions(row: str, name: str, view: type[ApiViewSet], *actions: str) -> list[URLPattern]:
    """What can be done to one row, a POST each."""
    words = {action: action.replace("_", "-") for action in actions}
    return [
        path(f"{row}{word}/", view.as_view({"post": action}), name=f"{name}-{word}") for action, word in words.items()
    ]


urlpatterns = [
    path("v1/charge-points/", ChargePointViewSet.as_view(LIST), name="charge-point-list"),
    path(
        "v1/charge-points/<text:identity>/commands/",
        answers_later(StationCommandViewSet.as_view({**LIST, "post": "create"})),
        name="station-command-list",
    ),
    path(
        "v1/charge-points/<text:identity>/files/", FetchViewSet.as_view({"post": "create"}), name="charge-point-fetch"
    ),
    path(
        "v1/charge-points/<text:identity>/clear-profiles/",
        ClearProfilesViewSet.as_view({"post": "create"}),
        name="charge-point-clear-profiles",
    ),
    path(
        "v1/charge-points/<text:identity>/composite-schedule/",
        CompositeScheduleViewSet.as_view({**ROW, "post": "create"}),
        name="charge-point-composite-schedule",
    ),
    path(
        "v1/charge-points/<text:identity>/read-certificates/",
        ReadRootsViewSet.as_view({"post": "create"}),
        name="charge-point-read-certificates",
    ),
    path("v1/charge-points/<text:identity>/", ChargePointViewSet.as_view(ROW), name="charge-point-detail"),
    path("v1/connectors/", ConnectorViewSet.as_view(LIST), name="connector-list"),
    path("v1/connectors/<int:pk>/", ConnectorViewSet.as_view(ROW), name="connector-detail"),
    path("v1/commands/", CommandViewSet.as_view(LIST), name="command-list"),
    path("v1/commands/<uuid:pk>/", CommandViewSet.as_view(ROW), name="command-detail"),
    *_actions("v1/commands/<uuid:pk>/", "command", CommandViewSet, "cancel"),
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
    *_actions("v1/reservations/<int:pk>/", "reservation", ReservationViewSet, "cancel"),
    path("v1/local-lists/", LocalListViewSet.as_view(LIST), name="local-list-list"),
    *_actions("v1/local-lists/<text:identity>/", "local-list", LocalListViewSet, "publish", "switch_on", "switch_off"),
    path("v1/local-lists/<text:identity>/", LocalListViewSet.as_view(ROW), name="local-list-detail"),
    path("v1/firmware-files/", FirmwareFileViewSet.as_view({**LIST, "post": "create"}), name="firmware-file-list"),
    path("v1/firmware-files/<int:pk>/", FirmwareFileViewSet.as_view(ROW), name="firmware-file-detail"),
    *_actions("v1/firmware-files/<int:pk>/", "firmware-file", FirmwareFileViewSet, "archive"),
    path(
        "v1/firmware-updates/", FirmwareUpdateViewSet.as_view({**LIST, "post": "create"}), name="firmware-update-list"
    ),
    path("v1/firmware-updates/<uuid:pk>/", FirmwareUpdateViewSet.as_view(ROW), name="firmware-update-detail"),
    *_actions("v1/firmware-updates/<uuid:pk>/", "firmware-update", FirmwareUpdateViewSet, "cancel"),
    path("v1/campaigns/", CampaignViewSet.as_view({**LIST, "post": "create"}), name="campaign-list"),
    path("v1/campaigns/<uuid:pk>/", CampaignViewSet.as_view(ROW), name="campaign-detail"),
    *_actions("v1/campaigns/<uuid:pk>/", "campaign", CampaignViewSet, "pause", "resume", "cancel", "retry_failed"),
    path("v1/station-files/", StationFileViewSet.as_view(LIST), name="station-file-list"),
    path(
        "v1/station-files/<int:pk>/",
        StationFileViewSet.as_view({**ROW, "delete": "destroy"}),
        name="station-file-detail",
    ),
    path(
        "v1/station-files/<int:pk>/content/",
        StationFileViewSet.as_view({"get": "content"}),
        name="station-file-content",
    ),
    path("v1/certificates/", StationCertificateViewSet.as_view(LIST), name="certificate-list"),
    path("v1/certificates/<int:pk>/", StationCertificateViewSet.as_view(ROW), name="certificate-detail"),
    *_actions("v1/certificates/<int:pk>/", "certificate", StationCertificateViewSet, "revoke"),
    path("v1/signing-requests/", SigningRequestViewSet.as_view(LIST), name="signing-request-list"),
    path("v1/signing-requests/<int:pk>/", SigningRequestViewSet.as_view(ROW), name="signing-request-detail"),
    *_actions("v1/signing-requests/<int:pk>/", "signing-request", SigningRequestViewSet, "sign", "refuse", "upload"),
    path(
        "v1/root-certificates/",
        RootCertificateViewSet.as_view({**LIST, "post": "create"}),
        name="root-certificate-list",
    ),
    path("v1/root-certificates/<int:pk>/", RootCertificateViewSet.as_view(ROW), name="root-certificate-detail"),
    *_actions("v1/root-certificates/<int:pk>/", "root-certificate", RootCertificateViewSet, "archive", "install"),
    path("v1/installed-certificates/", InstalledCertificateViewSet.as_view(LIST), name="installed-certificate-list"),
    path(
        "v1/installed-certificates/<int:pk>/",
        InstalledCertificateViewSet.as_view(ROW),
        name="installed-certificate-detail",
    ),
    *_actions("v1/installed-certificates/<int:pk>/", "installed-certificate", InstalledCertificateViewSet, "remove"),
    path(
        "v1/security-upgrades/",
        SecurityUpgradeViewSet.as_view({**LIST, "post": "create"}),
        name="security-upgrade-list",
    ),
    path("v1/security-upgrades/<uuid:pk>/", SecurityUpgradeViewSet.as_view(ROW), name="security-upgrade-detail"),
    *_actions("v1/security-upgrades/<uuid:pk>/", "security-upgrade", SecurityUpgradeViewSet, "cancel", "carry_on"),
    path("v1/certificate-authority/", AuthorityViewSet.as_view(ROW), name="certificate-authority"),
    path(
        "v1/charging-profiles/",
        ChargingProfileViewSet.as_view({**LIST, "post": "create"}),
        name="charging-profile-list",
    ),
    path(
        "v1/charging-profiles/<int:pk>/",
        ChargingProfileViewSet.as_view({**ROW, "put": "update", "patch": "partial_update"}),
        name="charging-profile-detail",
    ),
    *_actions("v1/charging-profiles/<int:pk>/", "charging-profile", ChargingProfileViewSet, "assign"),
    path("v1/assigned-profiles/", AssignedProfileViewSet.as_view(LIST), name="assigned-profile-list"),
    path("v1/assigned-profiles/<int:pk>/", AssignedProfileViewSet.as_view(ROW), name="assigned-profile-detail"),
    *_actions("v1/assigned-profiles/<int:pk>/", "assigned-profile", AssignedProfileViewSet, "clear"),
    path("v1/composite-readings/", CompositeReadingViewSet.as_view(LIST), name="composite-reading-list"),
    path("v1/composite-readings/<int:pk>/", CompositeReadingViewSet.as_view(ROW), name="composite-reading-detail"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    re_path(r"", NotFoundView.as_view(), name="nothing"),
]
