"""What a security profile means for the next handshake of a simulated station."""

from __future__ import annotations

import pytest

from simulator.certificates import Certificates
from simulator.configuration import Configuration
from simulator.hardware import Hardware
from simulator.security import Security


def security(profile: int, **options) -> Security:
    return Security(Configuration(Hardware(), {"SecurityProfile": str(profile)}), Certificates(), **options)


@pytest.mark.parametrize(
    ("profile", "former", "port", "expected"),
    [
        (1, "ws://10.0.0.1:8000/ocpp/CP1", 8443, "ws://10.0.0.1:8000/ocpp/CP1"),
        (2, "ws://10.0.0.1:8000/ocpp/CP1", 8443, "wss://10.0.0.1:8443/ocpp/CP1"),
        (2, "ws://10.0.0.1:8000/ocpp/CP1", None, "wss://10.0.0.1:8000/ocpp/CP1"),
        (2, "ws://charge.example.org/ocpp/A%20B", None, "wss://charge.example.org/ocpp/A%20B"),
        (3, "ws://[fd00::1]:8000/ocpp/CP1", 8443, "wss://[fd00::1]:8443/ocpp/CP1"),
        (3, "wss://10.0.0.1:9000/ocpp/CP1", 8443, "wss://10.0.0.1:9000/ocpp/CP1"),
    ],
)
def test_where_it_calls(profile: int, former: str, port: int | None, expected: str) -> None:
    assert security(profile, port=port).address(former) == expected


@pytest.mark.parametrize(("profile", "sends"), [(0, True), (1, True), (2, True), (3, False)])
def test_from_profile_3_on_it_sends_no_password(profile: int, sends: bool) -> None:
    assert security(profile).sends_password is sends


def test_without_roots_it_trusts_what_the_machine_trusts() -> None:
    plain = security(2)
    assert not plain.has_root
    assert plain.context().check_hostname


def test_a_root_that_is_none_is_an_error_of_the_line() -> None:
    with pytest.raises(OSError, match=r".+"):
        security(2, trusted_roots=["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"]).context()
