"""SignCertificate: a station asks for a certificate (white paper A02, A03); it follows in our CertificateSigned."""

from certificates import requests
from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.sign_certificate import SignCertificateRequest, SignCertificateResponse


def handle(call: IncomingCall[SignCertificateRequest]) -> SignCertificateResponse:
    is_taken = requests.receive(call.charge_point, call.request.csr, at=call.received_at)
    return SignCertificateResponse(status="Accepted" if is_taken else "Rejected")
