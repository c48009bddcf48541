"""Pages that keep themselves up to date, in a browser that nobody reloads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect
from websockets.sync.client import ClientConnection, connect

from ..server import Server
from .conftest import Installation, Visit, installed, settled

pytestmark = [pytest.mark.e2e, pytest.mark.server]

#: From the charger's message to the page, on a machine that runs a browser too.
SOON_MS = 5000


class Charger:
    """One that does nothing by itself."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0

    def call(self, action: str, **payload: Any) -> Any:
        self._calls += 1
        self._socket.send(json.dumps([2, str(self._calls), action, payload]))
        while (answer := json.loads(self._socket.recv(10)))[1] != str(self._calls):
            self._socket.send(json.dumps([4, answer[1], "NotSupported", "", {}]))
        return answer[2]

    def status(self, state: str) -> None:
        self.call("StatusNotification", connectorId=1, errorCode="NoError", status=state)

    def start(self, id_tag: str, meter_start_wh: int) -> int:
        start = {"connectorId": 1, "idTag": id_tag, "meterStart": meter_start_wh, "timestamp": _now()}
        return int(self.call("StartTransaction", **start)["transactionId"])

    def report(self, transaction_id: int, energy_wh: int, power_w: int) -> None:
        values = {"Energy.Active.Import.Register": (energy_wh, "Wh"), "Power.Active.Import": (power_w, "W")}
        samples = [{"value": str(value), "measurand": name, "unit": unit} for name, (value, unit) in values.items()]
        readings = [{"timestamp": _now(), "sampledValue": samples}]
        self.call("MeterValues", connectorId=1, transactionId=transaction_id, meterValue=readings)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def connected(server: Server) -> Iterator[Charger]:
    with connect(f"{server.charger_address}/CP1", subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]
        charger = Charger(socket)
        charger.call("BootNotification", chargePointVendor="Acme", chargePointModel="Wall")
        charger.status("Available")
        yield charger


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    """An administrator, a card and an accepted charger."""
    with installed(tmp_path, fill=False) as installation:
        installation.run("create_charge_point", "CP1", "--accept")
        installation.run("create_id_tag", "CAFE", "--holder", "Anna Meier")
        yield installation


@pytest.fixture
def charger(house: Installation) -> Iterator[Charger]:
    with connected(house.server) as charger:
        yield charger


def sign(page: Page, state: str) -> None:
    expect(page.locator("#live")).to_have_attribute("data-line", state, timeout=60_000)


def test_a_tile_follows_its_connector(house: Installation, charger: Charger, visit: Visit) -> None:
    visit(house)  # its cookies are good for the next browser, which speaks German
    page = visit(house, locale="de-DE")
    page.goto(f"{house.page}/")
    sign(page, "live")
    page.evaluate("window.loadedOnce = true")
    tile = page.locator(".tile")
    charger.status("Preparing")
    expect(tile.locator(".word")).to_have_text("Vorbereitung", timeout=SOON_MS)
    expect(tile).to_have_attribute("data-status", "Preparing")
    number = charger.start("CAFE", 1000)
    charger.status("Charging")
    expect(tile.locator(".word")).to_have_text("Lädt", timeout=SOON_MS)
    charger.report(number, 7420, 11040)
    expect(tile.locator("[data-format=kw]")).to_have_text("11,0", timeout=SOON_MS)
    expect(tile.locator("[data-format=kwh]")).to_have_text("6,42", timeout=SOON_MS)
    expect(page.locator('[data-value="figures:0:power_w"]')).to_have_text("11,0", timeout=SOON_MS)
    assert page.evaluate("window.loadedOnce")


