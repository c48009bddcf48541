"""docs/threat-model.md: every row has a proof, and every proof that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from .tools import STEPS

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
_ROW = re.compile(r"^\| ([SH]\d\d) \|.*\| (.*?) ?\|$", re.MULTILINE)
ROWS = [(number, proof) for number, proof in _ROW.findall((ROOT / "docs" / "threat-model.md").read_text())]


def proofs(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def names_of(file: Path) -> set[str]:
    """Names of its tests, those of classes as Class::test."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        found |= {node.name} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else set()
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{part.name}" for part in node.body if hasattr(part, "name")}
    return {name for name in found if "test_" in name}


def stands(proof: str) -> bool:
    """Whether there is such a test (`file` or `file::test`, below tests/) or step of CI (`make target: step`)."""
    if command := re.fullmatch(r"make ([a-z0-9-]+)(?:: ([a-z-]+))?", proof):
        target, step = command.groups()
        in_ci = re.search(rf"\bmake {target}$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
        return in_ci is not None and (step is None or (target == "security" and step in STEPS))
    name, _, test = proof.partition("::")
    file = TESTS / name
    return file.is_file() and bool(names_of(file)) and (not test or test in names_of(file))


def test_each_row_stands_there_once() -> None:
    assert [number for number, _ in ROWS] == [f"{letter}{n:02}" for letter in "SH" for n in range(1, 41)]


@pytest.mark.parametrize(("number", "cell"), ROWS)
def test_each_proof_exists(number: str, cell: str) -> None:
    assert [proof for proof in proofs(cell) if not stands(proof)] == []


def test_no_row_is_without_a_proof() -> None:
    assert [number for number, cell in ROWS if not proofs(cell)] == []
