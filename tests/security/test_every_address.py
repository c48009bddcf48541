"""Every address there is: somebody decided who may open it, no page leaves without its headers, nothing is changed
without a token, and nothing that is asked oddly breaks."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from ..api.test_permissions import TABLE as API
from ..pages import PAGES, address, readable
from ..people import browser
from ..screens.test_every_page import House
from ..test_roles import EXTRA
from ..test_roles import TABLE as ADMIN

pytestmark = [pytest.mark.django_db, pytest.mark.long]

WHO = ("anonymous", "viewer", "operator", "administrator")
#: What is neither a screen nor REST nor a page of a model: route → (address, answers to WHO).
OTHERS: dict[str, tuple[str, tuple[int, int, int, int]]] = {
    "setup/": ("setup/", (302, 302, 302, 302)),  # there is somebody already
    "admin/login/": ("admin/login/", (302, 302, 302, 302)),
    "^ocpp(?:/|$)": ("ocpp/CP1", (426, 426, 426, 426)),
    "admin/": ("admin/", (302, 200, 200, 200)),
    "admin/logout/": ("admin/logout/", (302, 405, 405, 405)),
    "admin/password_change/": ("admin/password_change/", (302, 200, 200, 200)),
    "admin/password_change/done/": ("admin/password_change/done/", (302, 200, 200, 200)),
    "admin/autocomplete/": (
        "admin/autocomplete/?app_label=transactions&model_name=idtag&field_name=group",
        (302, 200, 200, 200),  # groups of tags are for viewers too
    ),
    "admin/jsi18n/": ("admin/jsi18n/", (302, 200, 200, 200)),
    "admin/r/<path:content_type_id>/<path:object_id>/": ("admin/r/1/1/", (302, 404, 404, 404)),
    "admin/^(?P<app_label>…)/$": ("admin/stations/", (302, 200, 200, 200)),
    "admin/(?P<url>.*)$": ("admin/nowhere/", (302, 404, 404, 404)),
}


def routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + re.sub(r"(?<=<app_label>)[a-z_|]+", "…", str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from routes(pattern.url_patterns, route)


def models() -> dict[str, str]:
    """Route of each model's pages in the administration → label."""
    labels = [(model._meta.app_label, model._meta.model_name) for model in admin.site._registry]
    return {f"admin/{app}/{name}/": f"{app}.{name}" for app, name in labels}


@pytest.fixture
def house() -> House:
    cache.clear()
    return House()


def addresses(house: House) -> dict[str, str]:
    """Route or name → address of everything, about the first site's rows."""
    found = {name: address(name, house.here) for name in PAGES}
    keys = {label.rpartition(".")[2]: row.pk for label, row in house.rows.items()}
    for (_method, route), (path, _body, _answers) in API.items():
        found[f"api/{route}"] = f"/api/{path.format(**keys)}"
    for label in ADMIN:
        stem = f"admin:{label.replace('.', '_')}"
        for page in ("changelist", "add"):
            found[f"{stem}_{page}"] = reverse(f"{stem}_{page}")
        for page in ("change", "delete", "history"):
            found[f"{stem}_{page}"] = reverse(f"{stem}_{page}", args=[house.rows[label].pk])
    found |= {name: reverse(name) for name in EXTRA}
    return found | {route: f"/{path}" for route, (path, _answers) in OTHERS.items()}


def test_somebody_decided_about_every_address() -> None:
    """Screens, REST and models have tables of their own, which their tests hold complete."""
    of_models = models()
    undecided = set()
    for route, pattern in routes(get_resolver().url_patterns):
        of_model = next((label for stem, label in of_models.items() if route.startswith(stem)), None)
        decided = (
            route in OTHERS
            or (of_model in ADMIN or of_model in ("auth.user", "auth.group"))
            or route.startswith("api/")
            or pattern.name in PAGES
        )
        if not decided:
            undecided.add(route)
    assert undecided == set()


@pytest.mark.parametrize("who", WHO)
def test_who_may_open_the_rest(house: House, who: str) -> None:
    client, column = browser(who), WHO.index(who)
    seen = {route: client.get(f"/{path}").status_code for route, (path, _answers) in OTHERS.items()}
    assert seen == {route: answers[column] for route, (_path, answers) in OTHERS.items()}


@pytest.mark.parametrize("who", WHO)
def test_a_history_is_for_those_who_may_see_the_row(house: House, who: str) -> None:
    client = browser(who)
    for label in ADMIN:
        stem, key = f"admin:{label.replace('.', '_')}", house.rows[label].pk
        detail, history = (
            client.get(reverse(f"{stem}_{page}", args=[key])).status_code for page in ("change", "history")
        )
        assert history in (detail, 302) if detail == 200 else history == detail, label


