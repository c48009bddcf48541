"""All 26 commands: a payload for each, and what a station says that obeys."""

from __future__ import annotations

from typing import Any

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "ab", "issuerKeyHash": "cd", "serialNumber": "1"}
SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": SCHEDULE,
}
FIRMWARE = {
    "location": "https://files.example/fw.bin",
    "retrieveDateTime": "2030-01-01T00:00:00Z",
    "signingCertificate": PEM,
    "signature": "c2ln",
}
STATUS = {"status": "Accepted"}

#: Payloads that the station's answers below belong to; ids, keys and tags that nobody knows are the station's business.
PAYLOADS: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 4711},
    "CertificateSigned": {"certificateChain": PEM},
    "ChangeAvailability": {"connectorId": 9, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "NobodyKnowsThis", "value": "1"},
    "ClearCache": {},
    "ClearChargingProfile": {"id": 4711},
    "DataTransfer": {"vendorId": "org.example", "data": "hello"},
    "DeleteCertificate": {"certificateHashData": HASHES},
    "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 3600},
    "GetConfiguration": {"key": ["HeartbeatInterval", "NobodyKnowsThis"]},
    "GetDiagnostics": {"location": "ftp://files.example/diagnostics"},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {"log": {"remoteLocation": "ftp://files.example/log"}, "logType": "SecurityLog", "requestId": 7},
    "InstallCertificate": {"certificateType": "CentralSystemRootCertificate", "certificate": PEM},
    "RemoteStartTransaction": {"idTag": "NOBODY", "connectorId": 9},
    "RemoteStopTransaction": {"transactionId": 4711},
    "ReserveNow": {"connectorId": 0, "expiryDate": "2030-01-01T00:00:00Z", "idTag": "NOBODY", "reservationId": 4711},
    "Reset": {"type": "Hard"},
    "SendLocalList": {"listVersion": 1, "updateType": "Full"},
    "SetChargingProfile": {"connectorId": 9, "csChargingProfiles": PROFILE},
    "SignedUpdateFirmware": {"requestId": 7, "firmware": FIRMWARE},
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"connectorId": 9},
    "UpdateFirmware": {"location": "ftp://files.example/fw.bin", "retrieveDate": "2030-01-01T00:00:00Z"},
}
ACCEPTED: dict[str, list[dict[str, Any]]] = {
    **{action: [STATUS] for action in PAYLOADS},
    "ChangeAvailability": [STATUS, {"status": "Scheduled"}],
    "ChangeConfiguration": [STATUS, {"status": "RebootRequired"}],
    "DataTransfer": [STATUS, {"status": "Accepted", "data": "there"}],
    "GetCompositeSchedule": [STATUS, {**STATUS, "connectorId": 1, "chargingSchedule": SCHEDULE}],
    "GetConfiguration": [
        {},
        {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["NobodyKnowsThis"],
        },
    ],
    "GetDiagnostics": [{}, {"fileName": "diagnostics.zip"}],
    "GetInstalledCertificateIds": [{**STATUS, "certificateHashData": [HASHES]}],
    "GetLocalListVersion": [{"listVersion": 3}, {"listVersion": -1}],
    "GetLog": [STATUS, {"status": "AcceptedCanceled", "filename": "log.zip"}],
    "SignedUpdateFirmware": [STATUS, {"status": "AcceptedCanceled"}],
    "UnlockConnector": [{"status": "Unlocked"}],
    "UpdateFirmware": [{}],
}
