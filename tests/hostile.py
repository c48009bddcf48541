"""Frames bent by chance: valid ones of every action, both ways, with members exchanged, gone, or torn as text.

In their texts # stands for the message id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.scenarios.speech import meter_value, start, stop

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "Wall 22", "iccid": "89490200001234567890"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": "2025-06-01T12:00:00Z"}
#: What a station may say: an action and its payload.
CALLS: list[list[Any]] = [
    ["Authorize", {"idTag": "CAFE"}],
    ["BootNotification", BOOT],
    ["DataTransfer", {"vendorId": "com.example", "messageId": "m", "data": "d"}],
    ["DiagnosticsStatusNotification", {"status": "Uploaded"}],
    ["FirmwareStatusNotification", {"status": "Installed"}],
    ["Heartbeat", {}],
    ["LogStatusNotification", {"status": "Uploaded", "requestId": 1}],
    ["MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [meter_value(7, 1, unit="Wh", phase="L1")]}],
    ["SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": "2025-06-01T12:00:00Z", "techInfo": "x"}],
    ["SignCertificate", {"csr": "-----BEGIN"}],
    ["SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 1}],
    ["StartTransaction", start(reservationId=1)],
    ["StatusNotification", STATUS],
    ["StopTransaction", stop(1, idTag="CAFE", reason="Local", transactionData=[meter_value(7, 1)])],
]
#: Every code that a station may be answered with; InternalError is ours and must never come of what it says.
CODES = frozenset(
    {
        *("FormationViolation", "OccurenceConstraintViolation", "PropertyConstraintViolation", "ProtocolError"),
        *("TypeConstraintViolation", "NotImplemented", "NotSupported", "SecurityError"),
    }
)
_NASTY: list[Any] = [
    2**31,
    -(2**31) - 1,
    2**63,
    10**400,
    1e308,
    -0.0,
    "",
    "\0",
    "\ud800",
    "2025-02-30T00:00:00Z",
    "9" * 300,
    [],
    {},
]
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(_NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a frame."""
    keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in list(keys):
        yield node, key
        yield from _places(node[key])


def _bent(draw: st.DrawFn, frame: list[Any], payload: int) -> str:
    """One to three changes, most of them in the payload; sometimes the text is torn as well."""
    frame = json.loads(json.dumps(frame))
    for _ in range(draw(st.integers(1, 3))):
        inside = list(_places(frame[payload])) if len(frame) > payload and draw(st.integers(0, 9)) else []
        if not (found := inside or list(_places(frame))):
            break
        container, key = draw(st.sampled_from(found))
        if draw(st.booleans()):
            container[key] = draw(_anything)
        else:
            del container[key]
    text = json.dumps(frame)
    if draw(st.integers(0, 7)) == 7:
        position = draw(st.integers(0, len(text)))
        text = text[:position] + draw(st.text(max_size=5)) + text[position + draw(st.integers(0, 3)) :]
    return text


@st.composite
def bent_calls(draw: st.DrawFn) -> str:
    """A CALL of a station."""
    return _bent(draw, [2, "#", *draw(st.sampled_from(CALLS))], payload=3)


@st.composite
def bent_answers(draw: st.DrawFn, answers: list[dict[str, Any]]) -> str:
    """A station's answer to a CALL of ours, which could have been one of `answers` or a CALLERROR."""
    if draw(st.integers(0, 3)):
        return _bent(draw, [3, "#", draw(st.sampled_from(answers))], payload=2)
    return _bent(draw, [4, "#", "GenericError", "out of order", {"cause": ["rain"]}], payload=4)
