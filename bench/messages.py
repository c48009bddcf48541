"""The OCPP 1.6 CALLs of a simulated charge point, as cheap as bytes formatting allows."""

from __future__ import annotations

import json
import time
from typing import Any

_HEAD = b'[2,"%d","MeterValues",{"connectorId":%d,"transactionId":%d,"meterValue":[{"timestamp":"%b","sampledValue":['
_ENERGY_AND_POWER = (
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"}'
)


def _electrical(measurand: bytes, unit: bytes, phases: int) -> bytes:
    sample = b',{"value":"%%d.%%d","context":"Sample.Periodic","measurand":"%b","phase":"L%d","unit":"%b"}'
    return b"".join(sample % (measurand, phase, unit) for phase in range(1, phases + 1))


#: What a three-phase station sends for the MeterValuesSampledData we set: energy, power, currents, voltages, state of
#: charge, offered current. Ten samples.
THREE_PHASE = (
    _HEAD + _ENERGY_AND_POWER + _electrical(b"Current.Import", b"A", 3) + _electrical(b"Voltage", b"V", 3)
    + b',{"value":"%d","context":"Sample.Periodic","measurand":"SoC","location":"EV","unit":"Percent"}'
    + b',{"value":"16.0","context":"Sample.Periodic","measurand":"Current.Offered","unit":"A"}]}]}]'
)  # fmt: skip
#: A small single-phase one: energy, power, current, voltage.
SINGLE_PHASE = (
    _HEAD + _ENERGY_AND_POWER + _electrical(b"Current.Import", b"A", 1) + _electrical(b"Voltage", b"V", 1) + b"]}]}]"
)
BOOT = {"chargePointVendor": "Bench", "chargePointModel": "Light", "firmwareVersion": "1.0"}

_second = (0, b"")


def iso(milliseconds: int) -> bytes:
    """UTC with milliseconds and Z; the text of the current second is kept."""
    global _second
    second, rest = divmod(milliseconds, 1000)
    if second != _second[0]:
        _second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode())
    return b"%b.%03dZ" % (_second[1], rest)


def identity(prefix: str, number: int) -> str:
    return f"{prefix}-{number:05d}"


class Clock:
    """A station's clock: real time, but never the same millisecond twice."""

    def __init__(self) -> None:
        self.last_ms = 0

    def tick(self) -> int:
        self.last_ms = max(int(time.time() * 1000), self.last_ms + 1)
        return self.last_ms


def call(unique_id: int | str, action: str, payload: dict[str, Any]) -> bytes:
    return json.dumps([2, str(unique_id), action, payload], separators=(",", ":")).encode()


def meter_values(
    unique_id: int, connector_id: int, transaction_id: int, at_ms: int, register_wh: int, *, phases: int = 1
) -> bytes:
    """One MeterValues CALL, of one phase or three, whose samples all differ from message to message."""
    odd = register_wh % 97
    head = (unique_id, connector_id, transaction_id, iso(at_ms), register_wh)
    current, voltage = (15 + odd % 3, odd % 10), (229 + odd % 4, odd % 10)
    if phases == 1:
        return SINGLE_PHASE % (*head, 3_600 + odd, *current, *voltage)
    return THREE_PHASE % (*head, 10_900 + odd, *current * 3, *voltage * 3, odd)


def status(connector_id: int, state: str, at_ms: int) -> dict[str, Any]:
    return {"connectorId": connector_id, "errorCode": "NoError", "status": state, "timestamp": iso(at_ms).decode()}


def start(connector_id: int, id_tag: str, meter_start_wh: int, at_ms: int) -> dict[str, Any]:
    stamp = iso(at_ms).decode()
    return {"connectorId": connector_id, "idTag": id_tag, "meterStart": meter_start_wh, "timestamp": stamp}


def stop(transaction_id: int, id_tag: str, meter_stop_wh: int, at_ms: int) -> dict[str, Any]:
    return {
        "transactionId": transaction_id,
        "idTag": id_tag,
        "meterStop": meter_stop_wh,
        "timestamp": iso(at_ms).decode(),
        "reason": "Local",
    }
