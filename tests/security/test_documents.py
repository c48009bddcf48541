"""S39: links between the documents lead somewhere, and the security pages say what people look for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def anchors(document: Path) -> set[str]:
    """Anchors of its headings, as renderers of Markdown make them."""
    prose = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ +(.+?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _hash, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_who_finds_a_hole_finds_out_what_to_do() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    for heading in ("Supported versions", "Report a hole", "Out of scope"):
        assert re.search(rf"^## {heading}$", text, re.MULTILINE), heading
    assert "docs/threat-model.md" in text
    assert "SECURITY.md" in (ROOT / "README.md").read_text()
