"""A timetable of limits, from the editor to a charger that follows it and says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .charger import charger
from .conftest import Installation, installed, opened, settled

pytestmark = pytest.mark.e2e

IDENTITY, NAME = "BAY-1", "Slow by day"
SOON_MS = 20_000


def draw(page: Page, installation: Installation) -> None:
    """The picture follows what is typed; rows come and go, and nothing typed is lost."""
    page.goto(f"{installation.page}/profiles/")
    page.get_by_role("link", name="New profile").first.click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("max 16 A")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("From 1").fill("7:00")
    page.get_by_label("Limit 1").fill("10")
    page.get_by_role("button", name="Add a row").click()
    expect(page.get_by_label("From 2")).to_be_visible()
    settled(page)
    page.get_by_label("From 2").fill("19:00")
    page.get_by_label("Limit 2").fill("16")
    page.get_by_label("Limit 2").press("Tab")
    expect(preview).to_contain_text("max 10 A, 07:00–19:00, else max 16 A")
    expect(preview.get_by_role("img")).to_have_attribute("aria-label", re.compile("16 A from 00:00 to 07:00"))
    page.get_by_role("button", name="Add a row").click()
    expect(page.get_by_label("From 3")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Remove row 3").click()
    expect(page.get_by_label("From 3")).to_have_count(0)
    expect(page.get_by_label("Name")).to_have_value(NAME)
    settled(page)
    page.get_by_label("Holds").select_option("weekly")
    expect(page.get_by_label("Day 1")).to_be_visible()
    settled(page)
    page.get_by_label("Holds").select_option("daily")
    expect(page.get_by_label("Day 1")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)


def send(page: Page) -> None:
    page.get_by_role("link", name="Send to chargers…").click()
    page.get_by_role("checkbox", name=IDENTITY).check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Send to 1 place").click()
    row = page.get_by_role("row", name=NAME)
    expect(row).to_contain_text("installed", timeout=SOON_MS)


def compare(page: Page) -> None:
    """What the charger says appears by itself, and is what we expect."""
    page.get_by_role("link", name="Connector 1").click()
    expect(page.locator("#live")).to_have_text("Live")
    page.get_by_role("button", name="Ask the charger").click()
    expect(page.locator("main")).to_contain_text("The charger plans what we expect", timeout=SOON_MS)
    expect(page.locator(".legend")).to_contain_text("What the charger says")
    table = page.get_by_text("As a table")
    table.click()
    expect(page.locator("#outlook-table")).to_contain_text("10 A")


def remove(page: Page) -> None:
    page.get_by_role("button", name="Remove", exact=False).filter(has_text=NAME).click()
    page.locator("#confirm-yes").click()
    expect(page.locator("main")).to_contain_text("the charger holds no profile", timeout=SOON_MS)
    page.get_by_text("Profiles of the past").click()
    expect(page.locator("#profile-past")).to_contain_text("removed")


def test_a_profile_is_drawn_sent_compared_and_removed(browser: Browser, tmp_path: Path) -> None:
    with installed(tmp_path, fill=False) as installation:
        installation.run("create_charge_point", IDENTITY, "--accept")
        with charger(installation.server.charger_address, IDENTITY, speed=1) as bay, opened(browser) as page:
            bay.do(lambda station: station.boot())
            installation.log_in(page)
            draw(page, installation)
            send(page)
            compare(page)
            remove(page)
