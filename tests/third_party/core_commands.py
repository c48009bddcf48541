"""The core set of commands, and what the charge points that other people wrote make of them."""

from __future__ import annotations

from typing import Any

from ..sending import TRANSACTION, Row, send_commands

_BEFORE: dict[str, dict[str, Any]] = {
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "300"},
    "GetConfiguration": {"key": ["HeartbeatInterval", "Foo"]},
    "ClearCache": {},
    "DataTransfer": {"vendorId": "org.example", "messageId": "hello", "data": '{"a":1}'},
    "RemoteStartTransaction": {"connectorId": 1, "idTag": "CAFE"},
}
_AFTER: dict[str, dict[str, Any]] = {
    "RemoteStopTransaction": {"transactionId": TRANSACTION},
    "UnlockConnector": {"connectorId": 1},
    "ChangeAvailability": {"connectorId": 1, "type": "Inoperative"},
    "Reset": {"type": "Soft"},
}
_KEYS = {
    "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
    "unknownKey": ["Foo"],
}


def obeyed(transaction: int) -> dict[str, Row]:
    """How the rows end: both charge points answer the same."""
    accepted = {"status": "Accepted"}
    return {
        "ChangeConfiguration": Row("accepted", {"status": "RebootRequired"}, "", {}),
        "GetConfiguration": Row("accepted", _KEYS, "", {}),
        "ClearCache": Row("accepted", accepted, "", {}),
        "DataTransfer": Row("rejected", {"status": "UnknownVendorId"}, "", {}),
        "RemoteStartTransaction": Row("accepted", accepted, "seen", {"transaction": transaction}),
        "RemoteStopTransaction": Row("accepted", accepted, "seen", {"transaction": transaction}),
        "UnlockConnector": Row("rejected", {"status": "UnlockFailed"}, "", {}),
        "ChangeAvailability": Row("accepted", accepted, "seen", {"connector_id": 1, "status": "Unavailable"}),
        "Reset": Row("accepted", accepted, "seen", {}),
    }


def send_core_commands(identity: str, env: dict[str, str]) -> dict[str, Row]:
    return send_commands(identity, _BEFORE, _AFTER, env=env)


def told(transaction: int) -> dict[str, dict[str, Any]]:
    """What the charge point has to have heard."""
    return _BEFORE | _AFTER | {"RemoteStopTransaction": {"transactionId": transaction}}
