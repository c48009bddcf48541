"""From the link in the terminal to a session in a spreadsheet, by hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from ..server import ROOT
from .conftest import ADMIN, Installation, opened

pytestmark = pytest.mark.e2e


def set_up(page: Page, installation: Installation) -> None:
    page.goto(installation.setup_link)
    page.get_by_label("Username").fill(ADMIN[0])
    page.get_by_label("Password:", exact=True).fill(ADMIN[1])
    page.get_by_label("Password confirmation").fill(ADMIN[1])
    page.get_by_role("button", name="Create and log in").click()
    page.wait_for_url("**/admin/")


def approve_by_click(page: Page, installation: Installation) -> None:
    """A charger calls, waits, and is approved on the overview while it is connected."""
    command = [sys.executable, "manage.py", "simulate", "--identity", "GARAGE-1", "--speed", "600"]
    sessions = ["--url", f"{installation.server.charger_address}/", "--sessions", "1", "--id-tag", "CAFE"]
    short = ["--session-minutes", "1", "--idle-minutes", "0"]
    charger = subprocess.Popen(
        [*command, *sessions, *short],
        cwd=ROOT,
        env={**os.environ, **installation.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert charger.stdout is not None
    try:
        for line in charger.stdout:
            if "Pending" in line:
                break
        page.reload()
        banner = page.locator(".banner", has_text="GARAGE-1")
        expect(banner).to_contain_text("Waiting for approval")
        banner.get_by_role("button", name="Approve").click()
        expect(page.locator(".banner")).to_have_count(0)
        output, _ = charger.communicate(timeout=30)
        assert charger.returncode == 0, output
        assert "1 cards refused" in output  # nobody has entered the tag yet
    finally:
        charger.kill()
        charger.wait()


def add_the_tag_that_was_held_to_it(page: Page) -> None:
    page.reload()
    card = page.locator("section.card", has_text="Unknown tags today")
    expect(card).to_contain_text("CAFE")
    card.locator(".fix a").first.click()
    expect(page.get_by_label("Number (idTag)")).to_have_value("CAFE")
    page.get_by_label("Holder").fill("Anna")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("CAFE")


def export(page: Page, folder: Path) -> dict[str, object]:
    """The only row of the exported file, by column."""
    page.get_by_role("link", name="Export").click()
    page.get_by_label("Format").select_option(label="xlsx")
    with page.expect_download() as download:
        page.get_by_role("button", name="Submit").click()
    path = folder / download.value.suggested_filename
    assert re.fullmatch(r"plugcontrol-transactions-\d{4}-\d\d-\d\d\.xlsx", path.name)
    download.value.save_as(path)
    header, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    assert len(rows) == 1
    return dict(zip(header, rows[0], strict=True))


def test_the_first_day(fresh: Installation, browser: Browser, tmp_path: Path) -> None:
    with opened(browser, accept_downloads=True) as page:
        set_up(page, fresh)
        address = page.locator("#charger-address")
        expect(address).to_have_text(re.compile(rf"^ws://[^/]+:{fresh.server.port}/ocpp/$"))
        expect(address).not_to_contain_text("localhost")
        approve_by_click(page, fresh)
        add_the_tag_that_was_held_to_it(page)

        printed = fresh.simulate("GARAGE-1", "CAFE")

        page.locator("#places").get_by_role("link", name="Transactions").click()
        row = page.locator("#result_list tbody tr")
        expect(row).to_have_count(1)
        expect(row).to_contain_text("Anna (CAFE)")
        shown_kwh = row.locator(".field-energy_kwh").inner_text()
        exported = export(page, tmp_path)

        assert (exported["charge_point_id"], exported["id_tag"], exported["tag_holder"]) == ("GARAGE-1", "CAFE", "Anna")
        assert exported["status"] == "finished"
        start_wh, stop_wh, energy_kwh = (exported[name] for name in ("meter_start_wh", "meter_stop_wh", "energy_kwh"))
        assert isinstance(start_wh, int)
        assert isinstance(stop_wh, int)
        assert isinstance(energy_kwh, int | float)
        assert stop_wh - start_wh == round(energy_kwh * 1000) > 0
        assert f"{energy_kwh:.3f}" in shown_kwh
        assert f"1 sessions, {energy_kwh:.1f} kWh" in printed


def test_without_the_link_nobody_becomes_administrator(fresh: Installation, browser: Browser) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"{fresh.page}/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Open the link printed in the terminal")
        expect(page.locator("form")).to_have_count(0)
    finally:
        context.close()
