"""The configuration keys a simulated station has (OCPP 1.6 §9), and which values it takes."""

from __future__ import annotations

from collections.abc import Mapping

from .hardware import Hardware

READ_ONLY = frozenset(
    {
        "CertificateSignedMaxChainSize",
        "CertificateStoreMaxLength",
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "GetConfigurationMaxKeys",
        "LocalAuthListMaxLength",
        "MaxChargingProfilesInstalled",
        "MeterValuesSampledDataMaxLength",
        "NumberOfConnectors",
        "ReserveConnectorZeroSupported",
        "SendLocalListMaxLength",
        "SupportedFeatureProfiles",
        "SupportedFileTransferProtocols",
    }
)
_MEASURAND_LISTS = frozenset({"MeterValuesSampledData", "StopTxnSampledData"})


def _defaults(hardware: Hardware) -> dict[str, str]:
    return {
        "AllowOfflineTxForUnknownId": "true",
        "AuthorizationCacheEnabled": "true",
        "AuthorizeRemoteTxRequests": "false",
        "CertificateSignedMaxChainSize": "10000",
        "CertificateStoreMaxLength": "10",
        "ChargeProfileMaxStackLevel": "10",
        "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
        "ChargingScheduleMaxPeriods": "24",
        "ClockAlignedDataInterval": "0",
        "ConnectionTimeOut": "60",
        "ConnectorPhaseRotation": "NotApplicable",
        "CpoName": "",
        "GetConfigurationMaxKeys": "50",
        "HeartbeatInterval": "300",
        "LocalAuthListEnabled": "true",
        "LocalAuthListMaxLength": "500",
        "LocalAuthorizeOffline": "true",
        "LocalPreAuthorize": "false",
        "MaxChargingProfilesInstalled": "20",
        "MeterValueSampleInterval": "60",
        "MeterValuesSampledData": ",".join(hardware.measurands),
        "MeterValuesSampledDataMaxLength": str(len(hardware.measurands)),
        "NumberOfConnectors": str(hardware.connectors),
        "ReserveConnectorZeroSupported": "true",
        "ResetRetries": "1",
        "SecurityProfile": "0",
        "SendLocalListMaxLength": "50",
        "StopTransactionOnEVSideDisconnect": "true",
        "StopTransactionOnInvalidId": "true",
        "StopTxnSampledData": "Energy.Active.Import.Register",
        "SupportedFeatureProfiles": (
            "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
        ),
        "SupportedFileTransferProtocols": "FTP,FTPS,HTTP,HTTPS",
        "TransactionMessageAttempts": "3",
        "TransactionMessageRetryInterval": "10",
        "UnlockConnectorOnEVSideDisconnect": "true",
        "WebSocketPingInterval": "0",
    }


class Configuration:
    """Keys by name, found without regard to case; values are text as on the wire."""

    def __init__(self, hardware: Hardware, changes: Mapping[str, str] | None = None) -> None:
        self._measurands = frozenset(hardware.measurands)
        self._values = _defaults(hardware) | dict(changes or {})
        self._names = {name.lower(): name for name in self._values}

    def text(self, name: str) -> str:
        return self._values[name]

    def number(self, name: str) -> int:
        return int(self._values[name])

    def flag(self, name: str) -> bool:
        return self._values[name].lower() == "true"

    def items(self, name: str) -> list[str]:
        return [item.strip() for item in self._values[name].split(",") if item.strip()]

    def set(self, name: str, value: str) -> None:
        """The station's own write: no rules."""
        self._values[name] = value

    def name_of(self, key: str) -> str | None:
        """The key as the station spells it; None for one it does not know."""
        return self._names.get(key.lower())

    def names(self) -> list[str]:
        return sorted(self._values)

    def change(self, key: str, value: str) -> str:
        """The status of ChangeConfiguration.conf (§7.20); only Accepted changes something."""
        name = self.name_of(key)
        if name is None:
            return "NotSupported"
        if name in READ_ONLY or not self._fits(name, value):
            return "Rejected"
        self._values[name] = value
        return "Accepted"

    def _fits(self, name: str, value: str) -> bool:
        """Whether the value is of the kind the key had before; a measurand we cannot measure spoils its whole list."""
        present = self._values[name]
        if name in _MEASURAND_LISTS:
            return {item.strip() for item in value.split(",") if item.strip()} <= self._measurands
        if present.lower() in {"true", "false"}:
            return value.lower() in {"true", "false"}
        return value.isascii() and value.isdigit() if present.isdigit() else True
