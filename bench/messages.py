"""The OCPP 1.6 CALLs of a simulated charge point, as cheap as bytes formatting allows."""

from __future__ import annotations

import json
import time
from typing import Any

METER_VALUES = (
    b'[2,"%d","MeterValues",{"connectorId":%d,"transactionId":%d,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},'
    b'{"value":"%d.%d","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","unit":"A"},'
    b'{"value":"%d.%d","context":"Sample.Periodic","measurand":"Voltage","phase":"L1","unit":"V"}]}]}]'
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


def meter_values(unique_id: int, connector_id: int, transaction_id: int, at_ms: int, register_wh: int) -> bytes:
    """One MeterValues CALL with four samples that all differ from message to message."""
    odd = register_wh % 97
    return METER_VALUES % (
        unique_id, connector_id, transaction_id, iso(at_ms), register_wh,
        10_900 + odd, 15 + odd % 3, odd % 10, 229 + odd % 4, odd % 10,
    )  # fmt: skip


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
