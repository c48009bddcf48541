"""The tab of a charger: its firmware, its updates, and the files that went to it and came from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rights import SEND, VIEW_FILES, VIEW_TRANSFERS, VIEW_UPDATES

if TYPE_CHECKING:
    from ..chargers.page import ChargerPage

__all__ = ["VIEW_UPDATES", "fill"]

#: Rows of each kind; their lists have the others.
NEWEST = 10


def fill(page: ChargerPage) -> dict[str, Any]:
    station, access = page.station, page.access
    updates = station.firmware_updates.select_related("firmware", "campaign", "charge_point").order_by("-created_at")
    sees_files, sees_transfers = access.on(VIEW_FILES, station), access.on(VIEW_TRANSFERS, station)
    transfers = station.transfers.select_related("firmware", "command").order_by("-created_at")
    return {
        "updates": updates[:NEWEST],
        "files": station.files.select_related("charge_point").order_by("-received_at")[:NEWEST] if sees_files else (),
        "sees_files": sees_files,
        "transfers": transfers[:NEWEST] if sees_transfers else (),
        "sees_transfers": sees_transfers,
        "may_update": station.archived_at is None and access.on(SEND, station),
    }
