"""From the link in the terminal to a session in a spreadsheet, by hand, without reloading a page."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from .cast import PASSWORD
from .charger import Charger, charger
from .conftest import ADMIN, Installation, opened

pytestmark = pytest.mark.e2e

IDENTITY, BAY, CARD, HOLDER = "GARAGE-1", "Bay 01", "04A1B2C3D4E5F2", "Anna Meier"
SITE = "Garage North"
#: Live values come at most once a second; a charger at this pace sends one every second.
SOON_MS = 20_000


def set_up(page: Page, installation: Installation) -> None:
    page.goto(installation.setup_link)
    page.get_by_label("Username").fill(ADMIN[0])
    page.get_by_label("Password:", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_label("Site").fill(SITE)
    page.get_by_role("button", name="Create and log in").click()
    page.wait_for_url("**/welcome/")
    expect(page.locator("#live")).to_have_text("Live")


def approve(page: Page, bay: Charger) -> None:
    """A charger calls; it appears by itself and is approved where it stands."""
    bay.begin(lambda station: station.boot())
    banner = page.locator(".banner", has_text=IDENTITY)
    expect(banner).to_contain_text("New charger is waiting", timeout=SOON_MS)
    expect(banner).to_contain_text("Simulator AC")
    banner.get_by_label("Name").fill(BAY)
    banner.get_by_label("Site").select_option(label=SITE)
    banner.get_by_role("button", name="Approve").click()
    expect(page.locator(".banner", has_text="New charger")).to_have_count(0)
    bay.do(lambda station: station.until_ready())
    expect(page.get_by_role("link", name=BAY)).to_be_visible(timeout=SOON_MS)


def learn_a_tag(page: Page, bay: Charger) -> None:
    """The next card that is held to this charger fills the form."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Tags").click()
    page.get_by_role("link", name=re.compile("Learn")).first.click()
    page.get_by_label("Charger", exact=True).fill(BAY)
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("Hold the card")
    expect(page.locator("#live")).to_have_text("Live")
    assert bay.do(lambda station: station.authorize(CARD)) == "Invalid"
    expect(page.get_by_label("Number")).to_have_value(CARD, timeout=SOON_MS)
    page.get_by_label("Holder").fill(HOLDER)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("main")).to_contain_text(HOLDER)


def charge(page: Page, bay: Charger) -> None:
    """The tile comes alive: kW appear, and kWh rise, without anybody touching the page."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Overview").click()
    tile = page.locator("a.tile", has_text=BAY).first
    expect(tile).to_contain_text("Available")
    expect(page.locator("#live")).to_have_text("Live")
    page.evaluate("window.sameDocument = true")
    bay.do(lambda station: station.plug())
    expect(tile).to_contain_text("Preparing", timeout=SOON_MS)
    assert bay.do(lambda station: station.authorize(CARD)) == "Accepted"
    bay.do(lambda station: station.start(1, CARD))
    expect(tile).to_contain_text("Charging", timeout=SOON_MS)
    expect(tile.locator("[data-format=kw]")).to_have_text(re.compile(r"^1\d\.\d$"), timeout=SOON_MS)
    energy = tile.locator("[data-format=kwh]")
    before = energy.inner_text()
    expect(energy).not_to_have_text(before, timeout=SOON_MS)
    assert float(energy.inner_text()) > float(before)
    assert page.evaluate("window.sameDocument") is True, "the page was loaded again"
    expect(tile).to_contain_text(HOLDER)


def stop_from_afar(page: Page, bay: Charger) -> None:
    """The command is given in the sheet, and its row moves on to what the charger did."""
    page.locator("a.tile", has_text=BAY).first.click()
    page.get_by_role("link", name="Stop…").first.click()
    sheet = page.locator("#sheet")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text(BAY)
    sheet.locator("form button.primary").click()
    question = page.locator("#confirm")
    if question.is_visible():
        question.locator("#confirm-yes").click()
    life = sheet.locator(".life")
    expect(life).to_contain_text("The session ended", timeout=SOON_MS)
    expect(life.get_by_text("Accepted").first).to_be_visible()
    assert bay.station.connectors[1].transaction is None
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()
    bay.do(lambda station: station.unplug())
    expect(page.locator("#tab")).to_contain_text("Available", timeout=SOON_MS)


def energy_shown(page: Page) -> float:
    """kWh of the only session, in the list of transactions."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Transactions").click()
    row = page.locator("table.list tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(HOLDER)
    return float(row.locator("[data-label=kWh]").inner_text())


def report(page: Page, folder: Path) -> tuple[float, dict[str, object]]:
    """kWh of the person in the report, and its only row in the workbook by column."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Reports").click()
    row = page.locator("table.list tbody tr", has_text=HOLDER)
    shown = float(row.locator("[data-label^=Energy]").inner_text())
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    header, first, *_rest = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
    return shown, dict(zip(map(str, header), first, strict=True))


def transactions_as_xlsx(page: Page, folder: Path) -> dict[str, object]:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Transactions").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    path = folder / download.value.suggested_filename
    assert re.fullmatch(r"plugcontrol-transactions-.*\.xlsx", path.name)
    download.value.save_as(path)
    header, *rows = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
    assert len(rows) == 1
    return dict(zip(map(str, header), rows[0], strict=True))


def test_the_first_day(fresh: Installation, browser: Browser, tmp_path: Path) -> None:
    with (
        charger(fresh.server.charger_address, IDENTITY) as bay,
        opened(browser, accept_downloads=True) as page,
    ):
        set_up(page, fresh)
        address = page.locator("#charger-address")
        expect(address).to_have_text(re.compile(rf"^ws://[^/]+:{fresh.server.port}/ocpp/$"))
        expect(address).not_to_contain_text("localhost")
        approve(page, bay)
        learn_a_tag(page, bay)
        charge(page, bay)
        stop_from_afar(page, bay)

        listed = energy_shown(page)
        reported, in_report = report(page, tmp_path)
        exported = transactions_as_xlsx(page, tmp_path)

        assert (exported["charge_point_id"], exported["id_tag"], exported["tag_holder"]) == (IDENTITY, CARD, HOLDER)
        start_wh, stop_wh, energy_kwh = (exported[name] for name in ("meter_start_wh", "meter_stop_wh", "energy_kwh"))
        assert isinstance(start_wh, int)
        assert isinstance(stop_wh, int)
        assert isinstance(energy_kwh, int | float)
        assert stop_wh - start_wh == round(energy_kwh * 1000) > 0
        assert listed == reported == pytest.approx(energy_kwh, abs=0.006)
        assert energy_kwh in [value for value in in_report.values() if isinstance(value, int | float)]


def test_without_the_link_nobody_becomes_administrator(fresh: Installation, browser: Browser) -> None:
    with opened(browser, 403) as page:
        page.goto(f"{fresh.page}/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Open the link printed in the terminal")
        expect(page.locator("form")).to_have_count(0)
