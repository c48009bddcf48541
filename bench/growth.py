"""Whether memory stays flat: one server, PostgreSQL, a million MeterValues.

python -m bench.growth            1,000,000 messages
python -m bench.growth --quick    100,000

Resident memory of the server after every tenth of the messages. Before them 150,000 fill caches and the allocator's
pools; from then on it may grow by 10 MB at most.
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop

from bench import load, report, rig
from bench.systems import OURS, Systems, differences, running

STATIONS, WARM_UP, TENTHS, LARGEST_GROWTH_MB, LONGEST_S = 200, 150_000, 10, 10, 3600


async def drive(server: rig.Server, messages: int) -> tuple[load.Fleet, list[float]]:
    """Memory in MB before, after the warm-up, and after each tenth of `messages` behind it."""
    fleet = load.Fleet(load.meter_values_script, STATIONS)
    await fleet.open(server.url)
    sizes = [rig.rss_bytes(server.pid) / 1e6]
    fleet.begin()
    end = time.monotonic() + LONGEST_S
    for mark in (WARM_UP + messages * tenth // TENTHS for tenth in range(TENTHS + 1)):
        while fleet.run.stored["meter_values"] < mark and time.monotonic() < end and not fleet.run.errors:
            await asyncio.sleep(0.05)
        sizes.append(rig.rss_bytes(server.pid) / 1e6)
        report.note(f"{fleet.run.stored['meter_values']:,} messages: {sizes[-1]:.1f} MB")
    await fleet.drain()
    await fleet.close()
    return fleet, sizes


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--messages", type=int)
    given = parser.parse_args()
    messages = given.messages or (100_000 if given.quick else 1_000_000)
    with Systems() as systems:
        server, database = systems.server(OURS, {"BENCH": STATIONS})
        with running(server):
            fleet, sizes = uvloop.run(drive(server, messages))
        where = report.machine()
        faults = [f"{count} × {error}" for error, count in fleet.run.errors.items()]
        faults += differences("growth", database, fleet.run.stored)
    grown = sizes[-1] - sizes[1]
    if grown > LARGEST_GROWTH_MB:
        faults.append(f"memory has grown by {grown:.1f} MB since the warm-up")
    tenths = 0, 2, 5, TENTHS
    heads = ("MeterValues stored", "0", *(f"{WARM_UP + messages * tenth // TENTHS:,}" for tenth in tenths))
    row = ("resident memory of the server", *(f"{sizes[at]:.1f} MB" for at in (0, *(1 + tenth for tenth in tenths))))
    text = f"{where}\n\n{report.table(heads, [row])}\n\nSince the warm-up: {grown:+.1f} MB."
    return report.finish(given, "growth", text, faults)


if __name__ == "__main__":
    sys.exit(main())
