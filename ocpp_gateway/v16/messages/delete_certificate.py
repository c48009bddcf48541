"""DeleteCertificate: a root certificate leaves the station (Security White Paper ed. 3)."""

from typing import Annotated, Literal

from ocpp_gateway.schema import Message, Open, tolerate
from ocpp_gateway.v16.types import CertificateHashData

DeleteCertificateStatus = Literal["Accepted", "Failed", "NotFound"]


class DeleteCertificateRequest(Message, frozen=True, kw_only=True):
    """DeleteCertificate.req: the values of the station's own GetInstalledCertificateIds."""

    certificate_hash_data: CertificateHashData


class DeleteCertificateResponse(Message, frozen=True, kw_only=True):
    """DeleteCertificate.conf. Requirement M04.FR.02 of the White Paper says Success where its schema says Accepted."""

    status: Annotated[Open[DeleteCertificateStatus], tolerate(aliases={"Success": "Accepted"})]