def test_every_answer_has_its_headers(house: House, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    clients = {who: browser(who) for who in ("anonymous", "administrator")}
    faults: dict[str, list[str]] = {}
    asked = addresses(house) | {"nothing": "/nowhere/", "a style": "/static/css/page.css"}
    for name, url in asked.items():
        for who, client in clients.items():
            cache.clear()
            response = client.get(url, secure=True)
            headers = response.headers
            policy = headers.get("Content-Security-Policy", "")
            wanted = {
                "nosniff": headers.get("X-Content-Type-Options") == "nosniff",
                "referrer": headers.get("Referrer-Policy") == "same-origin",
                "opener": headers.get("Cross-Origin-Opener-Policy") == "same-origin",
                "hsts": "max-age=31536000" in headers.get("Strict-Transport-Security", ""),
                "policy": "default-src 'self'" in policy and "unsafe" not in policy and "*" not in policy,
                "no frame": "frame-ancestors 'none'" in policy,
                "no error": response.status_code < 500,
            }
            if url.startswith("/static/"):  # a file of ours, which a page may not be made of
                wanted = {name: wanted[name] for name in ("nosniff", "hsts", "no error")}
            if missing := [what for what, there in wanted.items() if not there]:
                faults[f"{name} for {who}: {response.status_code}"] = missing
    assert faults == {}


def test_nothing_is_changed_without_a_token(house: House) -> None:
    """By the mightiest of all, whose browser is made to send it from elsewhere."""
    client = Client(enforce_csrf_checks=True)
    client.cookies = house.people["A"].cookies
    answers = {}
    for name, url in addresses(house).items():
        for method in ("post", "put", "patch", "delete") if name.startswith("api/") else ("post",):
            cache.clear()
            found = getattr(client, method)(url, {"do": "it"}, content_type="application/x-www-form-urlencoded")
            # 405 and 404: no such thing; 426: the sentence for browsers at a station's address
            if found.status_code not in (403, 404, 405) and not (name.startswith("^ocpp") and found.status_code == 426):
                answers[method, name] = found.status_code
    assert answers == {}


_QUERIES = (
    "q={0}&search={0}&id_tag={0}".format("a%20" * 3400),
    "q=%00&search=%00&identity=%00&state=%00&subject=%00&kind=%00",
    "o=99999&sort=%00&p=-1&page=-1&before=x",
    "page=99999999999999999999&sort=nonsense&after=y&site=abc&charger=%F0%9F%94%8C",
    "nonsense=1&from=31.02.2026&until=x&period=x&by=x&per=x&page=abc",
)


@pytest.mark.parametrize("query", _QUERIES, ids=lambda query: query[:20])
def test_odd_queries_never_break_a_page(house: House, query: str) -> None:
    """H39: of all pages about no row of their own."""
    broken = {}
    for name in readable():
        row = PAGES.get(name)
        if row is None or not row.about:
            url = address(name, house.here).partition("?")[0]
            found = house.people["H" if name.startswith("mine") else "A"].get(f"{url}?{query}").status_code
            if found not in (200, 204, 302, 400, 404, 422):
                broken[name] = found
    assert broken == {}


_NUMBERS = ("2147483648", "9223372036854775808", "1" * 400, "-1", "abc", "%00", "0b5ce0d4-0000-4000-8000-000000000000")


@pytest.mark.parametrize("bad", _NUMBERS, ids=lambda bad: bad[:24])
def test_a_number_that_is_none_is_not_found(house: House, bad: str) -> None:
    """H40: pages and REST; the administration has its own in test_roles."""
    found = {}
    for name, row in PAGES.items():
        if row.about:
            number: Any = uuid.UUID(int=7) if isinstance(house.here[row.about], uuid.UUID) else 987_654_321
            url = address(name, {**house.here, row.about: number}).replace(str(number), bad)
            role = "H" if row.may == "H" else row.may[0]
            found[name] = getattr(house.people[role], row.method)(url).status_code
    keys = re.compile(r"\{\w+\}")
    for (method, route), (path, body, _answers) in API.items():
        if keys.search(path):
            cache.clear()
            url, request = f"/api/{keys.sub(bad, path)}", getattr(house.people["A"], method)
            response = request(url) if body is None else request(url, body, content_type="application/json")
            found[method, route] = response.status_code
    assert {name: code for name, code in found.items() if code != 404} == {}
