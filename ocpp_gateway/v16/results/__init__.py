"""What the answers to our CALLs are for: results/<action>.settle, for those that change our data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stations.models import Command

from . import (
    cancel_reservation,
    certificate_signed,
    change_configuration,
    clear_charging_profile,
    delete_certificate,
    get_composite_schedule,
    get_configuration,
    get_installed_certificate_ids,
    get_local_list_version,
    install_certificate,
    remote_start_transaction,
    reserve_now,
    send_local_list,
    set_charging_profile,
)

#: Called with every CALLRESULT that fits its schema, accepted or not, in the transaction that closes the command.
RESULTS: dict[str, Callable[[Command, Any], None]] = {
    "CancelReservation": cancel_reservation.settle,
    "CertificateSigned": certificate_signed.settle,
    "ChangeConfiguration": change_configuration.settle,
    "ClearChargingProfile": clear_charging_profile.settle,
    "DeleteCertificate": delete_certificate.settle,
    "GetCompositeSchedule": get_composite_schedule.settle,
    "GetConfiguration": get_configuration.settle,
    "GetInstalledCertificateIds": get_installed_certificate_ids.settle,
    "GetLocalListVersion": get_local_list_version.settle,
    "InstallCertificate": install_certificate.settle,
    "RemoteStartTransaction": remote_start_transaction.settle,
    "ReserveNow": reserve_now.settle,
    "SendLocalList": send_local_list.settle,
    "SetChargingProfile": set_charging_profile.settle,
}
