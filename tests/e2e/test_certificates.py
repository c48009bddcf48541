"""Security by hand: a charger is raised by the wizard and watched, a root is added and installed, a request signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..certificates.pki import CA, request
from ..server import environment, serving
from .charger import Charger, charger
from .conftest import ADMIN, Installation, opened

pytestmark = pytest.mark.e2e

#: The wizard is looked after every two seconds, and each step is a command.
SOON_MS = 40_000


def raise_by_wizard(page: Page, box: Charger) -> None:
    """From no password to one: the charger is told both, comes back by itself, and the page shows each step."""
    page.get_by_role("link", name="GARAGE-1").first.click()
    page.get_by_role("link", name="Security", exact=True).click()
    expect(page.locator("#security-part")).to_contain_text("0: no password")
    expect(page.locator("#tab")).to_contain_text("This server does not speak TLS yet")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name="On the way to security profile 1")).to_be_visible()
    expect(page.locator("#security-part .badge").first).to_have_text("done", timeout=SOON_MS)
    expect(page.locator("#security-part")).to_contain_text("1: password")
    assert box.station.is_ready


def add_root(page: Page, folder: Path) -> None:
    root = folder / "vendor.pem"
    root.write_text(CA("Vendor Root").pem)
    page.get_by_role("link", name="Root certificates").click()
    page.get_by_role("link", name="Add a root certificate").click()
    page.get_by_label("Name").fill("Vendor")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".errorlist").first).to_contain_text("Choose a file or paste")
    page.get_by_label("Meant").select_option("ManufacturerRootCertificate")
    page.get_by_label("File").set_input_files(root)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vendor")


def install_root(page: Page) -> None:
    page.get_by_label("GARAGE-1").check()
    page.get_by_role("button", name="Install").click()
    expect(page.locator(".messages")).to_contain_text("Sent to 1 charger.")
    expect(page.locator("#holders")).to_contain_text("GARAGE-1", timeout=SOON_MS)


def decide_on_request(page: Page, box: Charger) -> None:
    """A request that names another charger waits for a person; the charger gets what was signed."""
    answer = box.do(lambda station: station.call("SignCertificate", {"csr": request("somebody else")}))
    assert answer["status"] in ("Accepted", "Rejected")
    page.get_by_role("link", name="Requests").click()
    expect(page.locator("#list")).to_contain_text("it names another charger")
    page.locator("#list tbody a").first.click()
    page.get_by_role("button", name="Sign").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#request")).to_contain_text("CN=somebody else")
    expect(page.locator("#request .badge").first).not_to_have_text("refused")


@pytest.mark.server
def test_security_by_hand(browser: Browser, tmp_path: Path) -> None:
    named = {"ADMIN_USERNAME": ADMIN[0], "ADMIN_PASSWORD": ADMIN[1], "UNKNOWN_CHARGE_POINTS": "accept"}
    env = environment(tmp_path, **named)
    with serving(env) as server, opened(browser, 422) as page, charger(server.charger_address, "GARAGE-1") as box:
        installation = Installation(env, server)
        box.do(lambda station: station.boot())
        installation.log_in(page)
        page.goto(f"{server.page}/chargers/")
        raise_by_wizard(page, box)
        page.goto(f"{server.page}/certificates/")
        add_root(page, tmp_path)
        install_root(page)
        page.goto(f"{server.page}/certificates/")
        decide_on_request(page, box)
