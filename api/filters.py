"""What lists may be narrowed by: `?status=queued&created_after=2026-11-21T00:00:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import QuerySet, Value
from django.db.models.functions import Upper
from django.utils.translation import gettext as _
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import FilterSet

from certificates.models import CertificateUse, SecurityUpgrade, SigningRequest
from charging_profiles.models import Assignment, Purpose, RateUnit
from stations.models import ChargePoint, CommandStatus
from stations.models.charge_point import ChargePointStatus, RegistrationStatus
from transactions.models import EndedBy, LocalList, MeterValue, Reservation
from transfers.models import Campaign, FileKind, FirmwareUpdate


class MomentField(IsoDateTimeField):  # type: ignore[misc]
    """A moment that has an equivalent in UTC; year 1 and year 9999 have edges."""

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError(_("This time is out of range."), code="invalid") from None


class MomentFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    field_class = MomentField


class WholeNumberFilter(django_filters.NumberFilter):  # type: ignore[misc]
    """A number that a column may hold. The library sets no lower bound, and -1e1000000 takes half a minute, in which
    no charger is answered either, to become an integer.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=-(2**63), **options)

    def get_max_validator(self) -> MaxValueValidator:
        return MaxValueValidator(2**63 - 1)


class SameTextFilter(django_filters.CharFilter):  # type: ignore[misc]
    """Equal without regard to case, compared as the unique indexes compare."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__upper": Upper(Value(value))}) if value else qs


class ArchivedFilter(django_filters.BooleanFilter):  # type: ignore[misc]
    """Rows in use, unless somebody asks for archived ones."""

    def __init__(self, **options: Any) -> None:
        super().__init__(field_name="archived_at", **options)

    def filter(self, qs: QuerySet[Any], value: bool | None) -> QuerySet[Any]:
        return qs.filter(archived_at__isnull=not value)


def after(field: str) -> MomentFilter:
    return MomentFilter(field_name=field, lookup_expr="gte")


def before(field: str) -> MomentFilter:
    return MomentFilter(field_name=field, lookup_expr="lt")


class Filters(FilterSet):  # type: ignore[misc]
    """Names that are given below, and no other."""


class ChargePointFilters(Filters):
    site = SameTextFilter(field_name="site__name")
    registration_status = django_filters.ChoiceFilter(choices=RegistrationStatus.choices)
    vendor = SameTextFilter()
    model = SameTextFilter()
    online = django_filters.BooleanFilter(method="by_presence")
    archived = ArchivedFilter()

    def by_presence(self, queryset: Any, name: str, value: bool) -> Any:
        online = ChargePoint.objects.online()
        return queryset.filter(pk__in=online) if value else queryset.exclude(pk__in=online)


class ConnectorFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    connector_id = WholeNumberFilter()
    status = django_filters.ChoiceFilter(choices=ChargePointStatus.choices)


class CommandFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    action = SameTextFilter()
    status = django_filters.MultipleChoiceFilter(choices=CommandStatus.choices)
    batch = django_filters.UUIDFilter(field_name="batch_id")
    created_after = after("created_at")
    created_before = before("created_at")


class IdTagFilters(Filters):
    holder = django_filters.CharFilter(lookup_expr="icontains")
    group = SameTextFilter(field_name="group__parent_id_tag")
    blocked = django_filters.BooleanFilter()
    expires_before = before("expires_at")
    archived = ArchivedFilter()


class TransactionFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    connector_id = WholeNumberFilter(field_name="connector__connector_id")
    id_tag = SameTextFilter()
    running = django_filters.BooleanFilter(method="by_state")
    started_after = after("started_at")
    started_before = before("started_at")
    stopped_after = after("stopped_at")
    stopped_before = before("stopped_at")

    def by_state(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(ended_by=EndedBy.OPEN) if value else queryset.exclude(ended_by=EndedBy.OPEN)


class MeterValueFilters(Filters):
    context = django_filters.ChoiceFilter(choices=MeterValue.Context.choices)
    measured_after = after("timestamp")
    measured_before = before("timestamp")


class ReservationFilters(Filters):
    charge_point = SameTextFilter(field_name="connector__charge_point__identity")
    connector_id = WholeNumberFilter(field_name="connector__connector_id")
    id_tag = SameTextFilter()
    status = django_filters.MultipleChoiceFilter(choices=Reservation.Status.choices)


class LocalListFilters(Filters):
    state = django_filters.MultipleChoiceFilter(choices=LocalList.State.choices)


class FirmwareFileFilters(Filters):
    vendor = SameTextFilter()
    model = SameTextFilter()
    version = SameTextFilter()
    archived = ArchivedFilter()


class FirmwareUpdateFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    campaign = django_filters.UUIDFilter(field_name="campaign_id")
    firmware = WholeNumberFilter(field_name="firmware_id")
    state = django_filters.MultipleChoiceFilter(choices=FirmwareUpdate.State.choices)
    created_after = after("created_at")
    created_before = before("created_at")


class CampaignFilters(Filters):
    state = django_filters.MultipleChoiceFilter(choices=Campaign.State.choices)


class StationFileFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    kind = django_filters.ChoiceFilter(
        choices=[choice for choice in FileKind.choices if choice[0] != FileKind.FIRMWARE]
    )
    received_after = after("received_at")
    received_before = before("received_at")


class StationCertificateFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    revoked = django_filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)
    expires_after = after("not_after")
    expires_before = before("not_after")


class SigningRequestFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    state = django_filters.MultipleChoiceFilter(choices=SigningRequest.State.choices)
    received_after = after("received_at")
    received_before = before("received_at")


class RootCertificateFilters(Filters):
    use = django_filters.ChoiceFilter(choices=CertificateUse.choices)
    archived = ArchivedFilter()


class InstalledCertificateFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    use = django_filters.ChoiceFilter(choices=CertificateUse.choices)
    root = WholeNumberFilter(field_name="root_id")


class SecurityUpgradeFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    state = django_filters.MultipleChoiceFilter(choices=SecurityUpgrade.State.choices)


class ChargingProfileFilters(Filters):
    purpose = django_filters.ChoiceFilter(choices=Purpose.choices)
    unit = django_filters.ChoiceFilter(choices=RateUnit.choices)
    archived = ArchivedFilter()


class AssignmentFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    connector_id = WholeNumberFilter()
    profile = WholeNumberFilter(field_name="profile_id")
    purpose = django_filters.ChoiceFilter(choices=Purpose.choices)
    state = django_filters.MultipleChoiceFilter(choices=Assignment.State.choices)
    asked_after = after("asked_at")
    asked_before = before("asked_at")


class CompositeReadingFilters(Filters):
    charge_point = SameTextFilter(field_name="charge_point__identity")
    connector_id = WholeNumberFilter()
