"""The proxy of the compose profile `tls`, read as text: what chargers need of it, and what nobody may get past."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugcontrol.tls import SUITES

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = re.sub(r"#.*", "", (ROOT / "deploy/nginx.conf").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROXY: dict[str, Any] = COMPOSE["services"]["tls"]


def setting(name: str) -> list[str]:
    return [" ".join(value.split()) for value in re.findall(rf"^\s*{re.escape(name)}\s+([^;]+);", CONFIG, re.MULTILINE)]


def test_it_speaks_what_the_server_itself_speaks() -> None:
    assert setting("ssl_protocols") == ["TLSv1.2 TLSv1.3"]
    assert setting("ssl_ciphers") == [SUITES]


def test_websockets_stay_open() -> None:
    headers = dict(value.split(" ", 1) for value in setting("proxy_set_header"))

    assert setting("proxy_http_version") == ["1.1"]
    assert (headers["Upgrade"], headers["Connection"]) == ("$http_upgrade", "$connection_upgrade")
    assert setting("proxy_read_timeout") == setting("proxy_send_timeout") == ["10m"]  # we ping every 20 s


def test_what_a_caller_claims_is_replaced() -> None:
    headers = dict(value.split(" ", 1) for value in setting("proxy_set_header"))

    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Client-Certificate"] == "$ssl_client_escaped_cert"


def test_certificates_are_asked_for_and_not_demanded() -> None:
    assert setting("ssl_verify_client") == ["optional_no_ca"]  # plugcontrol decides, and says why


def test_answers_and_paths_come_through_as_they_are() -> None:
    assert setting("proxy_intercept_errors") == ["off"]
    assert setting("error_page") == ["495 = @refused_certificate"]  # an expired certificate is ours to refuse
    assert setting("set") == ["$plugcontrol http://web:8000"] * 2  # no path behind it: %2F stays %2F
    assert setting("proxy_pass") == ["$plugcontrol", "$plugcontrol"]
    assert setting("proxy_request_buffering") == ["off"]
    assert setting("client_max_body_size") == ["0"]


def test_braces_and_semicolons_are_in_balance() -> None:
    assert CONFIG.count("{") == CONFIG.count("}")
    lines = [line.strip() for line in CONFIG.splitlines() if line.strip()]
    assert all(line[-1] in "{};" for line in lines)


def test_it_is_an_option_and_its_files_are_where_it_looks() -> None:
    assert PROXY["profiles"] == ["tls"]
    assert "./deploy/nginx.conf:/etc/nginx/nginx.conf:ro" in PROXY["volumes"]
    assert any(volume.endswith(":/tls:ro") for volume in PROXY["volumes"])
    assert all(
        value.startswith("/tls/") for name in ("ssl_certificate", "ssl_certificate_key") for value in setting(name)
    )
    assert setting("listen") == [f"{PROXY['ports'][0].rpartition(':')[2]} ssl"]


def test_it_alone_is_trusted() -> None:
    """It meets the server in a network of their own, so that nobody else comes from there."""
    web = COMPOSE["services"]["web"]
    (subnet,) = COMPOSE["networks"]["front"]["ipam"]["config"]

    assert COMPOSE["networks"]["front"]["internal"] is True
    assert web["environment"]["TRUSTED_PROXIES"].endswith("," + subnet["subnet"])
    assert {name for name, service in COMPOSE["services"].items() if "front" in service["networks"]} == {"web", "tls"}
    assert set(PROXY["networks"]) & set(web["networks"]) == {"front"}


@pytest.mark.parametrize("name", ["web", "ftp", "worker"])
def test_a_header_is_believed_only_where_somebody_said_so(name: str) -> None:
    assert "CLIENT_CERTIFICATE_HEADER" not in COMPOSE["services"][name]["environment"]
