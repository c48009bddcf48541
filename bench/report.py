"""What every program here prints, and where it goes in docs/performance.md.

A program owns one section of the page, between `<!-- bench:NAME:begin -->` and `<!-- bench:NAME:end -->`; with
`--write` it puts its tables there and leaves everything else as it was.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with what all programs understand: --quick and --write."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: one or two minutes")
    parser.add_argument("--write", type=Path, metavar="docs/performance.md", help="put the tables into their section")
    return parser


def note(text: str) -> None:
    """What is going on, for whoever watches."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; the first column is words, the others are figures."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return (
        "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("| --- |", "|---|").replace(" ---: |", "---:|")
    )


def machine(folder: Path | None = None) -> str:
    """One line on what was measured where; with a folder, the price of one commit to its disk."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    cpu = model.partition(":")[2].strip() or platform.processor()
    disk = f", fdatasync {fdatasync_ms(folder):.2f} ms" if folder else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({cpu}), Linux {platform.release()}, "
        f"Python {platform.python_version()}{disk}"
    )


def fdatasync_ms(folder: Path) -> float:
    """Median time to make 8 kB durable where the databases live."""
    took = []
    with (folder / "probe").open("wb", buffering=0) as file:
        file.write(bytes(8192 * 100))  # like PostgreSQL's log, whose files are reused
        os.fsync(file.fileno())
        file.seek(0)
        for _ in range(100):
            file.write(bytes(8192))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def finish(given: argparse.Namespace, section: str, text: str, faults: Sequence[str] = ()) -> int:
    """Print the section and, if wanted, write it; the exit code: 1 if anything was not as it must be."""
    if faults:
        text += "\n\n**FAILED**\n\n" + "\n".join(f"- {fault}" for fault in faults)
    print(text, flush=True)
    if given.write:
        write(given.write, section, text)
    return 1 if faults else 0


def write(path: Path, section: str, text: str) -> None:
    """Put `text` between the section's markers. Raises SystemExit if the page has none."""
    begin, end = f"<!-- bench:{section}:begin -->", f"<!-- bench:{section}:end -->"
    head, found, rest = path.read_text().partition(begin)
    _old, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} has no section between {begin} and {end}.")
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")
