"""`manage.py …` in processes of their own, forked from one that has the libraries loaded: a second less for each.

What runs is what a shell would run: `manage.main` with an environment, a folder and streams of its own, and nothing of
ours imported before. Only the interpreter's own switches (PYTHONWARNINGS, PYTHONUTF8) are those of the first process.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LIBRARIES = (
    *("django.contrib.admin", "django.contrib.admin.utils", "django.core.management", "django.core.serializers.json"),
    *("django.db.backends.postgresql.base", "django.db.backends.sqlite3.base", "django.http", "django.test.signals"),
    *("channels.layers", "channels.routing", "channels_redis.pubsub", "django_filters", "drf_spectacular.utils"),
    *("cryptography.x509", "environ", "ifaddr", "import_export.resources", "msgspec", "openpyxl", "segno"),
    *("pyftpdlib.servers", "rest_framework.serializers", "structlog.dev", "tablib", "websockets.asyncio.client"),
    *("twisted.internet.posixbase", "twisted.internet.tcp", "twisted.protocols.tls", "uvicorn", "uvloop"),
)


def manage(arguments: tuple[str, ...], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end with exactly this environment."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, socket.socket(socket.AF_UNIX) as line:
        line.connect(_address())
        order = json.dumps({"arguments": arguments, "env": dict(env)}).encode()
        socket.send_fds(line, [len(order).to_bytes(4)], [out.fileno(), err.fileno()])
        line.sendall(order)
        code = int(line.makefile().read())
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess(["manage.py", *arguments], code, *texts)


@functools.cache
def _address() -> str:
    """Where the first process listens; it ends with this one, which holds its standard input."""
    folder = tempfile.mkdtemp(prefix="plugcontrol-warm-")
    address = f"{folder}/socket"
    command = [sys.executable, "-m", "tests.warm", address]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    _held.append(process)
    return address


_held: list[subprocess.Popen[bytes]] = []


def _serve(address: str) -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if os.fork():
        sys.stdin.read()  # until who started us is gone
        with contextlib.suppress(OSError):
            os.unlink(address)
        os.kill(0, 15)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _wait_for_one(line)
        line.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _wait_for_one(line: socket.socket) -> None:
    length, streams, _, _ = socket.recv_fds(line, 4, 2)
    order = json.loads(line.makefile("rb").read(int.from_bytes(length)))
    child = os.fork()
    if child == 0:
        line.close()
        _run(order, streams)
    line.sendall(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    os._exit(0)


def _run(order: dict[str, object], streams: list[int]) -> None:
    for number, stream in zip((1, 2), streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    random.seed()
    sys.argv = ["manage.py", *order["arguments"]]  # type: ignore[misc]
    from manage import main

    main()
    sys.exit(0)


if __name__ == "__main__":
    os.setpgid(0, 0)
    _serve(sys.argv[1])
