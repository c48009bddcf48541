"""Certificates of stations, their requests, roots, the CA, and the way to a higher security profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from certificates import authority, installed, requests, revocation, roots, upgrades
from certificates.models import (
    CertificateUse,
    InstalledCertificate,
    RootCertificate,
    SecurityUpgrade,
    SigningRequest,
    StationCertificate,
)
from stations.commands import CommandRefused
from stations.models import Command

from ..authentication import origin_of
from ..filters import (
    InstalledCertificateFilters,
    RootCertificateFilters,
    SecurityUpgradeFilters,
    SigningRequestFilters,
    StationCertificateFilters,
)
from ..models import Scope
from ..permissions import Need
from ..problems import Conflict
from ..serializers.certificates import (
    AuthoritySerializer,
    InstalledCertificateSerializer,
    RevokeSerializer,
    RootCertificateSerializer,
    RootRequestSerializer,
    SecurityUpgradeSerializer,
    SignedSerializer,
    SigningRequestSerializer,
    StationCertificateSerializer,
    StationOrderSerializer,
    UpgradeRequestSerializer,
)
from ..serializers.commands import CommandSerializer
from .base import ApiViewSet, ReadViewSet, find_station

SEND = Need("stations.send_command", Scope.COMMAND)
SIGN = Need("certificates.sign_signingrequest", Scope.ADMIN)
STEER = Need("certificates.change_securityupgrade", Scope.ADMIN)
_COMMAND = {202: OpenApiResponse(CommandSerializer, "The command.")}


def _order(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    entered: dict[str, Any] = serializer.validated_data
    return entered


def _queued(raise_it: Callable[[], Command]) -> Response:
    try:
        command = raise_it()
    except CommandRefused as refused:
        raise Conflict(str(refused)) from None
    return Response(CommandSerializer(command).data, status=status.HTTP_202_ACCEPTED)


class StationCertificateViewSet(ReadViewSet):
    """Certificates with which stations prove who they are, newest first."""

    needs: ClassVar = {
        "list": Need("certificates.view_stationcertificate"),
        "retrieve": Need("certificates.view_stationcertificate"),
        "revoke": Need("certificates.revoke_stationcertificate", Scope.ADMIN),
    }
    queryset = StationCertificate.objects.select_related("charge_point")
    serializer_class = StationCertificateSerializer
    filterset_class = StationCertificateFilters
    ordering = ("-id",)
    ordering_fields = ("id", "not_after", "last_used_at")

    @extend_schema(request=RevokeSerializer, responses=StationCertificateSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: Any) -> Response:
        """Nobody connects with it any more, and a line it has opened is closed; 409 if it is revoked already."""
        certificate = self.get_object()
        entered = _order(RevokeSerializer(data=request.data))
        if not revocation.revoke(certificate, reason=entered["revocation"], by=cast(User, request.user)):
            raise Conflict(_("It was revoked already."))
        certificate.refresh_from_db()
        return Response(StationCertificateSerializer(certificate).data)


class SigningRequestViewSet(ReadViewSet):
    """Certificate requests of stations, newest first."""

    needs: ClassVar = {
        "list": Need("certificates.view_signingrequest"),
        "retrieve": Need("certificates.view_signingrequest"),
        "sign": SIGN,
        "refuse": SIGN,
        "upload": SIGN,
    }
    queryset = SigningRequest.objects.select_related("charge_point", "certificate")
    serializer_class = SigningRequestSerializer
    filterset_class = SigningRequestFilters
    ordering = ("-id",)
    ordering_fields = ("id", "received_at")

    @extend_schema(request=None, responses=SigningRequestSerializer)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: Any) -> Response:
        """Sign with our CA; the certificate is sent to the station by itself. 409 says why that cannot be."""
        return self._decide(lambda row: requests.sign(row, by=cast(User, request.user)))

    @extend_schema(request=None, responses=SigningRequestSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: Any) -> Response:
        """Refuse a request that waits."""
        return self._decide(lambda row: requests.refuse(row, by=cast(User, request.user)))

    @extend_schema(request=SignedSerializer, responses=SigningRequestSerializer)
    @action(detail=True, methods=["post"])
    def upload(self, request: Request, pk: Any) -> Response:
        """Hand in what was signed elsewhere; 400 says what is wrong with it."""
        pem = _order(SignedSerializer(data=request.data))["pem"]
        return self._decide(lambda row: requests.take_signed(row, pem, by=cast(User, request.user)))

    def _decide(self, decide: Callable[[SigningRequest], Any]) -> Response:
        row = self.get_object()
        if not requests.may_be_signed(row):
            raise Conflict(_("This request has been decided on already."))
        try:
            decide(row)
        except requests.CannotSign as refused:
            raise Conflict(str(refused)) from None
        except ValidationError as refused:
            raise serializers.ValidationError({"pem": refused.messages}) from None
        return Response(SigningRequestSerializer(self.get_queryset().get(pk=row.pk)).data)


class RootCertificateViewSet(ReadViewSet):
    """The library of roots."""

    needs: ClassVar = {
        "list": Need("certificates.view_rootcertificate"),
        "retrieve": Need("certificates.view_rootcertificate"),
        "create": Need("certificates.add_rootcertificate", Scope.ADMIN),
        "archive": Need("certificates.change_rootcertificate", Scope.ADMIN),
        "install": SEND,
    }
    queryset = RootCertificate.objects.select_related("created_by")
    serializer_class = RootCertificateSerializer
    filterset_class = RootCertificateFilters
    ordering = ("id",)
    ordering_fields = ("id", "name", "not_after")

    def get_object(self) -> RootCertificate:
        """Archived ones too: an address that was good once stays so."""
        root: RootCertificate = get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])
        return root

    @extend_schema(request=RootRequestSerializer, responses={201: RootCertificateSerializer})
    def create(self, request: Request) -> Response:
        """Store a root; 400 says what is wrong with it."""
        entered = _order(RootRequestSerializer(data=request.data))
        try:
            root = roots.add_root(entered["name"], entered["use"], entered["pem"], by=cast(User, request.user))
        except ValidationError as refused:
            raise serializers.ValidationError({"pem": refused.messages}) from None
        return Response(RootCertificateSerializer(root).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=RootCertificateSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: Any) -> Response:
        """Offer it no more; stations that have it keep it."""
        root = self.get_object()
        roots.archive(root)
        root.refresh_from_db()
        return Response(RootCertificateSerializer(root).data)

    @extend_schema(request=StationOrderSerializer, responses=_COMMAND)
    @action(detail=True, methods=["post"])
    def install(self, request: Request, pk: Any) -> Response:
        """Send the root to a station (InstallCertificate)."""
        root, entered = self.get_object(), _order(StationOrderSerializer(data=request.data))
        return _queued(lambda: roots.install(root, entered["charge_point"], origin=origin_of(request)))


class InstalledCertificateViewSet(ReadViewSet):
    """Roots that stations say they hold."""

    needs: ClassVar = {
        "list": Need("certificates.view_installedcertificate"),
        "retrieve": Need("certificates.view_installedcertificate"),
        "remove": SEND,
    }
    queryset = InstalledCertificate.objects.select_related("charge_point", "root")
    serializer_class = InstalledCertificateSerializer
    filterset_class = InstalledCertificateFilters
    ordering = ("id",)
    ordering_fields = ("id", "read_at")

    @extend_schema(request=None, responses=_COMMAND)
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: Any) -> Response:
        """Tell the station to forget it (DeleteCertificate); most refuse for the one they use."""
        row = self.get_object()
        return _queued(lambda: installed.remove(row, origin=origin_of(request)))


class ReadRootsViewSet(ApiViewSet):
    """Ask one station which roots it holds."""

    needs: ClassVar = {"create": SEND}
    queryset = Command.objects.none()
    pagination_class = None

    @extend_schema(request=None, responses={202: OpenApiResponse(CommandSerializer(many=True), "One for each use.")})
    def create(self, request: Request, identity: str) -> Response:
        """GetInstalledCertificateIds for both uses; what it says appears in `installed-certificates/`."""
        station, origin = find_station(identity), origin_of(request)
        try:
            commands = [installed.read(station, use, origin=origin) for use in CertificateUse]
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return Response(CommandSerializer(commands, many=True).data, status=status.HTTP_202_ACCEPTED)


class SecurityUpgradeViewSet(ReadViewSet):
    """Ways of stations to a higher security profile, newest first."""

    needs: ClassVar = {
        "list": Need("certificates.view_securityupgrade"),
        "retrieve": Need("certificates.view_securityupgrade"),
        "create": Need("certificates.add_securityupgrade", Scope.ADMIN),
        "cancel": STEER,
        "carry_on": STEER,
    }
    queryset = SecurityUpgrade.objects.select_related("charge_point", "root")
    serializer_class = SecurityUpgradeSerializer
    filterset_class = SecurityUpgradeFilters
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)

    @extend_schema(request=UpgradeRequestSerializer, responses={202: SecurityUpgradeSerializer})
    def create(self, request: Request) -> Response:
        """Begin; the rest happens by itself, step by step. 409 says why it cannot be begun."""
        entered = _order(UpgradeRequestSerializer(data=request.data))
        try:
            upgrade = upgrades.begin(
                entered["charge_point"], entered["profile"], origin=origin_of(request), root=entered["root"]
            )
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return Response(SecurityUpgradeSerializer(upgrade).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=SecurityUpgradeSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Go no further; 409 if it is over."""
        return self._pull(upgrades.cancel)

    @extend_schema(request=None, responses=SecurityUpgradeSerializer)
    @action(detail=True, methods=["post"])
    def carry_on(self, request: Request, pk: Any) -> Response:
        """Somebody has seen to what it waited for; 409 if it waits for nobody."""
        return self._pull(upgrades.carry_on)

    def _pull(self, lever: Callable[[SecurityUpgrade], bool]) -> Response:
        upgrade = self.get_object()
        if not lever(upgrade):
            raise Conflict(_("The upgrade is in another state."))
        return Response(SecurityUpgradeSerializer(self.get_queryset().get(pk=upgrade.pk)).data)


class AuthorityViewSet(ApiViewSet):
    """The CA that signs certificates of stations."""

    needs: ClassVar = {"retrieve": Need("certificates.view_rootcertificate")}
    queryset = RootCertificate.objects.none()

    @extend_schema(responses=AuthoritySerializer)
    def retrieve(self, request: Request) -> Response:
        """What it is, and whether it can sign; its key is never shown."""
        ca = authority.current()
        shown = {
            "problem": authority.problem(),
            "can_sign": ca is not None and ca.can_sign,
            "certificate": "" if ca is None else ca.chain_pem,
        }
        return Response(AuthoritySerializer(shown).data)
