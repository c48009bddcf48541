"""What charge points that other people wrote talk to, and the programs they run in."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from ..server import environment, free_port, manage, serving
from ..tls.pki import Ca
from .rest import Rest

HERE = Path(__file__).resolve().parent


def unavailable(reason: str) -> NoReturn:
    """Skip on a developer's machine; in CI nothing is ever left out."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs the charge point of ocpp-rpc, its packages installed exactly as locked."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        unavailable("Node.js or npm is not installed.")
    folder = tmp_path_factory.mktemp("ocpp-rpc")
    for name in ("package.json", "package-lock.json", "charge_point.mjs"):
        shutil.copy(HERE / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        unavailable(f"npm could not install ocpp-rpc: {result.stderr.strip()}")
    return [node, str(folder / "charge_point.mjs")]


#: What `SecureServer` has entered; in all of them neither side forgives the other anything.
KEY = "00112233445566778899AABBCCDDEEFF00112233"
WITH_KEY = ("PYPI-3", "PYPI-OTHER", "NPM-2")
_ENTER = f"""
from django.core.management import call_command
from stations.models import ChargePoint
for identity in {WITH_KEY}:
    call_command("create_charge_point", identity, password="{KEY}", accept=True)
ChargePoint.objects.update(strict=True)
call_command("create_api_key", "third-party", scope="admin")
"""


@dataclass(frozen=True)
class SecureServer:
    """A server with both lines. The chargers in `WITH_KEY` have that password; any other may come without one."""

    address: str
    secure_address: str
    env: dict[str, str]
    rest: Rest
    root_path: Path

    @property
    def trusting(self) -> ssl.SSLContext:
        """TLS as a charger speaks it that knows the server's root."""
        return ssl.create_default_context(cafile=str(self.root_path))


@pytest.fixture(scope="package")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    folder, tls_port = tmp_path_factory.mktemp("secure"), free_port()
    ca = Ca(folder, "servers CA")
    own = ca.signs("localhost", server=True, file="server")
    env = environment(
        folder,
        TLS_PORT=tls_port,
        TLS_CERTIFICATE=own.certificate_path,
        TLS_KEY=own.key_path,
        FILES_URL=f"https://127.0.0.1:{tls_port}",
        UNKNOWN_CHARGE_POINTS="accept",
    )
    with serving(env) as server:
        entered = manage("shell", "-c", _ENTER, env=env)
        assert entered.returncode == 0, entered.stdout + entered.stderr
        yield SecureServer(
            address=server.charger_address,
            secure_address=f"wss://127.0.0.1:{tls_port}/ocpp",
            env=env,
            rest=Rest(server.page, key=entered.stdout.splitlines()[-1]),
            root_path=ca.pair.certificate_path,
        )
    assert "Traceback" not in server.log, server.log
