"""CertificateSigned: the answer to a station's SignCertificate (Security White Paper ed. 3)."""

from typing import Annotated

from msgspec import Meta

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import GenericStatus


class CertificateSignedRequest(Message, frozen=True, kw_only=True):
    """CertificateSigned.req: PEM, the station's own certificate first, then those that signed it, but no root."""

    certificate_chain: Annotated[str, Meta(max_length=10_000)]


class CertificateSignedResponse(Message, frozen=True, kw_only=True):
    """CertificateSigned.conf; after Rejected an InvalidChargePointCertificate event follows."""

    status: Open[GenericStatus]
