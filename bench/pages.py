"""`python -m bench.pages`: server time and queries of every page and of every list of the admin.

DATABASE_URL names a database that `bench.fleet` has filled (and `manage.py migrate` has brought up to date). Every page
is asked for by the whole stack of middleware, without a network, as an administrator and again as the operator of one
site; the best of `--rounds` counts. Whatever takes longer than `--limit-ms` ends the run with 1.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import django

LIMIT_MS = 300.0
#: Long lists of the admin, and a word that few rows hold.
SEARCHED = {
    "stations_chargepoint": "CP-00123",
    "stations_message": "CP-00123",
    "stations_statusrecord": "CP-00123",
    "transactions_dailyenergy": "CP-00123",
    "transactions_idtag": "TAG-000123",
    "transactions_metervalue": "CP-00123",
    "transactions_transaction": "TAG-000123",
}
LOGINS = {"administrator": "bench-administrator", "site": "bench-operator"}


@dataclass(frozen=True)
class Sample:
    """One page: status, milliseconds in the server, those of them in the database, queries, kB of answer."""

    name: str
    who: str
    status: int
    ms: float
    database_ms: float
    queries: int
    kb: float
    slowest: str = ""


def measure_like_the_server() -> None:
    """What is loaded stays; without this, looking for cycles takes as long as a page with 20,000 sums."""
    from plugcontrol.management.commands.serve import _calm_garbage_collector

    _calm_garbage_collector()


def people() -> None:
    """The two who look; made once."""
    from django.contrib.auth.models import User

    from people.models import Membership
    from people.roles import Role
    from stations.models import Site

    User.objects.get_or_create(username=LOGINS["administrator"], defaults={"is_superuser": True, "is_staff": True})
    operator, _new = User.objects.get_or_create(username=LOGINS["site"])
    Membership.objects.get_or_create(
        user=operator, site=Site.objects.order_by("pk")[0], defaults={"role": Role.OPERATOR}
    )


def addresses() -> dict[str, str]:
    """Pages by name, about rows that have much below them."""
    from tests.e2e.cast import examples
    from tests.pages import address, readable

    known = examples()
    found = {}
    for name in readable():
        try:
            found[name] = address(name, known)
        except KeyError:
            print(f"{name}: no row to show it for", file=sys.stderr)
    return found


def lists_of_admin() -> dict[str, str]:
    """Lists, one searched and one paged far, and the form of the newest row."""
    from django.contrib import admin
    from django.urls import reverse

    found = {}
    for model in admin.site._registry:
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        url = reverse(f"admin:{label}_changelist")
        found[f"admin {label}"] = url
        if label in SEARCHED:
            found[f"admin {label} searched"] = f"{url}?q={SEARCHED[label]}"
            found[f"admin {label} page 90"] = f"{url}?p=90"
        newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        if newest is not None:
            found[f"admin {label} form"] = reverse(f"admin:{label}_change", args=[newest])
    return found


def look(name: str, who: str, url: str, rounds: int) -> Sample:
    """The best of `rounds` answers; the first one warms caches and plans and does not count."""
    from django.contrib.auth.models import User
    from django.db import connection, reset_queries
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username=LOGINS[who]), backend="django.contrib.auth.backends.ModelBackend")
    samples = []
    for _round in range(rounds + 1):
        reset_queries()
        begun = time.perf_counter()
        response: Any = client.get(url)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        ms = (time.perf_counter() - begun) * 1000
        asked = connection.queries
        slowest = max(asked, key=lambda query: float(query["time"]), default={"sql": ""})["sql"]
        database_ms = sum(float(query["time"]) for query in asked) * 1000
        samples.append(Sample(name, who, response.status_code, ms, database_ms, len(asked), len(body) / 1024, slowest))
    return min(samples[1:], key=lambda sample: sample.ms)


def measure(only: str, rounds: int) -> Iterator[Sample]:
    screens, admin = addresses(), lists_of_admin()
    for name, url in {**screens, **admin}.items():
        if fnmatch.fnmatch(name, only):
            yield look(name, "administrator", url, rounds)
            if name in screens and name != "login":
                yield look(name, "site", url, rounds)


def table(samples: list[Sample]) -> str:
    lines = ["| page | who | server | of it database | queries | answer |", "|---|---|---:|---:|---:|---:|"]
    for one in samples:
        figures = f"{one.ms:.0f} ms | {one.database_ms:.0f} ms | {one.queries} | {one.kb:.0f} kB"
        lines.append(f"| {one.name} | {one.who} | {figures} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--only", default="*", help="pattern of page names")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit-ms", type=float, default=LIMIT_MS)
    parser.add_argument("--explain", action="store_true", help="print the slowest query of pages over the limit")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plugcontrol.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test.utils import setup_test_environment

    setup_test_environment(debug=False)
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    connection.force_debug_cursor = True
    people()
    measure_like_the_server()
    samples = []
    for sample in measure(given.only, given.rounds):
        if sample.status not in (200, 302, 403, 404) or sample.ms > given.limit_ms:
            print(f"{sample.name} ({sample.who}): {sample.status}, {sample.ms:.0f} ms", file=sys.stderr, flush=True)
            if given.explain:
                print(f"    {sample.slowest[:1500]}", file=sys.stderr, flush=True)
        if sample.status not in (403, 404):
            samples.append(sample)
    print(table(samples))
    slow = [sample for sample in samples if sample.ms > given.limit_ms or sample.status >= 500]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
