"""`make security` tells what it found from what it could not ask, and finds what is put before it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import tools
from .tools import Verdict

ROOT = Path(__file__).resolve().parents[2]
SOUND = {"name": "django", "version": "6.0", "vulns": []}
VULNERABLE = {"name": "django", "version": "1.0", "vulns": [{"id": "PYSEC-1"}]}
UNKNOWN = {"name": "django", "skip_reason": "Dependency not found and could not be audited"}


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any, error: str = "") -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    monkeypatch.setattr(
        tools, "_run", lambda *_command, **_environment: subprocess.CompletedProcess([], 1, text, error)
    )


@pytest.mark.parametrize(
    ("packages", "verdict"),
    [
        ([SOUND], Verdict.PASSED),
        ([SOUND, VULNERABLE, UNKNOWN], Verdict.FAILED),
        ([SOUND, UNKNOWN], Verdict.NOT_RUN),  # pip-audit itself ends with 0 here
        ([UNKNOWN], Verdict.NOT_RUN),
    ],
)
def test_packages_nobody_knows_are_not_packages_without_holes(
    monkeypatch: pytest.MonkeyPatch, packages: list[Any], verdict: Verdict
) -> None:
    answering(monkeypatch, {"dependencies": packages})
    assert tools.packages().verdict == verdict


def test_a_service_that_cannot_be_reached_has_found_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "", "ConnectionError: nobody there")
    assert tools.packages() == (Verdict.NOT_RUN, "pip-audit could not ask: ConnectionError: nobody there", ())


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        ({"vulnerabilities": {}}, Verdict.PASSED),
        ({"vulnerabilities": {"left-pad": {"severity": "high"}}}, Verdict.FAILED),
        ({"message": "405 Method Not Allowed - POST"}, Verdict.NOT_RUN),
        ("", Verdict.NOT_RUN),
    ],
)
def test_npm_likewise(monkeypatch: pytest.MonkeyPatch, report: Any, verdict: Verdict) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _name: "npm")
    monkeypatch.setattr(tools, "_files", lambda *_patterns: ["tests/third_party/package-lock.json"])
    answering(monkeypatch, report)
    assert tools.npm().verdict == verdict


@pytest.mark.parametrize(
    ("what", "name", "text"),
    [
        ("HTML that nothing escapes", "a.py", "return mark_safe(vendor)"),
        ("HTML that nothing escapes", "a.html", "{{ vendor|safe }}"),
        ("HTML that nothing escapes", "a.html", "{% autoescape off %}"),
        ("a view without CSRF protection", "a.py", "@csrf_exempt"),
        ("text that becomes code", "a.py", "value = eval(text)"),
        ("objects from bytes", "a.py", "import pickle"),
        ("objects from bytes", "a.py", "yaml.load(text)"),
        ("a shell", "a.py", "run(command, shell=True)"),
        ("another program", "a.py", "import subprocess"),
        ("SQL past the ORM", "a.py", "Model.objects.raw(sql)"),
        ("SQL past the ORM", "a.py", "rows.extra(where=[text])"),
        ("a connection to elsewhere", "a.py", "import requests\n"),
        ("a connection to elsewhere", "a.py", "urllib.request.urlopen(url)"),
        ("certificates that nobody checks", "a.py", "verify=False"),
        ("a script that writes HTML or code", "a.js", "box.innerHTML = text"),
        ("something loaded from elsewhere", "a.html", '<script src="https://cdn.example.org/x.js">'),
    ],
)
def test_a_dangerous_construct_is_found(what: str, name: str, text: str) -> None:
    construct = tools.CONSTRUCTS[what]
    assert name.rpartition(".")[2] in construct.suffix.split()
    assert re.search(construct.pattern, text)


def test_what_is_listed_stands_there_and_nothing_else_does() -> None:
    assert [*tools.constructs().findings] == []


def test_a_key_in_the_tree_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "deploy.py").write_text("AWS = 'AKIA" + "IOSFODNN7EXAMPL3'\n-----BEGIN " + "RSA PRIVATE KEY-----\n")
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setattr(tools, "_files", lambda *_patterns: ["deploy.py"])
    outcome = tools.secrets()
    assert outcome.verdict == Verdict.FAILED
    assert len(outcome.findings) == 2


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = re.split(r"^(?=[\w.\-\[\]]+==)", text, flags=re.MULTILINE)[1:]
    assert len(packages) > 30
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []
    assert re.findall(r"^(?![\s#]|[\w.\-\[\]]+==)\S.*", text, re.MULTILINE) == []  # no address, no path, no option
    makefile = (ROOT / "Makefile").read_text() + (ROOT / "Dockerfile").read_text()
    assert makefile.count("--require-hashes") >= 2
