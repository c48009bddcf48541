"""The charge point of `charge_point.mjs` as a process: what it says step by step, and its last word."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest

STEP_TIMEOUT_S = 60


class NodeChargePoint:
    """The Node process; `env` is added to this one's environment."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: Queue[str | None] = Queue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def says(self, step: str) -> dict[str, Any]:
        """The next line, which must be about this step."""
        try:
            line = self._lines.get(timeout=STEP_TIMEOUT_S)
        except Empty:
            pytest.fail(f"the charge point did not get to {step!r} within {STEP_TIMEOUT_S} s")
        assert line is not None, self._process.stderr and self._process.stderr.read()
        said: dict[str, Any] = json.loads(line)
        assert said["step"] == step
        return said

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str] | None = None) -> Iterator[NodeChargePoint]:
    charge_point = NodeChargePoint(command, env)
    try:
        yield charge_point
    finally:
        charge_point.end()
