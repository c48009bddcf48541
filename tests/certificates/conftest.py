"""A CA of this test's own, or one from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from certificates import authority
from certificates.authority import Authority

from . import pki


@pytest.fixture(autouse=True)
def data_dir(settings: Any, tmp_path: Any) -> Any:
    settings.DATA_DIR = tmp_path / "data"
    return settings.DATA_DIR


@pytest.fixture
def ca(data_dir: Any) -> Authority:
    """The CA that plugcontrol makes by itself."""
    made = authority.current()
    assert made is not None
    return made


@pytest.fixture
def from_outside(settings: Any, tmp_path: Any) -> Callable[..., None]:
    """`from_outside(ca.pem, ca.key_pem())`: the CA of a CA_CERTIFICATE, with or without its CA_KEY."""

    def use(certificate: str, key: str = "", *, password: str = "") -> None:
        (tmp_path / "outside.pem").write_text(certificate)
        (tmp_path / "outside.key").write_text(key)
        settings.CA_CERTIFICATE = tmp_path / "outside.pem"
        settings.CA_KEY = tmp_path / "outside.key" if key else None
        settings.CA_KEY_PASSWORD = password

    return use


@pytest.fixture
def elsewhere(from_outside: Callable[..., None]) -> pki.CA:
    """A CA whose key is not here."""
    outside = pki.CA()
    from_outside(outside.pem)
    return outside
