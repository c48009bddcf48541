"""Jobs as people run them: in the server, or in a worker beside it."""

from __future__ import annotations

import sys

import pytest

from ..server import Server, environment, manage, serving

pytestmark = pytest.mark.server

_QUEUE = """
import jobs, time
from django.contrib.auth.models import User
from jobs.models import Job
user, _ = User.objects.get_or_create(username="root", is_superuser=True)
job = jobs.queue("export_report", "Report", user, {"query": "", "format": "csv"})
for _ in range(WAITS):
    job.refresh_from_db()
    if not job.is_unfinished:
        break
    time.sleep(0.1)
print("JOB", job.state, bool(job.file))
"""


def queued(env: dict[str, str], patience_s: float) -> str:
    """What becomes of a job within the time."""
    result = manage("shell", "-c", f"WAITS = {round(patience_s * 10)}\n{_QUEUE}", env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(line for line in result.stdout.splitlines() if line.startswith("JOB "))


def test_the_server_runs_jobs(tmp_path):
    with serving(environment(tmp_path)) as server:
        assert queued(environment(tmp_path), 20) == "JOB done True"
        assert len(list((tmp_path / "files" / "jobs").iterdir())) == 1
    assert "Traceback" not in server.log


def test_a_worker_runs_what_the_server_leaves_to_it(tmp_path):
    env = environment(tmp_path, RUN_JOBS="0")
    with serving(env):
        assert queued(env, 3) == "JOB queued False"
        worker = Server([sys.executable, "manage.py", "worker"], env, ready_when="Running jobs as")
        try:
            worker.wait_until_ready()
            assert queued(env, 20) == "JOB done True"
        finally:
            assert worker.stop() == 0
    assert "handed back" in worker.log
    assert "Traceback" not in worker.log
