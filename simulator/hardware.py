"""What a station is made of; nothing in here changes while it runs."""

from __future__ import annotations

from dataclasses import dataclass

#: Phase to neutral, volts.
AC_VOLTAGE_V = 230
#: Less than this the control pilot cannot say (IEC 61851-1).
LEAST_AC_CURRENT_A = 6


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
        return self.power_w / self._volts

    @property
    def _volts(self) -> float:
        """What a current has to be multiplied with."""
        return 400 if self.dc else self.phases * AC_VOLTAGE_V

    def watts(self, limit: float, unit: str, phases: int = 3) -> float:
        """A limit of a charging schedule: W in total, or A per phase."""
        if unit == "W":
            return limit
        return limit * 400 if self.dc else limit * min(phases, self.phases) * AC_VOLTAGE_V

    def in_unit(self, power_w: float, unit: str) -> float:
        return power_w if unit == "W" else power_w / self._volts

    def offers_w(self, limit_w: float) -> float:
        """What a connector offers under a limit: an AC car cannot charge with less than 6 A."""
        offered_w = min(float(self.power_w), limit_w)
        is_enough = self.dc or offered_w >= LEAST_AC_CURRENT_A * self.phases * AC_VOLTAGE_V
        return offered_w if is_enough else 0.0

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
