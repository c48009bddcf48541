"""The meter of one connector, and the car that draws through it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .hardware import AC_VOLTAGE_V, Hardware

#: A contactor closes at once, but a car takes this long to draw what it may (simulated seconds).
RAMP_S = 30.0
#: Above this state of charge a battery accepts less and less, down to nothing when it is full.
TAPER_FROM = 0.8
_STEP_S = 15.0


@dataclass
class Car:
    """A battery on a cable; `charge` runs from 0 to 1."""

    battery_wh: int = 60_000
    charge: float = 0.3
    max_power_w: int = 250_000

    @property
    def accepts_w(self) -> float:
        if self.charge >= 1:
            return 0.0
        taper = min(1.0, (1.05 - self.charge) / (1.05 - TAPER_FROM))
        return self.max_power_w * taper

    def take(self, energy_wh: float) -> None:
        self.charge = min(1.0, self.charge + energy_wh / self.battery_wh)


class Meter:
    """An import register in whole Wh that never runs backwards, and the momentary values beside it.

    Times are simulated seconds of Pace.elapsed_s.
    """

    def __init__(self, hardware: Hardware, chance: random.Random, register_wh: int = 0) -> None:
        self._hardware = hardware
        self._chance = chance
        self._energy_wh = float(register_wh)
        self._car: Car | None = None
        self._began_s = self._until_s = 0.0
        self.power_w = 0.0
        #: what a charging profile leaves; the car may draw less
        self.limit_w = float("inf")

    @property
    def offered_w(self) -> float:
        return self._hardware.offers_w(self.limit_w)

    @property
    def register_wh(self) -> int:
        return int(self._energy_wh)

    @register_wh.setter
    def register_wh(self, value: int) -> None:
        self._energy_wh = float(value)

    @property
    def car_is_full(self) -> bool:
        return self._car is not None and self._car.charge >= 1

    def begin(self, car: Car, now_s: float) -> None:
        """The contactor closes."""
        self._car, self._began_s, self._until_s = car, now_s, now_s

    def end(self, now_s: float) -> None:
        """The contactor opens; the register stays."""
        self.advance(now_s)
        self._car, self.power_w = None, 0.0

    def advance(self, now_s: float) -> None:
        """Bring register, power and battery up to this moment."""
        while self._car is not None and self._until_s < now_s:
            step_s = min(_STEP_S, now_s - self._until_s)
            self.power_w = self._draw_w(self._car, self._until_s + step_s - self._began_s)
            energy_wh = self.power_w * step_s / 3600
            self._energy_wh += energy_wh
            self._car.take(energy_wh)
            self._until_s += step_s

    def sampled_values(self, measurands: list[str], context: str) -> list[dict[str, str]]:
        """SampledValue objects (§7.43) of the measurands asked for, as of the last `advance`."""
        return [
            {"context": context, "measurand": measurand, **value}
            for measurand in measurands
            for value in self._values(measurand)
        ]

    def _draw_w(self, car: Car, running_s: float) -> float:
        ramp = min(1.0, running_s / RAMP_S)
        return min(self.offered_w, car.accepts_w) * ramp * self._chance.uniform(0.985, 1.0)

    def _values(self, measurand: str) -> list[dict[str, str]]:
        outlet = {"location": "Outlet"}
        match measurand:
            case "Energy.Active.Import.Register":
                return [{"value": str(self.register_wh), "unit": "Wh", **outlet}]
            case "Power.Active.Import":
                return [{"value": f"{self.power_w:.0f}", "unit": "W", **outlet}]
            case "Power.Offered":
                return [{"value": f"{self.offered_w if self._car else 0:.0f}", "unit": "W", **outlet}]
            case "Current.Offered":
                offered_a = self._hardware.in_unit(self.offered_w, "A") if self._car else 0
                return [{"value": f"{offered_a:.1f}", "unit": "A", **outlet}]
            case "SoC" if self._car is not None:
                return [{"value": f"{self._car.charge * 100:.0f}", "unit": "Percent", "location": "EV"}]
            case "Current.Import" | "Voltage":
                return self._dc_values(measurand) if self._hardware.dc else self._ac_values(measurand)
        return []

    def _dc_values(self, measurand: str) -> list[dict[str, str]]:
        """A battery's voltage rises with its charge; the current follows from the power."""
        voltage_v = 350 + 80 * self._car.charge if self._car else 0.0
        if measurand == "Voltage":
            return [{"value": f"{voltage_v:.1f}", "unit": "V", "location": "Outlet"}]
        current_a = self.power_w / voltage_v if voltage_v else 0.0
        return [{"value": f"{current_a:.1f}", "unit": "A", "location": "Outlet"}]

    def _ac_values(self, measurand: str) -> list[dict[str, str]]:
        """One value per phase, a little different on each, as on a real grid."""
        phases = range(1, self._hardware.phases + 1)
        if measurand == "Voltage":
            return [
                {"value": f"{AC_VOLTAGE_V + self._chance.uniform(-2.5, 2.5):.1f}", "unit": "V", "phase": f"L{n}-N"}
                | {"location": "Outlet"}
                for n in phases
            ]
        current_a = self.power_w / (self._hardware.phases * AC_VOLTAGE_V)
        return [
            {"value": f"{current_a * self._chance.uniform(0.99, 1.01):.2f}", "unit": "A", "phase": f"L{n}"}
            | {"location": "Outlet"}
            for n in phases
        ]
