"""What every page has around its contents, and what no template may hold: the policy allows nothing inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings

from ..pages import address, readable
from .test_every_page import House

pytestmark = pytest.mark.long

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
#: What the policy would block, or what would make text of a charger into code.
INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script in the page": re.compile(r"<script\b(?![^>]*\ssrc\s*=)", re.IGNORECASE),
    "a handler": re.compile(r"<[^>]*\s(?:on[a-z]+|hx-on[:a-z-]*)\s*=", re.IGNORECASE),
    "a script as an address": re.compile(r"javascript:", re.IGNORECASE),
    "text that is not escaped": re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off"),
    "something from elsewhere": re.compile(
        r"<(?:script|link|img)\b[^>]*(?:src|href)\s*=\s*[\"']?(?:https?:)?//", re.IGNORECASE
    ),
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_templates_hold_nothing_inline(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%(?! autoescape).*?%\}", "", path.read_text())
    found = {what: match[0] for what, pattern in INLINE.items() if (match := pattern.search(text))}
    assert found == {}


def test_code_makes_no_html_by_hand() -> None:
    sources = [path for app in ("screens", "people", "jobs") for path in (ROOT / app).rglob("*.py")]
    assert [str(path) for path in sources if re.search(r"mark_safe|SafeString\(|\.__html__", path.read_text())] == []


class Shell(HTMLParser):
    """The bones of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def policy_of(header: str) -> dict[str, list[str]]:
    parts = [part.split() for part in header.split(";") if part.strip()]
    return {name: values for name, *values in parts}


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_has_its_shell(language: str) -> None:
    house = House()
    faults: list[str] = []
    for name in readable():
        url = address(name, house.here)
        role = "H" if name.startswith("mine") else "N" if name in ("login", "set_password") else "A"
        response = house.people[role].get(url, headers={"Accept-Language": language})
        if response.status_code == 302:
            continue
        shell = Shell(response.content.decode())
        links, headings = shell.all("a", "button", "input", "summary"), shell.all("h1")
        is_screen = any(script.get("src", "").endswith("page.js") for script in shell.all("script"))  # type: ignore[union-attr]
        checks = {
            "html": response.headers["Content-Type"] == "text/html; charset=utf-8",
            "found": response.status_code == 200,
            "one h1": len(headings) == 1,
            "a language": shell.all("html")[0].get("lang") == language,
            "one main": [main.get("id") for main in shell.all("main")] in (["main"], [None]),
            "a title": len(shell.all("title")) >= 1,
            "skip link first": not is_screen or links[0].get("href") == "#main",
            "no id twice": len(ids := [tag["id"] for _name, tag in shell.tags if tag.get("id")]) == len(set(ids)),
        }
        policy = policy_of(response.headers["Content-Security-Policy"])
        for directive in ("script-src", "style-src", "default-src"):
            checks[f"strict {directive}"] = set(policy.get(directive, ["'self'"])) <= {"'self'", "'none'"}
        checks["no frame, no base"] = policy["frame-ancestors"] == ["'none'"] and "base-uri" in policy
        faults += [f"{name}: {what}" for what, holds in checks.items() if not holds]
    assert faults == []
