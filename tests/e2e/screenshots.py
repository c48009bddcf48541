"""`python -m tests.e2e.screenshots`: the README's pictures; `--all FOLDER` makes one of every page, theme and language.

A server of its own with the cast of the browser tests; nothing of a real installation is shown.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from .cast import HOLDER

PICTURES = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots"
#: What a README may weigh.
MAX_BYTES = 150_000
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
#: File → page and look.
README: dict[str, tuple[str, dict[str, Any]]] = {
    "overview-light": ("overview", {"viewport": DESK}),
    "overview-phone-dark": ("overview", {"viewport": PHONE, "color_scheme": "dark"}),
    "charger-light": ("charger", {"viewport": DESK}),
    "transactions-light": ("transactions", {"viewport": DESK}),
    "report-light": ("reports", {"viewport": DESK}),
    "command-light": ("command", {"viewport": DESK}),
}


@contextmanager
def looking(browser: Browser, installation: Any, name: str, **options: Any) -> Iterator[Page]:
    context = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **options})
    try:
        page = context.new_page()
        installation.log_in(page, name)
        yield page
    finally:
        context.close()


def shoot(page: Page, address: str, path: Path, *, whole: bool) -> None:
    """The page once it is live and its charts are drawn."""
    page.goto(address)
    page.wait_for_load_state("load")
    if page.locator("#live").count():
        page.wait_for_function(
            "() => document.getElementById('live').hidden || document.querySelector('#live[data-line=live]')"
        )
    for chart in page.locator(".chart").all():
        chart.locator("canvas").first.wait_for()
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=whole)


def for_readme(browser: Browser, installation: Any) -> None:
    from ..pages import address

    for file, (name, look) in README.items():
        with looking(browser, installation, "anna", **look) as page:
            path = PICTURES / f"{file}.png"
            shoot(page, installation.page + address(name, installation.examples), path, whole=False)
        if path.stat().st_size > MAX_BYTES:
            raise SystemExit(f"{path.name} has {path.stat().st_size} bytes, more than {MAX_BYTES}.")


def everything(browser: Browser, installation: Any, folder: Path, looks: str) -> None:
    """Folders such as `de-dark-360`, as far as they match `looks`."""
    from .test_pages import pages_of

    for language, scheme, viewport in product(("en-GB", "de-DE"), ("light", "dark"), (DESK, PHONE)):
        look = f"{language[:2]}-{scheme}-{viewport['width']}"
        if not fnmatch(look, looks):
            continue
        for who, mine in (("anna", False), (HOLDER, True)):
            options = {"locale": language, "color_scheme": scheme, "viewport": viewport}
            with looking(browser, installation, who, **options) as page:
                for name, path in pages_of(installation.examples, mine=mine).items():
                    file = folder / look / f"{name.replace(' ', '-')}.png"
                    shoot(page, installation.page + path, file, whole=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screenshots", description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="pictures of everything, into this folder")
    parser.add_argument("--looks", default="*", help="pattern of language, theme and width, such as de-dark-360")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plugcontrol.settings")
    os.environ.setdefault("ENV_FILE", os.devnull)
    import django

    django.setup()
    from .conftest import CHROMIUM, installed

    with tempfile.TemporaryDirectory() as data, installed(Path(data)) as installation, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        if given.all:
            everything(browser, installation, given.all, given.looks)
        else:
            for_readme(browser, installation)
        browser.close()


if __name__ == "__main__":
    main()
