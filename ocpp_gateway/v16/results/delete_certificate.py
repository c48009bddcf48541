"""DeleteCertificate.conf: whether a station still has a root (white paper M04). NotFound: gone either way."""

from certificates import installed
from ocpp_gateway.v16.messages.delete_certificate import DeleteCertificateResponse
from stations.models import Command

_GONE = frozenset({"Accepted", "NotFound"})


def settle(command: Command, response: DeleteCertificateResponse) -> None:
    if response.status in _GONE:
        installed.was_removed(command)
