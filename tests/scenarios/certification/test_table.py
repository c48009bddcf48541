"""Every certification case has its test, and docs/ocpp.md says which."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[2] / "docs" / "ocpp.md"
HEADING = "## Certification cases"
#: The central-system cases of OCPP 1.6 and its security extension, by area.
CASES = {
    "Core: sessions": "001 003 004_1 004_2 005_1 007 061 010 011_1 011_2 012",
    "Core: control": "013 014 017_1 017_2 018_1 019_1 019_2 021 040_1 040_2",
    "Core: adversity": "023_1 023_2 023_3 024 026 028 030 031 032_1 037_1 037_3 039 064",
    "Local list": "042_1 042_2 043_1 043_3 043_4 043_5",
    "Firmware, diagnostics": "044_1 044_2 044_3 045_1 045_2",
    "Reservations": "046 047 048_1 048_2 048_3 048_4 049 051 052 053",
    "Remote trigger": "054 055",
    "Smart charging": "056 057 059 066 067",
    "Security": "073 074 075_1 075_2 076 077 078 079 080 081 083 085 086 087 088",
}
Row = tuple[str, str, str, str]


def of_tests() -> list[Row]:
    """Area, case, name and test, as the test functions say it."""
    found: dict[str, tuple[str, str]] = {}
    for file in HERE.glob("test_*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_tc_"):
                words = node.name.removeprefix("test_tc_").split("_")
                case = "_".join(words[: 2 if words[1].isdigit() else 1])
                assert case not in found, f"{case} twice"
                found[case] = ast.get_docstring(node) or "", f"`{file.stem}::{node.name}`"
    wanted = [(area, case) for area, cases in CASES.items() for case in cases.split()]
    assert {case for _area, case in wanted} == found.keys()
    return [(area, case, *found[case]) for area, case in wanted]


def of_docs() -> list[Row]:
    """The rows of the table below the heading."""
    lines = DOCS.read_text().split(f"{HEADING}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("|")]
    return rows[2:]  # type: ignore[return-value]


def test_the_table_of_the_docs_is_what_is_tested():
    expected = [(area, f"TC_{case}", name, test) for area, case, name, test in of_tests()]
    assert of_docs() == expected
    assert len(expected) == 77
