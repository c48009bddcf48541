"""`id-tags/`, and `transactions/` with their meter values."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.mixins import CreateModelMixin, ListModelMixin, UpdateModelMixin
from rest_framework.serializers import BaseSerializer

from stations import changes
from transactions.models import IdTag, MeterValue, Transaction

from ..filters import IdTagFilters, MeterValueFilters, TransactionFilters
from ..models import Scope
from ..permissions import Need
from ..serializers.transactions import (
    IdTagSerializer,
    MeterValueSerializer,
    TransactionSerializer,
)
from .base import ApiViewSet, ReadViewSet


class IdTagViewSet(ReadViewSet, CreateModelMixin, UpdateModelMixin):
    """Cards and tokens. None is deleted, for its sessions would lose their holder: block or archive it."""

    needs: ClassVar = {
        "list": Need("transactions.view_idtag"),
        "retrieve": Need("transactions.view_idtag"),
        "create": Need("transactions.add_idtag", Scope.ADMIN),
        "update": Need("transactions.change_idtag", Scope.ADMIN),
        "partial_update": Need("transactions.change_idtag", Scope.ADMIN),
    }
    queryset = IdTag.objects.select_related("group")
    serializer_class = IdTagSerializer
    filterset_class = IdTagFilters
    lookup_field = "id_tag"
    ordering = ("id_tag",)
    ordering_fields = ("id_tag", "created_at")

    def get_object(self) -> IdTag:
        return get_object_or_404(IdTag.objects.select_related("group").with_number(self.kwargs["id_tag"]))

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        self._tell(serializer.save(), ADDITION)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        self._tell(serializer.save(), CHANGE)

    def _tell(self, tag: IdTag, kind: int) -> None:
        """Open pages show what came this way too, and so does the tag's history in the admin."""
        changes.note("tags")
        LogEntry.objects.log_actions(self.request.user.pk, [tag], kind, change_message="API", single_object=True)


class TransactionViewSet(ReadViewSet):
    """Charging sessions, newest first."""

    needs: ClassVar = {
        "list": Need("transactions.view_transaction"),
        "retrieve": Need("transactions.view_transaction"),
    }
    queryset = Transaction.objects.select_related("charge_point", "connector", "tag__group")
    serializer_class = TransactionSerializer
    filterset_class = TransactionFilters
    ordering = ("-id",)
    ordering_fields = ("id", "started_at")


class MeterValueViewSet(ApiViewSet, ListModelMixin):
    """What the meters said during one session, oldest first."""

    needs: ClassVar = {"list": Need("transactions.view_metervalue")}
    queryset = MeterValue.objects.select_related("connector")
    serializer_class = MeterValueSerializer
    filterset_class = MeterValueFilters
    ordering = ("timestamp",)
    ordering_fields = ("timestamp",)

    def get_queryset(self) -> QuerySet[MeterValue]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return rows.filter(transaction=get_object_or_404(Transaction, pk=self.kwargs["transaction_id"]))
