"""The page of the REST API under our own policy: nothing of it comes from elsewhere, and requests can be tried."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def test_requests_can_be_tried(visit, full):
    page = visit(full)
    page.goto(f"{full.page}/api/docs/")
    page.locator("#operations-charge-points-charge_points_list button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    expect(page.locator(".live-responses-table")).to_contain_text("ABB-9000")


def test_a_command_can_be_tried(visit, full):
    page = visit(full)
    page.goto(f"{full.page}/api/docs/")
    operation = page.locator("#operations-charge-points-charge_points_commands_create")
    operation.locator("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_placeholder("identity").fill("ABB-9009")  # the one that is offline
    operation.locator("textarea").fill('{"action": "Reset", "payload": {"type": "Soft"}, "wait_s": 5}')
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("undelivered")
