"""How long a station waits for its answer where nothing is overloaded: 1,000 stations, 500 MeterValues a second.

python -m bench.latency            four rounds of 20 s beside the rival, then 60 s beside an import and an export
python -m bench.latency --quick    two rounds of 8 s, then 20 s

Stations send evenly, and a latency counts from the moment its message was due. Then the same with what a person can
start at once in the gateway's own process: an import of 100,000 tags and an export of 1,000,000 meter values.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import io
import statistics
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import psycopg
import uvloop

from bench import load, report, rig
from bench.systems import NAMES, OURS, RIVAL, RIVAL_TUNED, Systems, differences, running

STATIONS, PER_SECOND = 1_000, 500
TAGS, METER_VALUES = 100_000, 1_000_000
LIMIT_MS, LARGEST_RATIO = 250, 0.3
EXPORT = "/admin/transactions/metervalue/export/"
EXPORT_TIMEOUT_S = 600
#: Meter values of last year, on the first connector there is.
FILL = """
INSERT INTO stations_connector (connector_id, status, error_code, info, vendor_id, vendor_error_code, charge_point_id)
    SELECT 9, '', '', '', '', '', min(id) FROM stations_chargepoint;
INSERT INTO transactions_metervalue (timestamp, context, reported_transaction_id, power_w, current_l1_a, current_l2_a,
    current_l3_a, voltage_l1_v, voltage_l2_v, voltage_l3_v, connector_id, transaction_id)
    SELECT now() - interval '1 year' + n * interval '10 s', 'Sample.Periodic', '', 11000 + n % 100, 16, 16, 16,
        230, 231, 229, c.id, 0
    FROM generate_series(1, {count}) n, (SELECT max(id) AS id FROM stations_connector) c;
