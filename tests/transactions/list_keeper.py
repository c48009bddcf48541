"""A station that keeps a local list as OCPP 1.6 §3.5 has it, and a test's way of asking it to misbehave."""

from __future__ import annotations

from typing import Any

from stations.commands import wait_for
from stations.models import Command
from tests.fake_charge_point import FakeChargePoint, OurCall


class ListKeeper:
    """`entries` is what the station lets in by itself, `sent` the SendLocalList payloads it got."""

    def __init__(self, cp: FakeChargePoint, version: int = 0) -> None:
        self.cp, self.version = cp, version
        self.entries: dict[str, dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []

    async def hears(self, action: str) -> OurCall:
        """The next CALL, which must be this action."""
        frame = await self.cp.receive()
        assert frame[:1] + frame[2:3] == [2, action], frame
        if action == "SendLocalList":
            self.sent.append(frame[3])
        return OurCall(self.cp, frame)

    async def answers(self, *actions: str) -> Command:
        """Answer the next CALLs, which must be these actions; returns the last command, closed."""
        for action in actions:
            call = await self.hears(action)
            if action == "GetLocalListVersion":
                await call.replies(listVersion=self.version)
            else:
                await call.replies(status=self.takes(call.payload))
            command = await wait_for(call.unique_id, 10)
        return command

    async def answers_chunks(self, count: int) -> Command:
        return await self.answers("GetLocalListVersion", *["SendLocalList"] * count)

    async def refuses(self, status: str) -> Command:
        """Answer the next SendLocalList with a word of refusal."""
        call = await self.hears("SendLocalList")
        await call.replies(status=status)
        return await wait_for(call.unique_id, 10)

    def takes(self, payload: dict[str, Any]) -> str:
        if payload["updateType"] == "Full":
            self.entries = {}
        elif payload["listVersion"] <= self.version:
            return "VersionMismatch"
        self.version = payload["listVersion"]
        for entry in payload.get("localAuthorizationList", []):
            self.entries.pop(entry["idTag"], None)
            if "idTagInfo" in entry:
                self.entries[entry["idTag"]] = entry["idTagInfo"]
        return "Accepted"

    def shape(self) -> list[tuple[int, str, int]]:
        """What was sent: version, type and number of entries of each message."""
        return [(p["listVersion"], p["updateType"], len(p.get("localAuthorizationList", []))) for p in self.sent]
