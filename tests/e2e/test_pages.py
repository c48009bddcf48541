"""The main pages: no complaint from the browser, on a phone, in the dark, in German."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE, Installation

pytestmark = pytest.mark.e2e

LISTS = [
    *("chargepoint", "connector", "site", "message", "command", "connectionattempt", "securityevent", "repair"),
    *("statusrecord", "progressreport", "commandbatch"),
]
PAGES = [
    "",
    *(f"stations/{name}/" for name in LISTS),
    *(f"transactions/{name}/" for name in ("transaction", "metervalue", "idtag", "idtaggroup", "reservation")),
    *("transactions/orphanedstop/", "transactions/unknownidtag/"),
    *("stations/chargepoint/1/change/", "stations/chargepoint/add/", "stations/chargepoint/import/"),
    *("transactions/transaction/1/change/", "transactions/transaction/export/", "transactions/idtag/add/"),
    *("transactions/idtag/import/", "transactions/idtag/1/change/", "transactions/metervalue/1/change/"),
    *("stations/message/1/change/", "auth/user/", "auth/group/"),
    "stations/chargepoint/1/send/",
    *(f"stations/chargepoint/1/send/{name}/" for name in ("RemoteStartTransaction", "Reset", "SetChargingProfile")),
    *(f"stations/chargepoint/1/send/{name}/" for name in ("SendLocalList", "SignedUpdateFirmware", "limit", "expert")),
]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LUMINANCE = """element => {
  const [red, green, blue] = getComputedStyle(element)[%r].match(/[\\d.]+/g).map(Number);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}"""
Visit = Callable[..., Page]


def test_no_page_makes_the_browser_complain(visit: Visit, lived_in: Installation) -> None:
    page = visit()
    for path in PAGES:
        page.goto(f"{lived_in.page}/admin/{path}")
        expect(page.locator("#site-name")).to_contain_text("plugcontrol")


def test_on_a_phone_no_page_scrolls_sideways(visit: Visit, lived_in: Installation) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    too_wide = {}
    for path in PAGES:
        page.goto(f"{lived_in.page}/admin/{path}")
        if (pixels := page.evaluate(OVERFLOW)) > 0:
            too_wide[path] = pixels
    assert too_wide == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_systems_colours(visit: Visit, lived_in: Installation, scheme: str) -> None:
    page = visit(color_scheme=scheme)
    for path in ("", "stations/chargepoint/", "transactions/transaction/", "stations/chargepoint/1/change/"):
        page.goto(f"{lived_in.page}/admin/{path}")
        paper = page.locator("body").evaluate(LUMINANCE % "backgroundColor")
        ink = page.locator("body").evaluate(LUMINANCE % "color")
        assert (paper < 0.2 and ink > 0.5) if scheme == "dark" else (paper > 0.8 and ink < 0.5), path


def test_german(visit: Visit, lived_in: Installation) -> None:
    page = visit(locale="de-DE")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#places")).to_contain_text("Ladestationen")
    banner = page.locator(".banner", has_text="STRANGER-1")
    expect(banner).to_contain_text("Wartet auf Freigabe")
    expect(banner.get_by_role("button", name="Freigeben")).to_be_visible()
    page.goto(f"{lived_in.page}/admin/transactions/transaction/")
    expect(page.locator("#content h1")).to_contain_text("Ladevorgang")
    kwh = page.locator("#result_list .field-energy_kwh").first
    expect(kwh).to_contain_text(",")
    english = (
        "Charger",
        "Approve",
        "Transactions",
        "Export selected",
        "Choose file",
        "Overview",
        "Waiting",
        "sessions",
    )
    for path in PAGES:
        page.goto(f"{lived_in.page}/admin/{path}")
        text = page.locator("body").inner_text()
        assert [word for word in english if word in text] == [], path


def test_the_address_can_be_copied(visit: Visit) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    address = page.locator("#charger-address").inner_text()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == address
