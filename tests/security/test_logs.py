"""S23: what the server writes down is one line each, and none holds what opens doors."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from . import wire
from .conftest import STATION, STATION_KEY

pytestmark = [pytest.mark.long, pytest.mark.server]

WRONG = "a-wrong-password-of-somebody"
FTP = "ftp-password-in-an-address"
FORGED = '{"event": "forged", "level": "info"}'


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return {"LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG"}


async def test_one_event_is_one_line_and_tells_no_secret(target: Any) -> None:
    hostile = f"\r\n{FORGED}\r\n\x1b[2J\u2028{FORGED}\x85"
    assert await target.status(wire.basic(STATION, WRONG)) == 401
    assert await target.status(wire.basic("somebody\r\nelse", WRONG)) == 401
    assert await target.status(identity=f"CP9{hostile}") in (101, 400, 404)
    async with target.station() as line:
        payload = {"chargePointVendor": hostile[:20], "chargePointModel": hostile[:20], "firmwareVersion": hostile}
        await line.send(wire.frame(json.dumps([2, "1", "BootNotification", payload])))
        await line.reply_to("1")
        await line.send(wire.frame(json.dumps([2, "2", f"No{hostile}Such", {}])))
        assert "NotImplemented" in await line.reply_to("2")
        await line.send(wire.frame(f'[2,"3","Heart\r\n{FORGED}'))
        address = f"ftp://somebody:{FTP}@files.local/x"
        await line.send(wire.frame(json.dumps([2, "4", "DataTransfer", {"vendorId": hostile, "data": address}])))
        await line.reply_to("4")
        await target.heartbeat(line)
    lines = target.server.log.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(events) >= 3  # the server is not silent
    assert [event for event in events if event["event"] == "forged"] == []
    assert [line for line in lines if line.strip() == FORGED] == []
    assert "\x1b" not in target.server.log
    key = STATION_KEY.hex()
    secrets = (key, key.upper(), WRONG, FTP, "Authorization: Basic", target.env["SECRET_KEY"])
    encoded = [base64.b64encode(f"{STATION}:{WRONG}".encode()).decode(), wire.basic(STATION, STATION_KEY).split()[-1]]
    assert [secret for secret in (*secrets, *encoded) if secret in target.server.log] == []
