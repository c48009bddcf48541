"""`manage.py worker`: runs jobs in a process of its own, so that chargers have theirs to themselves."""

from __future__ import annotations

import signal
import tempfile
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand

from jobs.runner import Runner
from stations.stored_files import scratch

log = structlog.get_logger(__name__)

#: `docker stop` kills after ten seconds unless told otherwise.
STOP_TIMEOUT_S = 6.0


class Command(BaseCommand):
    help = "Run jobs (exports, imports, …) until told to stop. Servers with RUN_JOBS=0 leave them to workers."

    def handle(self, *args: Any, **options: Any) -> None:
        # a large table in the making does not fit into /tmp where that is memory
        tempfile.tempdir = str(scratch())
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        runner = Runner()
        runner.start()
        self.stdout.write(f"Running jobs as {runner.name}. Stop with Ctrl-C.")
        self.stdout.flush()
        stop.wait()
        log.info("stopping: a running job is handed back")
        runner.stop(STOP_TIMEOUT_S)
