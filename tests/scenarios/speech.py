"""What a charge point says in the tests, with the members that do not matter filled in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from stations.models import Repair
from tests.fake_charge_point import CallFailed, FakeChargePoint
from transactions.models import Transaction

_numbers = count(1)
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def at(number: float) -> str:
    """Minutes after noon, as a station writes it."""
    return written(minute(number))


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def start(**said: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "CAFE", "meterStart": 1000, "timestamp": at(0), **said}


def stop(transaction_id: int, **said: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": 12_000, "timestamp": at(60), **said}


def meter_value(wh: object, minutes: float, **said: Any) -> dict[str, Any]:
    return {"timestamp": at(minutes), "sampledValue": [{"value": str(wh), **said}]}


async def starts(cp: FakeChargePoint, **said: Any) -> int:
    """StartTransaction; returns the number of the transaction."""
    return (await cp.call("StartTransaction", **start(**said)))["transactionId"]


async def stops(cp: FakeChargePoint, transaction_id: int, **said: Any) -> dict[str, Any]:
    return await cp.call("StopTransaction", **stop(transaction_id, **said))


async def meters(cp: FakeChargePoint, *meter_values: dict[str, Any], connector: int = 1, **said: Any) -> dict[str, Any]:
    return await cp.call("MeterValues", connectorId=connector, meterValue=list(meter_values), **said)


async def shows(cp: FakeChargePoint, status: str, connector: int = 1, **said: Any) -> dict[str, Any]:
    message = {"connectorId": connector, "status": status, "errorCode": "NoError", **said}
    return await cp.call("StatusNotification", **message)


async def error_of(cp: FakeChargePoint, action: str, payload: Any) -> str:
    """The code of the CALLERROR for a payload; "" if it is served."""
    try:
        await cp.exchange([2, f"e{next(_numbers)}", action, payload])
    except CallFailed as failed:
        return failed.code
    return ""


async def errors_of(cp: FakeChargePoint, action: str, payloads: Iterable[Any]) -> list[str]:
    return [await error_of(cp, action, payload) for payload in payloads]


def the_session() -> Transaction:
    """The one transaction there is."""
    return Transaction.objects.get()


def repairs() -> set[tuple[str, str]]:
    """What tolerance mended: rules and members."""
    return set(Repair.objects.values_list("rule", "field"))
