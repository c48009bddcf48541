"""What is measured goes into its section of docs/performance.md, and nothing else of the page changes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bench import report
from bench.all import PROGRAMS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_has_its_section(program, tmp_path):
    copy = tmp_path / "performance.md"
    copy.write_text(PAGE.read_text())
    report.write(copy, program, "| figures |")
    written = copy.read_text()
    assert f"<!-- bench:{program}:begin -->\n| figures |\n<!-- bench:{program}:end -->" in written
    before, after = (text.partition(f"<!-- bench:{program}:begin -->")[0] for text in (PAGE.read_text(), written))
    assert before == after
    assert PAGE.read_text().endswith(written.partition(f"<!-- bench:{program}:end -->")[2])


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_is_one_that_writes(program):
    source = Path(importlib.util.find_spec(f"bench.{program}").origin).read_text()
    assert f'report.finish(given, "{program}",' in source


def test_a_page_without_the_section_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Performance\n")
    with pytest.raises(SystemExit, match="no section"):
        report.write(page, "run", "figures")
    assert page.read_text() == "# Performance\n"


def test_what_failed_is_in_the_section(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:run:begin -->\nold\n<!-- bench:run:end -->\n")
    given = report.options("").parse_args(["--write", str(page)])
    assert report.finish(given, "run", "| figures |", ["rows were lost"]) == 1
    assert page.read_text().count("rows were lost") == 1
    assert "old" not in page.read_text()
