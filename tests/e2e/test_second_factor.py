"""The second factor by hand: set up with an app, asked for at the login, done without for once, taken away."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Browser, Page, expect

from .conftest import ADMIN, PHONE, Installation, installed, opened
from .test_pages import TOO_WIDE, WIDEST, barriers

pytestmark = pytest.mark.e2e

STEP_S = 30
ACCOUNT, FACTOR = "/account/", "/account/second-factor/"
#: As if all but one of the recovery codes had been used.
USE_CODES_UP = """
from django_otp.plugins.otp_static.models import StaticToken
StaticToken.objects.exclude(pk=StaticToken.objects.first().pk).delete()
"""


class App:
    """An authenticator app that knows the key which the set-up page tells.

    The server takes each code once and is patient by one step, so `code()` is that of now, or the next one where that
    of now has been shown. Used twice it never has to wait; a third time within half a minute would be one too many.
    """

    def __init__(self, page: Page) -> None:
        link = page.locator("a[href^='otpauth://totp/']").get_attribute("href") or ""
        self.key = b32decode(parse_qs(urlsplit(link).query)["secret"][0])
        self._last = 0

    def code(self) -> str:
        self._last = max(int(time.time()) // STEP_S, self._last + 1)
        return self.last()

    def last(self) -> str:
        """What it showed before."""
        counter = TOTP(self.key, step=STEP_S)
        counter.time = self._last * STEP_S
        return f"{counter.token():06}"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Installation]:
    """An administrator, who may do here what would lock out others elsewhere."""
    with installed(tmp_path, fill=False) as installation:
        yield installation


def show_password(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.page}/login/")
    page.locator("#id_username").fill(ADMIN[0])
    page.locator("#id_password").fill(ADMIN[1])
    page.locator("main form button").click()


def show_code(page: Page, code: str) -> None:
    page.locator("#id_code").fill(code)
    page.locator("main form:has(#id_code) button").click()


def log_in(page: Page, installation: Installation, code: str) -> None:
    show_password(page, installation)
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter the code")
    expect(page.get_by_label("Code")).to_be_focused()
    show_code(page, code)


def is_in(page: Page) -> None:
    page.wait_for_url(lambda url: "/login/" not in url)
    expect(page.get_by_label("You: anna")).to_be_visible()


def log_out(page: Page) -> None:
    page.locator("details.user summary").click()
    page.get_by_role("banner").get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def set_up(page: Page) -> tuple[App, list[str]]:
    """From the page of the account, with a typing error first. The app, and the recovery codes."""
    expect(page.locator("dd", has_text="the password alone lets you in")).to_be_visible()
    page.get_by_role("link", name="Set up a second factor").click()
    picture = page.get_by_role("img", name="The key as a QR code")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    app = App(page)
    page.get_by_text("The app is on this device, or cannot scan").click()
    expect(page.locator("#second-factor-key")).to_have_text(re.compile(r"^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$"))
    show_code(page, "no code")
    expect(page.locator(".errorlist")).to_contain_text("This is not the code of now")
    expect(page.get_by_label("Code")).to_be_focused()
    assert App(page).key == app.key, "whoever mistypes need not scan again"
    show_code(page, app.code())
    expect(page.locator("main")).to_contain_text("The second factor is set up")
    assert barriers(page) == []
    page.emulate_media(media="print")
    assert barriers(page) == [], "whoever likes dark pages prints dark codes on dark ground"
    page.emulate_media(media="screen")
    codes = page.locator("#recovery-codes").inner_text().split()
    assert len({*codes}) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#recovery-codes")).to_have_count(0)
    return app, codes


def test_from_setting_it_up_to_taking_it_away(own: Installation, browser: Browser) -> None:
    with opened(browser, 422, color_scheme="dark") as page, opened(browser) as elsewhere:
        for each in (page, elsewhere):
            show_password(each, own)
            is_in(each)
        page.goto(own.page + ACCOUNT)
        app, codes = set_up(page)
        elsewhere.goto(own.page + ACCOUNT)
        expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Log in")

        log_out(page)
        log_in(page, own, app.code())
        is_in(page)

        log_out(page)
        log_in(page, own, app.last())  # seen over the shoulder
        expect(page.locator(".errorlist")).to_contain_text("This code is not right, or it has been used")
        assert barriers(page) == []
        show_code(page, codes[0].upper())
        is_in(page)
        expect(page.locator(".messages")).to_contain_text("This recovery code is used up. 9 are left")

        page.goto(own.page + ACCOUNT)
        page.get_by_role("link", name="Second factor").click()
        left = page.locator("dt", has_text="Recovery codes left").locator("xpath=following-sibling::dd[1]")
        expect(left).to_have_text("9")
        assert barriers(page) == []
        page.get_by_role("link", name="Remove").click()
        expect(page.locator("main")).to_contain_text("The password alone lets you in then")
        show_code(page, codes[1])
        expect(page.locator(".messages")).to_contain_text("The second factor has been removed")
        expect(page.locator("dd", has_text="the password alone lets you in")).to_be_visible()

        log_out(page)
        show_password(page, own)
        is_in(page)
        page.goto(own.page + FACTOR)
        expect(page.get_by_role("heading", level=1)).to_have_text("Set up the second factor")


def test_its_pages_fit_on_a_phone(own: Installation, browser: Browser) -> None:
    """In German, whose words are long; `test_pages.py` sees these addresses of people who have none."""
    with opened(browser, viewport=PHONE, has_touch=True, is_mobile=True, locale="de-DE") as page:
        show_password(page, own)
        page.locator("details.user").wait_for()
        page.goto(own.page + FACTOR)
        show_code(page, App(page).code())
        page.locator("#recovery-codes").wait_for()
        too_wide = {"recovery codes": page.evaluate(WIDEST)} if page.evaluate(TOO_WIDE) > 0 else {}
        own.run("shell", "-c", USE_CODES_UP)
        for path in (ACCOUNT, FACTOR, f"{FACTOR}codes/", f"{FACTOR}remove/"):
            page.goto(own.page + path)
            if page.evaluate(TOO_WIDE) > 0:
                too_wide[path] = page.evaluate(WIDEST)
        assert too_wide == {}
