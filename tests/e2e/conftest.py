"""A browser, a server of its own for whoever needs one, and a page that may not complain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright
from websockets import InvalidStatus, Subprotocol
from websockets.sync.client import connect

from ..server import Server, environment, manage, serving

CHROMIUM = Path("/usr/bin/chromium")
TIMEOUT_MS = 10_000
ADMIN = ("anna", "correct horse battery")
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="package")  # no longer: while it runs, no other test could have an event loop
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: install Debian's chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Complaints:
    """What a page's console, its scripts, its policy and its server complained of."""

    def __init__(self, page: Page) -> None:
        self.heard: list[str] = []
        page.on("console", self._console)  # Chromium reports violations of the policy here as well
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.location.get('url')}: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.heard.append(f"{response.url}: {response.status}")


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page in a context of its own; whatever it complained of by the end is a failure."""
    context = browser.new_context(**{"locale": "en-GB", **options})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    complaints = Complaints(page)
    try:
        yield page
        assert complaints.heard == []
    finally:
        context.close()


class Installation:
    """A running server and its `manage.py`."""

    def __init__(self, env: dict[str, str], server: Server) -> None:
        self.env = env
        self.server = server
        self.page = server.page

    def run(self, *arguments: str) -> str:
        result = manage(*arguments, env=self.env)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def simulate(self, identity: str, *id_tags: str) -> str:
        """One visit to a simulated station; what the simulator said."""
        tags = [option for id_tag in id_tags for option in ("--id-tag", id_tag)]
        pace = ("--sessions", "1", "--speed", "600", "--session-minutes", "15", "--idle-minutes", "0")
        return self.run(
            *("simulate", "--url", f"{self.server.charger_address}/", "--identity", identity, *tags, *pace),
        )

    @property
    def setup_link(self) -> str:
        found = re.search(r"http://\S+/setup/\?token=\S+", self.server.log)
        assert found is not None, self.server.log
        return found[0]

    def log_in(self, page: Page) -> None:
        page.goto(f"{self.page}/admin/login/")
        page.locator("#id_username").fill(ADMIN[0])
        page.locator("#id_password").fill(ADMIN[1])
        page.locator("[type=submit]").click()
        page.wait_for_url("**/admin/")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Installation]:
    """Started for the first time: no user, no charger."""
    env = environment(tmp_path)
    with serving(env) as server:
        yield Installation(env, server)


def turned_away(address: str) -> None:
    """A charger that speaks another protocol calls and is refused."""
    with pytest.raises(InvalidStatus), connect(address, subprotocols=[Subprotocol("ocpp2.0.1")]):
        pass


def waits(address: str) -> None:
    """A charger that nobody knows boots and leaves."""
    with connect(address, subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        socket.send('[2,"b","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"Wall"}]')
        assert "Pending" in str(socket.recv())


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """In use: a session, a charger that waits, one that was turned away, an unknown tag. Tests only look at it."""
    env = environment(
        tmp_path_factory.mktemp("lived-in"), ADMIN_USERNAME=ADMIN[0], ADMIN_PASSWORD=ADMIN[1], TIME_ZONE="Europe/Berlin"
    )
    with serving(env) as server:
        installation = Installation(env, server)
        installation.run("create_id_tag", "CAFE", "--holder", "Anna")
        installation.run("create_charge_point", "GARAGE-1", "--name", "Garage", "--site", "Home", "--accept")
        installation.simulate("GARAGE-1", "CAFE")
        installation.simulate("GARAGE-1", "NOBODY")
        waits(f"{server.charger_address}/STRANGER-1")
        turned_away(f"{server.charger_address}/GARAGE-2")
        yield installation


@pytest.fixture
def visit(browser: Browser, lived_in: Installation) -> Iterator[Callable[..., Page]]:
    """`page = visit(locale="de-DE")`: logged in at the installation in use."""
    with ExitStack() as stack:

        def visit(**options: Any) -> Page:
            page = stack.enter_context(opened(browser, **options))
            lived_in.log_in(page)
            return page

        yield visit