ANALYZE
"""
#: Makes the job of an import, which does not begin before somebody queues it.
IMPORT = """
import jobs
from jobs.models import Job
from django.contrib.auth.models import User
from stations.uploads import UploadStorage
storage = UploadStorage()
storage.save(open({path!r}, "rb").read())
owner = User.objects.order_by("pk")[0]
jobs.queue("import_tags", "bench", owner, {{"name": storage.name, "format": "csv", "site": None}})
Job.objects.update(state="cancelled")
"""
BEGIN = "UPDATE jobs_job SET state = 'queued'"


@dataclass
class Export:
    """A download of all meter values, as the administration's page begins it."""

    port: int
    session: str
    received_bytes: int = 0
    rows: int = 0
    is_over: bool = False
    problem: str = ""
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self.thread = threading.Thread(target=self._download, daemon=True)
        self.thread.start()

    def _download(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=EXPORT_TIMEOUT_S)
        token = "b" * 32
        headers = {
            "Cookie": f"sessionid={self.session}; csrftoken={token}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = {"format": "1", "resource": "0", "csrfmiddlewaretoken": token}
        try:
            connection.request("POST", EXPORT, urlencode(form), headers)
            answer = connection.getresponse()
            if answer.status != 200 or "csv" not in answer.getheader("Content-Type", ""):
                self.problem = f"the export was answered {answer.status} {answer.getheader('Content-Type')}"
            while piece := answer.read(65_536):
                self.received_bytes += len(piece)
                self.rows += piece.count(b"\n")
        except OSError as error:
            self.problem = f"the export broke off: {error}"
        finally:
            self.is_over = True
            connection.close()


def _tags() -> bytes:
    """A table of tags as somebody would upload it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id_tag", "holder", "parent_id_tag"])
    writer.writerows([f"CARD{number:06d}", f"Person {number}", f"GROUP{number % 100}"] for number in range(TAGS))
    return text.getvalue().encode()


class Bench:
    def __init__(self, given: argparse.Namespace, systems: Systems) -> None:
        self.given, self.systems = given, systems
        self.faults: list[str] = []
        self.told = ""

    def quiet(self, system: str) -> load.Result:
        """One window with nothing else to do."""
        server, database = self.systems.server(system, {"BENCH": STATIONS})
        with running(server):
            result = self.drive(server, self.given.seconds)
        self.judge(system, result, differences(system, database, result.stored))
        return result

    def busy(self) -> load.Result:
        """One window while the same process imports and exports."""
        server, database = self.systems.server(OURS, {"BENCH": STATIONS})
        assert isinstance(server, rig.Plugcontrol)
        assert database is not None
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(FILL.format(count=METER_VALUES))
            connection.execute("CHECKPOINT")
        path = self.systems.folder.path / "tags.csv"
        path.write_bytes(_tags())
        (session,) = server.log_in(1)
        server.shell(IMPORT.format(path=str(path)))
        before = Counter(database.totals())
        export = Export(server.port, session)

        def begin() -> None:
            with psycopg.connect(database.url) as connection:
                connection.execute(BEGIN)
            export.start()

        with running(server):
            result = self.drive(server, self.given.busy_seconds, begin)
            self.told = self.progress(database.url, export)
        before.update(result.stored)
        self.judge("busy", result, differences("busy", database, before))
        return result

    def progress(self, url: str, export: Export) -> str:
        """How far import and export are when the window has closed: both must have been at work all the time."""
        with psycopg.connect(url) as connection:
            (state, done, total), *_rest = connection.execute("SELECT state, done, total FROM jobs_job").fetchall()
            (tags,) = connection.execute("SELECT count(*) FROM transactions_idtag").fetchall()[0]
        if state == "failed":
            self.faults.append("the import failed")
        if export.is_over and export.problem:
            self.faults.append(export.problem)
        exported = f"{export.rows:,} rows delivered" if export.is_over else "still being made"
        return f"import {state}: step {done:,} of {total:,}, {tags:,} tags stored; export: {exported}"

    def drive(self, server: rig.Server, seconds: float, begin: Callable[[], None] = lambda: None) -> load.Result:
        """`begin` is called when the window opens."""
        edges, warmup = iter([begin]), self.given.warmup

        def at_edge() -> None:
            next(edges, _nothing)()

        return uvloop.run(
            load.drive(server.url, "meter_values", STATIONS, seconds, warmup, at_edge, per_second=PER_SECOND)
        )

    def judge(self, what: str, result: load.Result, differing: list[str]) -> None:
        self.faults += [f"{what}: {count} × {error}" for error, count in result.errors.items()] + differing
        report.note(f"{what}: {result.calls_per_s:.0f}/s p50 {result.p50_ms:.1f} p99 {result.p99_ms:.1f} ms")


def _nothing() -> None:
    pass


def _row(name: str, results: list[load.Result]) -> tuple[str, ...]:
    speed, p50, p99 = (
        statistics.median(getattr(result, figure) for result in results)
        for figure in ("calls_per_s", "p50_ms", "p99_ms")
    )
    worst = max(result.p99_ms for result in results)
    return name, f"{speed:,.0f}", f"{p50:.1f} ms", f"{p99:.1f} ms", f"{worst:.1f} ms"


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 4)
    given.seconds = given.seconds or (8 if given.quick else 20)
    given.busy_seconds, given.warmup = (20 if given.quick else 60), 3
    found: dict[str, list[load.Result]] = {OURS: [], RIVAL: [], RIVAL_TUNED: []}
    with Systems() as systems:
        bench = Bench(given, systems)
        for _ in range(given.rounds):
            for system, results in found.items():
                results.append(bench.quiet(system))
        busy = bench.busy()
        where = report.machine(systems.folder.path)
    rows = [_row(NAMES[system], results) for system, results in found.items()]
    rows.append(_row("plugcontrol, PostgreSQL, while it imports and exports", [busy]))
    ours, theirs = (statistics.median(result.p99_ms for result in found[system]) for system in (OURS, RIVAL))
    text = "\n".join(
        (
            where + "  ",
            f"{STATIONS:,} stations, {PER_SECOND} MeterValues/s in all; {given.rounds} rounds of {given.seconds:g} s "
            f"in turns; beside import and export one window of {given.busy_seconds} s.",
            "",
            report.table(("system", "messages/s", "p50", "p99 (median)", "p99 (worst round)"), rows),
            "",
            f"RATIO p99: plugcontrol is {ours / theirs:.2f} × {NAMES[RIVAL]} (goal: at most {LARGEST_RATIO})  ",
            f"Beside import and export: p99 {busy.p99_ms:.0f} ms (goal: below {LIMIT_MS} ms); {bench.told}.",
        )
    )
    return report.finish(given, "latency", text, bench.faults)


if __name__ == "__main__":
    sys.exit(main())
