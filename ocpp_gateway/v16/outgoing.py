"""The vocabulary of our commands: the 26 actions of OCPP 1.6 and its security extension that we send.

Plain Python without Django or a socket, so that screens, the API and the command line may use it as the gateway does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ocpp_gateway import schema
from ocpp_gateway.errors import ActionNotImplemented, FormationViolation, PropertyConstraintViolation
from ocpp_gateway.json_repair import escape_unstorable
from ocpp_gateway.schema import Message

from .messages.cancel_reservation import CancelReservationRequest, CancelReservationResponse
from .messages.certificate_signed import CertificateSignedRequest, CertificateSignedResponse
from .messages.change_availability import ChangeAvailabilityRequest, ChangeAvailabilityResponse
from .messages.change_configuration import ChangeConfigurationRequest, ChangeConfigurationResponse
from .messages.clear_cache import ClearCacheRequest, ClearCacheResponse
from .messages.clear_charging_profile import ClearChargingProfileRequest, ClearChargingProfileResponse
from .messages.data_transfer import DataTransferRequest, DataTransferResponse
from .messages.delete_certificate import DeleteCertificateRequest, DeleteCertificateResponse
from .messages.extended_trigger_message import ExtendedTriggerMessageRequest, ExtendedTriggerMessageResponse
from .messages.get_composite_schedule import GetCompositeScheduleRequest, GetCompositeScheduleResponse
from .messages.get_configuration import GetConfigurationRequest, GetConfigurationResponse
from .messages.get_diagnostics import GetDiagnosticsRequest, GetDiagnosticsResponse
from .messages.get_installed_certificate_ids import (
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
)
from .messages.get_local_list_version import GetLocalListVersionRequest, GetLocalListVersionResponse
from .messages.get_log import GetLogRequest, GetLogResponse
from .messages.install_certificate import InstallCertificateRequest, InstallCertificateResponse
from .messages.remote_start_transaction import RemoteStartTransactionRequest, RemoteStartTransactionResponse
from .messages.remote_stop_transaction import RemoteStopTransactionRequest, RemoteStopTransactionResponse
from .messages.reserve_now import ReserveNowRequest, ReserveNowResponse
from .messages.reset import ResetRequest, ResetResponse
from .messages.send_local_list import SendLocalListRequest, SendLocalListResponse
from .messages.set_charging_profile import SetChargingProfileRequest, SetChargingProfileResponse
from .messages.signed_update_firmware import SignedUpdateFirmwareRequest, SignedUpdateFirmwareResponse
from .messages.trigger_message import TriggerMessageRequest, TriggerMessageResponse
from .messages.unlock_connector import UnlockConnectorRequest, UnlockConnectorResponse
from .messages.update_firmware import UpdateFirmwareRequest, UpdateFirmwareResponse


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An action of ours."""

    request: type[Message]
    response: type[Message]


OUTGOING: dict[str, Outgoing] = {
    "CancelReservation": Outgoing(CancelReservationRequest, CancelReservationResponse),
    "CertificateSigned": Outgoing(CertificateSignedRequest, CertificateSignedResponse),
    "ChangeAvailability": Outgoing(ChangeAvailabilityRequest, ChangeAvailabilityResponse),
    "ChangeConfiguration": Outgoing(ChangeConfigurationRequest, ChangeConfigurationResponse),
    "ClearCache": Outgoing(ClearCacheRequest, ClearCacheResponse),
    "ClearChargingProfile": Outgoing(ClearChargingProfileRequest, ClearChargingProfileResponse),
    "DataTransfer": Outgoing(DataTransferRequest, DataTransferResponse),
    "DeleteCertificate": Outgoing(DeleteCertificateRequest, DeleteCertificateResponse),
    "ExtendedTriggerMessage": Outgoing(ExtendedTriggerMessageRequest, ExtendedTriggerMessageResponse),
    "GetCompositeSchedule": Outgoing(GetCompositeScheduleRequest, GetCompositeScheduleResponse),
    "GetConfiguration": Outgoing(GetConfigurationRequest, GetConfigurationResponse),
    "GetDiagnostics": Outgoing(GetDiagnosticsRequest, GetDiagnosticsResponse),
    "GetInstalledCertificateIds": Outgoing(GetInstalledCertificateIdsRequest, GetInstalledCertificateIdsResponse),
    "GetLocalListVersion": Outgoing(GetLocalListVersionRequest, GetLocalListVersionResponse),
    "GetLog": Outgoing(GetLogRequest, GetLogResponse),
    "InstallCertificate": Outgoing(InstallCertificateRequest, InstallCertificateResponse),
    "RemoteStartTransaction": Outgoing(RemoteStartTransactionRequest, RemoteStartTransactionResponse),
    "RemoteStopTransaction": Outgoing(RemoteStopTransactionRequest, RemoteStopTransactionResponse),
    "ReserveNow": Outgoing(ReserveNowRequest, ReserveNowResponse),
    "Reset": Outgoing(ResetRequest, ResetResponse),
    "SendLocalList": Outgoing(SendLocalListRequest, SendLocalListResponse),
    "SetChargingProfile": Outgoing(SetChargingProfileRequest, SetChargingProfileResponse),
    "SignedUpdateFirmware": Outgoing(SignedUpdateFirmwareRequest, SignedUpdateFirmwareResponse),
    "TriggerMessage": Outgoing(TriggerMessageRequest, TriggerMessageResponse),
    "UnlockConnector": Outgoing(UnlockConnectorRequest, UnlockConnectorResponse),
    "UpdateFirmware": Outgoing(UpdateFirmwareRequest, UpdateFirmwareResponse),
}

#: What only a central system sends, and a station may not: DataTransfer goes both ways.
SENT_BY_CENTRAL_SYSTEM = frozenset(OUTGOING) - {"DataTransfer"}

_encoder = msgspec.json.Encoder(decimal_format="number")


def read_payload(action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload as it will stand on the wire: OCPP's names, absent members absent, times in UTC.

    Nothing is repaired. Raises the OcppError that names the cause and the JSON path, ActionNotImplemented for an action
    that is none of ours. Times may be aware datetimes, numbers Decimals.
    """
    outgoing = OUTGOING.get(action)
    if outgoing is None:
        raise ActionNotImplemented(f"{action[:50]!r} is not an action that OCPP 1.6 sends to a charge point")
    message, _ = schema.decode(outgoing.request, _json(payload), strict=True)
    wire: dict[str, Any] = msgspec.json.decode(schema.encode(message))
    return wire


def _json(payload: Mapping[str, Any]) -> bytes:
    try:
        text = _encoder.encode(dict(payload))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise FormationViolation(f"The payload cannot be written as JSON: {error}") from error
    if escape_unstorable(text.decode()) != text.decode():
        raise PropertyConstraintViolation("A text contains the character U+0000")
    return text
