"""A server that speaks TLS in this very process, and chargers that dial it over real sockets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from ocpp_gateway.registry import Gateway
from plugcontrol import tls
from plugcontrol.management.commands import serve

from .pki import Ca, Pair

KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


@dataclass(frozen=True)
class Pki:
    """The server's two certificates and what signs chargers'; all of it lies in files."""

    servers: Ca
    rsa: Pair
    ecdsa: Pair
    chargers: Ca
    strangers: Ca


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    servers = Ca(folder, "servers CA")
    return Pki(
        servers=servers,
        rsa=servers.signs("localhost", kind="rsa", server=True, file="rsa"),
        ecdsa=servers.signs("localhost", server=True, file="ecdsa"),
        chargers=Ca(folder, "chargers CA"),
        strangers=Ca(folder, "strangers CA"),
    )


@pytest.fixture
def tls_settings(settings: Any, pki: Pki, tmp_path: Path) -> Any:
    settings.DATA_DIR = tmp_path
    settings.TLS_CERTIFICATE, settings.TLS_KEY = pki.ecdsa.certificate_path, pki.ecdsa.key_path
    settings.TLS_SECOND_CERTIFICATE, settings.TLS_SECOND_KEY = pki.rsa.certificate_path, pki.rsa.key_path
    settings.CA_CERTIFICATE, settings.CA_KEY = pki.chargers.pair.certificate_path, pki.chargers.pair.key_path
    settings.CA_KEY_PASSWORD = ""
    settings.OPERATOR_NAME = "plugcontrol"
    settings.CLIENT_CERTIFICATE_HEADER = ""
    return settings


def client_context(pki: Pki, own: Pair | None = None) -> ssl.SSLContext:
    """A charger's side: it trusts the server's root and shows `own` if it is asked."""
    context = ssl.create_default_context(cadata=pki.servers.pair.pem)
    if own is not None:
        context.load_cert_chain(own.certificate_path, own.key_path)
    return context


def alert_of(port: int, context: ssl.SSLContext) -> str:
    """OpenSSL's word for the alert with which the server ends a handshake."""
    with (
        pytest.raises(ssl.SSLError) as refused,
        socket.create_connection(("127.0.0.1", port)) as wire,
        context.wrap_socket(wire, server_hostname="localhost") as secure,
    ):
        secure.recv(1)  # in TLS 1.3 a client is done before the server has looked at its certificate
    return str(refused.value.reason)


def basic(identity: str, key: str = KEY) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(identity.encode() + b":" + bytes.fromhex(key)).decode()}


@dataclass(frozen=True)
class Line:
    """The server's two ports."""

    port: int
    tls_port: int
    server: serve.Server
    pki: Pki

    @contextlib.asynccontextmanager
    async def dials(
        self,
        identity: str = "CP1",
        *,
        own: Pair | None = None,
        key: str = "",
        secure: bool = True,
        context: ssl.SSLContext | None = None,
        headers: dict[str, str] | None = None,
    ) -> AsyncIterator[ClientConnection]:
        """A charger's socket; `own` is the certificate it shows, `key` its password in hex."""
        address = f"127.0.0.1:{self.tls_port if secure else self.port}/ocpp/{identity}"
        more: dict[str, Any] = {"ssl": context or client_context(self.pki, own)} if secure else {}
        async with connect(
            f"{'wss' if secure else 'ws'}://{address}",
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            additional_headers={**(basic(identity, key) if key else {}), **(headers or {})},
            proxy=None,
            **more,
        ) as socket:
            yield socket

    async def status(self, identity: str = "CP1", **options: Any) -> int:
        """The HTTP status with which a charger's upgrade is answered."""
        try:
            async with self.dials(identity, **options):
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    async def is_cut(self, identity: str = "CP1", **options: Any) -> bool:
        """Whether TLS itself fails; in TLS 1.3 a client hears of it only when it reads."""
        try:
            await self.status(identity, **options)
        except (OSError, EOFError, ssl.SSLError) as error:
            return not isinstance(error, TimeoutError)
        except Exception as error:  # websockets' "no HTTP answer"
            return "HTTP" in str(error) or "EOF" in str(error)
        return False


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
async def line(gateway: Gateway, tls_settings: Any, pki: Pki) -> AsyncIterator[Line]:
    plain, secure = listen(), listen()
    ports = plain.getsockname()[1], secure.getsockname()[1]
    server = serve.Server(serve.make_config(), "", (secure, tls.make_context()))
    serving = asyncio.create_task(server.serve(sockets=[plain]))
    yield Line(*ports, server, pki)
    server.should_exit = True
    await serving


@pytest.fixture
def attempts(stored: Callable[..., Any]) -> Callable[[], Any]:
    """`await attempts()`: (reason, details, HTTP status) of refused connections, oldest first."""
    from stations.models import ConnectionAttempt

    async def read() -> list[tuple[str, str, int]]:
        rows = ConnectionAttempt.objects.order_by("pk").values_list("reason", "details", "status_code")
        return await stored(lambda: list(rows))

    return read