def test_the_line_is_lost_and_comes_back(house: Installation, browser: Browser) -> None:
    """The server is restarted on its port; what happened meanwhile is on the page afterwards."""
    page = browser.new_context().new_page()  # not one of `visit`: it may complain that nobody answers
    house.log_in(page)
    with connected(house.server):
        page.goto(f"{house.page}/")
        sign(page, "live")
    page.evaluate("window.loadedOnce = true")
    house.server.stop()
    expect(page.locator("#live")).to_have_text("Reconnecting…", timeout=SOON_MS)
    sign(page, "stale")
    expect(page.locator("#live")).to_contain_text("Data from")
    again = Server([sys.executable, "manage.py", "serve"], house.env)
    try:
        again.wait_until_ready()
        with connected(again) as charger:
            charger.status("Faulted")
            sign(page, "live")
            expect(page.locator(".tile .word")).to_have_text("Faulted", timeout=SOON_MS)
            assert page.evaluate("window.loadedOnce")
    finally:
        again.stop()
        page.context.close()


def test_who_logs_out_in_one_tab_is_out_in_the_other(house: Installation, charger: Charger, visit: Visit) -> None:
    page = visit(house)
    page.goto(f"{house.page}/")
    sign(page, "live")
    other = page.context.new_page()
    other.goto(f"{house.page}/chargers/")
    other.locator("details.user summary").click()
    other.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login/**")


def test_what_somebody_types_in_is_left_alone(house: Installation, charger: Charger, visit: Visit) -> None:
    """A part is fetched again when its field is left, not while somebody types."""
    page = visit(house)
    page.goto(f"{house.page}/chargers/1/")
    sign(page, "live")
    page.evaluate(
        """() => {
            const part = document.querySelector('main [data-on="station:1"]');
            part.insertAdjacentHTML("beforeend", "<input id=typed value=abc>");
            document.getElementById("typed").focus();
        }"""
    )
    charger.status("Faulted")
    page.wait_for_timeout(2500)  # longer than any message takes
    expect(page.locator("#typed")).to_have_value("abc")
    page.locator("#typed").blur()
    expect(page.locator("#typed")).to_have_count(0, timeout=SOON_MS)
    expect(page.locator("main")).to_contain_text("Faulted")


def test_a_card_that_somebody_chose_stays_chosen(house: Installation, charger: Charger, visit: Visit) -> None:
    """What is fetched meanwhile would put back the first card, and that one would be charged."""
    house.run("create_id_tag", "FEED", "--holder", "Anna Meier")
    house.run("shell", "-c", _OPEN_TO_HOLDERS)
    page = visit(house)
    page.goto(f"{house.page}/mine/")
    sign(page, "live")
    tile, card = page.locator("#places .tile"), page.get_by_label("Card")
    first = card.input_value()
    card.select_option(label="FEED")
    chosen = card.input_value()
    card.blur()
    with page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "running"):
        charger.status("Preparing")  # rings for both parts of the page
    settled(page)
    expect(card).to_have_value(chosen)
    card.select_option(first)
    card.blur()
    expect(tile).to_have_attribute("data-status", "Preparing", timeout=SOON_MS)


_OPEN_TO_HOLDERS = """
from django.contrib.auth.models import User
from stations.models import ChargePoint, Site
from transactions.models import IdTag
ChargePoint.objects.update(site=Site.objects.create(name="Garage", holders_may_start=True))
IdTag.objects.update(user=User.objects.get())
"""


def test_a_hidden_page_closes_its_line_and_opens_it_again(house: Installation, charger: Charger, visit: Visit) -> None:
    page = visit(house)
    page.clock.install()
    lines: list[WebSocket] = []
    page.on("websocket", lambda line: lines.append(line))
    page.goto(f"{house.page}/")
    sign(page, "live")
    hide(page, True)
    page.clock.run_for(30_000)
    assert not lines[0].is_closed()
    page.clock.run_for(6 * 60_000)
    page.wait_for_function("document.getElementById('live').dataset.line !== 'live'")
    assert lines[0].is_closed()
    charger.status("Faulted")
    hide(page, False)
    page.clock.run_for(1000)
    sign(page, "live")
    expect(page.locator(".tile .word")).to_have_text("Faulted", timeout=SOON_MS)
    assert len(lines) == 2


def hide(page: Page, is_hidden: bool) -> None:
    """As when somebody looks at another tab: headless Chromium shows every page for ever."""
    page.evaluate(
        """(is_hidden) => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => is_hidden });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )
