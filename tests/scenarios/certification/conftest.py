"""The server under certification: one real `serve` for all cases, driven and looked at from outside.

A case has a charge point of its own (`cp`), gives its commands over REST as another program of the operator's would,
and reads the rows with a connection of its own to the server's database. Cases so share the server and nothing else.
"""

from __future__ import annotations

import contextlib
import copy
import os
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.db import connections
from django.db.models import Model, QuerySet
from pytest_django import DjangoDbBlocker

from stations.models import Command
from tests.cluster.conftest import Installation, copied_database, postgresql, prepared_database  # noqa: F401 - fixtures
from tests.sending import Row
from tests.server import Server, free_port, spare_migrations
from tests.third_party.rest import Rest
from tests.tls.conftest import Pki, client_context, pki  # noqa: F401 - a fixture
from tests.tls.pki import Pair

from .charge_point import PATIENCE_S, ChargePoint

#: The server's database, as this process knows it.
OUTSIDE = "outside"
POLL_S = 0.02
#: Entered and approved before the first case: each takes the next one.
STATIONS = 200
#: The tags of all cases; those that change one make one of their own.
TAG, EXPIRED, BLOCKED, COLLEAGUE, STRANGER = "CAFE", "DEAD", "B10C", "BEEF", "57A4"
GROUP = "FLEET"
_ENTER = f"""
from django.core.management import call_command
from django.utils import timezone
from stations.models import ChargePoint
from transactions.models import IdTag, IdTagGroup
now = timezone.now()
ChargePoint.objects.bulk_create(
    ChargePoint(identity=f"TC-{{number}}", registration_status="Accepted", accepted_at=now)
    for number in range(1, {STATIONS} + 1)
)
IdTagGroup.objects.create(parent_id_tag="{GROUP}")
call_command("create_api_key", "certification", scope="admin")
"""
M = TypeVar("M", bound=Model)
T = TypeVar("T")


class CentralSystem(Installation):
    """The server, from outside: its two lines, its REST interface, its rows."""

    server: Server
    rest: Rest

    def __init__(self, folder: Path, database_url: str, redis_url: str, pki: Pki) -> None:  # noqa: F811
        super().__init__(folder, database_url, redis_url)
        self._pki = pki
        self._numbers = count(1)
        self.env |= {
            "FILES_URL": f"http://127.0.0.1:{self.env['PORT']}",
            "TLS_PORT": str(free_port()),
            "TLS_CERTIFICATE": str(pki.ecdsa.certificate_path),
            "TLS_KEY": str(pki.ecdsa.key_path),
            "TLS_SECOND_CERTIFICATE": str(pki.rsa.certificate_path),
            "TLS_SECOND_KEY": str(pki.rsa.key_path),
            "CA_CERTIFICATE": str(pki.chargers.pair.certificate_path),
            "CA_KEY": str(pki.chargers.pair.key_path),
        }

    def begin(self) -> None:
        spare_migrations(self.env)
        key = self.run("shell", "-c", _ENTER).splitlines()[-1]
        (self.server,) = self.start(int(self.env["PORT"]))
        self.rest = Rest(self.server.page, key)
        for tag in ({}, {"expires_at": "2025-01-01T00:00:00Z"}, {"blocked": True}, {"group": GROUP}):
            number = {"expires_at": EXPIRED, "blocked": BLOCKED, "group": COLLEAGUE}.get(next(iter(tag), ""), TAG)
            self.rest.post("id-tags/", {"id_tag": number, **tag})

    # The lines

    @property
    def address(self) -> str:
        return self.server.charger_address

    @property
    def secure_address(self) -> str:
        return f"wss://localhost:{self.env['TLS_PORT']}/ocpp"

    def next_identity(self) -> str:
        number = next(self._numbers)
        assert number <= STATIONS
        return f"TC-{number}"

    def tls(self, own: Pair | None = None) -> ssl.SSLContext:
        """How a charge point speaks TLS that trusts the server; `own` is the certificate it shows."""
        return client_context(self._pki, own)

    # Orders

    def sends(self, cp: ChargePoint, action: str, /, **payload: Any) -> Order:
        """A command, over REST."""
        order = {"action": action, "payload": payload}
        raised = self.rest.post(f"charge-points/{cp.identity}/commands/", order)
        assert (raised["charge_point"], raised["action"], raised["source"]) == (cp.identity, action, "api")
        return Order(raised["id"], self)

    def command_of(self, cp: ChargePoint, action: str) -> Order:
        """The only command of that name that the station ever got, whoever raised it."""
        return Order(str(self.row(Command, charge_point__identity=cp.identity, action=action).pk), self)

    # Rows

    def rows(self, model: type[M], **wanted: Any) -> QuerySet[M]:
        return model._default_manager.using(OUTSIDE).filter(**wanted)

    def row(self, model: type[M], **wanted: Any) -> M:
        return self.rows(model, **wanted).get()

    def of(self, cp: ChargePoint, model: type[M], **wanted: Any) -> QuerySet[M]:
        """A station's rows, oldest first."""
        return self.rows(model, charge_point__identity=cp.identity, **wanted).order_by("pk")

    def comes_to(self, read: Callable[[], T], expected: T) -> None:
        """What `read` reads becomes this: what a charge point answers is stored a moment after it came."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := read()) != expected and time.monotonic() < deadline:
            time.sleep(POLL_S)
        assert found == expected

    def hands_move(self, job: str, seconds: int) -> None:
        """Have a job of the clock done, in a process of its own, as if it were so many seconds later."""
        self.run("shell", "-c", _LATER.format(seconds=seconds, job=job))


_LATER = """
from datetime import timedelta
from unittest.mock import patch
from django.utils import timezone
from plugcontrol import clockwork
job, = [job for job in clockwork.JOBS if job.name == "{job}"]
later = timezone.now() + timedelta(seconds={seconds})
with patch("plugcontrol.clockwork.timezone.now", return_value=later):
    job.run()
