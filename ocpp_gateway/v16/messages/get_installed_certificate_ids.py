"""GetInstalledCertificateIds: which root certificates the station has (Security White Paper ed. 3)."""

from typing import Annotated, Literal

from msgspec import Meta

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import CertificateHashData, CertificateUse

GetInstalledCertificateStatus = Literal["Accepted", "NotFound"]


class GetInstalledCertificateIdsRequest(Message, frozen=True, kw_only=True):
    """GetInstalledCertificateIds.req."""

    certificate_type: CertificateUse


class GetInstalledCertificateIdsResponse(Message, frozen=True, kw_only=True):
    """GetInstalledCertificateIds.conf; NotFound comes without a list."""

    status: Open[GetInstalledCertificateStatus]
    certificate_hash_data: Annotated[tuple[CertificateHashData, ...], Meta(min_length=1)] | None = None
