"""A simulated station takes all 26 commands from our server and does what they promise."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.v16.outgoing import OUTGOING
from simulator import SimulatedChargePoint

from ..sending import TRANSACTION, send_commands
from ..server import environment, manage, serving
from .test_certificates import KNOWN_BY, ROOT, USE, signed

pytestmark = pytest.mark.server

NOW, LATER = "2020-01-01T00:00:00Z", "2050-01-01T00:00:00Z"
FILE = "https://files.example.org/fw/4.3.bin"
HASHES = dict(zip(("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber"), KNOWN_BY.values(), strict=True))
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.1}]},
}
CAFE = {"idTag": "CAFE", "idTagInfo": {"status": "Accepted"}}
SIGNED = {"location": FILE, "retrieveDateTime": NOW, "signingCertificate": ROOT, "signature": "c2ln"}
BATCHES: list[dict[str, dict[str, Any]]] = [
    {
        "TriggerMessage": {"requestedMessage": "MeterValues", "connectorId": 1},
        "ExtendedTriggerMessage": {"requestedMessage": "SignChargePointCertificate"},
        "GetConfiguration": {"key": ["SecurityProfile"]},
        "ChangeConfiguration": {"key": "MeterValueSampleInterval", "value": "0"},
        "ClearCache": {},
        "DataTransfer": {"vendorId": "plugcontrol", "messageId": "echo", "data": "hello"},
        "SendLocalList": {"listVersion": 7, "updateType": "Full", "localAuthorizationList": [CAFE]},
        "GetLocalListVersion": {},
        "ReserveNow": {"connectorId": 2, "expiryDate": LATER, "idTag": "CAFE", "reservationId": 5},
        "CancelReservation": {"reservationId": 5},
        "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": PROFILE},
        "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
        "ClearChargingProfile": {"id": 1},
        "InstallCertificate": {"certificateType": USE, "certificate": ROOT},
        "GetInstalledCertificateIds": {"certificateType": USE},
        "DeleteCertificate": {"certificateHashData": HASHES},
        "GetDiagnostics": {"location": FILE},
        "GetLog": {"log": {"remoteLocation": FILE}, "logType": "SecurityLog", "requestId": 9},
        "RemoteStartTransaction": {"connectorId": 1, "idTag": "CAFE"},
    },
    {
        "RemoteStopTransaction": {"transactionId": TRANSACTION},
        "ChangeAvailability": {"connectorId": 2, "type": "Inoperative"},
        "UpdateFirmware": {"location": FILE, "retrieveDate": NOW},
    },
    # after the stop: it would end the session too
    {"UnlockConnector": {"connectorId": 1}, "SignedUpdateFirmware": {"requestId": 10, "firmware": SIGNED}},
    {"Reset": {"type": "Soft"}},
]
EFFECTS = {
    *("TriggerMessage", "ExtendedTriggerMessage", "GetDiagnostics", "GetLog", "RemoteStartTransaction"),
    *("RemoteStopTransaction", "ChangeAvailability", "UpdateFirmware", "SignedUpdateFirmware", "Reset"),
}


async def test_it_takes_them_all(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with serving(env) as server:
        for arguments in (("create_id_tag", "CAFE"), ("create_charge_point", "SIM-1", "--accept")):
            assert (await asyncio.to_thread(manage, *arguments, env=env)).returncode == 0
        async with SimulatedChargePoint(server.charger_address, "SIM-1", speed=1000, transfers_files=False) as station:
            await station.boot()
            own = {"CertificateSigned": {"certificateChain": signed(station.certificates.request("SIM-1", ""))}}
            rows = await asyncio.to_thread(send_commands, "SIM-1", BATCHES[0] | own, *BATCHES[1:], env=env)

    assert set(rows) == set(OUTGOING)
    assert {action: row.answer for action, row in rows.items() if row.status != "accepted"} == {}
    assert {action for action, row in rows.items() if row.effect_status == "seen"} == EFFECTS
    assert {row.effect_status for row in rows.values()} == {"seen", ""}
    answers = {action: row.answer for action, row in rows.items()}
    assert answers["DataTransfer"]["data"] == "hello"
    assert answers["GetLocalListVersion"] == {"listVersion": 7}
    assert answers["GetInstalledCertificateIds"]["certificateHashData"] == [HASHES]
    periods = answers["GetCompositeSchedule"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert periods == [{"startPeriod": 0, "limit": 10.1}]
    installed = [step for step, _at in rows["UpdateFirmware"].effect["steps"]]
    assert installed == ["Downloading", "Downloaded", "Installing", "Installed"]
