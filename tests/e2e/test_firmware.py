"""A firmware by hand: uploaded, sent to two chargers as a campaign, watched; then diagnostics fetched."""

from __future__ import annotations

import re
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..server import environment, serving
from .charger import charger
from .conftest import ADMIN, Installation, opened

pytestmark = pytest.mark.e2e

#: A campaign is looked after every two seconds, and a simulated charger installs in a second.
SOON_MS = 40_000
#: Notes what the line beside the upload's bar says.
LISTEN = """new MutationObserver(() => {
  const said = document.querySelector("[data-percent]")?.textContent;
  if (said) window.said = said;
}).observe(document.body, { subtree: true, childList: true, characterData: true })"""
CHARGERS = ("GARAGE-1", "GARAGE-2")


def upload(page: Page, image: Path) -> None:
    page.get_by_role("link", name="Upload a firmware").click()
    page.get_by_label("File").set_input_files(image)
    page.get_by_label("Name").fill("Spring")
    page.evaluate(LISTEN)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#upload .errorlist").first).to_contain_text("Nothing was stored")  # the version is missing
    assert re.fullmatch(r"\d+ %", page.evaluate("window.said"))
    page.get_by_label("File").set_input_files(image)
    page.get_by_label("Version").fill("4.3.1")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Spring 4.3.1")


def begin_campaign(page: Page) -> None:
    page.get_by_role("link", name="Update chargers…").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Spring 4.3.1")
    expect(page.get_by_label("Also while a car is charging")).not_to_be_checked()
    page.get_by_label("Select all").check()
    page.get_by_role("button", name="Begin").click()
    page.locator("#confirm-yes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Spring 4.3.1")


def fetch_diagnostics(page: Page, folder: Path) -> Path:
    page.get_by_role("link", name="Fetch diagnostics or a log…").click()
    sheet = page.locator("#sheet")
    sheet.get_by_role("button", name="Fetch").click()
    expect(sheet.locator(".life")).to_contain_text("Accepted")
    sheet.get_by_role("button", name="Close").click()
    link = page.locator("#tab a[download]")
    expect(link).to_be_visible(timeout=SOON_MS)
    with page.expect_download() as coming:
        link.click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


@pytest.mark.server
def test_a_firmware_reaches_the_chargers_and_their_files_come_back(browser: Browser, tmp_path: Path) -> None:
    named = {"ADMIN_USERNAME": ADMIN[0], "ADMIN_PASSWORD": ADMIN[1], "UNKNOWN_CHARGE_POINTS": "accept"}
    env = environment(tmp_path, **named)
    env["FILES_URL"] = f"http://127.0.0.1:{env['PORT']}"
    image = tmp_path / "spring-4.3.1.bin"
    image.write_bytes(b"\0" * 300_000)
    with serving(env) as server, ExitStack() as street, opened(browser, 422) as page:
        installation = Installation(env, server)
        stations = [street.enter_context(charger(server.charger_address, name)) for name in CHARGERS]
        for station in stations:
            station.do(lambda one: one.boot())
        installation.log_in(page)
        page.goto(f"{installation.page}/firmware/")
        upload(page, image)
        begin_campaign(page)
        page.evaluate("window.sameDocument = true")
        bar = page.locator("#campaign .counts")
        expect(bar).to_contain_text("2 of 2 installed", timeout=SOON_MS)
        expect(bar).to_contain_text("100 %")
        expect(page.locator("#campaign .badge").first).to_have_text("done", timeout=SOON_MS)
        assert page.evaluate("window.sameDocument")
        for station in stations:
            assert station.station.registration.boot_payload["firmwareVersion"] == "4.3.1"
        page.get_by_role("link", name=CHARGERS[0]).click()
        expect(page.locator("#tab")).to_contain_text(re.compile("downloaded.*installing.*installed", re.DOTALL))
        with zipfile.ZipFile(fetch_diagnostics(page, tmp_path)) as archive:
            assert CHARGERS[0] in archive.read("station.json").decode()
