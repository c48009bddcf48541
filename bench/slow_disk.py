"""What is left where every fsync takes 10 ms, as on a hard disk or a small cloud volume.

python -m bench.slow_disk            three rounds of 8 s of each system on the fast and on the slow disk, in turns
python -m bench.slow_disk --quick    one round of 4 s

The slow disk is a library of ours in front of PostgreSQL's and SQLite's own calls (LD_PRELOAD, made with `cc` when it
is needed): fsync and fdatasync wait 10 ms and are then done for real.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import uvloop

from bench import load, report, rig
from bench.systems import NAMES, OURS, OURS_SQLITE, RIVAL, Systems, differences, running

STATIONS, WAIT_MS = 200, 10
#: Waits only while a certain file exists, so that making databases takes no longer than usual.
SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static int slow(const char *name, int file) {
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
    const char *flag = getenv("BENCH_SLOW_DISK");
    if (flag && access(flag, F_OK) == 0) usleep(%d * 1000);
    return real(file);
}
int fsync(int file) { return slow("fsync", file); }
int fdatasync(int file) { return slow("fdatasync", file); }
"""


def library(folder: Path) -> Path:
    """Compile it."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("There is no C compiler (cc): on Debian and Ubuntu `apt install gcc libc6-dev`.")
    source, made = folder / "slow_disk.c", folder / "slow_disk.so"
    source.write_text(SOURCE % WAIT_MS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True, timeout=60)  # noqa: S603
    return made


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args()
    rounds, seconds = given.rounds or (1 if given.quick else 3), 4 if given.quick else 8
    found: dict[tuple[str, bool], list[load.Result]] = {}
    faults: list[str] = []
    folder = rig.Folder()
    flag = folder.path / "slow"
    environment = {"LD_PRELOAD": str(library(folder.path)), "BENCH_SLOW_DISK": str(flag)}
    try:
        with Systems(environment) as systems:
            for _ in range(rounds):
                for system in (OURS, RIVAL, OURS_SQLITE):
                    for is_slow in (False, True):
                        what = f"{system}, {'slow' if is_slow else 'fast'} disk"
                        more = environment if system == OURS_SQLITE else {}
                        server, database = systems.server(system, {"BENCH": STATIONS}, **more)
                        with running(server):
                            if is_slow:
                                flag.touch()
                            result = uvloop.run(load.drive(server.url, "meter_values", STATIONS, seconds, 2))
                            flag.unlink(missing_ok=True)
                        faults += [f"{what}: {count} × {error}" for error, count in result.errors.items()]
                        faults += differences(what, database, result.stored)
                        found.setdefault((system, is_slow), []).append(result)
                        report.note(f"{what}: {result.calls_per_s:.0f}/s")
            where = report.machine(systems.folder.path)
    finally:
        folder.remove()
    rows = []
    for system in (OURS, RIVAL, OURS_SQLITE):
        fast, slow = (
            statistics.median(result.calls_per_s for result in found[system, is_slow]) for is_slow in (False, True)
        )
        p99 = statistics.median(result.p99_ms for result in found[system, True])
        rows.append((NAMES[system], f"{fast:,.0f}", f"{slow:,.0f}", f"{slow / fast:.2f}", f"{p99:.0f} ms"))
    heads = (
        "MeterValues/s, 200 stations",
        "disk as it is",
        f"{WAIT_MS} ms for each fsync",
        "left",
        "p99 on the slow disk",
    )
    text = f"{where}; {rounds} rounds of {seconds} s\n\n{report.table(heads, rows)}"
    return report.finish(given, "slow_disk", text, faults)


if __name__ == "__main__":
    sys.exit(main())
