"""What a station is made of; nothing in here changes while it runs."""

from __future__ import annotations

from dataclasses import dataclass

#: Phase to neutral, volts.
AC_VOLTAGE_V = 230


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Nameplate of a station; every connector can deliver `power_w`.

    `phases` is 1 or 3 and of no meaning when `dc` is set. Texts keep the limits of BootNotification.req (§6.3).
    """

    vendor: str = "plugcontrol"
    model: str = "Simulator AC"
    firmware: str = "1.0.0"
    connectors: int = 2
    power_w: int = 11_000
    phases: int = 3
    dc: bool = False

    @property
    def max_current_a(self) -> float:
        """Per phase, or of the DC output at 400 V."""
        return self.power_w / 400 if self.dc else self.power_w / (self.phases * AC_VOLTAGE_V)

    @property
    def measurands(self) -> tuple[str, ...]:
        """What its meters can report, in the order in which it does."""
        common = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage")
        return (*common, "SoC", "Power.Offered") if self.dc else (*common, "Current.Offered")

    def boot_payload(self, identity: str) -> dict[str, str]:
        """BootNotification.req with a serial number made from the identity."""
        return {
            "chargePointVendor": self.vendor[:20],
            "chargePointModel": self.model[:20],
            "chargePointSerialNumber": identity[-25:],
            "firmwareVersion": self.firmware[:50],
            "meterType": "simulated DC" if self.dc else f"simulated {self.phases}-phase",
        }
