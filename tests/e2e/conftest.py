"""A browser, servers of their own for whoever needs one, and pages that may not complain."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Response, expect, sync_playwright

from ..server import ROOT, Server, environment, manage, serving
from .cast import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
TIMEOUT_MS = 10_000
ADMIN = ("anna", PASSWORD)
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="package")  # no longer: while it runs, no other test could have an event loop
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: install Debian's chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Complaints:
    """What a page's console, its scripts, its policy and its server complained of; `expected` statuses are no news."""

    def __init__(self, page: Page) -> None:
        self.heard: list[str] = []
        self.expected: set[int] = set()
        page.on("console", self._console)  # Chromium reports violations of the policy here as well
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))
        page.on("dialog", self._dialog)
        page.on("response", self._response)

    def _dialog(self, dialog: Dialog) -> None:
        """No page of ours opens one, but a script that somebody smuggled in does."""
        self.heard.append(f"a dialog said {dialog.message}")
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        told = re.match(r"Failed to load resource: the server responded with a status of (\d+)", message.text)
        if message.type in ("error", "warning") and not (told and int(told[1]) in self.expected):
            self.heard.append(f"{message.location.get('url')}: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.heard.append(f"{response.url}: {response.status}")


@contextmanager
def opened(browser: Browser, *expected: int, **options: Any) -> Iterator[Page]:
    """A page in a context of its own; whatever it complained of by the end is a failure."""
    context = browser.new_context(**{"locale": "en-GB", "viewport": DESK, **options})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    complaints = Complaints(page)
    complaints.expected |= {*expected}
    try:
        yield page
        assert complaints.heard == []
    finally:
        context.close()


def settled(page: Page) -> None:
    """Wait until what htmx has put on the page listens, a moment after it can be seen: too short for a hand."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


class Installation:
    """A running server and its `manage.py`; `examples` and `elsewhere` are keys for `tests.pages.address`."""

    def __init__(self, env: dict[str, str], server: Server) -> None:
        self.env = env
        self.server = server
        self.page = server.page
        self.examples: dict[str, Any] = {}
        self.elsewhere: dict[str, Any] = {}
        self._logged_in: dict[str, Any] = {}

    def run(self, *arguments: str) -> str:
        result = manage(*arguments, env=self.env)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def live_in(self, *options: str) -> None:
        """Fill it; see `tests/e2e/cast.py`."""
        command = [sys.executable, "-m", "tests.e2e.cast", *options]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **self.env}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.examples = json.loads(done.stdout)
        self.elsewhere = self.examples.pop("elsewhere")

    @property
    def setup_link(self) -> str:
        found = re.search(r"http://\S+/setup/\?token=\S+", self.server.log)
        assert found is not None, self.server.log
        return found[0]

    def log_in(self, page: Page, name: str = ADMIN[0]) -> None:
        """Through the login page, the first time; its cookies are good for the next browser."""
        if name not in self._logged_in:
            page.goto(f"{self.page}/login/")
            page.locator("#id_username").fill(name)
            page.locator("#id_password").fill(PASSWORD)
            page.locator("main form button").click()
            page.wait_for_url(lambda url: "/login/" not in url)
            self._logged_in[name] = page.context.cookies()
        page.context.add_cookies(self._logged_in[name])


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Installation]:
    """Started for the first time: no user, no charger."""
    env = environment(tmp_path)
    with serving(env) as server:
        yield Installation(env, server)


@contextmanager
def installed(folder: Path, *cast: str, fill: bool = True) -> Iterator[Installation]:
    """A server with an administrator and, unless told otherwise, the cast."""
    env = environment(folder, ADMIN_USERNAME=ADMIN[0], ADMIN_PASSWORD=ADMIN[1], TIME_ZONE="Europe/Berlin")
    with serving(env) as server:
        installation = Installation(env, server)
        if fill:
            installation.live_in(*cast)
        yield installation


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An administrator and nothing else. Tests only look at it."""
    with installed(tmp_path_factory.mktemp("empty"), fill=False) as installation:
        yield installation


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """In use for two months, by hostile chargers too. Tests only look at it."""
    with installed(tmp_path_factory.mktemp("full"), "--hostile") as installation:
        yield installation


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """`page = visit(full, "vera", locale="de-DE")`: logged in there."""
    with ExitStack() as stack:

        def visit(installation: Installation, name: str = ADMIN[0], *expected: int, **options: Any) -> Page:
            page = stack.enter_context(opened(browser, *expected, **options))
            installation.log_in(page, name)
            return page

        yield visit
