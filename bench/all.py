"""All programs of docs/performance.md in turn; this is what `make bench` runs.

python -m bench.all --quick --write docs/performance.md      about a quarter of an hour on a quiet machine
python -m bench.all --write docs/performance.md              some hours
python -m bench.all --quick --only latency growth

Each runs in a process of its own and writes its section when it is done. One that fails does not keep the others from
their turn; the exit code is 1 then.
"""

from __future__ import annotations

import subprocess
import sys
import time

from bench import report, rig

#: Those that make the most of a quiet machine first.
PROGRAMS = (
    *("run", "latency", "connections", "processes", "slow_disk", "commands", "retention", "growth", "live"),
    "storage",
)
LONGEST_S = 4 * 3600


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    given = parser.parse_args()
    failed = []
    for program in given.only:
        begun = time.monotonic()
        command = [sys.executable, "-m", f"bench.{program}"]
        command += ["--quick"] if given.quick else []
        command += ["--write", str(given.write.resolve())] if given.write else []
        report.note(f"bench.{program} …")
        code = subprocess.run(command, cwd=rig.ROOT, check=False, timeout=LONGEST_S).returncode  # noqa: S603
        report.note(f"bench.{program} took {time.monotonic() - begun:.0f} s, exit code {code}")
        failed += [program] if code else []
    if failed:
        report.note(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
