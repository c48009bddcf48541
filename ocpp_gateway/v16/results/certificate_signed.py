"""CertificateSigned.conf: whether a station took the certificate it asked for (white paper A02)."""

from certificates import delivery
from ocpp_gateway.v16.messages.certificate_signed import CertificateSignedResponse
from stations.models import Command


def settle(command: Command, response: CertificateSignedResponse) -> None:
    delivery.answered(command, response.status)
