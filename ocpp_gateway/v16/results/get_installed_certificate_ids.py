"""GetInstalledCertificateIds.conf: which roots a station has (white paper M03)."""

from django.utils import timezone

from certificates import installed
from certificates.installed import HashData
from ocpp_gateway.v16.messages.get_installed_certificate_ids import GetInstalledCertificateIdsResponse
from stations.models import Command

_ANSWERS = frozenset({"Accepted", "NotFound"})


def settle(command: Command, response: GetInstalledCertificateIdsResponse) -> None:
    if response.status not in _ANSWERS:
        return
    held = [
        HashData.of(entry.hash_algorithm, entry.issuer_name_hash, entry.issuer_key_hash, entry.serial_number)
        for entry in response.certificate_hash_data or ()
    ]
    installed.was_read(command, held, at=timezone.now())
