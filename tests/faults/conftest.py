"""The rig of the fault campaign: real servers, a PostgreSQL cluster and a Redis of their own, stations, an operator.

A scenario is a test that takes the fixture `campaign` and does harm inside the block:

    pytestmark = pytest.mark.faults

    async def test_f01_kill(campaign: NewCampaign) -> None:
        async with campaign("F01 gateway killed") as run:         # servers=2, redis=True, database="sqlite", SETTING=…
            await run.drive(stations=60)                          # a swarm that charges, an operator that commands
            for number in range(short_or_long(2, 20)):
                await run.load(1)                                 # 1 to 2 s of work
                run.server.kill()
                await run.start(run.server)
                took_s = await run.everybody_back(f"kill {number}")     # promises ≤ 10 s
                run.tell(f"back in {took_s:.1f} s")               # a figure for the report
            run.zero("rows that should not be", found)            # a promise; `run.promise(text, found, kept)`

When the block ends the sessions end, the stations empty their queues, every command must get an end, the servers stop
and the audit compares ledger and database: lost, doubled, energy to the Wh, CALLERRORs, commands without an end or
given twice, exceptions in the servers' logs. Everything broken is listed in one AssertionError. Each scenario leaves a
line in test-results/faults.md. `LONG=1` runs the long forms.

Within the block: `run.server`, `run.servers`, `run.new_server()`, `run.postgres` (shared: leave it running),
`run.redis`, `run.stations` (the Swarm: `chargers`, `orders` by message id, `errors`, `counts`), `run.operator.command(
identity, action, payload, wait_s=…)` over REST, `run.query(sql)`, `run.ask(question)`, `run.until(condition)`,
`run.manage("…")`. Without `drive` there is only a server, a database that knows SWARM-00001 to SWARM-01000 accepted,
and the checks of commands and logs; sockets of your own go to `run.server.url`.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from .campaign import Campaign, Report, World, keep

NewCampaign = Callable[..., Campaign]

_report = Report()


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The cluster and the databases that campaigns copy."""
    missing = [name for name in ("redis-server",) if shutil.which(name) is None]
    if not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        missing.append("initdb")
    if missing and "CI" not in os.environ:
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert not missing, missing
    # a run that is cut short leaves no cluster behind
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    world = World(_report)
    yield world
    world.close()


@pytest.fixture
def campaign(world: World) -> NewCampaign:
    """`async with campaign("F01 gateway killed", servers=2) as run:`"""
    return partial(Campaign, world)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _report.lines:
        path = terminalreporter.config.rootpath / "test-results" / "faults.md"
        keep(_report, path)
        terminalreporter.section("fault campaign")
        terminalreporter.write_line(str(_report))
