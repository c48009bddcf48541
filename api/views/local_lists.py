"""`local-lists/`: which tags the stations may judge by themselves, and whether they know them yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from stations.commands import CommandRefused
from transactions import local_lists
from transactions.models import LocalList

from ..authentication import origin_of
from ..filters import LocalListFilters
from ..models import Scope
from ..permissions import Need
from ..problems import Conflict
from ..serializers.local_lists import LocalListSerializer, PublishSerializer
from .base import ReadViewSet, find_station

CHANGE = Need("transactions.change_locallist", Scope.COMMAND)


class LocalListViewSet(ReadViewSet):
    """One list per station that keeps one; an address names the station."""

    needs: ClassVar = {
        "list": Need("transactions.view_locallist"),
        "retrieve": Need("transactions.view_locallist"),
        "publish": CHANGE,
        "switch_on": CHANGE,
        "switch_off": CHANGE,
    }
    queryset = LocalList.objects.select_related("charge_point")
    serializer_class = LocalListSerializer
    filterset_class = LocalListFilters
    lookup_field = "identity"
    ordering = ("id",)
    ordering_fields = ("id", "state_at")

    def get_object(self) -> LocalList:
        lists = LocalList.objects.select_related("charge_point")
        return get_object_or_404(lists, charge_point=find_station(self.kwargs["identity"]))

    @extend_schema(request=PublishSerializer, responses={202: LocalListSerializer})
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, identity: str) -> Response:
        """Bring the station's list up to date now; 409 if it is switched off."""
        order = PublishSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        return self._done(request, local_lists.publish, full=order.validated_data["full"])

    @extend_schema(request=None, responses={202: LocalListSerializer})
    @action(detail=True, methods=["post"])
    def switch_on(self, request: Request, identity: str) -> Response:
        """Keep the station's list from now on, and publish it."""
        return self._done(request, local_lists.switch_on)

    @extend_schema(request=None, responses={202: LocalListSerializer})
    @action(detail=True, methods=["post"])
    def switch_off(self, request: Request, identity: str) -> Response:
        """Stop keeping the station's list, and empty it."""
        return self._done(request, local_lists.switch_off)

    def _done(self, request: Request, act: Callable[..., Any], **options: Any) -> Response:
        try:
            act(find_station(self.kwargs["identity"]), origin=origin_of(request), **options)
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return Response(LocalListSerializer(self.get_object()).data, status=status.HTTP_202_ACCEPTED)
