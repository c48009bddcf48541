"""InstallCertificate: the station gets a root certificate (Security White Paper ed. 3)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import CertificateUse, PemCertificate

InstallCertificateStatus = Literal["Accepted", "Failed", "Rejected"]


class InstallCertificateRequest(Message, frozen=True, kw_only=True):
    """InstallCertificate.req: one certificate as PEM."""

    certificate_type: CertificateUse
    certificate: PemCertificate


class InstallCertificateResponse(Message, frozen=True, kw_only=True):
    """InstallCertificate.conf; Rejected: not valid, or no room. Failed: valid, but it did not work."""

    status: Open[InstallCertificateStatus]
