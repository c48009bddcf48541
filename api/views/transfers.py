"""Firmware files, updates, campaigns, and the files that stations delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from stations.commands import CommandRefused
from stations.downloads import download, pieces_of
from stations.models import ChargePoint, Command
from transfers import campaigns, fetching, firmware_files, retention, updates
from transfers.audit import recorded
from transfers.campaign_progress import progress_by_campaign
from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, StationFile

from ..authentication import origin_of
from ..filters import CampaignFilters, FirmwareFileFilters, FirmwareUpdateFilters, StationFileFilters
from ..models import Scope
from ..permissions import Need
from ..problems import Conflict
from ..serializers.commands import CommandSerializer
from ..serializers.transfers import (
    CampaignRequestSerializer,
    CampaignSerializer,
    FetchRequestSerializer,
    FirmwareFileSerializer,
    FirmwareUpdateSerializer,
    FirmwareUploadSerializer,
    StationFileSerializer,
    UpdateRequestSerializer,
)
from .base import ApiViewSet, ReadViewSet, find_station

SEND = Need("stations.send_command", Scope.COMMAND)
CHANGE_CAMPAIGN = Need("transfers.change_campaign", Scope.COMMAND)


class FirmwareFileViewSet(ReadViewSet):
    """The library, newest first."""

    needs: ClassVar = {
        "list": Need("transfers.view_firmwarefile"),
        "retrieve": Need("transfers.view_firmwarefile"),
        "create": Need("transfers.add_firmwarefile", Scope.ADMIN),
        "archive": Need("transfers.change_firmwarefile", Scope.ADMIN),
    }
    queryset = FirmwareFile.objects.select_related("uploaded_by")
    serializer_class = FirmwareFileSerializer
    filterset_class = FirmwareFileFilters
    ordering = ("-id",)
    ordering_fields = ("id", "uploaded_at")

    def get_parsers(self) -> list[Any]:
        """A file comes as a form does; everything else here has no body."""
        return [MultiPartParser()]

    @extend_schema(request=FirmwareUploadSerializer, responses={201: FirmwareFileSerializer})
    def create(self, request: Request) -> Response:
        """Store a file. 400 names what is wrong with it, such as a signature of something else."""
        order = FirmwareUploadSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        entered = {**order.validated_data}
        try:
            firmware = firmware_files.store(entered.pop("file"), **entered, by=cast(User, request.user))
        except ValidationError as refused:
            named = hasattr(refused, "error_dict")
            raise serializers.ValidationError(refused.message_dict if named else refused.messages) from None
        return Response(FirmwareFileSerializer(firmware).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=FirmwareFileSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: Any) -> Response:
        """Offer it no more; 409 while stations are being updated with it."""
        firmware = self.get_object()
        try:
            with recorded(firmware, "archived_at"):
                firmware_files.archive(firmware)
        except ValidationError as refused:
            raise Conflict(" ".join(refused.messages)) from None
        return Response(FirmwareFileSerializer(firmware).data)


class FirmwareUpdateViewSet(ReadViewSet):
    """Updates of single stations, also those of campaigns, newest first."""

    needs: ClassVar = {
        "list": Need("transfers.view_firmwareupdate"),
        "retrieve": Need("transfers.view_firmwareupdate"),
        "create": SEND,
        "cancel": SEND,
    }
    queryset = FirmwareUpdate.objects.select_related("charge_point", "firmware", "command", "transfer")
    serializer_class = FirmwareUpdateSerializer
    filterset_class = FirmwareUpdateFilters
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)

    @extend_schema(request=UpdateRequestSerializer, responses={202: FirmwareUpdateSerializer})
    def create(self, request: Request) -> Response:
        """Update a station. 409 says why not: another update is under way, the file is for another model."""
        order = UpdateRequestSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        entered = {**order.validated_data}
        station = _station(entered.pop("charge_point"))
        try:
            update = updates.begin_update(station, entered.pop("firmware"), origin=origin_of(request), **entered)
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return self._answer(update, status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=FirmwareUpdateSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Give it up; 409 once the station is at it, or it is over."""
        update = self.get_object()
        if not updates.cancel_update(update):
            raise Conflict(_("Too late: the charger is at it already, or it is over."))
        return self._answer(update, status.HTTP_200_OK)

    def _answer(self, update: FirmwareUpdate, code: int) -> Response:
        return Response(FirmwareUpdateSerializer(self.get_queryset().get(pk=update.pk)).data, status=code)


