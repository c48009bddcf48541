"""The built-in simulator, started from the welcome page for people whose charger is not on the wall yet."""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading

from django.conf import settings

from stations.models import ChargePoint

IDENTITY = "SIMULATOR"
ID_TAG = "SIM-TAG"
#: An hour of charging takes a minute; after these visits the simulator leaves by itself.
SPEED = 60
SESSIONS = 30

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None


def is_running() -> bool:
    """Whether a trial that this process started is under way."""
    with _lock:
        return _process is not None and _process.poll() is None


def start() -> None:
    """Let a simulated charger call this server; it waits for approval like any other. Once is enough."""
    global _process
    # where strangers are refused it is entered beforehand, and still waits
    ChargePoint.objects.bulk_create([ChargePoint(identity=IDENTITY)], ignore_conflicts=True)
    with _lock:
        if _process is not None and _process.poll() is None:
            return
        host = "127.0.0.1" if settings.HOST in ("0.0.0.0", "::", "") else settings.HOST  # noqa: S104 - compared, not bound
        host = f"[{host}]" if ":" in host else host
        command = [
            *(sys.executable, str(settings.BASE_DIR / "manage.py"), "simulate", "--quiet"),
            *("--url", f"ws://{host}:{settings.PORT}/ocpp/", "--identity", IDENTITY, "--id-tag", ID_TAG),
            *("--speed", str(SPEED), "--sessions", str(SESSIONS), "--session-minutes", "180", "--idle-minutes", "15"),
        ]
        output = subprocess.DEVNULL
        _process = subprocess.Popen(command, stdin=output, stdout=output, stderr=output)  # noqa: S603 - our own words


@atexit.register
def stop() -> None:
    """End the trial; what it stored stays."""
    with _lock:
        if _process is not None and _process.poll() is None:
            _process.terminate()
