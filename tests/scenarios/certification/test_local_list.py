"""Certification of central systems: local authorization list."""

from __future__ import annotations

from typing import Any

import pytest

from transactions.models import LocalList

from .conftest import BLOCKED, COLLEAGUE, EXPIRED, GROUP, TAG

pytestmark = [pytest.mark.server, pytest.mark.long]

ACCEPTED = {"status": "Accepted"}
ENTRIES = {
    TAG: ACCEPTED,
    EXPIRED: {"status": "Expired", "expiryDate": "2025-01-01T00:00:00Z"},
    BLOCKED: {"status": "Blocked"},
    COLLEAGUE: {"status": "Accepted", "parentIdTag": GROUP},
}


def switches_on(central, cp) -> None:
    central.rest.post(f"local-lists/{cp.identity}/switch-on/", {})


def is_asked_for_its_version(cp, version: int) -> None:
    cp.expects("GetLocalListVersion").replies(listVersion=version)


def is_sent(cp, update: str, version: int) -> tuple[Any, dict[str, Any]]:
    """The next SendLocalList, to be answered, and its entries by their tags."""
    told = cp.hears("SendLocalList")
    assert (told.payload["updateType"], told.payload["listVersion"]) == (update, version)
    assert told.payload.keys() == {"listVersion", "updateType", "localAuthorizationList"}
    entries = told.payload["localAuthorizationList"]
    return told, {entry["idTag"]: entry.get("idTagInfo") for entry in entries}


def comes_to(central, cp, *expected: Any) -> None:
    """State, explanation and version of the station's list, in its row and over REST."""
    central.comes_to(lambda: shown(central.of(cp, LocalList).get()), expected)
    row = central.rest.get(f"local-lists/{cp.identity}/")
    assert (row["state"], row["explanation"], row["version"]) == expected


def shown(row: LocalList) -> tuple[str, str, int | None]:
    return row.state, row.explanation, row.version


def test_tc_042_1_version_not_supported(central, cp):
    """Version of the list: not supported"""
    switches_on(central, cp)
    is_asked_for_its_version(cp, -1)
    comes_to(central, cp, "not_supported", "The charger keeps no list.", None)
    central.command_of(cp, "GetLocalListVersion").ends("accepted", {"listVersion": -1})
    assert cp.is_told_nothing()


def test_tc_042_2_version_of_an_empty_list(central, cp):
    """Version of the list: empty"""
    order = central.sends(cp, "GetLocalListVersion")
    is_asked_for_its_version(cp, 0)
    order.ends("accepted", {"listVersion": 0})
    assert cp.is_told_nothing()


def test_tc_043_1_send_not_supported(central, cp):
    """Send the list: not supported"""
    switches_on(central, cp)
    is_asked_for_its_version(cp, 0)
    told, _ = is_sent(cp, "Full", 1)
    told.replies(status="NotSupported")
    comes_to(central, cp, "not_supported", "The charger answered NotSupported.", 0)
    assert cp.is_told_nothing()


def test_tc_043_3_send_failed(central, cp):
    """Send the list: failed, and once more in full"""
    switches_on(central, cp)
    is_asked_for_its_version(cp, 0)
    for version in (1, 2):
        told, entries = is_sent(cp, "Full", version)
        assert entries.items() >= ENTRIES.items()
        told.replies(status="Failed")
    comes_to(central, cp, "refused", "The charger answered Failed.", 0)
    assert cp.is_told_nothing()


def test_tc_043_4_send_full(central, cp):
    """Send the whole list"""
    switches_on(central, cp)
    is_asked_for_its_version(cp, 0)
    told, entries = is_sent(cp, "Full", 1)
    assert entries.items() >= ENTRIES.items()
    told.replies(**ACCEPTED)
    comes_to(central, cp, "up_to_date", "", 1)
    assert central.of(cp, LocalList).get().tag_count == len(entries)
    central.command_of(cp, "SendLocalList").ends("accepted", ACCEPTED)


def test_tc_043_5_send_differential(central, cp):
    """Send what has changed of the list"""
    tag = f"D{cp.identity}"
    central.rest.post("id-tags/", {"id_tag": tag})
    switches_on(central, cp)
    is_asked_for_its_version(cp, 0)
    told, entries = is_sent(cp, "Full", 1)
    assert entries[tag] == ACCEPTED
    told.replies(**ACCEPTED)
    comes_to(central, cp, "up_to_date", "", 1)

    for version, change, entry in ((2, {"blocked": True}, {"status": "Blocked"}), (3, {"archived": True}, None)):
        central.rest.patch(f"id-tags/{tag}/", change)
        central.rest.post(f"local-lists/{cp.identity}/publish/", {})
        is_asked_for_its_version(cp, version - 1)
        told, entries = is_sent(cp, "Differential", version)
        assert entries == {tag: entry}
        told.replies(**ACCEPTED)
        comes_to(central, cp, "up_to_date", "", version)
