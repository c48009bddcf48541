"""InstallCertificate.conf: whether a station took a root (white paper M05)."""

from django.utils import timezone

from certificates import installed
from ocpp_gateway.v16.messages.install_certificate import InstallCertificateResponse
from stations.models import Command


def settle(command: Command, response: InstallCertificateResponse) -> None:
    if response.status == "Accepted":
        installed.was_installed(command, at=timezone.now())
