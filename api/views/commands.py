"""`commands/` and `charge-points/{identity}/commands/`: raise commands, follow them, take them back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from ocpp_gateway.errors import OcppError
from ocpp_gateway.v16.outgoing import read_payload
from stations.commands import CommandRefused, cancel_command, queue_command
from stations.credentials import login_key
from stations.models import ChargePoint, Command

from ..authentication import origin_of
from ..filters import CommandFilters
from ..models import Scope
from ..permissions import Need, is_met
from ..problems import Conflict, PayloadRefused
from ..serializers.commands import CommandRequestSerializer, CommandSerializer
from ..waiting import WaitingResponse
from .base import ApiViewSet, ReadViewSet, find_station

COMMANDS = Command.objects.select_related("charge_point", "created_by")
SEND = Need("stations.send_command", Scope.COMMAND)
#: On top of it where a command changes how a station logs in.
SEND_LOGIN = Need("stations.change_chargepoint", Scope.ADMIN)


class CommandViewSet(ReadViewSet):
    """Commands to all stations, newest first."""

    needs: ClassVar = {
        "list": Need("stations.view_command"),
        "retrieve": Need("stations.view_command"),
        "cancel": SEND,
    }
    queryset = COMMANDS
    serializer_class = CommandSerializer
    filterset_class = CommandFilters
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)

    @extend_schema(request=None, responses=CommandSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Take back a command that is still queued; 409 for one that is sent or over."""
        command = self.get_object()
        if not cancel_command(command):
            raise Conflict(_("Only a queued command can be cancelled."))
        command.refresh_from_db()
        return Response(CommandSerializer(command).data)


class StationCommandViewSet(ApiViewSet, ListModelMixin):
    """Commands to one station, newest first."""

    needs: ClassVar = {"list": Need("stations.view_command"), "create": SEND}
    queryset = COMMANDS
    serializer_class = CommandSerializer
    filterset_class = CommandFilters
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)

    def get_queryset(self) -> QuerySet[Command]:
        if getattr(self, "swagger_fake_view", False):
            return COMMANDS.none()
        return COMMANDS.filter(charge_point=find_station(self.kwargs["identity"]))

    @extend_schema(
        request=CommandRequestSerializer,
        responses={
            200: OpenApiResponse(CommandSerializer, "The command is final (with `wait_s` only)."),
            202: OpenApiResponse(CommandSerializer, "The command as it is now."),
        },
    )
    def create(self, request: Request, identity: str) -> Response:
        """Raise a command; with `wait_s` the answer comes with the station's."""
        station = find_station(identity)
        order = CommandRequestSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        command = _queue(request, station, order.validated_data)
        return WaitingResponse(
            CommandSerializer(command).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": request.build_absolute_uri(reverse("api:command-detail", args=[command.pk]))},
            command_id=command.pk,
            seconds=order.validated_data.get("wait_s"),
        )


def _queue(request: Request, station: ChargePoint, order: dict[str, Any]) -> Command:
    try:
        payload = read_payload(order["action"], order["payload"])
        if login_key(order["action"], payload) and not is_met(request, SEND_LOGIN):
            raise PermissionDenied(_("You may not change how a charger logs in."))
        return queue_command(
            station,
            order["action"],
            payload,
            origin=origin_of(request),
            valid_until=order.get("valid_until"),
            idempotency_key=order["idempotency_key"],
        )
    except OcppError as error:
        raise PayloadRefused(f"payload: {error.description}", code=error.code) from None
    except CommandRefused as refused:
        raise Conflict(str(refused)) from None
