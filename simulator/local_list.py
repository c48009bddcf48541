"""The local authorization list (OCPP 1.6 §3.5.2): tags the station may decide about without asking."""

from __future__ import annotations

from datetime import datetime

from .pace import moment
from .rpc import Payload


class LocalList:
    """Tags without regard to case; `version` is that of the last update, 0 while there is none."""

    def __init__(self) -> None:
        self._version = 0
        self._entries: dict[str, Payload] = {}

    @property
    def version(self) -> int:
        """0 also while the list is empty (§5.10)."""
        return self._version if self._entries else 0

    def replace(self, version: int, entries: list[Payload], most: int) -> str:
        """A full update: the status of SendLocalList.conf."""
        if len(entries) > most or not all("idTagInfo" in entry for entry in entries):
            return "Failed"
        self._version = version
        self._entries = {str(entry["idTag"]).lower(): entry["idTagInfo"] for entry in entries}
        return "Accepted"

    def change(self, version: int, entries: list[Payload], most: int) -> str:
        """A differential update: an entry without idTagInfo takes its tag away."""
        if version <= self._version:
            return "VersionMismatch"
        changed = dict(self._entries)
        for entry in entries:
            tag, info = str(entry["idTag"]).lower(), entry.get("idTagInfo")
            if info is None:
                changed.pop(tag, None)
            else:
                changed[tag] = info
        if len(changed) > most:
            return "Failed"
        self._version, self._entries = version, changed
        return "Accepted"

    def verdict(self, id_tag: str, now: datetime) -> str | None:
        """The AuthorizationStatus of a tag; None for one that is not in the list."""
        info = self._entries.get(id_tag.lower())
        if info is None:
            return None
        if "expiryDate" in info and moment(info["expiryDate"]) <= now:
            return "Expired"
        return str(info.get("status", "Invalid"))

    def parent_of(self, id_tag: str) -> str | None:
        return self._entries.get(id_tag.lower(), {}).get("parentIdTag")
