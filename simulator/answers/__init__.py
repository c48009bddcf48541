"""What a simulated station says to the central system's commands, and what it does about them.

An answerer takes the station and the request and returns an Answer at once; what follows (`then`) starts after the
answer has left, as the specification's sequences have it. A new command is one function and one line in ANSWERERS.
The modules are the chapters of the specification.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..errors import CallFailed
from ..override import Override
from ..rpc import Payload
from . import certificates, local_list, remote_control, reservation, settings, smart_charging, transfers, triggers
from .answer import Answer, Answerer

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint

ANSWERERS: dict[str, Answerer] = {
    "CancelReservation": reservation.cancel_reservation,
    "CertificateSigned": certificates.certificate_signed,
    "ChangeAvailability": remote_control.change_availability,
    "ChangeConfiguration": settings.change_configuration,
    "ClearCache": settings.clear_cache,
    "ClearChargingProfile": smart_charging.clear_charging_profile,
    "DataTransfer": settings.data_transfer,
    "DeleteCertificate": certificates.delete_certificate,
    "ExtendedTriggerMessage": triggers.extended_trigger_message,
    "GetCompositeSchedule": smart_charging.get_composite_schedule,
    "GetConfiguration": settings.get_configuration,
    "GetDiagnostics": transfers.get_diagnostics,
    "GetInstalledCertificateIds": certificates.get_installed_certificate_ids,
    "GetLocalListVersion": local_list.get_local_list_version,
    "GetLog": transfers.get_log,
    "InstallCertificate": certificates.install_certificate,
    "RemoteStartTransaction": remote_control.remote_start,
    "RemoteStopTransaction": remote_control.remote_stop,
    "ReserveNow": reservation.reserve_now,
    "Reset": remote_control.reset,
    "SendLocalList": local_list.send_local_list,
    "SetChargingProfile": smart_charging.set_charging_profile,
    "SignedUpdateFirmware": transfers.signed_update_firmware,
    "TriggerMessage": triggers.trigger_message,
    "UnlockConnector": remote_control.unlock_connector,
    "UpdateFirmware": transfers.update_firmware,
}


async def answer_call(station: SimulatedChargePoint, unique_id: str, action: str, payload: Payload) -> None:
    """Answer one CALL on the connection it came by, then do what was promised."""
    connection = station.link.connection()
    override = station.overrides.get(action, Override())
    if override.delay_s:
        await asyncio.sleep(override.delay_s)
    if connection is None or override.silent or station.registration.status == "Rejected":
        return  # a rejected station does not answer (§4.2)
    reply = _decide(station, action, payload) if override.payload is None else override.payload
    if isinstance(reply, Answer):
        station.say(f"{action}: {reply.payload.get('status', 'answered')}")
        await connection.answer(unique_id, reply.payload)
        if reply.then is not None:
            await reply.then()
    else:
        station.say(f"{action}: {reply.code if isinstance(reply, CallFailed) else 'answered on request'}")
        await connection.answer(unique_id, reply)


def _decide(station: SimulatedChargePoint, action: str, payload: Payload) -> Answer | CallFailed:
    answerer = ANSWERERS.get(action)
    if answerer is None:
        return CallFailed("NotImplemented", action)
    try:
        return answerer(station, payload)
    except KeyError as error:
        return CallFailed("OccurenceConstraintViolation", f"{error} is missing")
    except (TypeError, ValueError, AttributeError) as error:
        return CallFailed("TypeConstraintViolation", str(error)[:255])
