"""What we carry of others is exactly what they published, may be passed on, and says whose it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / "static" / "vendor", ROOT / "tests" / "vendor"]
#: Licences under which a copy may lie beside code of ours (MIT), and words of each.
LICENCES = {"MIT": "Permission is hereby granted, free of charge", "MPL-2.0": "Mozilla Public License, version 2.0"}


def packages() -> list[Any]:
    found = []
    for folder in FOLDERS:
        for name, package in json.loads((folder / "VENDOR.json").read_text()).items():
            found.append(pytest.param(folder, name, package, id=name))
    return found


@pytest.mark.parametrize(("folder", "name", "package"), packages())
def test_every_file_is_the_published_one(folder: Path, name: str, package: dict[str, Any]) -> None:
    found = {str(path.relative_to(folder)) for path in (folder / name).rglob("*") if path.is_file()}
    assert found == set(package["sha256"])
    for path, checksum in package["sha256"].items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == checksum, path


@pytest.mark.parametrize(("folder", "name", "package"), packages())
def test_every_package_comes_with_its_licence(folder: Path, name: str, package: dict[str, Any]) -> None:
    assert package["version"] in package["source"]
    assert package["reason"]
    assert " ".join(LICENCES[package["licence"]].lower().split()) in " ".join(
        (folder / name / "LICENSE").read_text().lower().split()
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_nothing_lies_there_unnamed(folder: Path) -> None:
    named = {"VENDOR.json", *json.loads((folder / "VENDOR.json").read_text())}
    assert {path.name for path in folder.iterdir()} == named


def test_what_is_for_tests_is_not_delivered() -> None:
    image = (ROOT / ".dockerignore").read_text()
    assert image.splitlines()[1] == "*"  # only what is named gets in
    assert "!tests" not in image
