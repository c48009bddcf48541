"""Every page, as it looks with nothing in it and with the worst in it: no complaint, no barrier, nothing too wide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from ..pages import address, readable
from .cast import HOLDER, SITE_OPERATOR
from .conftest import PHONE, Installation, Visit

pytestmark = pytest.mark.e2e

AXE = (Path(settings.BASE_DIR) / "tests" / "vendor" / "axe" / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SERIOUS = ("serious", "critical")
TOO_WIDE = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
WIDEST = """() => [...document.querySelectorAll("main *, header *")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 90)).slice(0, 3)"""
OF_HOLDERS = ("mine", "mine_sessions", "mine_cards")


def pages_of(examples: dict[str, Any], *, mine: bool = False) -> dict[str, str]:
    """Name → address of the pages there are; without examples those that need none."""
    found = {}
    for name in readable():
        if (name in OF_HOLDERS) is mine and name != "login":
            try:
                found[name] = address(name, examples)
            except KeyError:
                continue
    return found


def installation_of(request: pytest.FixtureRequest, name: str) -> Installation:
    installation: Installation = request.getfixturevalue(name)
    return installation


def barriers(page: Page) -> list[str]:
    """What axe finds serious: the rule, and the first place."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [
        f"{violation['id']}: {violation['nodes'][0]['html'][:160]} {violation['nodes'][0]['failureSummary'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("filled", ["empty", "full"])
def test_no_page_has_a_barrier(request: pytest.FixtureRequest, visit: Visit, filled: str, scheme: str) -> None:
    installation = installation_of(request, filled)
    page = visit(installation, color_scheme=scheme, reduced_motion="reduce")
    faults = {}
    for name, path in pages_of(installation.examples).items():
        page.goto(installation.page + path)
        if found := barriers(page):
            faults[name] = found
    assert faults == {}


@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
@pytest.mark.parametrize("filled", ["empty", "full"])
def test_on_a_phone_no_page_scrolls_sideways(
    request: pytest.FixtureRequest, visit: Visit, filled: str, language: str
) -> None:
    installation = installation_of(request, filled)
    page = visit(installation, viewport=PHONE, has_touch=True, is_mobile=True, locale=language)
    faults = {}
    for name, path in pages_of(installation.examples).items():
        page.goto(installation.page + path)
        if (pixels := page.evaluate(TOO_WIDE)) > 0:
            faults[name] = (pixels, page.evaluate(WIDEST))
    assert faults == {}


def test_pages_of_holders(visit: Visit, full: Installation) -> None:
    faults: dict[str, Any] = {}
    for scheme in ("light", "dark"):
        page = visit(full, HOLDER, color_scheme=scheme, viewport=PHONE)
        for name, path in pages_of(full.examples, mine=True).items():
            page.goto(full.page + path)
            if found := barriers(page):
                faults[f"{name} {scheme}"] = found
            if page.evaluate(TOO_WIDE) > 0:
                faults[f"{name} wide"] = page.evaluate(WIDEST)
    assert faults == {}


def test_sheets_and_menus_have_no_barrier(visit: Visit, full: Installation) -> None:
    """What opens over a page: the forms of commands, the menus, the list of keys, the question before a decision."""
    page = visit(full)
    page.goto(full.page + address("charger", full.examples))
    faults = []
    page.get_by_role("link", name="Reset…").click()
    expect(page.locator("#sheet")).to_be_visible()
    faults += barriers(page)
    page.locator("#sheet [data-close]").first.click()
    expect(page.locator("#sheet")).to_be_hidden()
    page.get_by_role("navigation", name="Main").locator("summary").click()
    faults += barriers(page)
    page.keyboard.press("Escape")
    page.locator("body").press("?")
    expect(page.locator("#keys")).to_be_visible()
    faults += barriers(page)
    assert faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_systems_colours(visit: Visit, full: Installation, scheme: str) -> None:
    luminance = """element => {
      const [red, green, blue] = getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number);
      return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
    }"""
    page = visit(full, color_scheme=scheme)
    for path in ("/", "/chargers/", "/admin/", "/admin/stations/chargepoint/"):
        page.goto(full.page + path)
        paper = page.locator("body").evaluate(luminance)
        assert paper < 0.2 if scheme == "dark" else paper > 0.8, path


def test_the_theme_that_was_chosen_stays(visit: Visit, full: Installation) -> None:
    page = visit(full, color_scheme="light")
    page.goto(full.page + "/")
    page.locator("details.user summary").click()
    page.locator("[data-theme-switch]").click()  # light
    page.locator("[data-theme-switch]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(full.page + "/chargers/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_admin_does_not_complain(visit: Visit, full: Installation) -> None:
    """Records, bulk edit, import and export; the screens do the rest."""
    page = visit(full)
    page.goto(full.page + "/admin/")
    links = page.locator("#content a[href^='/admin/']").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    lists = sorted({link for link in links if link.count("/") == 4})
    assert len(lists) > 20
    for path in lists:
        page.goto(full.page + path)
        expect(page.locator("#site-name")).to_contain_text("plugcontrol")


def test_without_scripts_every_way_is_there(visit: Visit, full: Installation) -> None:
    page = visit(full, SITE_OPERATOR, java_script_enabled=False)
    page.goto(full.page + "/chargers/")
    page.get_by_label("Name, ID or serial").fill("Bay 01")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Bay 01").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bay 01")
    page.get_by_role("link", name="Start…").or_(page.get_by_role("link", name="Stop…")).first.click()
    expect(page.locator("main form[method=post]")).to_have_count(1)


def test_the_address_can_be_copied(visit: Visit, full: Installation) -> None:
    page = visit(full, permissions=["clipboard-read", "clipboard-write"])
    page.goto(full.page + "/welcome/")
    shown = page.locator("#charger-address").inner_text()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shown


def test_the_keyboard_goes_through(visit: Visit, full: Installation) -> None:
    page = visit(full)
    page.goto(full.page + "/chargers/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("Bay 02")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=Bay+02")
    page.goto(full.page + "/chargers/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.rstrip("/").rsplit("/", 1)[-1].isdigit())
