"""A data folder that several processes share and that is empty when they start at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from plugcontrol.configuration import Configuration

TOGETHER = 8
ROUNDS = 50


def test_all_get_the_same_secret_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them makes it; none reads it half-written."""
    for name in ("SECRET_KEY", "SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    start = Barrier(TOGETHER)

    def read(configuration: Configuration) -> str:
        start.wait()
        return configuration.secret_key()

    with ThreadPoolExecutor(TOGETHER) as threads:
        for number in range(ROUNDS):
            monkeypatch.setenv("DATA_DIR", str(tmp_path / str(number)))
            configuration = Configuration(tmp_path)
            keys = set(threads.map(read, [configuration] * TOGETHER))
            assert len(keys) == 1, f"round {number}"
