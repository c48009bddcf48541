"""SignCertificate: a station asks for a certificate (white paper A03). Rejected: there is no CA to sign it."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.sign_certificate import SignCertificateRequest, SignCertificateResponse


def handle(call: IncomingCall[SignCertificateRequest]) -> SignCertificateResponse:
    return SignCertificateResponse(status="Rejected")
