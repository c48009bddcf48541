"""What a role may not do is absent from its pages, and refused by its address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from ..pages import address
from .cast import HOLDER, SITE_OPERATOR, VIEWER
from .conftest import Installation, Visit

pytestmark = pytest.mark.e2e


def ways(page: Page) -> set[str]:
    """What the top bar offers."""
    return {word.strip() for word in page.locator("nav.places a").all_text_contents()}


def status_of(page: Page, url: str) -> int:
    """What the server says to this person, without leaving the page."""
    return page.context.request.get(url, max_redirects=0).status


def texts(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("main a, main button").all_text_contents()]


def test_a_viewer_looks_and_changes_nothing(visit: Visit, full: Installation) -> None:
    page = visit(full, VIEWER)
    page.goto(full.page + "/")
    assert {"Overview", "Chargers", "Transactions", "Tags", "Reports"} <= ways(page)
    assert not {"Users and roles", "Settings", "My charging"} & ways(page)
    expect(page.locator(".banner", has_text="ABB-TAC-W11-9F2")).to_contain_text("more rights")
    assert "Approve" not in texts(page)
    page.goto(full.page + address("charger", full.examples))
    assert not {"Start…", "Stop…", "Unlock…", "Reset…", "All commands…", "Edit…"} & {*texts(page)}
    page.goto(full.page + "/tags/")
    assert "04A1005E7B80F2" not in page.content()
    assert not {"Add a tag", "Add"} & {*texts(page)}
    for name in ("send", "charger_edit", "tag_add", "tag_import", "people", "settings", "close_transaction"):
        assert status_of(page, full.page + address(name, full.examples)) == 403, name
    assert status_of(page, full.page + "/admin/") == 200
    token = {"X-CSRFToken": page.locator("[name=csrfmiddlewaretoken]").first.input_value()}
    decided = page.context.request.post(full.page + address("reject", full.examples), headers=token, max_redirects=0)
    assert decided.status == 403


def test_an_operator_of_one_site_sees_that_site(visit: Visit, full: Installation) -> None:
    elsewhere = full.elsewhere
    page = visit(full, SITE_OPERATOR)
    page.goto(full.page + "/")
    assert "Users and roles" not in ways(page)
    assert "Administration" not in ways(page)
    assert "Connect a charger" not in ways(page)
    expect(page.locator("main")).to_contain_text("Bay 01")
    expect(page.locator("main")).not_to_contain_text("Yard 1")
    page.goto(full.page + "/chargers/")
    expect(page.locator("main table")).to_contain_text("Bay 02")
    expect(page.locator("main")).not_to_contain_text("Yard")
    page.goto(full.page + "/transactions/?period=12_months")
    expect(page.locator("main table")).to_contain_text("Bay")
    expect(page.locator("main")).not_to_contain_text("Yard")
    page.goto(full.page + "/search/?q=Yard")
    expect(page.locator("main a", has_text="Yard 1")).to_have_count(0)
    here = elsewhere["north"]
    page.goto(f"{full.page}/chargers/{here}/")
    expect(page.get_by_role("link", name="Reset…")).to_be_visible()
    for name in ("charger", "charger_edit", "choose", "transaction", "site"):
        assert status_of(page, full.page + address(name, elsewhere)) == 404, name
    for name in ("people", "welcome", "site_add"):
        assert status_of(page, full.page + address(name, full.examples)) == 403, name
    assert status_of(page, full.page + "/admin/") == 302
    assert status_of(page, full.page + "/api/v1/charge-points/") in (401, 403)


def test_a_tag_holder_sees_what_is_theirs(visit: Visit, full: Installation) -> None:
    page = visit(full, HOLDER)
    page.goto(full.page + "/")
    page.wait_for_url("**/mine/")
    assert ways(page) == {"My charging", "My sessions", "My cards"}
    expect(page.locator("header [role=search]")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Bay 02")  # its site lets holders start
    expect(page.locator("main")).not_to_contain_text("Yard 2")  # at its site they may not
    page.goto(full.page + "/mine/cards/")
    expect(page.locator("main")).to_contain_text("04A1045E7B84F2")
    page.goto(full.page + "/mine/sessions/?period=12_months")
    expect(page.locator("main")).not_to_contain_text("Anna Meier")
    for name in ("chargers", "charger", "transactions", "transaction", "tags", "reports", "search", "people", "about"):
        assert status_of(page, full.page + address(name, full.examples)) == 403, name
    assert status_of(page, full.page + "/admin/") == 302
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    assert download.value.suggested_filename.endswith(".xlsx")


def test_nobody_gets_further_than_the_login_page(full: Installation, visit: Visit) -> None:
    page = visit(full, VIEWER)
    page.goto(full.page + "/account/")
    page.locator("details.user summary").click()
    page.get_by_role("banner").get_by_role("button", name="Log out").click()
    page.goto(full.page + address("charger", full.examples))
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    expect(page.locator("nav.places, #live, [role=search]")).to_have_count(0)
