"""What happens by the clock. Every job is idempotent and conditional, so that two processes do no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from certificates import delivery, renewal, revocation, roots, upgrades
from charging_profiles import clock_changes, settling
from jobs import files
from people import retention as people_retention
from stations import commands, effects, presence, recipes, rotation, services, takeovers
from stations.wall_clock import patient_now
from transactions import local_lists, monthly_sums, power, thinning
from transactions.services import close_unanswered_reservations, end_expired_reservations
from transfers import campaign_steps, deadlines, retention, tokens

log = structlog.get_logger(__name__)

#: As long as the gateway drains, beside it.
STOP_TIMEOUT_S = 6.0


@dataclass(frozen=True)
class ClockJob:
    name: str
    every_s: float
    run: Callable[[], int]


def _messages() -> int:
    return services.prune_messages(timezone.now() - timedelta(days=settings.MESSAGE_RETENTION_DAYS))


def _attempts() -> int:
    return services.prune_attempts(timezone.now() - timedelta(days=settings.ATTEMPT_RETENTION_DAYS))


JOBS = (
    ClockJob("stations of dead processes are offline", 10, lambda: presence.sweep(patient_now())),
    ClockJob("commands nobody will answer are closed", 10, lambda: commands.close_lost(patient_now())),
    ClockJob("effects that did not come are missed", 10, lambda: effects.mark_missed(timezone.now())),
    ClockJob("passwords and profiles are settled", 10, lambda: rotation.check(timezone.now())),
    ClockJob("recipes go on", 2, lambda: recipes.advance_all(timezone.now())),
    ClockJob("reservations expire", 30, lambda: end_expired_reservations(timezone.now())),
    ClockJob("reservations without an answer are refused", 10, lambda: close_unanswered_reservations(timezone.now())),
    ClockJob("local lists are published", 30, lambda: local_lists.publish_due(timezone.now())),
    ClockJob("charging profiles are settled", 30, lambda: settling.settle(timezone.now())),
    ClockJob("profiles keep to the clock", 60, lambda: clock_changes.resend_due(timezone.now())),
    ClockJob("power is noted", 60, lambda: power.note_power(timezone.now())),
    ClockJob("firmware updates are followed", 2, lambda: deadlines.check(timezone.now())),
    ClockJob("firmware campaigns go on", 2, lambda: campaign_steps.advance_all(timezone.now())),
    ClockJob("addresses nobody will use are closed", 60, lambda: tokens.close_useless(timezone.now())),
    ClockJob("strangers are forgotten", 600, lambda: services.forget_discovered(timezone.now())),
    ClockJob("old connection attempts are deleted", 3600, _attempts),
    ClockJob("old messages are deleted", 5, _messages),
    ClockJob("old takeovers of lines are forgotten", 3600, lambda: takeovers.prune(timezone.now())),
    ClockJob("certificates are signed and sent", 2, lambda: delivery.advance_all(timezone.now())),
    ClockJob("security upgrades go on", 2, lambda: upgrades.advance_all(timezone.now())),
    ClockJob("lines with revoked certificates end", 10, lambda: revocation.end_lines(timezone.now())),
    ClockJob("certificates are renewed", 3600, lambda: renewal.renew_due(timezone.now())),
    ClockJob("our own roots are in the library", 3600, roots.offer_own),
    ClockJob("months that are over are summed up", 10, lambda: monthly_sums.advance(timezone.now())),
    ClockJob("old meter values are thinned out", 5, lambda: thinning.advance(timezone.now())),
    ClockJob("old files of jobs are deleted", 3600, lambda: files.prune(timezone.now())),
    ClockJob("old history is deleted", 60, lambda: people_retention.prune(timezone.now())),
    ClockJob("old files from chargers are deleted", 3600, lambda: retention.prune(timezone.now())),
)


class Clockwork:
    """Runs the jobs in one thread of its own, beside the event loop."""

    def __init__(self, jobs: tuple[ClockJob, ...] = JOBS) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clockwork")
        self._tasks = [asyncio.get_running_loop().create_task(self._repeat(job)) for job in jobs]

    async def _repeat(self, job: ClockJob) -> None:
        while True:
            await asyncio.get_running_loop().run_in_executor(self._thread, run_once, job)
            await asyncio.sleep(job.every_s)

    async def stop(self) -> None:
        """Let a running job end; one that hangs in the database is left behind."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        closing = asyncio.get_running_loop().run_in_executor(self._thread, lambda: connection.close())
        await asyncio.wait([closing], timeout=STOP_TIMEOUT_S)
        self._thread.shutdown(wait=False, cancel_futures=True)


def run_once(job: ClockJob) -> int:
    """Run a job; one that fails is logged and comes round again."""
    try:
        done = job.run()
    except Exception as error:  # the database may be away: that is what the next round is for
        log.warning("clock job failed", job=job.name, error=str(error).strip() or type(error).__name__)
        connection.close()
        return 0
    if done:
        log.info("clock job", job=job.name, rows=done)
    return done