class CampaignViewSet(ReadViewSet):
    """Campaigns, newest first."""

    needs: ClassVar = {
        "list": Need("transfers.view_campaign"),
        "retrieve": Need("transfers.view_campaign"),
        "create": Need("transfers.add_campaign", Scope.COMMAND),
        "pause": CHANGE_CAMPAIGN,
        "resume": CHANGE_CAMPAIGN,
        "cancel": CHANGE_CAMPAIGN,
        "retry_failed": CHANGE_CAMPAIGN,
    }
    queryset = Campaign.objects.all()
    serializer_class = CampaignSerializer
    filterset_class = CampaignFilters
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page's campaigns, all counted in one query."""
        page: list[Campaign] = super().paginate_queryset(queryset) or []
        found = progress_by_campaign(FirmwareUpdate.objects.filter(campaign__in=[row.pk for row in page]))
        for row in page:
            row.counted = found.get(row.pk)  # type: ignore[attr-defined]  # for the serializer
        return page

    @extend_schema(request=CampaignRequestSerializer, responses={202: CampaignSerializer})
    def create(self, request: Request) -> Response:
        """Put stations in line; the work goes on by itself."""
        order = CampaignRequestSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        entered = {**order.validated_data}
        stations, firmware = entered.pop("charge_points"), entered.pop("firmware")
        try:
            campaign = campaigns.start_campaign(stations, firmware, origin=origin_of(request), **entered)
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return Response(CampaignSerializer(campaign).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: Any) -> Response:
        """Begin no further station."""
        return self._pull(campaigns.pause)

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: Any) -> Response:
        """Go on after a pause."""
        return self._pull(campaigns.resume)

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Give up what has not begun."""
        return self._pull(campaigns.cancel)

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def retry_failed(self, request: Request, pk: Any) -> Response:
        """Put those that failed in line again."""
        return self._pull(campaigns.retry_failed)

    def _pull(self, lever: Callable[[Campaign], bool | int]) -> Response:
        campaign = self.get_object()
        try:
            with recorded(campaign, "state"):
                done = lever(campaign)
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        if not done:
            raise Conflict(_("The campaign is in another state."))
        return Response(CampaignSerializer(self.get_queryset().get(pk=campaign.pk)).data)


class StationFileViewSet(ReadViewSet):
    """Files that stations delivered, newest first."""

    needs: ClassVar = {
        "list": Need("transfers.view_stationfile"),
        "retrieve": Need("transfers.view_stationfile"),
        "content": Need("transfers.download_stationfile"),
        "destroy": Need("transfers.delete_stationfile", Scope.ADMIN),
    }
    queryset = StationFile.objects.select_related("charge_point", "transfer")
    serializer_class = StationFileSerializer
    filterset_class = StationFileFilters
    ordering = ("-id",)
    ordering_fields = ("id", "received_at")

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def content(self, request: Request, pk: Any) -> HttpResponseBase:
        """The file itself; 404 once it is deleted."""
        file = self.get_object()
        try:
            pieces = pieces_of(file.file if file.deleted_at is None else None)
        except FileNotFoundError:
            raise Http404 from None
        return download(request._request, pieces, "application/octet-stream", file.file_name or "file", is_stored=True)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Delete the file; its row stays, with `deleted_at`."""
        retention.delete_file(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class FetchViewSet(ApiViewSet):
    """Ask one station for a file."""

    needs: ClassVar = {"create": SEND}
    queryset = Command.objects.none()

    @extend_schema(
        request=FetchRequestSerializer,
        responses={202: OpenApiResponse(CommandSerializer, "The command; the file appears in `station-files/`.")},
    )
    def create(self, request: Request, identity: str) -> Response:
        """Have a station deliver diagnostics or a log to an address of ours, made for this once."""
        station = find_station(identity)
        order = FetchRequestSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        entered = {**order.validated_data}
        log, way = entered.pop("log"), entered.pop("way") or None
        options = {**entered, "way": way, "origin": origin_of(request)}
        try:
            command = (
                fetching.fetch_log(station, log, **options) if log else fetching.fetch_diagnostics(station, **options)
            )
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return Response(CommandSerializer(command).data, status=status.HTTP_202_ACCEPTED)


def _station(identity: str) -> ChargePoint:
    """The station that an order names. Raises ValidationError."""
    station = ChargePoint.objects.select_related("gateway").with_identity(identity).first()
    if station is None:
        raise serializers.ValidationError({"charge_point": _("There is no such charger.")}, code="unknown")
    return station