"""


@dataclass(frozen=True)
class Order:
    """A command that somebody has given."""

    pk: str
    central: CentralSystem

    def ends(self, status: str, answer: Any = None, effect_status: str = "", /, **effect: Any) -> None:
        """Its row comes to say this, in REST too."""
        rows = self.central.rows(Command, pk=self.pk)
        expected = Row(status, answer, effect_status, effect)
        self.central.comes_to(
            lambda: Row(*rows.values_list("status", "answer", "effect_status", "effect").get()), expected
        )
        shown = self.central.rest.get(f"commands/{self.pk}/")
        assert Row(*(shown[name] for name in ("status", "answer", "effect_status", "effect"))) == expected

    @property
    def row(self) -> Command:
        return self.central.row(Command, pk=self.pk)


@pytest.fixture(scope="package")
def central_system(
    request: pytest.FixtureRequest,
    pki: Pki,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[CentralSystem]:
    """The server, on PostgreSQL and Redis where the suite runs on them."""
    server = os.environ.get("DATABASE_URL", "")
    on_postgresql = server.startswith("postgres")
    template = request.getfixturevalue("prepared_database") if on_postgresql else ""
    with copied_database(server, template) if on_postgresql else contextlib.nullcontext("") as url:
        redis_url = os.environ.get("REDIS_URL", "") if on_postgresql else ""
        central = CentralSystem(tmp_path_factory.mktemp("central-system"), url, redis_url, pki)
        name = central.database.rsplit("/", 1)[-1] if url else central.database
        connections.databases[OUTSIDE] = copy.deepcopy(connections.databases["default"]) | {"NAME": name}
        try:
            central.begin()
            yield central
        finally:
            with django_db_blocker.unblock():
                connections[OUTSIDE].close()
            del connections[OUTSIDE], connections.databases[OUTSIDE]
            central.stop()
    assert "Traceback" not in central.server.log, central.server.log


@pytest.fixture
def central(central_system: CentralSystem, django_db_blocker: DjangoDbBlocker) -> Iterator[CentralSystem]:
    """The server, its database open for this test to look into."""
    with django_db_blocker.unblock():
        yield central_system


@pytest.fixture
def new(central: CentralSystem) -> Iterator[Callable[..., ChargePoint]]:
    """`new()`: a charge point that was entered and approved, and calls for the first time."""
    opened: list[ChargePoint] = []

    def connect(address: str = "", **options: Any) -> ChargePoint:
        charge_point = ChargePoint(
            address or central.address, options.pop("identity", central.next_identity()), **options
        )
        opened.append(charge_point)
        return charge_point

    yield connect
    for charge_point in opened:
        charge_point.leaves()


@pytest.fixture
def cp(new: Callable[..., ChargePoint]) -> ChargePoint:
    """One that has booted; both of its connectors are free."""
    return new().comes_up()
