"""SignCertificate: the station asks for a certificate (Security White Paper ed. 3)."""

from typing import Annotated

from msgspec import Meta

from ocpp_gateway.schema import Message
from ocpp_gateway.v16.types import GenericStatus


class SignCertificateRequest(Message, frozen=True, kw_only=True):
    """SignCertificate.req; `csr` is a PEM-encoded PKCS#10 request."""

    csr: Annotated[str, Meta(max_length=5500)]


class SignCertificateResponse(Message, frozen=True, kw_only=True):
    """SignCertificate.conf; the certificate itself follows in our CertificateSigned."""

    status: GenericStatus
