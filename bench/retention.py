"""What getting rid of old rows costs the stations: p99 and throughput while meter values are thinned out and messages
deleted, beside the same without, in turns.

python -m bench.retention            three rounds of 15 s each way, 2,000,000 old meter values, 1,000,000 old messages
python -m bench.retention --quick    one round of 8 s, 500,000 and 250,000

The rows lie in the database when the server starts; with METER_VALUE_DETAIL_DAYS and MESSAGE_RETENTION_DAYS they are
due at once, which is the worst there is: in daily work an hour's rows are.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass

import psycopg
import uvloop

from bench import load, report
from bench.systems import OURS, Systems, differences, running

STATIONS, OLD_CONNECTORS, PER_SECOND = 500, 400, 300
#: A year ago: sessions of four hours, a reading every 30 seconds, on connectors that no station of the run uses.
METER_VALUES = """
INSERT INTO stations_connector (connector_id, status, error_code, info, vendor_id, vendor_error_code, charge_point_id)
    SELECT 9, '', '', '', '', '', id FROM stations_chargepoint ORDER BY id LIMIT {connectors};
INSERT INTO transactions_transaction (id_tag, authorization_status, started_at, start_reported_at, start_received_at,
    meter_start_wh, stop_id_tag, stop_reason, ended_by, register_wh, register_at, energy_wh, flags, charge_point_id,
    connector_id)
    SELECT 'OLD', 'Accepted', at, at, at, 0, '', '', 'superseded', 0, at, 0, '[]', c.charge_point_id, c.id
    FROM (SELECT n, now() - interval '1 year' + n * interval '4 hours' AS at FROM generate_series(1, {sessions}) n) s,
        (SELECT * FROM stations_connector WHERE connector_id = 9) c;
INSERT INTO transactions_metervalue (timestamp, context, reported_transaction_id, energy_wh, power_w, connector_id,
    transaction_id)
    SELECT t.started_at + n * interval '30 s', 'Sample.Periodic', '', n * 90, 11000, t.connector_id, t.id
    FROM transactions_transaction t, generate_series(0, 479) n;
INSERT INTO stations_message (at, direction, kind, action, unique_id, text, charge_point_id)
    SELECT now() - interval '30 days', 'in', 2, 'MeterValues', n::text, repeat('x', 300), c.id
    FROM generate_series(1, {messages}) n, (SELECT min(id) AS id FROM stations_chargepoint) c;
ANALYZE
"""
READINGS_PER_SESSION = 480
#: Old meter values and the sum of their registers, old messages.
OLD = """
SELECT (SELECT count(*) FROM transactions_metervalue WHERE timestamp < now() - interval '100 days'),
       (SELECT coalesce(sum(energy_wh), 0) FROM transactions_metervalue WHERE timestamp < now() - interval '100 days'),
       (SELECT count(*) FROM stations_message WHERE at < now() - interval '20 days')
"""


@dataclass
class Sample:
    paced: load.Result
    full: load.Result
    thinned_per_s: float
    deleted_per_s: float


class Bench:
    def __init__(self, given: argparse.Namespace, systems: Systems) -> None:
        self.given, self.systems = given, systems
        self.faults: list[str] = []

    def measure(self, days: int) -> Sample:
        """`days` of detail, 0 for ever; one window at an even pace and one at full speed."""
        settings = {"METER_VALUE_DETAIL_DAYS": str(days), "MESSAGE_RETENTION_DAYS": "14" if days else "3650"}
        server, database = self.systems.server(OURS, {"BENCH": STATIONS}, **settings)
        assert database is not None
        sessions = self.given.meter_values // READINGS_PER_SESSION // OLD_CONNECTORS
        filling = METER_VALUES.format(connectors=OLD_CONNECTORS, sessions=sessions, messages=self.given.messages)
        with psycopg.connect(database.url, autocommit=True) as connection:
            for statement in filling.split(";"):
                connection.execute(statement)
            connection.execute("CHECKPOINT")
            before, begun = connection.execute(OLD).fetchall()[0], time.monotonic()
            with running(server):
                results = uvloop.run(self.drive(server.url))
            left, took = connection.execute(OLD).fetchall()[0], time.monotonic() - begun
        what = f"{days} days"
        stored = Counter({"transactions": sessions * OLD_CONNECTORS, "meter_values": left[0]})
        stored["register_wh"] = int(left[1])
        for result in results:
            stored.update(result.stored)
            self.faults += [f"{what}: {count} × {error}" for error, count in result.errors.items()]
        self.faults += differences(what, database, stored)
        thinned, deleted = before[0] - left[0], before[2] - left[2]
        paced, full = results
        report.note(f"{what}: p99 {paced.p99_ms:.0f} ms, {full.calls_per_s:.0f}/s, {thinned:,} and {deleted:,} rows")
        return Sample(paced, full, thinned / took, deleted / took)

    async def drive(self, url: str) -> tuple[load.Result, load.Result]:
        seconds = self.given.seconds
        paced = await load.drive(url, "meter_values", STATIONS, seconds, 2, per_second=PER_SECOND)
        return paced, await load.drive(url, "meter_values", STATIONS, seconds, 1)


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args()
    given.rounds, given.seconds = given.rounds or (1 if given.quick else 3), 8 if given.quick else 15
    given.meter_values, given.messages = (500_000, 250_000) if given.quick else (2_000_000, 1_000_000)
    found: dict[int, list[Sample]] = {0: [], 90: []}
    with Systems() as systems:
        bench = Bench(given, systems)
        for _ in range(given.rounds):
            for days, samples in found.items():
                samples.append(bench.measure(days))
        where = report.machine()

    def row(name: str, samples: list[Sample]) -> tuple[str, ...]:
        middle = statistics.median
        rates = middle(sample.thinned_per_s for sample in samples), middle(sample.deleted_per_s for sample in samples)
        return (
            name,
            f"{middle(sample.paced.p50_ms for sample in samples):.0f} ms",
            f"{middle(sample.paced.p99_ms for sample in samples):.0f} ms",
            f"{middle(sample.full.calls_per_s for sample in samples):,.0f}",
            *(f"{rate:,.0f}" if rate else "–" for rate in rates),
        )

    heads = (
        *("", f"p50 at {PER_SECOND}/s", f"p99 at {PER_SECOND}/s", "MeterValues/s at full speed"),
        *("meter values thinned out a second", "messages deleted a second"),
    )
    rows = [row("old rows stay", found[0]), row("old rows go", found[90])]
    sizes = f"{given.meter_values:,} old meter values and {given.messages:,} old messages"
    text = (
        f"{where}; {STATIONS} stations, {sizes}; {given.rounds} rounds of twice {given.seconds} s in turns\n\n"
        f"{report.table(heads, rows)}"
    )
    return report.finish(given, "retention", text, bench.faults)


if __name__ == "__main__":
    sys.exit(main())
